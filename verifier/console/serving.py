"""Start the console: the address, the threads, and a clean end."""

import contextlib
import logging
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from waitress.server import create_server

from .._floor import Floor
from ..asking import PassportAsker
from ..errors import TrustError
from ..policy import Policy
from ..scan_log import ScanLog
from ..store import TrustStore
from .app import MAX_BODY, make_app
from .device import Device
from .exports import Exports
from .frames import Frames
from .here import Console
from .imager import Imager
from .logbook import Logbook, Send
from .officers import Officers, write_private
from .session import Session
from .shifts import Clocks
from .updates import Source, Updates

HOST: Final = "127.0.0.1"
"""The only address: the console is for browsers on the same machine."""
_THREADS: Final = 8
_BACKLOG: Final = 64
_MAX_HEADERS: Final = 16 * 2**10
_TICK: Final = 5.0
"""Seconds between two looks at what is to be masked, locked or updated."""
_ADDRESS: Final = "address"
_KEY_BYTES: Final = 256
"""Most of the file with the key of the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a console is started with."""

    store: Path
    economy: str
    zone: ZoneInfo | None
    """Of the border; None is the device's own."""
    floor: Floor
    home: Path
    source: str | None
    """Where updates come from; None for files only."""
    root: Path | None
    """The scheme's first root."""
    log: Path | None
    log_key: Path | None
    send: Send | None
    """Hands the log to the economy's collector; None if there is none."""
    problem: str | None
    """What is wrong with what was said of the collector."""
    imager: str | None
    """Device of a serial imager."""
    port: int
    idle: timedelta
    is_kiosk: bool
    is_training: bool
    passports: PassportAsker | None = None
    """Has passports checked by who issued them; None if nobody is asked."""
    needs_passport_answer: bool = False


def clocks_of(zone: ZoneInfo | None) -> Clocks:
    """Return the clocks of this machine."""
    return Clocks(now=lambda: datetime.now().astimezone(zone), elapsed=_elapsed)  # noqa: TID251  # an entry point


def _elapsed() -> float:
    # The usual clock stops while a handheld sleeps, and the officer has left it.
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def has_officers(home: Path) -> bool:
    """Tell whether any officer of a console has a PIN."""
    return Officers(home, now=clocks_of(None).now).are_there()


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
    """Put the parts together; what is wrong with them shows on the home.

    Args:
        settings: What it is started with.
        port: Where it answers.
        tell: What is called with each address that lets a browser in.

    Raises:
        PolicyError: ``economy`` is no code.
    """
    clocks = clocks_of(settings.zone)
    imager = None
    if settings.imager:
        imager = Imager(settings.imager, elapsed=clocks.elapsed)
    device = Device(
        store=TrustStore(settings.store, floor=settings.floor),
        policy=Policy(economy=settings.economy),
        clocks=clocks,
        logbook=_logbook(settings, clocks),
        is_kiosk=settings.is_kiosk,
        is_training=settings.is_training,
        passports=settings.passports,
        needs_passport_answer=settings.needs_passport_answer,
    )

    def forget() -> None:
        device.forget_all()
        if imager:
            imager.forget()

    def tell_key(key: str) -> None:
        address = f"http://{HOST}:{port}/start?key={key}"
        # For whatever opens the browser of a device without a screen of its own.
        with contextlib.suppress(OSError):
            settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(settings.home / _ADDRESS, f"{address}\n".encode())
        tell(address)

    return Console(
        version=metadata.version("abtc"),
        port=port,
        device=device,
        session=Session(
            clocks=clocks, idle=settings.idle, forget=forget, tell=tell_key
        ),
        officers=Officers(settings.home, now=clocks.now),
        updates=Updates(_source(settings), clocks=clocks),
        frames=Frames(),
        imager=imager,
        exports=Exports(settings.home / "exports"),
        zone=settings.zone.key if settings.zone else None,
    )


def _source(settings: Settings) -> Source:
    return Source(
        store=settings.store,
        economy=settings.economy,
        floor=settings.floor,
        root=settings.root,
        partial=settings.home / "partial",
        place=settings.source,
    )


def _logbook(settings: Settings, clocks: Clocks) -> Logbook:
    """Open the log; whatever is wrong with it stops no scan, and shows on the home."""
    log, problem = None, settings.problem
    if settings.log and settings.log_key:
        try:
            with settings.log_key.open("rb") as file:
                key = bytes.fromhex(file.read(_KEY_BYTES).decode())
            log = ScanLog(settings.log, key=key)
        except OSError as error:
            problem = f"{settings.log_key}: {error.strerror}"
        except ValueError:  # it must not be quoted
            problem = f"{settings.log_key} is no key of a log"
    return Logbook(log, clocks=clocks, problem=problem, send=settings.send)


def run(settings: Settings, tell: Callable[[str], None]) -> None:
    """Answer until interrupted, or told to end.

    Raises:
        OSError: The port cannot be had.
        PolicyError: ``economy`` is no code.
    """
    with listen(settings.port) as opened:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, lambda *_: sys.exit(0))
        parts = open_console(settings, opened.getsockname()[1], tell)
        with running(parts):
            make_server(parts, opened).run()


@contextlib.contextmanager
def running(parts: Console) -> Any:
    """Run the threads of a console, and end them."""
    keeper = threading.Thread(target=_keep, args=(parts,), daemon=True)
    parts.device.logbook.start()
    if parts.imager:
        parts.imager.start()
    keeper.start()
    try:
        yield
    finally:
        parts.closing.set()
        if parts.imager:
            parts.imager.close()
        parts.updates.close()
        parts.frames.close()
        parts.device.forget_all()
        keeper.join(timeout=1)
        parts.device.logbook.close()


def _keep(parts: Console) -> None:
    """Mask, lock and update when it is time, also where no page asks any more."""
    while not parts.closing.is_set():
        parts.device.tidy()
        _ = parts.session.is_locked  # it locks itself
        parts.device.logbook.tick()
        parts.updates.tick(is_ready=_is_ready(parts.device))
        parts.closing.wait(_TICK)


def _is_ready(device: Device) -> bool:
    try:
        device.load()
    except TrustError:
        return False
    return True


def make_server(parts: Console, opened: socket.socket) -> Any:
    """Make the server of a console, to be run by whoever asks."""
    # More requests than threads for a moment is nothing to write a line about each.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
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
