"""How cases are said on the pages: states, ages, economies, what happened."""

import unicodedata
from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from flask import Flask, g
from markupsafe import Markup

from issuer.chip_readings import PROVED
from issuer.held import HOLD
from issuer.incoming import Screening
from issuer.lifecycle import Application, Card, Preclearance
from issuer.scheme import Scheme
from issuer.store import BulkState, DocumentKind, HitState
from issuer.web import states
from issuer.web.access import Needs
from issuer.web.here import may, site
from verifier import PassportStatus

Look = tuple[str, str]
"""One of the looks of ``parts.html``, and the word beside it."""

_YEAR: Final = 365.25
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
APPLICATIONS: Final[Mapping[Application, Look]] = MappingProxyType(
    {
        Application.DRAFT: ("quiet", "Draft"),
        Application.SUBMITTED: ("info", "Submitted"),
        Application.HOME_REVIEW: ("info", "In review"),
        Application.HOME_APPROVED: ("good", "Approved at home"),
        Application.HOME_REFUSED: ("stop", "Refused at home"),
        Application.CIRCULATED: ("good", "Circulated"),
        Application.CLOSED: ("quiet", "Closed"),
        Application.APPLICANT_WITHDRAWN: ("quiet", "Withdrawn"),
    }
)
ANSWERS: Final[Mapping[Preclearance, Look]] = MappingProxyType(
    {Preclearance(state): each for state, each in states.LANES.items()}
)
CARDS: Final[Mapping[Card, Look]] = MappingProxyType(
    {Card(state): each for state, each in states.CARDS.items()}
)
SCREENINGS: Final[Mapping[Screening, Look]] = MappingProxyType(
    {
        Screening.NOT_CONFIGURED: ("quiet", "No list here"),
        Screening.WAITING: ("warn", "Not screened yet"),
        Screening.OPEN_HITS: ("stop", "Hits to settle"),
        Screening.CLEAR: ("good", "Clear"),
    }
)
HITS: Final[Mapping[HitState, Look]] = MappingProxyType(
    {
        HitState.OPEN: ("stop", "Open"),
        HitState.OTHER_PERSON: ("good", "Somebody else"),
        HitState.SAME_PERSON: ("warn", "The same person"),
    }
)
PASSPORTS: Final[Mapping[PassportStatus, Look]] = MappingProxyType(
    {
        PassportStatus.VALID: ("good", "The passport is in order, says who issued it."),
        PassportStatus.LOST: ("stop", "The passport was reported lost."),
        PassportStatus.STOLEN: ("stop", "The passport was reported stolen."),
        PassportStatus.INVALID: ("stop", "The passport is no longer good."),
        PassportStatus.NOT_RECOGNISED: ("stop", "Nobody has issued this passport."),
        PassportStatus.DATA_MISMATCH: (
            "warn",
            "The register of who issued it has other data: compare the passport.",
        ),
        PassportStatus.NO_ANSWER: (
            "quiet",
            "No answer. It speaks neither for nor against the passport.",
        ),
    }
)
CHIPS: Final[Mapping[str, Look]] = MappingProxyType(
    {
        PROVED: ("good", "A state has signed it, and it is what was typed."),
        "chip.too_large": ("warn", "A file is longer than any passport's: read again."),
        "chip.malformed": ("warn", "A file is not what its name says: read again."),
        "chip.algorithm": ("warn", "Signed in a way that is weak, or not known here."),
        "chip.no_signer": ("warn", "The signer's certificate is not in the chip."),
        "chip.signature": ("stop", "Its signature does not fit: suspect the passport."),
        "chip.unknown_issuer": (
            "warn",
            "Nobody trusted here has signed for its signer.",
        ),
        "chip.usage": ("stop", "A certificate in it may not be used for passports."),
        "chip.validity": ("warn", "A certificate was not valid: look at the dates."),
        "chip.revoked": ("stop", "The state has revoked its signer: ask the state."),
        "chip.hash_missing": ("stop", "Lines or portrait were not signed."),
        "chip.hash_differs": (
            "stop",
            "Lines or portrait are not those that were signed.",
        ),
        "chip.state": ("stop", "Its signer is not of the state that its lines name."),
        "chip.mrz": ("warn", "Its lines cannot be read: check the passport by hand."),
        "chip.differs": ("warn", "A genuine chip that is not what was typed."),
    }
)
CHIP_FIELDS: Final = MappingProxyType(
    {
        "country": "who issued it",
        "number": "its number",
        "birthdate": "the birth date",
        "nationality": "the nationality",
        "names": "the names",
        "expires_on": "the day on which it ends",
    }
)
BULKS: Final[Mapping[BulkState, Look]] = MappingProxyType(
    {
        BulkState.PROPOSED: ("info", "Waits for a second person"),
        BulkState.RUNNING: ("warn", "Running"),
        BulkState.DONE: ("good", "Done"),
        BulkState.REJECTED: ("quiet", "Rejected"),
    }
)
_LOOKS: Final[Mapping[type, Mapping[Any, Look]]] = MappingProxyType(
    {
        Application: APPLICATIONS,
        Preclearance: ANSWERS,
        Card: CARDS,
        Screening: SCREENINGS,
        HitState: HITS,
        BulkState: BULKS,
    }
)
EVENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "application:entered": "Entered",
        "application:corrected": "Corrected",
        "application:document_added": "Document added",
        "application:submit": "Submitted",
        "application:open": "Review opened",
        "application:pass_stage": "Stage passed",
        "application:approve": "Approved at home",
        "application:refuse": "Refused at home",
        "application:circulate": "Circulated",
        "application:close": "Closed",
        "application:withdraw": "Withdrawn",
        "card:created": "Card begun",
        "card:activate": "Card active",
        "card:cancel": "Card cancelled",
        "card:suspend": "Card suspended",
        "card:restore": "Card restored",
        "card:report_lost": "Card reported lost",
        "card:supersede": "Card replaced",
        "card:expire": "Card expired",
        "card:passport_linked": "Another passport linked",
        "card:passport_reported": "Passport reported",
    }
)
STEPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "send": "Asked",
        "remind": "Reminded",
        "ask_again": "Asked to look again",
        "approve": "Approved",
        "refuse": "Not approved",
        "reconsider": "Approved after all",
        "suspend": "Suspended",
        "reinstate": "Reinstated",
        "withdraw": "Withdrawn",
        "repend": "Asked again for a new passport",
        "lapse": "Lapsed",
        "carried_over": "Carried over to the new card",
    }
)
BUTTONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "application.submit": "Submit",
        "application.open": "Open the review",
        "application.pass_stage": "Pass this stage",
        "application.approve": "Approve",
        "application.refuse": "Refuse",
        "application.circulate": "Circulate",
        "application.close": "Close",
        "application.withdraw": "Withdraw",
        "preclearance.remind": "Remind",
        "preclearance.ask_again": "Ask again",
        "approve": "Approve",
        "refuse": "Do not approve",
        "reconsider": "Approve after all",
        "suspend": "Suspend",
        "reinstate": "Reinstate",
        "withdraw": "Withdraw",
    }
)
KEYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "approve": "a",
        "refuse": "n",
        "reconsider": "r",
        "suspend": "s",
        "reinstate": "i",
        "withdraw": "w",
    }
)
"""Access keys of decisions; the page on the keyboard lists them."""
DOCUMENTS: Final[Mapping[DocumentKind, str]] = MappingProxyType(
    {
        DocumentKind.PORTRAIT: "Portrait",
        DocumentKind.SIGNATURE: "Signature",
        DocumentKind.PASSPORT: "Passport",
        DocumentKind.POLICE_CERTIFICATE: "Police certificate",
        DocumentKind.EMPLOYMENT: "Proof of employment",
        DocumentKind.RECOMMENDATION: "Recommendation",
        DocumentKind.OTHER: "Other",
    }
)
WHY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "transliterated": "Letters outside A to Z were written by the table;"
        " this passport may write them otherwise.",
        "truncated": "The name is longer than a passport's lines, and was cut.",
        "no_table": "There is no table for this script. Type what the passport's lines"
        " show.",
        "mixed_scripts": "A word mixes letters of two alphabets that look alike.",
        "differs": "The passport's lines write it otherwise than the table. The"
        " passport wins.",
    }
)
EFFECTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "excluded": "Cannot be asked: not open to this holder",
        "lane_only": "Lane only, no entry by this card",
        "not_required": "No pre-clearance needed",
        "normal": "Can be asked",
    }
)
OUTCOMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "done": "As asked",
        "not_found": "Not there, or not yours",
        "incoming.unscreened": "Left out: the watch list has not answered",
        "incoming.open_hits": "Left out: hits are to be settled",
        "preclearance.not_now": "Left out: its state does not allow this",
        "preclearance.ended": "Left out: it has ended",
        "preclearance.changed": "Left out: somebody has just changed it",
        "application.not_now": "Left out: its state does not allow this",
        "application.ended": "Left out: it has ended",
        "card.not_now": "Left out: its state does not allow this",
        "card.ended": "Left out: the card has ended",
        "card.not_in_use": "Left out: the card is not active",
    }
)


