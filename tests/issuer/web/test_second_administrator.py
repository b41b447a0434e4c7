"""One administrator lets nobody in alone: else one would be as many as needed."""

import re
from dataclasses import replace
from typing import Any

import pyotp
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from issuer.accounts import actor_of_key
from issuer.errors import Conflict, Forbidden, Invalid, NotAllowed, NotProven
from issuer.office import Actor, Desk
from issuer.operations import all_operations
from issuer.sessions import actor_of
from issuer.store import Account, AccountKind, AccountRole, Role
from tests.issuer.web.front import PASSWORD, Browser, Front, PersonWithPhone
from tests.simulator import NOW

NUMBER = re.compile(r"\b\d{4}-\d{4}\b")


def do(front: Front, name: str, who: str = "ann", **fields: Any) -> Any:
    return all_operations()[name].perform(front.back.desk("AUS", who=who), fields)


def roles_of(front: Front, account: int) -> frozenset[Role]:
    def work(session: Session) -> frozenset[Role]:
        return actor_of(session, session.get_one(Account, account)).roles

    return front.back.store.read(work)


def make(front: Front, who: str = "ann", *roles: str, login: str = "newcomer") -> Any:
    made = do(front, "account.create", who, login=login, display_name="Newcomer")
    for role in roles or ("vetting",):
        do(front, "role.give", who, account=made.account, role=role)
    return made


def set_up(front: Front, code: str, login: str = "newcomer") -> Browser:
    """Sign in for the first time, as the owner of an account does."""
    browser = front.browser()
    fields = {"login": login, "code": code, "password": PASSWORD, "again": PASSWORD}
    assert browser.post(
        "/sign-in/first", fields, page="/sign-in/first"
    ).status_code == (303)
    browser.get("/sign-in/enrol")
    secret = re.search(r"(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}", browser.page)
    assert secret
    answer = pyotp.TOTP(secret[0].replace(" ", "")).at(front.clock.now)
    assert browser.post("/sign-in/enrol", {"code": answer}).status_code == 303
    browser.get("/")
    return browser


def number_on(browser: Browser) -> str:
    found = NUMBER.search(browser.page)
    assert found
    return found[0]


def test_i1_an_account_that_one_administrator_made_may_do_nothing(
    front: Front,
) -> None:
    """Whoever made two accounts would enter as one and approve as the other."""
    made = make(front, "ann", "intake", "vetting", "issuing")
    browser = set_up(front, made.code)
    number = number_on(browser)
    assert browser.get("/applications").status_code == 403
    assert roles_of(front, made.account) == frozenset()
    with pytest.raises(Conflict, match=r"account\.second_person"):
        do(front, "account.confirm", account=made.account, number=number)
    shown = do(front, "account.confirm", "bob", account=made.account, number=number)
    assert shown.roles == [Role.INTAKE, Role.ISSUING, Role.VETTING]
    assert browser.get("/applications").status_code == 200
    browser.get("/")
    assert not NUMBER.search(browser.page)


def test_i1_the_second_administrator_hears_the_number_from_the_owner(
    front: Front,
) -> None:
    """Nobody confirms an account whose owner has not signed in, or blindly."""
    made = make(front)
    with pytest.raises(Conflict, match=r"account\.not_set_up"):
        do(front, "account.confirm", "bob", account=made.account, number="1234-5678")
    number = number_on(set_up(front, made.code))
    other = f"{(int(number[:4]) + 1) % 10_000:04}{number[4:]}"
    for wrong in (None, other):
        fields = {"number": wrong} if wrong else {}
        with pytest.raises(Invalid, match="number"):
            do(front, "account.confirm", "bob", account=made.account, **fields)
    for who in ("ann", "bob"):
        shown = do(front, "account.show", who, account=made.account)
        assert number not in shown.model_dump_json()
    do(front, "account.confirm", "bob", account=made.account, number=number)


def test_i1_an_administrator_who_resets_somebody_does_not_become_them(
    front: Front,
) -> None:
    """The officer's roles are gone until another administrator has met the officer."""
    officer = front.person(roles=[Role.VETTING])
    reset = do(front, "account.reset_factors", account=officer.number)
    thief = set_up(front, reset.code, officer.login)
    seen = number_on(thief)
    assert roles_of(front, officer.number) == frozenset()
    assert thief.get("/applications").status_code == 403
    # The officer complains, and the other administrator resets it again.
    again = do(front, "account.reset_factors", "bob", account=officer.number)
    assert thief.get("/").status_code == 303
    number = number_on(set_up(front, again.code, officer.login))
    assert number != seen
    with pytest.raises(Invalid):
        do(front, "account.confirm", account=officer.number, number=seen)
    do(front, "account.confirm", account=officer.number, number=number)
    assert roles_of(front, officer.number) == {Role.VETTING}


