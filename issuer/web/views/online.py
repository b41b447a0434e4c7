"""Applicants online, for staff: when they may apply, who waits, and what was paid."""

from typing import Any

from flask import Response, flash

from issuer.errors import Conflict
from issuer.web.access import Group, Needs, Pages
from issuer.web.case_words import may_do
from issuer.web.forms import REASON, Form, submit
from issuer.web.here import go_to, perform, render

pages = Pages("online")
_DONE = {
    "confirm": "The payment is recorded as received.",
    "refund": "The payment is recorded as given back.",
    "cancel": "Nothing is due any more.",
}


@pages.at(
    "/online",
    Needs("portal.payments"),
    menu=(
        "Applicants online",
        "Who waits to be recognised, and what was paid.",
        "o",
        Group.APPLICANTS,
    ),
)
def index() -> Response:
    """List what waits and what is to be paid."""
    return _page(Form())


@pages.at("/online/open", Needs("portal.open"), methods=("POST",))
def open_portal() -> Response:
    """Let people apply online."""
    form = Form.read()
    if submit("portal.open", form) is None:
        return _page(form, tried="portal")
    flash("People can apply online from now on.")
    return go_to("online.settings")


@pages.at("/online/close", Needs("portal.close"), methods=("POST",))
def close_portal() -> Response:
    """Let nobody apply online."""
    form = Form.read()
    if submit("portal.close", form) is None:
        return _page(form, tried="portal")
    flash("Nobody can apply online any more.")
    return go_to("online.settings")


@pages.at("/online/settings", Needs("portal.open"))
def settings() -> Response:
    """Show whether people may apply online, and change that."""
    return _page(Form(), tried="portal")


@pages.at("/online/payments/<int:payment>/confirm", Needs("payment.confirm"),
          methods=("POST",))  # fmt: skip
def confirm(payment: int) -> Response:
    """Record that a payment was received."""
    return _settle(payment, "confirm")


@pages.at("/online/payments/<int:payment>/refund", Needs("payment.refund"),
          methods=("POST",))  # fmt: skip
def refund(payment: int) -> Response:
    """Record that a payment was given back."""
    return _settle(payment, "refund")


@pages.at("/online/payments/<int:payment>/cancel", Needs("payment.cancel"),
          methods=("POST",))  # fmt: skip
def cancel(payment: int) -> Response:
    """Record that nothing is due any more."""
    return _settle(payment, "cancel")


@pages.at("/online/waiting/<int:online>", Needs("portal.look"))
def waiting(online: int) -> Response:
    """Show what was handed in beside who is alike."""
    return _waiting(online, Form())


@pages.at("/online/waiting/<int:online>/take", Needs("portal.take"), methods=("POST",))
def take(online: int) -> Response:
    """Enter it, saying who it is."""
    form = Form.read()
    done = _taken("portal.take", form, {"online": online})
    if done is None:
        return _waiting(online, form)
    flash("The application is entered and submitted. Another person decides.")
    return go_to("applications.show", application=done.application)


@pages.at("/online/waiting/<int:online>/dismiss", Needs("portal.dismiss"),
          methods=("POST",))  # fmt: skip
def dismiss(online: int) -> Response:
    """Put it away for good."""
    form = Form.read()
    if submit("portal.dismiss", form, {"online": online}) is None:
        return _waiting(online, form)
    flash("It was put away, and what was entered is deleted.")
    return go_to("online.index")


@pages.at("/online/partners/<int:submission>", Needs("submission.look"))
def submission(submission: int) -> Response:
    """Show what a partner handed in beside who is alike."""
    return _submission(submission, Form())


@pages.at("/online/partners/<int:submission>/take", Needs("submission.take"),
          methods=("POST",))  # fmt: skip
def take_submission(submission: int) -> Response:
    """Enter it, saying who it is."""
    form = Form.read()
    done = _taken("submission.take", form, {"submission": submission})
    if done is None:
        return _submission(submission, form)
    flash("The application is entered. Another person decides.")
    return go_to("applications.show", application=done.application)


@pages.at("/online/partners/<int:submission>/dismiss", Needs("submission.dismiss"),
          methods=("POST",))  # fmt: skip
def dismiss_submission(submission: int) -> Response:
    """Put it away for good."""
    form = Form.read()
    if submit("submission.dismiss", form, {"submission": submission}) is None:
        return _submission(submission, form)
    flash("It was put away, and what was entered is deleted.")
    return go_to("online.index")


def _taken(operation: str, form: Form, which: dict[str, int]) -> Any:
    """Enter what waits as a form says who it is; None if that was refused."""
    said = {
        int(name.removeprefix("alike.")): answer
        for name, answer in form.values.items()
        if name.startswith("alike.") and name[6:].isdecimal()
    }
    same = [person for person, answer in said.items() if answer == "same"]
    if len(same) > 1 or "" in said.values():
        form.refuse("", "Say of each whether it is the applicant; of one at most.")
        return None
    fields = which | {
        "person_id": same[0] if same else None,
        "confirm_duplicate_of": [each for each in said if said[each] == "other"],
    }
    typed, form.values = form.values, {REASON: form.get(REASON)}
    done = submit(operation, form, fields)
    form.values = typed
    return done


def _settle(payment: int, action: str) -> Response:
    form = Form.read()
    if submit(f"payment.{action}", form, {"payment": payment}) is None:
        row = "p" if action == "confirm" else "q"
        return _page(form, tried=f"{row}{payment}")
    flash(_DONE[action])
    return go_to("online.index")


def _page(form: Form, *, tried: str = "") -> Response:
    """Show one of both pages; ``tried`` is the form that was sent, or is asked for."""
    is_settings = tried == "portal"
    reads = may_do("portal.payments") and not is_settings
    return render(
        "online/index.html",
        status=form.status,
        form=form,
        blank=Form(),
        tried=tried,
        is_settings=is_settings,
        portal=perform("portal.show", {}),
        held=perform("portal.held", {}) if reads and may_do("portal.held") else None,
        partners=perform("submission.held", {})
        if reads and may_do("submission.held")
        else None,
        payments=perform("portal.payments", {}) if reads else None,
    )


def _waiting(online: int, form: Form) -> Response:
    try:
        case = perform("portal.look", {"online": online}, reason=_why(form))
    except Conflict as error:  # it can still be put away
        form.take(error)
        case = None
    return render(
        "online/waiting.html",
        status=form.status,
        form=form,
        case=case,
        online=online,
    )


def _submission(submission: int, form: Form) -> Response:
    try:
        case = perform("submission.look", {"submission": submission}, reason=_why(form))
    except Conflict as error:  # it can still be put away
        form.take(error)
        case = None
    return render(
        "online/submission.html",
        status=form.status,
        form=form,
        case=case,
        submission=submission,
    )


def _why(form: Form) -> str:
    return form.get(REASON).strip() or "Applicants online: who it is"
