"""Tell systems that there is something new for them; what it is, they fetch.

An event rings the bell and nothing else: that it was lost, came twice or late does no
harm, since the feeds have everything, in order.  It is signed like every message, and
goes only to hosts that administrators have named.

Every partner has a line of its own, and the lines take turns: one that is slow keeps
its own bells waiting, and no others.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from threading import Lock
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from issuer.errors import Conflict, Invalid, IssuerError, NotFound
from issuer.office import Desk, Office
from issuer.operations import Answer, Request, operation
from issuer.outbound import Deadline, Lookup, Outbound, UnreachableError
from issuer.services.addresses import is_public
from issuer.services.identity import ServiceIdentity
from issuer.services.tokens import Caller
from issuer.store import (
    Application,
    CarrierChange,
    HeldSubmission,
    Role,
    ServiceClient,
    Statement,
    SubmittedApplication,
    Webhook,
)

TYPE: Final = "abtc-event+jwt"
MEDIA_TYPE: Final = "application/jwt"
ATTEMPTS: Final = 12
"""Then it is dead: after about a day of silence."""
_FIRST_PAUSE: Final = timedelta(seconds=10)
_LONGEST_PAUSE: Final = timedelta(hours=4)
_MOST: Final = 10
"""Of one client."""
_LONGEST: Final = 10.0
"""Seconds for telling one system once, from looking its name up to its last byte."""
_THREADS: Final = 16
"""Systems told at a time."""
_PORTS: Final = (443, 8443)


class EventKind(StrEnum):
    """What can be new."""

    ANSWERS = "answers"
    """Answers to an economy's requests; see the feed."""
    APPLICATIONS = "applications"
    """Something became of an application that a client has submitted."""
    ENTRY_BASIS = "entry_basis"
    """An answer to a carrier has flipped; see its feed."""


class MakeWebhook(Request):
    """Where to tell it."""

    url: str = Field(
        max_length=500, description="https, at a host that was registered for it."
    )
    event: EventKind = Field(description="What to tell.")


class WebhookView(Answer):
    """A webhook, and how it goes with it."""

    webhook: int
    client: str
    event: str
    url: str
    told_to: int
    """The newest thing of which it has confirmed to know."""
    attempts: int
    """That failed since."""
    problem: str
    """Why the last of them failed."""
    due_at: datetime
    dead_at: datetime | None
    """Nobody tries any more, until somebody says so."""


class Webhooks(Answer):
    """Webhooks by number."""

    webhooks: tuple[WebhookView, ...]


class WebhookFilter(Request):
    """Which webhooks."""

    dead: bool = Field(False, description="Only those that are not tried any more.")


class OneWebhook(Request):
    """Which webhook."""

    webhook: Annotated[int, Field(ge=1, lt=2**63)] = Field(
        description="Number of the webhook."
    )


# For the systems themselves


def make(desk: Desk, caller: Caller, given: MakeWebhook) -> WebhookView:
    """Register a webhook; the same one again is the same one, and lives again.

    Raises:
        Invalid: The address is none that may be told of events.
        Conflict: ``webhook.event``: there is nothing of this kind for the client;
            ``webhook.too_many``.
    """
    is_economy = caller.asker is not None
    if is_economy != (given.event == EventKind.ANSWERS):
        raise Conflict("webhook.event", "there is nothing of this kind for you")

    def work(session: Session) -> WebhookView:
        check_url(desk.office, given.url, _hosts(session, desk.office, caller.client))
        rows = _of_client(session, desk.economy, caller.client)
        known = next(
            (
                each
                for each in rows
                if (each.url, each.event) == (given.url, given.event)
            ),
            None,
        )
        if known is None and len(rows) >= _MOST:
            raise Conflict("webhook.too_many", f"a client has {_MOST} webhooks at most")
        hook = known or Webhook(
            economy=desk.economy,
            client=caller.client,
            event=given.event,
            url=given.url,
            made_at=desk.now,
        )
        hook.attempts, hook.dead_at, hook.due_at, hook.problem = 0, None, desk.now, ""
        if known is None:
            hook.told_to = 0
            session.add(hook)
            session.flush()
            desk.log(
                session,
                "webhook:made",
                f"webhook:{hook.id}",
                client=caller.client,
                event=str(given.event),
            )
        return _view(hook)

    return desk.write(work)


