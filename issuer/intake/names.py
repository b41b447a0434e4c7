"""Names in any script, and the letters that a card will carry for them.

A name is kept exactly as given: spelling, spacing and special characters.  The card
carries what the passport's machine readable lines show.  Where a table exists these
letters can be proposed; the officer, who has the passport, decides.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import Final

import verifier
from issuer.errors import IntakeError
from issuer.intake.problem import Problem, ProblemCode
from issuer.profile import MAX_NAME

MAX_GIVEN: Final = 200
"""Characters of a name as given; the longest known ones stay below."""
MAX_MARKS: Final = 2
"""Marks above or below one letter; Thai and Arabic need two."""

_MACHINE = re.compile(r"[A-Z]+(?: [A-Z]+)*")
_SPACES = " \u00a0\u3000"
_APOSTROPHES = "`\u00b4"
"""Typed as apostrophes, although Unicode counts them as symbols."""
_UNSEEN = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
"""Invisible, although Unicode counts them as letters, marks or symbols."""
_SELECTORS = (range(0x180B, 0x1810), range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_NON_LETTERS = frozenset("NS")


class Why(StrEnum):
    """Why an officer has to look at a proposal."""

    TRANSLITERATED = "transliterated"
    """Letters outside A to Z were written by the table; passports may choose others."""
    TRUNCATED = "truncated"
    """The name is, or may have been, cut to fit."""
    NO_TABLE = "no_table"
    """A script or sign without a table: the officer types what the passport shows."""
    MIXED_SCRIPTS = "mixed_scripts"
    """One word has letters of two alphabets that look alike."""
    DIFFERS = "differs"
    """The passport's lines show something else than the table gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NameDifference:
    """One name that the table and the passport's lines write differently."""

    field: str
    """``family_name`` or ``given_name``."""
    proposed: str
    shown: str
    """What the passport's lines show; it wins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NameProposal:
    """Names as given, and what the card would carry for them."""

    family_name: str
    given_name: str
    """Empty for a holder who has one name only."""
    machine_family: str | None
    """Words of ``A`` to ``Z``, at most 39 characters; ``None``: nothing to propose."""
    machine_given: str | None
    """The same; may also be empty."""
    why: tuple[Why, ...] = ()
    differences: tuple[NameDifference, ...] = ()

    @property
    def needs_confirmation(self) -> bool:
        """Whether an officer has to look before these names are used."""
        return bool(self.why)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedNames:
    """Names as given, and what the card carries, both settled."""

    family_name: str
    given_name: str
    machine_family: str
    machine_given: str
    changed: bool
    """Whether the officer decided otherwise than proposed, for the audit log."""


def check_name(name: str, *, field: str) -> tuple[Problem, ...]:
    """Find what keeps a name from being stored and shown as it is.

    Direction controls, zero-width and other invisible characters, more than two marks
    on a letter, digits, symbols, and spaces that cannot be told from none are refused:
    two people must not have names that look the same and are not.

    Args:
        name: As given, in any script; may be empty.
        field: Name of the field, for the problems.

    Returns:
        One problem of each kind, with the first place where it occurs; empty if the
        name can be kept.

    Not checked: that letters of several alphabets are not mixed, which
    `propose_names` reports; that a name is anybody's.
    """
    if len(name) > MAX_GIVEN:
        message = f"The name has more than {MAX_GIVEN} characters."
        return (Problem(field=field, code=ProblemCode.TOO_LONG, message=message),)
    found: dict[ProblemCode, str] = {}
    for code, message in _faults(name):
        found.setdefault(code, message)
    return tuple(
        Problem(field=field, code=code, message=message)
        for code, message in found.items()
    )


def find_hidden(text: str) -> tuple[int, str] | None:
    """Find the first character that cannot be seen or turns the text around.

    Returns:
        Its place, from 1, and its code point such as ``U+202E``; or ``None``.
    """
    places = enumerate(text, start=1)
    return next(((at, _point(sign)) for at, sign in places if _is_hidden(sign)), None)


def propose_names(family: str, given: str) -> NameProposal:
    """Propose what a card would carry for two names.

    Args:
        family: Family name as given, in any script.
        given: Given name; empty for a holder who has one name only.

    Returns:
        A proposal.  Latin and Cyrillic letters are written by the tables; a name in
        another script, such as Chinese, Japanese, Korean, Thai or Arabic, has no
        proposal.  A result longer than 39 characters is cut there.

    Raises:
        IntakeError: A name may not be stored (`check_name`), or there is no family
            name.

    Not checked: what the passport shows.

    Source: ICAO Doc 9303, part 3, section 6, tables A and B; `verifier.transliterate`.
    """
    problems = [
        *_require_family(family),
        *check_name(family, field="family_name"),
        *check_name(given, field="given_name"),
    ]
    if problems:
        raise IntakeError(tuple(problems))
    machine_family, family_why = _propose(family)
    machine_given, given_why = _propose(given)
    why = family_why | given_why
    return NameProposal(
        family_name=family,
        given_name=given,
        machine_family=machine_family or None,
        machine_given=machine_given,
        why=tuple(each for each in Why if each in why),
    )


def propose_from_mrz(family: str, given: str, mrz: str) -> NameProposal:
    """Take a card's names from the passport's lines, and compare them with the table's.

    Args:
        family: Family name as given, in any script.
        given: Given name; may be empty.
        mrz: The machine readable lines as typed or scanned.

    Returns:
        A proposal with the names of the lines.  Each name that the table would write
        otherwise is among ``differences``; lines that are full to the last place may
        be cut, and agree with any name that they are the beginning of.

    Raises:
        IntakeError: As for `propose_names`, or ``mrz`` cannot be read: the problem is
            at ``passport_mrz`` and says which line and column.
    """
    passport = read_mrz(mrz)
    return propose_shown(
        propose_names(family, given),
        family=passport.family_name or "",
        given=passport.given_name or "",
        may_be_cut=passport.names_truncated,
    )


def propose_shown(
    own: NameProposal, *, family: str, given: str, may_be_cut: bool
) -> NameProposal:
    """Put the names that a passport's lines show in place of the table's.

    Args:
        own: What `propose_names` gave.
        family: As shown: words of ``A`` to ``Z``, at most 39 characters.
        given: The same; may be empty.
        may_be_cut: Whether the names fill their place in the lines.

    Returns:
        A proposal with ``differences``, as for `propose_from_mrz`.

    Raises:
        ValueError: A name has another form; see `check_machine_name`.
    """
    differences = _differences(own, family, given, may_be_cut=may_be_cut)
    why = set(own.why) & {Why.MIXED_SCRIPTS, Why.NO_TABLE}
    why |= {Why.DIFFERS} if differences else set()
    why |= {Why.TRUNCATED} if may_be_cut else set()
    return replace(
        own,
        machine_family=family,
        machine_given=given,
        why=tuple(each for each in Why if each in why),
        differences=differences,
    )


def read_mrz(mrz: str) -> verifier.Passport:
    """Read a passport's lines, with what is wrong with them as a problem.

    Raises:
        IntakeError: The lines cannot be read.
    """
    try:
        return verifier.Passport.from_mrz(mrz)
    except verifier.MrzError as error:
        problem = Problem(
            field="passport_mrz", code=ProblemCode.MRZ_UNREADABLE, message=f"{error}."
        )
        raise IntakeError((problem,)) from error


def born_on(lines: str, today: date) -> date | None:
    """Return the birth date that a passport's lines mean: the last such day.

    Args:
        lines: Six places, year, month, day; as `verifier.Passport.birthdate` has it.
        today: Nobody is born later.

    Returns:
        A day of the last hundred years; None where a filler stands for what is not
        known, or no such day exists.

    Not checked: that the holder is no older than that; the lines have no century.
    """
    if not (lines.isascii() and lines.isdecimal()):
        return None
    for century in (today.year // 100 * 100, today.year // 100 * 100 - 100):
        try:
            born = date.fromisoformat(f"{century // 100:02}{lines}")
        except ValueError:
            continue
        if born <= today:
            return born
    return None


def confirm(
    proposal: NameProposal, *, family: str | None = None, given: str | None = None
) -> ConfirmedNames:
    """Settle a card's names as an officer confirms or types them.

    Args:
        proposal: What was proposed.
        family: What the officer typed; ``None`` takes the proposal.
        given: The same; empty for a holder who has one name only.

    Raises:
        IntakeError: A name is not words of ``A`` to ``Z`` with single spaces, is longer
            than 39 characters, or is missing where nothing was proposed.

    Not checked: that the officer is right, or may do this.
    """
    final_family = proposal.machine_family if family is None else family
    final_given = proposal.machine_given if given is None else given
    problems = (
        *check_machine_name(final_family or "", field="machine_family_name"),
        *_check_machine_given(final_given),
    )
    if problems:
        raise IntakeError(problems)
    proposed = (proposal.machine_family, proposal.machine_given)
    return ConfirmedNames(
        family_name=proposal.family_name,
        given_name=proposal.given_name,
        machine_family=final_family or "",
        machine_given=final_given or "",
        changed=(final_family, final_given) != proposed,
    )


def check_machine_name(name: str, *, field: str) -> tuple[Problem, ...]:
    """Find what keeps a typed name from being on a card; empty if nothing does."""
    if not _MACHINE.fullmatch(name):
        message = "The name is not words of A to Z with single spaces."
    elif len(name) > MAX_NAME:
        message = f"The name has more than {MAX_NAME} characters."
    else:
        return ()
    return (Problem(field=field, code=ProblemCode.NAME_MACHINE, message=message),)


def _check_machine_given(name: str | None) -> tuple[Problem, ...]:
    if name == "":
        return ()
    return check_machine_name(name or "", field="machine_given_name")


def _require_family(family: str) -> Iterator[Problem]:
    if not family:
        message = "There is no family name; one name alone goes here."
        yield Problem(field="family_name", code=ProblemCode.MISSING, message=message)


def _propose(name: str) -> tuple[str | None, set[Why]]:
    why = {Why.MIXED_SCRIPTS} if _mixes_scripts(name) else set()
    try:
        written = verifier.transliterate(name)
    except ValueError:
        return None, why | {Why.NO_TABLE}
    if name and not written:
        return None, why | {Why.NO_TABLE}
    if not name.isascii() and any(
        sign.isalpha() and not sign.isascii() for sign in name
    ):
        why |= {Why.TRANSLITERATED}
    if len(written) > MAX_NAME:
        why |= {Why.TRUNCATED}
    return written[:MAX_NAME].rstrip(), why


def _differences(
    own: NameProposal, family: str, given: str, *, may_be_cut: bool
) -> tuple[NameDifference, ...]:
    # The rule for cut names is the verifier's; only the names matter here.
    shown = verifier.Passport(
        country="XXX",
        number="0",
        family_name=family,
        given_name=given,
        names_truncated=may_be_cut,
    )
    pairs = (
        ("family_name", own.machine_family, family),
        ("given_name", own.machine_given, given),
    )
    if _agrees(shown, own):
        return ()
    return tuple(
        NameDifference(field=field, proposed=proposed, shown=printed)
        for field, proposed, printed in pairs
        if proposed is not None and proposed != printed
    )


def _agrees(shown: verifier.Passport, own: NameProposal) -> bool:
    if own.machine_family is None or own.machine_given is None:
        return False
    answer = verifier.compare(
        shown,
        country=shown.country,
        number=shown.number,
        family_name=own.machine_family,
        given_name=own.machine_given,
        nationality=shown.country,
        birthdate="2000-01-01",
    )
    return answer.names is verifier.FieldMatch.SAME


def _mixes_scripts(name: str) -> bool:
    """Tell whether a word has Latin letters beside Cyrillic or Greek ones."""
    return not name.isascii() and any(
        len({_alphabet(sign) for sign in word} - {""}) > 1
        for word in re.split(r"[\s\-]", name)
    )


def _alphabet(sign: str) -> str:
    first = unicodedata.name(sign, "").partition(" ")[0]
    return first if first in {"LATIN", "CYRILLIC", "GREEK"} else ""


def _faults(name: str) -> Iterator[tuple[ProblemCode, str]]:
    if name != name.strip():
        yield ProblemCode.NAME_SPACE, "The name begins or ends with a space."
    for place, sign in enumerate(name, start=1):
        if fault := _character_fault(sign):
            code, what = fault
            yield code, f"Character {place} ({_point(sign)}) {what}."
    yield from _mark_faults(name)
    if name and not any(sign.isalpha() for sign in name):
        yield ProblemCode.NAME_CHARACTER, "The name has no letter."


@lru_cache(maxsize=4096)  # the same letters come a million times in a sheet
def _character_fault(sign: str) -> tuple[ProblemCode, str] | None:
    category = unicodedata.category(sign)
    if _is_hidden(sign):
        what = "cannot be seen, or changes how the name is shown"
        return ProblemCode.NAME_HIDDEN, what
    if category == "Zs" and sign not in _SPACES:
        return ProblemCode.NAME_SPACE, "is an unusual space"
    if category[0] in _NON_LETTERS and sign not in _APOSTROPHES:
        kind = "number" if category[0] == "N" else "symbol"
        return ProblemCode.NAME_CHARACTER, f"is a {kind}, not a letter"
    return None


def _mark_faults(name: str) -> Iterator[tuple[ProblemCode, str]]:
    """Count marks after composing: a letter with its own code point has none."""
    if name.isascii():
        return
    composed = unicodedata.normalize("NFC", name)
    marks = 0
    for before, sign in pairwise(" " + composed):
        is_mark = unicodedata.category(sign) in {"Mn", "Me"}
        marks = marks + 1 if is_mark else 0
        if marks > MAX_MARKS:
            message = f"A letter carries more than {MAX_MARKS} marks."
            yield ProblemCode.NAME_MARKS, message
        if marks == 1 and unicodedata.category(before)[0] not in "LM":
            yield ProblemCode.NAME_MARKS, "A mark stands without a letter."


def _is_hidden(sign: str) -> bool:
    return (
        unicodedata.category(sign) in _HIDDEN_CATEGORIES
        or sign in _UNSEEN
        or any(ord(sign) in selectors for selectors in _SELECTORS)
    )


def _point(sign: str) -> str:
    return f"U+{ord(sign):04X}"
