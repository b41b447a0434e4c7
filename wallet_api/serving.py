"""Serve holders' phones until interrupted: one process, or several on one address."""

import os
import signal
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

from issuer.commands.opening import open_office
from issuer.installation import Installation
from issuer.signing import recover
from wallet_api.settings import Settings

if TYPE_CHECKING:
    from flask import Flask

_BACKLOG: Final = 1_024
_MAX_HEADERS: Final = 16 * 1024


def open_app(home: Path, *, host: str) -> "Flask":
    """Open an installation, and make its wallet's server.

    Raises:
        SettingsError: The settings name no wallet, or do not fit the address.
        KeyFileError: Others than its owner can read a secret.
        SchemaError, StoreDown: The database has another shape, or does not answer.
    """
    from wallet_api.app import make_app  # noqa: PLC0415  # other commands need no Flask

    installation = Installation.load(home)
    settings = Settings.of(installation, host=host, clock=lambda: datetime.now(UTC))  # noqa: TID251  # an entry point
    office = open_office(home)
    recover(office, settings.clock())
    return make_app(office, settings=settings)


def listen(host: str, port: int) -> socket.socket:
    """Open the address that all processes answer at.

    Raises:
        OSError: It cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.bind((host, port))
    opened.listen(_BACKLOG)
    return opened


def run(app: "Flask", opened: socket.socket) -> None:
    """Answer until interrupted, or told to end: what is being answered is finished."""
    from issuer.commands.connections import (  # noqa: PLC0415
        PhoneConnection,
        make_server,
    )
    from wallet_api.app import MAX_BODY  # noqa: PLC0415
    from wallet_api.here import NAME  # noqa: PLC0415

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    make_server(
        app,
        kind=PhoneConnection,
        max_body=MAX_BODY,
        max_headers=_MAX_HEADERS,
        proxies=app.extensions[NAME].settings.wallet.proxies,
        sockets=[opened],
    ).run()


def run_many(home: Path, *, host: str, opened: socket.socket, workers: int) -> None:
    """Answer with several processes; when one of them ends, all do.

    Each opens the installation for itself: nothing that is open is shared but the
    address.
    """
    children = [_begin(home, host, opened) for _ in range(workers)]

    def stop(_: int, __: FrameType | None) -> None:
        for child in children:
            os.kill(child, signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    os.wait()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for child in children:
        _end(child)


def _begin(home: Path, host: str, opened: socket.socket) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        run(open_app(home, host=host), opened)
        status = 0
    finally:
        os._exit(status)


def _end(child: int) -> None:
    try:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
    except (ProcessLookupError, ChildProcessError):
        pass  # it was the one that had ended
