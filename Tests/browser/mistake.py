"""A mistake in a rule file shows on the page as in the terminal while it stands, and no longer."""

import pathlib

from page import SHOTS, URL, Findings, arguments, opened

asked = arguments(
    __doc__, URL, SHOTS,
    ("--rules", {"required": True, "type": pathlib.Path, "help": "a rule file that says 'transfer: copy'"}),
)
findings = Findings()
good = asked.rules.read_text()
assert "transfer: copy" in good, f"{asked.rules} does not say 'transfer: copy'"


def save(text):
    # As an editor saves: the whole file at once.
    beside = asked.rules.with_name(f".{asked.rules.name}.new")
    beside.write_text(text)
    beside.replace(asked.rules)


with opened(asked.url, findings, asked.shots) as page:
    problems = page.page.get_by_test_id("rule-problems")
    findings.check(not problems.is_visible(), "there are rule mistakes before one was made")
    try:
        save(good.replace("transfer: copy", "transfer: cpoy"))
        problems.wait_for(state="visible")
        report = problems.inner_text()
        page.shot("1-mistake")
        print(report)
        lines = report.splitlines()
        quoted = next((at for at, line in enumerate(lines) if line.rstrip().endswith("transfer: cpoy")), None)
        if findings.check(quoted is not None, "the line itself is not shown"):
            caret = lines[quoted + 1]
            findings.check("^~~~" in caret, f"no caret below it: {caret}")
            findings.check(caret.find("^") == lines[quoted].find("cpoy"), "the caret does not stand below the word")
            findings.check("copy" in caret, f"no remedy beside the caret: {caret}")
        findings.check(f"{asked.rules.name}:" in report and "error:" in report, "the place or the rank is not told")
        font = problems.locator("pre").first.evaluate("node => getComputedStyle(node).fontFamily")
        findings.check("mono" in font.lower(), f"it is not monospaced: {font}")
    finally:
        save(good)
    problems.wait_for(state="hidden")
    page.shot("2-mended")
findings.end()
