"""Passkeys that are honest, and such as lie in one thing."""

from collections.abc import Callable
from html import unescape

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.issuer.web.authenticator import PRESENT, Authenticator
from tests.issuer.web.front import Browser, Front, PersonWithPhone


def question(browser: Browser, path: str) -> str:
    browser.get(path)
    return unescape(browser.page.split('data-question="')[1].split('"')[0])


def add(browser: Browser, answer: str) -> int:
    fields = {"passkey": answer, "label": "key"}
    return browser.post("/account/factors", fields).status_code


def enrolled(front: Front) -> tuple[PersonWithPhone, Authenticator]:
    who, device = front.person(), Authenticator()
    browser = front.browser().enter(who)
    assert add(browser, device.make(question(browser, "/account/factors"))) == 303
    return who, device


def half_way(front: Front, who: PersonWithPhone) -> Browser:
    browser = front.browser()
    assert browser.password(who).status_code == 303
    return browser


def show(browser: Browser, answer: str) -> int:
    return browser.post("/sign-in/factor", {"passkey": answer}).status_code


def test_a_passkey_opens_the_pages(front: Front) -> None:
    who, device = enrolled(front)
    browser = half_way(front, who)
    assert show(browser, device.show(question(browser, "/sign-in/factor"))) == 303
    assert browser.get("/").status_code == 200


Lie = Callable[[Authenticator, str], str]


def _origin(device: Authenticator, asked: str) -> str:
    device.origin = "http://localhost.evil.example"
    return device.show(asked)


def _domain(device: Authenticator, asked: str) -> str:
    device.domain = "evil.example"
    return device.show(asked)


def _nobody_verified(device: Authenticator, asked: str) -> str:
    return device.show(asked, flags=PRESENT)


def _other_key(device: Authenticator, asked: str) -> str:
    return device.show(asked, key=ec.generate_private_key(ec.SECP256R1()))


def _other_credential(device: Authenticator, asked: str) -> str:
    device.credential_id = b"d" * 32
    return device.show(asked)


def _other_challenge(device: Authenticator, _asked: str) -> str:
    return device.show('{"challenge": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}')


def _too_long(device: Authenticator, asked: str) -> str:
    return device.show(asked) + " " * 20_000


@pytest.mark.parametrize(
    "lie",
    [_origin, _domain, _nobody_verified, _other_key, _other_credential,
     _other_challenge, _too_long],
)  # fmt: skip
def test_one_lie_is_enough(small: Front, lie: Lie) -> None:
    who, device = enrolled(small)
    browser = half_way(small, who)
    asked = question(browser, "/sign-in/factor")
    assert show(browser, lie(device, asked)) == 400
    assert browser.get("/").status_code == 303
    assert small.account(who).failures == 1


def test_an_answer_is_good_once(small: Front) -> None:
    who, device = enrolled(small)
    browser = half_way(small, who)
    answer = device.show(question(browser, "/sign-in/factor"))
    other = half_way(small, who)
    question(other, "/sign-in/factor")
    assert show(other, answer) == 400
    assert show(browser, answer) == 303
    again = half_way(small, who)
    assert show(again, answer) == 403  # no form was opened
    question(again, "/sign-in/factor")
    assert show(again, answer) == 400


def test_a_copy_that_counts_anew_is_refused(front: Front) -> None:
    who, device = enrolled(front)
    for _ in range(3):
        browser = half_way(front, who)
        assert show(browser, device.show(question(browser, "/sign-in/factor"))) == 303
    device.count = 1
    browser = half_way(front, who)
    assert show(browser, device.show(question(browser, "/sign-in/factor"))) == 400


def test_somebody_elses_passkey_is_nobodys(small: Front) -> None:
    _, device = enrolled(small)
    other = small.person()
    browser = small.browser().enter(other)
    asked = question(browser, "/account/factors")
    assert add(browser, device.make(asked)) == 409
    assert "in use already" in browser.page
    browser = half_way(small, other)
    browser.get("/sign-in/factor")
    asked = '{"challenge": "AAAA"}'
    assert show(browser, device.show(asked)) == 400


@pytest.mark.parametrize("flags", [0, PRESENT])
def test_a_passkey_that_asks_nobody_is_not_taken(small: Front, flags: int) -> None:
    browser = small.browser().enter(small.person())
    asked = question(browser, "/account/factors")
    assert add(browser, Authenticator().make(asked, flags=flags)) == 400


def test_the_last_factor_stays(front: Front) -> None:
    who, device = enrolled(front)
    browser = front.browser().enter(who)
    browser.get("/account")
    number = browser.page.split('action="/account/passkeys/')[1].split('"')[0]
    stranger = front.browser().enter(front.person())
    stranger.post(f"/account/passkeys/{number}")
    browser.get("/account")
    assert browser.page.count("/account/passkeys/") == 1
    assert browser.post(f"/account/passkeys/{number}").status_code == 303
    browser.get("/account")
    assert "/account/passkeys/" not in browser.page
    assert device.count == 0


def test_ten_passkeys_are_enough(small: Front) -> None:
    browser = small.browser().enter(small.person())
    for number in range(11):
        device = Authenticator(credential_id=bytes([number]) * 32)
        status = add(browser, device.make(question(browser, "/account/factors")))
        assert status == (303 if number < 10 else 409)
