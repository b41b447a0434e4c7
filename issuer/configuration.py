"""What an installation is set to: its economies, the scheme's versions, its keys.

The scheme's facts and rules change by a new version of the whole file, which one
person proposes and another approves; the newest approved one is in force.  Of keys,
only what is published is kept here.
"""

import json
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, ConfigDict, Field
from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import Session

from issuer.dated import Fact
from issuer.economy import Economy
from issuer.errors import Conflict, Invalid, NotFound, SchemeError, SigningError
from issuer.keyholder import KeyStock, record_of
from issuer.keys import KeyRecord, Signer
from issuer.office import Desk
from issuer.operations import Answer, Request, once, operation
from issuer.publication import KeyAge, key_age
from issuer.publish.moments import whole_second
from issuer.scheme import Scheme
from issuer.setting_up import add_economy, add_signing_key
from issuer.store import (
    Card,
    HostedEconomy,
    Issue,
    IssueState,
    KeyState,
    Role,
    SchemeText,
    SigningKey,
)

MAX_SCHEME: Final = 4 * 2**20
"""Characters of a scheme file; the packaged one has about 60,000."""
_EVERYBODY: Final = tuple(Role)
_Code = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="Alpha-3 code.")]
_At = Annotated[
    AwareDatetime | None, Field(description="The moment asked about; now if left out.")
]
_DATED: Final = ("starts_at", "ends_at", "mark", "source")
_SUBJECTS: Final = ("from", "form", "moment", "kind", "issuer", "nationality", "value")
"""What tells one row of a key from another, for people: the first are the strongest."""


# Economies


class HostEconomy(Request):
    """An economy that this installation shall work for as well."""

    code: _Code
    administrator: str = Field(
        pattern=r"^[a-z0-9][a-z0-9._-]{1,62}$",
        description="Login of its first administrator.",
    )
    display_name: str = Field(
        min_length=1, max_length=100, description="Name of its first administrator."
    )
    is_test: bool = Field(
        default=False, description="Its cards are never green on any device."
    )


class EconomyHosted(Answer):
    """What its first administrator signs in with."""

    code: str
    administrator: str
    password: str
    """Shown this once; to be changed at the first sign-in."""


class ListEconomies(Request):
    """Nothing to say."""


class HostedView(Answer):
    """An economy that this installation works for."""

    code: str
    name: str
    since: datetime
    is_test: bool


class Economies(Answer):
    """Every economy that this installation works for."""

    economies: list[HostedView]


class ShowEconomy(Request):
    """Which economy, and when."""

    code: _Code
    at: _At = None


class FactView(Answer):
    """One thing that holds at a moment, how sure it is, and who says so."""

    key: str
    says: dict[str, Any]
    starts_at: datetime | None
    ends_at: datetime | None
    mark: Literal["verified", "reported", "assumed"]
    source: str


class EconomyView(Answer):
    """What is known of an economy at a moment; what is not listed is not known."""

    code: str
    name: str
    at: datetime
    is_hosted: bool
    issuer_url: str
    list_capacity: int
    facts: list[FactView]


@operation("economy.host", "Work for one more economy.", Role.ADMIN)
def host_economy(desk: Desk, given: HostEconomy) -> EconomyHosted:
    """Add an economy with its first administrator.

    Raises:
        Invalid: The scheme has no such economy.
        Conflict: ``economy.hosted``: it is there; ``economy.told_of``: requests that it
            made from elsewhere are here, and would become its own records.
        Forbidden: ``uq_account_login``.
    """

    def work(session: Session) -> EconomyHosted:
        if given.code not in desk.office.scheme(session).economies:
            text = "is no economy of the scheme"
            raise Invalid([("code", "unknown", text)])
        if session.get(HostedEconomy, given.code):
            raise Conflict("economy.hosted", f"{given.code} is here already")
        told = select(Card.id).where(
            Card.told_to.is_not(None), Card.economy == given.code
        )
        if session.scalar(told.limit(1)) is not None:
            text = f"requests that {given.code} made from elsewhere are kept here"
            raise Conflict("economy.told_of", text)
        password = add_economy(
            session,
            given.code,
            administrator=given.administrator,
            display_name=given.display_name,
            now=desk.now,
            is_test=given.is_test,
            created_by=desk.actor.account_id,
        )
        subject = f"economy:{given.code}"
        desk.log(session, "economy:hosted", subject, is_test=given.is_test)
        return EconomyHosted(
            code=given.code, administrator=given.administrator, password=password
        )

    # Not `once`: its receipt would keep the password.
    return desk.write(work)


