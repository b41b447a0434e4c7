"""An answer as the page, the API and files have it."""

from typing import Any, Final

from ... import EntryBasis
from .book import Earlier

DEVICE: Final = "device"
"""Source of an answer that was decided here, from the code."""


def said(basis: EntryBasis, reference: str, source: str | None) -> dict[str, Any]:
    """Return an answer as JSON: never why, and nothing that names the traveller.

    Args:
        basis: The answer.
        reference: Under which it can be compared with a later one.
        source: `DEVICE`, the code of the economy whose register has signed it, or None
            where nobody has answered.
    """
    passport = {
        "country": basis.passport_country,
        "number_end": basis.passport_number_end,
    }
    return {
        "reference": reference,
        "answer": basis.answer.value,
        "destination": basis.destination,
        "arrival": basis.arrival.isoformat(),
        "stay_until": basis.stay_until and basis.stay_until.isoformat(),
        "form": basis.form,
        "card_last_day": basis.card_last_day and basis.card_last_day.isoformat(),
        "passport": passport if basis.passport_country else None,
        "must_see": [each.value for each in basis.must_see],
        "source": source,
        "answered_at": basis.answered_at.isoformat(timespec="seconds"),
        "data_as_of": (
            basis.data_as_of and basis.data_as_of.isoformat(timespec="seconds")
        ),
    }


def compared(basis: EntryBasis, reference: str, earlier: Earlier) -> dict[str, Any]:
    """Return what a second answer says about the first."""
    is_same = (basis.answer, basis.stay_until) == (earlier.answer, earlier.stay_until)
    return {
        "reference": reference,
        "answer": earlier.answer.value,
        "stay_until": earlier.stay_until and earlier.stay_until.isoformat(),
        "answered_at": earlier.answered_at.isoformat(timespec="seconds"),
        "changed": not is_same,
    }
