"""Signing in by a code in the mail: what attackers try, and what they learn."""

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from sqlalchemy import select

from issuer.errors import Conflict, NotProven, TooMany
from issuer.operations import all_operations
from issuer.portal import accounts
from issuer.store import Account, AccountKind, Applicant, ApplicantSession
from tests.databases import Prepared
from tests.issuer.back_office import office_at
from tests.issuer.portal.applicant import HOME, Browser, Portal
from tests.issuer.web.front import Front

ANN = "ann@example.com"


def wrong(code: str) -> str:
    digits = code.replace(" ", "")
    return f"{(int(digits) + 1) % 10**8:08}"


def bare(page: str) -> str:
    """A page without what differs for every browser."""
    return re.sub(r'name="(form_token|request_key)" value="[^"]*"', "", page)


def test_a_code_opens_the_pages_and_is_good_once(portal: Portal) -> None:
    browser = portal.browser()
    assert browser.get(f"{HOME}sign-in").status_code == 200
    browser.ask(ANN)
    code = portal.letters.code(ANN)
    assert browser.show(code).headers["Location"] == HOME
    browser.get(HOME)
    assert ANN in browser.page
    other = portal.browser()
    other.get(f"{HOME}code")
    assert other.show(code).status_code == 403  # no code was asked for there


def test_spaces_in_the_code_do_not_matter(small: Portal) -> None:
    browser = small.browser()
    browser.ask(ANN)
    assert browser.show(f" {small.letters.code(ANN)} ").status_code == 303


def test_c1_five_tries_and_no_more(portal: Portal) -> None:
    """Not even the right code opens after five wrong ones."""
    browser = portal.browser()
    browser.ask(ANN)
    code = portal.letters.code(ANN)
    for _ in range(accounts.TRIES):
        assert browser.show(wrong(code)).status_code == 401
    assert browser.show(code).status_code == 401


def test_c1_w2_many_tries_at_once_are_no_more_than_five(portal: Portal) -> None:
    """Every guess is counted before it is compared."""
    store, key, now = portal.back.store, portal.settings.key, portal.clock.now
    token = accounts.ask_code(
        store, key, economy="AUS", email=ANN, place="192.0.2.1",
        queue=portal.letters, now=now,
    )  # fmt: skip

    def guess(number: int) -> None:
        with pytest.raises(NotProven):
            accounts.show_code(store, key, token=token, code=f"{number:08}", now=now)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(guess, range(24)))
    rows = store.read(lambda session: session.scalars(select(ApplicantSession)).all())
    assert [row.tries for row in rows] == [accounts.TRIES]


def test_c1_a_code_is_good_for_ten_minutes(small: Portal) -> None:
    browser = small.browser()
    browser.ask(ANN)
    small.clock.passes(minutes=9, seconds=59)
    assert browser.show(small.letters.code(ANN)).status_code == 303
    late = small.browser()
    late.ask(ANN)
    small.clock.passes(minutes=10)
    late.show(small.letters.code(ANN))
    late.get(HOME)
    assert ANN not in late.page


def test_c1_a_code_counts_only_in_the_browser_that_asked(small: Portal) -> None:
    """Whoever reads somebody's code over their shoulder has no use for it."""
    ann, eve = small.browser(), small.browser()
    ann.ask(ANN)
    code = small.letters.code(ANN)
    eve.ask(ANN)
    assert eve.show(code).status_code == 401
    assert ann.show(code).status_code == 303


def test_c1_codes_and_tokens_are_not_kept(small: Portal) -> None:
    browser = small.browser()
    browser.ask(ANN)
    code = small.letters.code(ANN).replace(" ", "")
    (row,) = small.back.store.read(
        lambda session: session.scalars(select(ApplicantSession)).all()
    )
    kept = f"{row.code_mark}{row.token_hash!r}"
    assert code not in kept
    assert browser.session not in kept


def test_c1_known_and_unknown_addresses_look_alike(small: Portal) -> None:
    """The pages, the mail and the rows are the same for both."""
    small.browser().sign_in(ANN)
    pages = []
    for email in (ANN, "bob@example.com"):
        browser = small.browser()
        answer = browser.ask(email)
        browser.get(answer.headers["Location"])
        pages.append((answer.status_code, bare(browser.page).replace(email, "")))
    assert pages[0] == pages[1]
    kinds = {(each["kind"], tuple(each["words"])) for each in small.letters.sent}
    assert len(kinds) == 1


def at_place(portal: Portal, address: str) -> Browser:
    browser = portal.browser()
    browser.client.environ_base["REMOTE_ADDR"] = address
    return browser


