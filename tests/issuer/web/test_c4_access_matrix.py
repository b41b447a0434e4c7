"""Every route, every role, both economies: nobody sees more than the matrix says."""

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from issuer.accounts import MakeApiKey, make_api_key
from issuer.store import Account, AccountKind, AccountRole, Role
from tests.issuer.web.front import Browser, Front
from tests.issuer.web.matrix import MATRIX, Row
from tests.simulator import NOW

NO_ROLE = "no role"
WHO = (*[role.value for role in Role], NO_ROLE)
FIELDS = {"reason": "a test", "label": "x", "role": "intake", "login": "new-one",
          "display_name": "New", "subject": "s"}  # fmt: skip


def routes(app: Flask) -> Iterator[tuple[Rule, str]]:
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("apply"):
            continue  # applicants have no role: tests.issuer.portal has these
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule, method


def program(front: Front, economy: str) -> dict[str, int]:
    """A program's account and its key: what addresses name."""

    def work(session: Session) -> int:
        account = Account(economy=economy, login=f"robot-{economy.lower()}",
                          display_name="Robot", kind=AccountKind.PROGRAM,
                          created_at=NOW)  # fmt: skip
        session.add(account)
        session.flush()
        return account.id

    number = front.back.store.write(work, now=NOW)
    made = make_api_key(
        front.back.desk(economy), MakeApiKey(account=number, label="x", days=9)
    )
    return {"account": number, "key": made.key}


def ask(browser: Browser, rule: Rule, method: str, named: dict[str, int]) -> int:
    values = {name: named.get(name, 10**6) for name in rule.arguments}
    if rule.endpoint == "static":
        values = {"filename": "style.css"}  # type: ignore[dict-item]
    with browser.front.app.test_request_context(base_url=browser.base):
        path = browser.front.app.url_map.bind("localhost").build(rule.endpoint, values)
    if method == "GET":
        return browser.get(path).status_code
    seen = "/keyboard" if browser.session else "/sign-in"
    return browser.post(path, FIELDS, page=seen).status_code


def test_c4_every_route_is_in_the_matrix(small: Front) -> None:
    """A page that nobody has thought about fails the build."""
    found = {(rule.endpoint, method) for rule, method in routes(small.app)}
    assert found == set(MATRIX)


@pytest.mark.parametrize("role", WHO)
def test_c4_nobody_sees_more_than_their_role(small: Front, role: str) -> None:
    who = small.person(roles=[Role(role)] if role != NO_ROLE else [])
    browser = small.browser().enter(who)
    for rule, method in routes(small.app):
        row = MATRIX[rule.endpoint, method]
        if not browser.session:  # the page before has signed them out
            browser = small.browser().enter(who)
        named = program(small, "AUS") if row.of_economy else {}
        status = ask(browser, rule, method, named)
        may = row.who is None or role in row.who
        assert (status != 403) == may, (rule, method, status)
        assert (status == 401) <= row.by_token
        assert (status < 300) <= (not row.by_token)
        assert status < 500
        if row.of_economy:
            _forget(small, named)


@pytest.mark.parametrize("role", ["admin", "audit"])
def test_c4_another_economys_record_is_not_there(small: Front, role: str) -> None:
    theirs = program(small, "NZL")
    who = small.person("AUS", roles=[Role(role)])
    browser = small.browser().enter(who)
    asked = 0
    for rule, method in routes(small.app):
        row = MATRIX[rule.endpoint, method]
        if row.of_economy and row.who and role in row.who:
            nobodys = ask(browser, rule, method, {"account": 10**6, "key": 10**6})
            status = ask(browser, rule, method, theirs)
            asked += 1
            assert (status, nobodys) in {(404, 404), (409, 409)}, rule
    assert asked == (9 if role == "admin" else 1)


def test_c4_who_has_not_signed_in_sees_nothing(small: Front) -> None:
    for rule, method in routes(small.app):
        row: Row = MATRIX[rule.endpoint, method]
        status = ask(small.browser(), rule, method, {})
        if row.by_token:
            assert status in {401, 404}, (rule, method, status)
        elif row.who is None:
            assert status in {200, 303, 400, 404}, (rule, method, status)
        else:
            assert status == (303 if method == "GET" else 401), (rule, method)


def test_c4_half_way_through_signing_in_is_nobody(small: Front) -> None:
    """A password alone opens nothing."""
    browser = small.browser()
    assert browser.password(small.person()).status_code == 303
    for rule, method in routes(small.app):
        row = MATRIX[rule.endpoint, method]
        if row.who is not None:
            browser.get("/sign-in/factor")
            values = dict.fromkeys(rule.arguments, 1)
            path = small.app.url_map.bind("localhost").build(rule.endpoint, values)
            answer = browser.get(path) if method == "GET" else browser.post(path)
            assert answer.status_code == (303 if method == "GET" else 401), rule


def _forget(front: Front, named: dict[str, int]) -> None:
    def work(session: Session) -> None:
        account = session.get_one(Account, named["account"])
        account.login = f"old-{account.id}"

    front.back.store.write(work, now=NOW)


def test_c4_roles_are_rows_that_are_read_each_time(small: Front) -> None:
    who = small.person(roles=[Role.ADMIN])
    browser = small.browser().enter(who)
    assert browser.get("/accounts").status_code == 200

    def work(session: Session) -> None:
        session.delete(session.get_one(AccountRole, (who.number, Role.ADMIN)))

    small.back.store.write(work, now=NOW)
    assert browser.get("/accounts").status_code == 403
