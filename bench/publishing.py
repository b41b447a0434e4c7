"""From 500,000 credentials in a database to signed lists that devices can fetch.

The credentials are rows without a card in them: what is measured is reading them,
putting lists and overlays together, signing, checking and publishing.  One economy
issues, another has an answer for each card.  Beside it stands what one would write
first: a dictionary of every credential's state, by the ORM.
"""

import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from bench import report
from issuer.demo.rows import count_on
from issuer.documents import scheme_document
from issuer.entries import overlays, own_lists
from issuer.installation import Installation
from issuer.issue_log import IssueLog
from issuer.jws import canonical
from issuer.keyholder import open_keys
from issuer.keys import FileSigner, KeyRecord, KeyUse, generate_key_file
from issuer.lists import Status, StatusStates
from issuer.office import Actor, Desk, Office
from issuer.publication import (
    Place,
    PublishLists,
    open_publisher,
    preview,
    publish,
)
from issuer.setting_up import add_economy, add_signing_key
from issuer.store import (
    Account,
    AccountKind,
    Base,
    Card,
    Credential,
    Issue,
    KeyState,
    Passport,
    Person,
    Preclearance,
    Role,
    StatusList,
    Store,
)
from issuer.store.people import AccountRole
from issuer.store.rows import add_rows

CREDENTIALS: Final = 500_000
QUICK: Final = 50_000
MAX_SECONDS: Final = 30.0
"""Bar: the whole publication of the economy that issued them."""
NOW: Final = datetime.fromisoformat("2030-01-15T12:00:00+00:00")
_ISSUER, _DESTINATION = "SGP", "NZL"
_CAPACITY: Final = 2**17
_FILLED: Final = _CAPACITY * 8 // 10
_PORTION: Final = 20_000
_PASSPHRASE: Final = b"for measuring only"
_ENDED: Final = (
    ("valid",) * 94 + ("revoked",) * 3 + ("superseded",) * 2 + ("suspended",)
)
"""Of a hundred credentials."""
_ANSWERS: Final = ("approved",) * 97 + ("withdrawn", "suspended", "pending")
_Result = TypeVar("_Result")


def run(*, is_quick: bool) -> None:
    """Measure, print and save."""
    count = QUICK if is_quick else CREDENTIALS
    with tempfile.TemporaryDirectory() as folder:
        office = _office(Path(folder))
        print(f"  writing {count:,} credentials and their answers ...")
        office.store.write(lambda session: _fill(session, count), now=NOW)
        _write_issue_log(office, count)
        figures = _measure(office)
        office.store.close()
    memory = figures.pop("memory")
    rows = [[name, f"{seconds:.2f}"] for name, seconds in figures.items()]
    report.print_table(f"{count:,} credentials, SQLite", ["step", "seconds"], rows)
    whole = figures[f"publish {_ISSUER}"]
    print(f"  highest memory, with the filling: {memory / 2**20:.0f} MiB")
    bar = report.print_bar(
        f"publication of {count:,} credentials within {MAX_SECONDS:.0f} s",
        is_met=whole <= MAX_SECONDS,
        says=f"{whole:.1f} s",
    )
    found = {"credentials": count, "seconds": figures, "memory_bytes": memory}
    report.save("publishing", {**found, "bars": [bar]}, is_quick=is_quick)