@operation("economy.list", "List the economies worked for.", *_EVERYBODY, changes=False)
def list_economies(desk: Desk, given: ListEconomies) -> Economies:
    """List every hosted economy, by code."""

    def work(session: Session) -> Economies:
        scheme = desk.office.scheme(session)
        rows = session.scalars(select(HostedEconomy).order_by(HostedEconomy.code))
        return Economies(
            economies=[
                HostedView(
                    code=row.code,
                    name=scheme.economy(row.code).name,
                    since=row.since,
                    is_test=row.is_test,
                )
                for row in rows
            ]
        )

    return desk.read(work)


@operation(
    "economy.show",
    "Show the facts about an economy that hold at a moment.",
    *_EVERYBODY,
    changes=False,
)
def show_economy(desk: Desk, given: ShowEconomy) -> EconomyView:
    """Show each fact with its mark and source.

    Raises:
        NotFound: The scheme has no such economy.
    """
    at = given.at or desk.now

    def work(session: Session) -> EconomyView:
        economy = desk.office.scheme(session).economies.get(given.code)
        if economy is None:
            raise NotFound(f"the scheme has no economy {given.code}")
        return EconomyView(
            code=economy.code,
            name=economy.name,
            at=at,
            is_hosted=session.get(HostedEconomy, given.code) is not None,
            issuer_url=economy.issuer_url,
            list_capacity=economy.list_capacity,
            facts=list(facts_at(economy, at)),
        )

    return desk.read(work)


def facts_at(economy: Economy, at: datetime) -> Iterator[FactView]:
    """Yield what is in force, in the order of the file's keys."""
    for key in Economy.model_fields:
        rows = getattr(economy, key)
        if isinstance(rows, tuple):
            yield from (_fact(key, row) for row in rows if row.holds(at))


def _fact(key: str, row: Fact) -> FactView:
    says = row.model_dump(mode="json", exclude={*_DATED}, exclude_none=True)
    return FactView(
        key=key,
        says=says,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        mark=row.mark,
        source=row.source,
    )


# The scheme's versions


class ProposeScheme(Request):
    """A new version of the whole file."""

    model_config = ConfigDict(str_strip_whitespace=False)

    text: str = Field(
        max_length=MAX_SCHEME, description="The file, TOML; see scheme.toml's head."
    )


class SchemeVersion(Answer):
    """A version of the scheme."""

    id: int
    state: Literal["proposed", "approved", "rejected"]
    sha256: str
    reason: str
    proposed_by: int
    proposed_at: datetime
    approved_at: datetime | None


class SchemeId(Request):
    """Which version."""

    id: int = Field(description="Number of the version.")


class DiffScheme(Request):
    """Which version, against which."""

    id: int = Field(description="Number of the version.")
    against: int | None = Field(
        default=None, description="Another version; the one in force if left out."
    )


class SchemeChange(Answer):
    """One row or value that differs."""

    path: str
    """Key path, such as ``economy.AUS.max_stay``."""
    change: Literal["added", "removed", "changed"]
    before: str | None
    after: str | None


class SchemeDiff(Answer):
    """Everything that differs, by key path."""

    changes: list[SchemeChange]


class SchemeWhich(Request):
    """Which version's text."""

    id: int | None = Field(
        default=None, description="Number of a version; the one in force if left out."
    )


class SchemeFile(Answer):
    """The whole file of a version."""

    text: str
    sha256: str


class ListSchemes(Request):
    """Nothing to say."""


