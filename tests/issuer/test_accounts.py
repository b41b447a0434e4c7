"""Accounts, roles and keys of programs, on both databases."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from issuer.accounts import actor_of_key
from issuer.errors import Conflict, Forbidden, Invalid, NotAllowed, NotFound, NotProven
from issuer.operations import all_operations
from issuer.store import Account, AccountKind, AccountRole, Role
from tests.issuer.back_office import BackOffice
from tests.simulator import NOW


def perform(back: BackOffice, name: str, economy: str = "AUS", **fields: Any) -> Any:
    return all_operations()[name].perform(back.desk(economy), fields)


def create(back: BackOffice, login: str = "new", **fields: Any) -> Any:
    return perform(back, "account.create", login=login, display_name="New", **fields)


def test_an_account_begins_without_roles(back_office: BackOffice) -> None:
    made = create(back_office)
    assert len(made.code) == 27
    assert made.ends_at == NOW + timedelta(days=3)
    shown = perform(back_office, "account.show", account=made.account)
    assert (shown.roles, shown.has_password) == ([], False)


@pytest.mark.parametrize("economy", ["AUS", "NZL"])
def test_a_login_is_one_persons(back_office: BackOffice, economy: str) -> None:
    create(back_office)
    fields = {"login": "new", "display_name": "Other"}
    with pytest.raises(Conflict, match=r"account\.exists"):
        perform(back_office, "account.create", economy, **fields)


@pytest.mark.parametrize(
    "login", ["", "A", "x", "UPPER", "with space", "é", "-a", "a/b"]
)
def test_odd_logins_are_refused(back_office: BackOffice, login: str) -> None:
    with pytest.raises(Invalid):
        create(back_office, login)


def test_nobody_makes_an_account_of_the_installation(back_office: BackOffice) -> None:
    with pytest.raises(Invalid):
        create(back_office, kind="system")


def number_of(back: BackOffice, login: str) -> int:
    page = perform(back, "account.list", limit=200)
    found = {each.login: each.account for each in page.accounts}
    return int(found[login])


@pytest.mark.parametrize(
    "operation", ["account.close", "account.reset_factors", "role.give"]
)
def test_the_installations_own_account_is_left_alone(
    back_office: BackOffice, operation: str
) -> None:
    more = {"role": "admin"} if operation == "role.give" else {}
    with pytest.raises(Conflict, match=r"account\.system"):
        perform(
            back_office,
            operation,
            account=number_of(back_office, "system-aus"),
            **more,
        )


def test_i1_nobody_gives_a_role_to_themselves(back_office: BackOffice) -> None:
    own = back_office.desk("AUS").actor.account_id

    def forget(session: Session) -> None:
        session.delete(session.get_one(AccountRole, (own, Role.ISSUING)))

    back_office.store.write(forget, now=NOW)
    with pytest.raises(Forbidden, match="ck_account_role_not_to_oneself"):
        perform(back_office, "role.give", account=own, role="issuing")
    for operation in ("account.close", "account.reset_factors"):
        with pytest.raises(Conflict, match=r"account\.oneself"):
            perform(back_office, operation, account=own)
    with pytest.raises(Conflict, match=r"account\.oneself"):
        perform(back_office, "role.take", account=own, role="admin")


def test_roles_are_given_and_taken(back_office: BackOffice) -> None:
    number = create(back_office).account
    for _ in range(2):
        given = perform(back_office, "role.give", account=number, role="vetting")
        assert (given.roles, given.waiting_roles) == ([], [Role.VETTING])
    taken = perform(back_office, "role.take", account=number, role="vetting")
    assert (taken.roles, taken.waiting_roles) == ([], [])


def test_a_closed_account_stays_closed(back_office: BackOffice) -> None:
    number = create(back_office).account
    perform(back_office, "account.close", account=number)
    for name in ("account.close", "account.reset_factors", "role.give"):
        more = {"role": "audit"} if name == "role.give" else {}
        with pytest.raises(Conflict, match=r"account\.closed"):
            perform(back_office, name, account=number, **more)
    shown = perform(back_office, "account.list").accounts
    assert number not in {each.account for each in shown}
    shown = perform(back_office, "account.list", include_closed=True).accounts
    assert number in {each.account for each in shown}


def test_accounts_come_in_pages(back_office: BackOffice) -> None:
    seen, after = [], None
    while True:
        page = perform(back_office, "account.list", limit=3, after=after)
        seen += [each.login for each in page.accounts]
        after = page.next
        if after is None:
            break
    assert seen == ["ann-aus", "bob-aus", "eve-aus", "system-aus"]


def test_c4_accounts_of_others_are_not_there(back_office: BackOffice) -> None:
    number = create(back_office).account
    for name in ("account.show", "account.close", "account.reset_factors"):
        with pytest.raises(NotFound):
            perform(back_office, name, "NZL", account=number)
    with pytest.raises(NotAllowed):
        all_operations()["account.create"].perform(
            back_office.desk("AUS", roles={Role.AUDIT}), {}
        )


def program(back: BackOffice) -> Any:
    number = create(back, "robot", kind="program").account
    perform(back, "role.give", account=number, role="audit")
    made = perform(back, "api_key.make", account=number, label="night job", days=1)
    second = back.desk("AUS", who="bob")
    all_operations()["account.confirm"].perform(second, {"account": number})
    return made


def test_i1_nobody_holds_the_key_of_another_person(back_office: BackOffice) -> None:
    """Else one would be two: enter as oneself, approve as the other."""
    ann, bob = (
        back_office.desk("AUS", who=who).actor.account_id for who in ("ann", "bob")
    )
    with pytest.raises(Conflict, match=r"account\.another"):
        perform(back_office, "api_key.make", account=bob, label="shell", days=1)
    own = perform(back_office, "api_key.make", account=ann, label="shell", days=1)
    assert actor_of_key(back_office.store, own.secret, now=NOW).login == "ann-aus"
    desk = back_office.desk("AUS", who="bob", roles={Role.AUDIT})
    his: Any = all_operations()["api_key.make_own"].perform(desk, {"label": "shell"})
    assert actor_of_key(back_office.store, his.secret, now=NOW).login == "bob-aus"


def test_a_key_says_which_program_it_is(back_office: BackOffice) -> None:
    made = program(back_office)
    actor = actor_of_key(back_office.store, made.secret, now=NOW)
    assert (actor.login, actor.roles) == ("robot", frozenset({Role.AUDIT}))
    assert actor.kind == AccountKind.PROGRAM
    for wrong in ("", made.secret[:-1], f"{made.secret}x", made.secret.upper()):
        with pytest.raises(NotProven):
            actor_of_key(back_office.store, wrong, now=NOW)
    with pytest.raises(NotProven):
        actor_of_key(back_office.store, made.secret, now=made.ends_at)


@pytest.mark.parametrize("how", ["key", "account"])
def test_a_closed_key_is_no_key(back_office: BackOffice, how: str) -> None:
    made = program(back_office)
    number = number_of(back_office, "robot")
    with pytest.raises(NotFound):
        perform(back_office, "api_key.close", "NZL", key=made.key)
    if how == "key":
        perform(back_office, "api_key.close", key=made.key)
    else:
        perform(back_office, "account.close", account=number)
    with pytest.raises(NotProven):
        actor_of_key(back_office.store, made.secret, now=NOW)


def test_persons_make_their_own_keys_and_programs_have_no_passwords(
    back_office: BackOffice,
) -> None:
    number = create(back_office).account
    with pytest.raises(Conflict, match=r"account\.another"):
        perform(back_office, "api_key.make", account=number, label="x")
    made = create(back_office, "robot", kind="program")
    assert made.code is None
    with pytest.raises(Conflict, match=r"account\.no_person"):
        perform(back_office, "account.reset_factors", account=made.account)


def test_no_secret_is_kept_with_the_answers(back_office: BackOffice) -> None:
    """The same request under the same key may ask again, but nothing is kept of it."""
    desk = back_office.desk("AUS", request_key="k1")
    given = {"login": "new", "display_name": "New"}
    code = all_operations()["account.create"].perform(desk, given).model_dump()["code"]
    made = program(back_office)

    def everything(session: Session) -> str:
        rows = session.connection().exec_driver_sql("SELECT answer FROM receipt")
        account = session.get_one(Account, number_of(back_office, "new"))
        return str(rows.all()) + str(account.first_code_hash)

    kept = back_office.store.read(everything)
    assert code not in kept
    assert code.replace("-", "") not in kept
    assert made.secret not in kept
