"""Somebody applies for a card online, from an e-mail address to an officer's queue.

    python -m examples.apply_online

An office of one test economy is made in a folder that is thrown away, and asked over
HTTP as a browser would: cookies, forms and their tokens, files.  Its mail goes to
files, where the code for signing in is read.
"""

import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from html import unescape
from pathlib import Path
from threading import Thread

import urllib3
from werkzeug.serving import WSGIRequestHandler, make_server

from examples.wallet_economy import CODE, Economy, now, open_economy, say
from issuer.demo.pictures import portrait
from issuer.installation import Web
from issuer.installation_key import InstallationKey
from issuer.mail_sending import send_due
from issuer.office import Office
from issuer.operations import all_operations
from issuer.web import Settings, create_app

ADDRESS = "jane@example.com"
_Fields = Mapping[
    str, str | bytes | tuple[str, str | bytes] | tuple[str, str | bytes, str]
]
_HOST = "127.0.0.1"
_TOKEN = re.compile(r'name="form_token" value="([^"]+)"')
_HEADING = re.compile(r"<h1>(.*?)</h1>", re.DOTALL)
_CODE = re.compile(r"[0-9]{4} [0-9]{4}")


def main() -> int:
    """Play it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        open_economy(Path(folder) / "office") as economy,
        pages_of(economy.office) as origin,
    ):
        play(economy, Browser(f"{origin}/apply/{CODE}"))
    return 0


def play(economy: Economy, jane: "Browser") -> None:
    """Apply, step by step."""
    opens = economy.office.system_desk(CODE, now=now(), reason="an example")
    all_operations()["portal.open"].perform(opens, {})
    jane.go("/")
    jane.send("/sign-in", {"email": ADDRESS})
    jane.send("/code", {"code": code_from_mail(economy.office)})
    jane.go("/applications")
    jane.send("/applications/new", {}, page="/applications")
    at = jane.here.removesuffix("/passport")
    jane.send(f"{at}/passport", {"do": "next", **passport()})
    jane.send(
        f"{at}/contact",
        {
            "do": "next",
            "phone": "+61 2 5550 1234",
            "employer": "Citizen & Co.",
            "position": "Director",
        },
    )
    picture = ("me.png", portrait(1), "image/png")
    jane.send(f"{at}/photo", {"do": "add", "content": picture})
    for line in re.findall(r"<li><strong>(.*?)</strong>.*?>([\w ]+)</span>", jane.page):
        say("Photograph", ": ".join(map(unescape, line)))
    jane.send(f"{at}/hand-in", {}, page=f"{at}/review")
    (waiting,) = economy.clerk("application.list", state="submitted").applications
    say("Officer", f"{waiting.number}: {waiting.family_name}, {waiting.given_name}")
    online = economy.clerk("portal.of", application=waiting.id).online
    say("Officer", f"Applied online as {online.reference}, mail to {online.email}")


def passport() -> dict[str, str]:
    """Return what stands in an invented passport."""
    today = now().date()
    return {
        "family_name": "Citizen",
        "given_name": "Jane",
        "birthdate": "1984-05-17",
        "sex": "F",
        "nationality": CODE,
        "passport_country": CODE,
        "passport_number": "PA1234567",
        "passport_issued_on": f"{today - timedelta(days=700)}",
        "passport_expires_on": f"{today + timedelta(days=2_900)}",
    }


def code_from_mail(office: Office) -> str:
    """Deliver what waits to files, and read the code from the one there is."""
    scheme = office.store.read(office.scheme)
    send_due(office.store, office.installation, scheme, clock=now)
    (file,) = office.installation.path(office.installation.mail.folder).rglob("*.eml")
    message = message_from_bytes(file.read_bytes(), policy=policy.default)
    body = message.get_body()
    found = _CODE.search(body.get_content() if body else "")
    if found is None:
        raise ValueError("no code in the mail")
    say("Mail", f"{message['Subject']}: {found[0]}")
    return found[0]


@dataclass
class Browser:
    """A browser without a screen: it keeps cookies and brings forms back."""

    home: str
    page: str = ""
    here: str = ""
    _cookies: dict[str, str] = field(default_factory=dict)
    _http: urllib3.PoolManager = field(default_factory=urllib3.PoolManager)

    def go(self, path: str) -> None:
        """Open a page."""
        self._ask("GET", f"{self.home}{path}")
        say("Jane", self._heading())

    def send(
        self,
        path: str,
        fields: _Fields,
        *,
        page: str | None = None,
    ) -> None:
        """Fill in the form of a page, and go where it leads."""
        self._ask("GET", f"{self.home}{page or path}")
        token = _TOKEN.search(self.page)
        given: _Fields = {"form_token": unescape(token[1]) if token else "", **fields}
        self._ask("POST", f"{self.home}{path}", given)
        say("Jane", self._heading())

    def _ask(self, method: str, url: str, fields: _Fields | None = None) -> None:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        answer = self._http.request(
            method, url, fields=fields, headers={"Cookie": cookies}, redirect=False
        )
        for each in answer.headers.getlist("Set-Cookie"):
            name, _, value = each.partition(";")[0].partition("=")
            self._cookies[name] = value
        if answer.status == 303:
            origin = self.home.partition("/apply/")[0]
            self._ask("GET", f"{origin}{answer.headers['Location']}")
            return
        self.page, self.here = answer.data.decode(), url.removeprefix(self.home)
        if answer.status != 200:
            raise ValueError(f"{answer.status} at {self.here}: {self._heading()}")

    def _heading(self) -> str:
        found = _HEADING.search(self.page)
        return unescape(found[1]) if found else ""


@contextmanager
def pages_of(office: Office) -> Iterator[str]:
    """Serve the pages of an office on a free port until left."""
    settings = Settings(
        web=Web(),
        origin=f"http://{_HOST}",
        key=InstallationKey.load(office.installation.web_key),
        clock=now,
    )
    server = make_server(
        _HOST, 0, create_app(office, settings), threaded=True, request_handler=_Quiet
    )
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{_HOST}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        pass


if __name__ == "__main__":
    sys.exit(main())
