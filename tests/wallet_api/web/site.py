"""The web wallet in a real browser, with its files and nothing behind them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    expect,
)

from tests.issuer.web.chromium import violations
from wallet_api.pages import DEVICES, POLICY, WebWallet, load


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@dataclass(slots=True, kw_only=True)
class Files:
    """Hands out a wallet's files, and 404 for everything else."""

    wallet: WebWallet = field(default_factory=load)
    asked: list[str] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start: Any) -> list[bytes]:
        path = environ["PATH_INFO"]
        self.asked.append(path)
        found = self.wallet.files.get(path.removeprefix("/wallet/"))
        if found is None or not path.startswith("/wallet/"):
            start("404 Not Found", [("Content-Type", "application/json")])
            return [b"{}"]
        kept = "public, max-age=31536000, immutable"
        start("200 OK", [
            ("Content-Type", found.content_type),
            ("Content-Encoding", "gzip"),
            ("Content-Security-Policy", POLICY),
            ("Permissions-Policy", DEVICES),
            ("Cache-Control", kept if found.is_immutable else "no-cache"),
        ])  # fmt: skip
        return [found.zipped]


@dataclass(slots=True, kw_only=True)
class Site:
    """A browser, a server that can be stopped, and what was complained about."""

    server: WSGIServer
    context: BrowserContext
    page: Page
    files: Files
    complaints: list[str]

    @property
    def address(self) -> str:
        return f"http://localhost:{self.server.server_port}/wallet/"

    def open(self, fragment: str = "") -> None:
        self.page.goto(self.address + fragment)
        expect(self.page.locator("h1")).to_be_visible()

    def follow(self, screen: str, card: str = "card-1") -> None:
        """Go to a screen of a card, as its links do."""
        self.page.evaluate(f"location.hash = '#/{screen}/{card}'")
        expect(
            self.page.locator(f"body[data-screen='#/{screen}/{card}']")
        ).to_be_attached()

    def stop(self) -> None:
        """Take the network away, the server's side of it too."""
        self.server.shutdown()
        self.server.server_close()
        self.context.set_offline(True)

    def ready_offline(self) -> None:
        """Wait until the service worker has everything."""
        self.page.evaluate("navigator.serviceWorker.ready.then(() => null)")

    def accessibility(self) -> list[str]:
        return violations(self.page)

    def give_card(self, made: Any, **changes: object) -> None:
        """Put a card into the browser's store, as activation would have done.

        ``made`` makes the card from the public half of a key that the page makes.
        """
        self.page.evaluate(MODULES, self.files.wallet.version)
        text = made(self.page.evaluate("makeKeys()"))
        self.page.evaluate(
            "([text, changes]) => keepCard(text, changes)", [text, changes]
        )


MODULES = """async (version) => {
  const from = (path) => import(`/wallet/${version}/phone/${path}.js`);
  const { makeKey, publicJwk } = await from("keys");
  const { openStore } = await from("store");
  globalThis.makeKeys = async () => {
    globalThis.made = { tokenKey: await makeKey(), holderKey: await makeKey() };
    return publicJwk(made.holderKey);
  };
  globalThis.keepCard = async (text, changes) => (await openStore()).putCard({
    id: "card-1", step: "held", economy: "AUS", issuer: `${location.origin}/AUS`,
    text, ...made, offer: { configuration: "abtc" }, tokens: {}, addedAt: 1,
    updatedAt: Date.now(), ...changes,
  });
}"""


def _is_api(url: str) -> bool:
    return "/wallet/" not in url


@contextmanager
def opened(
    browser: Browser, *, now: datetime | None = None, **look: Any
) -> Iterator[Site]:
    """Open a page of the files; ``look`` is Playwright's: viewport, locale and others.

    ``now`` is what the browser's clock says at first, if it shall not be the real time;
    there is then no server that says another.
    """
    files = Files()
    complaints: list[str] = []
    with make_server("127.0.0.1", 0, files, handler_class=_Quiet) as server:
        thread = threading.Thread(
            target=server.serve_forever, args=(0.01,), daemon=True
        )
        thread.start()
        context = browser.new_context(**look)
        page = context.new_page()
        if now is not None:
            page.clock.install(time=now)
            page.route(_is_api, lambda route: route.abort())
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: complaints.append(said.text) if "Content Security" in said.text
            else None,
        )  # fmt: skip
        yield Site(
            server=server,
            context=context,
            page=page,
            files=files,
            complaints=complaints,
        )
        context.close()
        server.shutdown()
        thread.join()
