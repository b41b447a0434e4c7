"""Keys inside a hardware module that speaks PKCS #11.

The module's library runs in a process of its own (`issuer.hsm_worker`): a call into it
cannot be interrupted, but a process can be ended.  So a module that hangs costs one
call, not a thread and its locks; a web server may fork without ever sharing a session;
and each way of losing a session has the same cure, a new process.
See docs/decisions/0016-a-process-for-the-module.md.
"""

import contextlib
import hashlib
import importlib.util
import os
import threading
import time
import tomllib
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

from issuer.errors import (
    KeyFileError,
    PinRefused,
    SettingsError,
    SignerUnavailable,
    SigningError,
)
from issuer.hsm_worker.process import Worker, WorkerGone, WorkerHangs
from issuer.jws import PublicKey, public_key_from_point
from issuer.keys import (
    KeyUse,
    check_key_id,
    check_use,
    parse_key_name,
    read_owner_only,
    sign_and_check,
)

MAX_PATIENCE: Final = 3.5
"""Seconds that a call may take until it says that the module is away."""
_LEAST: Final = 0.5
"""Seconds that a call has left at least once the module is open."""
_OPENING: Final = 8.0
"""Seconds that a module may take to open; more than a call waits for."""
_HOLD: Final = 1.0
"""Seconds in which a module that could not be opened is not opened again."""
_BATCH: Final = 32
"""Signatures that are asked for at once."""
_MAX_PIN: Final = 255
_MAX_SETTINGS: Final = 16 * 1024
_TOKEN_LABEL_BYTES: Final = 32
_PATHS: Final = ("module", "pin_file", "pin_record")
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "token": (str,),
    "patience": (int, float),
}
_PROBE: Final = b"ABTC1 probe\n"
"""What a key signs to show that its halves belong together; no token begins so."""
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class HsmSettings:
    """Where a token is, and its PIN.

    Raises:
        ValueError: A path is relative, the label is not 1 to 32 bytes, the patience not
            above 0 and up to `MAX_PATIENCE`; there is not exactly one PIN, or the PIN
            itself is given without a record.
    """

    module: Path
    """The PKCS #11 library of the module's maker."""
    token: str
    """Label of the token; 1 to 32 bytes."""
    pin_file: Path | None = None
    """A file of this user's alone with the user PIN; a line break at its end is not
    part of it."""
    pin: bytes | None = field(default=None, repr=False)
    """The user PIN itself, where it comes from elsewhere."""
    pin_record: Path | None = None
    """Where the attempts with it are written down; if None, beside the PIN file."""
    patience: float = MAX_PATIENCE
    """Seconds that a call may take."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.token.encode()) <= _TOKEN_LABEL_BYTES:
            raise ValueError("token: must be a label of 1 to 32 bytes")
        for name in ("module", "pin_file", "pin_record"):
            path: Path | None = getattr(self, name)
            if path is not None and not path.is_absolute():
                raise ValueError(f"{name}: must be an absolute path")
        if (self.pin is None) == (self.pin_file is None):
            raise ValueError("pin_file: there must be exactly one PIN")
        if self.pin is not None and self.pin_record is None:
            raise ValueError("pin_record: must say where, as the PIN is in no file")
        if not 0 < self.patience <= MAX_PATIENCE:
            raise ValueError(f"patience: must be above 0 and up to {MAX_PATIENCE:g}")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a TOML file.

        Args:
            path: With ``module``, ``token`` and ``pin_file``, perhaps ``pin_record``
                and ``patience``; paths are relative to its folder.  Only its owner may
                read or write it: who can change it can have another library loaded.

        Raises:
            KeyFileError: Others can read or change it, or it is not there.
            SettingsError: It says something else.
        """
        data = read_owner_only(path)
        if len(data) > _MAX_SETTINGS:
            raise SettingsError(file=str(path), key="", reason="is larger than 16 KiB")
        try:
            document = tomllib.loads(data.decode())
        except ValueError as error:
            reason = str(error).lower()
            raise SettingsError(file=str(path), key="", reason=reason) from error
        try:
            return cls(**_parse(document, path.absolute().parent))
        except ValueError as error:
            key, _, reason = str(error).partition(": ")
            raise SettingsError(file=str(path), key=key, reason=reason) from error

    @property
    def record(self) -> Path:
        """Where the attempts with the PIN are written down."""
        if self.pin_record is not None:
            return self.pin_record
        assert self.pin_file is not None  # noqa: S101  # so says __post_init__
        name = f"{self.pin_file.name}.{quote(self.token, safe='')}.attempts"
        return self.pin_file.with_name(name)

    def read_pin(self) -> str:
        """Read the PIN, anew each time.

        Raises:
            KeyFileError: The file is missing, open to others or another user's, or
                holds no PIN of 1 to 255 bytes of UTF-8.
        """
        file = str(self.pin_file or "the PIN")
        data = read_owner_only(self.pin_file) if self.pin_file else self.pin or b""
        pin = data.removesuffix(b"\n").removesuffix(b"\r")
        try:
            if 1 <= len(pin) <= _MAX_PIN:
                return pin.decode()
        except UnicodeDecodeError as error:
            # Its text would quote the PIN.
            raise KeyFileError(file=file, reason="it is not UTF-8") from error
        raise KeyFileError(file=file, reason="it holds no PIN of 1 to 255 bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class HsmSigner:
    """A key inside a module; see `HsmKeys.signer`."""

    key_id: str
    use: KeyUse
    public_key: PublicKey
    _keys: "HsmKeys" = field(repr=False)

    def sign(self, data: bytes) -> bytes:
        """Sign with ES256; 64 bytes, r and s.  Call it through `sign_and_check`.

        Raises:
            SignerUnavailable: The module does not answer, or not within 5 s.
            SigningError: It has no such key any more.
        """
        return self.sign_many([data])[0]

    def sign_many(self, data: Sequence[bytes]) -> list[bytes]:
        """Sign each with ES256, as `sign` does; several share the way to the module.

        Raises:
            SignerUnavailable: The module does not answer, or not within 5 s for 32.
            SigningError: It has no such key any more.
        """
        digests = [hashlib.sha256(each).digest() for each in data]
        return self._keys.sign_digests(f"{self.key_id}.{self.use}", digests)


@dataclass(slots=True, eq=False)
class _Job:
    label: str
    digest: bytes
    signature: bytes | None = None
    failure: SigningError | None = None

    @property
    def is_done(self) -> bool:
        return self.signature is not None or self.failure is not None

    def outcome(self) -> bytes:
        if self.failure:
            raise type(self.failure)(str(self.failure)) from self.failure
        assert self.signature is not None  # noqa: S101  # it is done
        return self.signature


class HsmKeys:
    """The keys of one token; any number of threads may ask.

    There is one session for each process that uses this: a forked child opens its own
    at its first call.  A session that is lost is opened anew within the call, once.
    """

    def __init__(self, settings: HsmSettings) -> None:
        self.settings = settings
        self._worker: Worker | None = None
        self._turn = threading.Lock()
        self._jobs: deque[_Job] = deque()
        self._held: tuple[float, SignerUnavailable] | None = None
        _all.add(self)

    @classmethod
    def open(cls, settings: HsmSettings) -> Self:
        """Open a session, with one attempt at the PIN at most.

        Raises:
            KeyFileError: The PIN file cannot be used.
            PinRefused: The PIN was refused, now or before.
            SignerUnavailable: The module does not answer.
        """
        settings.read_pin()
        keys = cls(settings)
        keys.names()
        return keys

    def names(self) -> tuple[tuple[str, KeyUse], ...]:
        """List key id and use of each key whose label is ``<key id>.<use>``, sorted.

        Raises:
            SignerUnavailable: The module does not answer, or not within 5 s.
        """
        answer = self._ask("list")
        return tuple(parse_key_name(label) for label in answer["labels"])

    def signer(self, key_id: str, use: KeyUse) -> HsmSigner:
        """Find a key, and let it show that its halves belong together.

        Raises:
            SignerUnavailable: The module does not answer, or not within 5 s.
            SigningError: There is no such key, or two; it is not on P-256, may leave
                the module, or signs with another private key than its public one.
            ValueError: The key id or the use is malformed.

        Not checked: that it is the key that was published; `issuance.sign` compares.
        """
        return self._signer("find", key_id, use)

    def generate_key(self, key_id: str, use: KeyUse) -> HsmSigner:
        """Make a P-256 key inside the module, which it never leaves.

        Raises:
            SignerUnavailable: The module does not answer; whether the key was made,
                `names` says later.
            SigningError: There is a key of that name, or the module made another kind.
            ValueError: The key id or the use is malformed.
        """
        return self._signer("generate", key_id, use)

    def close(self) -> None:
        """End the session; the next call opens another."""
        with self._turn:
            self._drop()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the session."""
        self.close()

    def sign_digests(self, label: str, digests: Sequence[bytes]) -> list[bytes]:
        """Sign SHA-256 digests with the key of a label; what the module answers.

        Raises:
            SignerUnavailable: The module does not answer, or not within 5 s for 32.
            SigningError: It has no such key.
        """
        signatures: list[bytes] = []
        for start in range(0, len(digests), _BATCH):
            part = digests[start : start + _BATCH]
            signatures += self._sign_part([_Job(label, digest) for digest in part])
        return signatures

    def _sign_part(self, jobs: list[_Job]) -> list[bytes]:
        until = time.monotonic() + self.settings.patience
        self._jobs.extend(jobs)
        # Whoever has the turn signs for all who wait, in the order of their coming.
        if self._turn.acquire(timeout=self.settings.patience):
            try:
                while not all(job.is_done for job in jobs):
                    self._sign_waiting(until)
            finally:
                self._turn.release()
        for job in jobs:
            if not job.is_done:
                job.failure = self._unavailable("it is busy")
        return [job.outcome() for job in jobs]

    def _signer(self, do: str, key_id: str, use: KeyUse) -> HsmSigner:
        check_key_id(key_id)
        check_use(use)
        answer = self._ask(do, label=f"{key_id}.{use}")
        try:
            point = public_key_from_point(bytes.fromhex(answer["point"]))
        except ValueError as error:
            reason = f"key {key_id}.{use}: its public half is not on P-256"
            raise SigningError(reason) from error
        signer = HsmSigner(key_id=key_id, use=use, public_key=point, _keys=self)
        sign_and_check(signer, _PROBE + key_id.encode())
        return signer

    def _sign_waiting(self, until: float) -> None:
        waiting: list[_Job] = []
        while self._jobs and len(waiting) < _BATCH:
            job = self._jobs.popleft()
            if not job.is_done:  # or it has given up
                waiting.append(job)
        failure: SigningError = self._unavailable("it was interrupted")
        try:
            self._patiently(lambda worker, end: _sign_all(worker, waiting, end), until)
        except SigningError as error:
            failure = error
        finally:
            for job in waiting:
                if not job.is_done:
                    job.failure = failure

    def _ask(self, do: str, **more: str) -> dict[str, Any]:
        request = {"do": do, **more}
        until = time.monotonic() + self.settings.patience
        if not self._turn.acquire(timeout=self.settings.patience):
            raise self._unavailable("it is busy")
        try:
            return self._patiently(
                lambda worker, end: _ask(worker, request, end),
                until,
                is_repeatable=do != "generate",  # it may have been made
            )
        finally:
            self._turn.release()

    def _patiently(
        self,
        ask: Callable[[Worker, float], _Answer],
        until: float,
        *,
        is_repeatable: bool = True,
    ) -> _Answer:
        """Ask; if the session was lost, once more with a new one."""
        if is_repeatable:
            with contextlib.suppress(WorkerGone):
                return self._once(ask, until)
        try:
            return self._once(ask, until)
        except WorkerGone as error:
            raise self._hold(self._unavailable(_text(error))) from error

    def _once(self, ask: Callable[[Worker, float], _Answer], until: float) -> _Answer:
        worker = self._open(until)
        try:
            return ask(worker, max(until, time.monotonic() + _LEAST))
        except SigningError:
            raise  # that was an answer
        except WorkerHangs as error:
            self._drop(hangs=True)
            raise self._unavailable("it hangs") from error
        except WorkerGone:
            self._drop()
            raise
        except BaseException:
            # Interrupted: the answer would be taken for the next one's.
            self._drop(hangs=True)
            raise

    def _open(self, until: float) -> Worker:
        worker = self._worker
        if worker is None:
            worker = self._worker = self._start()
        if worker.is_open:
            return worker
        try:
            answer = worker.answer(until=min(until, worker.started_at + _OPENING))
        except WorkerGone as error:
            raise self._hold(self._unavailable(_text(error))) from error
        except WorkerHangs as error:
            # A slow one is left to go on: the next call may find it open.
            if time.monotonic() >= worker.started_at + _OPENING:
                self._drop(hangs=True)
            raise self._unavailable("it is not open yet") from error
        if "error" in answer:
            raise self._hold(self._refusal(answer))
        worker.is_open = True
        return worker

    def _start(self) -> Worker:
        if self._held and time.monotonic() < self._held[0]:
            held = self._held[1]
            raise type(held)(str(held)) from held
        if importlib.util.find_spec("pkcs11") is None:  # the worker imports it
            raise self._unavailable(
                "python-pkcs11 is not installed; install abtc with its extra: abtc[hsm]"
            )
        settings = self.settings
        try:
            return Worker(
                {
                    "do": "open",
                    "module": str(settings.module),
                    "token": settings.token,
                    "pin": settings.read_pin(),
                    "record": str(settings.record),
                }
            )
        except (KeyFileError, OSError, WorkerGone) as error:
            raise self._hold(self._unavailable(_text(error))) from error

    def _drop(self, *, hangs: bool = False) -> None:
        worker, self._worker = self._worker, None
        if worker and hangs:
            worker.kill()
        elif worker:
            worker.end()

    def _hold(self, reason: SignerUnavailable) -> SignerUnavailable:
        """Answer the same for a moment: a module that is down is not hammered."""
        self._drop()
        self._held = (time.monotonic() + _HOLD, reason)
        return reason

    def _refusal(self, answer: Mapping[str, Any]) -> SignerUnavailable:
        kind = PinRefused if answer["error"] == "pin" else SignerUnavailable
        return kind(f"token {self.settings.token}: {answer['text']}")

    def _unavailable(self, reason: str) -> SignerUnavailable:
        return SignerUnavailable(f"token {self.settings.token}: {reason}")

    def _after_fork(self) -> None:
        # The lock may be held by a thread that this process does not have.
        self._turn = threading.Lock()
        self._jobs = deque()
        self._drop()


_all: "weakref.WeakSet[HsmKeys]" = weakref.WeakSet()


def _forget_sessions() -> None:
    for keys in list(_all):
        keys._after_fork()  # noqa: SLF001  # the same module


os.register_at_fork(after_in_child=_forget_sessions)


def _ask(worker: Worker, request: Mapping[str, object], until: float) -> dict[str, Any]:
    answer = worker.ask(request, until=until)
    if answer.get("error") == "key":
        raise SigningError(answer["text"])
    if "error" in answer:
        raise WorkerGone(answer["text"])
    return answer


def _sign_all(worker: Worker, jobs: list[_Job], until: float) -> None:
    """Sign what is not signed yet."""
    left = [job for job in jobs if not job.is_done]
    words = [(job.label, job.digest.hex()) for job in left]
    answer = worker.ask({"do": "sign", "jobs": words}, until=until)
    # Where the session was lost on the way, there are fewer results.
    for job, (kind, text) in zip(left, answer["results"], strict=False):
        if kind == "signed":
            job.signature = bytes.fromhex(text)
        else:
            job.failure = SigningError(text)
    if "error" in answer:
        raise WorkerGone(answer["text"])


def _text(error: Exception) -> str:
    return str(error) or "its process has ended"


def _parse(document: Mapping[str, object], folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in document.items():
        if key in _PATHS and isinstance(value, str):
            found[key] = folder / value
        elif type(value) in _TYPES.get(key, ()):
            found[key] = value
        else:
            raise ValueError(f"{key}: is no known key, or of another type")
    for key in ("module", "token", "pin_file"):
        if key not in found:
            raise ValueError(f"{key}: is missing")
    return found