def test_c1_who_uses_up_the_codes_of_one_place_uses_up_their_own(small: Portal) -> None:
    """The owner of the address is elsewhere, and gets theirs."""
    for number in range(8):
        eve = at_place(small, f"2001:db8:7:7::{number}")
        answer = eve.ask(ANN)
        assert answer.status_code == (303 if number < accounts.CODES_A_PLACE else 429)
    assert len(small.letters.sent) == accounts.CODES_A_PLACE
    at_place(small, "2001:db8:7:8::1").sign_in(ANN)


def test_c1_n14_codes_that_others_have_used_up_do_not_keep_the_owner_out(
    small: Portal,
) -> None:
    """With many places: a browser of theirs goes on, and so does a code they have."""
    home = at_place(small, "192.0.2.1").sign_in(ANN)
    home.post(f"{HOME}sign-out")
    phone = at_place(small, "192.0.2.2")
    phone.ask(ANN)
    code, sent = small.letters.code(ANN), len(small.letters.sent)
    statuses = [
        at_place(small, f"198.51.100.{number}").ask(ANN).status_code
        for number in range(30)
    ]
    assert statuses.count(303) == accounts.CODES_AN_HOUR - sent
    assert len(small.letters.sent) == accounts.CODES_AN_HOUR
    assert phone.ask(ANN).status_code == 429
    assert phone.show(code).status_code == 303
    for _ in range(accounts.CODES_KNOWN):
        assert home.ask(ANN).status_code == 303
    assert home.ask(ANN).status_code == 429
    assert home.show(small.letters.code(ANN)).status_code == 303
    small.clock.passes(hours=1)
    at_place(small, "198.51.100.1").sign_in(ANN)


def test_c1_who_is_told_to_wait_is_told_how_long_and_nothing_of_the_address(
    small: Portal,
) -> None:
    """Also where nobody has an account; and what was sent is good still."""
    small.browser().sign_in(ANN)
    pages = []
    for email in (ANN, "bob@example.com"):
        browser = small.browser()
        while browser.ask(email).status_code == 303:
            small.clock.passes(minutes=1)
        assert "in 5" in browser.page
        assert f"{HOME}code" in browser.page
        assert browser.show(small.letters.code(email)).status_code == 303
        pages.append(browser.page)
    assert len(pages) == 2


def test_c1_the_mark_of_one_browser_is_no_use_for_another_address(
    small: Portal,
) -> None:
    """Nor at another economy; and it tells nobody whose it is."""
    store, key, now = small.back.store, small.settings.key, small.clock.now
    mark = accounts.remembered(key, economy="AUS", email="Ann@example.com")
    assert "ann" not in mark.lower()

    def ask(email: str, known: str) -> None:
        accounts.ask_code(
            store, key, economy="AUS", email=email, place="192.0.2.1", known=[known],
            queue=small.letters, now=now,
        )  # fmt: skip

    for email, known in (
        ("bob@example.com", mark),
        (ANN, f"x{mark}"),
        (ANN, accounts.remembered(key, economy="NZL", email=ANN)),
    ):
        with suppress(TooMany):
            for _ in range(accounts.CODES_A_PLACE + 1):
                ask(email, known)
        with pytest.raises(TooMany):
            ask(email, known)
    ask(ANN, mark)


def test_c1_one_place_cannot_ask_on_and_on(small: Portal) -> None:
    statuses = [
        small.browser().ask(f"a{number}@example.com").status_code
        for number in range(22)
    ]
    assert statuses == [303] * 20 + [429] * 2
    small.clock.passes(minutes=10)
    assert small.browser().ask(ANN).status_code == 303


@pytest.mark.parametrize(
    "email", ["", "x", "a@b", "a b@example.com", "a@ex\u0430mple.com"]
)
def test_what_is_no_address_is_refused_at_its_field(small: Portal, email: str) -> None:
    browser = small.browser()
    assert browser.ask(email).status_code == 400
    assert 'href="#email"' in browser.page
    assert small.letters.sent == []


def test_c6_a_planted_session_is_worth_nothing(portal: Portal) -> None:
    """Each step gives the browser another token."""
    browser = portal.browser()
    browser.get(f"{HOME}sign-in")
    first = browser.session
    browser.ask(ANN)
    second = browser.session
    browser.show(portal.letters.code(ANN))
    third = browser.session
    assert len({first, second, third}) == 3
    thief = portal.browser()
    for token in (first, second):
        thief.client.set_cookie("abtc-applicant", token, domain="localhost")
        thief.get(HOME)
        assert ANN not in thief.page


def test_c6_signing_out_ends_it_everywhere(portal: Portal) -> None:
    browser = portal.browser().sign_in(ANN)
    token = browser.session
    assert browser.post(f"{HOME}sign-out").status_code == 303
    thief = portal.browser()
    thief.client.set_cookie("abtc-applicant", token, domain="localhost")
    thief.get(HOME)
    assert ANN not in thief.page