def test_i1_a_reset_ends_the_keys_that_were_made_in_the_meantime(front: Front) -> None:
    """Whoever was robbed of a session was robbed of the key that it has made."""
    officer = front.person(roles=[Role.VETTING])
    desk = front.back.desk("AUS")
    own = Actor(
        account_id=officer.number, economy="AUS", login=officer.login,
        roles=frozenset({Role.VETTING}), kind=AccountKind.PERSON,
    )  # fmt: skip
    key: Any = all_operations()["api_key.make_own"].perform(
        replace(desk, actor=own), {"label": "shell"}
    )
    assert actor_of_key(front.back.store, key.secret, now=NOW).roles
    do(front, "account.reset_factors", account=officer.number)
    with pytest.raises(NotProven):
        actor_of_key(front.back.store, key.secret, now=NOW)


def test_i1_a_role_counts_once_another_administrator_has_confirmed_it(
    front: Front,
) -> None:
    officer = front.person(roles=[Role.INTAKE])
    do(front, "role.give", account=officer.number, role="vetting")
    assert roles_of(front, officer.number) == {Role.INTAKE}
    do(front, "role.give", "bob", account=officer.number, role="issuing")
    do(front, "account.confirm", account=officer.number)
    assert roles_of(front, officer.number) == {Role.INTAKE, Role.ISSUING}
    do(front, "account.confirm", "bob", account=officer.number)
    assert roles_of(front, officer.number) == {
        Role.INTAKE, Role.ISSUING, Role.VETTING,
    }  # fmt: skip
    with pytest.raises(Conflict, match=r"account\.nothing_waits"):
        do(front, "account.confirm", "bob", account=officer.number)


def test_i1_nobody_confirms_their_own_account(front: Front) -> None:
    ann = front.back.desk("AUS").actor.account_id
    do(front, "account.reset_factors", "bob", account=ann)
    with pytest.raises(Conflict, match=r"account\.oneself"):
        do(front, "account.confirm", account=ann, number="1234-5678")


def test_i1_a_programs_key_waits_for_a_second_administrator(front: Front) -> None:
    """A key in one's own hands is one more pair of hands."""
    robot = do(
        front, "account.create", login="robot", display_name="R", kind="program"
    ).account
    do(front, "role.give", account=robot, role="preclearance")
    do(front, "account.confirm", "bob", account=robot)
    key = do(front, "api_key.make", account=robot, label="x")
    with pytest.raises(NotProven):
        actor_of_key(front.back.store, key.secret, now=NOW)
    with pytest.raises(Conflict, match=r"account\.second_person"):
        do(front, "account.confirm", account=robot)
    do(front, "account.confirm", "bob", account=robot)
    assert actor_of_key(front.back.store, key.secret, now=NOW).roles == {
        Role.PRECLEARANCE
    }


@pytest.mark.parametrize(
    "name",
    [
        "account.create", "account.confirm", "account.reset_factors", "account.link",
        "role.give", "api_key.make",
    ],
)  # fmt: skip
def test_i1_no_program_lets_anybody_in(front: Front, name: str) -> None:
    """Else an administrator asks through a program, and confirms in person."""
    desk = front.back.desk("AUS")
    as_program = replace(desk, actor=replace(desk.actor, kind=AccountKind.PROGRAM))
    with pytest.raises(NotAllowed):
        all_operations()[name].perform(as_program, {})


def alone(front: Front) -> None:
    """Leave one administrator, as when an economy begins."""

    def work(session: Session) -> None:
        for who in ("bob", "eve"):
            number = front.back.desk("AUS", who=who).actor.account_id
            session.delete(session.get_one(AccountRole, (number, Role.ADMIN)))

    front.back.store.write(work, now=NOW)


def test_the_first_administrator_makes_the_second_alone_and_nobody_after_that(
    front: Front,
) -> None:
    alone(front)
    first = make(front, "ann", "audit", login="first")
    assert roles_of(front, first.account) == {Role.AUDIT}
    second = make(front, "ann", "admin", login="second")
    assert roles_of(front, second.account) == {Role.ADMIN}
    third = make(front, "ann", "audit", login="third")
    assert roles_of(front, third.account) == frozenset()


