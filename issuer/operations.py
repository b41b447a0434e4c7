"""Everything that can be done at a back office, by name: one list for all its doors.

An operation is a function of a `Desk` and a request.  The web pages, the JSON API and
the command line find it here, with the roles that may do it and the shape of what goes
in and out, so that no door can do what another cannot, or forget to ask who is there.

    @operation("card.show", "Show a card.", Role.ISSUING, changes=False)
    def show(desk: Desk, given: ShowCard) -> CardView: ...
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from sqlalchemy.orm import Session

from issuer.errors import Conflict, Invalid
from issuer.office import Desk
from issuer.store import Receipt, Role

_MODULES: Final[tuple[str, ...]] = (
    "issuer.answers",
    "issuer.accounts",
    "issuer.applications",
    "issuer.audit_reading",
    "issuer.bulk",
    "issuer.card_bulk",
    "issuer.card_choices",
    "issuer.card_issuing",
    "issuer.card_passports",
    "issuer.card_states",
    "issuer.cards",
    "issuer.case",
    "issuer.exporting",
    "issuer.importing",
    "issuer.configuration",
    "issuer.checking",
    "issuer.chip_readings",
    "issuer.devices",
    "issuer.held",
    "issuer.holder_requests",
    "issuer.incoming",
    "issuer.issue_check",
    "issuer.link.operations",
    "issuer.mail",
    "issuer.offers",
    "issuer.passport_register.checking",
    "issuer.passport_register.hits",
    "issuer.passport_register.register",
    "issuer.own_account",
    "issuer.phone_waits",
    "issuer.portal.handing_in",
    "issuer.portal.letters",
    "issuer.portal.opening",
    "issuer.portal.payments",
    "issuer.preclearances",
    "issuer.printing",
    "issuer.publication",
    "issuer.queues",
    "issuer.receiving",
    "issuer.reports",
    "issuer.requirements",
    "issuer.restoring",
    "issuer.scan_reports",
    "issuer.services.clients",
    "issuer.services.hooks",
    "issuer.services.submissions",
    "issuer.statistics",
)
"""Where operations are defined; `all_operations` imports them."""


_LARGEST: Final = 2**63 - 1
_NOT_TEXT: Final = re.compile(r"[\0\ud800-\udfff]")


class Request(BaseModel):
    """What goes in: nothing beside the known fields, and it cannot change."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    @field_validator("*")
    @classmethod
    def _can_be_kept(cls, value: Any) -> Any:
        """Refuse at its field what no database of ours can hold or look for."""
        _check(value)
        return value


def _check(value: Any) -> None:
    match value:
        case int() if not -_LARGEST <= value <= _LARGEST:
            raise PydanticCustomError("too_large", "has more than 63 bits")
        case datetime() if value.tzinfo is not None:
            _check_moment(value)
        case str() if not value.isprintable() and _NOT_TEXT.search(value):
            raise PydanticCustomError("not_text", "holds what is no character")
        case Mapping():
            for each in (*value, *value.values()):
                _check(each)
        case list() | tuple():
            for each in value:
                _check(each)
        case _:
            pass


def _check_moment(value: datetime) -> None:
    try:
        value.astimezone(UTC)
    except (OverflowError, ValueError) as error:
        raise PydanticCustomError("too_large", "is no moment in UTC") from error


class Answer(BaseModel):
    """What comes out."""

    model_config = ConfigDict(extra="forbid", frozen=True)


