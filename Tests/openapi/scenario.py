"""Drops that give a daemon one of everything to show. It runs under the rules in `rules/`."""

import os
import random
import shutil
import string
import struct
import time
import zlib
from pathlib import Path

from client import PATIENCE

MEBIBYTE = 1 << 20


class Scenario:
    """`jobs`: what was dropped, by a word for it → the job's id."""

    def __init__(self, daemon, inbox, outbox, rules, megabytes):
        self.daemon = daemon
        self.inbox, self.outbox, self.rules = Path(inbox), Path(outbox), Path(rules)
        self.megabytes = megabytes
        # New names with each run, so that a daemon can be checked twice.
        self.tag = "".join(random.choices(string.ascii_lowercase, k=8))
        self.jobs = {}

    def until(self, what, ask):
        """Asks again until the answer is something."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if (answer := ask()) is not None:
                return answer
            time.sleep(0.02)
        raise TimeoutError(f"for {PATIENCE} s: {what}")

    def get(self, path):
        return self.daemon.request("GET", path).json()

    def drop(self, files, directory=""):
        """Puts all of them there at once, as far as names count: until it is renamed, a `.part` is in flight."""
        place = os.path.join(os.fsencode(self.inbox), os.fsencode(directory))
        os.makedirs(place, exist_ok=True)
        paths = [os.path.join(place, os.fsencode(name)) for name in files]
        for path, content in zip(paths, files.values()):
            with open(path + b".part", "wb") as file:
                file.write(content)
        for path in paths:
            os.rename(path + b".part", path)
        return paths

    def job_of(self, pattern, *states):
        """The id of the newest job whose source has this pattern, once it is in one of the states."""
        def ask():
            for job in self.get("/api/v1/jobs?limit=5000"):
                names = [member["source"]["pattern"] for member in job["members"]]
                if pattern in names and (not states or job["state"] in states):
                    return job["id"]
        return self.until(f"a job of {pattern} that is {' or '.join(states)}", ask)

    def arrival_of(self, text):
        def ask():
            for arrival in self.get("/api/v1/arrivals"):
                if text in (arrival["source"]["pattern"] or ""):
                    return arrival
        return self.until(f"an arrival with {text} in its name", ask)

    def state_of(self, job):
        return self.get(f"/api/v1/jobs/{job}")["state"]

    def run(self, show):
        """`show` waits until everybody has been told of a job and an arrival, which then go away."""
        tag = self.tag
        frames = lambda name, numbers, ext="bin": {f"{name}{tag}.{n:04d}.{ext}": os.urandom(5000) for n in numbers}

        # Published, with a gap; a single file; a delivery of two; a path that is not UTF-8; pictures.
        self.drop(frames("done_few", [1001, 1002, 1003, 1005]))
        self.drop({f"single_one{tag}.txt": b"notes"})
        self.drop({f"{side}{tag}_of.{n}.bin": os.urandom(99) for side in ("left", "right") for n in (1, 2)},
                  f"package/{tag}")
        self.drop(frames("done_bytes", [1, 2]), b"\xff" + tag.encode())
        self.drop({f"done_pic{tag}.{n:04d}.png": picture(n) for n in range(1, 6)})
        # Held: something else has the name already.
        taken = self.outbox / "done" / f"held{tag}" / f"done_held{tag}.1001.bin"
        taken.parent.mkdir(parents=True)
        taken.write_bytes(b"of somebody else")
        self.taken = taken
        self.drop(frames("done_held", [1001, 1002]))
        # Waiting: to be cancelled by its id, by its path, and to go away.
        self.drop(frames("slow_stay", [1, 2, 3]))
        self.drop(frames("slow_path", [1, 2, 3]), f"paths{tag}")
        going = self.drop(frames("slow_gone", [1, 2, 3]))
        # No job: no rule, on hold, not UTF-8.
        stray = self.drop({f"Stray_{tag}.txt": b"x"})
        self.drop({b"Stray_\xff" + tag.encode() + b".doc": b"x"})
        self.drop({".cancel": b"", **frames("done_hold", [1, 2])}, f"hold{tag}")

        for word, pattern, states in (
                ("few", f"done_few{tag}.#.bin", ["done"]), ("single", f"single_one{tag}.txt", ["done"]),
                ("delivery", f"left{tag}_of.@.bin", ["done"]), ("bytes", f"done_bytes{tag}.#.bin", ["done"]),
                ("picture", f"done_pic{tag}.#.png", ["done"]), ("held", f"done_held{tag}.#.bin", ["held"]),
                ("stay", f"slow_stay{tag}.#.bin", ["waiting"]), ("path", f"slow_path{tag}.#.bin", ["waiting"]),
                ("gone", f"slow_gone{tag}.#.bin", ["waiting"])):
            self.jobs[word] = self.job_of(pattern, *states)
        self.stray = self.arrival_of(f"Stray_{tag}")
        self.arrival_of(f"done_hold{tag}")
        show(self.jobs["gone"], self.stray.get("id"))
        for path in going + stray:
            os.unlink(path)
        self.until("no such job any more", lambda: True if self.daemon.request(
            "GET", f"/api/v1/jobs/{self.jobs['gone']}").status == 404 else None)

    def drop_large(self, word):
        content = os.urandom(8 * MEBIBYTE)
        self.drop({f"large_{word}{self.tag}.{n:04d}.bin": content for n in range(max(2, self.megabytes // 8))})
        return f"large_{word}{self.tag}.#.bin"

    def run_large(self):
        """A job that takes long enough for its progress to be told."""
        self.jobs["big"] = self.job_of(self.drop_large("big"), "done")
        shutil.rmtree(self.outbox / "large" / f"big{self.tag}")

    def begin_large(self):
        """One that has begun to copy."""
        self.jobs["stopped"] = self.job_of(self.drop_large("stopped"), "staging", "staged")

    def write_rules(self, file, text):
        hidden = self.rules / f".{file}"
        hidden.write_text(text)
        hidden.rename(self.rules / file)

    def rule(self, word, to="'{name}'"):
        return f"hotplate: 1\nrules:\n  - rule: {word}-{self.tag}\n    match: '{word}_{self.tag}.{{frame}}.bin'\n" \
               f"    to: {to}\n"

    def break_rules(self):
        """One file that was right and is not any more, one that never was, and a name that nobody reads."""
        self.write_rules(f"80-kept-{self.tag}.yaml", self.rule("kept"))
        yield "a file more"
        self.write_rules(f"80-kept-{self.tag}.yaml", self.rule("kept", to="'{nothing}/{name}'"))
        yield "a mistake where none was"
        self.write_rules(f"90-refused-{self.tag}.yaml", "hotplate: 1\nrulse: []\n")
        (self.rules / f"95-{self.tag}.yml").write_text("hotplate: 1\nrules: []\n")
        yield "a file that never was right"
        for file in self.rules.glob(f"*-{self.tag}.y*ml"):
            file.unlink()
        yield "all mended"


def picture(number):
    """A PNG of 640 × 360 with a grey of its own."""
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    row = b"\0" + bytes([number * 40 % 256]) * 640
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 640, 360, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(row * 360)) + chunk(b"IEND", b""))
