"""Making a card again: why, what that keeps and ends, and doing it.

Nothing is done before its consequences were shown and, where it cannot be taken back,
a word was typed.
"""

from types import MappingProxyType
from typing import Any, Final

from flask import Response, flash, request
from werkzeug.exceptions import NotFound

from issuer.card_choices import Choice, Choices, Why
from issuer.cards import CardView
from issuer.lifecycle import PassportLink
from issuer.web import states
from issuer.web.access import Needs, Pages
from issuer.web.forms import REASON, Form, submit
from issuer.web.here import go_to, perform, redirect_to, render
from issuer.web.views.cards import DOORS, Door, check_word, do, finished

pages = Pages("reissue")
_APART: Final = (Why.CONVERT_TO_VIRTUAL, Why.NEW_APPLICATION)
"""Doors of their own, each with its own warning."""
_DOOR_OF: Final = MappingProxyType(
    {
        (Why.ADDED_ECONOMY, "card.add_economies"): "add-economies",
        (Why.ADDED_ECONOMY, "card.refresh"): "refresh",
        (Why.LOST_CARD, "card.report_lost"): "lost-card",
        (Why.LOST_CARD, "card.replace_lost"): "replace-lost",
        (Why.LOST_PHONE, "card.rebind"): "rebind",
        (Why.LOST_PLASTIC, "card.report_lost"): "lost-plastic",
        (Why.DAMAGE, "card.replace"): "replace-damaged",
        (Why.WITHDRAWAL, "card.replace"): "replace-withdrawn",
        (Why.WITHDRAWAL, "card.refresh"): "refresh",
        (Why.CONVERT_TO_VIRTUAL, "card.convert"): "convert",
    }
)
_RENEW: Final = "RENEW"
_ANEW: Final = "NEW"
_LINK: Final = "LINK"


@pages.at("/cards/<int:card>/reissue", Needs("card.reissue_choices"))
def index(card: int) -> Response:
    """Ask why."""
    found = _choices(card)
    return render(
        "cards/reissue.html",
        card=found.card,
        choices=[each for each in found.choices if each.why not in _APART],
        apart=[each for each in found.choices if each.why in _APART],
        WHYS=states.WHYS,
    )


@pages.at(
    "/cards/<int:card>/reissue/<why>",
    Needs("card.reissue_choices"),
    methods=("GET", "POST"),
)
def step(card: int, why: str) -> Response:
    """Show what a reason comes to; then do it."""
    if why not in {each.value for each in Why}:
        raise NotFound
    found = _choices(card)
    choice = next(each for each in found.choices if each.why == why)
    if choice.operation == "card.link_passport":
        return go_to("reissue.passport", card=card)
    name = _DOOR_OF.get((choice.why, choice.operation or ""))
    form = Form.read()
    if request.method == "POST" and choice.operation:
        answer = _do(found, choice, DOORS[name] if name else None, form)
        if answer is not None:
            return answer
    elif request.method == "GET":
        form.values[REASON] = states.WHYS[choice.why][0].lower()
        form.values |= _linked(found.card)
    return _step_page(found, choice, name, form)


@pages.at(
    "/cards/<int:card>/passport",
    Needs("card.link_passport"),
    methods=("GET", "POST"),
)
def passport(card: int) -> Response:
    """Ask for a new passport, show what it does, link it as it was shown."""
    form, preview = Form.read(), None
    if request.method == "POST":
        fields = _passport_fields(form, card)
        if form.get("step") == "link":
            done = _link(card, form, fields)
            if done is not None:
                return render("cards/linked.html", done=done, card=card)
        preview = _preview(form, fields)
    else:
        form.values[REASON] = "the holder has a new passport"
    found = _choices(card)
    return render(
        "cards/passport.html",
        status=form.status,
        form=form,
        card=found.card,
        preview=preview,
        word=f"{_LINK} {card}",
        names={each.destination: each.name for each in found.card.lanes},
    )


def _linked(card: CardView) -> dict[str, str]:
    """Return what is on file of the passport that a card goes with."""
    for each in card.passports:
        if each.state == PassportLink.LINKED:
            return {
                "country": each.country,
                "number": each.number,
                "expires_on": each.expires_on.isoformat(),
            }
    return {}


def _choices(card: int) -> Choices:
    found: Choices = perform("card.reissue_choices", {"card": card})
    return found


def _step_page(
    found: Choices, choice: Choice, name: str | None, form: Form
) -> Response:
    door = DOORS[name] if name else None
    renews = choice.operation == "card.renew"
    word = door.word if door else (_RENEW_WORDS[choice.why] if renews else "")
    return render(
        "cards/reissue_step.html",
        status=form.status,
        form=form,
        card=found.card,
        choice=choice,
        door=door,
        renews=renews,
        word=f"{word} {found.card.card}" if word else "",
        title=states.WHYS[choice.why][0],
        about=states.WHYS[choice.why][1],
    )


_RENEW_WORDS: Final = MappingProxyType(
    {Why.NEAR_EXPIRY: _RENEW, Why.NEW_APPLICATION: _ANEW}
)


def _do(
    found: Choices, choice: Choice, door: Door | None, form: Form
) -> Response | None:
    if door is None:
        return _renew(found.card.card, choice.why, form)
    done = do(door, found.card, form, choice.credential)
    return None if done is None else finished(door, done)


def _renew(card: int, why: Why, form: Form) -> Response | None:
    check_word(form, _RENEW_WORDS[why], card)
    if form.problems:
        return None
    names = ("country", "number", "issued_on", "expires_on")
    passport = {name: form.get(name).strip() for name in names}
    typed, form.values = form.values, {REASON: form.get(REASON)}
    done = submit("card.renew", form, {"card": card, "passport": passport})
    form.values = typed
    form.problems = {
        name.removeprefix("passport."): said for name, said in form.problems.items()
    }
    if done is None:
        return None
    flash(f"Application {done.number} is opened as a draft. Submit it when complete.")
    return redirect_to(f"/applications/{done.application}")


def _passport_fields(form: Form, card: int) -> dict[str, Any]:
    names = ("country", "number", "issued_on", "expires_on", "nationality")
    given = {name: form.get(name).strip().upper() for name in names}
    return {"card": card, **{name: value for name, value in given.items() if value}}


def _link(card: int, form: Form, fields: dict[str, Any]) -> Any | None:
    check_word(form, _LINK, card)
    if form.problems:
        return None
    return _submit(
        "card.link_passport", form, fields | {"confirmation": form.get("digest")}
    )


def _preview(form: Form, fields: dict[str, Any]) -> Any | None:
    kept, form.problems = form.problems, {}
    status = form.status
    preview = _submit("card.preview_passport", form, fields)
    if kept:
        form.problems = kept | form.problems
        form.status = status
    return preview


def _submit(operation: str, form: Form, fields: dict[str, Any]) -> Any | None:
    typed, form.values = form.values, {REASON: form.get(REASON)}
    done = submit(operation, form, fields)
    form.values = typed
    return done
