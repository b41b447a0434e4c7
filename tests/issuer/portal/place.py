"""A real browser on the pages for applicants, signed in by a code from the outbox."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from playwright.sync_api import Browser
from sqlalchemy import select

from issuer.store import Mail
from tests.issuer.portal.applicant import HOME, Portal
from tests.issuer.web.chromium import Place, clock, opened
from tests.issuer.web.front import Front

PHONE = {"width": 320, "height": 640}


@contextmanager
def portal_place(
    chromium: Browser,
    portal: Portal,
    *,
    time: Callable[[], datetime] = clock,
    **look: Any,
) -> Iterator[Place]:
    """Open a browser in front of a portal."""
    front = Front(
        back=portal.back, app=portal.app, settings=portal.settings, clock=portal.clock
    )
    with opened(chromium, front, time=time, **look) as place:
        yield place


def sign_in(place: Place, email: str = "ann@example.com") -> None:
    """Sign in with the code that waits in the outbox."""
    place.go(f"{HOME}sign-in")
    place.page.get_by_label("E-mail address").fill(email)
    place.page.get_by_role("button", name="Send me a code").click()
    place.page.wait_for_url("**/code*")
    query = select(Mail).where(Mail.kind == "sign_in_code").order_by(Mail.id.desc())
    words = place.front.back.store.read(
        lambda session: session.scalars(query.limit(1)).one().words
    )
    place.page.get_by_label("Code").fill(json.loads(words)["code"])
    place.page.get_by_role("button", name="Sign in").click()
    place.page.wait_for_url(f"**{HOME}")


def is_within(place: Place) -> bool:
    """Tell whether nothing of the page goes beyond the screen's width."""
    width = place.page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return int(width) <= 0
