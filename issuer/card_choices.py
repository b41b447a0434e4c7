"""Why a card is made again, and what each reason keeps, asks anew and ends.

`card.reissue_choices` answers before anything is done: for each reason the operation
that serves it, or what stands in its way.
"""

from collections.abc import Callable
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from pydantic import Field
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.cards import CardView, CredentialView, view_of
from issuer.endings import LIVE
from issuer.office import Desk
from issuer.operations import Answer, Request, operation
from issuer.profile import last_day
from issuer.store import Card, Role


class Why(StrEnum):
    """Why a holder needs a card, or a form of it, again.

    Source: VN decision 09/2023; the last four and ``withdrawal`` are ours.
    """

    NEAR_EXPIRY = "near_expiry"
    NEW_PASSPORT = "new_passport"
    ADDED_ECONOMY = "added_economy"
    LOST_CARD = "lost_card"
    LOST_PHONE = "lost_phone"
    LOST_PLASTIC = "lost_plastic"
    DAMAGE = "damage"
    WITHDRAWAL = "withdrawal"
    CONVERT_TO_VIRTUAL = "convert_to_virtual"
    NEW_APPLICATION = "new_application"


class ReissueOf(Request):
    """Which card."""

    card: int = Field(description="Number of the card.")


class Choice(Answer):
    """One reason, and what would follow from it."""

    why: Why
    operation: str | None
    """That serves it now; None where ``in_the_way`` says why it cannot."""
    credential: int | None
    """That the operation is about, where it is about one."""
    in_the_way: str | None
    kept: tuple[str, ...] = ()
    asked_again: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    """The forms that will be made."""
    end_day: str = ""
    """What becomes of the day on which the card ends."""
    is_final: bool = False
    """It cannot be taken back."""


class Choices(Answer):
    """Every reason for one card, in the order in which an officer asks."""

    card: CardView
    choices: tuple[Choice, ...]


@operation(
    "card.reissue_choices",
    "Show for each reason to re-issue a card what is kept, asked again and lost.",
    Role.ISSUING,
    Role.INTAKE,
    changes=False,
)
def reissue_choices(desk: Desk, given: ReissueOf) -> Choices:
    """Preview every reason; the reading of the card is logged."""

    def work(session: Session) -> CardView:
        card = desk.find(session, Card, given.card)
        desk.log(session, "card:read", f"card:{card.id}")
        return view_of(session, desk, card)

    view = desk.write(work)
    return Choices(card=view, choices=tuple(choose(view, why) for why in Why))


def choose(card: CardView, why: Why) -> Choice:
    """Say what a reason comes to for a card as it stands."""
    return _CHOICES[why](card, why)


def _renewal(card: CardView, why: Why) -> Choice:
    asked = tuple(each.name for each in card.lanes)
    return _choice(
        card,
        why,
        "card.renew",
        "A card that was cancelled, lost or replaced is not renewed.",
        kept=(
            "This card stays good until the first credential of the new one is issued.",
        ),
        asked_again=asked or ("Every destination, as for a first application.",),
        ended=(
            "This card, its plastic and its app credential, when the new one is"
            " issued.",
            "All of its pre-clearances, at that moment.",
        ),
        made=("Nothing today: an application is opened.",),
        end_day="The new card gets a new end day, from its own first issue on.",
        is_final=True,
    )


def _passport(card: CardView, why: Why) -> Choice:
    return _choice(
        card,
        why,
        "card.link_passport",
        "Only a card that lives can go with another passport.",
        kept=("The card itself. The next page shows each destination's answer.",),
        asked_again=("Destinations whose rules say so; the next page names them.",),
        ended=("The plastic, because it shows the old number.",),
        made=tuple(
            "App: signed anew for the same phone" for _ in _live_of(card, "app")
        ),
        end_day=f"{_stays(card)} It may move with the new passport.",
        is_final=True,
    )


def _update(card: CardView, why: Why) -> Choice:
    """Print again what has changed; without plastic, sign for the phone again."""
    operation = "card.add_economies" if why == Why.ADDED_ECONOMY else "card.replace"
    if _live_of(card, "app") and not _live_of(card, "physical"):
        return _refresh(card, why)
    return _reprint(card, why, operation)


def _refresh(card: CardView, why: Why) -> Choice:
    return _choice(
        card,
        why,
        "card.refresh",
        "The app credential is suspended, or the card is.",
        kept=("The phone, its list entry and every pre-clearance.",),
        made=("App: the same phone gets the newest answers.",),
        end_day=_stays(card),
        credential=_live_of(card, "app")[0].credential,
    )


