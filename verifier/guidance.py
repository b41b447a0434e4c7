"""What each reason code means to an officer, and what to do.

English; other languages translate these two sentences and nothing else. The texts blame
nobody, and never say why an economy refused, because no list knows.
"""

from dataclasses import dataclass
from types import MappingProxyType

from .reasons import EntryReason, LaneReason, Reason, RejectReason, UndecidedReason


@dataclass(frozen=True, slots=True)
class Guidance:
    """Two sentences for the officer."""

    what: str
    """What happened."""
    do: str
    """What to do next."""


def guidance(reason: Reason) -> Guidance:
    """Return what ``reason`` means to an officer, and what to do, in English."""
    return _TEXTS[reason]


_USUAL = "Apply the normal rules for entry."
_UPDATE = "Update this device; until then check by hand."
_VISA = "Check for a visa as for any traveller."

_TEXTS: MappingProxyType[Reason, Guidance] = MappingProxyType(
    {
        RejectReason.FOREIGN: Guidance(
            "This is not an ABTC code.",
            "Ask the holder to tap SHOW CODE, and scan again.",
        ),
        RejectReason.MALFORMED: Guidance(
            "This looks like an ABTC code, but it is damaged or made up.",
            "Scan again; if it stays, refer to a supervisor.",
        ),
        RejectReason.TEST: Guidance(
            "This is a test card.", "Do not process a traveller with it."
        ),
        RejectReason.SIGNATURE: Guidance(
            "The signature is not the issuer's: the card is forged or altered.",
            "Keep the traveller and refer to a supervisor.",
        ),
        RejectReason.KEY_WINDOW: Guidance(
            "The card is dated outside the time in which its key was in use.",
            "Keep the traveller and refer to a supervisor.",
        ),
        RejectReason.BINDING: Guidance(
            "The card points at a status list that is not its issuer's.",
            "Keep the traveller and refer to a supervisor.",
        ),
        RejectReason.EXPIRED: Guidance("The card has ended.", _USUAL),
        RejectReason.PROOF_MISSING: Guidance(
            "A card for a phone was shown without the phone's own proof.",
            "Ask for the live code on the phone; refuse a print or picture.",
        ),
        RejectReason.PROOF_DEVICE: Guidance(
            "The code was not made by the phone that holds this card.",
            "Refer to a supervisor.",
        ),
        RejectReason.PROOF_AUDIENCE: Guidance(
            "The code was made for somebody else, not for a border.",
            "Ask the holder to tap SHOW CODE, and scan again.",
        ),
        RejectReason.PROOF_NONCE: Guidance(
            "The code answers a question that this device did not ask.",
            "Ask for a new code; the second time, refer to a supervisor.",
        ),
        RejectReason.PROOF_BINDING: Guidance(
            "The phone's proof belongs to another card.",
            "Refer to a supervisor.",
        ),
        RejectReason.REVOKED: Guidance(
            "The issuer has cancelled this card, or it was reported lost.",
            "Refer to a supervisor; use the passport only.",
        ),
        RejectReason.SUSPENDED: Guidance(
            "The issuer has suspended this card.", f"Refer. {_USUAL}"
        ),
        RejectReason.SUPERSEDED: Guidance(
            "A newer card or another phone has replaced this one.",
            "Ask for the holder's current phone or card.",
        ),
        RejectReason.PASSPORT_MISMATCH: Guidance(
            "The passport is not the one that this card is linked to.",
            f"Ask for the linked passport; otherwise: {_USUAL.lower()}",
        ),
        RejectReason.PASSPORT_EXPIRED: Guidance(
            "The passport has ended, so the card cannot be used with it.", _USUAL
        ),
        UndecidedReason.VERSION: Guidance(
            "This ABTC code is of a newer kind than this device knows.",
            "Update the software; until then check by hand.",
        ),
        UndecidedReason.CLOCK: Guidance(
            "This device's clock is behind; dates cannot be trusted.",
            "Set the clock; until then check by hand.",
        ),
        UndecidedReason.NOT_YET: Guidance(
            "By this device's clock the card is not good yet.",
            "Check the clock of this device; otherwise check by hand.",
        ),
        UndecidedReason.TRUST_STALE: Guidance(
            "This device's list of issuers is too old.", _UPDATE
        ),
        UndecidedReason.UNKNOWN_ISSUER: Guidance(
            "This device does not know the issuer of this card.", _UPDATE
        ),
        UndecidedReason.UNKNOWN_KEY: Guidance(
            "This device does not know the key that signed this card.", _UPDATE
        ),
        UndecidedReason.PROOF_AHEAD: Guidance(
            "The phone's clock is ahead of this device's clock.",
            "Ask the holder to set the time automatically and reopen SHOW CODE.",
        ),
        UndecidedReason.PROOF_STALE: Guidance(
            "The code is too old: a copy, or a phone whose clock is behind.",
            "Ask the holder to reopen SHOW CODE; the second time, refer.",
        ),
        UndecidedReason.PROOF_CHALLENGE: Guidance(
            "The phone has not answered the code on your screen.",
            "Ask the holder to scan your code, then scan theirs.",
        ),
        UndecidedReason.PROOF_REPEAT: Guidance(
            "The same code was shown here a moment ago.",
            "Ask for a new code and compare the face with the passport.",
        ),
        UndecidedReason.STATUS_MISSING: Guidance(
            "The issuer's status list is not on this device.", _UPDATE
        ),
        UndecidedReason.STATUS_UNUSABLE: Guidance(
            "The issuer's status list on this device is damaged.", _UPDATE
        ),
        UndecidedReason.STATUS_STALE: Guidance(
            "The issuer's status list on this device is too old.", _UPDATE
        ),
        UndecidedReason.STATUS_RANGE: Guidance(
            "The issuer's status list does not cover this card.", _UPDATE
        ),
        UndecidedReason.STATUS_UNKNOWN: Guidance(
            "The issuer gives this card a state that this device does not know.",
            _UPDATE,
        ),
        UndecidedReason.PASSPORT_DIFFERS: Guidance(
            "The passport number fits, but the name or nationality does not.",
            "Compare card and passport by hand.",
        ),
        EntryReason.CLEARED: Guidance(
            "Your economy has cleared this holder.",
            "Admit for a business visit until the date shown.",
        ),
        EntryReason.GRANTED: Guidance(
            "Your economy has cleared this holder after the card was made.",
            "Admit for a business visit until the date shown.",
        ),
        EntryReason.FORM: Guidance(
            "This form of card is not accepted here today.", _VISA
        ),
        EntryReason.EXCLUDED: Guidance(
            "The scheme does not apply here to this issuer or nationality.", _VISA
        ),
        EntryReason.LANE_ONLY: Guidance(
            "Between these economies the card opens the lane, not the border.", _VISA
        ),
        EntryReason.NOT_REQUIRED: Guidance(
            "The holder needs no clearance here.",
            "Admit by the rules for own citizens or residents, not by this card.",
        ),
        EntryReason.WITHDRAWN: Guidance(
            "Your economy has withdrawn its clearance.",
            f"{_VISA} Do not explain why: no list says.",
        ),
        EntryReason.SUSPENDED: Guidance(
            "Your economy has suspended its clearance.",
            f"{_VISA} Do not explain why: no list says.",
        ),
        EntryReason.NOT_CLEARED: Guidance(
            "Your economy is not known to have cleared this holder.",
            f"{_VISA} An online answer may be newer.",
        ),
        EntryReason.PASSPORT_VALIDITY: Guidance(
            "The passport ends too soon for entry here.", _USUAL
        ),
        EntryReason.RULES_MISSING: Guidance(
            "The rules between these economies are not on this device.", _UPDATE
        ),
        EntryReason.FORM_UNKNOWN: Guidance(
            "Whether this form of card is accepted here is not known.",
            "Ask a supervisor; check for a visa meanwhile.",
        ),
        EntryReason.OVERLAY_MISSING: Guidance(
            "Your economy's own list is not on this device.", _UPDATE
        ),
        EntryReason.OVERLAY_STALE: Guidance(
            "Your economy's own list is too old.", _UPDATE
        ),
        EntryReason.OVERLAY_RANGE: Guidance(
            "Your economy's own list does not cover this card.", _UPDATE
        ),
        EntryReason.OVERLAY_UNKNOWN: Guidance(
            "Your economy's own list gives a state that this device does not know.",
            _UPDATE,
        ),
        EntryReason.STAY_UNKNOWN: Guidance(
            "How long the holder may stay is not on this device.",
            "Ask a supervisor for the permitted stay.",
        ),
        LaneReason.OPEN: Guidance(
            "The lane is open to every ABTC.", "Serve the holder in the lane."
        ),
        LaneReason.CLEARED: Guidance(
            "The holder is cleared here, or at home.", "Serve the holder in the lane."
        ),
        LaneReason.FORM: Guidance(
            "This form of card is not accepted here today.", "Use the normal queue."
        ),
        LaneReason.EXCLUDED: Guidance(
            "The scheme does not apply here to this issuer or nationality.",
            "Use the normal queue.",
        ),
        LaneReason.NOT_CLEARED: Guidance(
            "The lane here needs a clearance.", "Use the normal queue."
        ),
        LaneReason.RULES_MISSING: Guidance(
            "The rules of this economy are not on this device.", _UPDATE
        ),
        LaneReason.FORM_UNKNOWN: Guidance(
            "Whether this form of card is accepted here is not known.",
            "Decide by local practice.",
        ),
        LaneReason.RULES_UNKNOWN: Guidance(
            "Whether the lane here needs a clearance is not known.",
            "Decide by local practice.",
        ),
        LaneReason.CLEARANCE_UNKNOWN: Guidance(
            "The lane needs a clearance, and whether there is one is not known.",
            _UPDATE,
        ),
    }
)
