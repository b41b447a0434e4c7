"""From a report at a desk to the list that names a passport to nobody."""

import json
from base64 import urlsafe_b64decode
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer.errors import Conflict, PublishRefused
from issuer.installation_key import InstallationKey
from issuer.passport_entries import MAX_ENTRIES, Kept, list_of
from issuer.passport_list import Reported, new_salt
from issuer.publish.repository import Repository
from issuer.reported_passports import reported_passports
from issuer.store import Passport, PassportLink, Person
from tests.databases import Prepared
from tests.issuer.office.publishing import Held, Publishing, minutes
from tests.simulator import NOW

NAME = "SGP/passports.jwt"


@pytest.fixture
def office(prepared: Prepared) -> Publishing:
    made = Publishing.at(prepared)
    made.back_office.office.installation.issue_log.unlink()
    return made


@pytest.fixture
def listing(office: Publishing) -> Publishing:
    """An office that publishes a list of SGP's reported passports."""
    listing_for(office, "SGP")
    return office


def listing_for(office: Publishing, *economies: str) -> None:
    desk = office.back_office.office
    publish = desk.installation.publish.model_copy(update={"passports": economies})
    desk.installation = desk.installation.model_copy(update={"publish": publish})


def passport_of(office: Publishing, held: Held) -> tuple[Passport, Person]:
    def work(session: Session) -> tuple[Passport, Person]:
        link = session.scalars(
            select(PassportLink).where(PassportLink.card_id == held.card_id)
        ).one()
        passport = session.get_one(Passport, link.passport_id)
        return passport, session.get_one(Person, passport.person_id)

    return office.store.read(work)


def issued_by(
    office: Publishing, held: Held, economy: str, *, ends: date | None = None
) -> None:
    """Let the card's passport be one of that economy, which ends then."""
    number = passport_of(office, held)[0].id

    def work(session: Session) -> None:
        passport = session.get_one(Passport, number)
        passport.issuer = economy
        passport.expires_on = ends or passport.expires_on

    office.store.write(work, now=NOW)


def report(office: Publishing, held: Held, how: str = "stolen") -> None:
    issued_by(office, held, "SGP")
    office.perform("card.report_passport", card=held.card_id, how=how)


def token(office: Publishing) -> bytes | None:
    repository = Repository.load(office.public)
    return repository.documents(office.public, "SGP").get(NAME)


def claims(office: Publishing) -> dict[str, Any]:
    found = token(office)
    assert found is not None
    payload = found.decode().split(".")[1]
    told: dict[str, Any] = json.loads(urlsafe_b64decode(payload + "=="))
    return told


def names(office: Publishing, held: Held, *, at: int = 2) -> bool:
    """Ask a device of another economy whether the card's passport is reported."""
    passport, person = passport_of(office, held)
    trust = office.device("NZL", at=minutes(at)).store.load()
    found = trust.passport_list_of("SGP")
    assert found is not None
    return found.names(passport.number, person.birthdate.isoformat())


@pytest.mark.parametrize("how", ["lost", "stolen", "cancelled"])
def test_what_is_reported_at_the_desk_is_known_to_devices(
    listing: Publishing, how: str
) -> None:
    """The device finds this passport, and no other; the list is its economy's."""
    held, other = listing.held(0), listing.held(1)
    report(listing, held, how)
    listing.publish("SGP", at=minutes(1))
    assert names(listing, held)
    assert not names(listing, other)


def test_an_economy_that_does_not_ask_for_a_list_has_none(office: Publishing) -> None:
    """By default nothing is told of anybody's passport."""
    report(office, office.held())
    office.publish("SGP", at=minutes(1))
    assert token(office) is None
    assert office.perform("lists.preview", at=minutes(2)).passports is None


def test_d9_only_passports_that_the_economy_has_issued(listing: Publishing) -> None:
    """A card of SGP with a passport of NZL: that one is NZL's to report."""
    held = listing.held()
    issued_by(listing, held, "NZL")
    listing.perform("card.report_passport", card=held.card_id, how="lost")
    listing_for(listing, "SGP", "NZL")
    listing.publish("SGP", "NZL", at=minutes(1))
    device = listing.device("JPN", at=minutes(2)).store.load()
    assert [(each.economy, len(each)) for each in device.passport_lists] == [
        ("NZL", 0),
        ("SGP", 0),
    ]


@pytest.mark.parametrize(("days", "is_listed"), [(-1, False), (0, True)])
def test_passports_that_have_ended_are_left_out(
    listing: Publishing, days: int, is_listed: bool
) -> None:
    """Its last day counts: after it the passport is refused by its date."""
    held = listing.held()
    report(listing, held)
    issued_by(listing, held, "SGP", ends=NOW.date() + timedelta(days=days))
    listing.publish("SGP", at=minutes(1))
    assert names(listing, held) is is_listed


def test_a_reported_passport_stays_reported_when_another_is_linked(
    listing: Publishing,
) -> None:
    """The old one may be in anybody's hands: the card goes on, the report too."""
    held = listing.held()
    report(listing, held)
    number = passport_of(listing, held)[0].id

    def relink(session: Session) -> None:
        link = session.scalars(
            select(PassportLink).where(PassportLink.card_id == held.card_id)
        ).one()
        link.state = "replaced"  # type: ignore[assignment]

    listing.store.write(relink, now=NOW)
    found = listing.store.read(
        lambda session: reported_passports(session, "SGP", today=NOW.date())
    )
    passport = listing.store.read(lambda session: session.get_one(Passport, number))
    assert [each.number for each in found] == [passport.number]


