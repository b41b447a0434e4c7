"""What a request finds: the parts of the running console, and its own browser."""

from dataclasses import dataclass, field
from threading import Event
from typing import Final, cast

from flask import current_app, request

from .device import Device
from .exports import Exports
from .frames import Frames
from .imager import Imager
from .officers import Officers
from .session import Session
from .updates import Updates

NAME: Final = "abtc-console"
COOKIE: Final = "abtc-console"


@dataclass(slots=True, kw_only=True)
class Console:
    """The parts of one running console."""

    version: str
    port: int
    device: Device
    session: Session
    officers: Officers
    updates: Updates
    frames: Frames
    imager: Imager | None
    exports: Exports
    zone: str | None
    """Name of the time zone of the border, where the console was told."""
    closing: Event = field(default_factory=Event)
    """Set when the program ends, so that nobody waits any longer."""


def console() -> Console:
    """Return the console that answers this request."""
    return cast(Console, current_app.extensions[NAME])


def token() -> str:
    """Return what this browser was let in with; empty if it was not."""
    return request.cookies.get(COOKIE, "")
