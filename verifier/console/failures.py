"""Every failure as ``{"error": code, "detail": text}``, and nothing of our insides."""

import logging
from typing import Final

from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException

from ..errors import ScanLogError, StoreError
from ..passport import MrzError
from .codes import Fault
from .device import AnswerGoneError, ChallengeGoneError
from .frames import NoReaderError, PictureError, SlowPictureError
from .logbook import NoLogError
from .officers import BlockedError, OfficersError, WrongPinError
from .requests import RequestError
from .updates import NoSourceError, UpdatingError

_logger = logging.getLogger(__name__)
_OURS: Final[dict[type[Exception], tuple[int, Fault]]] = {
    AnswerGoneError: (404, Fault.ANSWER),
    ChallengeGoneError: (409, Fault.CHALLENGE),
    WrongPinError: (403, Fault.OFFICER),
    BlockedError: (429, Fault.BLOCKED),
    OfficersError: (503, Fault.OFFICER),
    UpdatingError: (409, Fault.UPDATING),
    NoSourceError: (409, Fault.NO_SOURCE),
    PictureError: (422, Fault.PICTURE),
    SlowPictureError: (422, Fault.SLOW),
    NoReaderError: (501, Fault.NO_READER),
    NoLogError: (409, Fault.NO_LOG),
    ScanLogError: (503, Fault.LOG),
    StoreError: (503, Fault.NOT_READY),
}
"""What the parts raise, and what the page is told."""
_HTTP: Final = {
    400: Fault.MALFORMED,
    404: Fault.NOT_FOUND,
    405: Fault.METHOD,
    413: Fault.TOO_LARGE,
    415: Fault.WRONG_TYPE,
}


class RefusedError(Exception):
    """A request that the console does not do; it is told why."""

    def __init__(self, status: int, fault: Fault, detail: str = "") -> None:
        super().__init__(fault.value)
        self.status = status
        self.fault = fault
        self.detail = detail


def install(app: Flask) -> None:
    """Word every failure of an application."""
    app.register_error_handler(RefusedError, _refused)
    app.register_error_handler(RequestError, _malformed)
    app.register_error_handler(MrzError, _unreadable)
    for kind in _OURS:
        app.register_error_handler(kind, _ours)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def refusal(status: int, fault: Fault, detail: str = "", **more: object) -> Response:
    """Return what a page gets instead of an answer."""
    response = jsonify({"error": fault.value, "detail": detail, **more})
    response.status_code = status
    return response


def _refused(error: RefusedError) -> Response:
    return refusal(error.status, error.fault, error.detail)


def _malformed(error: RequestError) -> Response:
    return refusal(400, Fault.MALFORMED, str(error))


def _unreadable(error: MrzError) -> Response:
    place = {"line": error.line, "column": error.column}
    return refusal(422, Fault.PASSPORT, str(error), **place)


def _ours(error: Exception) -> Response:
    status, fault = _OURS[type(error)]
    return refusal(status, fault, str(error))


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    return refusal(status, _HTTP.get(status, Fault.INTERNAL), error.name)


def _unexpected(error: Exception) -> Response:
    # Its text can quote a card: the kind and the place must do.
    trace, place = error.__traceback__, "?"
    while trace:
        place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    _logger.error("%s at %s", type(error).__name__, place)
    return refusal(500, Fault.INTERNAL)
