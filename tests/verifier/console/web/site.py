"""The console in a real browser, with its service behind it and a world to scan.

with opened(browser, desk) as site:
    site.begin()                         # a shift; the camera opens
    site.scan(WORLD.show(WORLD.card()))  # as an imager that plays a keyboard does
"""

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

from tests.issuer.web.chromium import FLAGS, browser_path, violations
from tests.verifier.console.conftest import Desk
from verifier.console.serving import listen, make_server

CAMERA: Final = (
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip
PHONE: Final[ViewportSize] = {"width": 412, "height": 915}
TABLET: Final[ViewportSize] = {"width": 1024, "height": 768}
SMALL: Final[ViewportSize] = {"width": 320, "height": 480}

IMAGER: Final = """(lines) => {
  const how = { bubbles: true, cancelable: true };
  for (const key of lines.flatMap((line) => [...line, "Enter"]))
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key, ...how }));
}"""
"""Plays a keyboard, with its end key behind each line."""


@contextmanager
def launched(*flags: str) -> Iterator[Browser]:
    """A browser with a camera that shows a test picture, or what ``flags`` say."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=browser_path(), args=[*FLAGS, *CAMERA, *flags]
        )
        yield chromium
        chromium.close()


@contextmanager
def another(browser: Browser, *flags: str) -> Iterator[Browser]:
    """A second browser beside one: only one program drives them at a time."""
    chromium = browser.browser_type.launch(
        executable_path=browser_path(), args=[*FLAGS, *CAMERA[2:], *flags]
    )
    yield chromium
    chromium.close()


class Service:
    """A console's service that can be stopped, and started anew at its address."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.port = 0
        self.start()

    def start(self) -> None:
        opened = listen(self.port)
        self.port = self.desk.console.port = opened.getsockname()[1]
        self._opened = opened
        self._server = make_server(self.desk.console, opened)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        # Closed under its feet: that is how it is stopped.
        with contextlib.suppress(OSError):
            self._server.run()

    def stop(self) -> None:
        self._server.close()
        self._opened.close()
        for channel in list(self._server._map.values()):
            channel.close()
        self._thread.join(5)


@dataclass(slots=True, kw_only=True)
class Site:
    """A page of a console."""

    service: Service
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)
    """What went wrong in the page, and what its policy refused."""
    asked: list[str] = field(default_factory=list)
    """Every address that the page has asked for."""

    @property
    def desk(self) -> Desk:
        return self.service.desk

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.service.port}"

    def enter(self) -> None:
        """Open the address that the program has printed last."""
        self.page.goto(f"{self.origin}/start?key={self.desk.keys[-1]}")
        self.on("shift", "elsewhere", "scan", "kiosk")
        if self.page.locator("body[data-screen=elsewhere]").count():
            self.button("Take over").click()
            self.on("shift")

    def begin(self, **settings: object) -> None:
        """Begin a shift, with settings as a browser remembers them."""
        self.page.evaluate(
            "(kept) => localStorage.setItem('abtc-console', JSON.stringify(kept))",
            {"officer": "b-17", "lane": "3", "muted": True, **settings},
        )
        self.page.reload()
        self.page.get_by_role("button", name="Begin").click()
        self.on("scan", "notready", "kiosk")

    def on(self, *names: str) -> None:
        """Wait for a screen, one of these."""
        places = ", ".join(f"body[data-screen={name}]" for name in names)
        expect(self.page.locator(places)).to_be_attached()

    def go(self, name: str) -> None:
        self.page.evaluate(f"location.hash = '#/{name}'")
        self.on(name)

    def scan(self, text: str) -> None:
        """Play a keyboard, as quick as an imager."""
        self.page.evaluate(IMAGER, text.split("\n"))

    def wait(self, seconds: int) -> None:
        """Let time pass for the page, where its clock is a test's."""
        for _ in range(seconds):
            self.page.clock.run_for(1_000)
            # Requests take real time, in which none would else pass.
            if _ % 3 == 0:
                self.page.evaluate("fetch('/icon.svg').then(() => null)")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    @property
    def text(self) -> str:
        return self.page.locator("main").inner_text()

    def accessibility(self) -> list[str]:
        # Colours are judged when nothing moves any more.
        self.page.evaluate(
            "Promise.all(document.getAnimations().map((each) => each.finished))"
            ".then(() => null)"
        )
        return violations(self.page)


@contextmanager
def opened(
    browser: Browser, desk: Desk, *, camera: bool = True, **look: Any
) -> Iterator[Site]:
    """Open a page of a console; ``look`` is Playwright's."""
    service = Service(desk)
    context = browser.new_context(**look)
    origin = f"http://127.0.0.1:{service.port}"
    if camera:
        context.grant_permissions(["camera"], origin=origin)
    page = context.new_page()
    site = Site(service=service, context=context, page=page)
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
    try:
        site.enter()
        yield site
    finally:
        context.close()
        service.stop()