class SchemeVersions(Answer):
    """Every version, the newest first."""

    versions: list[SchemeVersion]


class PreviewScheme(Request):
    """Which version, on which day."""

    id: int | None = Field(
        default=None, description="Number of a version; the one in force if left out."
    )
    at: _At = None


class EconomyPreview(Answer):
    """How an economy stands on a day; None is not known."""

    code: str
    name: str
    membership: str | None
    mode: list[str] | None
    """Forms that it issues."""
    accepts_app: bool | None
    accepts_physical: bool | None
    max_stay: str | None
    exclusions: list[str]
    """Whom it treats apart, as destination, in words."""
    destinations: list[str]
    """Whom its own nationals' cards are sent to."""


class SchemePreview(Answer):
    """How things stand on a day."""

    at: datetime
    economies: list[EconomyPreview]


@operation("scheme.propose", "Propose a new version of the scheme.", Role.ADMIN)
def propose_scheme(desk: Desk, given: ProposeScheme) -> SchemeVersion:
    """Check a version whole, and keep it for a second person.

    Raises:
        Invalid: ``text``: what is wrong, with its key path.
    """
    scheme = _parsed(given.text)

    def work(session: Session) -> SchemeVersion:
        _check_hosted(session, desk, scheme)
        row = SchemeText(
            text=given.text,
            sha256=sha256(given.text.encode()).hexdigest(),
            reason=desk.reason[:500],
            proposed_by=desk.actor.account_id,
            proposed_at=desk.now,
        )
        session.add(row)
        session.flush()
        desk.log(session, "scheme:proposed", f"scheme:{row.id}", sha256=row.sha256)
        return _version(row)

    return once(desk, given, SchemeVersion, work)


@operation(
    "scheme.list", "List the versions of the scheme.", *_EVERYBODY, changes=False
)
def list_schemes(desk: Desk, given: ListSchemes) -> SchemeVersions:
    """List them, the newest first."""
    query = select(SchemeText).order_by(SchemeText.id.desc()).limit(200)
    rows = desk.read(lambda session: session.scalars(query).all())
    return SchemeVersions(versions=[_version(row) for row in rows])


@operation(
    "scheme.text", "Give the whole file of a version.", *_EVERYBODY, changes=False
)
def scheme_text(desk: Desk, given: SchemeWhich) -> SchemeFile:
    """Return a version's text, to be changed and proposed.

    Raises:
        NotFound: There is no such version.
    """

    def work(session: Session) -> str:
        if given.id is None:
            return _text_in_force(session)
        return _text(session, given.id).text

    text = desk.read(work)
    return SchemeFile(text=text, sha256=sha256(text.encode()).hexdigest())


@operation(
    "scheme.diff", "Show what a version would change.", *_EVERYBODY, changes=False
)
def diff_scheme(desk: Desk, given: DiffScheme) -> SchemeDiff:
    """Compare a version with another, row by row.

    Raises:
        NotFound: There is no such version.
    """

    def work(session: Session) -> SchemeDiff:
        after = _text(session, given.id).text
        if given.against is None:
            before = _text_in_force(session)
        else:
            before = _text(session, given.against).text
        return SchemeDiff(changes=list(scheme_changes(before, after)))

    return desk.read(work)


@operation(
    "scheme.approve",
    "Approve a version, as a second person.",
    Role.ADMIN,
    by_person=True,
)
def approve_scheme(desk: Desk, given: SchemeId) -> SchemeVersion:
    """Put a version in force.

    Raises:
        NotFound: There is no such version.
        Conflict: ``scheme.settled``: it was approved or rejected; ``scheme.stale``:
            another version was approved since it was proposed.
        Forbidden: ``ck_scheme_text_four_eyes``: whoever proposed cannot approve.
        Invalid: This program's checks refuse it now.
    """

    def work(session: Session) -> SchemeVersion:
        row = _open_text(session, given.id)
        _check_not_stale(session, row)
        _check_hosted(session, desk, _parsed(row.text))
        row.approved_by, row.approved_at = desk.actor.account_id, desk.now
        desk.log(
            session,
            "scheme:approved",
            f"scheme:{row.id}",
            sha256=row.sha256,
            proposed_by=row.proposed_by,
        )
        return _version(row)

    return once(desk, given, SchemeVersion, work)


