"""The start page, and how to get about by keyboard."""

from flask import Response

from issuer.web.access import SIGNED_IN, Pages
from issuer.web.here import actor, render

pages = Pages("start")


@pages.at("/", SIGNED_IN, menu=("Start", "What waits for you.", "1"))
def index() -> Response:
    """Show what the visitor can do."""
    return render("start.html", roles=sorted(actor().roles))


@pages.at("/keyboard", SIGNED_IN)
def keyboard() -> Response:
    """Show the access keys."""
    return render("keyboard.html")