def own(desk: Desk, caller: Caller) -> Webhooks:
    """List a client's own webhooks."""
    rows = desk.read(lambda s: _of_client(s, desk.economy, caller.client))
    return Webhooks(webhooks=tuple(map(_view, rows)))


def end(desk: Desk, caller: Caller, number: int) -> Webhooks:
    """End one of a client's own webhooks; return those that are left.

    Raises:
        NotFound: There is none, or it is another client's.
    """

    def work(session: Session) -> None:
        rows = _of_client(session, desk.economy, caller.client)
        hook = next((each for each in rows if each.id == number), None)
        if hook is None:
            raise NotFound("there is no such webhook")
        hook.retired_at = desk.now
        desk.log(session, "webhook:retired", f"webhook:{number}", client=caller.client)

    desk.write(work)
    return own(desk, caller)


# For administrators


@operation(
    "webhook.list",
    "List where systems are told of events, and how it goes.",
    Role.ADMIN,
    Role.AUDIT,
    changes=False,
)
def list_hooks(desk: Desk, given: WebhookFilter) -> Webhooks:
    """List this economy's webhooks; those that are dead wait for somebody."""

    def work(session: Session) -> Webhooks:
        query = select(Webhook).where(
            Webhook.economy == desk.economy, Webhook.retired_at.is_(None)
        )
        if given.dead:
            query = query.where(Webhook.dead_at.is_not(None))
        rows = session.scalars(query.order_by(Webhook.id))
        return Webhooks(webhooks=tuple(map(_view, rows)))

    return desk.read(work)


@operation("webhook.revive", "Try a webhook again that is dead.", Role.ADMIN)
def revive(desk: Desk, given: OneWebhook) -> WebhookView:
    """Begin anew.

    Raises:
        NotFound: There is none, or it is another economy's.
    """

    def work(session: Session) -> WebhookView:
        hook = desk.find(session, Webhook, given.webhook)
        if hook.retired_at is not None:
            raise NotFound(f"there is no webhook {given.webhook}")
        hook.attempts, hook.dead_at, hook.due_at = 0, None, desk.now
        desk.log(session, "webhook:revived", f"webhook:{hook.id}", client=hook.client)
        return _view(hook)

    return desk.write(work)


# Delivering


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What a round of telling came to."""

    told: int
    failed: int
    dead: int
    """Of the failed: those that are not tried any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Due:
    number: int
    economy: str
    client: str
    event: str
    url: str
    newest: int
    audience: str
    hosts: frozenset[str]


def deliver(
    office: Office, *, now: datetime, lookup: Lookup | None = None
) -> Delivered:
    """Tell every system for which something is new and due, once, and wait for all.

    Args:
        office: The open installation.
        now: The moment of the round.
        lookup: Finds the addresses of a host; by default the machine's own way.

    Nothing is locked while somebody is told: two rounds at once tell some twice.
    """
    ringer = Ringer(office=office, clock=lambda: now, lookup=lookup)
    try:
        ringer.begin()
        return ringer.taken(wait=True)
    finally:
        ringer.close()