def _measure(office: Office) -> dict[str, float]:
    figures: dict[str, float] = {}

    def timed(name: str, work: Callable[[], _Result]) -> _Result:
        started = time.perf_counter()
        result = work()
        figures[name] = time.perf_counter() - started
        return result

    log = office.installation.issue_log
    timed("status lists from the database", lambda: office.store.read(_own))
    timed(
        "overlays from the database",
        lambda: office.store.read(
            lambda session: overlays(
                session, _DESTINATION, scheme=office.scheme(session)
            )
        ),
    )
    timed("issue log", lambda: sum(1 for _ in IssueLog(path=log).of(_ISSUER)))
    for number, economy in enumerate((_ISSUER, _DESTINATION), start=1):
        desk = _desk(office, economy, NOW + number * timedelta(minutes=1))
        timed(f"publish {economy}", lambda d=desk: publish(d, PublishLists()))  # type: ignore[misc]
        timed(f"preview {economy}", lambda d=desk: preview(d, Place()))  # type: ignore[misc]
    figures["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    # Last, as what it takes of memory stays with the process.
    timed("dictionary by the ORM, beside it", lambda: office.store.read(_naive))
    return figures


def _own(session: Session) -> object:
    return own_lists(session, _ISSUER, published={}, capacity=_CAPACITY)


def _naive(session: Session) -> dict[int, StatusStates]:
    """What one would write first."""
    status = {
        "valid": Status.VALID,
        "revoked": Status.REVOKED,
        "suspended": Status.SUSPENDED,
        "superseded": Status.SUPERSEDED,
    }
    lists: dict[int, dict[int, Status]] = {}
    query = select(Credential).where(Credential.economy == _ISSUER)
    for row in session.scalars(query):
        lists.setdefault(row.list_number, {})[row.list_index] = status[row.state]
    return {
        number: StatusStates.of(states, capacity=_CAPACITY)
        for number, states in lists.items()
    }


def _office(folder: Path) -> Office:
    for place in ("outside", "keys/publish", "keys/signing"):
        (folder / place).mkdir(parents=True, mode=0o700)
    installation = Installation(
        folder=folder,
        keys=dict.fromkeys((_ISSUER, _DESTINATION), "file:keys/signing"),
    )
    store = Store.create(installation.database_url)
    signers = open_keys(installation, store, passphrase=lambda _: _PASSPHRASE)
    office = Office(
        installation=installation,
        store=store,
        signers=signers,
        publish_passphrase=lambda _: _PASSPHRASE,
    )
    publisher = open_publisher(office)
    scheme = scheme_document(office.packaged_scheme, issued_at=NOW)
    publisher.init(scheme, now=NOW)
    for code in (_ISSUER, _DESTINATION):
        _add_economy(office, code)
        publisher.add_economy(code, now=NOW)
    return office


def _add_economy(office: Office, code: str) -> None:
    folder = office.installation.path("keys/signing")
    url = office.packaged_scheme.economy(code).issuer_url
    uses: tuple[KeyUse, ...] = ("card", "status")
    records = []
    for use in uses:
        path = generate_key_file(
            folder, key_id=f"{code}-{use}-1", use=use, passphrase=_PASSPHRASE
        )
        signer = FileSigner.load(path, passphrase=_PASSPHRASE)
        records.append(KeyRecord.of(signer, issuer_url=url, signs_from=NOW))

    def work(session: Session) -> None:
        add_economy(
            session, code, administrator=f"admin-{code.lower()}", display_name=code,
            now=NOW,
        )  # fmt: skip
        account = _account(session, code)
        for role in (Role.PUBLISHING, Role.ISSUING):
            session.add(AccountRole(account_id=account, role=role, given_at=NOW))
        for record in records:
            row = add_signing_key(session, code, record, by=account, now=NOW)
            row.state, row.published_at = KeyState.PUBLISHED, NOW

    office.store.write(work, now=NOW)


def _account(session: Session, code: str) -> int:
    query = select(Account.id).where(Account.login == f"admin-{code.lower()}")
    return session.scalars(query).one()


def _desk(office: Office, code: str, at: datetime) -> Desk:
    actor = Actor(
        account_id=office.store.read(lambda session: _account(session, code)),
        economy=code,
        login=f"admin-{code.lower()}",
        roles=frozenset(Role),
        kind=AccountKind.PERSON,
    )
    return Desk(office=office, actor=actor, now=at, reason="a measurement")


def _fill(session: Session, count: int) -> None:
    session.add(
        Person(
            id=1, economy=_ISSUER, family_name="X", given_name="Y",
            machine_family_name="X", machine_given_name="Y", sex="X",
            birthdate=date(1980, 1, 1), nationality=_ISSUER, created_at=NOW,
        )
    )  # fmt: skip
    session.flush()
    session.add(
        Passport(
            id=1, economy=_ISSUER, person_id=1, issuer=_ISSUER, number="P1",
            expires_on=date(2039, 1, 1),
        )
    )  # fmt: skip
    for number in range((count - 1) // _FILLED + 1):
        session.add(
            StatusList(
                economy=_ISSUER, number=number + 1, capacity=_CAPACITY,
                used=min(_FILLED, count - number * _FILLED), opened_at=NOW,
            )
        )  # fmt: skip
    session.flush()
    tables: tuple[type[Base], ...] = (Card, Credential, Issue, Preclearance)
    for start in range(1, count + 1, _PORTION):
        rows = [
            _rows(number) for number in range(start, min(start + _PORTION, count + 1))
        ]
        for position, table in enumerate(tables):
            target = Base.metadata.tables[table.__tablename__]
            add_rows(session, target, [each[position] for each in rows])
    for table in tables:
        count_on(session, Base.metadata.tables[table.__tablename__])


def _rows(number: int) -> tuple[dict[str, Any], ...]:
    """Return the card, credential, text and answer of one holder."""
    place = number - 1
    state = _ENDED[number % 100]
    card = {
        "id": number, "economy": _ISSUER, "person_id": 1, "application_id": None,
        "approved_by": 2, "state": "active", "applied_on": date(2028, 1, 1),
        "first_issued_on": date(2028, 1, 1), "expires_at": NOW + timedelta(days=900),
        "continues_id": None, "losses": 0, "foreign_reference": None,
        "created_at": NOW, "changed_at": NOW,
    }  # fmt: skip
    credential = {
        "id": number, "economy": _ISSUER, "card_id": number, "form": "physical",
        "document_number": f"S{number:08d}", "list_number": place // _FILLED + 1,
        # Spread over the list as random draws are.
        "list_index": place % _FILLED * 5 % _CAPACITY, "state": state,
        "holder_key": None, "is_interim": False, "passport_id": 1, "replaces_id": None,
        "state_reason": None, "created_at": NOW, "changed_at": NOW,
    }  # fmt: skip
    issue = {
        "id": number, "economy": _ISSUER, "request_key": str(number),
        "card_id": number, "credential_id": number, "state": "signed", "header": b"{}",
        "payload": b"{}", "claims_sha256": "0" * 64,
        "economies": _DESTINATION if number % 9 else "", "key_id": "SGP-card-1",
        "text": "~", "requested_by": 1, "approved_by": 2, "intended_at": NOW,
        "recorded_at": NOW,
    }  # fmt: skip
    answer = {
        "id": number, "card_id": number, "issuer": _ISSUER,
        "destination": _DESTINATION, "state": _ANSWERS[number % 100],
        "asked_at": NOW, "answered_at": NOW, "changed_at": NOW, "reminded_at": None,
        "hits": 0,
    }  # fmt: skip
    return card, credential, issue, answer


def _write_issue_log(office: Office, count: int) -> None:
    with office.installation.issue_log.open("wb") as log:
        log.writelines(_log_lines(count))


def _log_lines(count: int) -> Iterator[bytes]:
    for number in range(1, count + 1):
        _, credential, _, _ = _rows(number)
        line = {
            "economy": _ISSUER,
            "list": credential["list_number"],
            "index": credential["list_index"],
            "document_number": credential["document_number"],
            "form": "physical",
            "request": str(number),
            "claims_sha256": "0" * 64,
            "at": "2030-01-15T12:00:00+00:00",
        }
        yield canonical(line) + b"\n"
