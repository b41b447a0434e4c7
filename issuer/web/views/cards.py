"""Cards: finding one, its page, and what can be done with it now."""

import json
from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from flask import Response, flash, make_response, request, session
from werkzeug.exceptions import NotFound

from issuer.cards import CardView
from issuer.profile import last_day
from issuer.web import states
from issuer.web.access import Group, Needs, Pages
from issuer.web.forms import REASON, Form, submit
from issuer.web.here import go_to, now, perform, render

pages = Pages("cards")
_WHY: Final = "why"
"""In the browser's cookie: why this officer looks at cards, as said last."""
_AT_THE_COUNTER: Final = "the holder asks at the counter"
_MAX_KEY: Final = 4_000
_SIGNING: Final = frozenset(
    {
        "card.issue_app", "card.issue_plastic", "card.rebind", "card.convert",
        "card.refresh", "card.add_economies", "card.replace",
    }
)  # fmt: skip
"""What has a card signed: never by whoever approved the application."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Something that can be done with a card, and how its page says so."""

    operation: str
    title: str
    button: str
    done: str
    asks: frozenset[str] = frozenset()
    """Fields beside the reason: key, interim, keep_plastic, what, how."""
    fixed: tuple[tuple[str, str], ...] = ()
    """Fields that this door answers by itself."""
    keeps_why: bool = False
    """The operation keeps the reason with the record."""
    word: str = ""
    """To be typed, with the card's number, before what cannot be taken back."""
    of_credential: bool = False


DOORS: Final = MappingProxyType(
    {
        "issue-app": Door(
            operation="card.issue_app",
            title="Put the card into an app",
            button="Sign for this phone",
            done="The card was signed for the phone.",
            asks=frozenset({"key"}),
        ),
        "issue-plastic": Door(
            operation="card.issue_plastic",
            title="Make the plastic",
            button="Make the plastic",
            done="The plastic is signed and waits to be printed.",
            asks=frozenset({"interim"}),
        ),
        "rebind": Door(
            operation="card.rebind",
            title="Move the card to another phone",
            button="Sign for the new phone",
            done="The card is on the new phone; the old code has ended.",
            asks=frozenset({"key"}),
            word="MOVE",
        ),
        "convert": Door(
            operation="card.convert",
            title="Convert to the app",
            button="Convert",
            done="The card is in the app.",
            asks=frozenset({"key", "keep_plastic"}),
            word="CONVERT",
        ),
        "refresh": Door(
            operation="card.refresh",
            title="Sign for the same phone again",
            button="Sign again",
            done="The phone's card has the newest answers.",
            of_credential=True,
        ),
        "add-economies": Door(
            operation="card.add_economies",
            title="Print again with the economies added",
            button="Make the plastic again",
            done="The new plastic is signed and waits to be printed.",
            word="PRINT",
        ),
        "replace-damaged": Door(
            operation="card.replace",
            title="Replace damaged plastic",
            button="Make the plastic again",
            done="The new plastic is signed and waits to be printed.",
            fixed=(("why", "damage"),),
            word="PRINT",
        ),
        "replace-withdrawn": Door(
            operation="card.replace",
            title="Print again without the economy that withdrew",
            button="Make the plastic again",
            done="The new plastic is signed and waits to be printed.",
            fixed=(("why", "withdrawal"),),
            word="PRINT",
        ),
        "lost-phone": Door(
            operation="card.report_lost",
            title="End the phone binding",
            button="End the phone binding",
            done="The code on the phone has ended; the card goes on.",
            fixed=(("what", "phone"),),
            word="PHONE",
        ),
        "lost-plastic": Door(
            operation="card.report_lost",
            title="Report the plastic lost",
            button="Report it lost",
            done="The plastic has ended; the card goes on.",
            asks=frozenset({"police_report"}),
            fixed=(("what", "plastic"),),
            word="LOST",
        ),
        "lost-card": Door(
            operation="card.report_lost",
            title="Report the card lost",
            button="Report the card lost",
            done="The card is lost. Next: make the card that continues it.",
            asks=frozenset({"police_report"}),
            fixed=(("what", "card"),),
            word="LOST",
        ),
        "replace-lost": Door(
            operation="card.replace_lost",
            title="Continue a lost card",
            button="Make the card that continues it",
            done="This card continues the lost one. Issue its forms next.",
        ),
        "suspend": Door(
            operation="card.suspend",
            title="Suspend the card",
            button="Suspend the card",
            done="The card is suspended. Another person can lift it.",
            keeps_why=True,
        ),
        "restore": Door(
            operation="card.restore",
            title="Lift the card's suspension",
            button="Lift the suspension",
            done="The card is active again.",
            keeps_why=True,
        ),
        "cancel": Door(
            operation="card.cancel",
            title="Cancel the card",
            button="Cancel the card for good",
            done="The card is cancelled.",
            keeps_why=True,
            word="CANCEL",
        ),
        "report-passport": Door(
            operation="card.report_passport",
            title="Report the passport lost, stolen or cancelled",
            button="Report the passport",
            done="The card cannot be used until another passport is linked.",
            asks=frozenset({"how"}),
        ),
        "suspend-credential": Door(
            operation="credential.suspend",
            title="Suspend one credential",
            button="Suspend it",
            done="The credential is suspended. Another person can lift it.",
            keeps_why=True,
            of_credential=True,
        ),
        "restore-credential": Door(
            operation="credential.restore",
            title="Lift a credential's suspension",
            button="Lift the suspension",
            done="The credential is good again.",
            keeps_why=True,
            of_credential=True,
        ),
        "revoke-credential": Door(
            operation="credential.revoke",
            title="Revoke one credential",
            button="Revoke it for good",
            done="The credential is revoked; the card goes on.",
            keeps_why=True,
            word="REVOKE",
            of_credential=True,
        ),
    }
)


