"""Connections of the back office's server: those that dawdle make room for the others.

A request takes a thread only once it has come whole, so that one who sends a byte each
second holds a connection and nothing else.  Many such could hold all of them: then the
one that has taken longest is hung up on, and a browser, whose request comes at once, is
always let in.
"""

from typing import Any, Final

from waitress.channel import HTTPChannel

MOST: Final = 200
"""Connections at once; a further one takes the place of the slowest."""
LONGEST: Final = 120.0
"""Seconds in which a request has to be there whole, however busily it is sent."""


class Connection(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """A connection that knows how long its request has been on the way."""

    def __init__(self, server: Any, *arguments: Any, **more: Any) -> None:
        super().__init__(server, *arguments, **more)
        self.began_at: float = self.last_activity
        others = [
            each
            for each in server.active_channels.values()
            if each is not self and not each.requests
        ]
        if len(server.active_channels) > MOST and others:
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