def test_two_cards_with_one_passport_are_one_report(listing: Publishing) -> None:
    """A renewed card shares its passport with the old one; both may be reported."""
    held = listing.held()
    report(listing, held)

    def reopen(session: Session) -> None:
        link = session.scalars(
            select(PassportLink).where(PassportLink.card_id == held.card_id)
        ).one()
        link.state = "linked"  # type: ignore[assignment]

    listing.store.write(reopen, now=NOW)
    listing.perform("card.report_passport", card=held.card_id, how="lost")
    found = listing.store.read(
        lambda session: reported_passports(session, "SGP", today=NOW.date())
    )
    assert len(found) == 1


# The list as published


def test_the_list_names_nobody_and_is_canonical(listing: Publishing) -> None:
    """Salt, function, hashes: no number, no name, no date of birth."""
    held = listing.held()
    report(listing, held)
    listing.publish("SGP", at=minutes(1))
    told = claims(listing)
    assert list(told) == ["sub", "iat", "exp", "ttl", "passports"]
    assert list(told["passports"]) == ["kdf", "salt", "lst"]
    assert told["sub"].endswith("/SGP/passports")
    passport, person = passport_of(listing, held)
    for text in (passport.number, person.birthdate.isoformat()):
        assert text not in json.dumps(told)
    for path in (listing.folder / "passport-entries").iterdir():
        assert passport.number not in path.read_text()


def test_the_salt_stays_and_the_list_does_while_it_says_the_same(
    listing: Publishing,
) -> None:
    """Nobody fetches again what has not changed; after half a day it is signed anew."""
    report(listing, listing.held(0))
    listing.publish("SGP", at=minutes(1))
    first, salt = token(listing), claims(listing)["passports"]["salt"]
    listing.publish("SGP", at=minutes(2))
    assert token(listing) == first
    report(listing, listing.held(1))
    listing.publish("SGP", at=minutes(3))
    assert token(listing) != first
    assert claims(listing)["passports"]["salt"] == salt
    second = token(listing)
    listing.publish("SGP", at=minutes(3 + 12 * 60))
    assert token(listing) != second


def test_the_preview_counts_them(listing: Publishing) -> None:
    """What would be published is told before: how many, and how many there were."""
    report(listing, listing.held(0))
    assert told_change(listing, at=1) == (None, 1)
    listing.publish("SGP", at=minutes(1))
    report(listing, listing.held(1))
    assert told_change(listing, at=2) == (1, 2)


def told_change(office: Publishing, *, at: int) -> tuple[int | None, int]:
    change = office.perform("lists.preview", at=minutes(at)).passports
    return change.before, change.after


def test_d12_a_list_that_goes_needs_two_people(listing: Publishing) -> None:
    """Neither the whole list nor all that is in it goes by one person's word."""
    held = listing.held()
    report(listing, held)
    listing.publish("SGP", at=minutes(1))
    listing_for(listing)
    with pytest.raises(PublishRefused) as refused:
        listing.publish("SGP", at=minutes(2))
    assert refused.value.code == "shrink.document"
    listing_for(listing, "SGP")
    issued_by(listing, held, "SGP", ends=date(2029, 1, 1))
    with pytest.raises(PublishRefused) as refused:
        listing.publish("SGP", at=minutes(3))
    assert refused.value.code == "shrink.emptied"
    asked = listing.perform("lists.propose_shrink", at=minutes(4))
    listing.perform("lists.approve_shrink", who="bob", id=asked.id, at=minutes(5))
    listing.publish("SGP", at=minutes(6), approval=asked.id)
    assert claims(listing)["passports"]["lst"] == ""


# Reckoning


def kept(office: Publishing) -> Kept:
    installation = office.back_office.office.installation
    return Kept(
        installation.passport_entries("SGP"), InstallationKey.load(installation.web_key)
    )


def some(count: int) -> frozenset[Reported]:
    day = date(1980, 2, 29)
    return frozenset(
        Reported(number=f"PA{number}", birthdate=day) for number in range(count)
    )


@pytest.mark.parametrize("damage", [b"", b"{}", b"not JSON", b'{"salt":1,"entries":2}'])
def test_what_was_reckoned_before_is_the_same_as_anew(
    office: Publishing, damage: bytes
) -> None:
    """With the file, without it, with a damaged one and under another salt."""
    first, salt = kept(office), new_salt()
    made = list_of(some(3), economy="SGP", salt=salt, kept=first)
    assert list_of(some(3), economy="SGP", salt=salt, kept=first) == made
    first.path.write_bytes(damage)
    assert list_of(some(3), economy="SGP", salt=salt, kept=first) == made
    other = list_of(some(3), economy="SGP", salt=new_salt(), kept=first)
    assert not other.each & made.each
    assert len(list_of(some(2), economy="SGP", salt=salt, kept=first)) == 2
    assert len(json.loads(first.path.read_bytes())["entries"]) == 2


def test_more_than_a_device_takes_are_refused(office: Publishing) -> None:
    """Not cut: a list that leaves somebody out unseen would be worse than none."""
    many = some(MAX_ENTRIES + 1)
    with pytest.raises(Conflict) as refused:
        list_of(many, economy="SGP", salt=new_salt(), kept=kept(office))
    assert refused.value.code == "passports.too_many"
