"""Training: a card for every reason code, decided as a real one is.

The cards are those of the published test vectors: their keys are of published texts and
sign nothing but them, and their issuers live at an address that no economy can have. So
a card from here shown to a device on duty is unknown or no card, and never good; and
since each case brings its own trust data and its own time, its answer is the same on
every device, whatever its clock and its store say. Where the passport's own economy is
asked, the case says what it answers, and nobody is asked.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from .. import (
    Decision,
    EntryReason,
    LaneReason,
    NoAnswer,
    Passport,
    PassportAnswer,
    PassportStatus,
    Policy,
    Reason,
    RejectReason,
    ReplayGuard,
    Trust,
    UndecidedReason,
    no_passport_answer,
    verify,
)
from .codes import ConsoleReason

_FILE: Final = "training.json"
_REFERENCE: Final = "0123456789abcdef"
"""Of an answer that nobody gave: it is in nobody's queue."""
_SNAPSHOTS: Final = 4
"""Cases whose trust data stays loaded; a trainee looks at one at a time."""


class Action(StrEnum):
    """What an officer does about an answer."""

    ADMIT = "admit"
    """For a business visit, until the date shown."""
    REFER = "refer"
    """Check by hand, or hand over to a supervisor."""
    REFUSE = "refuse"
    """Do not take what was shown; ask for the live code, or the right passport."""
    NORMAL_RULES = "normal_rules"
    """Treat the traveller as one without this card."""
    UPDATE = "update"
    """Bring this device up to date, or set its clock; until then check by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One traveller of the training."""

    id: str
    group: str
    """First part of the code, such as ``status``."""
    code: Reason | ConsoleReason
    """What the case teaches. It is the reason of the decision; of an accepted card,
    that of its entry, or of its lane where it is a ``LaneReason``; and what the console
    says where the passport's own economy was asked."""
    text: str
    """What is scanned: a code, or for ``proof.binding`` a card as text, since a code
    cannot hold that one."""
    mrz: str
    """Two lines of the passport that the traveller hands over."""
    economy: str
    """Whose border it is."""
    now: datetime
    """When; in UTC."""
    challenge: str | None
    """The one that the officer has shown."""
    right: tuple[Action, ...]
    """What a right officer does; the first is the best, and any of them counts."""
    owner_says: PassportStatus | None
    """What the passport's own economy answers in a lane that needs an answer; None
    where it is not asked."""
    course: int | None
    """Place in the first course, from 0; None if the case is not in it."""


def cases() -> tuple[Case, ...]:
    """Return all cases: one or more for each reason code, in the catalogue's order."""
    return tuple(each.case for each in _loaded().values())


def first_course() -> tuple[Case, ...]:
    """Return the ten cases that a new officer begins with, in their order."""
    chosen = [each for each in cases() if each.course is not None]
    return tuple(sorted(chosen, key=lambda case: case.course or 0))


def owner_answer(case: Case) -> PassportAnswer | None:
    """Return what comes of asking who issued a case's passport; None if nobody is."""
    if case.owner_says is None:
        return None
    owner = Passport.from_mrz(case.mrz).country
    if case.owner_says is PassportStatus.NO_ANSWER:
        return no_passport_answer(NoAnswer.SILENCE, owner=owner)
    return PassportAnswer(
        status=case.owner_says,
        owner=owner,
        reference=_REFERENCE,
        answered_at=case.now,
    )


def self_test() -> Case:
    """Return the case that must be accepted, visa-free, by a device that works.

    Its text has every character that a code can have, so it also tells whether an
    imager that plays a keyboard has the right layout.
    """
    return _loaded()[EntryReason.CLEARED].case


def decide(case_id: str) -> Decision:
    """Decide a case by `verifier.verify`, at the case's own time.

    Where the code is shown a second time, as in ``proof.repeat``, the answer is that to
    the second.

    Raises:
        KeyError: There is no such case.
    """
    told = _loaded()[case_id]
    case, again = told.case, told.again_after
    policy = Policy(economy=case.economy)
    guard = ReplayGuard(policy)
    decision = guard.check(_decide_at(case, policy, case.now))
    if again is None:
        return decision
    return guard.check(_decide_at(case, policy, case.now + again))


def _decide_at(case: Case, policy: Policy, now: datetime) -> Decision:
    return verify(
        case.text,
        trust=_trust_of(case.id),
        policy=policy,
        expected_passport=Passport.from_mrz(case.mrz),
        expected_challenge=case.challenge,
        now=now,
    )


class _Told(NamedTuple):
    """A case, and what only deciding it needs."""

    case: Case
    again_after: timedelta | None
    trust: Mapping[str, Any]


@cache
def _file() -> Any:
    return json.loads(resources.files(__package__).joinpath(_FILE).read_bytes())


@cache
def _loaded() -> Mapping[str, _Told]:
    return MappingProxyType({each["id"]: _told(each) for each in _file()["cases"]})


def _told(said: dict[str, Any]) -> _Told:
    again = said["again_after"]
    case = Case(
        id=said["id"],
        group=said["code"].partition(".")[0],
        code=_reason(said["code"]),
        text=said["text"],
        mrz=said["mrz"],
        economy=said["economy"],
        now=datetime.fromisoformat(said["now"]),
        challenge=said["challenge"],
        right=tuple(map(Action, said["right"])),
        owner_says=said["owner_says"] and PassportStatus(said["owner_says"]),
        course=said["course"],
    )
    return _Told(case, timedelta(seconds=again) if again else None, said["trust"])


def _reason(code: str) -> Reason | ConsoleReason:
    kinds = (RejectReason, UndecidedReason, EntryReason, LaneReason, ConsoleReason)
    found: dict[str, Reason | ConsoleReason] = {
        each.value: each for kind in kinds for each in kind
    }
    return found[code]


@lru_cache(maxsize=_SNAPSHOTS)
def _trust_of(case_id: str) -> Trust:
    said = _loaded()[case_id].trust
    documents = _file()["documents"] | said["set"]
    floor = said["time_floor"]
    return Trust.from_documents(
        {name: text.encode() for name, text in documents.items() if text is not None},
        version=said["version"],
        issued_at=datetime.fromisoformat(said["issued_at"]),
        expires_at=datetime.fromisoformat(said["expires_at"]),
        time_floor=datetime.fromisoformat(floor) if floor else None,
    )
