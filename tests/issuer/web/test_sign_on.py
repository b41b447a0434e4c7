"""A ministry's own sign-on, honest and hostile, over real sockets."""

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import ECKey, RSAKey
from werkzeug.test import TestResponse

from issuer import accounts
from issuer.accounts import LinkSignOn
from issuer.errors import Conflict, Forbidden
from issuer.installation import SignOn
from issuer.web import create_app
from tests.issuer.web import provider as providers
from tests.issuer.web.front import Browser, Front, PersonWithPhone
from tests.issuer.web.provider import CLIENT, SECRET, Provider

pytestmark = pytest.mark.enable_socket
OTHER = RSAKey.generate_key(2048, {"kid": "1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ministry:
    provider: Provider
    front: Front
    who: PersonWithPhone

    def go(self, browser: Browser) -> str:
        """Begin here, sign in there; return where the browser is sent back to."""
        answer = browser.post("/sign-in/ministry", page="/sign-in")
        assert answer.status_code == 200, browser.page
        address = browser.page.split('class="button" href="')[1].split('"')[0]
        return follow(address.replace("&amp;", "&"))

    def arrive(self, browser: Browser, address: str) -> TestResponse:
        parts = urlsplit(address)
        return browser.get(f"{parts.path}?{parts.query}")


def follow(address: str) -> str:
    parts = urlsplit(address)
    connection = HTTPConnection(parts.hostname or "", parts.port)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        return connection.getresponse().headers["Location"]
    finally:
        connection.close()


@pytest.fixture
def ministry(small: Front) -> Iterator[Ministry]:
    with providers.running(lambda: int(small.clock.now.timestamp())) as provider:
        sign_on = SignOn(issuer=provider.issuer, client_id=CLIENT, economy="AUS")
        front = small.with_web(sign_on=sign_on)
        settings = replace(front.settings, sign_on_secret=SECRET, clock=small.clock)
        app = create_app(small.back.office, settings)
        front = replace(front, app=app, settings=settings)
        who = front.person()
        accounts.link_sign_on(
            front.back.desk("AUS"), LinkSignOn(account=who.number, subject="person-1")
        )
        yield Ministry(provider=provider, front=front, who=who)


def test_the_ministry_says_who_it_is_and_a_second_factor_follows(
    ministry: Ministry,
) -> None:
    browser = ministry.front.browser()
    answer = ministry.arrive(browser, ministry.go(browser))
    assert answer.headers["Location"] == "/sign-in/factor"
    assert browser.get("/").status_code == 303
    ministry.front.clock.passes(seconds=30)
    code = ministry.who.code(ministry.front.clock.now)
    browser.post("/sign-in/factor", {"code": code}, page="/sign-in/factor")
    assert browser.get("/").status_code == 200
    asked = ministry.provider.asked[0]
    assert asked["code_challenge_method"] == "S256"
    assert asked["scope"] == "openid"
    assert min(len(asked["state"]), len(asked["nonce"])) >= 43


def test_roles_and_accounts_are_kept_here(ministry: Ministry) -> None:
    """Whom no administrator has linked is nobody, whatever the ministry says."""
    ministry.provider.subject = "person-2"
    ministry.provider.claims = {"roles": ["admin"], "email": "ann-aus"}
    assert refused(ministry)


def test_the_sign_on_of_one_economy_opens_no_other(ministry: Ministry) -> None:
    theirs = ministry.front.person("NZL")
    with pytest.raises(Conflict, match=r"sign_on\.none"):
        accounts.link_sign_on(
            ministry.front.back.desk("NZL"),
            LinkSignOn(account=theirs.number, subject="person-2"),
        )


def test_one_person_is_linked_to_one_account(ministry: Ministry) -> None:
    other = ministry.front.back.desk("AUS", who="bob").actor.account_id
    with pytest.raises(Forbidden, match="uq_account_oidc_subject"):
        accounts.link_sign_on(
            ministry.front.back.desk("AUS"),
            LinkSignOn(account=other, subject="person-1"),
        )


def refused(ministry: Ministry, **query: str) -> bool:
    browser = ministry.front.browser()
    address = ministry.go(browser)
    answer = ministry.arrive(browser, address)
    assert answer.status_code == 400, answer.status
    assert "did not say who you are" in browser.page
    return browser.get("/sign-in/factor").headers["Location"] == "/sign-in"


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": 7},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another-client"},
        {"aud": ["another-client"]},
        {"aud": [CLIENT, "another-client"]},
        {"aud": [CLIENT, "another-client"], "azp": "another-client"},
        {"aud": CLIENT, "azp": "another-client"},
        {"aud": None},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"exp": "9999999999"},
        {"exp": True},
        {"exp": 1e12},
        {"iat": 99_999_999_999},
        {"iat": None},
        {"sub": None},
        {"sub": ""},
        {"sub": ["person-1"]},
        {"sub": "x" * 256},
    ],
)
def test_a_token_that_says_something_else_is_refused(
    ministry: Ministry, claims: dict[str, Any]
) -> None:
    ministry.provider.claims = claims
    assert refused(ministry)


