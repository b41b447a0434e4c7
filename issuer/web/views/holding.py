"""Decisions that can still be taken back: shown on the next pages, sent when due.

Whoever decided sends them, by the first page about requests, or the start page, that
they open once the time is over; where scripts run, the page itself asks for it then.
Closing the browser sends nothing: the decision waits for its officer's next visit.
"""

from flask import flash

from issuer.errors import SigningError, StoreError
from issuer.held import Held
from issuer.web.case_words import BUTTONS, may_do
from issuer.web.here import perform


def own_held() -> tuple[Held, ...]:
    """Send what is due of the visitor's own, and return what is still held."""
    if not may_do("incoming.held"):
        return ()
    waiting: tuple[Held, ...] = perform("incoming.held", {}).decisions
    return send() if waiting else ()


def send(held: int | None = None) -> tuple[Held, ...]:
    """Send one decision or what is due, tell what was refused, return what is held."""
    try:
        done = perform("incoming.send_held", {"held": held})
    except (SigningError, StoreError):
        flash("The decision could not be signed at the moment. It is kept.", "warn")
    else:
        for each in done.refused:
            flash(
                f"Request {each.preclearance}: “{BUTTONS[each.event]}” was not sent:"
                f" {each.detail}.",
                "warn",
            )
    still: tuple[Held, ...] = perform("incoming.held", {}).decisions
    return still
