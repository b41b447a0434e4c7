"""The service answers its own page in one browser, and nobody else."""

import http.client
import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.verifier.console.conftest import ORIGIN, WORLD, Desk
from verifier.console.app import MAX_BODY
from verifier.console.serving import listen, make_server

CODE = WORLD.show(WORLD.card())
OURS = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
UNSAFE = [
    ("POST", "shift"), ("DELETE", "shift"), ("POST", "lock"), ("POST", "unlock"),
    ("POST", "take-over"), ("POST", "check"), ("POST", "frame"), ("POST", "manual"),
    ("POST", "passport"), ("POST", "answers/x/compared"),
    ("POST", "answers/x/override"), ("POST", "answers/x/passport-check"),
    ("POST", "answers/x/done"), ("POST", "challenge"),
    ("POST", "update"), ("POST", "update/file"), ("POST", "log/export"),
    ("POST", "log/send"),
    ("POST", "selftest/imager"), ("POST", "training/check"),
]  # fmt: skip
SAFE = ["state", "imager?after=0", "trust", "log", "selftest", "training"]


def ask(desk: Desk, method: str, path: str, **how: Any) -> Any:
    how.setdefault("base_url", desk.origin)
    how.setdefault("json", {})
    return desk.browser.open(f"/api/{path}", method=method, **how)


def test_the_list_of_addresses_is_whole(desk: Desk) -> None:
    """An address that is missing above is not guarded by these tests."""
    found = {
        (method, rule.rule.removeprefix("/api/").replace("<answer_id>", "x"))
        for rule in desk.app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in rule.methods or ()
        if method in {"POST", "DELETE", "PUT", "PATCH"}
    }
    assert found == set(UNSAFE)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://127.0.0.1:9999", "Sec-Fetch-Site": "same-site"},
        {"Origin": "http://localhost:8324"},  # our other name is another origin
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "same-site"},
        {},
    ],
)
def test_c1_a_page_of_another_origin_does_nothing(
    desk: Desk, headers: dict[str, str]
) -> None:
    """403 to every unsafe request that is not certainly from our own page."""
    for method, path in UNSAFE:
        found = ask(desk, method, path, headers=headers)
        assert (found.status_code, found.json["error"]) == (403, "guard.origin"), path
    assert desk.session.shift


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_c1_nor_does_it_learn_anything(desk: Desk, site: str) -> None:
    """Also what is only read is for our own page, and nothing allows other origins."""
    for path in SAFE:
        found = ask(desk, "GET", path, headers={"Sec-Fetch-Site": site}, json=None)
        assert found.status_code == 403
        assert "Access-Control" not in str(found.headers)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
def test_c1_what_a_form_can_send_is_refused(desk: Desk, kind: str) -> None:
    """A type that needs no preflight is none of ours."""
    found = ask(
        desk, "POST", "check", headers=OURS, json=None, data="{}", content_type=kind
    )
    assert found.status_code == 415


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method"])
def test_c1_a_method_is_said_once(desk: Desk, name: str) -> None:
    found = ask(desk, "POST", "lock", headers={**OURS, name: "DELETE"})
    assert found.status_code == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8324", "127.0.0.1", "127.0.0.1:80", ""]
)
def test_c7_a_name_that_points_here_is_refused(desk: Desk, host: str) -> None:
    """A page cannot get in by having its own name point at this machine."""
    for path in ("/", "/start?key=x", "/api/state"):
        found: Any = desk.browser.get(path, base_url=ORIGIN, headers={"Host": host})
        assert (found.status_code, found.json["error"]) == (400, "guard.host")


def test_c7_nobody_stands_in_front(desk: Desk) -> None:
    """There is no proxy, so that what says so is made up."""
    headers = {**OURS, "X-Forwarded-Host": "127.0.0.1:8324"}
    assert ask(desk, "POST", "lock", headers=headers).status_code == 400


def test_the_other_name_of_this_machine_is_ours(desk: Desk) -> None:
    origin = "http://localhost:8324"
    browser = desk.app.test_client()
    found = browser.get(f"/start?key={desk.keys[-1]}", base_url=origin)
    assert found.status_code == 303
    assert browser.get("/api/state", base_url=origin).status_code == 200


