"""What a destination is sent about one question, worked out from how things stand.

It is told states, not histories: a card that was suspended and restored since the last
message is not mentioned.  What was told is kept with the question, so that the next
message is the difference.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final

from issuer.errors import Invalid
from issuer.lifecycle import CARD
from issuer.lifecycle import Card as CardState
from issuer.store import Card, Credential, LinkQuestion, Passport, Person

MOST_CREDENTIALS: Final = 64
"""Of one message; the others follow in the next."""
_PASSPORT: Final = ("country", "number", "issued_on", "expires_on")
_EVENTS: Final[Mapping[CardState, Mapping[CardState, str]]] = MappingProxyType(
    {
        CardState.PENDING_HOME: {
            CardState.ACTIVE: "activate",
            CardState.SUSPENDED: "activate",
            CardState.LOST: "activate",
            CardState.SUPERSEDED: "activate",
            CardState.EXPIRED: "activate",
            CardState.CANCELLED: "cancel",
        },
        CardState.ACTIVE: {
            CardState.SUSPENDED: "suspend",
            CardState.LOST: "report_lost",
            CardState.SUPERSEDED: "supersede",
            CardState.EXPIRED: "expire",
            CardState.CANCELLED: "cancel",
        },
        CardState.SUSPENDED: {
            CardState.ACTIVE: "restore",
            CardState.LOST: "report_lost",
            CardState.SUPERSEDED: "supersede",
            CardState.EXPIRED: "expire",
            CardState.CANCELLED: "cancel",
        },
    }
)
"""The first step from the state that was told towards the one that is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a destination knows of a card."""

    state: CardState
    expires_at: datetime | None
    credentials: Mapping[str, str]
    """State by ``<list>/<index>``."""
    passport: str = ""
    """SHA-256 of the one that was told."""
    reminded_at: datetime | None = None

    @classmethod
    def of(cls, question: LinkQuestion) -> "Known | None":
        """Return what was told; None if it was not asked yet."""
        if question.told_state is None:
            return None
        return cls(
            state=question.told_state,
            expires_at=question.told_expires_at,
            credentials=json.loads(question.told_credentials),
            passport=question.told_passport,
            reminded_at=question.told_reminded_at,
        )


def question_of(
    question: LinkQuestion, card: Card, person: Person, passport: Passport
) -> dict[str, Any]:
    """Return the fields of the question itself.

    Raises:
        Invalid: ``passport_issued_on``: the destination wants it, and it is not known.
    """
    if passport.issued_on is None:
        text = "the passport's date of issue is not known here; enter it first"
        raise Invalid([("passport_issued_on", "missing", text)])
    return {
        "issuer": question.economy,
        "reference": question.reference,
        "family_name": person.family_name,
        "given_name": person.given_name,
        "machine_family_name": person.machine_family_name,
        "machine_given_name": person.machine_given_name,
        "birthdate": person.birthdate.isoformat(),
        "sex": person.sex.value,
        "nationality": person.nationality,
        "passport_country": passport.issuer,
        "passport_number": passport.number,
        "passport_issued_on": passport.issued_on.isoformat(),
        "passport_expires_on": passport.expires_on.isoformat(),
        "applied_on": card.applied_on.isoformat(),
        "card_expires_at": _moment(_end_of(card)),
    }


def known_from_question(
    fields: Mapping[str, Any], *, reminded_at: datetime | None
) -> Known:
    """Return what a destination knows that has just taken a question.

    Args:
        fields: As `question_of` has put them.
        reminded_at: The newest reminder before it: the question says as much.
    """
    ends = fields["card_expires_at"]
    return Known(
        state=CARD.start if ends is None else CardState.ACTIVE,
        expires_at=None if ends is None else datetime.fromisoformat(ends),
        credentials={},
        passport=_digest({name: fields[f"passport_{name}"] for name in _PASSPORT}),
        reminded_at=reminded_at,
    )


def news(
    known: Known,
    card: Card,
    credentials: Iterable[Credential],
    *,
    has_ended: bool,
    passport: Passport | None = None,
    reminded_at: datetime | None = None,
) -> dict[str, Any] | None:
    """Return the next thing to tell of a card; None if everything is known.

    Args:
        known: What was told.
        card: As it is now.
        credentials: Those that are told under this question, as they are now.
        has_ended: The question is over; for the destination the card is, too.
        passport: That the card goes with; what lacks a day of issue is not told.
        reminded_at: When an answer was asked for again; None: it was not.
    """
    wanted = card.state
    if has_ended and not CARD.is_final(wanted):
        wanted = CardState.CANCELLED
    event = None if wanted == known.state else _EVENTS.get(known.state, {}).get(wanted)
    expires_at = card.expires_at if card.expires_at != known.expires_at else None
    if has_ended and event is None:
        expires_at = None  # of a card that has ended nobody asks when
    told = [
        _credential(each)
        for each in credentials
        if known.credentials.get(_place(each)) != each.state
    ][:MOST_CREDENTIALS]
    more = {} if has_ended else _more(known, passport, reminded_at)
    if event is None and expires_at is None and not told and not more:
        return None
    return {
        **({"event": event} if event else {}),
        **({"expires_at": _moment(expires_at)} if expires_at else {}),
        **({"credentials": told} if told else {}),
        **more,
    }


def _more(
    known: Known, passport: Passport | None, reminded_at: datetime | None
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if passport is not None and passport.issued_on is not None:
        fields = {
            "country": passport.issuer,
            "number": passport.number,
            "issued_on": passport.issued_on.isoformat(),
            "expires_on": passport.expires_on.isoformat(),
        }
        if _digest(fields) != known.passport:
            found["passport"] = fields
    if reminded_at is not None and reminded_at != known.reminded_at:
        found["reminded_at"] = _moment(reminded_at)
    return found


def _digest(passport: Mapping[str, str]) -> str:
    text = json.dumps([passport[name] for name in _PASSPORT])
    return sha256(text.encode()).hexdigest()


def known_after(known: Known, told: Mapping[str, Any]) -> Known:
    """Return what a destination knows once it has heard."""
    event, ends = told.get("event"), told.get("expires_at")
    steps = {step.event: step.after for step in CARD}
    heard = {
        f"{each['list_number']}/{each['list_index']}": each["state"]
        for each in told.get("credentials", ())
    }
    return Known(
        state=steps[event] if event else known.state,
        expires_at=datetime.fromisoformat(ends) if ends else known.expires_at,
        credentials={**known.credentials, **heard},
        passport=_digest(told["passport"]) if "passport" in told else known.passport,
        reminded_at=datetime.fromisoformat(told["reminded_at"])
        if "reminded_at" in told
        else known.reminded_at,
    )


def _end_of(card: Card) -> datetime | None:
    return None if card.state == CARD.start else card.expires_at


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _place(credential: Credential) -> str:
    return f"{credential.list_number}/{credential.list_index}"


def _credential(credential: Credential) -> dict[str, Any]:
    return {
        "form": credential.form,
        "document_number": credential.document_number,
        "list_number": credential.list_number,
        "list_index": credential.list_index,
        "state": credential.state.value,
    }
