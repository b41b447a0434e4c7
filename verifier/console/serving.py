"""Start the console: the address, the threads, and a clean end."""

import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from waitress.server import create_server

from .._floor import Floor
from ..policy import Policy
from ..store import TrustStore
from .app import MAX_BODY, make_app
from .device import Clocks, Device
from .here import Console
from .session import Session

HOST: Final = "127.0.0.1"
"""The only address: the console is for browsers on the same machine."""
_THREADS: Final = 8
_BACKLOG: Final = 64
_MAX_HEADERS: Final = 16 * 2**10


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a console is started with."""

    store: Path
    economy: str
    zone: tzinfo | None
    """Of the border; None is the device's own."""
    floor: Floor
    port: int
    idle: timedelta
    is_kiosk: bool


def clocks_of(zone: tzinfo | None) -> Clocks:
    """Return the clocks of this machine."""
    return Clocks(now=lambda: datetime.now().astimezone(zone), elapsed=_elapsed)  # noqa: TID251  # an entry point


def _elapsed() -> float:
    # The usual clock stops while a handheld sleeps, and the officer has left it.
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def listen(port: int) -> socket.socket:
    """Open the address; port 0 is any that is free.

    Raises:
        OSError: It cannot be had.
    """
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((HOST, port))
        opened.listen(_BACKLOG)
    except OSError:
        opened.close()
        raise
    return opened


def open_console(settings: Settings, port: int, tell: Callable[[str], None]) -> Console:
    """Put the parts together; nothing is wrong that would not show on the home.

    Args:
        settings: What it is started with.
        port: Where it answers.
        tell: What is called with each address that lets a browser in.

    Raises:
        PolicyError: ``economy`` is no code.
    """
    clocks = clocks_of(settings.zone)
    device = Device(
        store=TrustStore(settings.store, floor=settings.floor),
        policy=Policy(economy=settings.economy),
        clocks=clocks,
        is_kiosk=settings.is_kiosk,
    )
    session = Session(
        clocks=clocks,
        idle=settings.idle,
        forget=device.forget_all,
        tell=lambda key: tell(f"http://{HOST}:{port}/start?key={key}"),
    )
    return Console(
        version=metadata.version("abtc"), port=port, device=device, session=session
    )


def run(settings: Settings, tell: Callable[[str], None]) -> None:
    """Answer until interrupted, or told to end.

    Raises:
        OSError: The port cannot be had.
        PolicyError: ``economy`` is no code.
    """
    with listen(settings.port) as opened:
        parts = open_console(settings, opened.getsockname()[1], tell)
        try:
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
            make_server(parts, opened).run()
        finally:
            parts.closing.set()


def make_server(parts: Console, opened: socket.socket) -> Any:
    """Make the server of a console, to be run by whoever asks."""
    return create_server(
        make_app(parts),
        sockets=[opened],
        threads=_THREADS,
        max_request_body_size=MAX_BODY,
        # Otherwise bodies would be kept in files: a frame can show a traveller.
        inbuf_overflow=2 * MAX_BODY,
        max_request_header_size=_MAX_HEADERS,
        clear_untrusted_proxy_headers=False,
        ident=None,
    )
