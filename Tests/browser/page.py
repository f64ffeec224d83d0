"""The page of Hotplate in a real browser: opening it, waiting for what it shows, pictures of it.

For the scripts beside this one. They end with 0 if everything held and else with 1, printing what did not.
"""

import argparse
import contextlib
import os
import pathlib
import sys

from playwright.sync_api import Error, sync_playwright

CHROMIUM = os.environ.get("HOTPLATE_CHROMIUM", "/usr/bin/chromium")
# What a container without user namespaces needs; the pages are our own.
LAUNCH = {"executable_path": CHROMIUM, "args": ["--no-sandbox", "--disable-dev-shm-usage"]}
PATIENCE = 30_000  # milliseconds; a state that does not come within it is a failure


def waiting(script):
    """A script that looks each 25 ms until the function `script` gives something true; null if it never does.

    Playwright's own `wait_for_function` evaluates a string in the page, which the page's policy rightly forbids.
    """
    return f"""async argument => {{
        const look = {script}, end = performance.now() + {PATIENCE};
        for (;;) {{
            const found = look(argument);
            if (found) return found;
            if (performance.now() > end) return null;
            await new Promise(done => setTimeout(done, 25));
        }}
    }}"""


class Findings:
    """What did not hold. A script goes on after the first, so that one run tells all."""

    def __init__(self):
        self.failures = []

    def check(self, holds, what):
        if not holds:
            self.failures.append(what)
            print(f"FAILED: {what}")
        return holds

    def end(self):
        print(f"{len(self.failures)} failed" if self.failures else "all held")
        sys.exit(1 if self.failures else 0)


def arguments(description, *wanted):
    """`wanted`: pairs of an option's name and what `add_argument` takes for it."""
    parser = argparse.ArgumentParser(description=description)
    for name, how in wanted:
        parser.add_argument(name, **how)
    return parser.parse_args()


URL = ("--url", {"required": True, "help": "where the daemon listens"})
DROP = ("--drop", {"required": True, "type": pathlib.Path, "help": "a hot folder, empty"})
SHOTS = ("--shots", {"type": pathlib.Path, "help": "a directory for pictures of each step"})


class HotplatePage:
    """The open page. Whatever a browser complains of, and every dialog, is a failure."""

    def __init__(self, page, findings, shots=None, expected_errors=()):
        self.page, self.findings, self.shots = page, findings, shots
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: findings.check(False, f"the page threw {error}"))
        page.on("dialog", lambda dialog: (findings.check(False, f"a dialog opened: {dialog.message}"), dialog.dismiss()))

        def console(message):
            if message.type == "error" and not any(part in message.text for part in expected_errors):
                # A violation of the policy is told here as well.
                findings.check(False, f"the console says: {message.text}")

        page.on("console", console)

    def open(self, url):
        self.page.goto(url)
        self.page.wait_for_selector("[data-testid=connection][data-state=live]")

    def shot(self, name):
        if self.shots:
            self.shots.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(self.shots / f"{name}.png"))

    def wait(self, what, script, argument=None):
        """Until `script` gives something true, which is returned. Fails the run with `what` if it never does."""
        found = self.page.evaluate(waiting(script), argument)
        if found is None:
            self.shot("stuck")
            self.findings.check(False, f"never seen: {what}")
            self.findings.end()
        return found

    def row(self, job):
        return self.page.locator(f".row[data-id='{job}']")

    def job_named(self, text):
        """The id of the first job whose row shows `text`."""
        return self.wait(
            f"a job named {text}",
            "text => [...document.querySelectorAll('[data-testid=job]')].find(row => row.textContent.includes(text))?.dataset.id",
            text,
        )

    def state_of(self, job):
        return self.row(job).get_attribute("data-state")

    def wait_state(self, job, *states):
        return self.wait(
            f"job {job} {' or '.join(states)}",
            "([id, states]) => { const row = document.querySelector(`.row[data-id='${id}']`); return row && states.includes(row.dataset.state) && row.dataset.state }",
            [job, list(states)],
        )

    def staged(self, job, more_than=-1):
        """How many frames the job's strips show as staged or verified, once they are more than `more_than`."""
        return self.wait(
            f"more than {more_than} staged frames in the strip",
            """([id, least]) => {
                 const row = document.querySelector(`.row[data-id='${id}']`);
                 if (!row) return false;
                 let staged = 0;
                 for (const strip of row.querySelectorAll('[data-testid=strip]'))
                   for (const run of (strip.dataset.runs ?? '').split(' ').filter(Boolean)) {
                     const [state, count] = run.split(':');
                     if (state === 'staged' || state === 'verified') staged += Number(count);
                   }
                 return staged > least && staged;
               }""",
            [job, more_than],
        )

    def whole_text(self):
        """The text of every row: lists hold only what is near the window, so the page is scrolled through."""
        return self.page.evaluate(
            """async () => {
                 const texts = new Map(), frame = () => new Promise(requestAnimationFrame);
                 const take = () => { for (const row of document.querySelectorAll('.row')) texts.set(row.dataset.id, row.innerText); };
                 scrollTo(0, 0);
                 for (let y = 0; y <= document.body.scrollHeight; y += innerHeight / 2) { scrollTo(0, y); await frame(); await frame(); take(); }
                 scrollTo(0, 0);
                 return [document.querySelector('aside').innerText, ...texts.values()].join('\\n');
               }"""
        )

    def overflow(self):
        """What reaches out of the window to the right: a list of elements, empty if all is well."""
        return self.page.evaluate(
            """() => {
                 const out = [];
                 if (document.documentElement.scrollWidth > innerWidth) out.push(`the page is ${document.documentElement.scrollWidth} wide in a window of ${innerWidth}`);
                 for (const row of document.querySelectorAll('.row')) {
                   const box = row.getBoundingClientRect();
                   if (box.right > innerWidth + 1 || row.scrollWidth > row.clientWidth + 1) out.push(`the row ${row.innerText.slice(0, 60)}`);
                 }
                 return out;
               }"""
        )


@contextlib.contextmanager
def opened(url, findings, shots=None, expected_errors=(), **context):
    """The page at `url`, live, and closed afterwards whatever happens."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**LAUNCH)
        try:
            window = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **context})
            page = HotplatePage(window.new_page(), findings, shots, expected_errors)
            page.open(url)
            yield page
        except Error as error:
            findings.check(False, f"the browser: {error}")
        finally:
            browser.close()
