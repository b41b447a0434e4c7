"""What the examples of embedding share: options, readers' lines, words on a screen."""

import argparse
import re
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, TextIO, assert_never
from zoneinfo import ZoneInfo

import verifier

Clock = Callable[[ZoneInfo], datetime]
"""The present, in a time zone."""
GREEN: Final = "(v) ACCEPTED"
BLUE: Final = "[i] GENUINE, NOT AN ENTRY BASIS"
AMBER: Final = "/!\\ CHECK BY HAND"
RED: Final = "<X> DO NOT ACCEPT"
GREY: Final = "- - NOT A LIVE CARD"
_LOOKS: Final = {
    verifier.Look.ACCEPTED: GREEN,
    verifier.Look.GENUINE: BLUE,
    verifier.Look.BY_HAND: AMBER,
    verifier.Look.REFUSED: RED,
    verifier.Look.NOT_LIVE: GREY,
}
_MRZ_LINE = re.compile(r"[A-Z0-9<]{30}|[A-Z0-9<]{36}|[A-Z0-9<]{44}")
_LONGEST: Final = 16_384
"""Characters of a line: no code is longer, and a broken reader must not fill memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What a device is told when it is set up."""

    store: verifier.TrustStore
    policy: verifier.Policy
    zone: ZoneInfo
    """Of the border: days of stay are counted by its calendar."""
    given: argparse.Namespace
    """Options of one example alone."""


def set_up(
    name: str, arguments: Sequence[str] | None, *, camera: str = "", trip: bool = False
) -> Device:
    """Read a program's options; wrong ones end it with one line.

    Args:
        name: Of the program.
        arguments: None for those of the command line.
        camera: What the option ``--camera`` means, if there is one.
        trip: Whether ``--name`` and ``--on`` say where somebody arrives, and when.
    """
    parser = argparse.ArgumentParser(prog=f"python -m examples.{name}")
    parser.add_argument("--store", required=True, help="abtc-verify sync fills it")
    parser.add_argument("--economy", required=True, help="whose border, such as SGP")
    parser.add_argument("--zone", required=True, help="of it, such as Asia/Singapore")
    if camera:
        parser.add_argument("--camera", action="store_true", help=camera)
    if trip:
        parser.add_argument("--name", required=True, help="of it, as APEC writes it")
        parser.add_argument("--on", required=True, type=_day)
    given = parser.parse_args(arguments)
    try:
        return Device(
            store=verifier.TrustStore(given.store),
            policy=verifier.Policy(economy=given.economy),
            zone=ZoneInfo(given.zone),
            given=given,
        )
    except verifier.PolicyError as error:
        parser.error(str(error))
    except (KeyError, OSError, ValueError):
        parser.error(f"{given.zone!r} is no time zone that this device knows")


def _day(text: str) -> date:
    day = date.fromisoformat(text)
    if not 2000 <= day.year < 2100:
        raise ValueError
    return day


def lines_of(stream: TextIO | None) -> Iterator[str]:
    """Yield what readers send, without line ends; None is standard input.

    Nothing else is taken away: a code may end in a space. Bytes that are no text become
    text that is no code.
    """
    if stream is None:
        stream = sys.stdin
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    while line := stream.readline(_LONGEST):
        if text := line.rstrip("\r\n"):
            yield text


def is_passport_line(text: str) -> bool:
    """Say whether a line is of a passport; a code never is, for it has a colon."""
    return _MRZ_LINE.fullmatch(text) is not None


def read_passport(lines: Sequence[str]) -> verifier.Passport | None:
    """Read the lines that came last; None if there are none.

    Raises:
        verifier.MrzError: They are no passport's: have it read again.
    """
    if not lines:
        return None
    count = 3 if len(lines[-1]) == 30 else 2
    return verifier.Passport.from_mrz("\n".join(lines[-count:]))


def screen(decision: verifier.Decision) -> list[str]:
    """Return what an officer reads: what to compare, the verdict, what to do, the age.

    It names the holder, so it is for the screen and not for a log.
    """
    look, age = look_of(decision), f"  {data_age(decision.evidence)}"
    match decision:
        case verifier.Accepted(card, entitlement, must_see):
            lane, entry = entitlement.lane, entitlement.entry
            until = f" until {entry.stay_until}" if entry.stay_until else ""
            name = f"{card.family_name}, {card.given_name or '-'}"
            passport = f"{card.passport_country} {card.passport_number}"
            return [
                f"  compare {name}, born {card.birthdate}, passport {passport}",
                f"  still to see: {', '.join(must_see)}",
                f"{look}  {entry.reason}",
                *_advice(entry.reason),
                f"  lane {lane.answer}, entry {entry.answer}{until}",
                age,
            ]
        case verifier.Rejected(reason) | verifier.Undecided(reason):
            return [f"{look}  {reason}", *_advice(reason), age]
        case _:
            assert_never(decision)


def _advice(reason: verifier.Reason) -> list[str]:
    text = verifier.guidance(reason)
    return [f"  {text.what} {text.do}"]


def look_of(decision: verifier.Decision) -> str:
    """Return which of the five looks a decision has, as a sign and a word."""
    return _LOOKS[verifier.look_of(decision)]


def data_age(evidence: verifier.Evidence) -> str:
    """Say of when the oldest data is that an answer rests on."""
    oldest = evidence.data_as_of
    hours = (evidence.now - oldest) // timedelta(hours=1)
    age = f"{hours} h old" if hours >= 0 else "later than this device's clock"
    soon = ", past half of its time: update soon" if evidence.ageing else ""
    return f"data as of {oldest:%Y-%m-%d %H:%M} UTC ({age}{soon})"


# What an airline's desk has besides


def code_and_passport(
    lines: Iterable[str],
) -> tuple[str | None, verifier.Passport | None]:
    """Sort what was read into one code, if it is one, and the passport's lines.

    Raises:
        verifier.MrzError: Lines are no passport's.
    """
    read = [*lines]
    codes = [each for each in read if not is_passport_line(each)]
    passport = read_passport([each for each in read if is_passport_line(each)])
    return codes[0] if len(codes) == 1 else None, passport


def trip_notes(found: verifier.EntryBasis) -> str:
    """Return what an airline reads beneath its sentence; never why not."""
    data = f"From data of {found.data_as_of:%Y-%m-%d %H:%M} UTC.\n"
    if found.answer is not verifier.BasisAnswer.GIVES:
        return data
    passport = f"{found.passport_country}, number ending {found.passport_number_end}"
    return (
        f"Arriving that day: a stay until {found.stay_until}. Card: {found.form}, "
        f"accepted there, last day {found.card_last_day}, for the passport {passport}."
        f"\nStill to see: {', '.join(found.must_see)}.\n{data}"
    )


def signature(now: datetime) -> str:
    """Return when an answer was given, and a reference to ask by."""
    reference = secrets.token_hex(4)
    return (
        f"Answered {now:%Y-%m-%d %H:%M %Z}, reference {reference}. Information, not "
        "proof, and no board answer: ask again at the gate."
    )
