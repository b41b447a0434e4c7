"""One step of `bench.scale` in a process of its own: ``STEP HOME NUMBER``.

Prints one JSON object, with seconds, seconds of this process's processor, and the most
memory that it held.
"""

import json
import random  # seeded: the same sample each time
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select, update
from sqlalchemy.orm import Session

import verifier
from bench import device
from issuer.commands.opening import open_office
from issuer.demo.filling import check_is_test, fill, shares
from issuer.demo.setting import make_ready
from issuer.documents import scheme_document
from issuer.errors import PublishRefused
from issuer.jws import PrivateKey, key_binding
from issuer.lifecycle import Card as CardState
from issuer.lifecycle import Credential as CredentialState
from issuer.office import Actor, Desk, Office
from issuer.operations import all_operations
from issuer.publication import open_publisher
from issuer.publish import write_deltas
from issuer.store import (
    Account,
    AccountKind,
    Card,
    Credential,
    HostedEconomy,
    Issue,
    IssueState,
    Preclearance,
    Role,
)

STATES: Final[Mapping[CredentialState, float]] = {
    CredentialState.VALID: 0.55,
    CredentialState.REVOKED: 0.15,
    CredentialState.SUSPENDED: 0.15,
    CredentialState.SUPERSEDED: 0.15,
}
"""What of a sample is in each state: more of those that have ended than in truth."""
CHURN: Final = 0.0001
"""Share of all cards that are cancelled before devices sync again."""
_BY_THE_SCHEME: Final = frozenset(
    {"entry.form", "entry.form_unknown", "entry.excluded", "entry.lane_only",
     "entry.not_required", "entry.stay_unknown"}
)  # fmt: skip
"""Answers that no list can change, whatever the database says of the card."""
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the curve P-256."""


def phone(document_number: str) -> PrivateKey:
    """Make the key of a phone, the same for the same document."""
    digest = sha256(b"bench phone " + document_number.encode()).digest()
    number = int.from_bytes(digest, "big") % (_ORDER - 1) + 1
    return ec.derive_private_key(number, ec.SECP256R1())


def main() -> None:
    """Take one step, and say what it took."""
    step, home, number = sys.argv[1:]
    office = open_office(Path(home))
    started, spent = time.perf_counter(), time.process_time()
    try:
        found = _STEPS[step](office, int(number))
    finally:
        office.store.close()
    seconds, processor = time.perf_counter() - started, time.process_time() - spent
    measured = {"seconds": seconds, "processor": processor, "memory": device.peak()}
    print(json.dumps({**measured, **found}))


def _generate(office: Office, travellers: int) -> dict[str, Any]:
    wanted = shares(travellers, office.store.read(check_is_test))
    now = datetime.now(UTC)
    for economy in wanted:
        make_ready(office, economy, now=now)
    for each in fill(office, wanted, seed=1, now=now, phone=phone):
        if sys.stderr.isatty():
            print(f"\r{each.economy} {each.done:,} of {each.of:,}  ", end="",
                  file=sys.stderr)  # fmt: skip
    # Devices answer nothing but "for tests" to what a test economy issues.
    real = update(HostedEconomy).values(is_test=False)
    office.store.write(lambda session: session.execute(real), now=now)
    return {}


def _begin(office: Office, _: int) -> dict[str, Any]:
    """Make the repository, with a role for each economy."""
    publisher, now = open_publisher(office), datetime.now(UTC)
    publisher.init(scheme_document(office.packaged_scheme, issued_at=now), now=now)
    for economy in hosted(office):
        publisher.add_economy(economy, now=now)
    return {}


def _publish(office: Office, _: int) -> dict[str, Any]:
    """Let each economy publish, one after the other."""
    took, lists, ended = [], 0, 0
    for economy in hosted(office):
        started = time.perf_counter()
        done = _published(office, economy)
        took.append(time.perf_counter() - started)
        lists, ended = lists + done["lists"], ended + done["ended"]
    return {
        "economies": len(took),
        "median": median(took),
        "slowest": max(took),
        "lists": lists,
        "ended": ended,
    }


def _published(office: Office, economy: str) -> dict[str, Any]:
    try:
        return _perform(office, economy, "lists.publish", {})
    except PublishRefused as error:
        if not str(error.code).startswith("shrink."):
            raise
    # With few cards an overlay loses its only entry, which two people have to want.
    asked = _perform(office, economy, "lists.propose_shrink", {}, who="clerk")
    leave = _perform(office, economy, "lists.approve_shrink", {"id": asked["id"]})
    return _perform(office, economy, "lists.publish", {"approval": leave["id"]})


def _change(office: Office, _: int) -> dict[str, Any]:
    """Cancel some cards, as staff do."""

    def some(session: Session) -> list[tuple[str, int]]:
        query = select(Card.economy, Card.id).where(Card.state == CardState.ACTIVE)
        cards = [(economy, card) for economy, card in session.execute(query)]
        return random.Random(2).sample(cards, max(3, round(len(cards) * CHURN)))  # noqa: S311

    chosen = office.store.read(some)
    for economy, card in chosen:
        _perform(office, economy, "card.cancel", {"card": card, "why": "measured"})
    return {"cancelled": len(chosen)}


def _deltas(office: Office, _: int) -> dict[str, Any]:
    public = office.installation.path(office.installation.publish.out)
    write_deltas(public)
    files = [path.stat().st_size for path in public.rglob("*.from-*.json")]
    return {"deltas": len(files), "bytes": sum(files)}


class _Answer(NamedTuple):
    card: str
    destination: str
    said: str
    wanted: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A credential, and what the database says of it."""

    text: str
    form: str
    document_number: str
    state: CredentialState
    economies: frozenset[str]
    answers: Mapping[str, str]
    """By destination."""

    def wanted(self, destination: str) -> str:
        """Return what a device has to say, from the rows alone."""
        if self.state != CredentialState.VALID:
            return f"status.{self.state}"
        answer = self.answers.get(destination)
        if answer == "approved":
            return "entry.granted or cleared"
        if answer == "suspended":
            return "entry.suspended"
        is_said = destination in self.economies
        return "entry.withdrawn" if is_said else "entry.not_cleared"

    def shown(self, now: datetime) -> str:
        """Return the QR code that the plastic has, or the phone shows."""
        if self.form != "app":
            return verifier.pack(self.text)
        key = phone(self.document_number)
        proof = key_binding(
            self.text, key, iat=now, audience="urn:abtc:border", nonce=None
        )
        return verifier.pack(self.text + proof)


