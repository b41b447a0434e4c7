"""How the states of cards and what belongs to them look: an icon and a word each."""

from datetime import datetime
from types import MappingProxyType
from typing import Final
from unicodedata import category

from issuer import lifecycle
from issuer.card_choices import Why
from issuer.store import PlasticState

_Look = tuple[str, str]

CARDS: Final = MappingProxyType[str, _Look](
    {
        lifecycle.Card.PENDING_HOME: ("info", "Waits for approval"),
        lifecycle.Card.ACTIVE: ("good", "Active"),
        lifecycle.Card.SUSPENDED: ("warn", "Suspended"),
        lifecycle.Card.LOST: ("stop", "Reported lost"),
        lifecycle.Card.CANCELLED: ("stop", "Cancelled"),
        lifecycle.Card.SUPERSEDED: ("quiet", "Replaced by a newer card"),
        lifecycle.Card.EXPIRED: ("quiet", "Expired"),
    }
)
CREDENTIALS: Final = MappingProxyType[str, _Look](
    {
        lifecycle.Credential.PREPARED: ("info", "Waits for its signature"),
        lifecycle.Credential.VALID: ("good", "Good"),
        lifecycle.Credential.SUSPENDED: ("warn", "Suspended"),
        lifecycle.Credential.REVOKED: ("stop", "Revoked"),
        lifecycle.Credential.SUPERSEDED: ("quiet", "Replaced"),
        lifecycle.Credential.VOID: ("quiet", "Never signed"),
        lifecycle.Credential.EXPIRED: ("quiet", "Expired"),
    }
)
LANES: Final = MappingProxyType[str, _Look](
    {
        lifecycle.Preclearance.NOT_SENT: ("quiet", "Not asked"),
        lifecycle.Preclearance.PENDING: ("info", "Waiting"),
        lifecycle.Preclearance.APPROVED: ("good", "Approved"),
        lifecycle.Preclearance.NOT_APPROVED: ("stop", "Not approved"),
        lifecycle.Preclearance.SUSPENDED: ("warn", "Suspended"),
        lifecycle.Preclearance.WITHDRAWN: ("stop", "Withdrawn"),
        lifecycle.Preclearance.LAPSED: ("quiet", "Lapsed"),
    }
)
LINKS: Final = MappingProxyType[str, _Look](
    {
        lifecycle.PassportLink.LINKED: ("good", "Linked"),
        lifecycle.PassportLink.REPORTED: ("stop", "Reported: card unusable"),
        lifecycle.PassportLink.REPLACED: ("quiet", "Replaced"),
        lifecycle.PassportLink.ENDED: ("quiet", "Ended with the card"),
    }
)
PLASTIC: Final = MappingProxyType[str, _Look](
    {
        PlasticState.TO_PRINT: ("info", "To be printed"),
        PlasticState.AT_BUREAU: ("info", "At the bureau"),
        PlasticState.HANDED_OVER: ("good", "Handed over"),
        PlasticState.SPOILED: ("stop", "Spoiled"),
    }
)
ALL: Final = MappingProxyType(
    {"card": CARDS, "credential": CREDENTIALS, "lane": LANES, "link": LINKS,
     "plastic": PLASTIC}
)  # fmt: skip
FORMS: Final = MappingProxyType({"app": "App on a phone", "physical": "Plastic"})
WHYS: Final = MappingProxyType[Why, tuple[str, str]](
    {
        Why.NEAR_EXPIRY: ("The card ends soon", "A renewal is applied for."),
        Why.NEW_PASSPORT: ("New passport", "Each card goes with one passport."),
        Why.ADDED_ECONOMY: (
            "An economy was added",
            "New answers reach a phone; plastic has to be printed again.",
        ),
        Why.LOST_CARD: (
            "The card is lost",
            "Plastic and phone together, or nobody knows: everything of it ends.",
        ),
        Why.LOST_PHONE: (
            "The phone is lost or new",
            "A lost phone is not a lost card: the card moves to another phone.",
        ),
        Why.LOST_PLASTIC: (
            "Only the plastic is lost",
            "The document ends; the card goes on.",
        ),
        Why.DAMAGE: ("The plastic is damaged", "It is printed again."),
        Why.WITHDRAWAL: (
            "An economy withdrew its answer",
            "The card is made without it.",
        ),
        Why.CONVERT_TO_VIRTUAL: (
            "Convert to the app",
            "The same card moves from plastic into the holder's phone. Its end day"
            " and all answers stay.",
        ),
        Why.NEW_APPLICATION: (
            "New application",
            "Everything begins anew: every economy is asked again, and this card"
            " with all its answers ends when the new one is issued.",
        ),
    }
)


def look(state: str, kind: str) -> _Look:
    """Return icon and word of a state; for one that is not known, itself."""
    return ALL[kind].get(state, ("quiet", state.replace("_", " ")))


def bare(text: str) -> str:
    """Return a text without controls: none turns the line around or hides letters."""
    return "".join(each for each in text if category(each) not in {"Cc", "Cf"})


def age(at: datetime, now: datetime) -> str:
    """Return how long ago something was, in words: ``3 days ago``."""
    seconds = int((now - at).total_seconds())
    if seconds < 0:
        return f"in {_span(-seconds)}"
    return f"{_span(seconds)} ago" if seconds >= 60 else "just now"


def _span(seconds: int) -> str:
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count:,} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"
