"""Names made to break pages break nothing here: each shows as it is, with what cannot be seen spelled out."""

import os

from page import DROP, SHOTS, URL, Findings, arguments, opened

asked = arguments(__doc__, URL, DROP, SHOTS)
findings = Findings()

# The bytes of a path below the hot folder → what the page must show of it. A slash in a tag is one in the path.
NAMES = {
    b"<script>alert(1)</script>": ["script>.1001.dat", "<script>alert(1)<"],
    b"<img src=x onerror=alert(2)>": ["<img src=x onerror=alert(2)>"],
    b"\"'><svg onload=alert(3)>&amp;": ["\"'><svg onload=alert(3)>&amp;"],
    "gpj\u202erxe".encode(): ["gpjU+202Erxe"],
    b"two\nlines": ["two\\nlines"],
    b"bell\x07tab\t": ["bellU+0007tab\\t"],
    b"bad\xff\xfebytes\xc3\xa9": ["bad\\xFF\\xFEbytes\u00e9"],
    "zero\u200bwidth".encode(): ["zeroU+200Bwidth"],
    b"x" * 200: ["x" * 40],
    b"{{nonce}}": ["{{nonce}}"],
}


def drop_names():
    drop = os.fsencode(asked.drop)
    for name in NAMES:
        path = os.path.join(drop, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + b".1001.dat", "wb") as file:
            file.write(b"frame")


def shown(pieces, text):
    # A sequence of one frame may be called by its number or by its pattern.
    return all(piece.replace(".1001.dat", "") in text for piece in pieces)


with opened(asked.url, findings, asked.shots) as page:
    drop_names()
    inner = page.page
    page.wait(
        "a row for each hostile name",
        "count => document.querySelectorAll('.row').length >= Math.min(count, 5)", len(NAMES),
    )
    # Names arrive one after the other: looked at until all are there, or for as long as patience lasts.
    missing = list(NAMES)
    for _ in range(40):
        text = page.whole_text()
        missing = [name for name in missing if not shown(NAMES[name], text)]
        if not missing:
            break
        # What comes next changes what the page counts and names at its top.
        before = inner.evaluate("document.getElementById('tally').innerText")
        inner.evaluate("""async before => {
            const end = performance.now() + 1000;
            while (performance.now() < end && document.getElementById('tally').innerText === before) await new Promise(requestAnimationFrame);
        }""", before)
    for name in missing:
        findings.check(False, f"{name!r} is not shown as {NAMES[name]}")
    page.shot("1-hostile")

    made = inner.evaluate("[...document.querySelectorAll('main script, main img, main svg[onload], aside img, aside script')].map(node => node.outerHTML.slice(0, 80))")
    findings.check(not made, f"elements were made of names: {made}")
    findings.check(inner.evaluate("document.scripts.length") == 1, "there is another script than the page's own")
    turned = inner.evaluate("/[\\u202a-\\u202e\\u2066-\\u2069]/.test(document.documentElement.outerHTML.replace(document.scripts[0].outerHTML, ''))")
    findings.check(not turned, "a mark that turns text around is in the page as it is")
    for width in (1440, 390):
        inner.set_viewport_size({"width": width, "height": 900})
        inner.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        for what in page.overflow():
            findings.check(False, f"at {width} pixels: {what}")
        page.shot(f"2-hostile-{width}")
findings.end()
