"""The other end: start a worker, ask it, end it."""

import contextlib
import json
import os
import select
import subprocess
import sys
import time
import weakref
from collections.abc import Mapping
from typing import Any, Final

_PARTING: Final = 0.3
"""Seconds that a worker has for closing its session, before it is killed."""
_CHUNK: Final = 2**16
_HELD: Final[list[subprocess.Popen[bytes]]] = []
"""Killed, and not gone when their time was up; looked after by the next start."""


class WorkerGone(Exception):  # noqa: N818  # a state, not a fault
    """The worker has ended without an answer."""


class WorkerHangs(Exception):  # noqa: N818  # a state, not a fault
    """The worker did not answer in time."""


class Worker:
    """A process with one session; asked by one thread at a time.

    Moments are `time.monotonic`, in seconds.
    """

    def __init__(self, opening: Mapping[str, object]) -> None:
        come, their_go = os.pipe()
        their_come, go = os.pipe()
        try:
            self._process = _start(their_come, their_go)
        except OSError:
            os.close(come)
            os.close(go)
            raise
        finally:
            os.close(their_come)
            os.close(their_go)
        self._answers, self._requests, self._come = come, go, b""
        self._arrival = select.poll()
        self._arrival.register(come, select.POLLIN)
        self._end = weakref.finalize(self, _end, self._process, come, go)
        self.started_at = time.monotonic()
        self.is_open = False
        """Whether the first request has been answered."""
        self._send(opening)

    def ask(self, request: Mapping[str, object], *, until: float) -> dict[str, Any]:
        """Send a request and wait for its answer.

        Raises:
            WorkerGone: It has ended.
            WorkerHangs: There is no answer at ``until``; it is of no more use.
        """
        self._send(request)
        return self.answer(until=until)

    def answer(self, *, until: float) -> dict[str, Any]:
        """Wait for the answer to what was sent.

        Raises:
            WorkerGone: It has ended.
            WorkerHangs: There is no answer at ``until``; this may be asked again.
        """
        while b"\n" not in self._come:
            left = max(0.0, until - time.monotonic())
            if not self._arrival.poll(left * 1000):
                raise WorkerHangs
            chunk = os.read(self._answers, _CHUNK)
            if not chunk:
                raise WorkerGone
            self._come += chunk
        line, _, self._come = self._come.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        """Let it close its session and go; in a forked child, leave it alone."""
        self._end()

    def kill(self) -> None:
        """End it in the middle of a call, which is then never finished."""
        self._process.kill()
        self._end()

    def _send(self, request: Mapping[str, object]) -> None:
        try:
            os.write(self._requests, json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise WorkerGone from error


def _start(come: int, go: int) -> subprocess.Popen[bytes]:
    for each in list(_HELD):
        if each.poll() is not None:
            with contextlib.suppress(ValueError):  # another thread was faster
                _HELD.remove(each)
    words = [sys.executable, "-P", "-m", "issuer.hsm_worker"]
    return subprocess.Popen(  # noqa: S603  # our own module
        [*words, str(come), str(go), str(os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=(come, go),
    )


def _end(process: subprocess.Popen[bytes], answers: int, requests: int) -> None:
    os.close(requests)
    os.close(answers)
    # In a forked child it is somebody else's child, and not waited for or killed.
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_PARTING)
        return
    process.kill()
    try:
        process.wait(_PARTING)
    except subprocess.TimeoutExpired:
        _HELD.append(process)  # a driver may hold even a killed process for a while
