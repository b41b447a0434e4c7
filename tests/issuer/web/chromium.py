"""A real browser in front of a real server on loopback."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from socket import AF_INET, SOCK_STREAM, socket
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from issuer.installation_key import InstallationKey
from issuer.web import Settings, create_app
from tests.components import path_of, program
from tests.issuer.web.front import Front

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
_WITHOUT_WINDOWS = program("chromium-headless-shell")
expect.set_options(timeout=30_000)
"""As long as for everything else: a busy machine is no defect of a page."""
AXE = Path(__file__).parents[2] / "vendor/axe/axe.min.js"
_AXE_FINDS = """axe.run({reporter: 'no-passes'}).then(({violations}) => violations.map(
    ({id, nodes}) => `${id}: ${nodes.map(({html}) => html.slice(0, 90))}`))"""


def clock() -> datetime:
    """Browsers have no other clock than the machine's."""
    return datetime.now(UTC)  # noqa: TID251  # a real browser asks


def violations(page: Page) -> list[str]:
    """Return what axe finds on a page as it is, whatever its Content-Security-Policy.

    Its whole answer is long, and stays in the browser.
    """
    session = page.context.new_cdp_session(page)
    session.send("Page.setBypassCSP", {"enabled": True})
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(AXE.read_text("utf-8"))
    found: list[str] = page.evaluate(_AXE_FINDS)
    session.send("Page.setBypassCSP", {"enabled": False})
    session.detach()
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A server and a page in front of it."""

    page: Page
    front: Front
    origin: str
    refused: list[str]
    """What the browser's console complained about."""

    def go(self, path: str) -> None:
        self.page.goto(self.origin + path)

    def passkeys(self, *, verifies: bool = True) -> Any:
        """Give the browser an authenticator of its own."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("WebAuthn.enable")
        session.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasResidentKey": True,
                    "hasUserVerification": True,
                    "isUserVerified": verifies,
                    "automaticPresenceSimulation": True,
                }
            },
        )
        return session

    def accessibility(self) -> list[str]:
        """Return what axe finds, on the page as it is."""
        return violations(self.page)


@contextmanager
def served(
    front: Front, time: Callable[[], datetime] = clock
) -> Iterator[tuple[str, Front]]:
    """Serve an office on a free port, with the machine's clock or another."""
    with socket(AF_INET, SOCK_STREAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        origin = f"http://localhost:{listener.getsockname()[1]}"
        settings = Settings(
            web=front.settings.web,
            origin=origin,
            key=InstallationKey(b"k" * 32),
            clock=time,
        )
        app = create_app(front.back.office, settings)
        server = make_server(
            "127.0.0.1", 0, app, threaded=True, fd=listener.fileno(),
            request_handler=_Quiet,
        )  # fmt: skip
        thread = threading.Thread(
            target=server.serve_forever, args=(0.01,), daemon=True
        )
        thread.start()
        try:
            yield origin, front
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        pass


def browser_path() -> str:
    """Where Chromium is: the one without windows of its own if this machine has that.

    Pages are the same in both.  The other one draws toolbars that nobody sees, which
    costs half as much again.
    """
    needed = path_of("Chromium")
    return _WITHOUT_WINDOWS() or needed


@contextmanager
def launched(*flags: str, path: str | None = None) -> Iterator[Browser]:
    """One browser for many tests: each has a profile of its own in it."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=path or browser_path(), args=[*FLAGS, *flags]
        )
        yield chromium
        chromium.close()


@contextmanager
def opened(
    chromium: Browser,
    front: Front,
    *,
    time: Callable[[], datetime] = clock,
    **look: Any,
) -> Iterator[Place]:
    """Open a page; ``look`` is Playwright's: viewport, color_scheme and others."""
    with served(front, time) as (origin, served_front):
        context = chromium.new_context(**look)
        page = context.new_page()
        refused: list[str] = []
        page.on(
            "console",
            lambda said: refused.append(said.text) if "Content Security" in said.text
            else None,
        )  # fmt: skip
        yield Place(page=page, front=served_front, origin=origin, refused=refused)
        context.close()
