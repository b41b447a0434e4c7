"""Render the guide: an index, good practice, and a page for each economy."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..._dated import DatedFact
from ...guidance import Guidance, guidance
from ...looks import Look
from ...reasons import EntryReason, LaneReason, Reason, RejectReason, UndecidedReason
from ..codes import ConsoleReason
from .rows import RULES, SECTIONS, Row, Wording, sections
from .words import NAMES, names_of, reasons_of, words_of

_GREY: Final = frozenset(
    {RejectReason.FOREIGN, RejectReason.MALFORMED, RejectReason.TEST}
)
_GREEN: Final = frozenset({EntryReason.CLEARED, EntryReason.GRANTED})
_BLUE: Final = frozenset(
    {
        EntryReason.FORM,
        EntryReason.EXCLUDED,
        EntryReason.LANE_ONLY,
        EntryReason.NOT_REQUIRED,
        EntryReason.WITHDRAWN,
        EntryReason.SUSPENDED,
        EntryReason.NOT_CLEARED,
        EntryReason.PASSPORT_VALIDITY,
    }
)
_KINDS: Final[Mapping[str, tuple[Reason, ...]]] = {
    "rejected": tuple(RejectReason),
    "undecided": tuple(UndecidedReason),
    "entry": tuple(EntryReason),
    "lane": tuple(LaneReason),
}
_OWN_LOOKS: Final[Mapping[ConsoleReason, Look]] = {
    ConsoleReason.MISMATCH: Look.REFUSED,
    ConsoleReason.NOT_READY: Look.BY_HAND,
    ConsoleReason.UNCHECKED: Look.BY_HAND,
    ConsoleReason.NOT_CONFIRMED: Look.REFUSED,
    ConsoleReason.NOT_ASKED: Look.BY_HAND,
    ConsoleReason.MISTYPED: Look.NOT_LIVE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """What the guide tells beside its words."""

    facts: Mapping[str, tuple[DatedFact, ...]] = field(repr=False)
    """Of each economy, by code."""
    with_rules: frozenset[str]
    """Economies whose own rules are among the facts."""
    now: datetime | None = None
    """The moment of reading, timezone-aware; None on paper and in ``docs``."""
    is_device: bool = False
    """Whether it stands in a console, which has its own way back."""


def look_of_reason(reason: Reason) -> Look | None:
    """Return the look of an answer that has this reason; a lane has none of its own."""
    match reason:
        case RejectReason():
            return Look.NOT_LIVE if reason in _GREY else Look.REFUSED
        case EntryReason() if reason in _GREEN:
            return Look.ACCEPTED
        case EntryReason() if reason in _BLUE:
            return Look.GENUINE
        case LaneReason():
            return None
        case _:
            return Look.BY_HAND


def index(guide: Guide, language: str) -> str:
    """Render the first page, with every reason code.

    Raises:
        KeyError: There is no such language.
    """
    return _render("index.html", guide, language, page="index.html", root="../")


def practice(guide: Guide, language: str) -> str:
    """Render good practice.

    Raises:
        KeyError: There is no such language.
    """
    return _render("practice.html", guide, language, page="practice.html", root="../")


def economy(guide: Guide, language: str, code: str) -> str:
    """Render the page of one economy.

    Raises:
        KeyError: There is no such language, or the guide has no such economy.
    """
    sheet = _sheet(guide, language, code)
    page = f"economies/{code}.html"
    return _render(
        "economy.html", guide, language, page=page, root="../../", sheet=sheet
    )


def printed(guide: Guide, language: str) -> str:
    """Render all of it as one document, for paper.

    Raises:
        KeyError: There is no such language.
    """
    sheets = [_sheet(guide, language, code) for code in sorted(guide.facts)]
    return _render("printed.html", guide, language, page="", root="../", sheets=sheets)


def every_page(guide: Guide) -> Iterator[tuple[str, str]]:
    """Yield every page in every language, and the style sheet, with its path."""
    yield "guide.css", style()
    for language in NAMES:
        yield f"{language}/index.html", index(guide, language)
        yield f"{language}/practice.html", practice(guide, language)
        for code in sorted(guide.facts):
            yield f"{language}/economies/{code}.html", economy(guide, language, code)


@cache
def style() -> str:
    """Return the style sheet."""
    return resources.files(__package__).joinpath("guide.css").read_text()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What the page of an economy shows."""

    code: str
    name: str
    has_rules: bool
    sections: Mapping[str, list[Row]]


def _sheet(guide: Guide, language: str, code: str) -> Sheet:
    wording = Wording(words=words_of(language), names=names_of(language), now=guide.now)
    found = sections(guide.facts[code], economy=code, wording=wording)
    if guide.is_device:  # what an economy issues, and how it looks, no policy says
        found = {name: found[name] for name in SECTIONS if name not in _ON_PAPER}
    return Sheet(
        code=code,
        name=wording.name(code),
        has_rules=code in guide.with_rules,
        sections=found,
    )


_ON_PAPER: Final = frozenset({"issues_forms"})


def _render(template: str, guide: Guide, language: str, **more: object) -> str:
    names = names_of(language)
    return (
        _environment()
        .get_template(template)
        .render(
            t=words_of(language),
            language=language,
            languages=NAMES,
            looks=list(Look),
            kinds=_codes(language),
            economies={code: names.get(code, code) for code in sorted(guide.facts)},
            rules=RULES,
            guide=guide,
            **more,
        )
    )


@cache
def _codes(language: str) -> Mapping[str, list[dict[str, object]]]:
    worded = {
        kind: [_code(each, look_of_reason(each), guidance(each, language))
               for each in reasons]
        for kind, reasons in _KINDS.items()
    }  # fmt: skip
    own = reasons_of(language)
    return worded | {
        "device": [_code(each, _OWN_LOOKS[each], own[each]) for each in ConsoleReason]
    }


def _code(reason: StrEnum, look: Look | None, text: Guidance) -> dict[str, object]:
    return {"code": reason.value, "look": look, "text": text}


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
