"""The start page: what waits, and how to get about by keyboard."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Response, url_for

from issuer.queues import MOST, Queues
from issuer.second import own_number
from issuer.web.access import SIGNED_IN, Group, Pages
from issuer.web.case_words import KEYS, age, may_do
from issuer.web.here import actor, perform, render, site
from issuer.web.views.holding import own_held

pages = Pages("start")


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """One queue of the start page."""

    text: str
    count: int
    address: str
    note: str = ""
    is_late: bool = False

    @property
    def shown(self) -> str:
        """The count; of a long queue that it is at least that."""
        return f"{MOST:,} or more" if self.count >= MOST else f"{self.count:,}"


@pages.at("/", SIGNED_IN, menu=("Start", "What waits for you.", "1", Group.START))
def index() -> Response:
    """Show what waits, and what the visitor can do."""
    held = own_held()
    counts = perform("queue.counts", {}) if actor().roles else None
    queues = list(_queues(counts)) if counts else []
    return render(
        "start.html",
        roles=sorted(actor().roles),
        queues=queues,
        held=held,
        number=own_number(site().office.store, actor().account_id),
    )


@pages.at("/keyboard", SIGNED_IN)
def keyboard() -> Response:
    """Show the access keys."""
    return render("keyboard.html", decisions=KEYS if may_do("incoming.show") else {})


def _queues(counts: Queues) -> Iterator[Queue]:
    if may_do("application.list"):
        yield from _home(counts)
    if may_do("preclearance.list"):
        yield Queue(
            text="Replies overdue",
            count=counts.overdue_replies,
            address=url_for("outgoing.index", overdue=1),
            note="Longer than the target, or twice the usual time",
            is_late=counts.overdue_replies > 0,
        )
    if may_do("incoming.list"):
        yield from _incoming(counts)
    if may_do("queue.passports_short"):
        yield Queue(
            text="Passports that end soon",
            count=counts.passports_short,
            address=url_for("outgoing.passports"),
            note="Within 180 days, of cards in use",
        )
    if may_do("queue.phones"):
        yield Queue(
            text="Approved, waiting for a phone",
            count=counts.phones_to_come,
            address=url_for("outgoing.phones"),
            note="No phone has fetched the card",
        )
    if may_do("bulk.list"):
        yield Queue(
            text="Bulk changes to release",
            count=counts.bulk_to_release,
            address=url_for("bulk.index"),
            note="They wait for a second person",
        )


def _home(counts: Queues) -> Iterator[Queue]:
    if may_do("application.submit"):
        yield Queue(text="Drafts", count=counts.drafts, address=_list(state="draft"))
    if not may_do("application.circulate"):
        return
    if may_do("application.open"):
        yield Queue(
            text="Submitted",
            count=counts.submitted,
            address=_list(state="submitted"),
            note=_oldest(counts.submitted_oldest_days),
        )
        for each in counts.home_review:
            yield Queue(
                text=f"In review, {each.stage} stages passed"
                if each.stage != 1
                else "In review, 1 stage passed",
                count=each.count,
                address=_list(state="home_review", stage=each.stage),
                note=_oldest(each.oldest_days),
            )
    yield Queue(
        text="To circulate",
        count=counts.to_circulate,
        address=_list(state="home_approved"),
        note=_oldest(counts.to_circulate_oldest_days),
    )


def _incoming(counts: Queues) -> Iterator[Queue]:
    target, oldest = counts.incoming_target_days, counts.incoming_oldest_days
    usual = counts.incoming_median_days
    notes = [
        _oldest(oldest),
        f"target {age(target)}" if target is not None else "no target configured",
        f"usually {age(usual)}" if usual is not None else "",
    ]
    yield Queue(
        text="Incoming requests",
        count=counts.incoming,
        address=url_for("incoming.index"),
        note=", ".join(filter(None, notes)),
        is_late=counts.incoming_overdue > 0,
    )
    if target is not None:
        yield Queue(
            text="Incoming, past the target",
            count=counts.incoming_overdue,
            address=url_for("incoming.index"),
            note="The oldest stand first in the queue",
            is_late=counts.incoming_overdue > 0,
        )
    yield Queue(
        text="Hits to settle",
        count=counts.open_hits,
        address=url_for("incoming.index", screening="open_hits"),
    )
    yield Queue(
        text="Not screened yet",
        count=counts.incoming_unscreened,
        address=url_for("incoming.index", screening="waiting"),
    )


def _oldest(days: int | None) -> str:
    return "" if days is None else f"oldest {age(days)}"


def _list(**wanted: Any) -> str:
    return url_for("applications.index", **wanted)
