"""Who reads is logged before anything is shown, also where many read at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from issuer import audit
from issuer.errors import AuditError, StoreError
from issuer.office import Desk
from issuer.store import AuditRow
from tests.issuer.back_office import BackOffice
from tests.issuer.office.flow import Flow, perform


@pytest.fixture
def flow(back_office: BackOffice) -> Flow:
    return Flow(back_office)


def at_once(work: Callable[[int], object], count: int = 20) -> list[object]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


def reads(flow: Flow) -> list[tuple[str, str]]:
    query = (
        select(AuditRow.subject, AuditRow.reason)
        .where(AuditRow.economy == "AUS", AuditRow.tag == "application:read")
        .order_by(AuditRow.seq)
    )
    return flow.read(lambda session: [tuple(row) for row in session.execute(query)])  # type: ignore[no-any-return]  # of any work


def test_everybody_who_reads_at_once_is_in_the_log(flow: Flow) -> None:
    case = flow.enter()

    def look(number: int) -> object:
        desk = flow.desk(reason=f"reader {number}")
        return perform(desk, "application.show", application=case).id

    assert at_once(look) == [case] * 20
    assert sorted(reads(flow)) == sorted(
        (f"application:{case}", f"reader {number}") for number in range(20)
    )
    *_, good = flow.read(lambda session: list(audit.verify(session, "AUS")))
    rows = select(func.count()).select_from(AuditRow).where(AuditRow.economy == "AUS")
    assert good == flow.read(lambda session: session.scalar(rows))


def test_what_cannot_be_logged_is_shown_to_nobody(flow: Flow) -> None:
    case = flow.enter()
    flow.write(lambda session: session.execute(text("ALTER TABLE audit RENAME TO a")))

    def look(_: int) -> object:
        try:
            return perform(flow.desk(), "application.show", application=case)
        except StoreError as error:
            return type(error)

    shown = at_once(look, 4)
    assert all(
        isinstance(each, type) and issubclass(each, StoreError) for each in shown
    )
    # And nobody's row is written later, in the name of somebody who saw nothing.
    flow.write(lambda session: session.execute(text("ALTER TABLE a RENAME TO audit")))
    perform(flow.desk(reason="again"), "application.show", application=case)
    assert reads(flow) == [(f"application:{case}", "again")]


def test_one_reader_s_mistake_is_not_another_s(flow: Flow) -> None:
    def mistaken(session: Session, desk: Desk) -> None:
        desk.log(session, "application:read", "application:1", name="Nguyen")

    with pytest.raises(AuditError):
        flow.desk().look(lambda session: mistaken(session, flow.desk()))
    assert reads(flow) == []


def test_looking_changes_nothing(flow: Flow) -> None:
    case = flow.enter()
    change = text("UPDATE application SET stage = 7")
    with pytest.raises(StoreError):
        flow.desk().look(lambda session: session.execute(change))
    assert flow.do("application.list", stage=7).applications == ()
    assert flow.do("application.show", application=case).id == case


def test_a_name_that_fits_very_many_people_says_so(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("issuer.applications.MOST_PEOPLE", 2)
    for given in ("Cleo", "Anna", "Bert"):
        flow.enter(family_name="Smith", given_name=given)
    page = flow.do("application.list", search="smi")
    assert page.too_many
    assert sorted(each.given_name for each in page.applications) == ["Anna", "Bert"]
    page = flow.do("application.list", search="smith, c")
    assert not page.too_many
    assert [each.given_name for each in page.applications] == ["Cleo"]
    assert flow.do("application.list", search="smi, c").applications == ()


def test_stages_are_those_of_the_review(flow: Flow) -> None:
    draft, case = flow.enter(), flow.enter()
    for name in ("submit", "open"):
        flow.step(name, case)
    found = flow.do("application.list", stage=0).applications
    assert [each.id for each in found] == [case]
    found = flow.do("application.list", stage=0, state="draft").applications
    assert [each.id for each in found] == [draft]
