"""From the database to what officers' devices have: lists, overlays, keys, policy.

An economy publishes everything at once: its status lists, its overlays over every
other issuer's lists, ``issuer.json`` and ``policy.json``.  The database is read on one
state, then the lists are signed, then published, then the publication is recorded: no
transaction is open while a key or the disk works.  Before anything is signed, the
database is held against the world outside it; see `issuer.standing`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Final, Literal

from pydantic import Field
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from issuer import audit
from issuer.audit import Head, Heads
from issuer.documents import issuer_document, policy_document
from issuer.entries import (
    OwnLists,
    counts,
    differences,
    overlays,
    own_lists,
)
from issuer.errors import Conflict, IssuerError, PublishRefused
from issuer.installation_key import InstallationKey
from issuer.jws import canonical
from issuer.keyholder import HEAD_START, record_of
from issuer.keys import KeyRecord, Signer
from issuer.lists import OverlayStates, StatusStates, overlay_token, status_token
from issuer.office import Desk, Office
from issuer.operations import Answer, Request, operation
from issuer.passport_entries import Kept, list_of
from issuer.passport_list import PassportList, Reported, new_salt, passports_token
from issuer.publish import (
    Journal,
    Keyring,
    Lifetimes,
    Publisher,
    RepositoryStatus,
    Submitter,
)
from issuer.publish.checks import Documents, Shrink, read_list
from issuer.publish.files import read_file, replace_file
from issuer.publish.moments import moment_of, whole_second
from issuer.publish.names import (
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    metadata_file,
)
from issuer.publish.repository import MAX_METADATA, Repository
from issuer.publish.status import read_status
from issuer.reported_passports import reported_passports
from issuer.scheme import Scheme
from issuer.services.identity import renew_if_due
from issuer.standing import Problem, Published, problems
from issuer.store import (
    Account,
    HostedEconomy,
    Issue,
    IssueState,
    KeyState,
    PublicationRow,
    Role,
    ShrinkRequest,
    SigningKey,
)

TTL: Final = timedelta(hours=12)
"""When devices should look for a newer list."""
LIST_AGE: Final = timedelta(days=3)
"""Age at which a device no longer answers from a list, unless its policy says else."""
_SOON: Final = timedelta(days=14)
_KEY_ENDS_SOON: Final = timedelta(days=30)
_MAX_PROBLEMS: Final = 20
"""Told at once; one is enough to stop."""
_NAME: Final = re.compile(
    r"(?P<owner>[A-Z]{3})/(?:status/(?P<own>[0-9]+)"
    r"|overlay/(?P<issuer>[A-Z]{3})/(?P<over>[0-9]+))\.jwt"
)


class Place(Request):
    """Nothing to say: what is asked about is the economy of whoever asks."""


class Tally(Answer):
    """How many entries of a list say what."""

    zero: int
    one: int
    two: int
    three: int


class ListChange(Answer):
    """What would become of one list."""

    name: str
    """As it is published; ``AUS/status/1.jwt``, or an overlay."""
    is_overlay: bool
    """The four numbers are of a destination's answers, not of a card's states."""
    before: Tally | None
    """None for a new list."""
    after: Tally
    changed: int
    """Entries that would say something else."""


class ProblemView(Answer):
    """Something that has to be put right first."""

    code: str
    detail: str


class PassportsChange(Answer):
    """What would become of the list of reported passports."""

    before: int | None
    """Passports on the published list; None where there is none."""
    after: int


class ListsPreview(Answer):
    """What would be published now."""

    lists: list[ListChange]
    passports: PassportsChange | None
    """None where this economy publishes no list of reported passports."""
    new_keys: list[str]
    problems: list[ProblemView]
    """While there are any, nothing is published."""


class PublishLists(Request):
    """What may be said when publishing."""

    approval: int | None = Field(
        default=None, description="Number of an approval for something that goes."
    )
    overdue: bool = Field(
        default=False,
        description="The clock is right: what was published last has ended.",
    )


class ListsPublished(Answer):
    """What was published."""

    at: datetime
    version: int
    """Of this economy's role; the one that its submission asks for."""
    lists: int
    ended: int
    """Entries that are not good any more since the last publication."""
    median_seconds: int | None
    """From the decision to the publication, over those."""
    slowest_seconds: int | None
    submission: str | None
    """The file for the scheme's desk, where another machine publishes."""
    service_keys_until: datetime | None = None
    """How long this economy's system can speak to others'; None where its service keys
    could not be renewed, which takes nothing from the publication."""