def install(app: Flask) -> None:
    """Give the templates the words of cases."""
    for name, function in (
        ("seen", seen),
        ("age", age),
        ("date", date_text),
        ("day_of", lambda text: date_text(date.fromisoformat(text))),
        ("look", look),
        ("economy", economy_name),
        ("happened", happened),
        ("button", lambda name: BUTTONS.get(name, name)),
        ("access", lambda event: KEYS.get(event, "")),
        ("document", DOCUMENTS.__getitem__),
        ("stage", lambda code: code.replace("_", " ").capitalize()),
        ("why", lambda code: WHY.get(code, code)),
        ("passport_says", PASSPORTS.__getitem__),
        ("chip_says", CHIPS.__getitem__),
        ("chip_field", CHIP_FIELDS.__getitem__),
        ("effect", lambda code: EFFECTS.get(code, code)),
        ("outcome", lambda code: OUTCOMES.get(code, f"Left out: {code}")),
    ):
        app.add_template_filter(function, name)
    app.context_processor(lambda: {"may_do": may_do, "HOLD": HOLD.seconds})


def may_do(operation: str) -> bool:
    """Tell whether who asks may perform an operation."""
    return may(Needs(operation))


def seen(text: str) -> Markup:
    """Return a name as data: nothing in it turns or hides what stands around it."""
    plain = "".join(sign for sign in text if unicodedata.category(sign) not in _UNSEEN)
    return Markup("<bdi>{}</bdi>").format(plain)


