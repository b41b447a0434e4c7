"""The web wallet's files: whole, of one version, with the right types and policy."""

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.wallet_api.scene import Scene
from wallet_api.app import make_app
from wallet_api.here import NAME
from wallet_api.pages import WebWallet

FILES = {
    "index.html": '<script type="module" src="@/app.js"></script>',
    "sw.js": "// the worker\n",
    "package.json": "{}",
    "app.js": 'import "./phone/keys.js";\n',
    "phone/keys.js": "export {};\n",
    "wallet.css": "body {}\n",
    "icons/icon.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
    "words/en.json": "{}",
    "words/ja.json": "{}",
    "manifest.webmanifest": "{}",
    "vendor/qr-LICENSE.txt": "free\n",
    "notes.md": "not for phones\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "web" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "web"


@pytest.fixture
def pages(folder: Path) -> WebWallet:
    return WebWallet.load(folder)


@pytest.fixture
def client(small: Scene, pages: WebWallet) -> FlaskClient:
    settings = small.app.extensions[NAME].settings
    return make_app(small.office.office, settings=settings, pages=pages).test_client()


def test_the_page_names_files_of_its_version(
    client: FlaskClient, pages: WebWallet
) -> None:
    page = client.get("/wallet/")
    assert page.content_type == "text/html; charset=utf-8"
    assert f'src="{pages.version}/app.js"' in page.text
    script = client.get(f"/wallet/{pages.version}/app.js")
    assert script.content_type == "text/javascript; charset=utf-8"
    assert "immutable" in script.headers["Cache-Control"]
    assert client.get("/wallet/0000000000000000/app.js").status_code == 404


def test_the_worker_is_told_what_there_is(
    client: FlaskClient, pages: WebWallet
) -> None:
    worker = client.get("/wallet/sw.js?language=en")
    first, _, rest = worker.text.partition("\n")
    assert rest == FILES["sw.js"]
    assert first == (
        f'const WALLET = {{"version": "{pages.version}", "files": ["app.js", '
        '"icons/icon.svg", "manifest.webmanifest", "phone/keys.js", "wallet.css"]};'
    )
    assert worker.headers["Cache-Control"] == "no-cache"


def test_a_changed_file_is_another_version(folder: Path, pages: WebWallet) -> None:
    (folder / "wallet.css").write_text("body { color: red }")
    assert WebWallet.load(folder).version != pages.version


def test_what_is_not_for_phones_is_not_served(
    client: FlaskClient, pages: WebWallet
) -> None:
    for name in ("package.json", "notes.md", "index.html", "sw.js", "../app.py",
                 "%2e%2e/app.py", "words/fr.json"):  # fmt: skip
        answer = client.get(f"/wallet/{pages.version}/{name}")
        assert answer.status_code == 404, name
    for name, kind in (("words/ja.json", "application/json"),
                       ("vendor/qr-LICENSE.txt", "text/plain; charset=utf-8"),
                       ("icons/icon.svg", "image/svg+xml"),
                       ("manifest.webmanifest", "application/manifest+json"),
                       ):  # fmt: skip
        answer = client.get(f"/wallet/{pages.version}/{name}")
        assert (answer.status_code, answer.content_type) == (200, kind)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_w14_pages_run_their_own_scripts_and_no_others(client: FlaskClient) -> None:
    page = client.get("/wallet/")
    policy = page.headers["Content-Security-Policy"]
    rules = dict(re.findall(r"([a-z-]+) ([^;]+)", policy))
    assert rules["default-src"] == rules["base-uri"] == "'none'"
    assert rules["script-src"] == rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == "'none'"
    assert "unsafe" not in policy


def test_a_browser_that_has_a_file_is_not_sent_it(client: FlaskClient) -> None:
    page = client.get("/wallet/")
    again = client.get("/wallet/", headers={"If-None-Match": page.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_an_economys_address_leads_to_the_wallet(client: FlaskClient) -> None:
    assert client.get("/AUS/").headers["Location"] == "/wallet/#at=AUS"
    assert client.get("/").headers["Location"] == "/wallet/"
    assert client.get("/XXX/").status_code == 404


def test_without_files_there_are_no_pages(small: Scene, tmp_path: Path) -> None:
    settings = small.app.extensions[NAME].settings
    nothing = WebWallet.load(tmp_path / "nowhere")
    app = make_app(small.office.office, settings=settings, pages=nothing)
    assert app.test_client().get("/wallet/").status_code == 404
    assert app.test_client().get("/wallet/sw.js").status_code == 404
