"""The airline desk's page in a real browser, with the desk itself behind it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

import verifier
from tests.issuer.web.chromium import violations
from tests.simulator import NOW
from verifier import places
from verifier.console.desk.counter import Counter
from verifier.console.desk.serving import make_server, open_desk
from verifier.console.serving import listen

AHEAD = timedelta(seconds=2)
"""Of the page's clock, which begins when the page does."""


@dataclass(slots=True, kw_only=True)
class Site:
    """A page of a desk."""

    context: BrowserContext
    page: Page
    origin: str
    stop: Any
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def choose(self, destination: str = "Singapore", day: str = "2030-01-18") -> None:
        self.page.get_by_label("Destination").select_option(label=destination)
        self.page.get_by_label("Day of arrival there").fill(day)

    def scan(self, text: str) -> None:
        """Play a keyboard, as quick as an imager, wherever the cursor is not."""
        self.page.evaluate(
            """(text) => [...text, "Enter"].forEach((key) =>
                document.body.dispatchEvent(
                  new KeyboardEvent("keydown", { key, bubbles: true })))""",
            text,
        )

    def scan_passport(self, mrz: str) -> None:
        for line in mrz.splitlines():
            self.scan(line)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def has_read(self, note: str) -> None:
        expect(self.page.locator(".part .notice")).to_contain_text(note)

    def answered(self, line: str) -> None:
        expect(self.page.locator("h1.sentence")).to_have_text(line)

    @property
    def text(self) -> str:
        return self.page.locator("main").inner_text()

    def fact(self, name: str) -> str:
        row = self.page.locator("dl.facts > div", has_text=name)
        return row.first.locator("dd").inner_text()

    def accessibility(self) -> list[str]:
        return violations(self.page)


@contextmanager
def served(
    store: Path, register: verifier.Register | None = None
) -> Iterator[tuple[str, Any]]:
    """Serve a desk on a free port; yield the address that lets in, and its end."""
    began = time.monotonic()
    counter = Counter(
        store=verifier.TrustStore(store),
        zones=places.zones(),
        now=lambda: NOW + AHEAD + timedelta(seconds=time.monotonic() - began),
        register=register,
    )
    addresses: list[str] = []
    opened = listen(0)
    parts = open_desk(counter, opened.getsockname()[1], addresses.append)
    server = make_server(parts, opened)

    def run() -> None:
        with suppress(OSError):  # closed under its feet: that is how it is stopped
            server.run()

    def stop() -> None:
        server.close()
        opened.close()
        for channel in list(server._map.values()):
            channel.close()
        parts.frames.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield addresses[0], stop
    finally:
        stop()
        thread.join(5)


@contextmanager
def opened(
    browser: Browser,
    store: Path,
    register: verifier.Register | None = None,
    **look: Any,
) -> Iterator[Site]:
    """Open a page of a desk; ``look`` is Playwright's."""
    with served(store, register) as (address, stop):
        origin = address.partition("/start")[0]
        usual = {"locale": "en-GB", "reduced_motion": "reduce"}
        context = browser.new_context(**{**usual, **look})
        context.grant_permissions(["camera"], origin=origin)
        page = context.new_page()
        page.clock.install(time=NOW)
        site = Site(context=context, page=page, origin=origin, stop=stop)
        page.on("pageerror", lambda error: site.complaints.append(str(error)))
        page.on("request", lambda request: site.asked.append(request.url))
        page.on(
            "console",
            lambda said: (
                site.complaints.append(said.text)
                if "Content Security" in said.text or "no text" in said.text
                else None
            ),
        )
        page.goto(address)
        expect(page.locator("body[data-screen]")).to_be_attached()
        yield site
        context.close()
