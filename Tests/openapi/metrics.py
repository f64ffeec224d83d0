"""The text format 0.0.4 of Prometheus, and whether what is answered is what the OpenAPI file lists."""

import math
import re
import shutil
import subprocess

_SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: -?\d+)?$')
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)",?')


def parse(text):
    """({family: type}, [(name, {label: value}, number)], [mistakes])"""
    types, samples, mistakes = {}, [], []
    if not text.endswith("\n"):
        mistakes.append("the last line does not end")
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, family, kind = line.split(" ", 3)
            if family in types:
                mistakes.append(f"{family} has its type twice")
            types[family] = kind
        elif line and not line.startswith("#"):
            match = _SAMPLE.match(line)
            labels = _LABEL.findall(match[2] or "") if match else []
            if not match or "".join(_LABEL.split(match[2] or "")[0::3]):
                mistakes.append(f"no sample: {line}")
                continue
            samples.append((match[1], dict(labels), float(match[3])))
    return types, samples, mistakes


def mistakes(text, listed):
    """What is wrong with an answer of /metrics; `listed`: family → its type and labels, as in `x-metrics`."""
    types, samples, found = parse(text)
    for family in sorted(set(types) - set(listed)):
        found.append(f"{family} is not described")
    for family in sorted(set(listed) - set(types)):
        found.append(f"{family} is described and not answered")
    seen = set()
    histograms = {}
    for name, labels, value in samples:
        family = name if name in types else re.sub(r"_(bucket|sum|count)$", "", name)
        if family not in types:
            found.append(f"{name} has no type")
            continue
        key = (name, tuple(sorted(labels.items())))
        if key in seen:
            found.append(f"{name} {labels} stands twice")
        seen.add(key)
        if family not in listed:
            continue
        if listed[family]["type"] != types[family]:
            found.append(f"{family} is a {types[family]}, and described as a {listed[family]['type']}")
        own = {label: content for label, content in labels.items() if label != "le"}
        if set(own) != set(listed[family]["labels"]):
            found.append(f"{name} has the labels {sorted(own)}, and is described with {listed[family]['labels']}")
        if types[family] == "histogram":
            part = histograms.setdefault((family, tuple(sorted(own.items()))), {"buckets": []})
            if name.endswith("_bucket"):
                part["buckets"].append((float(labels["le"]), value))
            else:
                part[name.removeprefix(family)] = value
        elif types[family] == "counter" and not value >= 0:
            found.append(f"{name} is a counter of {value}")
    for (family, _), part in histograms.items():
        buckets = part["buckets"]
        counts = [count for _, count in buckets]
        if buckets != sorted(buckets) or counts != sorted(counts) or not buckets or buckets[-1][0] != math.inf:
            found.append(f"the buckets of {family} do not rise to +Inf")
        elif len(buckets) < 2 or buckets[-2][0] < listed[family]["reaches"]:
            found.append(f"the buckets of {family} do not reach {listed[family]['reaches']} s: alerts stay silent")
        elif part.get("_count") != counts[-1] or "_sum" not in part:
            found.append(f"the count of {family} is not that of its last bucket, or it has no sum")
    if shutil.which("promtool"):
        told = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
        found += [f"promtool: {line}" for line in told.stderr.splitlines() if line.strip()] if told.returncode else []
    return found


def value(text, name, **labels):
    """The sum of the samples with these labels."""
    _, samples, _ = parse(text)
    return sum(number for sample, has, number in samples if sample == name and labels.items() <= has.items())
