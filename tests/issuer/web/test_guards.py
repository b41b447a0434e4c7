"""What stands before every page: other sites, other hosts, hostile bodies and text."""

import logging
import re
from collections.abc import Mapping

import pytest
from sqlalchemy.orm import Session

from issuer.store import Account, Role
from issuer.web import guards
from tests.issuer.web.front import PASSWORD, Front
from tests.issuer.web.test_c4_access_matrix import routes
from tests.simulator import NOW

CANARY = "Zelmira-Quondam-4711"
SIGNED = "/collect/1/scan-log"
FOR_SYSTEMS = (guards.SERVICES, guards.PASSPORTS)
"""They show tokens or sign, and send no forms: tests/issuer/services."""


def posts(front: Front) -> list[str]:
    found = []
    for rule, method in routes(front.app):
        is_for_systems = rule.endpoint.partition(".")[0] in FOR_SYSTEMS
        if method == "POST" and not is_for_systems:
            values = dict.fromkeys(rule.arguments, 1)
            found.append(
                front.app.url_map.bind("localhost").build(rule.endpoint, values)
            )
    return sorted(found)


def test_c1_every_form_needs_its_token(small: Front) -> None:
    browser = small.browser().enter(small.person())
    token = browser.token
    other = small.browser().enter(small.person()).token
    # Devices sign what they send; a form is nothing there, with whatever token.
    assert SIGNED in posts(small)
    assert browser.post(SIGNED, {"form_token": token}).status_code == 400
    for path in [each for each in posts(small) if each != SIGNED]:
        for wrong in ("", "x", token[:-1], other):
            answer = browser.post(path, {"form_token": wrong})
            assert answer.status_code == 403, (path, wrong)
            assert b"session that has ended" in answer.data


@pytest.mark.parametrize("path", ["/sign-in", "/sign-in/first", "/sign-in/ministry"])
def test_c1_signing_in_needs_it_as_well(small: Front, path: str) -> None:
    """Otherwise another site could sign a browser in as somebody else."""
    who = small.person()
    fields = {"login": who.login, "password": PASSWORD}
    fresh = small.browser()
    assert fresh.post(path, fields).status_code == 403
    thief = small.browser()
    thief.get("/sign-in")
    assert fresh.post(path, {**fields, "form_token": thief.token}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:81"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"X-HTTP-Method-Override": "GET"},
        {"X-Method-Override": "DELETE"},
    ],
)
def test_c1_other_sites_and_methods_are_refused(
    small: Front, headers: Mapping[str, str]
) -> None:
    browser = small.browser().enter(small.person())
    answer = browser.post("/sign-out", page="/account", headers=headers)
    assert answer.status_code == 403
    assert browser.get("/account").status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "", "text/xml"])
def test_c1_only_forms_are_forms(small: Front, kind: str) -> None:
    browser = small.browser().enter(small.person())
    answer = browser.client.post(
        "/sign-out", data=f"form_token={browser.token}", content_type=kind
    )
    assert answer.status_code == 403


def test_c1_own_pages_may(small: Front) -> None:
    headers = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    browser = small.browser().enter(small.person())
    answer = browser.post("/sign-out", page="/account", headers=headers)
    assert answer.status_code == 303
    assert browser.get("/account").status_code == 303


MARKUP = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'{{7*7}}"


def test_c2_markup_is_text_wherever_it_came_from(small: Front) -> None:
    who = small.person()

    def rename(session: Session) -> None:
        session.get_one(Account, who.number).display_name = MARKUP

    small.back.store.write(rename, now=NOW)
    browser = small.browser()
    browser.client.environ_base["HTTP_USER_AGENT"] = MARKUP
    browser.enter(who)
    shown = [
        browser.get("/account"),
        browser.get("/accounts"),
        browser.get(f"/accounts/{who.number}"),
        browser.post("/accounts/new", {"login": MARKUP, "display_name": MARKUP}),
        browser.get(f"/sign-in?next={MARKUP}"),
        browser.get(f"/nowhere{MARKUP}"),
    ]
    for answer in shown:
        page = answer.get_data(as_text=True)
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert ">49" not in page