@pytest.mark.parametrize("end", ["close", "take"])
def test_i1_who_ends_the_other_administrator_is_not_alone_again(
    front: Front, end: str
) -> None:
    """Else one would close the other's account first, and then let anybody in."""
    alone(front)
    second = make(front, "ann", "admin", login="second").account
    if end == "close":
        do(front, "account.close", account=second)
    else:
        do(front, "role.take", account=second, role="admin")
    third = make(front, "ann", "vetting", login="third")
    assert roles_of(front, third.account) == frozenset()


def machine(front: Front) -> Desk:
    return front.back.office.system_desk("AUS", now=NOW, reason="at the machine")


def test_the_machine_helps_the_last_administrator_and_is_one_of_two_otherwise(
    front: Front,
) -> None:
    made = make(front)
    number = number_on(set_up(front, made.code))
    confirm = all_operations()["account.confirm"]
    fields = {"account": made.account, "number": number}
    confirm.perform(machine(front), fields)
    reset = all_operations()["account.reset_factors"]
    reset.perform(machine(front), {"account": made.account})
    assert roles_of(front, made.account) == frozenset()
    with pytest.raises(Conflict, match=r"account\.second_person|not_set_up"):
        confirm.perform(machine(front), fields)
    alone(front)
    ann = front.back.desk("AUS").actor.account_id
    reset.perform(machine(front), {"account": ann})
    assert Role.ADMIN in roles_of(front, ann)


def test_i1_a_link_to_the_sign_on_does_not_pass_for_what_another_did(
    front: Front,
) -> None:
    """A reset by one and a link by the other are two things, not one by two."""
    sign_on = {"issuer": "https://sso.example", "client_id": "x", "economy": "AUS"}
    front = front.with_web(sign_on=sign_on)
    officer, other = (front.person(roles=[Role.VETTING]) for _ in range(2))
    do(front, "account.reset_factors", account=officer.number)
    with pytest.raises(Conflict, match=r"account\.waits"):
        do(front, "account.link", "bob", account=officer.number, subject="me")
    do(front, "account.link", account=other.number, subject="me")
    assert roles_of(front, other.number) == frozenset()


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("UPDATE account SET waits = false WHERE id = :id", "tr_account_confirmed"),
        (
            "UPDATE account SET waits = false, confirmed_by = asked_by WHERE id = :id",
            "ck_account_four_eyes",
        ),
        (
            "UPDATE account SET waits = false, confirmed_by = id WHERE id = :id",
            "ck_account_not_by_oneself",
        ),
        (
            "UPDATE account_role SET waits = false WHERE account_id = :id",
            "tr_account_role_confirmed",
        ),
        (
            "UPDATE account_role SET waits = false, confirmed_by = given_by"
            " WHERE account_id = :id",
            "ck_account_role_four_eyes",
        ),
        (
            "INSERT INTO account_role (account_id, role, given_at, waits)"
            " VALUES (:id, 'issuing', '2030-01-15', false)",
            "tr_account_role_by_two",
        ),
        (
            "UPDATE hosted_economy SET four_eyes_since = NULL",
            "tr_hosted_economy_four_eyes",
        ),
    ],
)
def test_i1_the_database_lets_nobody_in_by_one(
    front: Front, statement: str, rule: str
) -> None:
    made = make(front)

    def work(session: Session) -> None:
        session.execute(text(statement), {"id": made.account})

    with pytest.raises(Forbidden, match=rule):
        front.back.store.write(work, now=NOW)


def test_an_administrator_sees_what_waits_and_confirms_it_on_the_page(
    front: Front,
) -> None:
    made = make(front)
    number = number_on(set_up(front, made.code))
    bob = front.back.desk("AUS", who="bob").actor
    known = PersonWithPhone(number=bob.account_id, login=bob.login, secret="")
    second = front.browser().enter(known)
    second.get("/accounts")
    assert "To be confirmed" in second.page
    page = f"/accounts/{made.account}"
    fields = {"number": number.replace("-", ""), "reason": "met her at the desk"}
    answer = second.post(f"{page}/confirm", fields, page=page)
    assert answer.status_code == 303
    assert "To be confirmed" not in second.get(page).get_data(as_text=True)
    assert roles_of(front, made.account) == {Role.VETTING}
