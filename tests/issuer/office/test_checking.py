"""What an officer sees before entering: the names, and who on file is alike."""

import pytest

from issuer.errors import Invalid, NotAllowed
from issuer.store import AuditRow, Person, Role
from tests.issuer.back_office import BackOffice
from tests.issuer.office.flow import Flow, perform, rows


@pytest.fixture
def flow(back_office: BackOffice) -> Flow:
    return Flow(back_office)


def test_names_are_proposed_and_nothing_is_kept(flow: Flow) -> None:
    fields = flow.fields(family_name="Nguyễn")
    found = flow.do("application.check", **fields)
    assert found.machine_family_name == "NGUYEN"
    assert (found.needs_confirmation, found.why) == (True, ("transliterated",))
    assert flow.read(lambda session: rows(session, Person)) == []


def test_who_is_alike_is_shown_with_what_differs(flow: Flow) -> None:
    case = flow.enter(family_name="Smith", birthdate="1970-01-02")
    fields = flow.fields(family_name="Smith", birthdate="1970-01-20")
    (found,) = flow.do("application.check", **fields).alike
    assert (found.family_name, found.grade, found.open_application) == (
        "Smith",
        3,
        case,
    )
    assert "birthdate" in found.differs
    read = flow.read(lambda session: rows(session, AuditRow, subject="queue:alike"))
    assert len(read) == 1
    own = flow.do("application.check", **fields, application=case)
    assert own.alike == ()


def test_c4_another_economys_people_are_nobody(flow: Flow) -> None:
    flow.enter(economy="NZL", family_name="Smith", birthdate="1970-01-02")
    fields = flow.fields(family_name="Smith", birthdate="1970-01-02")
    assert flow.do("application.check", **fields).alike == ()


def test_what_is_wrong_is_named_and_the_role_is_asked(flow: Flow) -> None:
    fields = flow.fields(birthdate="1970")
    with pytest.raises(Invalid) as caught:
        flow.do("application.check", **fields)
    assert [path for path, _, _ in caught.value.problems] == ["person.birthdate"]
    with pytest.raises(NotAllowed):
        perform(flow.desk(roles={Role.VETTING}), "application.check", **flow.fields())
