"""A decision as a program reads it (``--json``) and as a person reads it."""

from datetime import datetime

from .decision import Accepted, Decision, Evidence, PassportListing
from .guidance import guidance


def outcome_of(decision: Decision) -> str:
    """Return ``accepted``, ``rejected`` or ``undecided``."""
    return type(decision).__name__.lower()


def as_object(decision: Decision) -> dict[str, object]:
    """Return the object that ``--json`` prints; moments as RFC 3339, dates ISO 8601."""
    common = {
        "outcome": outcome_of(decision),
        "evidence": _evidence(decision.evidence),
    }
    if isinstance(decision, Accepted):
        return {
            **common,
            "reason": None,
            "card": _card(decision),
            "entitlement": _entitlement(decision),
            "must_see": [each.value for each in decision.must_see],
        }
    return {
        **common,
        "reason": decision.reason.value,
        "card": None,
        "entitlement": None,
        "must_see": [],
    }


def as_lines(decision: Decision) -> list[str]:
    """Return what a person reads: the verdict, then what to do."""
    if not isinstance(decision, Accepted):
        text = guidance(decision.reason)
        return [
            f"{outcome_of(decision).upper()}  {decision.reason}",
            f"  {text.what} {text.do}",
            *_data_age(decision.evidence),
        ]
    card, lane, entry = (
        decision.card,
        decision.entitlement.lane,
        decision.entitlement.entry,
    )
    until = f" until {entry.stay_until}" if entry.stay_until else ""
    return [
        f"ACCEPTED  {card.family_name}, {card.given_name or '-'}"
        f"  ({card.document_number}, passport {card.passport_country}"
        f" {card.passport_number})",
        f"  lane: {lane.answer} ({lane.reason})",
        f"  entry: {entry.answer.replace('_', ' ')}{until} ({entry.reason})",
        f"  {guidance(entry.reason).what} {guidance(entry.reason).do}",
        f"  list of lost and stolen passports: {_listing(decision.evidence)}",
        f"  still to see: {', '.join(decision.must_see).replace('_', ' ')}",
        *_data_age(decision.evidence),
    ]


def _data_age(evidence: Evidence) -> list[str]:
    old = ", ".join(evidence.ageing)
    soon = f"; past half of its time: {old}; update soon" if old else ""
    return [f"  data as of {_moment(evidence.trust_issued_at)}{soon}"]


def _listing(evidence: Evidence) -> str:
    listing = evidence.passport_listing
    if listing is PassportListing.NOT_LISTED:
        return f"not on that of {_moment(evidence.passports_issued_at)}"
    is_old = listing is PassportListing.STALE_LIST
    return "not checked: too old" if is_old else "not checked: none here"


def _card(accepted: Accepted) -> dict[str, object]:
    card = accepted.card
    return {
        "economy": accepted.evidence.economy,
        "document_number": card.document_number,
        "family_name": card.family_name,
        "given_name": card.given_name,
        "birthdate": card.birthdate,
        "nationality": card.nationality,
        "passport": {"country": card.passport_country, "number": card.passport_number},
        "form": card.form,
        "economies": list(card.economies),
        "issued_at": _moment(card.issued_at),
        "expires_at": _moment(card.expires_at),
    }


def _entitlement(accepted: Accepted) -> dict[str, object]:
    found = accepted.entitlement
    until = found.entry.stay_until
    return {
        "destination": found.destination,
        "lane": {"answer": found.lane.answer.value, "reason": found.lane.reason.value},
        "entry": {
            "answer": found.entry.answer.value,
            "reason": found.entry.reason.value,
            "stay_until": until.isoformat() if until else None,
        },
        "purposes": list(found.purposes),
    }


def _evidence(evidence: Evidence) -> dict[str, object]:
    return {
        "now": _moment(evidence.now),
        "trust_version": evidence.trust_version,
        "trust_issued_at": _moment(evidence.trust_issued_at),
        "economy": evidence.economy,
        "key_id": evidence.key_id,
        "status_uri": evidence.status_uri,
        "status_issued_at": _moment(evidence.status_issued_at),
        "passport_listing": (
            evidence.passport_listing.value if evidence.passport_listing else None
        ),
        "passports_uri": evidence.passports_uri,
        "passports_issued_at": _moment(evidence.passports_issued_at),
        "overlay_uri": evidence.overlay_uri,
        "overlay_issued_at": _moment(evidence.overlay_issued_at),
        "proof_issued_at": _moment(evidence.proof_issued_at),
        "holder_key": evidence.holder_key,
        "ageing": [each.value for each in evidence.ageing],
    }


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