@operation("scheme.reject", "Reject a version.", Role.ADMIN)
def reject_scheme(desk: Desk, given: SchemeId) -> SchemeVersion:
    """Put a version away; its proposer may do so as well.

    Raises:
        NotFound: There is no such version.
        Conflict: ``scheme.settled``: it was approved or rejected.
    """

    def work(session: Session) -> SchemeVersion:
        row = _open_text(session, given.id)
        row.rejected_at = desk.now
        desk.log(
            session,
            "scheme:rejected",
            f"scheme:{row.id}",
            sha256=row.sha256,
            proposed_by=row.proposed_by,
        )
        return _version(row)

    return once(desk, given, SchemeVersion, work)


@operation(
    "scheme.preview", "Show how things stand on a day.", *_EVERYBODY, changes=False
)
def preview_scheme(desk: Desk, given: PreviewScheme) -> SchemePreview:
    """Show modes, forms, stays, exclusions and destinations on a day.

    Raises:
        NotFound: There is no such version.
    """
    at = given.at or desk.now

    def work(session: Session) -> Scheme:
        if given.id is None:
            return desk.office.scheme(session)
        return _parsed(_text(session, given.id).text)

    scheme = desk.read(work)
    return SchemePreview(
        at=at, economies=[_preview(scheme, code, at) for code in scheme.economies]
    )


def scheme_changes(before: str, after: str) -> Iterator[SchemeChange]:
    """Yield what differs between two scheme files, by key path.

    Rows of a list have no names: those that are in one file only and agree in what
    they are about (when they begin, form, kind, issuer, ...) are one changed row.
    """
    old, new = _flat(tomllib.loads(before)), _flat(tomllib.loads(after))
    for path in sorted(old.keys() | new.keys()):
        yield from _path_changes(path, old.get(path), new.get(path))


