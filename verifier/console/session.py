"""Which browser has the console, who is on shift, and whether the screen is locked."""

import hmac
import secrets
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from .shifts import Clocks, Shift

_TOKEN_BYTES: Final = 32
_TOKENS: Final = 32
"""Browsers remembered, to be told that another has the console."""


class Session:
    """The one session that counts; safe to share between threads.

    Args:
        clocks: Moments and durations.
        idle: After which time without an officer's act the screen locks.
        forget: What is called when the screen locks, the officer leaves, or another
            browser takes over: everything personal goes.
        tell: What is called with each new start key, to tell the officer.
    """

    def __init__(
        self,
        *,
        clocks: Clocks,
        idle: timedelta,
        forget: Callable[[], None],
        tell: Callable[[str], None],
    ) -> None:
        self._clocks = clocks
        self._idle = idle.total_seconds()
        self._forget = forget
        self._tell = tell
        self._lock = threading.RLock()
        self._start_key = ""
        self._tokens: deque[str] = deque(maxlen=_TOKENS)
        self._active: str | None = None
        self._shift: Shift | None = None
        self._is_locked = False
        self._touched = 0.0
        self._new_key()

    @property
    def start_key(self) -> str:
        """What the next browser shows to be let in; another one after each use."""
        return self._start_key

    def start(self, key: str) -> str | None:
        """Let a browser in that shows the key; it is the one, if there is no other.

        Returns:
            Its token; None if the key is wrong, or has been used.
        """
        with self._lock:
            if not hmac.compare_digest(key.encode(), self._start_key.encode()):
                return None
            token = secrets.token_urlsafe(_TOKEN_BYTES)
            self._tokens.append(token)
            if self._active not in self._tokens:
                self._active = token
            self._new_key()
            return token

    def is_known(self, token: str) -> bool:
        """Tell whether a browser was let in, be it that another has the console."""
        with self._lock:
            return any(hmac.compare_digest(token, each) for each in self._tokens)

    def is_active(self, token: str) -> bool:
        """Tell whether this browser has the console."""
        with self._lock:
            return self._active is not None and hmac.compare_digest(token, self._active)

    def take_over(self, token: str) -> None:
        """Give the console to this browser: the shift of the other one ends."""
        with self._lock:
            if not self.is_active(token):
                self._active = token
                self.end_shift()

    # The shift.

    @property
    def shift(self) -> Shift | None:
        """Who is at the lane."""
        return self._shift

    @property
    def is_locked(self) -> bool:
        """Tell whether the screen is locked; it locks itself here, when it is time."""
        with self._lock:
            self._lock_if_idle()
            return self._is_locked

    def is_on_duty(self) -> bool:
        """Tell whether there is a shift, and an officer before the screen."""
        return not self.is_locked and self._shift is not None

    @property
    def idle_at(self) -> datetime | None:
        """When the screen will lock by itself."""
        with self._lock:
            if self._shift is None or self._is_locked:
                return None
            left = self._touched + self._idle - self._clocks.elapsed()
            return self._clocks.now() + timedelta(seconds=max(left, 0))

    def begin_shift(self, shift: Shift) -> None:
        """Begin a shift; whose PIN it was has been checked."""
        with self._lock:
            self._shift, self._is_locked = shift, False
            self.touch()

    def end_shift(self) -> None:
        """End the shift and forget everything personal."""
        with self._lock:
            self._shift, self._is_locked = None, False
            self._forget()

    def lock(self) -> None:
        """Lock the screen and forget everything personal."""
        with self._lock:
            if self._shift and not self._is_locked:
                self._is_locked = True
                self._forget()

    def unlock(self) -> None:
        """Unlock the screen; whose PIN it was has been checked."""
        with self._lock:
            self._is_locked = False
            self.touch()

    def touch(self) -> None:
        """Note that an officer has done something."""
        with self._lock:
            self._touched = self._clocks.elapsed()

    def _lock_if_idle(self) -> None:
        if self._clocks.elapsed() - self._touched > self._idle:
            self.lock()

    def _new_key(self) -> None:
        self._start_key = secrets.token_urlsafe(_TOKEN_BYTES)
        self._tell(self._start_key)
