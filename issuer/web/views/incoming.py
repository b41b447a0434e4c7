"""Requests of other economies: the queue, the request, the decision."""

from typing import Any, Final

from flask import Response, flash, request

from issuer.errors import NotFound
from issuer.held import Held
from issuer.incoming import Screening
from issuer.lifecycle import Preclearance
from issuer.web.access import Group, Needs, Pages
from issuer.web.case_words import ANSWERS, SCREENINGS, scheme
from issuer.web.forms import REASON, Form, submit
from issuer.web.here import go_to, perform, render
from issuer.web.views.holding import own_held, send
from issuer.web.views.paging import Paging
from issuer.web.views.reasons import FROM, reason

pages = Pages("incoming")
_AHEAD: Final = 20
"""Requests among which the next is looked for that is not decided yet."""


@pages.at(
    "/incoming",
    Needs("incoming.list"),
    menu=("Incoming", "Answer the requests of other economies.", "3", Group.NEIGHBOURS),
)
def index() -> Response:
    """List requests, the oldest first."""
    return _queue(Form())


def _queue(form: Form) -> Response:
    held = own_held()
    paging = Paging.read()
    state = request.args.get("state") or Preclearance.PENDING.value
    issuer = request.args.get("issuer") or None
    screening = request.args.get("screening") or None
    wanted = {"state": state, "issuer": issuer, "screening": screening}
    why = FROM["hits" if screening == "open_hits" else "incoming"]
    hits_first = "hits_first" in request.args and not screening
    lines = perform("incoming.list", wanted | paging.fields(), reason=why)
    first = (
        perform(
            "incoming.list", wanted | {"screening": "open_hits"}, reason=why
        ).requests
        if hits_first and paging.after is None
        else ()
    )
    lanes = {each.lane.id for each in first}
    kept = {
        "state": request.args.get("state") or None,
        "issuer": issuer,
        "screening": screening,
        "hits_first": 1 if hits_first else None,
    }
    return render(
        "incoming/index.html",
        status=form.status,
        form=form,
        held=held,
        being_sent={each.preclearance for each in held},
        requests=[*first, *(r for r in lines.requests if r.lane.id not in lanes)],
        state=state,
        issuer=issuer or "",
        screening=screening or "",
        hits_first=hits_first,
        states=ANSWERS,
        screenings=SCREENINGS,
        economies=scheme().economies,
        origin="hits" if screening == "open_hits" else "incoming",
        **paging.links("incoming.index", lines.after, **kept),
    )


@pages.at("/incoming/<int:preclearance>", Needs("incoming.show"))
def show(preclearance: int) -> Response:
    """Show a request."""
    return _request(preclearance, Form())


@pages.at(
    "/incoming/<int:preclearance>/decide", Needs("incoming.hold"), methods=("POST",)
)
def decide(preclearance: int) -> Response:
    """Hold a decision, and go on with the next request."""
    form = Form.read()
    fields = {
        "preclearance": preclearance,
        "event": form.get("event"),
        "note": form.get("note"),
    }
    if _submit("incoming.hold", form, fields) is None:
        return _request(preclearance, form)
    return _go_on(preclearance)


@pages.at("/incoming/<int:preclearance>/next", Needs("incoming.list"))
def following(preclearance: int) -> Response:
    """Go on with the next request, without a decision."""
    return _go_on(preclearance)


def _go_on(preclearance: int) -> Response:
    following = _next(preclearance)
    if following is None:
        flash("No other request waits.")
        return go_to("incoming.index")
    return go_to("incoming.show", preclearance=following, **{"from": "incoming"})


@pages.at("/incoming/held/<int:held>/undo", Needs("incoming.undo"), methods=("POST",))
def undo(held: int) -> Response:
    """Take a decision back."""
    form = Form()
    try:
        done = submit("incoming.undo", form, {"held": held}, needs_reason=False)
    except NotFound:
        flash("It was sent already. The request's page says what can still be done.")
        return go_to("incoming.index")
    if done is None:
        return _queue(form)
    flash("Taken back: nothing was sent. Decide anew.")
    return go_to("incoming.show", preclearance=done.preclearance)


@pages.at(
    "/incoming/held/<int:held>/send", Needs("incoming.send_held"), methods=("POST",)
)
def send_now(held: int) -> Response:
    """Send what is held: this one for a person, what is due for the page's script."""
    send(held if "due" not in request.form else None)
    return go_to("incoming.index")


@pages.at("/incoming/screen", Needs("incoming.screen"), methods=("POST",))
def screen() -> Response:
    """Ask the watch list about those that nobody has looked at."""
    form = Form.read()
    done = _submit("incoming.screen", form, {})
    if done is None:
        return _queue(form)
    flash(
        f"Screened: {done.clear} clear, {done.with_hits} with hits,"
        f" {done.no_answer} without an answer."
    )
    return go_to("incoming.index")


@pages.at(
    "/incoming/<int:preclearance>/hits/<int:hit>",
    Needs("incoming.settle_hit"),
    methods=("POST",),
)
def settle(preclearance: int, hit: int) -> Response:
    """Say whose hit it is."""
    form = Form.read()
    fields = {"hit": hit, "outcome": form.get("outcome")}
    if _submit("incoming.settle_hit", form, fields) is None:
        return _request(preclearance, form)
    flash("The hit is settled.")
    return go_to("incoming.show", preclearance=preclearance, **{"from": "hits"})


@pages.at(
    "/incoming/<int:preclearance>/passport", Needs("incoming.hold"), methods=("POST",)
)
def check_passport(preclearance: int) -> Response:
    """Ask the economy that issued the passport whether it is still good."""
    form = Form.read()
    case = perform(
        "incoming.show", {"preclearance": preclearance}, reason=reason_here()
    )
    fields = {
        "country": case.passport_country,
        "number": case.passport_number,
        "birthdate": case.birthdate,
        "expires_on": case.passport_expires_on,
    }
    return _request(preclearance, form, checked=_submit("passport.check", form, fields))


def _submit(operation: str, form: Form, fields: dict[str, Any]) -> Any:
    typed, form.values = form.values, {REASON: form.get(REASON)}
    try:
        return submit(operation, form, fields)
    finally:
        form.values = typed


def _next(decided: int) -> int | None:
    """Return the next pending request behind one, or the first of all."""
    taken = {each.preclearance for each in perform("incoming.held", {}).decisions}
    for after in (decided, None):
        fields = {"after": after, "limit": _AHEAD}
        lines = perform("incoming.list", fields, reason=FROM["incoming"]).requests
        for each in lines:
            if each.lane.id not in taken | {decided}:
                found: int = each.lane.id
                return found
    return None


def _request(preclearance: int, form: Form, *, checked: Any = None) -> Response:
    held = own_held()
    case = perform(
        "incoming.show", {"preclearance": preclearance}, reason=reason_here()
    )
    form.values.setdefault(REASON, reason_here())
    return render(
        "incoming/show.html",
        status=form.status,
        form=form,
        case=case,
        held=held,
        own=_held_about(held, preclearance),
        clear=Screening.CLEAR,
        checked=checked,
    )


def reason_here() -> str:
    """Return why a request is opened."""
    return reason() if "from" in request.args else FROM["incoming"]


def _held_about(held: tuple[Held, ...], preclearance: int) -> Held | None:
    return next((each for each in held if each.preclearance == preclearance), None)
