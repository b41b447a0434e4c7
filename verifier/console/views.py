"""What the pages ask for and do, below ``/api``; thin: parse, call, answer."""

from dataclasses import asdict
from typing import Any, Final

from flask import Blueprint, Response, jsonify, request

from .._acts import OfficerDecision, OverrideReason
from ..looks import Look
from ..passport import Passport
from . import (
    answers,
    guards,
    layout,
    manual,
    requests,
    selftest,
    training,
    viewer,
    words,
)  # fmt: skip
from .answers import Answer
from .codes import ConsoleReason, Fault
from .failures import RefusedError
from .here import Console, console, token
from .imager import Scan
from .shifts import Shift

api: Final = Blueprint(guards.API, __name__, url_prefix="/api")
_OVERRIDES: Final = {
    "decisions": [each.value for each in OfficerDecision],
    # A comparison that fails is no override: it has a button of its own.
    "reasons": [each.value for each in OverrideReason if each != "mismatch"],
}
"""What an officer may decide otherwise, and why."""
_LONGEST_WAIT: Final = 20.0
"""Seconds for which a page may wait for the imager."""


# How everything stands


def _state(here: Console) -> dict[str, Any]:
    session, device = here.session, here.device
    is_locked, shift, idle_at = session.is_locked, session.shift, session.idle_at
    now = device.clocks.now()
    return {
        "version": here.version,
        "economy": device.policy.economy,
        "zone": here.zone or now.tzname(),
        "now": now.isoformat(),
        "kiosk": device.is_kiosk,
        "training": device.is_training,
        "passports": device.passports is not None,
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
        "pin_needed": shift.has_pin if shift else here.officers.are_there(),
        "taken_over": False,
        "freshness": {
            **device.freshness(),
            "log": device.logbook.state(),
            "update": here.updates.state(),
        },
        "imager": here.imager and here.imager.state(),
        "overrides": _OVERRIDES,
    }


def _stated() -> Response:
    return jsonify(_state(console()))


@api.get("/state")
def state() -> Response:
    """Tell how everything stands; to a browser that lost the console, only that."""
    if not console().session.is_active(token()):
        return jsonify({"taken_over": True, "languages": list(words.languages())})
    return _stated()


@api.post("/take-over")
def take_over() -> Response:
    """Give the console to this browser; the shift in the other one ends."""
    requests.parse_nothing(request.get_data())
    console().session.take_over(token())
    return _stated()


# The shift


@api.post("/shift")
def begin_shift() -> Response:
    """Begin a shift."""
    wanted = requests.parse_shift(request.get_data())
    here = console()
    if here.session.shift:
        raise RefusedError(409, Fault.SHIFT)
    has_pin = here.officers.are_there()
    if has_pin:
        here.officers.check(wanted.officer, wanted.pin)
    here.session.begin_shift(
        Shift(
            officer=wanted.officer,
            lane=wanted.lane,
            direction=wanted.direction,
            since=here.device.clocks.now(),
            has_pin=has_pin,
        )
    )
    return _stated()


@api.delete("/shift")
def end_shift() -> Response:
    """End the shift."""
    console().session.end_shift()
    return _stated()


@api.post("/lock")
def lock() -> Response:
    """Lock the screen."""
    requests.parse_nothing(request.get_data())
    console().session.lock()
    return _stated()


@api.post("/unlock")
def unlock() -> Response:
    """Unlock the screen, by the PIN of the officer whose shift it is."""
    pin = requests.parse_text(request.get_data(), "pin", optional=True)
    here = console()
    shift = here.session.shift
    if shift is None:
        raise RefusedError(409, Fault.NO_SHIFT)
    if shift.has_pin:
        here.officers.check(shift.officer, pin)
    here.session.unlock()
    return _stated()