def test_c2_every_answer_carries_the_policy(small: Front) -> None:
    browser = small.browser()
    paths = ["/sign-in", "/nowhere", "/static/style.css", "/account"]
    for path in paths:
        headers = browser.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "form-action 'self'" in policy
        assert "base-uri 'none'" in policy
        assert "object-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        if not path.startswith("/static"):
            assert headers["Cache-Control"] == "no-store"


def test_c2_no_page_has_inline_script_or_style(small: Front) -> None:
    browser = small.browser().enter(small.person())
    for path in ("/", "/account", "/account/factors", "/accounts", "/accounts/1"):
        page = browser.get(path).get_data(as_text=True)
        assert "<style" not in page
        assert not re.search(r"\sstyle=|\son[a-z]+=|javascript:", page)
        assert not re.search(r"<script(?! src=)", page)


@pytest.mark.parametrize(
    "extra", [{"status": "x"}, {"roles": "admin"}, {"economy": "NZL"}]
)
def test_c5_fields_that_no_form_has_are_refused(
    small: Front, extra: dict[str, str]
) -> None:
    browser = small.browser().enter(small.person())
    fields = {"login": "new.one", "display_name": "New", "reason": "joins"}
    answer = browser.post("/accounts/new", fields | extra, page="/accounts/new")
    assert answer.status_code == 400
    assert next(iter(extra)) in browser.page
    assert (
        browser.post("/accounts/new", fields, page="/accounts/new").status_code == 200
    )
    assert "one-time code" in browser.page


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "localhost@evil", "", "127.0.0.2"],
)
def test_c7_a_forged_host_is_refused(small: Front, host: str) -> None:
    for path in ("/sign-in", "/static/style.css", "/nowhere"):
        answer = small.app.test_client().get(path, headers={"Host": host})
        assert answer.status_code == 400
        assert "evil" not in answer.get_data(as_text=True)


def test_c7_forwarded_headers_count_only_from_own_proxies(small: Front) -> None:
    """Whoever asks could write them: thirty tries are thirty tries, at any door.

    Most are at the door that compares no password: each comparison takes long.
    """
    headers = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    answer = small.app.test_client().get("/account", headers=headers)
    assert answer.headers["Location"] == "/sign-in?next=/account"
    statuses = []
    for number, path in enumerate(["/sign-in/first"] * 29 + ["/sign-in"] * 2):
        browser = small.browser()
        browser.get(path)
        statuses.append(
            browser.post(
                path,
                {"login": "x"},
                headers={"X-Forwarded-For": f"1.1.1.{number}"},
            ).status_code
        )
    assert statuses[:30] == [400] * 30
    assert statuses[30] == 429
    small.clock.passes(minutes=1)
    again = small.browser().post("/sign-in", {"login": "x"}, page="/sign-in")
    assert again.status_code == 400
    proxied = small.with_web(proxies=1)
    for number in range(31):
        browser = proxied.browser()
        browser.get("/sign-in/first")
        answer = browser.post(
            "/sign-in/first",
            {"login": "x"},
            headers={"X-Forwarded-For": f"6.6.6.6, 1.1.1.{number}"},
        )
        assert answer.status_code == 400


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        " //evil.example",
        "/%0a/evil",
    ],
)
def test_c7_where_to_go_next_is_always_here(small: Front, target: str) -> None:
    who, browser = small.person(), small.browser()
    browser.get("/sign-in")
    fields = {"login": who.login, "password": PASSWORD, "next": target}
    assert browser.post("/sign-in", fields).status_code == 303
    small.clock.passes(seconds=30)
    code = who.code(small.clock.now)
    answer = browser.post("/sign-in/factor", {"code": code}, page="/sign-in/factor")
    place = answer.headers["Location"]
    assert place in {"/", "/%0a/evil"}


def test_next_leads_back_to_the_page(small: Front) -> None:
    who, browser = small.person(), small.browser()
    place = browser.get("/accounts?closed=1").headers["Location"]
    browser.get(place)
    fields = {"login": who.login, "password": PASSWORD, "next": "/accounts?closed=1"}
    browser.post("/sign-in", fields)
    small.clock.passes(seconds=30)
    fields = {"code": who.code(small.clock.now)}
    answer = browser.post("/sign-in/factor", fields, page="/sign-in/factor")
    assert answer.headers["Location"] == "/accounts?closed=1"


