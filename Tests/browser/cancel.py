"""Cancel on the page works: drops a sequence, watches it being copied, presses Cancel once, and looks at the disk.

The daemon must have a rule that takes `--pattern` from the hot folder's sub-directory `sh010` by copy.
"""

import hashlib
import os

from page import DROP, SHOTS, URL, Findings, arguments, opened

asked = arguments(
    __doc__, URL, DROP, SHOTS,
    ("--destination", {"required": True, "help": "where the rule leads; it must hold nothing afterwards"}),
    ("--frames", {"type": int, "default": 100}),
    ("--bytes", {"type": int, "default": 16_000_000, "help": "of each frame; enough that copying all takes seconds"}),
    # Not a picture's format: Hotplate looks into those, and these frames are noise.
    ("--pattern", {"default": "sh010_beauty.%04d.dat"}),
)
findings = Findings()
shot_directory = asked.drop / "sh010"


def drop_frames():
    """Frames of noise, so that nothing on the way can copy them faster than they are long. Returns name → digest."""
    shot_directory.mkdir()
    noise = os.urandom(1 << 20)
    digests = {}
    for frame in range(1001, 1001 + asked.frames):
        name = asked.pattern % frame
        digest = hashlib.blake2b()
        with open(shot_directory / name, "wb") as file:
            left = asked.bytes
            head = name.encode()  # each frame is another one
            while left:
                piece = (head + noise)[: min(left, len(noise))]
                file.write(piece)
                digest.update(piece)
                left -= len(piece)
        digests[name] = digest.hexdigest()
    return digests


def digests_now():
    found = {}
    for name in sorted(os.listdir(shot_directory)):
        digest = hashlib.blake2b()
        with open(shot_directory / name, "rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
        found[name] = digest.hexdigest()
    return found


def entries_below(directory):
    return [os.path.join(where, name) for where, folders, files in os.walk(directory) for name in folders + files]


with opened(asked.url, findings, asked.shots) as page:
    page.shot("1-before")
    dropped = drop_frames()
    job = page.job_named("sh010")
    page.wait_state(job, "staging", "staged")
    first = page.staged(job)
    page.shot("2-copying")
    second = page.staged(job, more_than=first)
    findings.check(second < asked.frames, f"{asked.frames} frames of {asked.bytes} bytes were all staged before Cancel could be pressed: drop more")
    page.shot("3-further")

    page.row(job).get_by_test_id("cancel").click()
    page.wait_state(job, "cancelling", "cancelled")
    page.shot("4-cancelling")
    page.wait_state(job, "cancelled")
    receipt = page.row(job).get_by_test_id("receipt")
    receipt.wait_for(state="visible")
    told = receipt.inner_text()
    page.shot("5-cancelled")

    print(f"staged frames seen: {first}, {second}; the receipt: {told}")
    findings.check("Removed" in told or "Nothing lay" in told, f"the receipt does not tell what was removed: {told}")
    left = entries_below(asked.destination)
    findings.check(not left, f"the destination holds {left[:5]}")
    findings.check(digests_now() == dropped, "the sources are not what was dropped")
    findings.check(not page.row(job).get_by_test_id("cancel").count(), "a cancelled job still has a Cancel button")
findings.end()