@dataclass(slots=True, kw_only=True)
class Ringer:
    """Rings for partners side by side; each partner's bells one after the other.

    Args:
        office: The open installation.
        clock: Returns the moment.
        lookup: Finds the addresses of a host; by default the machine's own way.
        threads: Partners told at a time.

    What is under way is kept nowhere: a bell counts as rung when the database says so,
    and whatever was stopped before is due still.
    """

    office: Office
    clock: Callable[[], datetime]
    lookup: Lookup | None = None
    threads: int = _THREADS
    _pool: ThreadPoolExecutor = field(init=False, repr=False)
    _busy: set[tuple[str, str]] = field(default_factory=set, repr=False)
    _under_way: list["Future[_Rung]"] = field(default_factory=list, repr=False)
    _is_closed: bool = False
    _lock: Lock = field(default_factory=Lock, repr=False)

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="bell")

    def begin(self) -> None:
        """Give a turn to every partner that is due and has none yet; do not wait."""
        now = self.clock()
        due = self.office.store.read(lambda session: _due(session, self.office, now))
        lines: dict[tuple[str, str], deque[_Due]] = {}
        for each in due:
            lines.setdefault((each.economy, each.client), deque()).append(each)
        for partner, line in lines.items():
            with self._lock:
                if partner in self._busy:
                    continue
                self._busy.add(partner)
            self._queue(partner, line)

    def taken(self, *, wait: bool = False) -> Delivered:
        """Return what came of turns that have ended since this was asked last.

        Raises:
            StoreError: Something could not be kept; it is due still.
        """
        rung: list[_Rung] = []
        while (ended := self._ended(wait=wait)) is not None:
            rung.append(ended.result())
        return Delivered(
            told=sum(not each.problem for each in rung),
            failed=sum(bool(each.problem) for each in rung),
            dead=sum(each.is_dead for each in rung),
        )

    def close(self) -> None:
        """End what is under way, and begin nothing more."""
        with self._lock:
            self._is_closed = True
        self._pool.shutdown(cancel_futures=True)

    def _ended(self, *, wait: bool) -> "Future[_Rung] | None":
        with self._lock:
            found = next(
                (each for each in self._under_way if wait or each.done()), None
            )
            if found is not None:
                self._under_way.remove(found)
        return found

    def _queue(self, partner: tuple[str, str], line: "deque[_Due]") -> None:
        with self._lock:
            if not self._is_closed:
                self._under_way.append(self._pool.submit(self._turn, partner, line))

    def _turn(self, partner: tuple[str, str], line: "deque[_Due]") -> "_Rung":
        """Ring one bell of a partner; the next one has to queue behind the others'."""
        try:
            each, now = line.popleft(), self.clock()
            problem = _tell(self.office, each, now, self.lookup)
            is_dead = _note(self.office, each, problem, now)
            return _Rung(problem=problem or "", is_dead=is_dead)
        finally:
            if line:
                self._queue(partner, line)
            else:
                with self._lock:
                    self._busy.discard(partner)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rung:
    problem: str
    is_dead: bool


def _due(session: Session, office: Office, now: datetime) -> list[_Due]:
    hooks = session.scalars(
        select(Webhook)
        .where(
            Webhook.retired_at.is_(None),
            Webhook.dead_at.is_(None),
            Webhook.due_at <= now,
        )
        .order_by(Webhook.due_at, Webhook.id)
    )
    found = []
    for hook in hooks:
        newest = _newest(session, hook)
        if newest not in {0, hook.told_to}:  # less after a restore: that is news too
            found.append(
                _Due(
                    number=hook.id,
                    economy=hook.economy,
                    client=hook.client,
                    event=hook.event,
                    url=hook.url,
                    newest=newest,
                    audience=_audience(session, office, hook.client),
                    hosts=_hosts(session, office, hook.client),
                )
            )
    return found


def _newest(session: Session, hook: Webhook) -> int:
    """Return the number of the newest thing that this client can fetch."""
    if hook.event == EventKind.ANSWERS:
        query = select(func.max(Statement.id)).where(
            Statement.economy == hook.economy,
            Statement.issuer == hook.client.partition(":")[2],
        )
        return session.scalar(query) or 0
    if hook.event == EventKind.ENTRY_BASIS:
        flipped = select(func.max(CarrierChange.id)).where(
            CarrierChange.economy == hook.economy, CarrierChange.client == hook.client
        )
        return session.scalar(flipped) or 0
    changed = session.scalar(
        select(func.max(Application.changed_at))
        .join(
            SubmittedApplication, SubmittedApplication.application_id == Application.id
        )
        .where(
            Application.economy == hook.economy,
            SubmittedApplication.client == hook.client,
        )
    )
    held = session.scalar(
        select(func.max(HeldSubmission.changed_at)).where(
            HeldSubmission.economy == hook.economy, HeldSubmission.client == hook.client
        )
    )
    newest = max((each for each in (changed, held) if each is not None), default=None)
    return 0 if newest is None else int(newest.timestamp() * 1_000_000)


def _audience(session: Session, office: Office, client: str) -> str:
    kind, _, name = client.partition(":")
    if kind == "client":
        return f"urn:abtc:client:{name}"
    scheme = office.scheme(session)
    return scheme.economy(name).issuer_url if name in scheme.economies else ""


