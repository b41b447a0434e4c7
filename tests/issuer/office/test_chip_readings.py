"""Reading the chip of a passport that somebody has typed."""

from base64 import b64encode
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from issuer.case import Case
from issuer.chip_readings import ChipRead
from issuer.errors import Conflict, Forbidden, NotAllowed, SettingsError
from issuer.installation import EPassport
from issuer.operations import all_operations
from issuer.store import (
    Application,
    AuditRow,
    Card,
    ChipReading,
    Passport,
    PassportLink,
    Person,
    Role,
)
from tests.issuer.back_office import BackOffice
from tests.issuer.epassport import mini_csca as mini
from tests.issuer.epassport.mini_csca import CSCA, DG2, SIGNER, Cert, Pair, Sod, dg1
from tests.issuer.office.card_builder import CardBuilder
from tests.issuer.office.flow import Flow
from tests.mrz_builder import build_td3

KR = replace(CSCA, country="KR", pair=Pair(name="KOR csca"))
DS = replace(SIGNER, country="KR", by=KR)


@pytest.fixture
def cards(office: BackOffice) -> CardBuilder:
    folder = office.office.installation.path("csca")
    folder.mkdir()
    (folder / "KR.cer").write_bytes(KR.der)
    believe(office, EPassport(anchors="csca"))
    return CardBuilder(office=office)


def believe(office: BackOffice, settings: EPassport) -> None:
    known = office.office.installation
    office.office.installation = known.model_copy(update={"epassport": settings})


def of_card(office: BackOffice, card: int) -> tuple[int, Passport, Person]:
    def work(session: Session) -> tuple[int, Passport, Person]:
        row = session.get_one(Card, card)
        link = session.scalars(
            select(PassportLink)
            .where(PassportLink.card_id == card)
            .order_by(PassportLink.id.desc())
        ).first()
        assert link is not None
        passport = session.get_one(Passport, link.passport_id)
        assert row.application_id is not None
        return row.application_id, passport, session.get_one(Person, row.person_id)

    return office.store.read(work)


def chip(
    passport: Passport, person: Person, *, signer: Cert = DS, **changes: Any
) -> dict[str, str]:
    """The three files, as the passport's state has written them."""
    fields: dict[str, Any] = {
        "country": passport.issuer,
        "number": passport.number,
        "family_name": person.machine_family_name,
        "given_name": person.machine_given_name,
        "nationality": person.nationality,
        "birthdate": f"{person.birthdate:%y%m%d}",
        "sex": "M",
        "expiry": f"{passport.expires_on:%y%m%d}",
    }
    lines = dg1(build_td3(**fields | changes))
    sod = Sod(signer=signer, files={1: lines, 2: DG2})
    files = {"sod": sod.der, "lines": lines, "portrait": DG2}
    return {name: b64encode(data).decode() for name, data in files.items()}


def read(office: BackOffice, card: int, who: str = "ann", **changes: Any) -> ChipRead:
    application, passport, person = of_card(office, card)
    answer = all_operations()["application.read_chip"].perform(
        office.desk("KOR", who=who),
        {"application": application, **chip(passport, person, **changes)},
    )
    assert isinstance(answer, ChipRead)
    return answer


def readings(office: BackOffice) -> list[ChipReading]:
    return office.store.read(
        lambda session: [*session.scalars(select(ChipReading).order_by(ChipReading.id))]
    )


def refused(office: BackOffice, card: int) -> str:
    with pytest.raises(Conflict) as error:
        all_operations()["counter.activate"].perform(
            office.desk("KOR"), {"card": card, "number": "00000000"}
        )
    return error.value.code


def test_a_proof_is_kept_and_the_chip_is_not(
    office: BackOffice, cards: CardBuilder
) -> None:
    """Who, when, what came of it, and the certificates; no line and no portrait."""
    card = cards.make()
    answer = read(office, card)
    assert answer.outcome == "proved"
    assert answer.authority == mini.digest("sha256", KR.der).hex()
    (row,) = readings(office)
    assert (row.outcome, row.signer) == (
        "proved",
        mini.digest("sha256", DS.der).hex(),
    )
    assert row.signed_at == mini.SIGNED_AT
    columns = {column.name for column in ChipReading.__table__.columns}
    assert columns == {
        "id", "application_id", "passport_id", "read_by", "read_at", "outcome",
        "signed_at", "signer", "authority",
    }  # fmt: skip


def test_i4_the_log_tells_the_outcome_and_nothing_of_the_traveller(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make()
    _, passport, person = of_card(office, card)
    read(office, card)
    logged = office.store.read(
        lambda session: session.scalars(
            select(AuditRow).where(AuditRow.tag == "application:chip_read")
        ).one()
    )
    assert '"outcome":"proved"' in logged.fields
    for text in (passport.number, person.machine_family_name):
        assert text not in logged.fields


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({"number": "PB0000001"}, ("number",)),
        ({"birthdate": "700101", "given_name": "X"}, ("birthdate", "names")),
    ],
)
def test_the_chip_of_another_passport_is_told_and_kept(
    office: BackOffice, cards: CardBuilder, changes: Any, differs: tuple[str, ...]
) -> None:
    """Which fields differ is told to the officer; kept is that they did."""
    answer = read(office, cards.make(), **changes)
    assert (answer.outcome, answer.differs) == ("chip.differs", differs)
    assert readings(office)[0].outcome == "chip.differs"
    assert readings(office)[0].authority is None


