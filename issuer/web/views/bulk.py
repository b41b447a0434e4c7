"""Changes of many records: proposed, looked at, released by another, followed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from types import UnionType
from typing import Any, Final, get_args

from flask import Response, flash, request

from issuer.bulk import BULK_ACTIONS, DONE, BulkAction
from issuer.incoming import CONSEQUENCES
from issuer.operations import Request
from issuer.store import BulkState
from issuer.web.access import Group, Needs, Pages
from issuer.web.case_words import BULKS, BUTTONS, look
from issuer.web.forms import REASON, Form, submit
from issuer.web.here import actor, go_to, perform, render
from issuer.web.views.paging import Paging

pages = Pages("bulk")
AT_ONCE: Final = 1000
"""Records that one click does; the page goes on from there."""
_LABELS: Final = {
    "ids": "Records", "state": "State", "issuer": "Issuing economy",
    "asked_before": "Asked before", "screening": "Watch list", "event": "Decision",
    "note": "Internal note", "destination": "Destination",
    "expires_before": "Ends before", "issued_by": "Issued by account",
    "batch": "Batch of plastic cards",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A field of an action's filter or arguments."""

    name: str
    label: str
    kind: str
    """``choice``, ``date``, ``number`` or ``text``."""
    required: bool
    choices: tuple[tuple[str, str], ...] = ()
    default: str = ""


@pages.at(
    "/bulk",
    Needs("bulk.list"),
    menu=(
        "Bulk changes",
        "Change many records, with a second person.",
        "4",
        Group.CARDS,
    ),
)
def index() -> Response:
    """List bulk changes."""
    paging = Paging.read()
    state = request.args.get("state") or BulkState.PROPOSED.value
    lines = perform("bulk.list", {"state": state, **paging.fields()})
    kept = {"state": request.args.get("state") or None}
    return render(
        "bulk/index.html",
        lines=lines,
        state=state,
        states=BULKS,
        actions=perform("bulk.actions", {}).actions,
        summaries={name: each.summary for name, each in BULK_ACTIONS.items()},
        **paging.links("bulk.index", lines.after, **kept),
    )


@pages.at("/bulk/new", Needs("bulk.propose"), methods=("GET", "POST"))
def new() -> Response:
    """Choose records, see what would become of them, and propose it."""
    form = Form.read()
    action = _action(form.get("action") or request.args.get("action", ""))
    if action is None:
        return go_to("bulk.index")
    chosen = request.form.getlist("ids")
    _prefill(form, action)
    shown = None
    if request.method == "POST" and form.get("do") in {"preview", "propose"}:
        fields = _fields(action, form, chosen)
        operation = f"bulk.{form.get('do')}"
        done = _submit(operation, form, fields)
        if done is not None and operation == "bulk.propose":
            flash("Proposed. Somebody else has to release it.")
            return go_to("bulk.show", bulk=done.bulk)
        shown = done
    return _new_page(form, action, chosen, shown)


def _prefill(form: Form, action: BulkAction) -> None:
    for each in (
        *_inputs(action.filter, "filter."),
        *_inputs(action.arguments, "arguments."),
    ):
        form.values.setdefault(each.name, each.default)
    form.values.setdefault(REASON, action.summary)


def _new_page(
    form: Form, action: BulkAction, chosen: list[str], shown: Any
) -> Response:
    return render(
        "bulk/new.html",
        status=form.status,
        form=form,
        action=action,
        chosen=chosen,
        filters=tuple(_inputs(action.filter, "filter.")),
        arguments=tuple(_inputs(action.arguments, "arguments.")),
        shown=shown,
        done=DONE,
        consequence=CONSEQUENCES.get(form.get("arguments.event"), ""),
    )


@pages.at("/bulk/<int:bulk>", Needs("bulk.show"))
def show(bulk: int) -> Response:
    """Show a bulk change, how far it is, and what became of each record."""
    return _page(bulk, Form())


@pages.at("/bulk/<int:bulk>/approve", Needs("bulk.approve"), methods=("POST",))
def approve(bulk: int) -> Response:
    """Release what somebody else has proposed, and begin with it."""
    return _act(bulk, "approve")