def _tell(
    office: Office, due: _Due, now: datetime, lookup: Lookup | None
) -> str | None:
    """Tell one system; return what went wrong, in a word."""
    try:
        identity = ServiceIdentity.of(office, due.economy, now)
        message = identity.sign(
            TYPE, due.audience, {"event": due.event, "newest": str(due.newest)}, now
        )
        check_url(office, due.url, due.hosts)
        status = _post(office, due.url, message, lookup)
    except Invalid:
        return "address"
    except UnreachableError:
        return "unreachable"
    except IssuerError:
        return "no_service_key"
    return None if 200 <= status < 300 else f"answer {status}"


def _note(office: Office, due: _Due, problem: str | None, now: datetime) -> bool:
    """Keep how it went; tell whether nobody tries any more."""

    def work(session: Session) -> bool:
        hook = session.get(Webhook, due.number, with_for_update=True)
        if hook is None:
            return False
        if problem is None:
            hook.told_to = due.newest
            hook.attempts, hook.problem, hook.due_at = 0, "", now
            return False
        hook.attempts += 1
        hook.problem = problem
        pause = min(_FIRST_PAUSE * 3 ** min(hook.attempts - 1, 10), _LONGEST_PAUSE)
        hook.due_at = now + pause
        if hook.attempts >= ATTEMPTS:
            hook.dead_at = now
        return hook.dead_at is not None

    return office.store.write(work, now=now)


# Where a message may go


def check_url(office: Office, url: str, hosts: Iterable[str]) -> None:
    """Refuse an address that nobody registered, or that hides something.

    Raises:
        Invalid: It is no plain https address of one of the hosts.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _not_allowed() from error
    host = parts.hostname or ""
    is_private = host in office.installation.services.private_hosts
    is_plain = url.isascii() and url.isprintable() and " " not in url
    if (
        host not in set(hosts)
        or not is_plain
        or parts.username is not None
        or parts.password is not None
        or parts.fragment
        or (parts.scheme != "https" and not (is_private and parts.scheme == "http"))
        or (port not in {None, *_PORTS} and not is_private)
    ):
        raise _not_allowed()


def _hosts(session: Session, office: Office, client: str) -> frozenset[str]:
    """Return where a client may be told of events."""
    kind, _, name = client.partition(":")
    if kind == "economy":
        url = office.installation.services.partners.get(name)
        host = urlsplit(url).hostname if url else None
        return frozenset([host] if host else [])
    row = session.scalars(
        select(ServiceClient).where(
            ServiceClient.client_id == name, ServiceClient.retired_at.is_(None)
        )
    ).one_or_none()
    return frozenset(row.hosts.split() if row else ())


def _post(office: Office, url: str, message: str, lookup: Lookup | None) -> int:
    """Send a message to the very address that was looked at; follow nobody elsewhere.

    A host whose name leads to an address of ours, or of somebody's own network, is not
    asked, and what its name leads to a moment later is nothing to us.
    """
    private = office.installation.services.private_hosts

    def check(host: str, addresses: Sequence[str]) -> None:
        # All of them: nobody knows which one would be taken.
        if host not in private and not (addresses and all(map(is_public, addresses))):
            raise _not_allowed()

    outbound = Outbound(check=check) if lookup is None else Outbound(
        check=check, lookup=lookup
    )  # fmt: skip
    try:
        answer = outbound.ask(
            "POST",
            url,
            until=Deadline.after(_LONGEST),
            body=message.encode(),
            headers={"Content-Type": MEDIA_TYPE},
        )
    finally:
        outbound.close()
    return answer.status


def _not_allowed() -> Invalid:
    text = "is no https address of a host that was registered for you"
    return Invalid([("url", "webhook_url", text)])


def _of_client(session: Session, economy: str, client: str) -> list[Webhook]:
    return list(
        session.scalars(
            select(Webhook)
            .where(
                Webhook.economy == economy,
                Webhook.client == client,
                Webhook.retired_at.is_(None),
            )
            .order_by(Webhook.id)
        )
    )


def _view(hook: Webhook) -> WebhookView:
    return WebhookView(
        webhook=hook.id,
        client=hook.client,
        event=hook.event,
        url=hook.url,
        told_to=hook.told_to,
        attempts=hook.attempts,
        problem=hook.problem,
        due_at=hook.due_at,
        dead_at=hook.dead_at,
    )
