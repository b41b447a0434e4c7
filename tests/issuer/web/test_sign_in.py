"""Signing in by password and code, sessions, and what guessing brings."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from issuer import sessions
from issuer.accounts import (
    AccountRequest,
    CreateAccount,
    FirstCode,
    create_account,
    reset_factors,
)
from issuer.errors import Invalid, NotProven
from issuer.sign_in import TRIES, Entrance
from issuer.store import Account, AccountKind, AuditRow, BrowserSession, Role
from tests.issuer.web.front import PASSWORD, Browser, Front, PersonWithPhone
from tests.simulator import NOW

NEW = "nine brown otters dive"


def entrance(front: Front) -> Entrance:
    found: Entrance = front.app.extensions["abtc"].entrance
    return found


def tags(front: Front, who: int) -> list[str]:
    def work(session: Session) -> list[str]:
        query = select(AuditRow.tag).where(AuditRow.actor_id == who)
        return list(session.scalars(query.order_by(AuditRow.seq)))

    return front.back.store.read(work)


def made(front: Front, login: str = "new.one") -> FirstCode:
    return create_account(
        front.back.desk("AUS", roles={Role.ADMIN}),
        CreateAccount(login=login, display_name="New One", kind=AccountKind.PERSON),
    )


def test_password_and_code_open_the_pages(front: Front) -> None:
    who = front.person()
    browser = front.browser().sign_in(who)
    assert browser.get("/").status_code == 200
    assert tags(front, who.number) == ["account:signed_in"]
    assert browser.post("/sign-out", page="/account").status_code == 303
    assert browser.get("/").status_code == 303
    assert tags(front, who.number)[-1] == "account:signed_out"


def test_a_code_is_good_once(front: Front) -> None:
    who = front.person()
    entrance(front).totp(who.number, who.code(NOW), now=NOW)
    for moment in (NOW, NOW + timedelta(seconds=29)):
        with pytest.raises(NotProven):
            entrance(front).totp(who.number, who.code(NOW), now=moment)
    later = NOW + timedelta(seconds=30)
    with pytest.raises(NotProven):
        entrance(front).totp(who.number, who.code(NOW - timedelta(seconds=30)), now=NOW)
    entrance(front).totp(who.number, who.code(later), now=later)


def test_one_code_shown_twice_at_once_opens_once(front: Front) -> None:
    who = front.person()

    def shows(_: int) -> bool:
        try:
            entrance(front).totp(who.number, who.code(NOW), now=NOW)
        except NotProven:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(shows, range(4))) == 1


@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "0" * 5000]
)
def test_no_code_is_no_code(small: Front, code: str) -> None:
    who = small.person()
    with pytest.raises(NotProven):
        entrance(small).totp(who.number, code, now=NOW)


def test_l6_many_guesses_at_once_are_five(front: Front) -> None:
    """A try is counted before it is made, so none slips through beside another."""
    who = front.person()

    def guesses(number: int) -> bool:
        try:
            entrance(front).password(who.login, f"wrong {number}", now=NOW)
        except NotProven:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(guesses, range(12)))
    assert front.account(who).failures == TRIES
    assert tags(front, who.number) == ["account:refused"] * TRIES
    with pytest.raises(NotProven):
        entrance(front).password(who.login, PASSWORD, now=NOW)
    after = NOW + timedelta(minutes=1)
    assert entrance(front).password(who.login, PASSWORD, now=after) == who.number


def test_waits_grow_and_end(small: Front) -> None:
    who, now = small.person(), NOW
    for failures in range(1, 14):
        with pytest.raises(NotProven):
            entrance(small).totp(who.number, "000000", now=now)
        account = small.account(who)
        assert account.failures == failures
        minutes = 0 if failures < TRIES else min(60, 2 ** (failures - TRIES))
        waits = (account.locked_until or now) - now
        assert waits == timedelta(minutes=minutes)
        now += waits
    assert entrance(small).password(who.login, PASSWORD, now=now) == who.number
    entrance(small).totp(who.number, who.code(now), now=now)
    assert small.account(who).failures == 0


def test_a_good_password_forgives_no_wrong_codes(small: Front) -> None:
    """Otherwise who has the password could guess codes for ever."""
    who = small.person()
    for _ in range(TRIES):
        entrance(small).password(who.login, PASSWORD, now=NOW)
        with pytest.raises(NotProven):
            entrance(small).totp(who.number, "000000", now=NOW)
    with pytest.raises(NotProven):
        entrance(small).password(who.login, PASSWORD, now=NOW)
    with pytest.raises(NotProven):
        entrance(small).totp(who.number, who.code(NOW), now=NOW)


def test_unknown_wrong_and_waiting_look_the_same(small: Front) -> None:
    """And cost the same work: a password is compared each time."""
    who, closed = small.person(), small.person()
    close(small, closed)
    pages = []
    for login, password in (
        ("nobody-here", PASSWORD),
        (who.login, "wrong"),
        (closed.login, PASSWORD),
        ("system-aus", PASSWORD),
    ):
        browser = small.browser()
        answer = browser.post(
            "/sign-in", {"login": login, "password": password}, page="/sign-in"
        )
        assert answer.status_code == 400
        text = browser.page.replace(browser.token, "").replace(login, "")
        pages.append(text)
    for _ in range(TRIES):
        with pytest.raises(NotProven):
            entrance(small).password(who.login, "wrong", now=small.clock.now)
    browser = small.browser()
    assert browser.password(who).status_code == 400
    pages.append(browser.page.replace(browser.token, "").replace(who.login, ""))
    assert len(set(pages)) == 1


def test_a_comparison_is_made_for_nobody_as_well(
    small: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    real = PasswordHasher.verify

    def counted(self: PasswordHasher, kept: str, password: str) -> object:
        calls.append(kept)
        return real(self, kept, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    for login in ("nobody-here", "system-aus", "ann-aus"):
        with pytest.raises(NotProven):
            entrance(small).password(login, "x", now=NOW)
    assert len(calls) == 3
    assert all(kept.startswith("$argon2id$") for kept in calls)


def test_a_weaker_hash_is_renewed(small: Front) -> None:
    who = small.person()
    weak = PasswordHasher(time_cost=1, memory_cost=1024).hash(PASSWORD)

    def weaken(session: Session) -> None:
        session.get_one(Account, who.number).password_hash = weak

    small.back.store.write(weaken, now=NOW)
    entrance(small).password(who.login, PASSWORD, now=NOW)
    kept = small.account(who).password_hash
    assert kept != weak
    entrance(small).password(who.login, PASSWORD, now=NOW)
    assert small.account(who).password_hash == kept


def first(front: Front, code: str, password: str = NEW, **more: str) -> Browser:
    browser = front.browser()
    fields = {"login": "new.one", "code": code, "password": password,
              "again": password} | more  # fmt: skip
    browser.post("/sign-in/first", fields, page="/sign-in/first")
    return browser


def test_the_first_time_sets_password_and_second_factor(front: Front) -> None:
    given = made(front)
    assert given.code
    browser = first(front, given.code.lower().replace("-", " "))
    assert browser.get("/").status_code == 303
    answer = browser.get("/sign-in/factor")
    assert answer.headers["Location"] == "/sign-in/enrol"
    browser.get("/sign-in/enrol")
    assert browser.post("/sign-in/enrol", {"code": "000000"}).status_code == 400
    assert browser.get("/accounts").status_code == 303
    browser.get("/sign-in/enrol")
    secret = browser.page.split('class="secret">')[1].split("<")[0].replace(" ", "")
    who = PersonWithPhone(number=given.account, login="new.one", secret=secret)
    code = who.code(front.clock.now)
    assert browser.post("/sign-in/enrol", {"code": code}).status_code == 303
    assert browser.get("/").status_code == 200
    assert "waits for a second administrator" in browser.page
    # What was used to enrol is used up, and the code as well.
    with pytest.raises(NotProven):
        entrance(front).totp(given.account, code, now=front.clock.now)
    again = first(front, given.code)
    assert "is not right" in again.page


@pytest.mark.parametrize(
    ("password", "word"),
    [("short", "12 characters"), ("aaaaaaaaaaaaaaa", "different"),
     ("my new.one password", "login")],
)  # fmt: skip
def test_an_easy_password_is_refused_and_the_code_stays_good(
    small: Front, password: str, word: str
) -> None:
    code = made(small).code or ""
    assert word in first(small, code, password).page
    assert "not the same" in first(small, code, again="another").page
    assert first(small, code).get("/sign-in/enrol").status_code == 200


def test_a_one_time_code_ends(small: Front) -> None:
    given = made(small)
    assert given.ends_at
    small.clock.now = given.ends_at
    assert "is not right" in first(small, given.code or "").page


def test_guessing_a_one_time_code_ends_after_five(small: Front) -> None:
    given = made(small)
    for _ in range(TRIES):
        with pytest.raises(NotProven):
            entrance(small).first("new.one", "AAAA", NEW, now=NOW)
    with pytest.raises(NotProven):
        entrance(small).first("new.one", given.code or "", NEW, now=NOW)


def test_a_reset_takes_everything_away(front: Front) -> None:
    who = front.person()
    browser = front.browser().sign_in(who)
    given = reset_factors(front.back.desk("AUS"), AccountRequest(account=who.number))
    assert browser.get("/").status_code == 303
    assert front.browser().password(who).status_code == 400
    account = front.account(who)
    assert (account.totp_secret, account.password_hash) == (None, None)
    assert entrance(front).first(who.login, given.code or "", NEW,
                                 now=front.clock.now) == who.number  # fmt: skip


def test_secrets_are_kept_sealed_or_hashed(front: Front) -> None:
    who = front.person()
    browser = front.browser().sign_in(who)
    account = front.account(who)
    assert who.secret not in str(account.totp_secret)
    key = front.settings.key
    assert key.unseal("totp", str(who.number), account.totp_secret or "") == who.secret
    with pytest.raises(ValueError, match="not sealed here"):
        key.unseal("totp", str(who.number + 1), account.totp_secret or "")

    def hashes(session: Session) -> list[bytes]:
        return list(session.scalars(select(BrowserSession.token_hash)))

    assert all(browser.session.encode() not in each and len(each) == 32
               for each in front.back.store.read(hashes))  # fmt: skip


def close(front: Front, who: PersonWithPhone) -> None:
    def work(session: Session) -> None:
        session.get_one(Account, who.number).closed_at = NOW

    front.back.store.write(work, now=NOW)


def test_c6_a_planted_token_is_worth_nothing(front: Front) -> None:
    """Fixation: each step gives a new token, and the old one ends."""
    who, browser = front.person(), front.browser()
    browser.client.set_cookie("abtc-session", "planted", domain="localhost")
    browser.password(who)
    half = browser.session
    front.clock.passes(seconds=30)
    code = who.code(front.clock.now)
    browser.post("/sign-in/factor", {"code": code}, page="/sign-in/factor")
    whole = browser.session
    assert len({"planted", half, whole}) == 3
    for token in ("planted", half):
        assert sessions.find(front.back.store, token, now=front.clock.now) is None
    thief = front.browser()
    thief.client.set_cookie("abtc-session", half, domain="localhost")
    assert thief.get("/").status_code == 303


def test_c6_a_new_password_gives_a_new_token(front: Front) -> None:
    who = front.person()
    browser, other = front.browser().sign_in(who), front.browser().sign_in(who)
    before = browser.session
    fields = {"current": PASSWORD, "new": NEW, "again": NEW}
    page = "/account/password"
    assert browser.post(page, fields, page=page).status_code == 303
    assert browser.session != before
    assert browser.get("/").status_code == 200
    assert other.get("/").status_code == 303
    assert front.browser().password(who).status_code == 400
    assert front.browser().password(who, NEW).status_code == 303


def test_a_wrong_current_password_changes_nothing(small: Front) -> None:
    who = small.person()
    browser, page = small.browser().enter(who), "/account/password"
    fields = {"current": "wrong", "new": NEW, "again": NEW}
    assert browser.post(page, fields, page=page).status_code == 400
    assert "This is not your password" in browser.page
    assert NEW not in browser.page
    assert small.browser().password(who).status_code == 303


def test_c6_signed_out_is_signed_out(front: Front) -> None:
    browser = front.browser().sign_in(front.person())
    token = browser.session
    browser.post("/sign-out", page="/account")
    thief = front.browser()
    thief.client.set_cookie("abtc-session", token, domain="localhost")
    assert thief.get("/").status_code == 303


def test_c6_closed_and_role_taken_hold_at_once(front: Front) -> None:
    who = front.person(roles=[Role.ADMIN])
    browser = front.browser().sign_in(who)
    front.take_roles(who)
    assert browser.get("/accounts").status_code == 403
    assert browser.get("/").status_code == 200
    close(front, who)
    assert browser.get("/").status_code == 303


def test_c6_fifteen_minutes_without_a_page_end_a_session(front: Front) -> None:
    browser = front.browser().sign_in(front.person())
    for _ in range(4):
        front.clock.passes(minutes=14)
        assert browser.get("/").status_code == 200
    front.clock.passes(minutes=15)
    assert browser.get("/").status_code == 303


def test_c6_eight_hours_end_a_busy_session_and_a_new_token_keeps_them(
    small: Front,
) -> None:
    who = small.person()
    browser = small.browser().enter(who)
    fields = {"current": PASSWORD, "new": NEW, "again": NEW}
    browser.post("/account/password", fields, page="/account/password")
    for _ in range(8 * 60 // 14):
        small.clock.passes(minutes=14)
        assert browser.get("/").status_code == 200
    small.clock.passes(minutes=4)
    assert browser.get("/").status_code == 303


def test_c6_signing_in_takes_ten_minutes_at_most(small: Front) -> None:
    who, browser = small.person(), small.browser()
    browser.password(who)
    small.clock.passes(minutes=10)
    assert browser.get("/sign-in/factor").headers["Location"] == "/sign-in"


def test_c6_sessions_are_listed_and_ended(front: Front) -> None:
    who, stranger = front.person(), front.person()
    browser, other = front.browser().enter(who), front.browser()
    other.client.environ_base["HTTP_USER_AGENT"] = "The browser on the train"
    other.enter(who)
    away = front.browser().enter(stranger)
    browser.get("/account")
    assert browser.page.count("The browser on the train") == 1
    path = browser.page.split('action="/account/sessions/')[1].split('"')[0]
    away.get("/account")
    assert away.post(f"/account/sessions/{path}").status_code == 404
    assert other.get("/").status_code == 200
    assert browser.post(f"/account/sessions/{path}").status_code == 303
    assert other.get("/").status_code == 303
    assert browser.get("/").status_code == 200


def test_c6_factors_change_only_freshly_signed_in(small: Front) -> None:
    browser = small.browser().enter(small.person())
    assert browser.get("/account/factors").status_code == 200
    small.clock.passes(minutes=10)
    assert browser.get("/account/factors").status_code == 403
    assert browser.post("/account/factors", page="/account").status_code == 403
    assert browser.post("/account/passkeys/1", page="/account").status_code == 403


def test_old_sessions_are_swept_out(small: Front) -> None:
    who = small.person()
    for _ in range(3):
        small.browser().enter(who)
    small.clock.passes(days=2)
    small.browser().enter(who)
    count = small.back.store.read(
        lambda session: session.scalar(select(func.count(BrowserSession.id)))
    )
    assert count == 1


def test_what_a_session_keeps_is_no_secret_in_clear(small: Front) -> None:
    who = small.person()
    browser = small.browser().enter(who)
    browser.get("/account/factors")
    shown = browser.page.split('class="secret">')[1].split("<")[0].replace(" ", "")

    def states(session: Session) -> list[str]:
        return list(session.scalars(select(BrowserSession.state)))

    kept = small.back.store.read(states)
    assert all(shown not in each for each in kept)
    assert all(isinstance(json.loads(each), dict) for each in kept)


def test_an_easy_new_password_is_refused(small: Front) -> None:
    with pytest.raises(Invalid):
        entrance(small).first("new.one", "x", "short", now=NOW)
