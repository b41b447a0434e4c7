"""What the API answers instead of a result: problem details, always of one shape.

Source: RFC 9457.
"""

from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from math import ceil
from typing import Any, Final

from issuer.errors import (
    Conflict,
    Forbidden,
    IllegalTransition,
    Invalid,
    IssuerError,
    LintError,
    ListFull,
    NotAllowed,
    NotFound,
    NotProven,
    NoTrust,
    ProfileError,
    PublishRefused,
    SchemeError,
    SigningError,
    StoreDown,
    TooMany,
    TransitionError,
)

MEDIA_TYPE: Final = "application/problem+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What went wrong, for a program and for a person."""

    status: HTTPStatus
    code: str
    """Stable and dotted."""
    detail: str
    problems: tuple[tuple[str, str, str], ...] = ()
    """Path, code and sentence for each field that is wrong."""
    wait: timedelta | None = None
    """How long until the same may be asked again."""

    def headers(self) -> dict[str, str]:
        """Return what is said beside it (RFC 9110, 10.2.3), in whole seconds."""
        if self.wait is None:
            return {}
        return {"Retry-After": str(max(1, ceil(self.wait.total_seconds())))}

    def body(self) -> dict[str, Any]:
        """Return the members of the JSON object."""
        fields = [
            {"field": path, "code": code, "detail": text}
            for path, code, text in self.problems
        ]
        return {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": int(self.status),
            "code": self.code,
            "detail": self.detail,
            **({"problems": fields} if fields else {}),
        }


def problem_of(error: IssuerError) -> Problem:
    """Say what an error of ours means to whoever asked.

    What is not meant for them, such as a fault of the installation, keeps its words to
    itself.
    """
    match error:
        case Invalid(problems=problems):
            return Problem(
                status=HTTPStatus.BAD_REQUEST,
                code="request.invalid",
                detail="fields of the request are wrong",
                problems=problems,
            )
        case NotAllowed():
            return _problem(HTTPStatus.FORBIDDEN, "request.role", error)
        case NotFound():
            return _problem(HTTPStatus.NOT_FOUND, "record.unknown", error)
        case TooMany(code=code, detail=detail, wait=wait):
            return Problem(
                status=HTTPStatus.TOO_MANY_REQUESTS,
                code=code,
                detail=detail,
                wait=wait,
            )
        case (
            Conflict(code=code, detail=detail)
            | PublishRefused(code=code, detail=detail)
        ):
            return Problem(status=HTTPStatus.CONFLICT, code=code, detail=detail)
        case IllegalTransition(reason=reason, detail=detail):
            return Problem(status=HTTPStatus.CONFLICT, code=reason, detail=detail)
        case Forbidden(rule=rule):
            return _problem(HTTPStatus.CONFLICT, f"rule.{rule}", error)
        case _:
            return _rest(error)


def _rest(error: IssuerError) -> Problem:
    match error:
        case ProfileError(field=field):
            return _problem(HTTPStatus.CONFLICT, f"card.{field}", error)
        case LintError(reason=reason):
            return _problem(HTTPStatus.CONFLICT, f"lint.{reason}", error)
        case SchemeError():
            return _problem(HTTPStatus.CONFLICT, "scheme.refused", error)
        case TransitionError():
            return _problem(HTTPStatus.CONFLICT, "list.ended", error)
        case NotProven():
            return _problem(HTTPStatus.UNAUTHORIZED, "request.key", error)
        case NoTrust():
            return _problem(HTTPStatus.SERVICE_UNAVAILABLE, "trust.missing", error)
        case StoreDown():
            return _problem(HTTPStatus.SERVICE_UNAVAILABLE, "store.down", error)
        case ListFull():
            return _problem(HTTPStatus.SERVICE_UNAVAILABLE, "list.full", error)
        case SigningError():
            return _problem(HTTPStatus.SERVICE_UNAVAILABLE, "signer.refused", error)
        case _:
            return Problem(
                status=HTTPStatus.INTERNAL_SERVER_ERROR,
                code="office.fault",
                detail="something is wrong with this installation",
            )


def _problem(status: HTTPStatus, code: str, error: IssuerError) -> Problem:
    return Problem(status=status, code=code, detail=str(error))
