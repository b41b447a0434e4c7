"""Cards on phones: offer one, activate one at the counter, and print its letter."""

from typing import Any, Final

from flask import Response, flash
from markupsafe import Markup

from issuer.web.access import Needs, Pages
from issuer.web.forms import REASON, Form, submit
from issuer.web.here import go_to, perform, render
from issuer.web.pictures import qr_code

pages = Pages("phones")
_ASKED: Final = "the holder asks for it"
_SHOWN: Final = 20


@pages.at("/cards/<int:card>/phone", Needs("offer.make"))
def index(card: int) -> Response:
    """Say how a card comes to a phone, and what was offered before."""
    return _page(card, Form())


@pages.at("/cards/<int:card>/phone/offer", Needs("offer.make"), methods=("POST",))
def offer(card: int) -> Response:
    """Make an offer, and show its secrets: this once and never again."""
    form = Form.read()
    made = submit("offer.make", form, {"card": card})
    if made is None:
        return _page(card, form)
    return render("phones/offer.html", made=made, picture=_picture(made.link))


@pages.at(
    "/cards/<int:card>/phone/counter", Needs("counter.activate"), methods=("POST",)
)
def counter(card: int) -> Response:
    """Give the card to the phone whose number the holder has read aloud."""
    form = Form.read()
    made = submit("counter.activate", form, {"card": card})
    if made is None:
        return _page(card, form)
    return render("phones/counter.html", made=made)


@pages.at(
    "/cards/<int:card>/phone/<int:offer_number>/cancel",
    Needs("offer.cancel"),
    methods=("POST",),
)
def cancel(card: int, offer_number: int) -> Response:
    """Let nobody take an offer any more."""
    form = Form.read()
    if submit("offer.cancel", form, {"offer": offer_number}) is None:
        return _page(card, form)
    flash("Nobody can take this offer any more.")
    return go_to("phones.index", card=card)


def _page(card: int, form: Form) -> Response:
    view: Any = perform("card.show", {"card": card})
    if not form.get(REASON):
        form.values[REASON] = _ASKED
    return render(
        "phones/index.html",
        status=form.status,
        form=form,
        card=view,
        offers=perform("offer.list", {"card": card, "limit": _SHOWN}).offers,
    )


def _picture(link: str) -> Markup:
    return qr_code(link)