class ShrinkApproval(Answer):
    """Leave to let something go, which needs two people."""

    id: int
    is_approved: bool
    shrinks: list[str]


class ApproveShrink(Request):
    """Which request for leave."""

    id: int = Field(description="Number that the first person was given.")


class ListVersion(Answer):
    """One role as published."""

    role: str
    version: int
    expires_at: datetime
    documents: int


class KeyAge(Answer):
    """A signing key, and since when it is known."""

    key_id: str
    use: Literal["card", "status"]
    state: KeyState
    age_days: int
    signs_from: datetime
    signs_until: datetime | None
    ready_at: datetime | None
    """When it may sign first; None while it is not published."""


class PublicationStatus(Answer):
    """What officers' devices have of this economy, and what is wrong with it."""

    last_at: datetime | None
    """The last good publication from here."""
    roles: list[ListVersion]
    next_expiry: datetime | None
    keys: list[KeyAge]
    alarms: list[ProblemView]


@operation(
    "lists.preview",
    "Show what publishing now would change.",
    Role.PUBLISHING,
    Role.AUDIT,
    Role.ADMIN,
    changes=False,
)
def preview(desk: Desk, given: Place) -> ListsPreview:
    """Compare the database with what is published; nothing is signed."""
    before = _published(desk.office, desk.economy)
    draft = _read(desk, before)
    changes = [
        _change(name, before.entries.get(name), entries)
        for name, entries in draft.entries(desk.economy).items()
    ]
    return ListsPreview(
        lists=changes,
        passports=_passports_change(desk, draft, before),
        new_keys=[key.key_id for key in draft.keys if key.key_id not in before.key_ids],
        problems=[ProblemView(code=p.code, detail=p.detail) for p in draft.problems],
    )


@operation(
    "lists.publish", "Publish everything that this economy says.", Role.PUBLISHING
)
def publish(desk: Desk, given: PublishLists) -> ListsPublished:
    """Publish lists, overlays, keys and policy, all or nothing.

    Raises:
        Conflict: ``publication.…``: the database is behind the world outside it.
        PublishRefused: As `Publisher.publish_lists` says.
        SigningError: No status key signs.
    """
    before = _published(desk.office, desk.economy)
    draft = _read(desk, before)
    try:
        _check(draft)
        _keep(desk, draft.head)
        documents = _signed(desk, draft, before)
        approval = _approved(desk, given.approval)
        done = _send(desk, documents, approval, is_overdue=given.overdue)
    except (Conflict, PublishRefused) as error:
        _note_refusal(desk, error.code)
        raise
    return _record(desk, draft, before, done, approval)


@operation(
    "lists.propose_shrink",
    "Ask a second person to let something go that is published.",
    Role.PUBLISHING,
)
def propose_shrink(desk: Desk, given: Place) -> ShrinkApproval:
    """Find out what would go, and ask for leave.

    Raises:
        Conflict: ``shrink.nothing``: nothing would; or as `publish` says.
    """
    before = _published(desk.office, desk.economy)
    draft = _read(desk, before)
    _check(draft)
    shrinks = _shrinks(desk, _signed(desk, draft, before))
    if not shrinks:
        raise Conflict("shrink.nothing", "nothing that is published would go")

    def work(session: Session) -> ShrinkApproval:
        row = ShrinkRequest(
            economy=desk.economy,
            shrinks=canonical(shrinks).decode(),
            reason=desk.reason[: audit.MAX_REASON],
            proposed_by=desk.actor.account_id,
            proposed_at=desk.now,
        )
        session.add(row)
        session.flush()
        desk.log(session, "shrink:proposed", f"shrink:{row.id}", shrinks=shrinks)
        return _approval(row)

    return desk.write(work)


