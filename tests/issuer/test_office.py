"""Who may do what, on whose records; and what is done once."""

from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

from issuer import audit
from issuer.errors import Conflict, Invalid, NotAllowed, NotFound
from issuer.office import Desk
from issuer.operations import Answer, Operation, Request, all_operations, once
from issuer.store import Account, AccountKind, Role, StatusList
from tests.issuer.back_office import BackOffice


class Open(Request):
    number: int
    capacity: int = 8


class Opened(Answer):
    number: int


def open_list(desk: Desk, given: Open) -> Opened:
    def work(session: Session) -> Opened:
        session.add(
            StatusList(
                economy=desk.economy,
                number=given.number,
                capacity=given.capacity,
                opened_at=desk.now,
            )
        )
        desk.log(session, "status_list:opened", f"status_list:{given.number}")
        return Opened(number=given.number)

    return once(desk, given, Opened, work)


OPEN = Operation(
    name="status_list.open",
    summary="Open a list.",
    roles=frozenset({Role.ISSUING}),
    changes=True,
    request=Open,
    answer=Opened,
    run=open_list,
)


def test_a_role_opens_what_it_is_for(back_office: BackOffice) -> None:
    desk = back_office.desk("AUS", roles={Role.ISSUING})
    assert OPEN.perform(desk, {"number": 1}) == Opened(number=1)
    with pytest.raises(NotAllowed):
        OPEN.perform(back_office.desk("AUS", roles={Role.AUDIT}), {"number": 2})


@pytest.mark.parametrize(
    ("given", "field"),
    [({}, "number"), ({"number": "x"}, "number"), ({"number": 1, "used": 5}, "used")],
)
def test_c5_wrong_and_unknown_fields_are_named(
    back_office: BackOffice, given: dict[str, object], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        OPEN.perform(back_office.desk("AUS"), given)
    assert [path for path, _, _ in refused.value.problems] == [field]


@pytest.mark.parametrize("reason", ["a\0b", "\ud800"])
def test_c5_a_reason_that_no_database_can_keep_is_refused(
    back_office: BackOffice, reason: str
) -> None:
    with pytest.raises(Invalid, match="reason"):
        OPEN.perform(back_office.desk("AUS", reason=reason), {"number": 1})


def test_the_same_request_gets_the_same_answer(back_office: BackOffice) -> None:
    desk = back_office.desk("AUS", request_key="k1")
    assert OPEN.perform(desk, {"number": 1}) == OPEN.perform(desk, {"number": 1})
    with pytest.raises(Conflict, match=r"request\.reused"):
        OPEN.perform(desk, {"number": 2})
    assert back_office.store.read(lambda s: audit.heads(s)["AUS"].seq) == 1


def test_a_key_is_its_owners(back_office: BackOffice) -> None:
    """Somebody else's request under the same key is another request."""
    for who, number in (("ann", 1), ("bob", 2)):
        desk = back_office.desk("AUS", who=who, request_key="k1")
        assert OPEN.perform(desk, {"number": number}) == Opened(number=number)


def test_c4_a_record_of_another_economy_is_not_there(back_office: BackOffice) -> None:
    mine, theirs = back_office.desk("AUS"), back_office.desk("NZL")
    number = theirs.actor.account_id
    assert theirs.read(lambda s: theirs.find(s, Account, number)).id == number
    with pytest.raises(NotFound) as not_mine:
        mine.read(lambda session: mine.find(session, Account, number))
    with pytest.raises(NotFound) as nobodys:
        mine.read(lambda session: mine.find(session, Account, 10**9))
    assert str(not_mine.value).replace(str(number), "") == str(nobodys.value).replace(
        str(10**9), ""
    )


def test_i1_a_program_is_no_second_person(back_office: BackOffice) -> None:
    """Else an administrator could be both: one's own account, and a key's."""
    robot = replace(back_office.desk("AUS").actor, kind=AccountKind.PROGRAM)
    desk = replace(back_office.desk("AUS"), actor=robot)
    seconds = {name for name, each in all_operations().items() if each.by_person}
    assert seconds == {
        "account.confirm",
        "account.create",
        "account.link",
        "account.reset_factors",
        "api_key.make",
        "role.give",
        "application.approve",
        "backup.confirm",
        "bulk.approve",
        "card.restore",
        "client.confirm",
        "credential.restore",
        "lists.approve_shrink",
        "scheme.approve",
    }
    for name in seconds:
        with pytest.raises(NotAllowed, match="no second person"):
            all_operations()[name].perform(desk, {})