def age(days: float | None) -> str:
    """Return an age in words."""
    if days is None:
        return "not known"
    if days < 1:
        return "less than a day"
    if days >= 2 * _YEAR:
        return f"{days / _YEAR:.0f} years"
    number = f"{days:.1f}".removesuffix(".0")
    return f"{number} day" if number == "1" else f"{number} days"


def date_text(value: date) -> str:
    """Return a date as people write it: ``4 May 2026``."""
    return f"{value.day} {value:%B %Y}"


def look(state: object) -> Look:
    """Return how a state is shown."""
    return _LOOKS[type(state)][state]


def scheme() -> Scheme:
    """Return the scheme in force, read once for a page."""
    if "scheme" not in g:
        office = site().office
        g.scheme = office.store.read(office.scheme)
    found: Scheme = g.scheme
    return found


def economy_name(code: str) -> str:
    """Return an economy's name; its code where the scheme has none such."""
    economy = scheme().economies.get(code)
    return economy.name if economy else code


def happened(what: str) -> str:
    """Return an event of a timeline in words."""
    if what in EVENTS:
        return EVENTS[what]
    code, _, event = what.partition(":")
    if code in scheme().economies:
        return f"{economy_name(code)}: {STEPS.get(event, event)}"
    return STEPS.get(what, what.replace("_", " ").replace(":", ": "))
