"""Spread the signing of many cards over processes, for keys that are in files.

A key inside a hardware module stays in one process, with `issuance.sign_many`.
"""

import os
import signal
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Final, NamedTuple, Protocol, Self

from issuer.dated import require_aware
from issuer.issuance import Credential, Laboratory, Prepared, Refusal, sign_many
from issuer.jws import moment_on_wire, public_jwk, public_key_from_jwk
from issuer.keys import FileSigner, KeyRecord, KeyUse

_PORTION: Final = 64
"""Cards that a process is given at a time."""
_Results = list[Credential | Refusal]


class BatchSigner(Protocol):
    """Signs many prepared cards: one key, in this process or in many."""

    def __call__(
        self,
        prepared: Sequence[Prepared],
        *,
        key: KeyRecord,
        now: datetime,
        last_issued_at: datetime | None,
    ) -> list[Credential | Refusal]:
        """See `issuance.sign_many`."""


class SigningPool:
    """Processes that sign cards, each with the key file read by itself.

    They are new interpreters and know nothing but what they are sent over a pipe: the
    path of the key file, its passphrase, and cards.  Use it in a ``with`` statement, or
    `close` it.  As with every new interpreter of `multiprocessing`, the program's main
    module must be safe to import.

    Args:
        path: As for `FileSigner.load`.
        passphrase: What the key file was encrypted with.
        processes: How many, at least 1; each takes a core and some 60 MB.

    Raises:
        KeyFileError: As for `FileSigner.load`.
        ValueError: ``passphrase`` is empty, or ``processes`` below 1.
    """

    def __init__(self, path: Path, *, passphrase: bytes, processes: int) -> None:
        FileSigner.load(path, passphrase=passphrase)  # to complain here, not there
        self._executor = ProcessPoolExecutor(
            processes,
            mp_context=get_context("spawn"),
            initializer=_begin,
            initargs=(path, passphrase),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes; what they have not begun is dropped."""
        self._executor.shutdown(cancel_futures=True)

    def sign_many(
        self,
        prepared: Sequence[Prepared],
        *,
        key: KeyRecord,
        now: datetime,
        last_issued_at: datetime | None,
    ) -> list[Credential | Refusal]:
        """Do what `issuance.sign_many` does, in all processes at once.

        If a process dies, its cards and those not yet begun are refused as
        ``sign.failed``: nothing of them was released.  The pool is of no use any more.

        Raises:
            ValueError: As for `issuance.sign_many`, or the pool is closed.
        """
        moment_on_wire(now)
        order = _Order(
            key=_KeyOnWire.of(key),
            now=now,
            last_issued_at=require_aware(last_issued_at) if last_issued_at else None,
        )
        portions = [
            prepared[start : start + _PORTION]
            for start in range(0, len(prepared), _PORTION)
        ]
        running = [self._submit(order, portion) for portion in portions]
        results = map(_result, running, portions)
        return list(chain.from_iterable(results))

    def _submit(
        self, order: "_Order", portion: Sequence[Prepared]
    ) -> Future[_Results] | None:
        try:
            return self._executor.submit(_sign_portion, order, portion)
        except BrokenProcessPool:
            return None
        except RuntimeError as error:
            raise ValueError("the pool is closed") from error


def _result(running: Future[_Results] | None, portion: Sequence[Prepared]) -> _Results:
    try:
        if running is not None:
            return running.result()
    except BrokenProcessPool:
        pass  # refused like the portions that could not even be handed over
    refusal = Refusal(reason="sign.failed", detail="a process that signs has ended")
    return [refusal] * len(portion)


class _KeyOnWire(NamedTuple):
    """A key record for a pipe: keys of the library cannot be sent as they are."""

    key_id: str
    use: KeyUse
    jwk: dict[str, str]
    signs_from: datetime
    signs_until: datetime | None
    proof: bytes

    @classmethod
    def of(cls, key: KeyRecord) -> Self:
        return cls(
            key.key_id,
            key.use,
            public_jwk(key.public_key),
            key.signs_from,
            key.signs_until,
            key.proof,
        )

    def record(self) -> KeyRecord:
        return KeyRecord(
            key_id=self.key_id,
            use=self.use,
            public_key=public_key_from_jwk(self.jwk),
            signs_from=self.signs_from,
            signs_until=self.signs_until,
            proof=self.proof,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What all portions of a batch have in common."""

    key: _KeyOnWire
    now: datetime
    last_issued_at: datetime | None


# Inside a process of the pool.


class _Desk(NamedTuple):
    signer: FileSigner
    laboratory: Laboratory


_DESK: list[_Desk] = []
"""The one of this process."""


def _begin(path: Path, passphrase: bytes) -> None:
    # An interrupt is for the process that the person started; it ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    signer = FileSigner.load(path, passphrase=passphrase)
    _DESK.append(_Desk(signer, Laboratory()))


def _end_with_parent() -> None:
    # Who was killed ends nobody, and a key would stay in memory without an owner.
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _sign_portion(order: _Order, portion: Sequence[Prepared]) -> _Results:
    (desk,) = _DESK
    return sign_many(
        portion,
        desk.signer,
        key=order.key.record(),
        now=order.now,
        last_issued_at=order.last_issued_at,
        laboratory=desk.laboratory,
    )
