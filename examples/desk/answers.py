"""What a phone sent, read into types; nothing of it is believed yet.

Source: OpenID4VP 1.0, sections 8.1, 8.2 and 8.5.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

QUERY_ID: Final = "abtc"
"""The name of the one card that a desk asks for."""
_PRESENTATION: Final = re.compile(r"[A-Za-z0-9_.-]+~[A-Za-z0-9_.~-]*")
"""Text of a card and a proof; a border's QR text has characters that are not in it."""
_ERROR: Final = re.compile(r"[a-z_]{1,64}")


class MalformedError(ValueError):
    """What came is no answer; the message does not quote it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A card was shown."""

    state: str
    presentation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """None was."""

    state: str
    error: str
    """``access_denied`` where the holder said no, or has no card."""


def read_answer(fields: Mapping[str, Sequence[str]]) -> Shown | Declined:
    """Read the form that a phone has posted; other parameters are ignored.

    Raises:
        MalformedError: It is no answer to a question of this desk.
    """
    state = the_one(fields, "state")
    if "error" in fields:
        if "vp_token" in fields:
            raise MalformedError("it is an answer and an error")
        error = the_one(fields, "error")
        if not _ERROR.fullmatch(error):
            raise MalformedError("error is no code")
        return Declined(state=state, error=error)
    return Shown(state=state, presentation=_presentation(the_one(fields, "vp_token")))


def read_members(members: Mapping[str, object]) -> Shown | Declined:
    """Read the members of an answer that was opened; raises as `read_answer`."""
    match members:
        case {"state": str(state), "error": str(error)} if "vp_token" not in members:
            return read_answer({"state": [state], "error": [error]})
        case {"state": str(state), "vp_token": token} if "error" not in members:
            return Shown(state=state, presentation=_shown(token))
        case _:
            pass
    raise MalformedError("it is no answer")


def the_one(fields: Mapping[str, Sequence[str]], name: str) -> str:
    """Return a field that is there exactly once.

    Raises:
        MalformedError: It is not.
    """
    values = fields.get(name, ())
    if len(values) != 1:
        raise MalformedError(f"{name} is not there exactly once")
    return values[0]


def _presentation(text: str) -> str:
    try:
        token = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedError("vp_token is no JSON") from error
    return _shown(token)


def _shown(token: object) -> str:
    if not isinstance(token, dict) or token.keys() != {QUERY_ID}:
        raise MalformedError("vp_token does not answer exactly what was asked")
    match token[QUERY_ID]:
        case [str(presentation)] if _PRESENTATION.fullmatch(presentation):
            return presentation
    raise MalformedError("vp_token is not one card in text")
