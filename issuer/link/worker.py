"""One round with one destination: ask, tell, and take what it answers.

Every step first writes down what it is about to do, then asks the other side without
any transaction open, then notes what came of it.  It can be killed anywhere: the next
round goes on where this one ended.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

import verifier
from issuer.errors import (
    IssuerError,
    NoTrust,
    ServiceRefused,
    ServiceUnreachable,
    SigningError,
    StoreError,
)
from issuer.link.client import Client
from issuer.link.incoming import Applied, apply_page, look_again
from issuer.link.outgoing import (
    Sending,
    bulk_key,
    enlist,
    note_questions,
    note_told,
    take_news,
    take_questions,
)
from issuer.link.protocol import CLIENT_TYPE, MAX_BULK
from issuer.office import Desk, Office
from issuer.services.identity import ServiceIdentity
from issuer.services.trust import trust_of
from issuer.store import LinkPartner, LinkQuestion

_BATCH: Final = MAX_BULK // 2
"""Questions sent together: some seconds of work for the other side."""
_NEWS: Final = 100
_MOST_PAGES: Final = 10_000
"""Of a feed in one round; one that never ends must not keep others waiting."""
_FIRST_PAUSE: Final = timedelta(seconds=2)
_LONGEST_PAUSE: Final = timedelta(minutes=30)
REASON: Final = "web services between economies"

Say = Callable[[str, int], None]
"""Is told what was done, and how often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round with one destination came to."""

    economy: str
    destination: str
    asked: int = 0
    told: int = 0
    not_taken: int = 0
    """Questions and messages that the destination refused."""
    applied: int = 0
    known: int = 0
    refused: int = 0
    """Answers that change nothing."""
    problem: str = ""
    """Why it ended early; empty: nothing is left to do."""
    detail: str = ""


@dataclass(slots=True, kw_only=True)
class Worker:
    """Sends and takes for every link of an installation.

    Args:
        office: The open installation.
        clock: Returns the moment.
        say: Is told of progress.
        is_stopped: Is asked between steps; a round that is stopped has lost nothing.
    """

    office: Office
    clock: Callable[[], datetime]
    say: Say = lambda _what, _count: None
    is_stopped: Callable[[], bool] = lambda: False
    _clients: dict[tuple[str, str], Client] = field(default_factory=dict)

    def run(
        self, economies: tuple[str, ...] = (), *, only_due: bool = False
    ) -> Iterator[Round]:
        """Make one round with each destination; yield what each came to.

        Args:
            economies: Only for these that are hosted here; none means for all.
            only_due: Leave those alone whose last round ended early, until it is time.

        What goes wrong with one is its ``problem``, and no matter of the others.

        Raises:
            StoreError: Which links there are cannot be read.
        """
        for economy, destination in self._links(only_due=only_due):
            if self.is_stopped():
                return
            if not economies or economy in economies:
                yield self._round(economy, destination)

    def has_news(self, economies: tuple[str, ...] = ()) -> bool:
        """Tell whether something came up here that a destination has to hear of.

        One look at an index: ask it as often as every second.  A destination that was
        not reached the last time waits for its round.
        """

        def work(session: Session) -> bool:
            query = exists().where(
                LinkPartner.problem == "",
                LinkQuestion.economy == LinkPartner.economy,
                LinkQuestion.destination == LinkPartner.destination,
                LinkQuestion.told < LinkQuestion.changed,
                LinkQuestion.next_at <= self.clock(),
            )
            if economies:
                query = query.where(LinkPartner.economy.in_(economies))
            return bool(session.scalar(select(query)))

        return self.office.store.read(work)

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()

    def _links(self, *, only_due: bool) -> list[tuple[str, str]]:
        now = self.clock()

        def work(session: Session) -> list[tuple[str, str]]:
            query = select(LinkPartner.economy, LinkPartner.destination)
            if only_due:
                is_due = LinkPartner.next_at.is_(None) | (LinkPartner.next_at <= now)
                query = query.where(is_due)
            rows = session.execute(
                query.order_by(LinkPartner.economy, LinkPartner.destination)
            )
            return [(row[0], row[1]) for row in rows]

        return self.office.store.read(work)

    def _round(self, economy: str, destination: str) -> Round:
        done = Round(economy=economy, destination=destination)
        step = _Steps(worker=self, economy=economy, destination=destination)
        try:
            for one in (step.enlist, step.ask, step.tell, step.take):
                done = one(done)
            step.note(done)
        except IssuerError as error:
            done = replace(done, problem=_code(error), detail=str(error)[:500])
            # A database that cannot even keep this is seen in what is returned.
            with suppress(StoreError):
                step.note(done)
        return done

    def client(self, economy: str, destination: str) -> Client:
        """Return the client by which an economy asks a destination.

        Raises:
            ServiceUnreachable: Its address is not configured.
        """
        known = self._clients.get((economy, destination))
        if known is not None:
            return known
        address = self.office.installation.services.partners.get(destination)
        if address is None:
            text = f"services.partners has no address of {destination}"
            raise ServiceUnreachable(text)
        client = Client(
            address=address,
            assertion=lambda now: self._assertion(economy, destination, now),
            clock=self.clock,
        )
        self._clients[economy, destination] = client
        return client

    def _assertion(self, economy: str, destination: str, now: datetime) -> str:
        scheme = self.office.store.read(self.office.scheme)
        identity = ServiceIdentity.of(self.office, economy, now)
        audience = scheme.economy(destination).issuer_url
        return identity.sign(CLIENT_TYPE, audience, {}, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Steps:
    worker: Worker
    economy: str
    destination: str

    def enlist(self, done: Round) -> Round:
        while not self.worker.is_stopped():
            if not enlist(self._desk(), self.destination):
                break
        return done

    def ask(self, done: Round) -> Round:
        while not self.worker.is_stopped():
            desk = self._desk()
            looked, sent = take_questions(desk, self.destination, limit=_BATCH)
            if not looked:
                break
            if sent:
                done = self._ask(done, sent)
        return done

    def _ask(self, done: Round, sent: list[Sending]) -> Round:
        results = self._client().ask_bulk(
            self.destination, [each.body for each in sent], key=bulk_key(sent)
        )
        taken, refused = note_questions(self._desk(), sent, results)
        self.worker.say("asked", taken)
        return replace(
            done, asked=done.asked + taken, not_taken=done.not_taken + refused
        )

    def tell(self, done: Round) -> Round:
        while not self.worker.is_stopped():
            looked, sent = take_news(self._desk(), self.destination, limit=_NEWS)
            if not looked:
                break
            for each in sent:
                done = self._tell(done, each)
        return done

    def _tell(self, done: Round, each: Sending) -> Round:
        heard: int | ServiceRefused
        try:
            heard = self._client().tell(
                self.destination, each.reference, each.fields, key=each.key
            )
        except ServiceRefused as error:
            if error.status in {401, 403}:
                raise  # about us, not about this card
            heard = error
        if not note_told(self._desk(), each, heard):
            return replace(done, not_taken=done.not_taken + 1)
        self.worker.say("told", 1)
        return replace(done, told=done.told + 1)

    def take(self, done: Round) -> Round:
        trust = self._trust()
        done = _with(done, look_again(self._desk(), self.destination, trust=trust))
        for _ in range(_MOST_PAGES):
            if self.worker.is_stopped():
                break
            behind = self._position()
            page = self._client().answers_page(self.destination, cursor=behind)
            if not page or page[-1].cursor == behind:
                break
            applied = apply_page(
                self._desk(), self.destination, behind=behind, page=page, trust=trust
            )
            if applied is not None:
                done = _with(done, applied)
                self.worker.say("applied", applied.applied)
        return done

    def note(self, done: Round) -> None:
        """Keep when the destination was heard last, or why it was not."""
        desk = self._desk()

        def work(session: Session) -> None:
            row = session.get_one(LinkPartner, (self.economy, self.destination))
            if done.problem:
                row.failures += 1
                row.next_at = desk.now + _pause(row.failures)
            else:
                row.heard_at, row.failures, row.next_at = desk.now, 0, None
            if done.problem != row.problem:
                row.problem_since = desk.now if done.problem else None
            row.problem, row.problem_text = done.problem, done.detail

        desk.write(work)

    def _trust(self) -> verifier.Trust:
        trust = trust_of(self.worker.office.installation)
        if trust.expires_at <= self.worker.clock():
            raise NoTrust("the trust data has ended: sync it, then answers are read")
        return trust

    def _position(self) -> str:
        def work(session: Session) -> str:
            row = session.get_one(LinkPartner, (self.economy, self.destination))
            return row.position

        return self.worker.office.store.read(work)

    def _client(self) -> Client:
        return self.worker.client(self.economy, self.destination)

    def _desk(self) -> Desk:
        return self.worker.office.system_desk(
            self.economy, now=self.worker.clock(), reason=REASON
        )


def _with(done: Round, applied: Applied) -> Round:
    return replace(
        done,
        applied=done.applied + applied.applied,
        known=done.known + applied.known,
        refused=done.refused + applied.refused,
    )


def _code(error: IssuerError) -> str:
    match error:
        case ServiceRefused(code=code):
            return code[:64] or "link.refused"
        case NoTrust():
            return "link.trust"
        case SigningError():
            return "link.service_key"
        case ServiceUnreachable():
            return "link.unreachable"
        case StoreError():
            return "link.store"
        case _:
            return "link.failed"


def _pause(failures: int) -> timedelta:
    return min(_FIRST_PAUSE * (1 << min(failures - 1, 10)), _LONGEST_PAUSE)