@pages.app_template_filter("card_look")
def look(state: str, kind: str) -> tuple[str, str]:
    """Return icon and word of a state."""
    return states.look(state, kind)


@pages.app_template_filter("form_name")
def form_text(form: str) -> str:
    """Return a form of the card in words."""
    return states.FORMS.get(form, form)


@pages.app_template_filter("ago")
def age(at: datetime) -> str:
    """Return how long ago something was."""
    return states.age(at, now())


@pages.app_template_filter("bare")
def bare(text: str) -> str:
    """Return text of people without what turns or hides letters."""
    return states.bare(text)


@pages.app_template_filter("last_day")
def end_day(at: datetime) -> str:
    """Return the last day before a midnight: ``4 May 2026``."""
    day = last_day(at)
    return f"{day.day} {day:%B %Y}"


@pages.app_template_filter("plain_day")
def plain_day(value: Any) -> str:
    """Return a date without a time: ``4 May 2026``."""
    return f"{value.day} {value:%B %Y}"


@pages.at(
    "/cards",
    Needs("card.find"),
    methods=("GET", "POST"),
    menu=("Cards", "Find a card; what can be done with it.", "5", Group.CARDS),
)
def index() -> Response:
    """Find cards; what is sought never stands in an address."""
    form, found = Form.read(), None
    if request.method == "POST":
        found = submit("card.find", form)
        if found is not None:
            session[_WHY] = form.get(REASON).strip()[:200]
    else:
        form.values[REASON] = session.get(_WHY, _AT_THE_COUNTER)
    return render("cards/find.html", status=form.status, form=form, found=found)


@pages.at("/cards/<int:card>", Needs("card.show"))
def show(card: int) -> Response:
    """Show a card."""
    view = _card(card)
    doors = offered(view)
    return render("cards/show.html", card=view, doors=doors, DOORS=DOORS)


@pages.at("/cards/<int:card>/portrait", Needs("application.document"))
def portrait(card: int) -> Response:
    """Show the holder's portrait."""
    view = _card(card)
    if view.portrait is None:
        raise NotFound
    found = perform("application.document", {"document": view.portrait})
    if not found.media_type.startswith("image/"):
        raise NotFound
    answer = make_response(b64decode(found.content))
    answer.mimetype = found.media_type
    return answer


