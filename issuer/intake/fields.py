"""What an application contains, as a clerk, a sheet or a program gives it.

Every field arrives as text and is refused or taken as it stands; nothing is mended.
All faults are reported at once, each at its field.
"""

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Annotated, Final, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from issuer.dated import in_force, require_aware
from issuer.economy import PassportValidity
from issuer.errors import IntakeError
from issuer.intake.codes import is_known_code
from issuer.intake.names import (
    NameProposal,
    check_machine_name,
    check_name,
    propose_from_mrz,
    propose_names,
    propose_shown,
    read_mrz,
)
from issuer.intake.problem import Problem, ProblemCode
from issuer.profile import MAX_NAME
from issuer.scheme import Scheme

FIRST_BIRTHDATE: Final = date(1900, 1, 1)
"""The earliest that a card can say (specification, section 3.2)."""
MAX_TEXT: Final = 1024
"""Characters of any field; the narrower bound of each comes on top."""
MAX_EMAIL: Final = 254
"""Characters of an address that mail can be sent to (RFC 5321, section 4.5.3.1)."""

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CODE = re.compile(r"[A-Z]{3}")
_NUMBER = re.compile(r"[A-Z0-9]{1,22}")
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9./_-]{0,63}")
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")
_HOST = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
_MEMBER = re.compile(r"[a-z_]{1,40}")

