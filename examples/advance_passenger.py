"""A passenger list, what an economy's register says of it, and an answer that flips.

python -m examples.advance_passenger

Singapore's back office with invented cards, in a folder that is thrown away. Its
answers are marked as tests, like the economy: no desk takes them for real.
"""

import os
import sys
import tempfile
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from sqlalchemy import select

import verifier
from examples.serve import Demonstration
from issuer.carriers import service
from issuer.carriers.changes import look_again
from issuer.carriers.messages import read_list, write_answers
from issuer.carriers.service import Asker, ChangesWanted, Row
from issuer.office import Desk
from issuer.operations import all_operations
from issuer.store import Card, Passport, PassportLink
from verifier import carriers
from verifier.carriers.moments import LocalTime

HOME, DESTINATION = "SGP", "NZL"
AIRLINE = Asker(client="client:example-air", audience="urn:abtc:client:example-air")


def main() -> int:
    """Play the story; 0 if every step was as expected."""
    for role in ("KEY", "PUBLISH"):
        os.environ[f"ABTC_{role}_PASSPHRASE"] = "nothing is protected here"
    with tempfile.TemporaryDirectory() as folder:
        home = Demonstration(
            Path(folder), travellers=80, port=0, only=(HOME, DESTINATION)
        )
        home.prepare()
        home.found_publication()
        home.publish()
        try:
            return _fly(home)
        finally:
            home.office.store.close()


def _fly(home: Demonstration) -> int:
    passports = passports_of(desk_of(home))
    asked = read_list(passenger_list(list(passports)), DESTINATION, watch=True)
    rows = service.ask_all(desk_of(home), AIRLINE, asked.rows)
    for answer in verifier.BasisAnswer:
        count = sum(bool(row.answer and row.answer.answer is answer) for row in rows)
        print(f"{count:3} of {len(rows)} passports: {answer.sentence(DESTINATION)}")
    kind, moment = carriers.ResponseKind.RESPONSE, datetime.now(UTC)
    response = write_answers(asked, rows, kind=kind, now=moment)
    said = carriers.read_cusres(response)[1][0].travellers[0].remarks[0]
    print(f"CUSRES, {len(response)} bytes: {said.code}, {said.lines[-1].lower()}")
    return _flip(home, next(row for row in rows if _gives(row)), passports)


def _flip(home: Demonstration, row: Row, passports: dict[str, int]) -> int:
    """Have a card suspended, and see its carrier told."""
    given = {"card": passports[row.row], "why": "an example"}
    all_operations()["card.suspend"].perform(desk_of(home), given)
    looked = look_again(desk_of(home))
    page = service.changes(desk_of(home), AIRLINE, ChangesWanted(cursor="", limit=10))
    for change in page.changes:
        print(f"told unasked: {change.reference} is now {change.answer.value}")
    return 0 if looked.flipped == len(page.changes) == 1 else 1


def _gives(row: Row) -> bool:
    return row.answer is not None and row.answer.answer is verifier.BasisAnswer.GIVES


def desk_of(home: Demonstration) -> Desk:
    """Return the desk of the installation itself, now."""
    now = datetime.now(UTC)
    return home.office.system_desk(HOME, now=now, reason="an example")


def passports_of(desk: Desk) -> dict[str, int]:
    """Return the cards of the economy by their passports' numbers."""
    query = (
        select(Passport.number, PassportLink.card_id)
        .join(PassportLink, PassportLink.passport_id == Passport.id)
        .join(Card, Card.id == PassportLink.card_id)
        .where(Card.economy == HOME)
    )
    rows = desk.read(lambda session: session.execute(query).all())
    return {each.number: each.card_id for each in rows}


def passenger_list(numbers: list[str]) -> bytes:
    """Return a PAXLST of one flight, the day after tomorrow."""
    day = (datetime.now(UTC) + timedelta(days=2)).date()
    leg = carriers.Leg.of(
        flight="EX700",
        carrier="EX",
        leaves=("SIN", LocalTime(day, time(9))),
        arrives=("AKL", LocalTime(day, time(23, 30))),
    )
    travellers = [
        carriers.Traveller.of(
            family_name="TRAVELLER", given_names="INVENTED", nationality=HOME,
            reference=number,
            documents=[
                carriers.TravelDocument.of(number=number, issuer=HOME, expires_on=None)
            ],
        )
        for number in numbers
    ]  # fmt: skip
    header = carriers.MessageHeader(reference="PAX001", access="EX700")
    flight = carriers.PassengerList.of(
        header=header, transaction="EX7001", leg=leg, travellers=travellers
    )
    envelope = carriers.Envelope(
        sender="EXAMPLE AIR", recipient="SGPGOV", reference="42"
    )
    return carriers.write_paxlst(envelope, [flight])


if __name__ == "__main__":
    sys.exit(main())