@operation(
    "lists.approve_shrink",
    "Approve, as a second person, that something goes that is published.",
    Role.PUBLISHING,
    by_person=True,
)
def approve_shrink(desk: Desk, given: ApproveShrink) -> ShrinkApproval:
    """Approve; the database refuses whoever asked.

    Raises:
        NotFound: There is no such request.
        Conflict: ``shrink.settled``: it was approved or used.
        Forbidden: ``ck_bulk_four_eyes``.
    """

    def work(session: Session) -> ShrinkApproval:
        row = desk.find(session, ShrinkRequest, given.id)
        if row.approved_at is not None:
            raise Conflict("shrink.settled", "it was approved already")
        row.approved_by, row.approved_at = desk.actor.account_id, desk.now
        desk.log(
            session, "shrink:approved", f"shrink:{row.id}", proposed_by=row.proposed_by
        )
        return _approval(row)

    return desk.write(work)


@operation(
    "publication.status",
    "Show what officers' devices have, and what is wrong with it.",
    Role.PUBLISHING,
    Role.AUDIT,
    Role.ADMIN,
    changes=False,
)
def status(desk: Desk, given: Place) -> PublicationStatus:
    """Describe what is published of this economy."""
    alarms: list[Problem] = []
    found = _status_of(desk.office, alarms)
    roles = [
        ListVersion(
            role=each.role,
            version=each.version,
            expires_at=each.expires_at,
            documents=each.documents,
        )
        for each in (found.roles if found else ())
        if each.role in {desk.economy, ROOT, TARGETS, SNAPSHOT, TIMESTAMP}
    ]
    try:
        before = _published(desk.office, desk.economy)
        alarms += _read(desk, before).problems
    except IssuerError as error:
        alarms.append(Problem(code="publication.unreadable", detail=str(error)))
    last_at, keys = desk.read(lambda s: (_last_at(s, desk.economy), _keys(s, desk)))
    alarms += _ageing(desk, last_at, roles)
    alarms += _key_alarms(keys, desk.now)
    alarms += desk.read(lambda session: list(_log_alarms(session, desk)))
    return PublicationStatus(
        last_at=last_at,
        roles=roles,
        next_expiry=min((each.expires_at for each in roles), default=None),
        keys=keys,
        alarms=[ProblemView(code=each.code, detail=each.detail) for each in alarms],
    )


# Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """What is published, of one economy and of the others' lists."""

    documents: Documents
    lists: Published
    others: Mapping[tuple[str, int], int]
    """Entries of other issuers' published lists, by issuer and number."""

    @property
    def entries(self) -> dict[str, bytes]:
        """By the names of this economy's documents."""
        return {
            name: read_list(data)[1]
            for name, data in self.documents.items()
            if _NAME.fullmatch(name)
        }

    def passports(self, economy: str) -> tuple[datetime, PassportList] | None:
        """When the list of reported passports was signed, and what is in it."""
        token = self.documents.get(_passports_name(economy))
        return PassportList.read(token) if token else None

    @property
    def key_ids(self) -> frozenset[str]:
        """Keys in the published ``issuer.json``."""
        for name, data in self.documents.items():
            if name.endswith("/issuer.json"):
                return frozenset(key["kid"] for key in json.loads(data)["keys"])
        return frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """What the database says, on one state of it."""

    scheme: Scheme
    is_test: bool
    own: OwnLists
    overlays: Mapping[tuple[str, int], bytes]
    keys: tuple[KeyRecord, ...]
    head: Head
    problems: tuple[Problem, ...]
    passports: frozenset[Reported] | None
    """Reported ones; None where the economy publishes no list of them."""

    def entries(self, economy: str) -> dict[str, bytes]:
        """By the names of this economy's documents, sorted."""
        own = {
            f"{economy}/status/{number}.jwt": entries
            for number, entries in sorted(self.own.entries.items())
        }
        over = {
            f"{economy}/overlay/{issuer}/{number}.jwt": entries
            for (issuer, number), entries in sorted(self.overlays.items())
        }
        return own | over