def _reprint(card: CardView, why: Why, operation: str) -> Choice:
    old = _live_of(card, "physical")
    return _choice(
        card,
        why,
        operation,
        "There is no plastic document that could be printed again.",
        kept=("Every pre-clearance.", *_app_stays(card)),
        ended=tuple(f"The plastic {each.document_number}." for each in old),
        made=("Plastic, with a number and a list entry of its own.",),
        end_day=_stays(card),
        is_final=True,
    )


def _lost_card(card: CardView, why: Why) -> Choice:
    if card.state == lifecycle.Card.LOST:
        return _choice(
            card,
            why,
            "card.replace_lost" if card.continued_by is None else "",
            f"Card {card.continued_by} continues it already.",
            kept=("The passport and every pre-clearance go over to another card.",),
            made=("A card that continues this one; its forms are issued next.",),
            end_day=_stays(card),
        )
    return _choice(
        card,
        why,
        "card.report_lost",
        "Only a card that lives can be reported lost.",
        kept=("Pre-clearances, for the card that continues this one.",),
        ended=("This card with its plastic and its app credential, at once.",),
        made=("Nothing yet: the next step makes the card that continues it.",),
        end_day=_stays(card),
        is_final=True,
    )


def _lost_phone(card: CardView, why: Why) -> Choice:
    return _choice(
        card,
        why,
        "card.rebind",
        "The card is in no phone, or cannot be issued as it stands.",
        kept=("The card, its plastic and every pre-clearance.",),
        ended=("The code on the old phone, when the new one is signed.",),
        made=("App: for the new phone, with a list entry of its own.",),
        end_day=_stays(card),
        is_final=True,
    )


def _lost_plastic(card: CardView, why: Why) -> Choice:
    is_there = bool(_live_of(card, "physical"))
    return _choice(
        card,
        why,
        "card.report_lost" if is_there else "",
        "No plastic lives. Where it was reported lost already, use Make the plastic.",
        kept=("The card and every pre-clearance.", *_app_stays(card)),
        ended=("The plastic, at once.",),
        made=("Nothing yet: make the plastic from the card's page afterwards.",),
        end_day=_stays(card),
        is_final=True,
    )


def _convert(card: CardView, why: Why) -> Choice:
    return _choice(
        card,
        why,
        "card.convert",
        "There is no plastic to convert, it is in an app already, or this economy"
        " issues no app cards.",
        kept=("The card and every pre-clearance: no destination is asked again.",),
        ended=("The plastic, unless it is kept beside the app.",),
        made=("App: for the holder's phone.",),
        end_day=_stays(card),
        is_final=True,
    )


_CHOICES: Final = MappingProxyType[Why, Callable[[CardView, Why], Choice]](
    {
        Why.NEAR_EXPIRY: _renewal,
        Why.NEW_PASSPORT: _passport,
        Why.ADDED_ECONOMY: _update,
        Why.LOST_CARD: _lost_card,
        Why.LOST_PHONE: _lost_phone,
        Why.LOST_PLASTIC: _lost_plastic,
        Why.DAMAGE: lambda card, why: _reprint(card, why, "card.replace"),
        Why.WITHDRAWAL: _update,
        Why.CONVERT_TO_VIRTUAL: _convert,
        Why.NEW_APPLICATION: _renewal,
    }
)


def _choice(
    card: CardView,
    why: Why,
    operation: str,
    in_the_way: str,
    *,
    kept: tuple[str, ...] = (),
    asked_again: tuple[str, ...] = (),
    ended: tuple[str, ...] = (),
    made: tuple[str, ...] = (),
    end_day: str = "",
    is_final: bool = False,
    credential: int | None = None,
) -> Choice:
    """Offer an operation where the card allows it now, and refuse it elsewhere."""
    is_legal = any(
        each.operation == operation and each.credential == credential
        for each in card.actions
    )
    return Choice(
        why=why,
        operation=operation if is_legal else None,
        credential=credential,
        in_the_way=None if is_legal else in_the_way,
        kept=kept,
        asked_again=asked_again,
        ended=ended,
        made=made,
        end_day=end_day,
        is_final=is_final,
    )


def _live_of(card: CardView, form: str) -> list[CredentialView]:
    return [each for each in card.credentials if each.form == form and _lives(each)]


def _lives(each: CredentialView) -> bool:
    return each.state in LIVE


def _app_stays(card: CardView) -> tuple[str, ...]:
    return tuple("The app credential." for _ in _live_of(card, "app"))


def _stays(card: CardView) -> str:
    if card.expires_at is None:
        return "The card has no end day yet."
    day = last_day(card.expires_at)
    return f"The end day stays: {day.day} {day:%B %Y}."