def test_c7_secure_cookies_and_https_only(small: Front) -> None:
    front = small.with_web(secure=True, hosts=("abtc.example",))
    browser = front.browser()
    answer = browser.get("/sign-in")
    assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]
    answer = browser.password(front.person())
    cookies = answer.headers.getlist("Set-Cookie")
    session = next(each for each in cookies if "abtc-session" in each)
    assert session.startswith("__Host-abtc-session=")
    for wanted in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax"):
        assert wanted in session
    assert "Domain" not in session
    assert all("Secure" in each and "HttpOnly" in each for each in cookies)


def test_c8_canaries_are_in_no_error_and_no_log(
    small: Front, caplog: pytest.LogCaptureFixture
) -> None:
    """What people enter is in neither, whatever goes wrong with it."""
    caplog.set_level(logging.DEBUG)
    browser = small.browser().enter(small.person())
    fields = {"login": CANARY, "display_name": CANARY, "reason": CANARY,
              CANARY: CANARY, "form_token": browser.token}  # fmt: skip
    for path in [*posts(small), f"/{CANARY}"]:
        browser.client.post(path, data=fields)
    browser = small.browser().enter(small.person())
    small.back.store.engine.dispose()
    small.app.view_functions["start.index"] = _fails
    answer = browser.get("/")
    assert answer.status_code == 500
    assert CANARY not in answer.get_data(as_text=True)
    assert "Traceback" not in answer.get_data(as_text=True)
    assert CANARY not in caplog.text
    reference = re.search(r"reference (\w{8})<", answer.get_data(as_text=True))
    assert reference
    assert f"reference={reference[1]}" in caplog.text
    assert PASSWORD not in caplog.text


def _fails() -> str:
    raise RuntimeError(f"something about {CANARY}")


def test_standard_pages_have_words_and_a_code(small: Front) -> None:
    browser = small.browser().enter(small.person(roles=[Role.AUDIT]))
    seen = {
        404: browser.get("/nowhere"),
        403: browser.get("/accounts/new"),
        405: browser.client.delete("/accounts"),
        413: browser.post("/sign-out", {"x": "y" * 17 * 2**20}),
        401: small.browser().post("/sign-out", page="/sign-in"),
    }
    for status, answer in seen.items():
        page = answer.get_data(as_text=True)
        assert answer.status_code == status
        assert f"{status} · http.{status} · reference" in page
        assert "<h1>" in page


def test_a_database_that_is_away_is_503(small: Front) -> None:
    browser = small.browser().enter(small.person())
    path = str(small.back.store.engine.url.database)
    small.back.store.close()
    with open(path, "r+b") as file:
        file.truncate(0)
    answer = browser.get("/accounts")
    assert answer.status_code == 503
    assert b"Nothing was changed" in answer.data


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000,
        '{"a":' * 5_000 + "1" + "}" * 5_000,
        "null",
        '"x"',
        '{"id": 1e999}',
        '{"id":"a","rawId":"a","type":"public-key","response":{}}',
        "9" * 10_000,
        "\ud800",
    ],
)
def test_deep_and_odd_json_is_refused_in_words(small: Front, body: str) -> None:
    who, browser = small.person(), small.browser()
    browser.password(who)
    browser.get("/sign-in/factor")
    sent = body.encode("utf-8", "replace").decode()
    fields = {"passkey": sent}
    assert browser.post("/sign-in/factor", fields).status_code == 400
    browser = small.browser().enter(who)
    fields = {"passkey": sent, "label": "x"}
    answer = browser.post("/account/factors", fields, page="/account/factors")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("fields", "status"),
    [({f"f{n}": "x" for n in range(501)}, 413), ({"x": "y" * 2**20}, 413)],
)
def test_too_many_fields_and_too_long_ones(
    small: Front, fields: dict[str, str], status: int
) -> None:
    browser = small.browser().enter(small.person())
    # Put together here: the test client would leave a temporary file open.
    parts = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (fields | {"form_token": browser.token}).items()
    )
    answer = browser.client.post(
        "/sign-out",
        data=f"{parts}--b--\r\n".encode(),
        content_type="multipart/form-data; boundary=b",
    )
    assert answer.status_code == status