def test_an_expired_token_is_refused_to_the_second(ministry: Ministry) -> None:
    now = ministry.provider.now()
    ministry.provider.claims = {"exp": now - 60}
    assert refused(ministry)
    ministry.provider.claims = {"exp": now - 59}
    browser = ministry.front.browser()
    assert ministry.arrive(browser, ministry.go(browser)).status_code == 303


def part(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unsigned(claims: dict[str, Any]) -> str:
    return f"{part({'alg': 'none'})}.{part(claims)}."


def keyed_by(secret: bytes) -> Callable[[dict[str, Any]], str]:
    def sign(claims: dict[str, Any]) -> str:
        text = f"{part({'alg': 'HS256', 'kid': '1'})}.{part(claims)}"
        return f"{text}.{part(hmac.digest(secret, text.encode(), 'sha256'))}"

    return sign


def test_alg_none_is_refused(ministry: Ministry) -> None:
    ministry.provider.sign = unsigned
    assert refused(ministry)


def test_a_shared_secret_signs_nothing(ministry: Ministry) -> None:
    """Neither the client's secret nor the provider's public key as one."""
    pem = ministry.provider.key.as_pem(private=False)
    for secret in (SECRET.encode(), pem):
        ministry.provider.sign = keyed_by(secret)
        assert refused(ministry)


def test_another_key_is_refused_also_under_the_same_name(ministry: Ministry) -> None:
    ministry.provider.by(OTHER, "RS256", "1")
    assert refused(ministry)
    ministry.provider.by(OTHER, "RS256", "2")
    assert refused(ministry)


def test_an_algorithm_off_the_list_is_refused(ministry: Ministry) -> None:
    key = ECKey.generate_key("P-384", {"kid": "1"})
    ministry.provider.by(key, "ES384", "1")
    assert refused(ministry)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", 7, None, "a" * 300_000])
def test_no_token_is_refused(ministry: Ministry, token: Any) -> None:
    ministry.provider.sign = lambda _: token
    browser = ministry.front.browser()
    answer = ministry.arrive(browser, ministry.go(browser))
    assert answer.status_code in {400, 503}


@pytest.mark.parametrize(
    "query",
    [
        {"state": "another"},
        {"state": ""},
        {"state": "ü"},
        {"iss": "https://evil.example"},
        {"iss": ""},
        {"code": ""},
        {"error": "access_denied"},
    ],
)
def test_an_answer_to_another_question_is_refused(
    ministry: Ministry, query: dict[str, str]
) -> None:
    """A mixed-up provider shows by ``iss`` (RFC 9207), others by ``state``."""
    ministry.provider.query = query
    assert refused(ministry)


def test_an_answer_is_good_once_and_in_one_browser(ministry: Ministry) -> None:
    browser = ministry.front.browser()
    address = ministry.go(browser)
    thief = ministry.front.browser()
    assert ministry.arrive(thief, address).status_code == 400
    ministry.go(thief)
    assert ministry.arrive(thief, address).status_code == 400
    assert ministry.arrive(browser, address).status_code == 303
    assert ministry.arrive(browser, address).status_code == 400


def test_a_code_needs_its_verifier(ministry: Ministry) -> None:
    """A stolen code put into one's own answer is worth nothing."""
    victim, thief = ministry.front.browser(), ministry.front.browser()
    stolen = parse_qs(urlsplit(ministry.go(victim)).query)["code"][0]
    ministry.provider.query = {"code": stolen}
    address = ministry.go(thief)
    assert ministry.arrive(thief, address).status_code == 503


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": None},
    ],
)
def test_a_provider_that_is_not_itself_is_not_asked(
    ministry: Ministry, document: dict[str, Any]
) -> None:
    ministry.provider.document = document
    browser = ministry.front.browser()
    answer = browser.post("/sign-in/ministry", page="/sign-in")
    assert answer.status_code == 503
    assert "sign_on.down" in browser.page


def test_without_a_sign_on_there_is_none(small: Front) -> None:
    browser = small.browser()
    assert browser.post("/sign-in/ministry", page="/sign-in").status_code == 404
    assert "ministry" not in small.browser().get("/sign-in").get_data(as_text=True)
