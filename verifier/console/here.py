"""What a request finds: the parts of the running console, and its own browser."""

from dataclasses import dataclass, field
from threading import Event
from typing import Final, cast

from flask import current_app, request

from .device import Device
from .session import Session

NAME: Final = "abtc-console"
COOKIE: Final = "abtc-console"


@dataclass(slots=True, kw_only=True)
class Console:
    """The parts of one running console."""

    version: str
    port: int
    device: Device
    session: Session
    closing: Event = field(default_factory=Event)
    """Set when the program ends, so that nobody waits any longer."""


def console() -> Console:
    """Return the console that answers this request."""
    return cast(Console, current_app.extensions[NAME])


def token() -> str:
    """Return what this browser was let in with; empty if it was not."""
    return request.cookies.get(COOKIE, "")
