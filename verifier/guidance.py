"""What each reason code means to an officer, what to do, and what it does not say.

The texts are data, ``words/<language>.json``, and are read once, when first asked for.
They blame nobody, and never say why an economy refused, because no list knows.
"""

import json
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final

from .reasons import EntryReason, LaneReason, Reason, RejectReason, UndecidedReason

_LANGUAGES: Final = (
    "en", "zh-Hant", "zh-Hans", "ja", "ko", "id", "ms", "th", "vi", "es", "ru",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Guidance:
    """Three short texts for the officer; each is one sentence, seldom two."""

    what: str
    """What happened."""
    do: str
    """What to do next."""
    does_not_say: str
    """What nobody should conclude from it."""


def guidance_languages() -> tuple[str, ...]:
    """Return the languages that `guidance` speaks, as BCP 47 tags, English first."""
    return _LANGUAGES


def guidance(reason: Reason, language: str = "en") -> Guidance:
    """Return what ``reason`` means to an officer, what to do, and what it does not say.

    Args:
        reason: Of any outcome, or of an entry or lane answer.
        language: One of `guidance_languages`, written as there.

    Raises:
        ValueError: ``language`` is none of them.
    """
    if language not in _LANGUAGES:
        raise ValueError(f"{language!r} is none of {', '.join(_LANGUAGES)}")
    return _texts(language)[reason]


@cache
def _texts(language: str) -> MappingProxyType[Reason, Guidance]:
    from importlib import resources  # noqa: PLC0415  # takes longer than all the rest

    text = resources.files(__package__).joinpath(f"words/{language}.json")
    rows = json.loads(text.read_text("utf-8"))
    return MappingProxyType(
        {
            reason: Guidance(row["what"], row["do"], row["not"])
            for reasons in (RejectReason, UndecidedReason, EntryReason, LaneReason)
            for reason in reasons
            for row in [rows[reason]]
        }
    )
