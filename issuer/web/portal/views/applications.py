"""An application, step by step; everything is saved at every step."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from flask import Response, flash, g, make_response, request, url_for
from sqlalchemy.orm import Session
from werkzeug.exceptions import Conflict as HttpConflict

from issuer.errors import Conflict, IntakeError, Invalid
from issuer.intake.fields import Application as Typed
from issuer.intake.names import born_on, read_mrz
from issuer.intake.uploads import (
    Kind,
    Upload,
    download_headers,
    read_document,
    read_portrait,
)
from issuer.portal import drafts, payments, photo
from issuer.portal.drafts import Draft, Fault
from issuer.portal.handing_in import hand_in as enter
from issuer.portal.tracking import cards_of
from issuer.store import DocumentKind, OnlineApplication, OnlineState
from issuer.web.forms import Form
from issuer.web.here import go_to, now, site
from issuer.web.portal.here import (
    applicant,
    economy,
    mail,
    read,
    render,
    scheme,
    write,
)
from issuer.web.portal.pages import SIGNED_IN, PortalPages
from issuer.web.portal.words import w

pages = PortalPages("apply_online")
_PAY: Final = payments.ManualReceipt()
_KINDS: Final = tuple(
    each for each in DocumentKind if each is not DocumentKind.PORTRAIT
)
_FILE_KINDS: Final[Mapping[str, Kind]] = {
    "application/pdf": "pdf",
    "image/png": "png",
    "image/jpeg": "jpeg",
}
_BASE: Final = "/applications/<int:number>"


@pages.at("/applications", SIGNED_IN, navigation="navigation.applications")
def index() -> Response:
    """List what this applicant has begun and handed in."""
    rows = read(
        lambda session: drafts.list_of(
            session, economy(), applicant(), keep=_keep(), now=now()
        )
    )
    return render("apply/applications.html", rows=rows, keep=_keep())


@pages.at("/applications/new", SIGNED_IN, methods=("POST",))
def begin() -> Response:
    """Begin a draft."""
    if not g.portal_is_open:
        raise HttpConflict
    settings = site().office.installation.portal
    known = scheme()
    number = write(
        lambda session: drafts.begin(
            session,
            economy(),
            applicant(),
            scheme=known,
            most=settings.drafts,
            keep=_keep(),
            now=now(),
        )
    )
    return _step(number, "passport")


# The steps


@pages.at(f"{_BASE}/passport", SIGNED_IN, methods=("GET", "POST"))
def passport(number: int) -> Response:
    """Who applies, and their passport."""
    draft = _load(number)
    if request.method == "GET":
        return _page(draft, "passport", _form(draft, "passport"))
    form = _typed(drafts.PASSPORT)
    if form.get("do") == "lines":
        _fill(form)
    _confirm_names(draft, form)
    draft = _save(number, "passport", form.values)
    return _after(draft, "passport", form)


@pages.at(f"{_BASE}/contact", SIGNED_IN, methods=("GET", "POST"))
def contact(number: int) -> Response:
    """How to reach them, and for whom they work."""
    draft = _load(number)
    if request.method == "GET":
        return _page(draft, "contact", _form(draft, "contact"))
    form = _typed(tuple(drafts.CONTACT))
    draft = _save(number, "contact", form.values)
    return _after(draft, "contact", form)


@pages.at(f"{_BASE}/documents", SIGNED_IN, methods=("GET", "POST"))
def documents(number: int) -> Response:
    """Documents that the economy asks for."""
    draft, form = _load(number), Form.read()
    if request.method == "GET":
        return _page(draft, "documents", form)
    return _with_file(draft, form, "documents")


@pages.at(f"{_BASE}/photo", SIGNED_IN, methods=("GET", "POST"))
def portrait(number: int) -> Response:
    """A photograph for the card."""
    draft, form = _load(number), Form.read()
    if request.method == "GET":
        return _page(draft, "photo", form)
    return _with_file(draft, form, "photo")


@pages.at(f"{_BASE}/declaration", SIGNED_IN, methods=("GET", "POST"))
def declaration(number: int) -> Response:
    """What the economy has applicants declare."""
    draft, form = _load(number), Form.read()
    wanted = drafts.declaration(scheme(), economy(), now())
    if request.method == "GET":
        agreed = wanted is not None and wanted.version == draft.declaration_version
        form.values["agreed"] = "yes" if agreed else ""
        return _page(draft, "declaration", form)
    is_shown = wanted is not None and form.get("version") == wanted.version
    if wanted is not None and is_shown and form.get("agreed") == "yes":
        draft = _change(number, lambda _, row: drafts.agree(row, wanted, now()))
    elif wanted is not None and form.get("do") != "later":
        form.refuse("agreed", w("problem.declaration.missing"))
        return _page(draft, "declaration", form)
    return _after(draft, "declaration", form)


@pages.at(f"{_BASE}/payment", SIGNED_IN, methods=("GET", "POST"))
def payment(number: int) -> Response:
    """What is to be paid, and how."""
    draft, form = _load(number), Form.read()
    if request.method == "GET":
        form.values["told"] = draft.payment.told if draft.payment else ""
        return _page(draft, "payment", form)
    told = form.get("told").strip()
    if draft.payment is not None and told and told != draft.payment.told:
        try:
            draft = _change(
                number, lambda session, row: payments.tell(session, row.id, told, now())
            )
        except Conflict as error:
            form.refuse("told", w(f"problem.{error.code}"), status=409)
            return _page(draft, "payment", form)
    return _after(draft, "payment", form)


@pages.at(f"{_BASE}/review", SIGNED_IN)
def review(number: int) -> Response:
    """Everything, before it is handed in."""
    return _page(_load(number), "review", Form())


@pages.at(f"{_BASE}/hand-in", SIGNED_IN, methods=("POST",))
def hand_in(number: int) -> Response:
    """Hand in: once, however often it is asked."""
    try:
        enter(site().office, economy(), applicant(), number, now=now(), queue=mail())
    except Invalid:
        form = Form(status=400)
        return _page(_load(number), "review", form)
    return go_to("apply_online.done", number=number)


@pages.at(f"{_BASE}/done", SIGNED_IN)
def done(number: int) -> Response:
    """Say that it was handed in."""
    draft = _any(number)
    if draft.state == OnlineState.DRAFT:
        return _step(number, "review")
    card = _decided(draft)
    if card is not None:
        return go_to("apply_track.show", card=card)
    return render("apply/done.html", draft=draft)


@pages.at(f"{_BASE}/delete", SIGNED_IN, methods=("GET", "POST"))
def delete(number: int) -> Response:
    """Delete a draft."""
    draft = _load(number)
    if request.method == "GET":
        return render("apply/delete.html", draft=draft)
    write(lambda session: _remove(session, number))
    flash(w("delete.done"))
    return go_to("apply_online.index")


# Files


@pages.at(f"{_BASE}/files/<int:file>", SIGNED_IN)
def file(number: int, file: int) -> Response:
    """Give a file back to who sent it, until it is handed in."""
    # Afterwards some wait and some do not, and nobody shall see which.
    draft = _load(number)
    found = read(lambda session: drafts.file_of(session, draft, file))
    answer = make_response(found.data)
    if found.kind == DocumentKind.PORTRAIT:
        answer.mimetype = "image/jpeg"  # written anew when it came in
        answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        return answer
    answer.headers.update(_headers(_FILE_KINDS[found.media_type], found.sha256))
    return answer


@pages.at(f"{_BASE}/files/<int:file>/remove", SIGNED_IN, methods=("POST",))
def remove_file(number: int, file: int) -> Response:
    """Take a file away."""
    step = "photo" if request.form.get("step") == "photo" else "documents"
    _change(number, lambda session, row: drafts.remove_file(session, row, file, now()))
    return _step(number, step)


def _headers(kind: Kind, digest: str) -> dict[str, str]:
    return download_headers(
        Upload(kind=kind, content=b"", sha256=digest, display_name="")
    )


def _with_file(draft: Draft, form: Form, step: str) -> Response:
    """Add the file that was chosen, whichever button was pressed, and go on there."""
    sent = request.files.get("content")
    goes_on = form.get("do") in {"next", "later"}
    if goes_on and (sent is None or not sent.filename):
        return _after(draft, step, form)
    if step == "documents" and form.get("kind") not in set(_KINDS):
        form.refuse("kind", w("problem.document.kind"))
        return _page(draft, step, form)
    is_photo = step == "photo"
    kind = DocumentKind.PORTRAIT if is_photo else DocumentKind(form.get("kind"))
    if not _add(draft, kind, form):
        return _page(draft, step, form)
    draft = _load(draft.id)
    if not goes_on or (is_photo and form.get("do") == "next" and _is_doubted(draft)):
        return _step(draft.id, step)
    return _after(draft, step, form)


def _is_doubted(draft: Draft) -> bool:
    """Tell whether something was measured of which its applicant should read."""
    return draft.photo is not None and any(
        each["is_good"] is False for each in draft.photo["measures"]
    )


def _add(draft: Draft, kind: DocumentKind, form: Form) -> bool:
    """Add a file that was sent; what is wrong with it is said in the form."""
    sent = request.files.get("content")
    data, name = (sent.read(), sent.filename or "") if sent else (b"", "")
    measures = None
    try:
        if kind == DocumentKind.PORTRAIT:
            upload = read_portrait(data, filename=name).upload
            measures = photo.measure(upload.content)
        else:
            upload = read_document(data, filename=name)
    except IntakeError as error:
        for each in error.problems:
            form.refuse("content", w(f"problem.{each.code}"))
        return False

    def keep(session: Session, row: OnlineApplication) -> None:
        drafts.add_file(session, row, kind, upload, now(), measures=measures)

    try:
        _change(draft.id, keep)
    except Conflict as error:
        if error.code != "online.too_many_files":
            raise
        form.refuse("content", w(f"problem.{error.code}"), status=409)
        return False
    return True


# What the steps share


def _keep() -> timedelta:
    return timedelta(days=site().office.installation.portal.draft_days)


def _any(number: int) -> Draft:
    return read(
        lambda session: drafts.load(
            session, economy(), applicant(), number, keep=_keep(), now=now()
        )
    )


def _decided(draft: Draft) -> int | None:
    """Return the card that came of what was handed in, once that was decided."""
    cards = read(lambda session: cards_of(session, economy(), applicant()))
    mine = (each.id for each in cards if each.application_id == draft.application_id)
    return next(mine, None) if draft.application_id is not None else None


def _load(number: int) -> Draft:
    """Return a draft; what was handed in is for the list alone."""
    draft = _any(number)
    if draft.state != OnlineState.DRAFT:
        raise HttpConflict
    return draft


def _change(number: int, work: Callable[[Session, OnlineApplication], None]) -> Draft:
    def changed(session: Session) -> None:
        # An old draft is gone for its applicant before it is gone here.
        drafts.load(session, economy(), applicant(), number, keep=_keep(), now=now())
        work(session, drafts.locked(session, economy(), applicant(), number))

    write(changed)
    return _load(number)


def _remove(session: Session, number: int) -> None:
    row = drafts.locked(session, economy(), applicant(), number)
    drafts.remove(session, row, now())


def _save(number: int, step: str, typed: dict[str, str]) -> Draft:
    values = {name: text for name, text in typed.items() if name != "do"}
    return _change(number, lambda _, row: drafts.save(row, step, values, now()))


def _typed(names: tuple[str, ...]) -> Form:
    form = Form.read()
    form.values = {
        name: request.form.get(name, "").strip() for name in (*names, "names_shown")
    } | {"do": request.form.get("do", "")}
    return form


def _form(draft: Draft, step: str) -> Form:
    return Form(values=dict(draft.answers.get(step, {})))


def _fill(form: Form) -> None:
    """Fill in what the passport's lines say; what was typed stays."""
    try:
        lines = read_mrz(form.get("passport_mrz"))
    except IntakeError:
        form.refuse("passport_mrz", w("problem.mrz.unreadable"))
        return
    known = {
        "family_name": lines.family_name,
        "given_name": lines.given_name,
        "birthdate": born_on(lines.birthdate or "", now().date()) or "",
        "sex": lines.sex,
        "nationality": lines.nationality,
        "passport_country": lines.country,
        "passport_number": lines.number,
        "passport_expires_on": lines.expires_on.isoformat() if lines.expires_on else "",
    }
    for name, value in known.items():
        if value and not form.get(name):
            form.values[name] = str(value)


