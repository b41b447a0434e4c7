"""Servers that keep a client waiting, or fill its memory: raw sockets on loopback.

What a script writes is finite, so that a client which falls for it ends as well, with
an answer that no test wants.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import SHUT_WR, create_server, socket

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
GOOD = OK + b"Content-Length: 2\r\n\r\n{}"
Script = Callable[[socket], None]


def drip(data: bytes, *, pause: float = 0.03, head: bytes = b"") -> Script:
    """Send one byte after the other, and each in time."""

    def script(connection: socket) -> None:
        connection.sendall(head)
        for number in range(len(data)):
            connection.sendall(data[number : number + 1])
            time.sleep(pause)

    return script


def dripping_headers() -> Script:
    return drip(OK + b"X-Slow: " + b"x" * 60 + b"\r\nContent-Length: 2\r\n\r\n{}")


def dripping_body() -> Script:
    return drip(b"{" + b" " * 98 + b"}", head=OK + b"Content-Length: 100\r\n\r\n")


def saying(data: bytes, *, times: int = 1) -> Script:
    def script(connection: socket) -> None:
        for _ in range(times):
            connection.sendall(data)

    return script


def silent(connection: socket) -> None:
    """Say nothing until the client goes, and a good word at last."""
    connection.settimeout(3)
    with contextlib.suppress(TimeoutError):
        while connection.recv(4096):
            pass
    connection.sendall(GOOD)


def half_closed(connection: socket) -> None:
    connection.sendall(OK + b"Content-Length: 100\r\n\r\n{")
    connection.shutdown(SHUT_WR)
    time.sleep(0.2)


@contextmanager
def hostile(script: Script, *, reads: bool = True) -> Iterator[int]:
    """Do what a script says to everybody who connects; return the port.

    Args:
        script: Run once for each connection.
        reads: Whether what a client sends is read at all, up to its first blank line.
    """
    listening = create_server(("127.0.0.1", 0))

    def serve(connection: socket) -> None:
        with connection, contextlib.suppress(OSError):
            if reads:
                said = b""
                while b"\r\n\r\n" not in said:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    said += piece
            script(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=serve, args=[connection], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield int(listening.getsockname()[1])
    finally:
        listening.close()