@pages.at("/bulk/<int:bulk>/reject", Needs("bulk.reject"), methods=("POST",))
def reject(bulk: int) -> Response:
    """Reject what was proposed, or take one's own back."""
    return _act(bulk, "reject")


@pages.at("/bulk/<int:bulk>/resume", Needs("bulk.resume"), methods=("POST",))
def resume(bulk: int) -> Response:
    """Go on with what was released."""
    return _act(bulk, "resume")


def _act(bulk: int, step: str) -> Response:
    form = Form.read()
    fields: dict[str, Any] = {"bulk": bulk}
    if step != "reject":
        fields["at_most"] = AT_ONCE
    if step == "approve" and form.get("count") != form.get("size"):
        form.refuse("count", "Type how many records it is about, as shown.")
    if form.problems or _submit(f"bulk.{step}", form, fields) is None:
        return _page(bulk, form)
    return go_to("bulk.show", bulk=bulk)


def _submit(operation: str, form: Form, fields: dict[str, Any]) -> Any:
    typed, form.values = form.values, {REASON: form.get(REASON)}
    try:
        return submit(operation, form, fields)
    finally:
        form.values = typed


def _page(bulk: int, form: Form) -> Response:
    paging = Paging.read()
    outcome = request.args.get("outcome") or None
    found = perform("bulk.show", {"bulk": bulk})
    form.values.setdefault(REASON, "Second person of a bulk change")
    items = perform("bulk.items", {"bulk": bulk, "outcome": outcome, **paging.fields()})
    return render(
        "bulk/show.html",
        status=form.status,
        form=form,
        bulk=found,
        items=items,
        outcome=outcome or "",
        record=_RECORDS.get(found.action.partition(".")[0]),
        argument_words=_said(found.arguments),
        may_release=bool(BULK_ACTIONS[found.action].roles & actor().roles),
        **paging.links("bulk.show", items.after, bulk=bulk, outcome=outcome),
    )


_RECORDS: Final = {
    "application": ("Application", "/applications/{}?from=bulk"),
    "incoming": ("Request", "/incoming/{}?from=bulk"),
    "card": ("Card", "/cards/{}"),
    "preclearance": ("Answer", ""),
}
"""What the numbers of an action's records are, and where they are shown."""


def _said(arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (_LABELS.get(name, name), BUTTONS.get(str(value), str(value)))
        for name, value in arguments.items()
        if value not in {None, ""}
    ]


def _action(name: str) -> BulkAction | None:
    action = BULK_ACTIONS.get(name)
    return action if action and action.roles & actor().roles else None


def _fields(action: BulkAction, form: Form, chosen: list[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "action": action.name,
        "arguments": _typed(action.arguments, "arguments.", form),
    }
    if chosen:
        return fields | {"ids": chosen}
    return fields | {"filter": _typed(action.filter, "filter.", form)}


def _typed(shape: type[Request], prefix: str, form: Form) -> dict[str, str]:
    return {
        each.name.removeprefix(prefix): _moment(each, form.get(each.name))
        for each in _inputs(shape, prefix)
        if form.get(each.name)
    }


def _moment(field: Input, text: str) -> str:
    return f"{text}T00:00:00Z" if field.kind == "date" else text


def _inputs(shape: type[Request], prefix: str) -> Iterator[Input]:
    for name, field in shape.model_fields.items():
        kinds = _kinds(field.annotation)
        words = next((each for each in kinds if issubclass(each, StrEnum)), None)
        yield Input(
            name=prefix + name,
            label=_LABELS.get(name, name.replace("_", " ").capitalize()),
            kind=_kind(kinds),
            required=field.is_required(),
            choices=tuple((each.value, _word(each)) for each in words) if words else (),
            default=field.default if isinstance(field.default, str) else "",
        )


def _kinds(annotation: Any) -> tuple[type, ...]:
    found = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    return tuple(each for each in found if isinstance(each, type))


def _kind(kinds: tuple[type, ...]) -> str:
    if any(issubclass(each, StrEnum) for each in kinds):
        return "choice"
    if any(issubclass(each, date | datetime) for each in kinds):
        return "date"
    return "number" if int in kinds else "text"


def _word(value: StrEnum) -> str:
    try:
        return look(value)[1]
    except KeyError:
        return BUTTONS.get(value, value.replace("_", " "))
