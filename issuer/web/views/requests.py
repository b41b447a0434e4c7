"""What holders ask for on their pages: a queue for staff."""

from flask import Response, flash, request

from issuer.store import RequestState
from issuer.web.access import Group, Needs, Pages
from issuer.web.forms import Form, submit
from issuer.web.here import go_to, perform, render

pages = Pages("requests")


@pages.at(
    "/requests",
    Needs("request.list"),
    menu=("Requests", "What holders ask for on their pages.", "q", Group.APPLICANTS),
)
def index() -> Response:
    """List requests, the oldest first."""
    asked = request.args.get("state", RequestState.WAITING)
    known = asked in list(RequestState)
    state = RequestState(asked) if known else RequestState.WAITING
    after = request.args.get("after", type=int)
    return render(
        "requests/index.html",
        state=state,
        states=list(RequestState),
        after=after,
        page=perform("request.list", {"state": state, "after": after}),
    )


@pages.at("/requests/<int:number>", Needs("request.show"))
def show(number: int) -> Response:
    """Show a request, and where it is acted on."""
    return _page(number, Form())


@pages.at("/requests/<int:number>/settle", Needs("request.settle"), methods=("POST",))
def settle(number: int) -> Response:
    """Say what came of it."""
    form = Form.read()
    fields = {"request": number, "answer": form.get("answer")}
    if submit("request.settle", form, fields) is None:
        return _page(number, form)
    flash("The request is settled, and the holder is told.")
    return go_to("requests.index")


def _page(number: int, form: Form) -> Response:
    return render(
        "requests/show.html",
        status=form.status,
        form=form,
        found=perform("request.show", {"request": number}),
    )