def _shift(*, is_act: bool = True) -> Shift:
    """Return whose shift it is, and note that an officer is at it.

    Raises:
        RefusedError: There is no shift.
    """
    session = console().session
    shift = session.shift
    if shift is None:
        raise RefusedError(409, Fault.NO_SHIFT)
    if is_act:
        session.touch()
    return shift


# What is scanned, read and typed


@api.post("/check")
def check() -> Response:
    """Decide about what was scanned."""
    _shift()
    wanted = requests.parse_check(request.get_data())
    return jsonify(
        console().device.check(
            wanted.code, passport=wanted.passport, challenge=wanted.challenge
        )
    )


@api.post("/frame")
def frame() -> Response:
    """Read the codes in a picture; a camera sends them without an officer's act."""
    _shift(is_act=False)
    width = height = 0
    if request.mimetype == "application/octet-stream":
        width, height = (_number(name) for name in ("width", "height"))
    codes = console().frames.read(request.get_data(), width=width, height=height)
    return jsonify({"codes": codes})


@api.post("/passport")
def passport() -> Response:
    """Read a passport's lines."""
    _shift()
    mrz = requests.parse_text(request.get_data(), "mrz")
    return jsonify(answers.read_of(Passport.from_mrz(mrz)))


@api.post("/manual")
def by_hand() -> Response:
    """Look at numbers that were typed: amber at best, grey when mistyped."""
    _shift()
    wanted = requests.parse_manual(request.get_data())
    typed = {
        "document_number": manual.read_number(wanted.document_number),
        "passport_number": manual.read_number(wanted.passport_number),
    }
    here = console()
    is_economy = here.device.is_economy(wanted.economy)
    is_right = is_economy and all(each.is_possible for each in typed.values())
    return jsonify(
        here.device.add_plain(
            ConsoleReason.UNCHECKED if is_right else ConsoleReason.MISTYPED,
            Look.BY_HAND if is_right else Look.NOT_LIVE,
            must_see=["plastic_card", "passport", "face"] if is_right else [],
            typed={
                "economy": {"state": "right" if is_economy else "form"},
                **{name: asdict(each) for name, each in typed.items()},
            },
        )
    )


@api.post("/challenge")
def challenge() -> Response:
    """Make a question for the phone to answer."""
    requests.parse_nothing(request.get_data())
    _shift()
    return jsonify(console().device.ask())


@api.get("/imager")
def imager() -> Response:
    """Wait for what the imager reads."""
    here = console()
    if here.imager is None:
        raise RefusedError(404, Fault.NO_IMAGER)
    after = _number("after", most=2**53)
    if not here.session.is_on_duty():
        raise RefusedError(409, Fault.NO_SHIFT)
    number, scans = here.imager.wait(after, _LONGEST_WAIT)
    # The officer may have gone while this waited.
    kept = scans if here.session.is_on_duty() else []
    return jsonify({"n": number, "scans": [_scan(each) for each in kept]})


def _scan(found: Scan) -> dict[str, object]:
    content = found.text if found.kind != "garbage" else True
    return {"n": found.number, found.kind: content}


def _number(name: str, *, most: int = 2**16) -> int:
    value = request.args.get(name, "")
    if not (value.isascii() and value.isdigit() and len(value) < 20):
        raise RefusedError(400, Fault.MALFORMED, f"{name} is no number")
    if int(value) > most:
        raise RefusedError(400, Fault.MALFORMED, f"{name} is above {most}")
    return int(value)


# What an officer does with an answer


@api.post("/answers/<answer_id>/compared")
def compared(answer_id: str) -> Response:
    """Take what the officer found by comparing."""
    shift = _shift()
    matches = requests.parse_flag(request.get_data(), "matches")
    return jsonify(console().device.compared(answer_id, matches=matches, by=shift))


@api.post("/answers/<answer_id>/passport-check")
def check_passport(answer_id: str) -> Response:
    """Have the passport checked by who issued it; it takes as long as is waited."""
    requests.parse_nothing(request.get_data())
    _shift(is_act=False)
    return jsonify(console().device.check_passport(answer_id))


