"""After applying: where every destination stands, and what a holder can ask for."""

from collections.abc import Sequence
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, Final

from flask import Response, flash
from sqlalchemy.orm import Session

from issuer.card_passports import NewPassport, PassportPreview, preview_passport
from issuer.dated import in_force
from issuer.errors import Conflict, Invalid, NotProven
from issuer.holder_requests import make_request, take_back
from issuer.offers import LIFE
from issuer.office import Desk
from issuer.portal.letters import join
from issuer.portal.phones import OwnOffer, may_fetch, offer_own
from issuer.portal.tracking import (
    TrackedCard,
    card_of,
    cards_of,
    effects_for_holder,
    in_review,
    on_paper,
    request_of,
    timeline,
    track,
)
from issuer.preclearances import Effect, Shown
from issuer.profile import last_day
from issuer.store import Application, Card, OnlineApplication, Person, RequestKind
from issuer.web.forms import Form
from issuer.web.here import go_to, now, site
from issuer.web.pictures import qr_code
from issuer.web.portal.here import applicant, economy, mail, read, render, scheme
from issuer.web.portal.pages import SIGNED_IN, PortalPages
from issuer.web.portal.words import w

pages = PortalPages("apply_track")
_LOSSES: Final = MappingProxyType(
    {
        "phone": RequestKind.LOST_PHONE,
        "plastic": RequestKind.LOST_PLASTIC,
        "card": RequestKind.LOST_CARD,
    }
)
_PASSPORT: Final = ("country", "number", "issued_on", "expires_on")
_MOST: Final = 200


@pages.at("/track", SIGNED_IN, navigation="navigation.track")
def index() -> Response:
    """List the applicant's cards."""

    def work(
        session: Session,
    ) -> tuple[list[TrackedCard], Sequence[OnlineApplication], Sequence[Application]]:
        cards = cards_of(session, economy(), applicant())
        tracked = [_tracked(session, card) for card in cards]
        waiting = in_review(session, economy(), applicant())
        return tracked, waiting, on_paper(session, economy(), applicant())

    cards, waiting, paper = read(work)
    return render(
        "apply/track.html",
        cards=cards,
        waiting=waiting,
        paper=paper,
        Shown=Shown,
        last_day=last_day,
    )


@pages.at("/track/join", SIGNED_IN, methods=("GET", "POST"))
def join_paper() -> Response:
    """Follow what was applied for on paper, by the code of a letter."""
    form = Form.read()
    if form.values:
        try:
            join(_desk(), applicant=applicant(), code=form.get("code")[:_MOST])
        except NotProven:
            form.refuse("code", w("track.join.wrong"))
        else:
            flash(w("track.join.done"))
            return go_to("apply_track.index")
    return render("apply/track_join.html", status=form.status, form=form)


@pages.at("/track/<int:card>", SIGNED_IN)
def show(card: int) -> Response:
    """Show a card with every destination."""
    return _page(card)


@pages.at("/track/<int:card>/passport", SIGNED_IN, methods=("GET", "POST"))
def passport(card: int) -> Response:
    """Ask for a new passport to be linked, after a preview that is agreed to."""
    _own(card)
    form = Form.read()
    preview: PassportPreview | None = None
    if form.values:
        preview = _preview(card, form)
    effects = _effects(card) if preview else {}
    if preview and "confirm" in form.values:
        if _is_confirmed(form):
            given = {name: form.get(name).strip()[:_MOST] for name in _PASSPORT}
            return _asked(card, RequestKind.NEW_PASSPORT, given, form) or _passport(
                card, form, preview, effects
            )
        form.refuse("confirm", w("track.confirm.wrong", word=w("track.confirm.word")))
    return _passport(card, form, preview, effects)


def _passport(
    card: int, form: Form, preview: Any, effects: dict[str, list[str]]
) -> Response:
    return render(
        "apply/track_passport.html",
        status=form.status,
        form=form,
        card=card,
        preview=preview,
        effects=effects,
        last_day=last_day,
    )


@pages.at("/track/<int:card>/lost", SIGNED_IN, methods=("GET", "POST"))
def lost(card: int) -> Response:
    """Report a loss: what was lost is suspended at once, the rest is for staff."""
    found = _own(card)
    form = Form.read()
    if form.values:
        kind = _LOSSES.get(form.get("what"))
        if kind is None:
            form.refuse("what", w("track.lost.what.choose"))
        elif not _is_confirmed(form):
            wrong = w("track.confirm.wrong", word=w("track.confirm.word"))
            form.refuse("confirm", wrong)
        else:
            given = {"police_report": form.get("police_report").strip()[:_MOST]}
            done = _asked(card, kind, given, form)
            if done is not None:
                return done
    facts = scheme().economy(economy())
    police = next((r for r in facts.police_report_on_loss if r.holds(now())), None)
    return render(
        "apply/track_lost.html",
        status=form.status,
        form=form,
        card=found,
        police=police if police and police.value else None,
        what=tuple(_LOSSES),
    )


@pages.at("/track/<int:card>/phone", SIGNED_IN, methods=("GET", "POST"))
def phone(card: int) -> Response:
    """Put the card on its holder's first phone: half of it here, half by mail."""
    _own(card)
    form = Form.read()
    made: OwnOffer | None = None
    if form.values:
        try:
            made = offer_own(_desk(), applicant=applicant(), card=card, queue=mail())
        except Conflict as error:
            form.refuse("", _sentence(error), status=409)
    return render(
        "apply/track_phone.html",
        status=form.status,
        form=form,
        card=card,
        made=made,
        picture=qr_code(made.link) if made else None,
        minutes=LIFE // timedelta(minutes=1),
    )