_Request = TypeVar("_Request", bound=Request)
_Answer = TypeVar("_Answer", bound=Answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that can be done."""

    name: str
    """``<kind of record>.<verb>``, lower case; the path and the command follow it."""
    summary: str
    roles: frozenset[Role]
    """Any of these may."""
    changes: bool
    by_person: bool = False
    """It is what a second person does: no program's key can be that person."""
    request: type[Request]
    answer: type[Answer]
    run: Callable[[Desk, Any], Answer]

    def perform(self, desk: Desk, given: Mapping[str, Any] | Request) -> Answer:
        """Check who asks and what, then do it.

        Args:
            desk: Who asks.
            given: The request, or its fields as JSON has them.

        Raises:
            NotAllowed: None of the actor's roles may do this.
            Invalid: A field is missing, unknown or wrong; all are named.
            IssuerError: What the operation itself raises.
        """
        desk.require(*self.roles)
        if self.by_person:
            desk.require_person()
        if _NOT_TEXT.search(desk.reason):
            raise Invalid((("reason", "not_text", "holds what is no character"),))
        return self.run(desk, self.parse(given))

    def parse(self, given: Mapping[str, Any] | Request) -> Request:
        """Read a request.

        Raises:
            Invalid: A field is missing, unknown or wrong; all are named.
        """
        if isinstance(given, self.request):
            return given
        try:
            return self.request.model_validate(given)
        except ValidationError as error:
            raise Invalid(problems_of(error)) from error


_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bool_parsing": "is neither true nor false",
        "bool_type": "is neither true nor false",
        "date_from_datetime_parsing": "is no date, such as 2030-01-31",
        "date_parsing": "is no date, such as 2030-01-31",
        "date_type": "is no date, such as 2030-01-31",
        "datetime_from_date_parsing": "is no moment, such as 2030-01-31T12:00:00Z",
        "datetime_parsing": "is no moment, such as 2030-01-31T12:00:00Z",
        "datetime_type": "is no moment, such as 2030-01-31T12:00:00Z",
        "dict_type": "is no object with fields",
        "enum": "is none of {expected}",
        "extra_forbidden": "is no field of this",
        "greater_than_equal": "is less than {ge}",
        "int_from_float": "is no whole number",
        "int_parsing": "is no whole number",
        "int_parsing_size": "is too large a number",
        "int_type": "is no whole number",
        "less_than_equal": "is more than {le}",
        "literal_error": "is none of {expected}",
        "missing": "is missing",
        "model_type": "is no object with fields",
        "string_pattern_mismatch": "has not the form {pattern}",
        "string_too_long": "is longer than {max_length} characters",
        "string_too_short": "is shorter than {min_length} characters",
        "string_type": "is no text",
        "timezone_aware": "has no offset, such as Z or +08:00",
        "too_long": "holds more than {max_length}",
        "too_short": "holds fewer than {min_length}",
        "tuple_type": "is no list",
    }
)
"""What is wrong with a field, for people, by the code that pydantic has for it."""


def problems_of(error: ValidationError, *path: str) -> Iterator[tuple[str, str, str]]:
    """Yield what is wrong with a request, as `Invalid` takes it.

    Args:
        error: From reading the request.
        path: Where in the whole request it is.
    """
    for each in error.errors(include_url=False, include_input=False):
        words = _WORDS.get(each["type"])
        text = (
            words.format(**each.get("ctx", {}))
            if words
            else each["msg"].removeprefix("Value error, ")
        )
        yield ".".join((*path, *map(str, each["loc"]))), each["type"], text


_known: dict[str, Operation] = {}


def operation(
    name: str,
    summary: str,
    *roles: Role,
    changes: bool = True,
    by_person: bool = False,
) -> Callable[
    [Callable[[Desk, _Request], _Answer]], Callable[[Desk, _Request], _Answer]
]:
    """Put a function on the list; its annotations give the shapes.

    Raises:
        ValueError: The name is on the list already, or no role is named.
    """

    def listed(
        function: Callable[[Desk, _Request], _Answer],
    ) -> Callable[[Desk, _Request], _Answer]:
        if name in _known or not roles:
            raise ValueError(f"{name} is listed twice, or is for nobody")
        hints = get_type_hints(function)
        second = list(inspect.signature(function).parameters)[1]
        _known[name] = Operation(
            name=name,
            summary=summary,
            roles=frozenset(roles),
            changes=changes,
            by_person=by_person,
            request=hints[second],
            answer=hints["return"],
            run=function,
        )
        return function

    return listed


def all_operations() -> Mapping[str, Operation]:
    """Return every operation by name, sorted."""
    _load()
    return _sorted(len(_known))


@cache
def _load() -> None:
    for module in _MODULES:
        import_module(module)


@cache
def _sorted(_: int) -> Mapping[str, Operation]:
    # A page asks some dozen times what its visitor may do, and none is ever taken away.
    return MappingProxyType(dict(sorted(_known.items())))


def once(
    desk: Desk,
    given: Request,
    answer: type[_Answer],
    work: Callable[[Session], _Answer],
) -> _Answer:
    """Run work as one transaction; the same request under the same key gets its answer.

    Args:
        desk: Its ``request_key`` decides; without one this is `Desk.write`.
        given: The request.
        answer: Shape of what ``work`` returns.
        work: The transaction.

    Raises:
        Conflict: ``request.reused``: the key was used for another request.
    """
    if desk.request_key is None:
        return desk.write(work)
    key = f"{desk.economy}:{desk.actor.account_id}:{desk.request_key}"
    text = f"{type(given).__qualname__}:{given.model_dump_json()}"
    digest = sha256(text.encode()).hexdigest()

    def kept(session: Session) -> _Answer:
        receipt = session.get(Receipt, key)
        if receipt is None:
            result = work(session)
            session.add(
                Receipt(
                    key=key, digest=digest, answer=result.model_dump_json(), at=desk.now
                )
            )
            return result
        if receipt.digest != digest:
            raise Conflict("request.reused", "this key belongs to another request")
        return answer.model_validate_json(receipt.answer)

    return desk.write(kept)
