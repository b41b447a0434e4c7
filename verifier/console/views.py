"""What the pages ask for and do, below ``/api``; thin: parse, call, answer."""

from typing import Any, Final

from flask import Blueprint, Response, jsonify, request

from . import guards, requests, words
from .answers import Answer
from .codes import Fault
from .failures import RefusedError
from .here import console, token
from .session import Shift

api: Final = Blueprint(guards.API, __name__, url_prefix="/api")


def _state() -> dict[str, Any]:
    here = console()
    session, device = here.session, here.device
    is_locked, shift = session.is_locked, session.shift
    idle_at = session.idle_at
    return {
        "version": here.version,
        "economy": device.policy.economy,
        "zone": device.clocks.now().tzname(),
        "now": device.clocks.now().isoformat(),
        "kiosk": device.is_kiosk,
        "languages": list(words.languages()),
        "shift": shift
        and {
            "officer": shift.officer,
            "lane": shift.lane,
            "direction": shift.direction,
            "since": shift.since.isoformat(),
            "idle_at": idle_at and idle_at.isoformat(),
        },
        "locked": is_locked,
        "pin_needed": False,
        "taken_over": False,
        "freshness": device.freshness(),
        "imager": None,
    }


@api.get("/state")
def state() -> Response:
    """Tell how everything stands; to a browser that lost the console, only that."""
    if not console().session.is_active(token()):
        return jsonify({"taken_over": True, "languages": list(words.languages())})
    return jsonify(_state())


@api.post("/take-over")
def take_over() -> Response:
    """Give the console to this browser."""
    requests.members(request.get_data())
    console().session.take_over(token())
    return jsonify(_state())


@api.post("/shift")
def begin_shift() -> Response:
    """Begin a shift."""
    wanted = requests.parse_shift(request.get_data())
    here = console()
    if here.session.shift:
        raise RefusedError(409, Fault.SHIFT)
    here.session.begin_shift(
        Shift(
            officer=wanted.officer,
            lane=wanted.lane,
            direction=wanted.direction,
            since=here.device.clocks.now(),
            has_pin=False,
        )
    )
    return jsonify(_state())


@api.delete("/shift")
def end_shift() -> Response:
    """End the shift."""
    console().session.end_shift()
    return jsonify(_state())


@api.post("/lock")
def lock() -> Response:
    """Lock the screen."""
    requests.members(request.get_data())
    console().session.lock()
    return jsonify(_state())


@api.post("/unlock")
def unlock() -> Response:
    """Unlock the screen."""
    requests.members(request.get_data(), optional=["pin"])
    console().session.unlock()
    return jsonify(_state())


def _on_duty() -> Shift:
    """Note that an officer is at it.

    Raises:
        RefusedError: There is no shift.
    """
    session = console().session
    shift = session.shift
    if shift is None:
        raise RefusedError(409, Fault.NO_SHIFT)
    session.touch()
    return shift


@api.post("/check")
def check() -> Response:
    """Decide about what was scanned."""
    _on_duty()
    wanted = requests.parse_check(request.get_data())
    answer, _ = console().device.check(
        wanted.code, passport=wanted.passport, challenge=wanted.challenge
    )
    return _answered(answer)


def _answered(answer: Answer) -> Response:
    return jsonify(answer)


@api.get("/words/<language>")
def words_of(language: str) -> Response:
    """Return all words of a language."""
    try:
        return jsonify(words.words(language))
    except KeyError:
        raise RefusedError(404, Fault.NOT_FOUND) from None