def _confirm_names(draft: Draft, form: Form) -> None:
    """Keep which names were confirmed, not that some were."""
    is_said = form.values.pop("names_confirmed", "") == "yes"
    shown = form.values.pop("names_shown", "")
    if is_said and shown:
        form.values["names_confirmed"] = shown


def _after(draft: Draft, step: str, form: Form) -> Response:
    """Go on where the button says, unless something of this step is wrong."""
    asked = form.get("do")
    if asked == "later":
        flash(w("saved.later"))
        return go_to("apply_online.index")
    if asked == "lines":
        return _page(draft, step, form)
    faults = [each for each in _faults(draft) if each.step == step]
    if faults:
        for each in faults:
            form.refuse(each.field, w(f"problem.{each.code}"))
        return _page(draft, step, form)
    following = drafts.STEPS[drafts.STEPS.index(step) + 1]
    return _step(draft.id, following)


def _step(number: int, step: str) -> Response:
    return go_to(_endpoint(step), number=number)


def _endpoint(step: str) -> str:
    return f"apply_online.{'portrait' if step == 'photo' else step}"


def _faults(draft: Draft) -> tuple[Fault, ...]:
    return drafts.faults_of(draft, scheme(), now())


def _page(draft: Draft, step: str, form: Form) -> Response:
    faults = _faults(draft)
    names = _names(draft)
    if "names_confirmed" in form.values:
        said = form.values["names_confirmed"]
        form.values["names_confirmed"] = "yes" if names and said == names else ""
    return render(
        f"apply/{step}.html",
        status=form.status,
        form=form,
        draft=draft,
        step=step,
        where=_where(draft, step, faults),
        faults=[(each, _address(draft, each)) for each in faults],
        names=names,
        asked=drafts.asked_documents(scheme(), economy(), now()),
        declaration=drafts.declaration(scheme(), economy(), now()),
        kinds=[
            ("", w("document.choose")),
            *((each.value, w(f"document.{each.value}")) for each in _KINDS),
        ],
        pay_at=_pay_at(draft),
        codes=scheme().economies,
    )


def _pay_at(draft: Draft) -> str | None:
    if draft.payment is None:
        return None
    back = url_for("apply_online.payment", number=draft.id, _external=True)
    return _PAY.begin(draft.payment, back=back)


def _names(draft: Draft) -> str | None:
    """Return the names for the card, where somebody has to compare them."""
    try:
        typed: Typed = drafts.read_typed(draft, scheme(), now())
    except IntakeError:
        return None
    if typed.names.machine_family is None or not typed.names.needs_confirmation:
        return None
    return drafts.names_of(typed)


def _where(
    draft: Draft, step: str, faults: tuple[Fault, ...]
) -> list[tuple[str, str, bool, bool]]:
    """Return for each step its name, address, whether it is done, and is this one."""
    open_ones = {each.step for each in faults}
    return [
        (
            w(f"step.{each}"),
            url_for(_endpoint(each), number=draft.id),
            each not in open_ones and each != "review",
            each == step,
        )
        for each in drafts.STEPS
    ]


def _address(draft: Draft, fault: Fault) -> str:
    return url_for(_endpoint(fault.step), number=draft.id, _anchor=fault.field)
