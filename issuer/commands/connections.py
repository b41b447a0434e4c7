"""Servers whose connections that dawdle make room for the others.

A request takes a thread only once it has come whole, so that one who sends a byte each
second holds a connection and nothing else.  Many such could hold all of them: then the
one that has taken longest is hung up on, and whoever's request comes at once, as that
of a browser or a phone does, is always let in.
"""

import logging
from typing import Any, ClassVar, Final

from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server

LONGEST: Final = 120.0
"""Seconds in which a request has to be there whole, however busily it is sent."""
_THREADS: Final = 16
"""Most of them wait at the same time for one that issues for all of them."""
_SLOW: Final = 30
"""Seconds for which somebody may say nothing before being hung up on."""


class Connection(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """A connection that knows how long its request has been on the way."""

    most: ClassVar = 200
    """Connections at once; a further one takes the place of the slowest."""

    def __init__(self, server: Any, *arguments: Any, **more: Any) -> None:
        super().__init__(server, *arguments, **more)
        self.began_at: float = self.last_activity
        others = [
            each
            for each in server.active_channels.values()
            if each is not self and not each.requests
        ]
        if len(server.active_channels) > self.most and others:
            min(others, key=lambda each: each.began_at).handle_close()

    def received(self, data: bytes) -> bool:
        """Take what has come; the moment of it is ``last_activity``."""
        if self.request is None:
            self.began_at = self.last_activity
        is_taken = bool(super().received(data))
        is_whole = self.request is None
        if not is_whole and self.last_activity - self.began_at > LONGEST:
            self.will_close = True
        return is_taken


class PhoneConnection(Connection):
    """One of a holder's phone: there are more of them than of browsers."""

    most = 500


def make_server(
    app: Any,
    *,
    kind: type[Connection],
    max_body: int,
    max_headers: int,
    proxies: int,
    threads: int = _THREADS,
    **place: Any,
) -> Any:
    """Make a server of an application, to be run by whoever asks.

    Args:
        app: Of WSGI.
        kind: Of its connections.
        max_body: Bytes of a request's body.
        max_headers: Bytes of its headers.
        proxies: Reverse proxies of ours in front.
        threads: Requests that are answered at a time.
        place: ``host`` and ``port``, or ``sockets`` that are open.

    Raises:
        OSError: The place cannot be had.
    """
    # More requests than threads for a moment is nothing to write a line about each.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    listening: dict[int, object] = {}
    server = create_server(
        app,
        map=listening,
        threads=threads,
        channel_timeout=_SLOW,
        cleanup_interval=_SLOW // 3,
        # What it does at its limit is to let nobody in; ours comes first.
        connection_limit=8 * kind.most,
        asyncore_use_poll=True,
        max_request_body_size=max_body,
        max_request_header_size=max_headers,
        # Without proxies of ours, what such headers say is anybody's word.
        clear_untrusted_proxy_headers=proxies == 0,
        ident=None,
        **place,
    )
    for each in listening.values():
        if isinstance(each, BaseWSGIServer):  # one of each address
            each.channel_class = kind
    return server