def published_lists(office: Office, economy: str) -> Published:
    """Return the lists that an economy has published; empty where there are none.

    Raises:
        PublishRefused: ``repository.damaged``.
    """
    return _published(office, economy).lists


def _published(office: Office, economy: str) -> _Before:
    folder = office.installation.path(office.installation.publish.out)
    if not (folder / "metadata").is_dir():
        return _before({}, {})
    repository = Repository.load(folder)
    documents: Documents = {}
    if economy in repository.targets:
        documents = repository.documents(folder, economy)
    others: dict[tuple[str, int], int] = {}
    for other in repository.economies:
        if other != economy:
            others.update(_sizes(folder, repository, other))
    return _before(documents, others)


def _before(documents: Documents, others: Mapping[tuple[str, int], int]) -> _Before:
    own: dict[int, bytes] = {}
    over: dict[tuple[str, int], bytes] = {}
    signed_at: dict[tuple[str, int], datetime] = {}
    for name, data in documents.items():
        parts = _NAME.fullmatch(name)
        if not parts:
            continue
        iat, entries = read_list(data)
        if parts["own"]:
            own[int(parts["own"])] = entries
        else:
            key = parts["issuer"], int(parts["over"])
            over[key], signed_at[key] = entries, iat
    lists = Published(own=own, overlays=over, overlays_at=signed_at)
    return _Before(documents=documents, lists=lists, others=others)


def _sizes(
    folder: Path, repository: Repository, issuer: str
) -> Iterator[tuple[tuple[str, int], int]]:
    for name in repository.targets[issuer].signed.targets:
        parts = _NAME.fullmatch(name)
        if parts and parts["own"] and parts["owner"] == issuer:
            data = repository.documents(folder, issuer, name)[name]
            yield (issuer, int(parts["own"])), len(read_list(data)[1])


def _read(desk: Desk, before: _Before) -> _Draft:
    def work(session: Session) -> _Draft:
        scheme = desk.office.scheme(session)
        own = own_lists(
            session,
            desk.economy,
            published=before.lists.own,
            capacity=scheme.economy(desk.economy).list_capacity,
        )
        over = _with_others(overlays(session, desk.economy, scheme=scheme), before)
        found = problems(
            session,
            desk.office.installation,
            desk.economy,
            own=own,
            overlays=over,
            published=before.lists,
        )
        return _Draft(
            scheme=scheme,
            is_test=session.get_one(HostedEconomy, desk.economy).is_test,
            own=own,
            overlays=over,
            keys=_published_keys(session, desk.economy),
            head=_head(session, desk.economy),
            problems=tuple(islice(found, _MAX_PROBLEMS)),
            passports=_reported(session, desk),
        )

    return desk.read(work)


def _reported(session: Session, desk: Desk) -> frozenset[Reported] | None:
    if desk.economy not in desk.office.installation.publish.passports:
        return None
    today = desk.now.astimezone(UTC).date()
    return reported_passports(session, desk.economy, today=today)


def _passports_change(
    desk: Desk, draft: _Draft, before: _Before
) -> PassportsChange | None:
    if draft.passports is None:
        return None
    published = before.passports(desk.economy)
    return PassportsChange(
        before=len(published[1]) if published else None, after=len(draft.passports)
    )


def _with_others(
    made: Mapping[tuple[str, int], bytes], before: _Before
) -> dict[tuple[str, int], bytes]:
    """Add what only the outside knows: others' lists, and what was published once."""
    empty = {key: bytes(size) for key, size in before.others.items()}
    once = {key: bytes(len(each)) for key, each in before.lists.overlays.items()}
    return {**once, **empty, **made}