@pages.at("/track/<int:card>/renewal", SIGNED_IN, methods=("GET", "POST"))
def renewal(card: int) -> Response:
    """Ask for a renewal, after reading what it costs."""
    found = _own(card)
    form = Form.read()
    if form.values:
        if _is_confirmed(form):
            done = _asked(card, RequestKind.RENEWAL, {}, form)
            if done is not None:
                return done
        else:
            wrong = w("track.confirm.wrong", word=w("track.confirm.word"))
            form.refuse("confirm", wrong)
    tracked = read(lambda session: _tracked(session, found))
    facts = scheme().economy(economy())
    fees = [row for row in facts.fees if row.holds(now()) and row.kind == "application"]
    return render(
        "apply/track_renewal.html",
        status=form.status,
        form=form,
        card=found,
        cleared=[each.name for each in tracked.lanes if each.shown == Shown.CLEARED],
        lanes=tracked.lanes,
        fees=fees,
        last_day=last_day,
    )


@pages.at("/track/requests/<int:request>/take-back", SIGNED_IN, methods=("POST",))
def take_request_back(request: int) -> Response:
    """Take a request back that nobody has dealt with."""
    desk = _desk()

    def work(session: Session) -> int:
        row = request_of(session, economy(), applicant(), request)
        take_back(session, desk, row)
        return row.card_id

    try:
        card = desk.write(work)
    except Conflict:
        flash(w("track.request.settled"))
        return go_to("apply_track.index")
    flash(w("track.request.taken_back"))
    return go_to("apply_track.show", card=card)


def _page(card: int) -> Response:
    def work(session: Session) -> tuple[TrackedCard, bool]:
        row = card_of(session, economy(), applicant(), card)
        return _tracked(session, row), may_fetch(session, _desk(), row, applicant())

    tracked, is_fetched_here = read(work)
    return render(
        "apply/track_card.html",
        tracked=tracked,
        events=timeline(tracked),
        alike=[each.name for each in tracked.lanes if each.is_alike],
        Shown=Shown,
        days=_days,
        age=_age,
        last_day=last_day,
        wallet=_wallet(),
        is_fetched_here=is_fetched_here,
    )


def _wallet() -> str | None:
    """Return where this economy's cards come to phones, if they do."""
    url = site().office.installation.wallet.url
    forms = in_force(scheme().economy(economy()).issues_forms, now())
    is_for_phones = forms is not None and forms.value != "physical"
    return f"{url}/{economy()}/" if url and is_for_phones else None


def _tracked(session: Session, card: Card) -> TrackedCard:
    return track(session, scheme(), card, form="app", at=now())


def _own(card: int) -> Card:
    return read(lambda session: card_of(session, economy(), applicant(), card))


def _desk() -> Desk:
    """Return the desk of the installation itself: a holder has none."""
    reason = "asked by its holder on the pages for applicants"
    return site().office.system_desk(economy(), now=now(), reason=reason)


def _asked(
    card: int, kind: RequestKind, given: dict[str, str], form: Form
) -> Response | None:
    """Make a request; None where the form says why not."""
    desk, who = _desk(), applicant()

    def work(session: Session) -> None:
        row = card_of(session, economy(), who, card)
        make_request(session, desk, card=row, applicant=who, kind=kind, given=given)

    try:
        desk.write(work)
    except Conflict as error:
        form.refuse("", _sentence(error), status=409)
        return None
    flash(w("track.request.made"))
    return go_to("apply_track.show", card=card)


_KNOWN: Final = frozenset(
    {
        "card.ended",
        "card.not_living",
        "chip.not_proved",
        "phone.not_here",
        "phone.too_often",
        "passport.same",
        "passport.other_person",
        "request.waiting",
    }
)


def _sentence(error: Conflict) -> str:
    return w(f"track.refused.{error.code if error.code in _KNOWN else 'other'}")


def _preview(card: int, form: Form) -> PassportPreview | None:
    fields: dict[str, Any] = {"card": card}
    fields |= {name: form.get(name).strip().upper() for name in ("country", "number")}
    for name in ("issued_on", "expires_on"):
        try:
            fields[name] = date.fromisoformat(form.get(name).strip())
        except ValueError:
            form.refuse(name, w("track.passport.day"))
    if not (len(fields["country"]) == 3 and fields["country"].isascii()
            and fields["country"].isalpha()):  # fmt: skip
        form.refuse("country", w("track.passport.country.wrong"))
    number = fields["number"]
    if not (1 <= len(number) <= 22 and number.isascii() and number.isalnum()):
        form.refuse("number", w("track.passport.number.wrong"))
    if form.problems:
        return None
    try:
        return preview_passport(_desk(), NewPassport.model_validate(fields))
    except Invalid as error:
        for path, code, _ in error.problems:
            form.refuse(path, w(f"track.passport.{code}"))
    except Conflict as error:
        form.refuse("", _sentence(error), status=409)
    return None


def _effects(card: int) -> dict[str, list[str]]:
    """Return names of destinations by what becomes of them."""

    def work(session: Session) -> dict[str, list[str]]:
        row = card_of(session, economy(), applicant(), card)
        person = session.get_one(Person, row.person_id)
        found = effects_for_holder(session, scheme(), row, person.nationality, at=now())
        return {
            effect.value: [
                scheme().economy(code).name
                for code, each in found.items()
                if each == effect
            ]
            for effect in Effect
        }

    return read(work)


def _is_confirmed(form: Form) -> bool:
    return form.get("confirm").strip().casefold() == w("track.confirm.word").casefold()


def _days(span: Any) -> str:
    return f"{span.total_seconds() / 86_400:.0f}"


def _age(since: Any) -> int:
    return int((now() - since).total_seconds() // 86_400)
