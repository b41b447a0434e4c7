"""Applications to the home economy: the queue, the form, the case."""

from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any, Final

from flask import Response, flash, make_response, request

from issuer.case import Case
from issuer.errors import Conflict, IntakeError, Invalid
from issuer.intake.names import born_on, read_mrz
from issuer.lifecycle import Application
from issuer.store import DocumentKind
from issuer.web.access import Group, Needs, Pages
from issuer.web.case_words import APPLICATIONS, DOCUMENTS, may_do
from issuer.web.forms import REASON, Form, submit
from issuer.web.here import go_to, now, perform, render
from issuer.web.views.paging import Paging
from issuer.web.views.reasons import FROM, reason, remember
from issuer.web.views.sheets import download

pages = Pages("applications")
ACTIONS: Final = (
    "submit", "open", "pass_stage", "approve", "refuse", "circulate", "close",
    "withdraw",
)  # fmt: skip
_DONE: Final = {
    "submit": "The application was submitted.",
    "open": "The review is open.",
    "pass_stage": "The stage was passed.",
    "approve": "The application was approved; the card is active.",
    "refuse": "The application was refused.",
    "circulate": "The application was circulated.",
    "close": "The application was closed.",
    "withdraw": "The application was withdrawn.",
}
FINAL: Final = frozenset({"refuse", "withdraw"})
"""What cannot be taken back is confirmed by typing the application's number."""
_PEOPLE: Final = (
    "family_name", "given_name", "birthdate", "sex", "nationality", "email",
    "machine_family_name", "machine_given_name",
)  # fmt: skip
_PASSPORTS: Final = ("country", "number", "issued_on", "expires_on", "mrz")
_ENTERING: Final = "Entering an application"


@pages.at(
    "/applications",
    Needs("application.list"),
    menu=(
        "Applications",
        "Enter, review, decide and follow applications.",
        "2",
        Group.APPLICANTS,
    ),
)
def index() -> Response:
    """List applications by state and stage."""
    paging = Paging.read()
    state, stage = request.args.get("state", ""), request.args.get("stage", "")
    why = FROM.get(state, FROM["list"])
    wanted = {"state": state or None, "stage": stage or None, **paging.fields()}
    lines = perform("application.list", wanted, reason=why)
    return _list(lines, paging, state=state, stage=stage, origin=state or "list")


@pages.at("/applications/search", Needs("application.list"), methods=("POST",))
def search() -> Response:
    """Find applications; what was looked for stands in no address."""
    form = Form.read()
    fields = {"search": form.get("search").strip(), "limit": 100}
    if not fields["search"]:
        form.refuse("search", "Type a number, or the beginning of a family name.")
    lines = None if form.problems else submit("application.list", form, fields)
    if lines is not None:
        remember(form.get(REASON).strip())
    return _list(lines, Paging(), form=form, origin="search")


@pages.at("/applications/export", Needs("export.applications"), methods=("POST",))
def export() -> Response:
    """Download applications as a sheet."""
    form, state = Form.read(), request.form.get("state", "")
    sheet = download("export.applications", form, {"state": state or None})
    if sheet is not None:
        return sheet
    lines = perform("application.list", {"state": state or None}, reason=FROM["list"])
    return _list(lines, Paging(), form=form, state=state, origin=state or "list")


def _list(
    lines: Any,
    paging: Paging,
    *,
    origin: str,
    form: Form | None = None,
    state: str = "",
    stage: str = "",
) -> Response:
    shown = form or Form(values={REASON: FROM["search"]})
    kept = {"state": state or None, "stage": stage or None}
    return render(
        "applications/index.html",
        status=shown.status,
        form=shown,
        lines=lines,
        state=state,
        stage=stage,
        states=APPLICATIONS,
        origin=origin,
        **paging.links("applications.index", lines.after if lines else None, **kept),
    )


# Entering


@pages.at("/applications/new", Needs("application.enter"), methods=("GET", "POST"))
def new() -> Response:
    """Enter an application: what was typed is checked, shown, then entered."""
    form = Form.read()
    if request.method == "GET":
        form.values[REASON] = _ENTERING
        return _form_page(form)
    if form.get("do") == "lines":
        return _form_page(_fill(form))
    found = _check(form)
    if form.get("do") == "enter" and found is not None:
        done = _enter(form, found)
        if done is not None:
            flash(
                "The application is entered as a draft. Add its documents, then submit."
            )
            return go_to("applications.show", application=done.application)
    return _form_page(form, found=found)