_GENERAL: Final = {
    "missing": (ProblemCode.MISSING, "The field is empty."),
    "extra_forbidden": (ProblemCode.UNKNOWN, "There is no such field."),
    "string_type": (ProblemCode.TYPE, "The field is not text."),
    "string_unicode": (ProblemCode.TYPE, "The field is not text."),
    "string_too_long": (
        ProblemCode.TOO_LONG,
        f"The field has more than {MAX_TEXT} characters.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Desk:
    """Where and when an application is read."""

    scheme: Scheme
    economy: str
    today: date
    min_validity: PassportValidity | None


def _fault(code: ProblemCode, message: str) -> PydanticCustomError:
    # Braces in a template would be places to fill.
    return PydanticCustomError(code.value, "{text}", {"text": message})


def _desk(info: ValidationInfo) -> _Desk:
    if not isinstance(info.context, _Desk):
        raise TypeError("these models are read by read_application")
    return info.context


def _required(text: str) -> str:
    if not text:
        raise _fault(ProblemCode.MISSING, "The field is empty.")
    return text


def _none_if_empty(text: object) -> object:
    return None if text == "" else text


def _read_date(text: object) -> date:
    if not isinstance(text, str):
        raise PydanticCustomError("string_type", "not text")
    if not _DATE.fullmatch(_required(text)):
        raise _fault(ProblemCode.DATE, "The date is not in the form YYYY-MM-DD.")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise _fault(ProblemCode.DATE, "There is no such date.") from error


def _known_code(text: str, info: ValidationInfo) -> str:
    if _CODE.fullmatch(text) and is_known_code(text, _desk(info).scheme):
        return text
    if text in {"D", "D<<"}:
        raise _fault(ProblemCode.CODE, "Germany is written DEU here.")
    shown = f"{text} is" if _CODE.fullmatch(text) else "This is"
    message = f"{shown} no three-letter code that passports carry."
    raise _fault(ProblemCode.CODE, message)


def _sex(text: str) -> str:
    if text not in {"F", "M", "X"}:
        raise _fault(ProblemCode.SEX, "The sex is not F, M or X.")
    return text


def _number(text: str) -> str:
    if not _NUMBER.fullmatch(text):
        message = "The number is not 1 to 22 capital letters and digits without spaces."
        raise _fault(ProblemCode.PASSPORT_NUMBER, message)
    return text


def _reference(text: str) -> str:
    if not _REFERENCE.fullmatch(text):
        message = "The reference is not 1 to 64 letters, digits and . / _ -"
        raise _fault(ProblemCode.REFERENCE, message)
    return text


def is_email(text: str) -> bool:
    """Tell whether a text is an address that mail can be sent to: plain ASCII.

    None that begins an encoded word (RFC 2047): who writes the header would decode it,
    to another recipient, to several, or to an error.

    Not checked: that anybody reads what is sent there.
    """
    local, _, host = text.rpartition("@")
    dots = local.startswith(".") or local.endswith(".") or ".." in local
    is_good = bool(_EMAIL.fullmatch(text) and _HOST.fullmatch(host))
    is_encoded = "=?" in local
    return is_good and not dots and not is_encoded and len(text) <= MAX_EMAIL


def _email(text: str) -> str:
    if not is_email(text):
        raise _fault(ProblemCode.EMAIL, "This is no e-mail address.")
    return text


_Text = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
_Required = Annotated[_Text, AfterValidator(_required)]
_Date = Annotated[date, BeforeValidator(_read_date)]
_Code = Annotated[_Required, AfterValidator(_known_code)]
_EmptyIsNone = BeforeValidator(_none_if_empty)


class _Typed(BaseModel):
    """Base: frozen, exact types, no other members."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Person(_Typed):
    """Who applies, as the application has it.

    Names are kept exactly as given (`issuer.intake.names.check_name` says what is
    refused).  ``machine_family_name`` and ``machine_given_name`` are what the
    passport's lines show, where somebody has typed it: words of ``A`` to ``Z``, at
    most 39 characters.
    """

    family_name: _Required
    given_name: _Text = ""
    birthdate: _Date
    sex: Annotated[_Required, AfterValidator(_sex)]
    nationality: _Code
    email: Annotated[Annotated[_Text, AfterValidator(_email)] | None, _EmptyIsNone] = (
        None
    )
    machine_family_name: Annotated[_Text | None, _EmptyIsNone] = None
    machine_given_name: _Text = ""

    @field_validator("birthdate")
    @classmethod
    def _is_born(cls, birthdate: date, info: ValidationInfo) -> date:
        if birthdate > _desk(info).today:
            raise _fault(ProblemCode.BIRTH_FUTURE, "The birth date is in the future.")
        if birthdate < FIRST_BIRTHDATE:
            raise _fault(ProblemCode.BIRTH_TOO_OLD, "The birth date is before 1900.")
        return birthdate


class Passport(_Typed):
    """The one passport that the card will be linked to.

    ``country`` is the code of who issued it, ``mrz`` its machine readable lines where
    somebody has typed or scanned them.  On the outside every member carries
    ``passport_`` before its name.
    """

    country: _Code = Field(alias="passport_country")
    number: Annotated[_Required, AfterValidator(_number)] = Field(
        alias="passport_number"
    )
    issued_on: _Date = Field(alias="passport_issued_on")
    expires_on: _Date = Field(alias="passport_expires_on")
    mrz: Annotated[_Text | None, _EmptyIsNone] = Field(
        default=None, alias="passport_mrz"
    )

    @field_validator("issued_on")
    @classmethod
    def _is_issued(cls, issued_on: date, info: ValidationInfo) -> date:
        if issued_on > _desk(info).today:
            message = "The passport's date of issue is in the future."
            raise _fault(ProblemCode.PASSPORT_ISSUED, message)
        return issued_on

    @field_validator("expires_on")
    @classmethod
    def _lasts(cls, expires_on: date, info: ValidationInfo) -> date:
        desk, issued_on = _desk(info), info.data.get("issued_on")
        if issued_on and expires_on <= issued_on:
            message = "The passport ends before or on its date of issue."
            raise _fault(ProblemCode.PASSPORT_ISSUED, message)
        if expires_on < desk.today:
            message = f"The passport ended on {expires_on}."
            raise _fault(ProblemCode.PASSPORT_ENDED, message)
        needed = desk.min_validity
        if needed and expires_on < _after(desk.today, needed.value, needed.unit):
            message = (
                f"{desk.economy} asks for {needed.value} {needed.unit} on the passport"
                f" at application; this one ends on {expires_on}."
            )
            raise _fault(ProblemCode.PASSPORT_TOO_SHORT, message)
        return expires_on


class _Origin(_Typed):
    issuer: _Required
    reference: Annotated[_Required, AfterValidator(_reference)]

    @field_validator("issuer")
    @classmethod
    def _asks(cls, issuer: str, info: ValidationInfo) -> str:
        desk = _desk(info)
        if issuer not in desk.scheme.economies or issuer == desk.economy:
            message = "The issuer is no other economy of the scheme."
            raise _fault(ProblemCode.ISSUER, message)
        return issuer


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """An application that may be stored."""

    person: Person
    passport: Passport
    names: NameProposal
    """What the card would carry; an officer confirms it if it says so."""
    notices: tuple[Problem, ...] = ()
    """What an officer should know, and the applicant be told, before going on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Another economy's request for pre-clearance."""

    issuer: str
    """The economy that asks."""
    reference: str
    """Its own number for the application; unique with ``issuer``."""
    application: Application


MEMBERS: Final = (
    *Person.model_fields,
    *(str(field.alias) for field in Passport.model_fields.values()),
)
"""Names of all members, as forms, sheets and programs use them."""


def read_application(
    typed: Mapping[str, object], *, economy: str, scheme: Scheme, at: datetime
) -> Application:
    """Read what was typed for one application, or report all that is wrong with it.

    Args:
        typed: Text by member (`MEMBERS`); an optional member may be left out or empty.
            Any other member is refused, whatever it says.
        economy: Home economy, which reads the application; alpha-3.
        scheme: The loaded scheme: codes, the card's term, and how long a passport has
            to last at application.
        at: Moment of application; timezone-aware.  "Today" is the date on its own
            clock, so give it in the economy's time zone.

    Returns:
        The application.  ``notices`` holds `ProblemCode.PASSPORT_BEFORE_TERM` where the
        card would end with the passport, before its term.

    Raises:
        IntakeError: At least one field is no good; ``problems`` has all of them.
        ValueError: ``at`` is naive, or ``economy`` is no economy of the scheme.

    Not checked: that any of it is true; that the applicant is not known already
    (`issuer.intake.duplicates`).
    """
    rows = scheme.economy(economy).min_passport_validity
    desk = _Desk(
        scheme=scheme,
        economy=economy,
        today=_today(at),
        min_validity=in_force(rows, at, subject="application"),
    )
    application = _read_members(typed, desk)
    notices = tuple(_before_term(application.passport, desk, at))
    return replace(application, notices=notices)


def read_request(
    typed: Mapping[str, object], *, destination: str, scheme: Scheme, at: datetime
) -> Request:
    """Read what another economy sends when it asks for pre-clearance.

    Args:
        typed: Text by member: those of `read_application`, ``issuer`` and
            ``reference``.
        destination: The economy that is asked; alpha-3.
        scheme: The loaded scheme.
        at: Moment of reading, as for `read_application`.

    Raises:
        IntakeError: At least one field is no good; ``problems`` has all of them.
        ValueError: ``at`` is naive, or ``destination`` is no economy of the scheme.

    Not checked: that the pair rules let this issuer ask; that the passport lasts for
    long enough, which is tested when the file is opened (Japan MOFA); that the
    request is not known already.
    """
    scheme.economy(destination)
    desk = _Desk(
        scheme=scheme, economy=destination, today=_today(at), min_validity=None
    )
    problems: list[Problem] = []
    own = {name: typed[name] for name in _Origin.model_fields if name in typed}
    origin = _read(_Origin, own, desk, problems)
    rest = {name: value for name, value in typed.items() if name not in own}
    try:
        application = _read_members(rest, desk)
    except IntakeError as error:
        raise IntakeError((*problems, *error.problems)) from error
    if origin is None:
        raise IntakeError(tuple(problems))
    return Request(
        issuer=origin.issuer, reference=origin.reference, application=application
    )


def _today(at: datetime) -> date:
    require_aware(at)
    return at.date()


def _read_members(typed: Mapping[str, object], desk: _Desk) -> Application:
    known = {name: value for name, value in typed.items() if name in MEMBERS}
    problems = [_unknown_member(name) for name in typed if name not in MEMBERS]
    person = _read(Person, known, desk, problems)
    passport = _read(Passport, known, desk, problems)
    problems += _name_problems(known)
    if person and passport:
        problems += _cross_problems(person, passport)
    names = None if problems or not person or not passport else _names(person, passport)
    if person is None or passport is None or names is None:
        raise IntakeError(_in_order(problems))
    return Application(person=person, passport=passport, names=names)


_Model = TypeVar("_Model", bound=_Typed)


def _read(
    model: type[_Model],
    typed: Mapping[str, object],
    desk: _Desk,
    problems: list[Problem],
) -> _Model | None:
    names = {field.alias or name for name, field in model.model_fields.items()}
    own = {name: value for name, value in typed.items() if name in names}
    try:
        return model.model_validate(own, context=desk)
    except ValidationError as error:
        problems += map(_problem, error.errors(include_url=False, include_input=False))
        return None


def _problem(fault: ErrorDetails) -> Problem:
    general = _GENERAL.get(fault["type"])
    code, message = general or (ProblemCode(fault["type"]), fault["msg"])
    return Problem(field=str(fault["loc"][0]), code=code, message=message)


def _unknown_member(name: str) -> Problem:
    code, message = _GENERAL["extra_forbidden"]
    shown = name if _MEMBER.fullmatch(name) else ascii(name[:40])
    return Problem(field=shown, code=code, message=message)


def _name_problems(typed: Mapping[str, object]) -> Iterator[Problem]:
    for field in ("family_name", "given_name"):
        name = typed.get(field)
        if isinstance(name, str) and len(name) <= MAX_TEXT:
            yield from check_name(name, field=field)
    machine = {
        field: typed.get(field) or ""
        for field in ("machine_family_name", "machine_given_name")
    }
    for field, name in machine.items():
        if isinstance(name, str) and name:
            yield from check_machine_name(name, field=field)
    if machine["machine_given_name"] and not machine["machine_family_name"]:
        code, message = _GENERAL["missing"]
        yield Problem(field="machine_family_name", code=code, message=message)


def _cross_problems(person: Person, passport: Passport) -> Iterator[Problem]:
    if passport.issued_on < person.birthdate:
        yield Problem(
            field="passport_issued_on",
            code=ProblemCode.PASSPORT_ISSUED,
            message="The passport was issued before the birth date.",
        )
    if passport.mrz is not None:
        yield from _mrz_problems(person, passport, passport.mrz)


def _mrz_problems(person: Person, passport: Passport, mrz: str) -> Iterator[Problem]:
    try:
        lines = read_mrz(mrz)
    except IntakeError as error:
        yield from error.problems
        return
    shown = {
        "passport_country": lines.country == passport.country,
        "passport_number": lines.number == passport.number,
        "passport_expires_on": lines.expires_on == passport.expires_on,
        "nationality": lines.nationality in {None, person.nationality},
        "sex": lines.sex == person.sex,
        "birthdate": _is_same_birthdate(lines.birthdate or "", person.birthdate),
    }
    if person.machine_family_name is not None:
        shown["machine_family_name"] = lines.family_name == person.machine_family_name
        shown["machine_given_name"] = lines.given_name == person.machine_given_name
    for field, agrees in shown.items():
        if not agrees:
            message = "The passport's machine readable lines say something else."
            yield Problem(field=field, code=ProblemCode.MRZ_DIFFERS, message=message)


def _is_same_birthdate(lines: str, birthdate: date) -> bool:
    """Compare as far as the lines know the date: six places, fillers for unknown."""
    pairs = zip(lines, birthdate.strftime("%y%m%d"), strict=True)
    return all(shown in ("<", digit) for shown, digit in pairs)


def _names(person: Person, passport: Passport) -> NameProposal:
    if passport.mrz is not None:
        return propose_from_mrz(person.family_name, person.given_name, passport.mrz)
    own = propose_names(person.family_name, person.given_name)
    if person.machine_family_name is None:
        return own
    family, given = person.machine_family_name, person.machine_given_name
    cut = len(f"{family}<<{given}" if given else family) >= MAX_NAME
    return propose_shown(own, family=family, given=given, may_be_cut=cut)


def _before_term(passport: Passport, desk: _Desk, at: datetime) -> Iterator[Problem]:
    years = desk.scheme.card_term(desk.economy, at)
    if years and passport.expires_on < _after(desk.today, 12 * years, "months"):
        message = (
            f"The passport ends on {passport.expires_on}, before the card's term of"
            f" {years} years; the card will end with it."
        )
        yield Problem(
            field="passport_expires_on",
            code=ProblemCode.PASSPORT_BEFORE_TERM,
            message=message,
        )


def _after(day: date, value: int, unit: str) -> date:
    """Add days or calendar months; a day that the month lacks becomes its last."""
    if unit == "days":
        return day + timedelta(days=value)
    years, month = divmod(day.month - 1 + value, 12)
    year = day.year + years
    last = monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


def _in_order(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    order = {name: place for place, name in enumerate(MEMBERS)}
    return tuple(sorted(problems, key=lambda each: order.get(each.field, len(order))))
