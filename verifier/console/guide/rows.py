"""Facts about an economy as an officer reads them: sentence, time, mark and source."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from ..._dated import DatedFact
from .words import day

_Says = Mapping[str, str | int | bool | tuple[str, ...] | None]
_SOURCE_LENGTH: Final = 200
SECTIONS: Final = (
    "membership", "accepts_form", "issues_forms", "designs", "lane", "max_stay",
    "allowed_purposes", "min_passport_validity", "pairs_here", "pairs_elsewhere",
)  # fmt: skip
"""What a page tells of an economy, in this order."""
RULES: Final = frozenset(
    {"accepts_form", "lane", "max_stay", "allowed_purposes", "min_passport_validity"}
)
"""What only the economy's own rules tell."""
_PAIRS: Final = frozenset({"pair_rules", "exclusions", "own_economy"})


class Row(NamedTuple):
    """One fact, worded."""

    value: str
    starts: str
    ends: str
    mark: str
    source: str
    is_now: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """Words and names of one language, and the moment of which a page tells."""

    words: Mapping[str, str]
    names: Mapping[str, str]
    now: datetime | None
    """None on paper: what is in force depends on when it is read."""

    def name(self, code: str) -> str:
        """Return what the screen calls an economy; the bare code if it is unknown."""
        return self.names.get(code, plain(code))

    def pair(self, left: str, right: str) -> str:
        """Return two texts, the second of which is about the first."""
        return self.words["colon"].format(left=left, right=right)


def plain(text: str) -> str:
    """Return text from data without what could reorder or hide it, and cut short."""
    kept = (each for each in text if unicodedata.category(each)[0] != "C")
    return "".join(kept)[:_SOURCE_LENGTH]


def sections(
    facts: Sequence[DatedFact], *, economy: str, wording: Wording
) -> dict[str, list[Row]]:
    """Return the rows of each section, in the order of `SECTIONS`.

    A row that this version has no words for is left out: its economy says more than
    the software knows.
    """
    found: dict[str, list[Row]] = {name: [] for name in SECTIONS}
    for fact in facts:
        value = _VALUES[fact.key](fact.says, wording) if fact.key in _VALUES else None
        if value is not None:
            found[_section(fact, economy)].append(_row(fact, value, wording))
    return found


def _section(fact: DatedFact, economy: str) -> str:
    if fact.key not in _PAIRS:
        return fact.key
    says = fact.says
    is_elsewhere = says.get("issuer") == economy != says.get("destination")
    return "pairs_elsewhere" if is_elsewhere else "pairs_here"


def _row(fact: DatedFact, value: str, wording: Wording) -> Row:
    words = wording.words
    return Row(
        value=value,
        starts=_day(fact.starts_at, words) or words["fact.open_from"],
        ends=_day(fact.ends_at, words) or words["fact.open_until"],
        mark=words.get(f"mark.{fact.mark}", ""),
        source=plain(fact.source),
        is_now=_holds(fact, wording.now),
    )


def _day(moment: datetime | None, words: Mapping[str, str]) -> str:
    return day(moment, words) if moment else ""


def _holds(fact: DatedFact, now: datetime | None) -> bool:
    return (
        now is not None
        and not (fact.starts_at and now < fact.starts_at)
        and not (fact.ends_at and now >= fact.ends_at)
    )


def _value(says: _Says, wording: Wording) -> str | None:
    return wording.words.get(f"value.{says.get('value')}")


def _accepts(says: _Says, wording: Wording) -> str | None:
    form = wording.words.get(f"value.{says.get('form')}")
    answer = "accepted" if says.get("value") is True else "not_accepted"
    return form and wording.pair(form, wording.words[f"value.{answer}"])


def _design(says: _Says, wording: Wording) -> str:
    return wording.pair(plain(str(says["value"])), wording.words["value.plain_design"])


def _lane(says: _Says, wording: Wording) -> str:
    answer = "lane_cleared" if says["needs_preclearance"] is True else "lane_open"
    return wording.words[f"value.{answer}"]


def _span(says: _Says, wording: Wording) -> str:
    return wording.words[f"value.{says['unit']}"].format(count=says["value"])


def _validity(says: _Says, wording: Wording) -> str | None:
    moment = wording.words.get(f"value.at_{says.get('moment')}")
    is_known = says.get("unit") in {"days", "months"}
    return wording.pair(moment, _span(says, wording)) if moment and is_known else None


def _purposes(says: _Says, wording: Wording) -> str | None:
    purposes = says.get("value")
    names = purposes if isinstance(purposes, tuple) else ()
    known = [wording.words.get(f"value.{name}", plain(name)) for name in names]
    return wording.words["list"].join(known) or None


def _pair(says: _Says, wording: Wording) -> str:
    words = wording.words
    nationality = str(says.get("nationality") or "")
    key = "rule.not_nationality" if nationality.startswith("!") else "rule.nationality"
    named = (
        ("rule.issuer", says.get("issuer")),
        (key, nationality.removeprefix("!")),
        ("rule.destination", says.get("destination")),
    )
    parts = [
        words[key].format(economy=wording.name(str(code)))
        for key, code in named
        if code
    ]
    said = words["list"].join(parts) or words["rule.any"]
    return wording.pair(said, words[f"effect.{says['effect']}"])


def _own(says: _Says, wording: Wording) -> str:
    words = wording.words
    return wording.pair(words["rule.own"], words[f"effect.{says['value']}"])


_VALUES: Final[Mapping[str, Callable[[_Says, Wording], str | None]]] = {
    "membership": _value,
    "accepts_form": _accepts,
    "issues_forms": _value,
    "designs": _design,
    "lane": _lane,
    "max_stay": _span,
    "allowed_purposes": _purposes,
    "min_passport_validity": _validity,
    "pair_rules": _pair,
    "exclusions": _pair,
    "own_economy": _own,
}
