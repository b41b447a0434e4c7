"""Offices that publish for real, and the devices at the borders of destinations.

SGP issues plastic, NZL and JPN are destinations that are hosted here as well.  Cards
are invented, signed and answered by `issuer.demo.filling`; what becomes of them is
written as the use cases write it.
"""

import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

import verifier
from issuer.demo.filling import fill
from issuer.documents import scheme_document
from issuer.installation import Installation
from issuer.issue_log import Logged
from issuer.lifecycle import Credential as CredentialState
from issuer.lifecycle import Preclearance as PreclearanceState
from issuer.office import Office
from issuer.operations import Answer, all_operations
from issuer.publication import open_publisher
from issuer.store import (
    Card,
    Credential,
    Issue,
    Preclearance,
    PreclearanceEvent,
    Store,
)
from tests.databases import Prepared
from tests.issuer.back_office import BackOffice, fill_office, office_on
from tests.simulator import NOW

HOSTED = ("SGP", "NZL", "JPN")
START = NOW - timedelta(hours=2)
"""When the repository was made."""
_VALID, _APPROVED = CredentialState.VALID, PreclearanceState.APPROVED


def minutes(number: int) -> datetime:
    return NOW + timedelta(minutes=number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A card that is good everywhere that it was approved."""

    card_id: int
    credential_id: int
    list_number: int
    index: int
    text: str
    economies: frozenset[str]


class Publishing:
    """An office with a repository, and cards."""

    def __init__(self, store: Store, folder: Path, *, cards: int = 25) -> None:
        fill_office(store, folder, hosted=HOSTED)
        (folder / "keys/publish").mkdir(parents=True, mode=0o700)
        self._open(store, folder)
        office = self.back_office.office
        list(fill(office, {"SGP": cards}, seed=1, now=NOW))
        publisher = open_publisher(office)
        scheme = scheme_document(office.packaged_scheme, issued_at=START)
        publisher.init(scheme, now=START)
        for code in HOSTED:
            publisher.add_economy(code, now=START)

    def _open(self, store: Store, folder: Path) -> None:
        self.folder = folder
        self.back_office = office_on(store, folder)
        office = self.back_office.office
        office.publish_passphrase = lambda _: b"quiet river"
        url = store.engine.url.render_as_string(hide_password=False)
        office.installation = Installation(folder=folder, database=url)
        (folder / "office.toml").write_text(f'database = "{url}"\n')

    @classmethod
    def at(
        cls, prepared: Prepared, *, folder: Path | None = None, cards: int = 25
    ) -> "Publishing":
        """An office that has published; what is in it is made once, and copied."""

        def make(store: Store, folder: Path) -> None:
            office = cls(store, folder, cards=cards)
            office.back_office.office.installation.issue_log.touch()
            office.publish()

        prepared.fill(("publishing", cards), make, folder=folder)
        office = cls.__new__(cls)
        office._open(prepared.store, prepared.folder)
        return office

    @classmethod
    def restored(cls, store: Store, before: "Publishing", folder: Path) -> "Publishing":
        """The same office on another database; what is outside of it has stayed."""
        again = cls.__new__(cls)
        again.folder = folder
        url = store.engine.url.render_as_string(hide_password=False)
        for place in ("outside", "public", "keys"):
            copy_tree(before.folder / place, folder / place)
        old = before.back_office.office
        again.back_office = BackOffice(
            office=Office(
                installation=Installation(folder=folder, database=url),
                store=store,
                signers=old.signers,
                publish_passphrase=old.publish_passphrase,
            )
        )
        return again

    @property
    def store(self) -> Store:
        return self.back_office.store

    @property
    def public(self) -> Path:
        return self.folder / "public"

    def perform(
        self, name: str, economy: str = "SGP", *, who: str = "ann", at: datetime = NOW,
        **given: Any,
    ) -> Any:  # fmt: skip
        desk = self.back_office.desk(economy, who=who, now=at)
        answer: Answer = all_operations()[name].perform(desk, given)
        return answer

    def publish(self, *economies: str, at: datetime = NOW, **given: Any) -> None:
        for code in economies or HOSTED:
            self.perform("lists.publish", code, at=at, **given)

    def held(self, number: int = 0, *, by: Iterable[str] = ("NZL", "JPN")) -> Held:
        """A card that lives, with these approvals in its text and in force."""
        wanted = set(by)
        found = [
            each
            for each in self.store.read(_held)
            if wanted <= each.economies and self._approve(each) >= wanted
        ]
        return found[number]

    def _approve(self, held: Held) -> set[str]:
        query = select(Preclearance.destination).where(
            Preclearance.card_id == held.card_id, Preclearance.state == _APPROVED
        )
        return set(self.store.read(lambda s: s.scalars(query).all()))

    def set_credential(
        self, held: Held, state: CredentialState, *, at: datetime, reason: str = "x"
    ) -> None:
        def work(session: Session) -> None:
            row = session.get_one(Credential, held.credential_id)
            row.state, row.state_reason, row.changed_at = state, reason, at

        self.store.write(work, now=at)

    def answer(
        self, held: Held, destination: str, state: PreclearanceState, *, at: datetime
    ) -> None:
        def work(session: Session) -> None:
            row = session.scalars(
                select(Preclearance).where(
                    Preclearance.card_id == held.card_id,
                    Preclearance.destination == destination,
                )
            ).one()
            events = PreclearanceEvent.preclearance_id == row.id
            seq = len(session.scalars(select(PreclearanceEvent.id).where(events)).all())
            session.add(
                PreclearanceEvent(
                    preclearance_id=row.id, seq=seq + 1, event="x", before=row.state,
                    after=state, at=at, actor_id=1,
                )
            )  # fmt: skip
            row.state, row.changed_at = state, at

        self.store.write(work, now=at)

    def device(self, economy: str, *, at: datetime = NOW) -> "Device":
        device = Device(self.folder / f"device-{economy}", economy)
        device.sync(self.public, at=at)
        return device


class Device:
    """An officer's device of one destination."""

    def __init__(self, folder: Path, economy: str) -> None:
        folder.mkdir(exist_ok=True)
        self.store = verifier.TrustStore(folder)
        self.economy = economy

    def sync(self, public: Path, *, at: datetime) -> None:
        root = (public / "metadata/1.root.json").read_bytes()
        self.store.sync(public, root=root, now=at, economy=self.economy)

    def ask(self, held: Held, *, at: datetime = NOW) -> str:
        """The reason why not; else what the device says of entry."""
        decision = verifier.verify(
            verifier.pack(held.text),
            trust=self.store.load(),
            policy=verifier.Policy(economy=self.economy),
            expected_passport=None,
            expected_challenge=None,
            now=at,
        )
        match decision:
            case verifier.Accepted():
                return str(decision.entitlement.entry.reason)
            case _:
                return str(decision.reason)


def _held(session: Session) -> list[Held]:
    query = (
        select(Credential, Issue)
        .join(Issue, Issue.credential_id == Credential.id)
        .join(Card, Card.id == Credential.card_id)
        .where(Credential.state == _VALID, Credential.form == "physical")
        .where(Card.expires_at > NOW + timedelta(days=30))
        .order_by(Credential.id)
    )
    return [
        Held(
            card_id=row.card_id,
            credential_id=row.id,
            list_number=row.list_number,
            index=row.list_index,
            text=issue.text or "",
            economies=frozenset(issue.economies.split()),
        )
        for row, issue in session.execute(query)
    ]


def copy_tree(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)


def issue_log_line(issued: Logged) -> str:
    return json.dumps(asdict(issued)) + "\n"
