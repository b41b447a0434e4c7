"""Does this device do its work? Every part is tried, and none is changed by it."""

from typing import Final

from ..errors import TrustError
from ..looks import Look, look_of
from . import training
from .device import Device
from .frames import Frames, NoReaderError, PictureError, SlowPictureError
from .imager import Imager

_SIDE: Final = 64
"""Pixels of the empty picture that the reader gets."""
_PASSED, _FAILED, _DOUBT, _ABSENT = "passed", "failed", "doubt", "not_asked"


def run(
    device: Device, frames: Frames, imager: Imager | None
) -> list[dict[str, object]]:
    """Try every part.

    Returns:
        One object for each part: ``name``, ``state`` (``passed``, ``failed``,
        ``doubt``, ``not_asked``) and ``detail`` for who looks after the device.
    """
    found = device.freshness()
    parts = {
        "store": _store(device),
        "decision": _decision(),
        "clock": _by_state(found["clock"], good="good", bad="behind"),
        "trust": _by_state(found["trust"], good="fresh", bad="stale"),
        "lists": _by_state(found["lists"], good="fresh", bad="stale"),
        "overlays": _by_state(found["overlays"], good="fresh", bad="stale"),
        "log": _log(device.logbook.state()),
        "reader": _reader(frames),
        "imager": _imager(imager),
    }
    return [
        {"name": name, "state": state, "detail": detail}
        for name, (state, detail) in parts.items()
    ]


def _store(device: Device) -> tuple[str, str]:
    try:
        return _PASSED, f"version {device.load().version}"
    except TrustError as error:
        return _FAILED, str(error)


def _decision() -> tuple[str, str]:
    """Decide about the built-in test card, which must be green."""
    look = look_of(training.decide(training.self_test().id))
    return (_PASSED if look is Look.ACCEPTED else _FAILED), look.value


def _by_state(told: object, *, good: str, bad: str) -> tuple[str, str]:
    state = str(told["state"]) if isinstance(told, dict) else bad
    missing = told.get("missing", 0) if isinstance(told, dict) else 0
    if state == good:
        return (_DOUBT, f"{missing} missing") if missing else (_PASSED, state)
    return (_FAILED if state == bad else _DOUBT), state


def _log(told: dict[str, object]) -> tuple[str, str]:
    if told["problem"]:
        return _FAILED, str(told["problem"])
    return (_PASSED, "") if told["on"] else (_ABSENT, "")


def _reader(frames: Frames) -> tuple[str, str]:
    try:
        frames.read(b"\xff" * _SIDE**2, width=_SIDE, height=_SIDE)
    except NoReaderError:
        return _ABSENT, "the extra scan is not installed"
    except (PictureError, SlowPictureError):
        return _FAILED, "it does not answer"
    return _PASSED, ""


def _imager(imager: Imager | None) -> tuple[str, str]:
    if imager is None:
        return _ABSENT, ""
    told = imager.state()
    is_there = told["state"] == "connected"
    return (_PASSED if is_there else _FAILED), str(told["problem"] or "")
