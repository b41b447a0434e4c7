"""Start the desk: the address, the threads, and a clean end."""

import signal
import socket
import sys
from collections.abc import Callable
from datetime import timedelta
from importlib import metadata
from typing import Any, Final

from waitress.server import create_server

from ..frames import Frames
from ..serving import HOST, clocks_of, listen
from .app import MAX_BODY, DeskSession, Parts, make_app
from .counter import Counter

_THREADS: Final = 8
_MAX_HEADERS: Final = 16 * 2**10
_NO_SHIFT: Final = timedelta(days=1)
"""Nobody signs in at a desk, so nothing locks."""


def run(counter: Counter, port: int, tell: Callable[[str], None]) -> None:
    """Answer until interrupted, or told to end.

    Args:
        counter: The desk.
        port: Where it answers; 0 is any that is free.
        tell: What is called with each address that lets a browser in.

    Raises:
        OSError: The port cannot be had.
    """
    with listen(port) as opened:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        parts = open_desk(counter, opened.getsockname()[1], tell)
        try:
            make_server(parts, opened).run()
        finally:
            parts.frames.close()


def open_desk(counter: Counter, port: int, tell: Callable[[str], None]) -> Parts:
    """Put the parts together."""
    session = DeskSession(
        clocks=clocks_of(None),
        idle=_NO_SHIFT,
        forget=_nothing,
        tell=lambda key: tell(f"http://{HOST}:{port}/start?key={key}"),
    )
    return Parts(
        version=metadata.version("abtc"),
        port=port,
        session=session,
        counter=counter,
        frames=Frames(),
    )


def make_server(parts: Parts, opened: socket.socket) -> Any:
    """Make the server of a desk, to be run by whoever asks."""
    return create_server(
        make_app(parts),
        sockets=[opened],
        threads=_THREADS,
        max_request_body_size=MAX_BODY,
        # Otherwise bodies would be kept in files: a list names passports.
        inbuf_overflow=2 * MAX_BODY,
        max_request_header_size=_MAX_HEADERS,
        clear_untrusted_proxy_headers=False,
        ident=None,
    )


def _nothing() -> None:
    """Forget nothing: the server keeps nothing of a traveller."""
