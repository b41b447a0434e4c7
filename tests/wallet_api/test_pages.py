"""The web wallet's files, as browsers get them: types, policy, and what is kept."""

import gzip
import re
from collections.abc import Mapping
from types import MappingProxyType

import pytest
from flask.testing import FlaskClient

from tests.wallet_api.scene import Scene
from wallet_api.app import make_app
from wallet_api.here import NAME
from wallet_api.pages import WebFile, WebWallet

JS = "text/javascript; charset=utf-8"
HTML = "text/html; charset=utf-8"


def web_file(text: str, kind: str, *, is_immutable: bool = True) -> WebFile:
    body = text.encode()
    return WebFile(
        body=body,
        zipped=gzip.compress(body, mtime=0),
        content_type=kind,
        is_immutable=is_immutable,
    )


FILES: Mapping[str, WebFile] = MappingProxyType(
    {
        "": web_file("<!doctype html>", HTML, is_immutable=False),
        "sw.js": web_file("// worker", JS, is_immutable=False),
        "v1/app.js": web_file("export {};", JS),
        "v1/icons/icon.svg": web_file("<svg/>", "image/svg+xml"),
    }
)


@pytest.fixture
def client(small: Scene) -> FlaskClient:
    settings = small.app.extensions[NAME].settings
    pages = WebWallet(version="v1", files=FILES)
    return make_app(small.office.office, settings=settings, pages=pages).test_client()


@pytest.mark.parametrize("path", FILES)
def test_each_file_has_its_type(client: FlaskClient, path: str) -> None:
    answer = client.get(f"/wallet/{path}")
    assert (answer.status_code, answer.data) == (200, FILES[path].body)
    assert answer.content_type == FILES[path].content_type
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_files_of_a_version_are_kept_and_the_page_is_asked_for(
    client: FlaskClient,
) -> None:
    assert "immutable" in client.get("/wallet/v1/app.js").headers["Cache-Control"]
    for path in ("", "sw.js?language=en"):
        assert client.get(f"/wallet/{path}").headers["Cache-Control"] == "no-cache"


def test_whoever_takes_gzip_gets_it(client: FlaskClient) -> None:
    asked = {"Accept-Encoding": "gzip"}
    answer = client.get("/wallet/v1/app.js", headers=asked)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.data) == FILES["v1/app.js"].body
    assert answer.headers["Vary"] == "Accept-Encoding"


def test_what_is_not_there_is_not_served(client: FlaskClient) -> None:
    for path in ("v2/app.js", "app.js", "../app.py", "%2e%2e/app.py", "v1/"):
        assert client.get(f"/wallet/{path}").status_code == 404


def test_w14_pages_run_their_own_scripts_and_no_others(client: FlaskClient) -> None:
    page = client.get("/wallet/")
    policy = page.headers["Content-Security-Policy"]
    rules = dict(re.findall(r"([a-z-]+) ([^;]+)", policy))
    assert rules["base-uri"] == rules["frame-ancestors"] == "'none'"
    assert rules["default-src"] in {"'none'", "'self'"}
    assert "unsafe" not in policy


def test_w14_pages_may_use_the_camera_and_nothing_else_of_the_phone(
    client: FlaskClient,
) -> None:
    """They read officers' codes themselves; a page inside them could not."""
    allowed = client.get("/wallet/").headers["Permissions-Policy"].split(", ")
    assert sorted(allowed) == ["camera=(self)", "geolocation=()", "microphone=()"]


def test_a_browser_that_has_a_file_is_not_sent_it(client: FlaskClient) -> None:
    page = client.get("/wallet/")
    again = client.get("/wallet/", headers={"If-None-Match": page.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_an_economys_address_leads_to_the_wallet(client: FlaskClient) -> None:
    assert client.get("/AUS/").headers["Location"] == "/wallet/#at=AUS"
    assert client.get("/").headers["Location"] == "/wallet/"
    assert client.get("/XXX/").status_code == 404


def test_without_files_there_are_no_pages(
    small: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wallet_api.app.packaged", lambda: None)
    settings = small.app.extensions[NAME].settings
    app = make_app(small.office.office, settings=settings)
    assert app.test_client().get("/wallet/").status_code == 404
    assert app.test_client().get("/wallet/sw.js").status_code == 404