@pages.at("/cards/<int:card>/do/<name>", Needs("card.suspend"), methods=("GET", "POST"))
def act(card: int, name: str) -> Response:
    """Say what follows from an action, and do it."""
    door = DOORS.get(name)
    if door is None:
        raise NotFound
    view, form = _card(card), Form.read()
    credential = request.values.get("credential", type=int)
    if request.method == "POST":
        done = do(door, view, form, credential)
        if done is not None:
            return finished(door, done)
    else:
        form.values[REASON] = session.get(_WHY, _AT_THE_COUNTER)
    return render(
        "cards/act.html",
        status=form.status,
        form=form,
        card=view,
        door=door,
        credential=_credential(view, credential) if door.of_credential else None,
        consequence=_consequence(view, door, credential),
        SIGNING=_SIGNING,
    )


def offered(view: CardView) -> dict[str, list[tuple[str, str, int | None]]]:
    """Return doors by operation, for what is legal now: name, sentence, credential."""
    found: dict[str, list[tuple[str, str, int | None]]] = {}
    for each in view.actions:
        for name, door in DOORS.items():
            if door.operation == each.operation:
                row = (name, each.consequence, each.credential)
                found.setdefault(each.operation, []).append(row)
    return found


def do(
    door: Door, view: CardView, form: Form, credential: int | None = None
) -> Any | None:
    """Do what a form asks for; None with the problems in it where it is refused."""
    fields: dict[str, Any] = dict(door.fixed)
    if door.of_credential:
        fields["credential"] = credential or 0
    else:
        fields["card"] = view.card
    if "key" in door.asks:
        fields["holder_key"] = read_key(form)
    for name in door.asks & {"interim", "keep_plastic", "police_report"}:
        fields[name] = form.get(name) == "yes"
    if "how" in door.asks:
        fields["how"] = form.get("how")
    if door.keeps_why:
        fields["why"] = form.get(REASON).strip()[:400]
    check_word(form, door.word, view.card)
    if form.problems:
        return None
    typed, form.values = form.values, {REASON: form.get(REASON)}
    done = submit(door.operation, form, fields)
    form.values = typed
    return done


def finished(door: Door, done: Any) -> Response:
    """Answer what was done: with the signed text for a phone, or with the card."""
    if getattr(done, "form", None) == "app":
        return render("cards/signed.html", done=done, door=door)
    flash(door.done)
    for warning in getattr(done, "warnings", ()):
        flash(warning)
    return go_to("cards.show", card=done.card)


def check_word(form: Form, word: str, card: int) -> None:
    """Demand the word that shows that somebody means it, and means this card."""
    wanted = f"{word} {card}"
    if word and " ".join(form.get("confirm").upper().split()) != wanted:
        form.refuse("confirm", f"Type {wanted} if you mean it.")


def read_key(form: Form) -> dict[str, Any]:
    """Read the phone's public key, pasted or from a file."""
    upload = request.files.get("key_file")
    text = upload.stream.read(_MAX_KEY + 1).decode("utf-8", "replace") if upload else ""
    text = text or form.get("key_text")
    form.values["key_text"] = text[:_MAX_KEY]
    try:
        key = json.loads(text) if len(text) <= _MAX_KEY else None
    except (ValueError, RecursionError):
        key = None
    if isinstance(key, dict) and "d" in key:
        # What must never leave a phone is not shown again, here or anywhere.
        form.values["key_text"] = ""
        form.refuse(
            "holder_key",
            "This text holds the phone's secret half. Use that key no more: make a"
            " new one on the phone, and bring its public half only.",
        )
    elif not isinstance(key, dict):
        form.refuse(
            "holder_key",
            'Paste the text that the phone shows, from its first "{" to its last "}",'
            " or choose the file.",
        )
    return key if isinstance(key, dict) else {}


def _card(card: int) -> CardView:
    why = session.get(_WHY) or f"page {request.endpoint}"
    found: CardView = perform("card.show", {"card": card}, reason=why)
    return found


def _credential(view: CardView, credential: int | None) -> Any:
    for each in view.credentials:
        if each.credential == credential:
            return each
    raise NotFound


def _consequence(view: CardView, door: Door, credential: int | None) -> str | None:
    for each in view.actions:
        same = not door.of_credential or each.credential == credential
        if each.operation == door.operation and same:
            return each.consequence
    return None
