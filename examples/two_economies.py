"""Two economies clear each other's applicants over HTTP; one is killed meanwhile.

    python -m examples.two_economies [--applicants N] [--database AAA=URL ...]

AUS and JPN each have a back office of their own: database, keys, server and worker.
JPN loses its power in the middle.  In the end everybody is cleared, once, and a device
in Japan without any network lets a traveller in, by the lists alone.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

import verifier
from examples.neighbours import Side, found, now
from issuer.store import (
    Card,
    LinkDecision,
    LinkQuestion,
    Preclearance,
    PreclearanceEvent,
)
from wallet_api.holder import Phone

HOME, AWAY = "AUS", "JPN"
_FAMILIES: Final = {HOME: "Wattle", AWAY: "Sakura"}
_PATIENCE: Final = timedelta(seconds=45)


def main(arguments: Sequence[str] | None = None) -> int:
    """Play it in a folder that is thrown away."""
    given = _given(arguments)
    with tempfile.TemporaryDirectory() as folder:
        play(Path(folder), applicants=given.applicants, databases=given.database)
    return 0


def play(
    folder: Path, *, applicants: int = 8, databases: Mapping[str, str] | None = None
) -> verifier.Decision:
    """Play the whole story; return what a device in Japan decides at its end.

    Args:
        folder: Empty.
        applicants: Of each economy; at least 4.
        databases: By economy: URL of an empty database; absent: SQLite.
    """
    began = time.monotonic()
    home, away = found(folder, (HOME, AWAY), databases or {})
    try:
        with _said("Two back offices, one repository, and no key by hand"):
            cards = _circulate(home, applicants // 2, first=0)
            for side, other in ((home, away), (away, home)):
                opened = side.do("officer", "link.open", destination=other.code)
                _say(side.code, f"Opens a link to {other.code} at {opened.address}.")
            phone = _card_on_a_phone(home, cards[0])
        with _said("The questions go out"):
            home.start()
            away.start()
            cards += _circulate(home, applicants // 4, first=applicants // 2)
            _circulate(away, applicants // 2, first=0)
            _until(lambda: _incoming(away) == len(cards), "JPN has AUS's questions")
            _until(lambda: _incoming(home) == applicants // 2, "AUS has JPN's")
            _approve(away, len(cards) // 2)
        with _said("JPN loses its power, and AUS goes on"):
            away.kill()
            _say(AWAY, "Server and worker are killed (SIGKILL).")
            left = applicants - len(cards)
            cards += _circulate(home, left, first=len(cards))
            _say(HOME, f"Asks about {left} more; {_waiting(home)} wait for JPN.")
            _approve(home, applicants // 2)
        with _said("JPN is back"):
            away.start()
            _circulate(away, applicants - applicants // 2, first=applicants // 2)
            _until(lambda: _incoming(away) == applicants, "JPN has every question")
            _approve(away, applicants)
            _until(lambda: _incoming(home) == applicants, "AUS has every question")
            _approve(home, applicants)
            for side in (home, away):
                _until(
                    lambda side=side: _cleared(side) == applicants,
                    f"{side.code} has every answer",
                )
            _until(lambda: not _waiting(home), "JPN knows the card on the phone")
        with _said("Nothing is lost, nothing is doubled"):
            for side in (home, away):
                _check(side, applicants)
        with _said("A device in Japan, with the lists of both and no network"):
            decision = _at_the_border(folder, home, away, phone)
        _say("", f"It took {time.monotonic() - began:.0f} seconds.")
        return decision
    finally:
        home.stop()
        away.stop()


def _circulate(side: Side, count: int, *, first: int) -> list[int]:
    """Take in so many invented travellers, and ask every economy about them."""
    cards = []
    for number in range(first, first + count):
        person = {
            "family_name": f"{_FAMILIES[side.code]} {_word(number)}",
            "given_name": "Jane",
            "birthdate": f"{1960 + number % 40}-05-{1 + number % 28:02}",
            "sex": "F",
            "nationality": side.code,
        }
        case, card = side.active_card(person, f"P{side.code[0]}{number:07}")
        side.do("officer", "application.circulate", application=case)
        cards.append(card)
    _say(side.code, f"Approves and circulates {count} applicants.")
    return cards


def _word(number: int) -> str:
    return "".join(chr(65 + int(digit)) for digit in f"{number:04}")


def _card_on_a_phone(home: Side, card: int) -> Phone:
    """Give the first traveller a card now: nobody in Japan has said anything yet."""
    phone = Phone()
    made = home.do("clerk", "card.issue_app", card=card, holder_key=phone.cnf_jwk())
    phone.receive(made.text)
    _say(HOME, "Puts the first one's card on a phone; Japan is not on it yet.")
    return phone


def _approve(side: Side, most: int) -> None:
    """Let an officer approve what waits, one request after the other."""
    asked = side.do("officer", "incoming.list", limit=200).requests[:most]
    for each in asked:
        side.do(
            "officer",
            "incoming.decide",
            preclearance=each.lane.id,
            event="approve",
        )
    _say(side.code, f"Approves {len(asked)} requests, and signs each approval.")


def _at_the_border(
    folder: Path, home: Side, away: Side, phone: Phone
) -> verifier.Decision:
    for side in (home, away):
        side.do("officer", "lists.publish")
    store = verifier.TrustStore(folder / "device")
    scheme = folder / "scheme" / "public"
    root = (scheme / "metadata" / "1.root.json").read_bytes()
    store.sync(str(scheme), root=root, now=now())
    decision = verifier.verify(
        phone.show(now()),
        trust=store.load(),
        policy=verifier.Policy(economy=AWAY),
        expected_passport=None,
        expected_challenge=None,
        now=now(),
    )
    match decision:
        case verifier.Accepted(card, entitlement):
            entry = entitlement.entry
            stay = f"entry {entry.answer}, to {entry.stay_until}"
            _say("Device", f"{card.family_name}: {stay}.")
        case verifier.Rejected(reason) | verifier.Undecided(reason):
            _say("Device", f"No: {reason}.")
    return decision


# What the databases say


def _incoming(side: Side) -> int:
    """How many requests of the other it has, decided or not."""
    return _count(side, Preclearance.destination == side.code)


def _cleared(side: Side) -> int:
    """How many of its cards the other has cleared."""
    other = AWAY if side.code == HOME else HOME
    return _count(
        side, Preclearance.destination == other, Preclearance.state == "approved"
    )


def _count(side: Side, *conditions: object) -> int:
    query = select(func.count()).select_from(Preclearance).where(*conditions)  # type: ignore[arg-type]  # conditions of SQL
    return side.office.store.read(lambda session: session.scalar(query) or 0)


def _waiting(side: Side) -> int:
    links = side.do("officer", "link.status").links
    return sum(each.waiting for each in links)


def _check(side: Side, applicants: int) -> None:
    """Compare what each side holds with what there has to be: each thing once."""

    def work(session: Session) -> None:
        taken = session.scalars(
            select(Card.foreign_reference).where(Card.told_to == side.code)
        ).all()
        assert len(taken) == len(set(taken)) == applicants  # noqa: S101
        asked = session.scalar(select(func.count()).select_from(LinkQuestion))
        assert asked == applicants  # noqa: S101
        outcomes = session.execute(
            select(LinkDecision.outcome, func.count()).group_by(LinkDecision.outcome)
        ).all()
        assert [tuple(each) for each in outcomes] == [("applied", applicants)]  # noqa: S101
        moves = session.scalars(
            select(func.count())
            .select_from(PreclearanceEvent)
            .join(Preclearance)
            .where(PreclearanceEvent.event == "approve")
            .group_by(Preclearance.id)
        ).all()
        assert set(moves) == {1}  # noqa: S101
        assert len(moves) == 2 * applicants  # noqa: S101

    side.office.store.read(work)
    _say(
        side.code, f"{applicants} asked, {applicants} taken, each answer applied once."
    )


# The stage


def _until(is_so: Callable[[], bool], what: str) -> None:
    """Wait until the other processes have come so far."""
    until = time.monotonic() + _PATIENCE.total_seconds()
    while not is_so():
        if time.monotonic() > until:
            raise SystemExit(f"it did not come to this: {what}")
        time.sleep(0.1)
    _say("", f"{what}.")


@contextmanager
def _said(title: str) -> Iterator[None]:
    print(f"\n{title}")
    yield


def _say(who: str, text: str) -> None:
    print(f"{who:>10} | {text}", flush=True)


def _given(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Two economies, two databases.")
    parser.add_argument("--applicants", type=int, default=8, help="of each economy")
    parser.add_argument(
        "--database", action=_Databases, default={}, metavar="AAA=URL",
        help="an empty database for this economy, such as postgresql+psycopg://...",
    )  # fmt: skip
    return parser.parse_args(arguments)


class _Databases(argparse.Action):
    def __call__(
        self, _: object, given: argparse.Namespace, value: object, __: object = None
    ) -> None:
        code, _, url = str(value).partition("=")
        if code not in (HOME, AWAY) or not url:
            raise argparse.ArgumentError(self, f"is not {HOME}=URL or {AWAY}=URL")
        setattr(given, self.dest, {**getattr(given, self.dest), code: url})


if __name__ == "__main__":
    sys.exit(main())
