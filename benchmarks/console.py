"""
Measures the console's first screen in the system's Chromium, with the demo on loopback: its size and how fast it loads.

By default, the processor is slowed down four times and the browser's cache is empty.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.support.browser.browser import launched, opened, sign_in
from tests.support.browser.demo import DemoServer, served
from tests.support.browser.first_screen import packed

ROUNDS = 15
THROTTLE = 4


def main() -> None:
    """Measures the sign-in screen and the list of keys, and prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--throttle", type=int, default=THROTTLE, help="how many times slower the processor is")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder)) as demo,
        sync_playwright() as playwright,
    ):
        browser = launched(playwright)
        for name, role in (("sign-in", None), ("API keys", "organization-admin")):
            painted, stood, sizes = zip(
                *(_round(browser, demo, role, options.throttle) for _ in range(options.rounds)), strict=True
            )
            print(
                f"{name}: scripts {statistics.median(sizes) / 1000:.0f} kB gzipped; first paint after "
                f"{statistics.median(painted):.0f} ms, stands after {statistics.median(stood):.0f} ms "
                f"(fastest {min(stood):.0f}, slowest {max(stood):.0f}; {options.rounds} rounds)"
            )


def _round(browser: Browser, demo: DemoServer, role: str | None, throttle: int) -> tuple[float, float, int]:
    """
    Loads the page once.

    Returns the milliseconds until the first paint and until the content is there, and the bytes of scripts.
    """
    with opened(browser, demo.address) as tab:
        if role is not None:
            person = demo.person(role)
            sign_in(tab.page.context, demo.address, person["email"], person["password"])
        sizes: list[int] = []
        tab.page.on(
            "response", lambda each: sizes.append(packed(each)) if each.request.resource_type == "script" else None
        )
        tab.page.context.new_cdp_session(tab.page).send("Emulation.setCPUThrottlingRate", {"rate": throttle})
        content = "form" if role is None else "tbody tr"
        tab.page.add_init_script(_NOTES_WHEN.replace("CONTENT", content))
        tab.page.goto(f"{demo.address}/", wait_until="commit")
        tab.page.wait_for_selector(content)
        stood: float = tab.page.evaluate("window.stoodAt")
        painted: float = tab.page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0")
        tab.page.wait_for_load_state("networkidle")
        return painted, stood, sum(sizes)


_NOTES_WHEN = """new MutationObserver((_, observer) => {
    if (document.querySelector('CONTENT')) { observer.disconnect(); window.stoodAt = performance.now() }
}).observe(document, { childList: true, subtree: true })"""

if __name__ == "__main__":
    main()