@pages.at(
    "/applications/<int:application>/correct",
    Needs("application.correct"),
    methods=("GET", "POST"),
)
def correct(application: int) -> Response:
    """Correct what was typed."""
    form = Form.read()
    if request.method == "GET":
        case = perform(
            "application.show", {"application": application}, reason="Correcting"
        )
        form.values = _typed(case) | {REASON: "Correcting what was typed"}
        return _form_page(form, application=application)
    if form.get("do") == "lines":
        return _form_page(_fill(form), application=application)
    found = _check(form, application=application)
    if form.get("do") == "enter" and found is not None:
        fields = _nested(form) | {
            "application": application,
            "names_confirmed": _compared(form, found),
        }
        if _submit_typed("application.correct", form, fields) is not None:
            flash("The application was corrected.")
            return go_to("applications.show", application=application)
    return _form_page(form, found=found, application=application)


def _form_page(
    form: Form, *, found: Any = None, application: int | None = None
) -> Response:
    return render(
        "applications/form.html",
        status=form.status,
        form=form,
        found=found,
        people={f"alike.{p.person}": f"Person {p.person}" for p in found.alike}
        if found
        else {},
        application=application,
    )


def _fill(form: Form) -> Form:
    """Put what the passport's lines say into the fields that are empty."""
    try:
        lines = read_mrz(form.get("passport.mrz"))
    except IntakeError as error:
        for each in error.problems:
            form.refuse("passport.mrz", f"{each.message} {each.fix}")
        return form
    born = born_on(lines.birthdate or "", now().date())
    for name, value in (
        ("person.family_name", lines.family_name),
        ("person.given_name", lines.given_name),
        ("person.birthdate", born),
        ("person.sex", lines.sex),
        ("person.nationality", lines.nationality),
        ("passport.country", lines.country),
        ("passport.number", lines.number),
        ("passport.expires_on", lines.expires_on),
    ):
        if value and not form.get(name):
            form.values[name] = str(value)
    return form


def _nested(form: Form) -> dict[str, Any]:
    return {
        "person": {name: form.get(f"person.{name}") for name in _PEOPLE},
        "passport": {name: form.get(f"passport.{name}") for name in _PASSPORTS},
    }


def _check(form: Form, *, application: int | None = None) -> Any:
    fields = _nested(form) | {"application": application}
    return _submit_typed("application.check", form, fields)


def _submit_typed(operation: str, form: Form, fields: dict[str, Any]) -> Any:
    """Submit nested fields: the form's own are not those of the operation."""
    why = form.get(REASON).strip()
    if not why:
        form.refuse(REASON, "Say why, in a few words; it goes to the audit log.")
        return None
    try:
        return perform(
            operation,
            fields,
            reason=why,
            request_key=f"{operation[12:20]}{form.request_key}"[:60],
        )
    except (Invalid, Conflict) as error:
        form.take(error)
        return None


def _enter(form: Form, found: Any) -> Any:
    said = {each.person: form.get(f"alike.{each.person}") for each in found.alike}
    same = [person for person, answer in said.items() if answer == "same"]
    unsaid = [
        person for person, answer in said.items() if answer not in {"same", "other"}
    ]
    for person in unsaid:
        form.refuse(f"alike.{person}", "Say whether this is the applicant.")
    if len(same) > 1:
        form.refuse(f"alike.{same[1]}", "Only one of them can be the applicant.")
    if form.problems:
        return None
    fields = _nested(form) | {
        "names_confirmed": _compared(form, found),
        "person_id": same[0] if same else None,
        "confirm_duplicate_of": [each for each in said if said[each] == "other"],
    }
    return _submit_typed("application.enter", form, fields)


def _compared(form: Form, found: Any) -> bool:
    """Tell whether the officer has compared the names as they are now."""
    now = f"{found.machine_family_name}/{found.machine_given_name}"
    if form.get("compared") != now:
        form.values["names_confirmed"] = ""
    return form.get("names_confirmed") == "yes"


def _typed(case: Case) -> dict[str, str]:
    person, passport = case.person, case.passport
    fields = {f"person.{name}": getattr(person, name) for name in _PEOPLE}
    fields |= {
        f"passport.{name}": getattr(passport, name)
        for name in _PASSPORTS
        if name != "mrz"
    }
    return {name: "" if value is None else str(value) for name, value in fields.items()}


# The case


@pages.at("/applications/<int:application>", Needs("application.show"))
def show(application: int) -> Response:
    """Show a case."""
    return _case(application, Form())


def _step_view(action: str) -> Callable[[int], Response]:
    def view(application: int) -> Response:
        return _act(application, action)

    view.__name__, view.__doc__ = action, f"Take the step {action}."
    return view