def test_c6_idle_and_old_sessions_end(small: Portal) -> None:
    idle = small.browser().sign_in(ANN)
    small.clock.passes(minutes=30)
    idle.get(HOME)
    assert ANN not in idle.page
    busy = small.browser().sign_in(ANN)
    for _ in range(17):
        small.clock.passes(minutes=29)
        busy.get(HOME)
    assert ANN not in busy.page


def test_c6_an_applicant_is_no_officer_and_an_officer_no_applicant(
    small: Portal,
) -> None:
    """Two cookies, two kinds of session: neither opens the other's pages."""
    ann = small.browser().sign_in(ANN)
    for path in ("/", "/applications", "/cards", "/configuration"):
        assert ann.get(path).headers["Location"].startswith("/sign-in")
    ann.client.set_cookie("abtc-session", ann.session, domain="localhost")
    assert ann.get("/applications").status_code == 303
    front = Front.of(small.back)
    officer = front.browser().enter(front.person("AUS"))
    officer.client.set_cookie("abtc-applicant", officer.session, domain="localhost")
    officer.get(HOME)
    assert "Sign out" not in officer.page


def test_c6_an_applicant_of_one_economy_is_none_of_another(small: Portal) -> None:
    desk = small.back.desk("NZL", now=small.clock.now)
    all_operations()["portal.open"].perform(desk, {})
    ann = small.browser().sign_in(ANN)
    ann.get("/apply/NZL/")
    assert ANN not in ann.page


def test_c7_a_forged_host_and_a_foreign_target_lead_nowhere(small: Portal) -> None:
    browser = small.browser()
    answer = browser.get(f"{HOME}sign-in", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    for target in ("//evil.example", "https://evil.example", "/applications",
                   "/apply/AUS/../../x", "/apply/NZL/"):  # fmt: skip
        browser = small.browser()
        browser.ask(f"x{len(target)}@example.com")
        code = small.letters.code(f"x{len(target)}@example.com")
        answer = browser.post(
            f"{HOME}code", {"code": code, "next": target}, page=f"{HOME}code"
        )
        assert answer.headers["Location"] == HOME


def test_c2_forms_of_others_are_refused(small: Portal) -> None:
    browser = small.browser()
    assert browser.post(f"{HOME}sign-in", {"email": ANN}).status_code == 403
    other = small.browser()
    other.get(f"{HOME}sign-in")
    answer = browser.post(
        f"{HOME}sign-in", {"email": ANN, "form_token": other.token},
        page=f"{HOME}sign-in",
    )  # fmt: skip
    assert answer.status_code == 403
    answer = browser.post(
        f"{HOME}sign-in", {"email": ANN}, page=f"{HOME}sign-in",
        headers={"Sec-Fetch-Site": "cross-site"},
    )  # fmt: skip
    assert answer.status_code == 403
    assert small.letters.sent == []


def test_c6_cookies_are_bound_to_host_and_https(prepared_small: Prepared) -> None:
    portal = Portal.of(office_at(prepared_small), hosts=("abtc.example",), secure=True)
    answer = portal.browser().get(f"{HOME}sign-in")
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-abtc-applicant=")
    for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert part in cookie


def test_c8_an_unknown_or_closed_economy_is_no_page(small: Portal) -> None:
    browser = small.browser()
    for code in ("XXX", "aus", "JPN", "AUSX", "%00%00%00"):
        assert browser.get(f"/apply/{code}/").status_code == 404
    assert "There is no such page" in browser.page
    assert "back office" not in browser.page


def test_opening_makes_an_account_that_nobody_can_sign_in_with(small: Portal) -> None:
    account = small.back.store.read(
        lambda session: session.scalars(
            select(Account).where(Account.login == "applicants-online-aus")
        ).one()
    )
    assert account.kind == AccountKind.SYSTEM
    assert account.password_hash is None
    with pytest.raises(Conflict, match=r"account\.system"):
        small.do("api_key.make", account=account.id, label="x", days=3)


def test_opening_and_closing_are_dated(small: Portal) -> None:
    with pytest.raises(Conflict, match=r"portal\.open"):
        small.do("portal.open")
    later = small.clock.now.replace(year=2031)
    assert small.do("portal.close", closes_at=later).is_open
    small.clock.now = later
    assert not small.do("portal.show").is_open
    browser = small.browser()
    browser.get(HOME)
    assert "takes no new applications" in browser.page
    with pytest.raises(Conflict, match=r"portal\.closed"):
        small.do("portal.close")
    opened = small.do("portal.open", opens_at=later.replace(year=2032))
    assert (opened.is_open, opened.opens_at.year) == (False, 2032)


def test_applicants_are_rows_only_once_a_code_was_shown(small: Portal) -> None:
    small.browser().ask(ANN)
    rows = small.back.store.read(
        lambda session: session.scalars(select(Applicant)).all()
    )
    assert rows == []