def test_a_card_at_a_counter_waits_for_the_chip(
    office: BackOffice, cards: CardBuilder
) -> None:
    """Where the economy asks for it: for this passport, and only when proved."""
    card, other = cards.make(), cards.make()
    assert refused(office, card) == "counter.unknown"
    believe(office, EPassport(anchors="csca", at_counter=("KOR",)))
    assert refused(office, card) == "chip.not_proved"
    read(office, card, number="PB0000001")
    assert refused(office, card) == "chip.not_proved"
    read(office, other)
    assert refused(office, card) == "chip.not_proved"
    read(office, card)
    assert refused(office, card) == "counter.unknown"


def test_a_new_passport_is_read_anew(office: BackOffice, cards: CardBuilder) -> None:
    """What was proved of the old one proves nothing of the one linked now."""
    card = cards.make()
    read(office, card)
    desk = office.desk("KOR", who="eve")
    fields = {"card": card, "country": "KOR", "number": "PC7654321",
              "issued_on": "2029-06-01", "expires_on": "2039-06-01"}  # fmt: skip
    shown = all_operations()["card.preview_passport"].perform(desk, fields)
    digest = shown.model_dump()["digest"]
    linking = {**fields, "confirmation": digest}
    all_operations()["card.link_passport"].perform(desk, linking)
    believe(office, EPassport(anchors="csca", at_counter=("KOR",)))
    assert refused(office, card) == "chip.not_proved"
    passport = of_card(office, card)[1]
    assert passport.expires_on == date(2039, 6, 1)
    assert read(office, card).outcome == "proved"
    assert refused(office, card) == "counter.unknown"


@pytest.mark.parametrize(
    ("field", "value", "outcome"),
    [
        ("passport.number", "PB7654321", "chip.outdated"),
        ("passport.expires_on", "2038-05-05", "chip.outdated"),
        ("person.given_name", "Other", "chip.outdated"),
        ("person.birthdate", "1970-01-01", "chip.outdated"),
        ("passport.issued_on", "2029-02-02", "proved"),
        ("person.email", "other@example.org", "proved"),
    ],
)
def test_i1_what_is_typed_over_after_the_chip_was_read_is_not_proved(
    office: BackOffice, cards: CardBuilder, field: str, value: str, outcome: str
) -> None:
    """Or one officer would prove a genuine passport, and enter a stolen one."""
    flow = Flow(office)
    fields = flow.fields("KOR")
    fields["passport"]["number"] = "PB0000001"
    entered = flow.do("application.enter", economy="KOR", who="ann", **fields)
    case = flow.row(Application, entered.application)
    passport = flow.row(Passport, case.passport_id)
    files = chip(passport, flow.row(Person, case.person_id))
    ask = {"application": case.id, **files}
    said = flow.do("application.read_chip", economy="KOR", who="ann", **ask)
    assert said.outcome == "proved"
    part, _, name = field.partition(".")
    fields[part][name] = value
    correction = {"application": case.id, **fields}
    flow.do("application.correct", economy="KOR", who="ann", **correction)
    assert readings(office)[0].outcome == outcome


def test_without_trusted_certificates_nothing_is_read(
    office: BackOffice, cards: CardBuilder, tmp_path: Path
) -> None:
    """Not set up is told; a folder that cannot be believed names its file."""
    card = cards.make()
    believe(office, EPassport())
    with pytest.raises(Conflict, match=r"chip\.not_set_up"):
        read(office, card)
    believe(office, EPassport(anchors="csca"))
    (office.office.installation.path("csca") / "x.ml").write_bytes(b"x")
    with pytest.raises(SettingsError, match=r"x\.ml"):
        read(office, card)
    assert readings(office) == []


def test_only_who_handles_applications_reads_chips(
    office: BackOffice, cards: CardBuilder
) -> None:
    application = of_card(office, cards.make())[0]
    desk = office.desk("KOR", roles={Role.AUDIT})
    with pytest.raises(NotAllowed):
        all_operations()["application.read_chip"].perform(
            desk, {"application": application, "sod": "", "lines": "", "portrait": ""}
        )


def test_the_database_holds_no_proof_without_its_certificates(
    office: BackOffice, cards: CardBuilder
) -> None:
    application, passport, _ = of_card(office, cards.make())

    def work(session: Session) -> None:
        actor = office.desk("KOR").actor
        session.add(
            ChipReading(
                application_id=application, passport_id=passport.id,
                read_by=actor.account_id, read_at=mini.NOW, outcome="proved",
            )
        )  # fmt: skip

    with pytest.raises((Forbidden, IntegrityError), match="proof_whole"):
        office.store.write(work, now=mini.NOW)


def test_the_case_shows_every_reading(office: BackOffice, cards: CardBuilder) -> None:
    """Also the one that failed before: somebody may have brought another's passport."""
    card = cards.make()
    read(office, card, number="X1")
    read(office, card)
    application, passport, _ = of_card(office, card)
    case = all_operations()["application.show"].perform(
        office.desk("KOR"), {"application": application}
    )
    assert isinstance(case, Case)
    assert [each.outcome for each in case.chips] == ["chip.differs", "proved"]
    assert {each.passport for each in case.chips} == {passport.id}
    assert [each.signed_at for each in case.chips] == [None, mini.SIGNED_AT]