def _flat(table: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Give each value that is no table its key path; a list stays whole."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        here = f"{path}.{key}" if path else key
        if isinstance(value, dict):
            found |= _flat(value, here)
        else:
            found[here] = value
    return found


def _path_changes(path: str, old: Any, new: Any) -> Iterator[SchemeChange]:
    gone, come = Counter(_rows(old)), Counter(_rows(new))
    removed, added = list((gone - come).elements()), list((come - gone).elements())
    for row in list(removed):
        match = _same_subject(row, added)
        if match is not None:
            added.remove(match)
            removed.remove(row)
            yield SchemeChange(path=path, change="changed", before=row, after=match)
    for row in removed:
        yield SchemeChange(path=path, change="removed", before=row, after=None)
    for row in added:
        yield SchemeChange(path=path, change="added", before=None, after=row)


def _rows(value: Any) -> list[str]:
    if value is None:
        return []
    rows = value if isinstance(value, list) else [value]
    return [json.dumps(row, ensure_ascii=False, default=str) for row in rows]


def _same_subject(row: str, others: list[str]) -> str | None:
    subject = _subject(row)
    return next((each for each in others if _subject(each) == subject), None)


def _subject(row: str) -> Any:
    value = json.loads(row)
    if not isinstance(value, dict):
        return None
    return [value.get(key) for key in _SUBJECTS[:-1]]


def _parsed(text: str) -> Scheme:
    try:
        return Scheme.from_toml(text)
    except SchemeError as error:
        raise Invalid([("text", "scheme", str(error))]) from error


def _check_hosted(session: Session, desk: Desk, scheme: Scheme) -> None:
    """Refuse a version in which an economy that is hosted here loses its ground."""
    in_force = desk.office.scheme(session)
    for code in session.scalars(select(HostedEconomy.code)):
        path = f"economy.{code}"
        if code not in scheme.economies:
            text = f"{path}: this installation works for it"
            raise Invalid([("text", "economy_missing", text)])
        # Keys have signed that they belong to this URL, and cards carry it.
        before = in_force.economy(code).issuer_url
        if scheme.economy(code).issuer_url != before:
            text = f"{path}.issuer_url: cards and keys are bound to {before}"
            raise Invalid([("text", "issuer_url_changed", text)])


def _check_not_stale(session: Session, row: SchemeText) -> None:
    newer = exists().where(
        SchemeText.approved_at.is_not(None), SchemeText.approved_at > row.proposed_at
    )
    if session.scalar(select(newer)):
        raise Conflict(
            "scheme.stale", "another version was approved since: propose it anew"
        )


def _open_text(session: Session, number: int) -> SchemeText:
    row = _text(session, number)
    if row.approved_at or row.rejected_at:
        raise Conflict("scheme.settled", "it was approved or rejected already")
    return row


def _text(session: Session, number: int) -> SchemeText:
    row = session.get(SchemeText, number)
    if row is None:
        raise NotFound(f"there is no version {number} of the scheme")
    return row


def _text_in_force(session: Session) -> str:
    found = session.scalars(
        select(SchemeText.text)
        .where(SchemeText.approved_at.is_not(None))
        .order_by(SchemeText.approved_at.desc(), SchemeText.id.desc())
        .limit(1)
    ).one_or_none()
    return Scheme.packaged_text() if found is None else found


def _version(row: SchemeText) -> SchemeVersion:
    state: Literal["proposed", "approved", "rejected"] = "proposed"
    if row.approved_at:
        state = "approved"
    elif row.rejected_at:
        state = "rejected"
    return SchemeVersion(
        id=row.id,
        state=state,
        sha256=row.sha256,
        reason=row.reason,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        approved_at=row.approved_at,
    )


def _preview(scheme: Scheme, code: str, at: datetime) -> EconomyPreview:
    economy = scheme.economy(code)
    mode = scheme.issuance_mode(code, at)
    stay = scheme.max_stay(code, at)
    rules = [rule for rule in economy.exclusions if rule.holds(at)]
    rules += [
        rule
        for rule in scheme.pair_rules
        if rule.destination == code and rule.holds(at)
    ]
    return EconomyPreview(
        code=code,
        name=economy.name,
        membership=scheme.membership(code, at),
        mode=sorted(mode) if mode else None,
        accepts_app=scheme.accepts_form(code, "app", at),
        accepts_physical=scheme.accepts_form(code, "physical", at),
        max_stay=f"{stay.value} {stay.unit}" if stay else None,
        exclusions=[_rule_text(rule) for rule in rules],
        destinations=list(scheme.destinations(code, code, at)),
    )


def _rule_text(rule: Any) -> str:
    issuer = rule.issuer or "any"
    nationality = rule.nationality or "any"
    return f"issuer {issuer}, nationality {nationality}: {rule.effect}"


# Keys


class AddKey(Request):
    """A key that is where this economy's keys are."""

    key_id: str = Field(
        pattern=r"^[A-Za-z0-9._-]{1,64}$", description="As its file or label says."
    )
    signs_from: _At = None
    signs_until: Annotated[
        AwareDatetime | None,
        Field(description="End of its signing; open if left out."),
    ] = None


class KeyId(Request):
    """Which key."""

    key_id: str = Field(description="Its name within the economy.")


class ListKeys(Request):
    """Nothing to say."""


class Keys(Answer):
    """The keys of an economy."""

    keys: list[KeyAge]


@operation("key.add", "Have a key published, to sign later.", Role.ADMIN)
def add_key(desk: Desk, given: AddKey) -> KeyAge:
    """Let a key prove whose it is, and keep what is published of it.

    A card key signs a day after its publication at the earliest.

    Raises:
        NotFound: The economy's keys do not include it.
        Invalid: The period is empty.
        Forbidden: ``uq_signing_key_…``: it is here already, or another economy's.
        SigningError: It does not answer as it should.
    """
    signer = _held(desk, given.key_id)
    url = desk.read(desk.office.scheme).economy(desk.economy).issuer_url
    until = given.signs_until
    try:
        record = KeyRecord.of(
            signer,
            issuer_url=url,
            signs_from=whole_second(given.signs_from or desk.now),
            signs_until=whole_second(until) if until else None,
        )
    except ValueError as error:
        raise Invalid([("signs_until", "period", str(error))]) from error

    def work(session: Session) -> KeyAge:
        row = add_signing_key(
            session,
            desk.economy,
            record,
            by=desk.actor.account_id,
            now=desk.now,
            reason=desk.reason,
        )
        return key_age(row, desk.now)

    return once(desk, given, KeyAge, work)


@operation(
    "key.list",
    "List the keys of this economy with their ages.",
    Role.ADMIN,
    Role.PUBLISHING,
    Role.AUDIT,
    changes=False,
)
def list_keys(desk: Desk, given: ListKeys) -> Keys:
    """List every key, also those that are retired."""

    def work(session: Session) -> Keys:
        query = (
            select(SigningKey)
            .where(SigningKey.economy == desk.economy)
            .order_by(SigningKey.use, SigningKey.signs_from, SigningKey.id)
        )
        return Keys(keys=[key_age(row, desk.now) for row in session.scalars(query)])

    return desk.read(work)


@operation("key.retire", "Publish a key no more.", Role.ADMIN)
def retire_key(desk: Desk, given: KeyId) -> KeyAge:
    """Take a key out of the next publication, for ever.

    Raises:
        NotFound: There is no such key.
        Conflict: ``key.retired``; ``key.in_use``: a card that it signed has not
            ended, or it is the only key for lists.
    """

    def work(session: Session) -> KeyAge:
        row = session.scalars(
            select(SigningKey).where(
                SigningKey.economy == desk.economy, SigningKey.key_id == given.key_id
            )
        ).one_or_none()
        if row is None:
            raise NotFound(f"there is no key {given.key_id}")
        _check_retirable(session, desk, row)
        row.state = KeyState.RETIRED
        _log_key(session, desk, "signing_key:retired", row)
        return key_age(row, desk.now)

    return once(desk, given, KeyAge, work)


def _check_retirable(session: Session, desk: Desk, row: SigningKey) -> None:
    if row.state == KeyState.RETIRED:
        raise Conflict("key.retired", f"{row.key_id} is retired already")
    if row.use == "card" and _has_live_cards(session, row, desk.now):
        raise Conflict("key.in_use", f"a card that {row.key_id} signed has not ended")
    if row.use == "status" and not _other_status_keys(session, row, desk.now):
        raise Conflict("key.in_use", f"{row.key_id} is the only key for lists")


def _has_live_cards(session: Session, row: SigningKey, now: datetime) -> bool:
    """Tell whether a text of this key may still be shown, whatever its list says."""
    alive = exists().where(
        Issue.economy == row.economy,
        Issue.key_id == row.key_id,
        Issue.state != IssueState.VOID,
        Card.id == Issue.card_id,
        or_(Card.expires_at.is_(None), Card.expires_at > now),
    )
    return bool(session.scalar(select(alive)))


def _other_status_keys(session: Session, row: SigningKey, now: datetime) -> bool:
    rows = session.scalars(
        select(SigningKey).where(
            and_(
                SigningKey.economy == row.economy,
                SigningKey.use == "status",
                SigningKey.state != KeyState.RETIRED,
                SigningKey.id != row.id,
            )
        )
    )
    return any(record_of(each).signs_at(now) for each in rows)


def _held(desk: Desk, key_id: str) -> Signer:
    source = desk.office.signers
    if not isinstance(source, KeyStock):
        raise SigningError("the keys of this installation cannot be listed")
    for signer in source.held(desk.economy):
        if signer.key_id == key_id:
            return signer
    raise NotFound(f"the keys of {desk.economy} do not include {key_id}")


def _log_key(session: Session, desk: Desk, tag: str, row: SigningKey) -> None:
    subject = f"signing_key:{row.id}"
    desk.log(session, tag, subject, key_id=row.key_id, use=row.use)