@pytest.mark.parametrize("cookie", [None, "made up"])
def test_c6_a_browser_without_a_session_learns_nothing(
    desk: Desk, cookie: str | None
) -> None:
    """Another program of this machine gets words and pages, and that is all."""
    for path in SAFE:
        browser = desk.app.test_client()
        if cookie:
            browser.set_cookie("abtc-console", cookie, domain="127.0.0.1")
        found: Any = browser.get(f"/api/{path}", base_url=ORIGIN)
        assert (found.status_code, found.json["error"]) == (401, "session.none")
        assert browser.get("/api/words/en", base_url=ORIGIN).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"[]", b"null", b"{", b'{"code":1}', b'{"code":"x","code":"y"}', b"{}",
        b'{"code":"x","passport":null,"status":"good"}', b'{"code":"\\ud800"}',
        b'{"code":"x","passport":"AUS:PA1234567"}', b'{"code":"x","challenge":7}',
        b'{"code":"x","passport":{"mrz":"x","number":"y"}}', b"\xff", b"9" * 5000,
        b'{"code":' + b"[" * 5000,
    ],
)  # fmt: skip
def test_c5_a_body_of_another_shape_is_an_error(desk: Desk, body: bytes) -> None:
    """An unknown, missing, doubled or mistyped member is never passed over."""
    found = ask(
        desk, "POST", "check", headers=OURS, json=None, data=body,
        content_type="application/json",
    )  # fmt: skip
    assert (found.status_code, found.json["error"]) == (400, "request.malformed")


def test_q1_a_body_has_its_bound(desk: Desk) -> None:
    """A code of a megabyte is not read, and one of half of that is no card."""
    found = desk.post("check", {"code": "ABTC1:" + "A" * 2**20})
    assert found.status_code == 413
    assert desk.check("ABTC1:" + "A" * 60_000)["look"] == "not_live"


def test_c2_pages_may_run_nothing_but_themselves(desk: Desk) -> None:
    """Every answer says so, and may be kept and framed nowhere."""
    for path in ("/", "/none", "/api/state", "/start?key=x"):
        headers = desk.browser.get(path, base_url=ORIGIN, buffered=True).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "script-src 'self' 'wasm-unsafe-eval'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-inline" not in policy
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_c2_no_file_but_those_of_the_pages(desk: Desk) -> None:
    """A path leads nowhere else."""
    for path in ("../app.py", "%2e%2e/app.py", "/etc/passwd", "..%2fapp.py"):
        found = desk.browser.get(f"/{path}", base_url=ORIGIN)
        assert found.status_code == 404


def test_c8_a_failure_tells_nothing_of_a_traveller(
    desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not foreseen is told by its kind and place, to the log alone."""

    def fail(*_: object, **__: object) -> None:
        raise LookupError("CANARY of a card")

    monkeypatch.setattr(desk.device, "check", fail)
    with caplog.at_level(logging.DEBUG):
        found = desk.post("check", {"code": CODE})
    assert (found.status_code, found.json["error"]) == (500, "internal")
    assert "CANARY" not in found.text + caplog.text
    assert "LookupError" in caplog.text


@pytest.fixture
def served(synced: Path, tmp_path: Path) -> Iterator[Desk]:
    """The same behind the real server."""
    opened = listen(0)
    desk = Desk(synced, tmp_path / "home", port=opened.getsockname()[1])
    server = make_server(desk.console, opened)

    def run() -> None:
        with suppress(OSError):  # closed under its feet: that is how it is stopped
            server.run()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    desk.begin()
    yield desk
    server.close()
    thread.join()


def real(desk: Desk, method: str, path: str, body: bytes = b"", **headers: str) -> Any:
    port = desk.console.port
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    link.request(method, path, body or None, headers)
    answer = link.getresponse()
    found = answer.status, answer.read(), answer.headers
    link.close()
    return found


@pytest.mark.enable_socket
def test_c1_c7_the_real_server_is_guarded_as_well(served: Desk) -> None:
    """A browser that was let in decides; other names, origins and browsers do not."""
    status, _, headers = real(served, "GET", f"/start?key={served.keys[-1]}")
    cookie = headers["Set-Cookie"]
    assert (status, headers["Location"]) == (303, "/")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    mine = {"Cookie": cookie.partition(";")[0], "Content_Type": "application/json"}
    body = json.dumps({"code": CODE, "passport": None, "challenge": None}).encode()
    ours = mine | {"Origin": served.origin}
    served.session.take_over(mine["Cookie"].partition("=")[2])
    assert real(served, "POST", "/api/check", body, **ours)[0] == 409  # no shift yet
    evil = mine | {"Origin": "http://evil.example"}
    assert real(served, "POST", "/api/check", body, **evil)[0] == 403
    assert real(served, "POST", "/api/check", body, **ours, Host="evil.example")[0] == (
        400
    )
    assert real(served, "GET", "/api/state")[0] == 401


@pytest.mark.enable_socket
def test_the_service_listens_to_this_machine_alone() -> None:
    opened = listen(0)
    try:
        assert opened.getsockname()[0] == "127.0.0.1"
        assert opened.family == socket.AF_INET
    finally:
        opened.close()


@pytest.mark.enable_socket
def test_o7_a_picture_is_never_kept_in_a_file(desk: Desk) -> None:
    """The server holds bodies in memory, for a frame can show a traveller."""
    opened = listen(0)
    server = make_server(desk.console, opened)
    assert server.adj.inbuf_overflow > server.adj.max_request_body_size >= MAX_BODY
    server.close()