@api.post("/answers/<answer_id>/override")
def override(answer_id: str) -> Response:
    """Write down that the officer does not go by the answer."""
    shift = _shift()
    wanted = requests.parse_override(request.get_data())
    try:
        answer = console().device.override(
            answer_id, wanted.decision, wanted.reason, note=wanted.note, by=shift
        )
    except ValueError as error:
        raise RefusedError(400, Fault.MALFORMED, str(error)) from error
    return jsonify(answer)


@api.post("/answers/<answer_id>/done")
def done(answer_id: str) -> Response:
    """Forget the person."""
    requests.parse_nothing(request.get_data())
    _shift()
    here = console()
    here.device.done(answer_id)
    return jsonify({})


# The data


@api.post("/update")
def update() -> Response:
    """Begin an update."""
    requests.parse_nothing(request.get_data())
    console().updates.begin()
    return _stated()


@api.post("/update/file")
def update_file() -> Response:
    """Begin an update from a file that the officer has brought."""
    try:
        console().updates.begin_from(request.get_data())
    except OSError as error:
        raise RefusedError(507, Fault.DISK, error.strerror or "") from error
    return _stated()


@api.get("/trust")
def trust() -> Response:
    """Show whom this device believes, and why."""
    return jsonify(console().device.view(viewer.trust_of))


# The log


@api.get("/log")
def log() -> Response:
    """Count what was decided."""
    logbook = console().device.logbook
    return jsonify({"days": logbook.counts(), **logbook.state()})


@api.post("/log/export")
def export() -> Response:
    """Hand out what is new in the log, as a file; it is kept on the device, too."""
    requests.parse_nothing(request.get_data())
    here = console()
    path = here.exports.new_path(here.device.clocks.now())
    found = here.device.logbook.export(path)
    if not found.rows:
        return jsonify({"rows": 0})
    name = {"Content-Disposition": f'attachment; filename="{path.name}"'}
    return Response(path.read_bytes(), mimetype="application/jsonl", headers=name)


@api.post("/log/send")
def send_log() -> Response:
    """Begin to hand what is new to the economy's collector."""
    requests.parse_nothing(request.get_data())
    console().device.logbook.send()
    return _stated()


# Trying it out


@api.get("/selftest")
def self_test() -> Response:
    """Try every part."""
    here = console()
    parts = selftest.run(here.device, here.frames, here.imager)
    return jsonify({"checks": parts, "card": {"text": training.self_test().text}})


@api.post("/selftest/imager")
def imager_layout() -> Response:
    """Compare what an imager typed with the self-test card."""
    typed = requests.parse_text(request.get_data(), "text")
    found = layout.compare_typed(typed, training.self_test().text)
    return jsonify({"state": found.state, "swapped": found.swapped})


@api.get("/training")
def cases() -> Response:
    """List the cases of the training."""
    course = {each.id: place for place, each in enumerate(training.first_course())}
    return jsonify(
        {
            "cases": [
                {
                    "id": each.id,
                    "code": each.code.value,
                    "group": each.group,
                    "course": course.get(each.id),
                    "right": [action.value for action in each.right],
                }
                for each in training.cases()
            ]
        }
    )


@api.post("/training/check")
def training_check() -> Response:
    """Decide a case of the training."""
    _shift()
    wanted = requests.parse_text(request.get_data(), "case")
    case = {each.id: each for each in training.cases()}.get(wanted)
    if case is None:
        raise RefusedError(404, Fault.TRAINING)
    answer: Answer = console().device.add_training(
        training.decide(case.id),
        Passport.from_mrz(case.mrz),
        told=training.owner_answer(case),
    )
    return jsonify(answer)


@api.get("/words/<language>")
def words_of(language: str) -> Response:
    """Return all words of a language."""
    try:
        return jsonify(words.words(language))
    except KeyError:
        raise RefusedError(404, Fault.NOT_FOUND) from None
