"""Why a card was not accepted, and what an accepted card is good for here.

Codes are part of the public API: add, never rename, never reuse.

Source: specification, section 10.
"""

from enum import StrEnum, unique


@unique
class RejectReason(StrEnum):
    """The card, or what was shown, is bad: fresher data will not help."""

    FOREIGN = "card.foreign"
    """Not an ABTC code (step 1)."""
    MALFORMED = "card.malformed"
    """Says it is an ABTC code, and is not one (step 1)."""
    TEST = "card.test"
    """Signed by a test issuer (step 6)."""
    SIGNATURE = "signature.invalid"
    """The issuer's signature does not verify (step 5)."""
    KEY_WINDOW = "trust.key_window"
    """Signed outside the period in which the key may sign (step 7)."""
    BINDING = "trust.binding"
    """Points at a status list that is not its issuer's (step 7)."""
    EXPIRED = "time.expired"
    """The card has ended (step 8)."""
    PROOF_MISSING = "proof.missing"
    """A card for a phone, shown without the phone's proof (step 9a)."""
    PROOF_DEVICE = "proof.device"
    """The proof was not made by the phone that holds the card (step 9b)."""
    PROOF_AUDIENCE = "proof.audience"
    """The proof was made for somebody else (step 9e)."""
    PROOF_NONCE = "proof.nonce"
    """The proof's nonce is neither derived nor the challenge (step 9f)."""
    PROOF_BINDING = "proof.binding"
    """The proof was made for another card (step 9g)."""
    REVOKED = "status.revoked"
    """The issuer has cancelled the card (step 10)."""
    SUSPENDED = "status.suspended"
    """The issuer has suspended the card (step 10)."""
    SUPERSEDED = "status.superseded"
    """A newer credential of the same card has replaced this one (step 10)."""
    PASSPORT_MISMATCH = "passport.mismatch"
    """The passport is not the one that the card is linked to (step 11)."""
    PASSPORT_EXPIRED = "passport.expired"
    """The passport has ended (step 11)."""


@unique
class UndecidedReason(StrEnum):
    """Fresher data, another scan or a person could change the answer."""

    VERSION = "card.version"
    """An ABTC code of a version that this software does not know (step 1)."""
    CLOCK = "time.clock"
    """The device's clock is behind trust data that it has accepted (step 2)."""
    NOT_YET = "time.not_yet"
    """The card is not good yet, or the clock is behind (step 8)."""
    TRUST_STALE = "trust.stale"
    """The trust data is too old (step 3)."""
    UNKNOWN_ISSUER = "trust.unknown_issuer"
    """The trust data names no such issuer (step 4)."""
    UNKNOWN_KEY = "trust.unknown_key"
    """The trust data names no such key of this issuer (step 4)."""
    PROOF_AHEAD = "proof.ahead"
    """The proof is dated in the future: the phone's clock is off (step 9c)."""
    PROOF_STALE = "proof.stale"
    """The proof is too old: a copy, or a phone whose clock is behind (step 9d)."""
    PROOF_CHALLENGE = "proof.challenge"
    """The phone has not answered the officer's challenge (step 9f)."""
    PROOF_REPEAT = "proof.repeat"
    """The same proof was shown to this device before (`ReplayGuard`)."""
    STATUS_MISSING = "status.missing"
    """The status list of the card is not on this device (step 10)."""
    STATUS_UNUSABLE = "status.unusable"
    """The status list of the card was refused (step 10)."""
    STATUS_STALE = "status.stale"
    """The status list is too old (step 10)."""
    STATUS_RANGE = "status.range"
    """The status list does not cover the card (step 10)."""
    STATUS_UNKNOWN = "status.unknown"
    """The status list gives a state that this profile does not define (step 10)."""
    PASSPORT_DIFFERS = "passport.differs"
    """The passport's number fits and its name or nationality does not (step 11)."""


@unique
class EntryReason(StrEnum):
    """Why the card is, is not, or may be an entry basis here (section 9)."""

    CLEARED = "entry.cleared"
    """The card lists this economy."""
    GRANTED = "entry.granted"
    """This economy's overlay says that it cleared the holder since."""
    FORM = "entry.form"
    """This form of card is not accepted here today."""
    EXCLUDED = "entry.excluded"
    """The scheme is not available here for this issuer or nationality."""
    LANE_ONLY = "entry.lane_only"
    """Issuer or destination does not take part in pre-clearance."""
    NOT_REQUIRED = "entry.not_required"
    """The holder needs no clearance here, on grounds other than this card."""
    WITHDRAWN = "entry.withdrawn"
    """This economy has withdrawn its clearance."""
    SUSPENDED = "entry.suspended"
    """This economy has suspended its clearance."""
    NOT_CLEARED = "entry.not_cleared"
    """This economy is not known to have cleared the holder."""
    PASSPORT_VALIDITY = "entry.passport_validity"
    """The passport ends too soon for this economy."""
    RULES_MISSING = "entry.rules_missing"
    """The rules of issuer or destination are not on this device."""
    FORM_UNKNOWN = "entry.form_unknown"
    """Whether this form is accepted here is not known."""
    OVERLAY_MISSING = "entry.overlay_missing"
    """This economy's own list over the card's list is absent or unusable."""
    OVERLAY_STALE = "entry.overlay_stale"
    """This economy's own list is too old."""
    OVERLAY_RANGE = "entry.overlay_range"
    """This economy's own list does not cover the card."""
    OVERLAY_UNKNOWN = "entry.overlay_unknown"
    """This economy's own list gives a state that the profile does not define."""
    STAY_UNKNOWN = "entry.stay_unknown"
    """The maximum stay is not known."""


@unique
class LaneReason(StrEnum):
    """Why the holder may, may not or might use the lane (section 9)."""

    OPEN = "lane.open"
    """The lane is open to every ABTC."""
    CLEARED = "lane.cleared"
    """The holder is cleared here, or at home."""
    FORM = "lane.form"
    """This form of card is not accepted here today."""
    EXCLUDED = "lane.excluded"
    """The scheme is not available here for this issuer or nationality."""
    NOT_CLEARED = "lane.not_cleared"
    """The lane needs a clearance, and there is none."""
    RULES_MISSING = "lane.rules_missing"
    """The rules of the destination are not on this device."""
    FORM_UNKNOWN = "lane.form_unknown"
    """Whether this form is accepted here is not known."""
    RULES_UNKNOWN = "lane.rules_unknown"
    """Whether the lane needs a clearance is not known."""
    CLEARANCE_UNKNOWN = "lane.clearance_unknown"
    """The lane needs a clearance, and whether there is one is not known."""


Reason = RejectReason | UndecidedReason | EntryReason | LaneReason