def _published_keys(session: Session, economy: str) -> tuple[KeyRecord, ...]:
    query = (
        select(SigningKey)
        .where(SigningKey.economy == economy, SigningKey.state != KeyState.RETIRED)
        .order_by(SigningKey.key_id)
    )
    return tuple(record_of(row) for row in session.scalars(query))


def _head(session: Session, economy: str) -> Head:
    start = Head(economy=economy, seq=0, hash=audit.START)
    return audit.heads(session).get(economy, start)


def _change(name: str, before: bytes | None, after: bytes) -> ListChange:
    return ListChange(
        name=name,
        is_overlay="/overlay/" in name,
        before=None if before is None else _tally(before),
        after=_tally(after),
        changed=sum(1 for _ in differences(before or b"", after)),
    )


def _tally(entries: bytes) -> Tally:
    zero, one, two, three = counts(entries)
    return Tally(zero=zero, one=one, two=two, three=three)


# Signing and sending


@dataclass(frozen=True, slots=True, kw_only=True)
class _Approval:
    id: int
    shrinks: frozenset[str]
    people: tuple[int, ...]
    logins: frozenset[str]


_NO_APPROVAL: Final = _Approval(
    id=0, shrinks=frozenset(), people=(), logins=frozenset()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    version: int
    submission: str | None = None


def _check(draft: _Draft) -> None:
    if draft.problems:
        first = draft.problems[0]
        raise Conflict(first.code, first.detail)


def _keep(desk: Desk, head: Head) -> None:
    if head.seq:
        heads = Heads(path=desk.office.installation.audit_heads)
        heads.keep(head, at=desk.now)


def _signed(desk: Desk, draft: _Draft, before: _Before) -> dict[str, bytes]:
    signer, _ = desk.office.signers.signer(desk.economy, "status", now=desk.now)
    return {
        **_facts(desk, draft, before),
        **_lists(desk, draft, signer),
        **_passports(desk, draft, before, signer),
    }


def _passports_name(economy: str) -> str:
    return f"{economy}/passports.jwt"


def _passports(
    desk: Desk, draft: _Draft, before: _Before, signer: Signer
) -> dict[str, bytes]:
    """Sign the list of reported passports, if there is one to be.

    One that says the same stays as long as devices do not look for a newer one: it is
    large, and of what has not changed nobody needs another copy.
    """
    if draft.passports is None:
        return {}
    name, economy = _passports_name(desk.economy), desk.economy
    at, published = whole_second(desk.now), before.passports(economy)
    installation = desk.office.installation
    listed = list_of(
        draft.passports,
        economy=economy,
        salt=published[1].salt if published else new_salt(),
        kept=Kept(
            installation.passport_entries(economy),
            InstallationKey.load(installation.web_key),
        ),
    )
    if published and published[1] == listed and at - published[0] < TTL:
        return {name: before.documents[name]}
    token = passports_token(
        listed,
        uri=f"{draft.scheme.economy(economy).issuer_url}/passports",
        iat=at,
        exp=at + timedelta(days=installation.publish.list_days),
        ttl=TTL,
        signer=signer,
    )
    return {name: token}


def _lists(desk: Desk, draft: _Draft, signer: Signer) -> dict[str, bytes]:
    url = draft.scheme.economy(desk.economy).issuer_url
    at = whole_second(desk.now)
    ends_at = at + timedelta(days=desk.office.installation.publish.list_days)
    signed: dict[str, bytes] = {}
    for number, entries in sorted(draft.own.entries.items()):
        signed[f"{desk.economy}/status/{number}.jwt"] = status_token(
            StatusStates(entries=entries),
            uri=f"{url}/status/{number}",
            iat=at,
            exp=ends_at,
            ttl=TTL,
            signer=signer,
        )
    for (issuer, number), entries in sorted(draft.overlays.items()):
        signed[f"{desk.economy}/overlay/{issuer}/{number}.jwt"] = overlay_token(
            OverlayStates(entries=entries),
            uri=f"{url}/overlay/{issuer}/{number}",
            iat=at,
            exp=ends_at,
            ttl=TTL,
            signer=signer,
        )
    return signed


def _facts(desk: Desk, draft: _Draft, before: _Before) -> dict[str, bytes]:
    """Build the two JSON documents; one that says the same stays, with its date."""
    economy = desk.economy

    def issuer(at: datetime) -> bytes:
        return issuer_document(
            draft.scheme, economy, keys=draft.keys, issued_at=at, is_test=draft.is_test
        )

    def policy(at: datetime) -> bytes:
        return policy_document(draft.scheme, economy, issued_at=at)

    made = {f"{economy}/issuer.json": issuer, f"{economy}/policy.json": policy}
    facts = {}
    for name, build in made.items():
        old = before.documents.get(name)
        is_same = old is not None and build(_issued_at(old)) == old
        facts[name] = old if old is not None and is_same else build(desk.now)
    return facts


def _issued_at(document: bytes) -> datetime:
    return moment_of(json.loads(document)["issued_at"])


def open_publisher(office: Office, *, is_overdue: bool = False) -> Publisher:
    """Return the publisher of an installation, as its settings say.

    Raises:
        PublishRefused: ``place.public``.
        SettingsError: The file of lifetimes cannot be used.
    """
    places, installation = office.installation.publish, office.installation
    return Publisher(
        folder=installation.path(places.out),
        journal=Journal(path=installation.path(places.journal)),
        keyring=_keyring(office),
        lifetimes=_lifetimes(office),
        is_overdue=is_overdue,
    )


def _keyring(office: Office) -> Keyring:
    folders = [
        office.installation.path(each) for each in office.installation.publish.keys
    ]
    return Keyring(folders, office.publish_passphrase)


def _lifetimes(office: Office) -> Lifetimes:
    file = office.installation.publish.lifetimes
    return Lifetimes.load(office.installation.path(file)) if file else Lifetimes()


def _send(
    desk: Desk, documents: Documents, approval: _Approval, *, is_overdue: bool
) -> _Sent:
    if desk.office.installation.publish.submissions:
        return _submit(desk, documents)
    publisher = open_publisher(desk.office, is_overdue=is_overdue)
    if approval.logins:
        _check_covered(approval, _shrinks(desk, documents))
    done = publisher.publish_lists(
        desk.economy, documents, now=desk.now, approvals=approval.logins
    )
    return _Sent(version=done.versions[desk.economy])


def _submit(desk: Desk, documents: Documents) -> _Sent:
    """Sign into a file; what goes is approved where it is published."""
    installation, places = desk.office.installation, desk.office.installation.publish
    submitter = Submitter(
        economy=desk.economy,
        keyring=_keyring(desk.office),
        lifetimes=_lifetimes(desk.office),
    )
    submission, _ = submitter.sign(
        documents,
        published=installation.path(places.out),
        first_root=read_file(installation.path(places.first_root), MAX_METADATA),
        now=desk.now,
    )
    version = submission.role.version
    name = f"{desk.economy}-{version}.submission.json"
    path = installation.path(str(places.submissions)) / name
    replace_file(path, submission.to_bytes())
    return _Sent(version=version, submission=str(path))


def _shrinks(desk: Desk, documents: Documents) -> list[str]:
    if desk.office.installation.publish.submissions:
        raise Conflict(
            "shrink.elsewhere", "two people approve it where it is published"
        )
    found = open_publisher(desk.office).shrinks(desk.economy, documents, now=desk.now)
    return [_shrink_text(each) for each in found]


def _shrink_text(shrink: Shrink) -> str:
    return f"{shrink.code}: {shrink.detail}"


def _approved(desk: Desk, number: int | None) -> _Approval:
    if number is None:
        return _NO_APPROVAL

    def work(session: Session) -> _Approval:
        row = desk.find(session, ShrinkRequest, number)
        if row.approved_at is None or row.used_at is not None:
            raise Conflict("shrink.settled", "it is not approved, or was used already")
        people = (row.proposed_by, row.approved_by or row.proposed_by)
        names = session.scalars(select(Account.login).where(Account.id.in_(people)))
        return _Approval(
            id=row.id,
            shrinks=frozenset(json.loads(row.shrinks)),
            people=people,
            logins=frozenset(names),
        )

    return desk.read(work)


def _check_covered(approval: _Approval, shrinks: list[str]) -> None:
    more = sorted(set(shrinks) - approval.shrinks)
    if more:
        raise Conflict("shrink.more", f"more would go than was approved: {more[0]}")


def _approval(row: ShrinkRequest) -> ShrinkApproval:
    return ShrinkApproval(
        id=row.id,
        is_approved=row.approved_at is not None,
        shrinks=json.loads(row.shrinks),
    )


# Recording


def _note_refusal(desk: Desk, code: str) -> None:
    subject = f"economy:{desk.economy}"
    desk.write(lambda s: desk.log(s, "publication:refused", subject, code=str(code)))


def _record(
    desk: Desk, draft: _Draft, before: _Before, done: _Sent, approval: _Approval
) -> ListsPublished:
    delays = _delays(draft, before, desk.now)
    entries = draft.entries(desk.economy)
    details = {
        "version": done.version,
        "submission": done.submission is not None,
        "lists": {name: counts(each) for name, each in entries.items()},
        "passports": None if draft.passports is None else len(draft.passports),
        "delays": delays,
    }
    seen = before.key_ids if done.submission else {key.key_id for key in draft.keys}

    def work(session: Session) -> Head:
        other = [each for each in approval.people if each != desk.actor.account_id]
        session.add(
            PublicationRow(
                economy=desk.economy,
                at=desk.now,
                by=desk.actor.account_id,
                audit_seq=draft.head.seq,
                approved_by=other[0] if other else None,
                details=canonical(details).decode(),
            )
        )
        if approval.id:
            session.get_one(ShrinkRequest, approval.id).used_at = desk.now
        _mark_published(session, desk, seen)
        _log_publication(session, desk, done, entries, delays)
        return _head(session, desk.economy)

    _keep(desk, desk.write(work))
    return ListsPublished(
        at=desk.now,
        version=done.version,
        lists=len(entries),
        ended=len(delays),
        median_seconds=round(median(delays)) if delays else None,
        slowest_seconds=max(delays, default=None),
        submission=done.submission,
        service_keys_until=_renewed_until(desk),
    )


def _renewed_until(desk: Desk) -> datetime | None:
    """Have the status key, which is at hand now, delegate for the next days too."""
    try:
        return renew_if_due(desk.office, desk.economy, desk.now).expires_at
    except (IssuerError, OSError):
        return None


def _log_publication(
    session: Session,
    desk: Desk,
    done: _Sent,
    entries: Mapping[str, bytes],
    delays: list[int],
) -> None:
    subject = f"economy:{desk.economy}"
    if done.submission:
        desk.log(
            session,
            "publication:submitted",
            subject,
            version=done.version,
            lists=len(entries),
        )
        return
    desk.log(
        session,
        "publication:published",
        subject,
        version=done.version,
        lists=len(entries),
        ended=len(delays),
    )


def _delays(draft: _Draft, before: _Before, now: datetime) -> list[int]:
    """Return the age in seconds of each decision that is news with this publication."""
    delays = []
    for number, entries in draft.own.entries.items():
        for each in differences(before.lists.own.get(number, b""), entries):
            at = draft.own.changed_at.get((number, each.index))
            if each.after and at is not None:
                delays.append(max(0, int((now - at).total_seconds())))
    return sorted(delays)


def _mark_published(
    session: Session, desk: Desk, key_ids: frozenset[str] | set[str]
) -> None:
    query = select(SigningKey).where(
        SigningKey.economy == desk.economy,
        SigningKey.state == KeyState.MADE,
        SigningKey.key_id.in_(key_ids),
    )
    for row in session.scalars(query):
        row.state, row.published_at = KeyState.PUBLISHED, desk.now
        desk.log(
            session,
            "signing_key:published",
            f"signing_key:{row.id}",
            key_id=row.key_id,
            use=row.use,
        )


# Health


_NONE_YET: Final = (
    "there is no repository to publish to yet; whoever runs this service makes it"
)


def _status_of(office: Office, alarms: list[Problem]) -> RepositoryStatus | None:
    installation = office.installation
    places = installation.publish
    folder = installation.path(places.out)
    journal = Journal(path=installation.path(places.journal))
    is_begun = journal.path.exists() or (folder / metadata_file(ROOT, 1)).exists()
    if not is_begun:
        alarms.append(Problem(code="publication.none", detail=_NONE_YET))
        return None
    try:
        return read_status(folder, None if places.submissions else journal)
    except PublishRefused as error:
        alarms.append(Problem(code=error.code, detail=error.detail))
        return None


def _last_at(session: Session, economy: str) -> datetime | None:
    return session.scalars(
        select(PublicationRow.at)
        .where(PublicationRow.economy == economy)
        .order_by(PublicationRow.at.desc())
        .limit(1)
    ).one_or_none()


def _keys(session: Session, desk: Desk) -> list[KeyAge]:
    query = (
        select(SigningKey)
        .where(SigningKey.economy == desk.economy)
        .order_by(SigningKey.use, SigningKey.signs_from)
    )
    return [key_age(row, desk.now) for row in session.scalars(query)]


def key_age(row: SigningKey, now: datetime) -> KeyAge:
    """Describe a key at a moment."""
    record = record_of(row)
    start = row.signs_from
    ready_at = start if row.use == "status" else None
    if row.use == "card" and row.published_at:
        ready_at = max(start, row.published_at + HEAD_START)
    return KeyAge(
        key_id=row.key_id,
        use=record.use,
        state=row.state,
        age_days=(now - row.added_at).days,
        signs_from=row.signs_from,
        signs_until=row.signs_until,
        ready_at=None if row.state == KeyState.RETIRED else ready_at,
    )


def _ageing(
    desk: Desk, last_at: datetime | None, roles: list[ListVersion]
) -> Iterator[Problem]:
    if last_at is None:
        yield Problem(code="lists.none", detail="nothing was published from here yet")
    elif desk.now - last_at >= LIST_AGE / 2:
        hours = int((desk.now - last_at).total_seconds() // 3600)
        yield Problem(
            code="lists.old",
            detail=f"the lists are {hours} hours old, and devices use them for "
            f"{LIST_AGE.days * 24}",
        )
    for each in roles:
        is_online = each.role in {SNAPSHOT, TIMESTAMP}
        if each.expires_at <= desk.now:
            detail = f"{each.role} ended at {each.expires_at}"
            yield Problem(code="role.expired", detail=detail)
        elif not is_online and each.expires_at <= desk.now + _SOON:
            detail = f"{each.role} ends at {each.expires_at}"
            yield Problem(code="role.ends_soon", detail=detail)


def _key_alarms(keys: list[KeyAge], now: datetime) -> Iterator[Problem]:
    for use in ("card", "status"):
        usable = [
            key
            for key in keys
            if key.use == use
            and key.ready_at is not None
            and key.ready_at <= now
            and (key.signs_until is None or now < key.signs_until)
        ]
        if not usable:
            yield Problem(code="key.none", detail=f"no {use} key may sign now")
        elif all(
            key.signs_until and key.signs_until <= now + _KEY_ENDS_SOON
            for key in usable
        ):
            yield Problem(code="key.ends_soon", detail=f"the last {use} key ends soon")
    for key in keys:
        if key.state == KeyState.MADE:
            detail = f"{key.key_id} waits for a publication"
            yield Problem(code="key.not_published", detail=detail)


def _log_alarms(session: Session, desk: Desk) -> Iterator[Problem]:
    signed = select(
        exists().where(Issue.economy == desk.economy, Issue.state == IssueState.SIGNED)
    )
    path = desk.office.installation.issue_log
    if not path.exists() and session.scalar(signed):
        detail = "cards were signed, but the record of signatures on disk is not there"
        yield Problem(code="issue_log.missing", detail=detail)
