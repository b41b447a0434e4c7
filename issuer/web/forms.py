"""Forms: what was entered, and what is wrong with it, beside the fields."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from flask import request

from issuer.errors import (
    Conflict,
    Forbidden,
    IllegalTransition,
    Invalid,
    IssuerError,
    PublishRefused,
)
from issuer.web.cookies import FORM_TOKEN
from issuer.web.failures import code_of, sentence_of, status_of
from issuer.web.here import perform

REASON: Final = "reason"
REQUEST_KEY: Final = "request_key"
_OURS: Final = frozenset({FORM_TOKEN, REQUEST_KEY, REASON})


@dataclass(slots=True, kw_only=True)
class Form:
    """A form, empty or as it was sent."""

    values: dict[str, str] = field(default_factory=dict)
    problems: dict[str, list[str]] = field(default_factory=dict)
    """Sentences by field; under ``""`` what concerns the whole."""
    code: str = ""
    """Of what the whole was refused for."""
    status: int = 200
    request_key: str = field(default_factory=lambda: secrets.token_urlsafe(18))

    @classmethod
    def read(cls) -> Self:
        """Return the form of a POST as it was sent, of a GET an empty one."""
        form = cls(values=request.form.to_dict())
        form.request_key = form.values.get(REQUEST_KEY) or form.request_key
        return form

    def get(self, name: str) -> str:
        """Return what was entered in a field."""
        return self.values.get(name, "")

    def fields(self) -> dict[str, Any]:
        """Return what was entered, without empty fields and the form's own."""
        return {
            name: value
            for name, value in self.values.items()
            if name not in _OURS and value != ""
        }

    def refuse(self, name: str, sentence: str, *, status: int = 400) -> None:
        """Put a sentence beside a field, or under ``""`` above the form."""
        self.problems.setdefault(name, []).append(sentence)
        self.status = status

    def take(self, error: IssuerError, names: Mapping[str, str] | None = None) -> bool:
        """Show an exception in the form; False if it is none that a form shows."""
        match error:
            case Invalid():
                for path, _, sentence in error.problems:
                    self.refuse((names or {}).get(path, path), sentence)
            case Conflict() | IllegalTransition() | Forbidden() | PublishRefused():
                self.refuse("", sentence_of(error) or "", status=status_of(error))
                self.code = code_of(error)
            case _:
                return False
        return True


def submit(
    operation: str,
    form: Form,
    fields: Mapping[str, Any] | None = None,
    *,
    needs_reason: bool = True,
) -> Any:
    """Perform an operation with what a form has brought.

    Args:
        operation: Its name.
        form: Takes the problems.
        fields: In place of the form's own, or beside them.
        needs_reason: The form must say why.

    Returns:
        The answer; None where it was refused.

    Raises:
        IssuerError: What is no matter of the form, such as a missing role.
    """
    reason = form.get(REASON).strip()
    if needs_reason and not reason:
        form.refuse(REASON, "Say why, in a few words; it goes to the audit log.")
        return None
    try:
        return perform(
            operation,
            form.fields() | dict(fields or {}),
            reason=reason or None,
            request_key=form.request_key[:60],
        )
    except IssuerError as error:
        if not form.take(error):
            raise
        return None
