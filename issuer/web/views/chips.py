"""The chip of an applicant's passport: three files in, what they prove out."""

from base64 import b64encode
from types import MappingProxyType
from typing import Any, Final

from flask import Response, request

from issuer.epassport import MAX_DG1, MAX_DG2, MAX_SOD
from issuer.errors import SettingsError
from issuer.web.access import Needs, Pages
from issuer.web.forms import REASON, Form, submit
from issuer.web.here import perform, render
from issuer.web.views.reasons import reason

pages = Pages("chips")
_FILES: Final = MappingProxyType(
    {"sod": MAX_SOD, "lines": MAX_DG1, "portrait": MAX_DG2}
)
"""The files by field, and what each may have in bytes."""
_ASKED: Final = "checking the chip of the passport"


@pages.at("/applications/<int:application>/chip", Needs("application.read_chip"))
def index(application: int) -> Response:
    """Ask for the three files that a reader has handed over."""
    return _page(application, Form(values={REASON: _ASKED}))


@pages.at(
    "/applications/<int:application>/chip",
    Needs("application.read_chip"),
    methods=("POST",),
)
def check(application: int) -> Response:
    """Check them, and say what is proved and what is not."""
    form = Form.read()
    files = {name: _file(form, name) for name in _FILES}
    if form.problems:
        return _page(application, form)
    form.values = {REASON: form.get(REASON)}
    done = None
    try:
        fields = files | {"application": application}
        done = submit("application.read_chip", form, fields)
    except SettingsError:
        form.refuse(
            "",
            "The trusted certificates cannot be read: nothing was checked. Tell whoever"
            " runs the installation.",
            status=409,
        )
    # What is checked next is another request.
    next_form = Form(values={REASON: form.get(REASON)}) if done else form
    return _page(application, next_form, done=done)


def _file(form: Form, name: str) -> bytes:
    sent = request.files.get(name)
    data = b""
    if sent:
        data = sent.stream.read(_FILES[name] + 1)
        sent.close()
    if not data:
        form.refuse(name, "Choose the file that the reader has written.")
    elif len(data) > _FILES[name]:
        form.refuse(name, "This is longer than any passport's. Is it the right file?")
    return b64encode(data)


def _page(application: int, form: Form, *, done: Any = None) -> Response:
    case = perform("application.show", {"application": application}, reason=reason())
    return render(
        "applications/chip.html", status=form.status, form=form, case=case, done=done
    )