def _verify(office: Office, size: int) -> dict[str, Any]:
    """Show a sample at every border, and compare with what the database says."""
    destinations = hosted(office)
    held = office.store.read(partial(_sample, size=size))
    trust = verifier.TrustStore(office.installation.folder / "device-all").load()
    started, answers = time.perf_counter(), []
    for each in held:
        for destination in destinations:
            said = _ask(each, destination, trust)
            wanted = each.wanted(destination)
            answers.append(_Answer(each.document_number, destination, said, wanted))
    wrong = [each for each in answers if not _agree(each)]
    return {
        "cards": len(held),
        "forms": Counter(each.form for each in held),
        "states": Counter(each.state for each in held),
        "answers": len(answers),
        "by_answer": Counter(each.said for each in answers),
        "each": (time.perf_counter() - started) / max(1, len(answers)),
        "wrong": wrong[:20],
        "count_wrong": len(wrong),
    }


def _agree(answer: _Answer) -> bool:
    if answer.wanted == "entry.granted or cleared":
        good = {"entry.cleared", "entry.granted"} | _BY_THE_SCHEME
        return answer.said in good
    if answer.wanted.startswith("entry."):
        return answer.said in {answer.wanted} | _BY_THE_SCHEME
    return answer.said == answer.wanted


def _ask(held: _Held, destination: str, trust: verifier.Trust) -> str:
    now = datetime.now(UTC)
    decision = verifier.verify(
        held.shown(now),
        trust=trust,
        policy=verifier.Policy(economy=destination),
        expected_passport=None,
        expected_challenge=None,
        now=now,
    )
    match decision:
        case verifier.Accepted():
            return str(decision.entitlement.entry.reason)
        case _:
            return str(decision.reason)


def _sample(session: Session, *, size: int) -> list[_Held]:
    dice = random.Random(1)  # noqa: S311  # a sample, no secret
    chosen: list[int] = []
    for state, share in STATES.items():
        there = session.scalars(
            select(Credential.id)
            .join(Issue, Issue.credential_id == Credential.id)
            .where(Credential.state == state, Issue.state == IssueState.SIGNED)
        ).all()
        chosen += dice.sample(there, min(len(there), round(size * share)))
    return [*_held(session, chosen)]


def _held(session: Session, chosen: list[int]) -> Iterator[_Held]:
    for number in chosen:
        row = session.get_one(Credential, number)
        issue = session.scalars(
            select(Issue).where(Issue.credential_id == number)
        ).one()
        lanes = session.execute(
            select(Preclearance.destination, Preclearance.state).where(
                Preclearance.card_id == row.card_id
            )
        )
        yield _Held(
            text=issue.text or "",
            form=row.form,
            document_number=row.document_number,
            state=row.state,
            economies=frozenset(issue.economies.split()),
            answers={code: str(state) for code, state in lanes},
        )


def hosted(office: Office) -> list[str]:
    """Return the economies of an installation."""
    query = select(HostedEconomy.code).order_by(HostedEconomy.code)
    return [*office.store.read(lambda session: session.scalars(query).all())]


def desk_at(office: Office, economy: str, who: str = "officer") -> Desk:
    """Return the desk of one of the two people of a demonstration."""
    login = f"demo-{who}-{economy.lower()}"
    query = select(Account.id).where(Account.login == login)
    actor = Actor(
        account_id=office.store.read(lambda session: session.scalars(query).one()),
        economy=economy,
        login=login,
        roles=frozenset(Role),
        kind=AccountKind.PERSON,
    )
    return Desk(office=office, actor=actor, now=datetime.now(UTC), reason="to measure")


def _perform(
    office: Office,
    economy: str,
    name: str,
    given: Mapping[str, object],
    who: str = "officer",
) -> dict[str, Any]:
    desk = desk_at(office, economy, who)
    return all_operations()[name].perform(desk, given).model_dump()


_STEPS: Final[Mapping[str, Callable[[Office, int], dict[str, Any]]]] = {
    "generate": _generate,
    "begin": _begin,
    "publish": _publish,
    "change": _change,
    "deltas": _deltas,
    "verify": _verify,
}

if __name__ == "__main__":
    main()
