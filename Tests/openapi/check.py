#!/usr/bin/python3
"""Holds the OpenAPI file against itself, and against a running daemon.

    Tests/openapi/check.py                             # the file alone
    Tests/openapi/check.py --start .build/debug/hotplate
    Tests/openapi/check.py --url http://127.0.0.1:4280 --socket STATE/hotplate.sock --in DIR --to DIR --rules DIR

The daemon runs under the rules in Tests/openapi/rules, or a copy of them: this writes to its rules, too. With --start
it gets directories of its own and is stopped at the end. Needs python3-yaml and python3-jsonschema.

Exits 1 if the file is not well-formed, an answer is not as described, or a described answer was not seen; those that
nothing here provokes are in NOT_PROVOKED.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True

import metrics
from client import PATIENCE, Closed, Daemon, EventSource, Live, WebSocket
from description import Description
from scenario import Scenario

HERE = Path(__file__).resolve().parent
DEFAULT_FILE = HERE.parent.parent / "Sources/Dashboard/Page/openapi.yaml"

# Described answers that may stay unseen, by status: why.
NOT_PROVOKED = {
    "401": "wants a listener on another address: --guarded-url and --token-file",
    "500": "wants a journal that cannot be read",
    "503": "wants more pictures or clients at once than are served",
}
NO_TOOL = "neither oiiotool nor ffmpeg is installed here"

NO_SUCH_JOB = "00000000-0000-7000-8000-00000000dead"
BODY_LIMIT = 64 * 1024
JSON_TYPE = {"Content-Type": "application/json"}


class Check:
    def __init__(self, description):
        self.description = description
        self.seen = Counter()
        self.unanswered = set()
        self.problems = []

    def problem(self, what):
        self.problems.append(what)
        print(f"  ✘ {what}")

    def expect(self, is_so, what):
        if not is_so:
            self.problem(what)

    def hold(self, method, path, status, headers, media, body, what):
        """Holds one answer against what is described for (method, path)."""
        where = f"{method} {path} → {status} ({what})"
        self.seen[method, path, str(status)] += 1
        response = self.description.operations[method, path]["responses"].get(str(status))
        if status == 404 and b'"not-found"' in (body or b""):
            if (method, path) not in self.unanswered:
                self.problem(f"{method} {path} is described, and nothing answers there")
            self.unanswered.add((method, path))
            return None
        if response is None:
            return self.problem(f"{where}: this status is not described; {(body or b'')[:200]!r}")
        for name, header in response.get("headers", {}).items():
            value = headers.get(name.lower())
            if value is None:
                self.expect(not header.get("required"), f"{where}: there is no {name}")
            elif reason := self.description.why_not(header["schema"], value):
                self.problem(f"{where}: {name} {reason}")
        if status == 101:
            return None
        content = response.get("content", {})
        described = {re.sub(r";\s*", ";", name): entry for name, entry in content.items()}
        if not content:
            return self.expect(not body, f"{where}: it has a body, and none is described")
        if media not in described:
            return self.problem(f"{where}: it is {media}, and described as {', '.join(described)}")
        if media == "application/json":
            for name, value in (("cache-control", "no-store"), ("x-content-type-options", "nosniff")):
                self.expect(headers.get(name) == value, f"{where}: {name} is {headers.get(name)}")
            try:
                value = json.loads(body)
            except ValueError as error:
                return self.problem(f"{where}: no JSON, {error}")
            if reason := self.description.why_not(described[media]["schema"], value):
                self.problem(f"{where}: {reason}")

    def ask(self, daemon, method, path, wanted, what, query="", body=None, headers=None, host=None, code=None,
            **parameters):
        """Asks, holds the answer against the file, and says so if it is not the one that is `wanted`."""
        target = path.format(**parameters) + query
        if body is not None or method == "POST":
            body = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
            headers = JSON_TYPE if headers is None else headers
        answer = daemon.request(method, target, body, headers, host)
        self.hold(method, path, answer.status, answer.headers, answer.media, answer.body, what)
        if (method, path) in self.unanswered:
            return answer
        if answer.status != wanted:
            self.problem(f"{method} {target} ({what}) is {answer.status} and should be {wanted}: {answer.body[:200]!r}")
        elif code and answer.media == "application/json":
            told = answer.json().get("error", {}).get("code")
            self.expect(told == code, f"{method} {target} ({what}) has the code {told} and should have {code}")
        return answer


def check_refusals(check, daemon, jobs):
    """What every operation refuses."""
    ambiguous = os.path.commonprefix(list(jobs.values()))
    for (method, path), operation in check.description.operations.items():
        values = dict(id=next(iter(jobs.values())), which="first")
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                   "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="} if path.endswith("/stream") else {}
        usual = {**upgrade, **(JSON_TYPE if method == "POST" else {})}
        for host in ("evil.example", "127.0.0.1.evil.example"):
            check.ask(daemon, method, path, 403, f"Host: {host}", host=host, headers=usual, code="foreign-host",
                      **values)
        for origin in ("http://evil.example", "null", f"https://{daemon.host}"):
            check.ask(daemon, method, path, 403, f"Origin: {origin}", headers={**usual, "Origin": origin},
                      code="foreign-origin", **values)
        if "{id}" in path:
            values["id"] = NO_SUCH_JOB
            check.ask(daemon, method, path, 404, "an id of no job", headers=usual, code="unknown-job", **values)
            values["id"] = ambiguous
            check.ask(daemon, method, path, 409, "an id of several", headers=usual, code="ambiguous", **values)
            values["id"] = next(iter(jobs.values()))
        if method == "POST":
            for kind in ("text/plain", "application/x-www-form-urlencoded", None):
                check.ask(daemon, method, path, 415, f"Content-Type: {kind}", body={}, code="json-only",
                          headers={"Content-Type": kind} if kind else {}, **values)
        if "requestBody" in operation:
            check.ask(daemon, method, path, 413, "a body that is too large", body=b" " * (BODY_LIMIT + 1),
                      code="too-large", **values)
            for body in (b"[", b"[]", b"\xff"):
                check.ask(daemon, method, path, 400, f"the body {body}", body=body, code="bad-request", **values)
    answer = daemon.request("GET", "/api/v1/nothing")
    check.expect(answer.status == 404 and answer.json()["error"]["code"] == "not-found",
                 f"GET /api/v1/nothing is {answer.status}")


def check_reading(check, daemon, jobs):
    """All that can be asked without changing anything."""
    page = check.ask(daemon, "GET", "/", 200, "the page")
    policy = page.headers.get("content-security-policy", "")
    nonce = re.search(r"'nonce-([^']+)'", policy)
    text = page.body.decode("utf-8", "replace")
    check.expect("{{nonce}}" not in text, "the page still says {{nonce}}")
    for tag in re.findall(r"<(?:script|style)\b[^>]*>", text):
        check.expect(nonce and f'nonce="{nonce[1]}"' in tag, f"the page has {tag} without the nonce of its policy")
    again = check.ask(daemon, "GET", "/", 200, "the page again").headers.get("content-security-policy")
    check.expect(not nonce or policy != again, "two answers of the page have the same nonce")
    check.ask(daemon, "GET", "/favicon.ico", 204, "the icon")
    file = check.ask(daemon, "GET", "/api/v1/openapi.yaml", 200, "this file")
    check.expect(file.status != 200 or file.body == check.description.source, "the daemon has another openapi.yaml")

    listing = "/api/v1/jobs"
    ids = lambda answer: [job["id"] for job in answer.json()] if answer.status == 200 else []
    everything = ids(check.ask(daemon, "GET", listing, 200, "all", "?limit=5000"))
    check.expect(set(jobs.values()) <= set(everything), "the list lacks jobs")
    check.ask(daemon, "GET", listing, 200, "nothing asked")
    for state in check.description.document["components"]["schemas"]["JobState"]["enum"]:
        answer = check.ask(daemon, "GET", listing, 200, state, f"?state={state}")
        check.expect(answer.status == 200 and all(job["state"] == state for job in answer.json()), f"not all {state}")
    answer = check.ask(daemon, "GET", listing, 200, "two states", "?state=done,held&state=waiting&limit=2")
    check.expect(len(ids(answer)) == 2, "limit=2 is not kept")
    answer = check.ask(daemon, "GET", listing, 200, "before", f"?before={jobs['few']}&limit=5000")
    older = everything[everything.index(jobs["few"]) + 1:]
    check.expect(ids(answer) == older, "before= does not go on where the list of all had the job")
    for search in (jobs["few"], "DONE_FEW", "check-seq"):
        answer = check.ask(daemon, "GET", listing, 200, f"search {search}", f"?search={search}&limit=5000")
        check.expect(jobs["few"] in ids(answer) and jobs["single"] not in ids(answer), f"search={search} finds others")
    for query in ("state=sleeping", "limit=0", "limit=5001", "limit=many"):
        check.ask(daemon, "GET", listing, 400, query, "?" + query, code="bad-request")

    detail, strip, pictures = (f"/api/v1/jobs/{{id}}{rest}" for rest in ("", "/strip", "/pictures"))
    for query in ("map=-1", "map=all"):
        check.ask(daemon, "GET", detail, 400, query, "?" + query, code="bad-request", id=jobs["few"])
    answer = check.ask(daemon, "GET", detail, 200, "a part of the plan", "?map=1", id=jobs["few"])
    check.expect(len(answer.json()["map"]) == len(answer.json()["methods"]) == 1, "map=1 is not kept")
    for word, job in jobs.items():
        check.ask(daemon, "GET", detail, 200, word, id=job)
        check.ask(daemon, "GET", strip, 200, word, id=job)
        check.ask(daemon, "GET", pictures, 200, word, id=job)
    check.ask(daemon, "GET", detail, 200, "its end in capitals", id=jobs["few"][-12:].upper())
    answer = check.ask(daemon, "GET", strip, 200, "with a gap", id=jobs["few"])
    if answer.status == 200:
        members = answer.json()["members"]
        check.expect([(m["first"], m["last"], m["runs"]) for m in members] == [
            (1001, 1005, [["published", 3], ["missing", 1], ["published", 1]])], f"the strip is {members}")
    check_pictures(check, daemon, jobs)

    check.ask(daemon, "GET", "/api/v1/arrivals", 200, "arrivals")
    check.ask(daemon, "GET", "/api/v1/rules", 200, "rules")
    check.ask(daemon, "GET", "/api/v1/health", 200, "health")


def check_pictures(check, daemon, jobs):
    listing, one = "/api/v1/jobs/{id}/pictures", "/api/v1/jobs/{id}/pictures/{which}"
    check.ask(daemon, "GET", one, 404, "of a job that is not done", id=jobs["held"], which="first", code="no-picture")
    answer = check.ask(daemon, "GET", listing, 200, "of pictures", id=jobs["picture"])
    listed = answer.json()["pictures"] if answer.status == 200 else []
    check.expect(answer.status != 200 or [picture["which"] for picture in listed] == ["first", "middle", "last"],
                 f"pictures are {listed}")
    for picture in listed:
        which = picture["which"]
        url = one.format(id=jobs["picture"], which=which)
        check.expect(picture["url"] == url, f"the url of a picture is {picture['url']}")
        check.expect((picture["facts"] or {}).get("format") == "PNG", f"the facts of a picture are {picture['facts']}")
        if picture["state"] == "unavailable":
            check.ask(daemon, "GET", one, 404, "unavailable", id=jobs["picture"], which=which, code="no-picture")
            continue
        for what in ("made", "kept"):
            answer = check.ask(daemon, "GET", one, 200, what, id=jobs["picture"], which=which)
            if answer.status == 200:
                check.expect(jpeg_width(answer.body) == 320, f"{url} is {jpeg_width(answer.body)} pixels wide")


def jpeg_width(data):
    """From its frame header; None if it is no JPEG."""
    at = 2
    while data[:2] == b"\xff\xd8" and at + 9 < len(data) and data[at] == 0xFF:
        if data[at + 1] in (0xC0, 0xC1, 0xC2):
            return int.from_bytes(data[at + 7:at + 9], "big")
        at += 2 + int.from_bytes(data[at + 2:at + 4], "big")
    return None


def check_changing(check, daemon, jobs, scenario):
    """All that changes something, and what is refused as the job stands."""
    cancel, retry, undo = (f"/api/v1/jobs/{{id}}/{wish}" for wish in ("cancel", "retry", "undo"))

    def refused(path, job, what, code):
        answer = check.ask(daemon, "POST", path, 409, what, body={}, id=job, code=code)
        check.expect(answer.status != 409 or answer.json().get("job", {}).get("id") == job, f"{what}: without the job")

    refused(cancel, jobs["few"], "cancel of a done job", "too-late")
    refused(retry, jobs["few"], "retry of a done job", "refused")
    refused(undo, jobs["held"], "undo of a held job", "refused")
    check.ask(daemon, "POST", cancel, 202, "waiting", body={"why": "checked"}, id=jobs["stay"])
    check.ask(daemon, "POST", cancel, 202, "again, without a body", id=jobs["stay"])
    scenario.until("cancelled", lambda: True if scenario.state_of(jobs["stay"]) == "cancelled" else None)
    answer = check.ask(daemon, "GET", "/api/v1/jobs/{id}", 200, "cancelled", id=jobs["stay"])
    check.expect(answer.json().get("cancel"), "a cancelled job has no receipt")
    check.ask(daemon, "GET", "/api/v1/jobs/{id}/strip", 200, "cancelled", id=jobs["stay"])

    below = str(scenario.inbox / f"paths{scenario.tag}")
    answer = check.ask(daemon, "POST", "/api/v1/cancel", 202, "by its path", body={"path": below, "why": None})
    check.expect(answer.status != 202 or [job["id"] for job in answer.json()] == [jobs["path"]], "it reached others")
    check.ask(daemon, "POST", "/api/v1/cancel", 202, "nothing there", body={"path": "/nowhere"})
    for body in ({}, {"path": None}, {"path": "drop/sh010"}, {"path": "/drop/\0"}):
        check.ask(daemon, "POST", "/api/v1/cancel", 400, f"the body {body}", body=body, code="bad-request")

    scenario.taken.unlink()
    check.ask(daemon, "POST", retry, 202, "held, its place is free", body={}, id=jobs["held"])
    scenario.until("done", lambda: True if scenario.state_of(jobs["held"]) == "done" else None)
    check.ask(daemon, "POST", retry, 202, "cancelled", id=jobs["stay"])
    check.ask(daemon, "POST", undo, 202, "done", id=jobs["single"])
    scenario.until("undone", lambda: True if (
        scenario.get(f"/api/v1/jobs/{jobs['single']}")["reason"] or {}).get("code") == "undone" else None)
    check.ask(daemon, "GET", "/api/v1/jobs/{id}", 200, "undone", id=jobs["single"])
    check.ask(daemon, "POST", "/api/v1/session", 204, "where no token is wanted", body={"token": "none"})


class Streams:
    """A WebSocket and an EventSource, open from before the first drop to the end."""

    def __init__(self, check, daemon):
        self.check = check
        self.live = {}
        stream = "/api/v1/stream"
        check.ask(daemon, "GET", stream, 426, "no WebSocket", code="websocket-wanted")
        for name, path, source in (
                ("WebSocket", stream, lambda: WebSocket(daemon)),
                ("with its own Origin", stream, lambda: WebSocket(daemon, [f"Origin: http://{daemon.host}"])),
                ("events", "/api/v1/events", lambda: EventSource(daemon))):
            source = source()
            media = source.headers.get("content-type", "").split(";")[0].strip().lower()
            body = b"" if source.status in (101, 200) else source.reader.read(
                int(source.headers.get("content-length", 0)))
            check.hold("GET", path, source.status, source.headers, media, body, name)
            if source.status not in (101, 200):
                check.problem(f"GET {path} ({name}) is {source.status}")
            else:
                self.live[name] = Live(source)
        for name, live in self.live.items():
            check.expect(live.wait(len), f"{name}: nothing came, {live.end}")

    def wait(self, what, wanted):
        """Says so where no message like this comes."""
        for name, live in self.live.items():
            found = live.wait(lambda messages: any(wanted(message) for message in messages))
            self.check.expect(found, f"{name}: no message tells of {what}; {live.end or 'still open'}")

    def hold(self):
        """Holds all that came against the schema, and the numbers against each other."""
        for name, live in self.live.items():
            messages, fields = list(live.messages), list(live.fields)
            if not messages:
                continue
            told = Counter(message.get("type") for message in messages)
            print(f"  {name}: " + ", ".join(f"{count} {kind}" for kind, count in told.most_common()))
            first = messages[0].get("type")
            self.check.expect(first == "snapshot", f"{name}: it begins with {first}")
            for before, after in zip(messages, messages[1:]):
                self.check.expect(after.get("seq", 0) > before.get("seq", 0),
                                  f"{name}: seq {after.get('seq')} follows {before.get('seq')}")
            reasons = Counter()
            for message in messages:
                if reason := self.check.description.why_not_message(message):
                    reasons[message.get("type"), reason] += 1
            for (kind, reason), count in reasons.items():
                self.check.problem(f"{name}: {count} × {kind}: {reason}")
            for parts, message in zip(fields, messages):
                if parts is not None:
                    self.check.expect(
                        (parts.get("event"), parts.get("id")) == (message.get("type"), str(message.get("seq"))),
                        f"{name}: event {parts.get('event')}, id {parts.get('id')} is {message.get('type')} "
                        f"{message.get('seq')}")
            self.check.expect({"snapshot", "job", "progress", "arrival", "rules", "health"} <= set(told),
                              f"{name}: it told only of {', '.join(sorted(map(str, told)))}")

    def hold_ends(self):
        for name, live in self.live.items():
            end = live.wait_end()
            code = getattr(end, "code", None)
            self.check.expect(isinstance(end, Closed) and code == (None if name == "events" else 1001),
                              f"{name}: when the daemon ended it had {end!r}")


def check_guarded(check, daemon, token):
    """A listener that wants the token: nothing without it, everything with it, and a cookie for it."""
    bearer = {"Authorization": f"Bearer {token}"}
    for (method, path), operation in check.description.operations.items():
        if "401" not in operation["responses"] or path == "/api/v1/session":
            continue
        headers = JSON_TYPE if method == "POST" else {}
        values = dict(id=NO_SUCH_JOB, which="first")
        for what, more in (("no token", {}), ("another token", {"Authorization": f"Bearer {token}x"})):
            check.ask(daemon, method, path, 401, what, headers={**headers, **more}, code="token-wanted", **values)
        if path != "/api/v1/events":
            answer = daemon.request(method, path.format(**values), headers={**headers, **bearer})
            check.expect(answer.status != 401, f"{method} {path} with the token is {answer.status}")
    check.ask(daemon, "POST", "/api/v1/session", 401, "another token", body={"token": token + "x"}, code="token-wanted")
    answer = check.ask(daemon, "POST", "/api/v1/session", 204, "the token", body={"token": token})
    cookie = answer.headers.get("set-cookie", "")
    name = check.description.document["components"]["securitySchemes"]["session"]["name"]
    check.expect(cookie.startswith(f"{name}=") and "httponly" in cookie.lower() and "samesite=strict" in cookie.lower(),
                 f"the cookie is {cookie}")
    answer = daemon.request("GET", "/api/v1/health", headers={"Cookie": cookie.split(";")[0]})
    check.expect(answer.status == 200, f"with the cookie health is {answer.status}")


def check_daemon(check, daemon, arguments):
    scenario = Scenario(daemon, arguments.inbox, arguments.to, arguments.rules, arguments.megabytes)
    streams = Streams(check, daemon)
    print("drops")

    def show(job, arrival):
        # Nobody is told that something is gone who was not told that it was there.
        streams.wait("a waiting job", lambda message: (message.get("job") or {}).get("id") == job)
        streams.wait("an arrival", lambda message: (message.get("arrival") or {}).get("id") == arrival)

    scenario.run(show)
    jobs = {word: job for word, job in scenario.jobs.items() if word != "gone"}
    streams.wait("a waiting job that went away", lambda message: message.get("gone") == scenario.jobs["gone"])
    streams.wait("an arrival that went away", lambda message: message.get("gone") == scenario.stray.get("id", "none"))
    scenario.run_large()
    streams.wait("progress", lambda message: message.get("type") == "progress"
                 and message["progress"]["job"] == scenario.jobs["big"])
    scenario.begin_large()
    stopped = scenario.jobs["stopped"]
    check.ask(daemon, "POST", "/api/v1/jobs/{id}/cancel", 202, "copying", body={"why": "checked"}, id=stopped)
    scenario.until("cancelled", lambda: True if scenario.state_of(stopped) == "cancelled" else None)
    streams.wait("a cancelled job", lambda message: message.get("job", {}).get("state") == "cancelled")
    print("rules")
    for number, what in enumerate(scenario.break_rules()):
        def told():
            answer = check.ask(daemon, "GET", "/api/v1/rules", 200, what)
            if answer.status != 200:
                return {}
            view = answer.json()
            mine = {file["file"].rsplit("/", 1)[-1].split("-")[1]: file["state"] for file in view["files"]
                    if scenario.tag in file["file"]}
            wanted = ({"kept": "active"}, {"kept": "kept"}, {"kept": "kept", "refused": "refused"}, {})[number]
            return view if mine == wanted and bool(view["problems"]) == (number in (1, 2)) else None
        try:
            scenario.until(what, told)
        except TimeoutError as error:
            check.problem(f"rules: {error}")
        if number == 2:
            streams.wait("a file that never was right", lambda message: message.get("type") == "rules" and any(
                file["state"] == "refused" and scenario.tag in file["file"] for file in message["rules"]["files"]))

    print("requests")
    check_reading(check, daemon, jobs)
    check_refusals(check, daemon, jobs)
    check_changing(check, daemon, jobs, scenario)
    if arguments.socket:
        local = Daemon(path=arguments.socket)
        check_reading(check, local, jobs)
        check_refusals(check, local, jobs)
    if arguments.guarded_url:
        check_guarded(check, Daemon(arguments.guarded_url), Path(arguments.token_file).read_text().strip())
    check_metrics(check, daemon)
    print("streams")
    streams.hold()
    return streams


def check_metrics(check, daemon):
    answer = check.ask(daemon, "GET", "/metrics", 200, "after all")
    if answer.status != 200:
        return
    text = answer.body.decode()
    listed = check.description.operations["GET", "/metrics"]["x-metrics"]
    for mistake in metrics.mistakes(text, listed):
        check.problem(f"/metrics: {mistake}")
    # One that appears only with its first event has no increase then, and no alert comes of it.
    for state in ("done", "cancelled", "failed"):
        check.expect(f'hotplate_jobs_ended_total{{state="{state}"}}' in text, f"/metrics: no job has ended as {state}, "
                     "and it has no 0 for that")
    for name, labels in (
            ("hotplate_build_info", {}), ("hotplate_healthy", {}), ("hotplate_stream_clients", {}),
            ("hotplate_jobs_ended_total", {"state": "done"}), ("hotplate_jobs_ended_total", {"state": "cancelled"}),
            ("hotplate_frames_published_total", {}), ("hotplate_arrivals_without_job", {}),
            ("hotplate_arrival_to_ready_seconds_count", {}), ("hotplate_ready_to_published_seconds_count", {}),
            ("hotplate_cancel_to_no_trace_seconds_count", {}), ("hotplate_hot_folder_state", {"state": "watching"}),
            ("hotplate_requests_refused_total", {"code": "foreign-host"})):
        check.expect(metrics.value(text, name, **labels) > 0, f"/metrics: {name} {labels or ''} is 0 after all this")


def report(check, covered):
    """The table, and what was described and not seen."""
    print(f"\n{'method':6} {'path':38} answers")
    rows = []
    for (method, path), operation in check.description.operations.items():
        cells = []
        for status in operation["responses"]:
            count = check.seen[method, path, status]
            cells.append(f"{status} × {count}" if count else f"{status} –")
            if count:
                rows.append({"method": method, "path": path, "status": int(status), "count": count})
        print(f"{method:6} {path:38} {'  '.join(cells)}")
    print()
    for status, why in NOT_PROVOKED.items():
        if any(status in operation["responses"] and not check.seen[method, path, status]
               for (method, path), operation in check.description.operations.items()):
            print(f"not provoked: {status}, it {why}")
    no_tool = not shutil.which("oiiotool") and not shutil.which("ffmpeg")
    for (method, path), operation in check.description.operations.items():
        for status in operation["responses"]:
            if check.seen[method, path, status] or status in NOT_PROVOKED or (method, path) in check.unanswered:
                continue
            if no_tool and status == "200" and path.endswith("{which}"):
                print(f"not provoked: a picture, {NO_TOOL}")
            else:
                check.problem(f"{method} {path} → {status} is described and was never seen")
    if covered:
        Path(covered).write_text(json.dumps(rows, indent=2) + "\n")


def start(arguments, home):
    """A daemon with directories of its own; returns its process."""
    for name in ("in", "to", "state"):
        (home / name).mkdir()
    shutil.copytree(HERE / "rules", home / "rules")
    arguments.inbox, arguments.to, arguments.rules = home / "in", home / "to", home / "rules"
    arguments.socket = str(home / "state/hotplate.sock")
    process = subprocess.Popen(
        [arguments.start, "watch", "--in", home / "in", "--to", home / "to", "--rules", home / "rules", "--state",
         home / "state", "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if match := re.search(r"^ready: .*(http://\S+)", line):
            arguments.url = match[1]
            break
    else:
        sys.exit(f"{arguments.start} ended with {process.wait()}")
    # It must not wait for someone to read its log.
    threading.Thread(target=lambda: [sys.stderr.write(line) for line in process.stderr], daemon=True).start()
    return process


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", default=DEFAULT_FILE, help="the OpenAPI file")
    parser.add_argument("--start", metavar="HOTPLATE", help="start this program, and stop it at the end")
    parser.add_argument("--url", help="of a running daemon")
    parser.add_argument("--socket", help="of the same daemon")
    parser.add_argument("--in", dest="inbox", help="its hot folder")
    parser.add_argument("--to", help="its destination")
    parser.add_argument("--rules", help="its rules, a copy of Tests/openapi/rules")
    parser.add_argument("--megabytes", type=int, default=768, help="of the job whose progress is looked at")
    parser.add_argument("--guarded-url", help="of an address of it that wants the token")
    parser.add_argument("--token-file", help="holds that token")
    parser.add_argument("--alerts", help="a file of alert rules whose metrics have to be described")
    parser.add_argument("--covered", metavar="FILE", help="write what was seen there, as JSON")
    arguments = parser.parse_args()

    description = Description(arguments.file)
    check = Check(description)
    for mistake in description.mistakes():
        check.problem(mistake)
    print(f"{arguments.file}: {len(description.operations)} operations, "
          f"{len(description.document['components']['schemas'])} schemas")
    if arguments.alerts:
        text = Path(arguments.alerts).read_text()
        listed = set(description.operations["GET", "/metrics"]["x-metrics"])
        for name in sorted(set(re.findall(r"\b(?:hotplate|process)_[a-z_]+", text))):
            family = name if name in listed else re.sub(r"_(bucket|sum|count)$", "", name)
            check.expect(family in listed, f"{arguments.alerts} speaks of {name}, which is not described")

    if arguments.start or arguments.url:
        with tempfile.TemporaryDirectory(prefix="hotplate-openapi-") as home:
            process = start(arguments, Path(home)) if arguments.start else None
            if not (arguments.inbox and arguments.to and arguments.rules):
                parser.error("--url wants --in, --to and --rules")
            try:
                streams = check_daemon(check, Daemon(arguments.url), arguments)
                if process:
                    process.send_signal(signal.SIGTERM)
                    streams.hold_ends()
                    check.expect(process.wait(PATIENCE) == 0, f"the daemon ended with {process.returncode}")
            finally:
                if process and process.poll() is None:
                    process.kill()
                    process.wait()
        report(check, arguments.covered)
    print(f"{len(check.problems)} mistakes" if check.problems else "all as described")
    return 1 if check.problems else 0


if __name__ == "__main__":
    sys.exit(main())