for _action in ACTIONS:
    pages.at(
        f"/applications/<int:application>/{_action}",
        Needs(f"application.{_action}"),
        methods=("POST",),
    )(_step_view(_action))


def _act(application: int, action: str) -> Response:
    form = Form.read()
    fields: dict[str, Any] = {"application": application}
    if action in {"pass_stage", "refuse"}:
        fields["note"] = form.get("note")
    if action in {"close", "pass_stage"}:
        fields["without_waiting"] = form.get("without_waiting") == "yes"
    if action in FINAL:
        _confirmed(application, form)
    form.values = {REASON: form.get(REASON), "note": form.get("note")}
    if not form.problems and _step(f"application.{action}", form, fields) is not None:
        flash(_DONE[action])
        return go_to("applications.show", application=application)
    return _case(application, form, action=action)


def _step(operation: str, form: Form, fields: dict[str, Any]) -> Any:
    typed, form.values = form.values, {REASON: form.get(REASON)}
    try:
        return submit(operation, form, fields)
    finally:
        form.values = typed


def _confirmed(application: int, form: Form) -> None:
    case = perform("application.show", {"application": application}, reason=reason())
    if form.get("number").strip().upper() != case.number:
        form.refuse(
            "number", f"This is final: type the application's number, {case.number}."
        )


@pages.at(
    "/applications/<int:application>/answers/<int:lane>/remind",
    Needs("preclearance.remind"),
    methods=("POST",),
)
def remind(application: int, lane: int) -> Response:
    """Remind a destination."""
    return _ask(application, lane, "remind", "Reminded.")


@pages.at(
    "/applications/<int:application>/answers/<int:lane>/ask_again",
    Needs("preclearance.ask_again"),
    methods=("POST",),
)
def ask_again(application: int, lane: int) -> Response:
    """Ask a destination to look again."""
    return _ask(application, lane, "ask_again", "Asked to look again.")


def _ask(application: int, lane: int, action: str, done: str) -> Response:
    form = Form.read()
    if _step(f"preclearance.{action}", form, {"preclearance": lane}) is None:
        return _case(application, form, action=action)
    flash(done)
    return go_to("applications.show", application=application)


@pages.at(
    "/applications/<int:application>/letter",
    Needs("application.follow_letter"),
    methods=("POST",),
)
def letter(application: int) -> Response:
    """Make a letter by which the applicant follows it online, and show it once."""
    form = Form.read()
    made = _step("application.follow_letter", form, {"application": application})
    if made is None:
        return _case(application, form, action="letter")
    return render("applications/letter.html", made=made)


@pages.at(
    "/applications/<int:application>/documents",
    Needs("application.add_document"),
    methods=("POST",),
)
def add_document(application: int) -> Response:
    """Add a document."""
    form = Form.read()
    sent = request.files.get("content")
    if sent is None or not sent.filename:
        form.refuse("content", "Choose a file.")
        return _case(application, form, action="add_document")
    fields = {
        "application": application,
        "kind": form.get("kind"),
        "name": sent.filename[:1024],
        "content": b64encode(sent.read()),
    }
    if _step("application.add_document", form, fields) is None:
        return _case(application, form, action="add_document")
    flash("The document was added.")
    return go_to("applications.show", application=application)


@pages.at(
    "/applications/<int:application>/documents/<int:document>",
    Needs("application.document"),
)
def document(application: int, document: int) -> Response:
    """Give a document as an attachment, under a name of our own."""
    found = perform("application.document", {"document": document}, reason=reason())
    ending = found.media_type.partition("/")[2].replace("jpeg", "jpg")
    answer = make_response(b64decode(found.content))
    answer.headers["Content-Type"] = found.media_type
    answer.headers["Content-Disposition"] = (
        f'attachment; filename="document-{found.sha256[:12]}.{ending}"'
    )
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return answer


def _online(application: int) -> Any:
    found = perform("portal.of", {"application": application}, reason=reason())
    return found.online


def _case(application: int, form: Form, *, action: str = "") -> Response:
    case = perform("application.show", {"application": application}, reason=reason())
    form.values.setdefault(REASON, reason())
    portrait = next(
        (
            each
            for each in reversed(case.documents)
            if each.kind == DocumentKind.PORTRAIT
        ),
        None,
    )
    return render(
        "applications/show.html",
        status=form.status,
        form=form,
        case=case,
        online=_online(application),
        action=action,
        portrait=portrait,
        kinds=[(kind.value, text) for kind, text in DOCUMENTS.items()],
        final=FINAL,
        can_correct=may_do("application.correct")
        and case.state in (Application.DRAFT, Application.SUBMITTED),
        origin=request.args.get("from", "list"),
    )
