"""How many cards an office issues in a second, with its database.

A batch is what an economy does when it moves to phones: every step of `issuer.signing`,
for cards that are approved and not yet issued.  A key in a file signs in two processes,
while the database takes the next part of the batch.

Beside it stands what one would write instead: for each card, its rows by the ORM, PyJWT
for the signature, a row for the text, and a commit for each card or for each hundred.
It checks nothing, logs nothing, and a crash may sign a card twice.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from multiprocessing import active_children
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from bench import report
from issuer.intents import Order
from issuer.jws import PrivateKey, PublicKey, new_private_key, public_jwk
from issuer.keys import read_private_key
from issuer.office import Desk
from issuer.signing import Issued, issue_many
from issuer.signing_pool import SigningPool
from issuer.store import (
    Card,
    Passport,
    PassportLink,
    Person,
    Preclearance,
    Receipt,
)
from tests.issuer.back_office import PASSPHRASE, BackOffice
from tests.issuer.many_cards import make_cards
from tests.simulator import NOW

BATCH: Final = 3_000
"""Cards of the batch that is timed."""
_FIRST: Final = 256
"""Before them, so that every process of the pool has begun."""
_PLAIN: Final = 300
MIN_RATE: Final = 1_000
"""Bar: cards for two seconds of processor time, which is a second of two idle cores."""
PROCESSES: Final = 2
_ECONOMY: Final = "AUS"
_ES256: Final = ec.ECDSA(hashes.SHA256())
_TICKS: Final = os.sysconf("SC_CLK_TCK")


def measure(name: str, office: BackOffice, *, is_quick: bool) -> dict[str, Any]:
    """Issue a batch, and the same plainly; print and return the figures."""
    size = 200 if is_quick else BATCH
    path, key = _key(office)
    desk = office.office.system_desk(_ECONOMY, now=NOW, reason="to measure")
    orders = _orders(office, size + _FIRST)
    with SigningPool(path, passphrase=PASSPHRASE, processes=PROCESSES) as pool:
        _issue(desk, orders[:_FIRST], pool)  # the processes start
        ours = _timed(office, lambda: _issue(desk, orders[_FIRST:], pool), size)
    figures = {"ours": ours} | {
        f"ORM and PyJWT, {each} a commit": _timed(
            office,
            partial(_plainly, office, key, each),
            _PLAIN,
        )
        for each in (1, 100)
    }
    raw = _raw(key)
    report.print_table(
        f"Issuing for phones on {name}; a bare signature takes {raw * 1000:.3f} ms",
        ("way", "cards/s", "ms of processors", "cards/s, two idle cores", "of raw"),
        [_row(way, each, raw) for way, each in figures.items()],
    )
    bar = report.print_bar(
        f"at least {MIN_RATE} cards/s on two idle cores with {name}",
        is_met=ours["idle"] >= MIN_RATE,
        says=f"{ours['idle']:.0f} by processor time, {ours['rate']:.0f} by the clock"
        f" at a load of {os.getloadavg()[0]:.1f}",
    )
    return {"ways": figures, "raw_signature": raw, "bar": bar}


def _row(way: str, each: Mapping[str, float], raw: float) -> tuple[str, ...]:
    return (
        way,
        f"{each['rate']:.0f}",
        f"{each['processors'] * 1000:.2f}",
        f"{each['idle']:.0f}",
        f"{raw / each['processors']:.1%}",
    )


def _timed(
    office: BackOffice, run: Callable[[], object], size: int
) -> dict[str, float]:
    spent, started = _spent(office), time.perf_counter()
    run()
    took = time.perf_counter() - started
    processors = (_spent(office) - spent) / size
    idle = PROCESSES / processors
    return {"rate": size / took, "processors": processors, "idle": idle}


def _spent(office: BackOffice) -> float:
    """Return seconds of processors: of this process, the pool, and the server."""
    others = [child.pid for child in active_children() if child.pid]
    if office.store.engine.dialect.name == "postgresql":
        query = text("SELECT pid FROM pg_stat_activity")
        others += office.store.read(lambda session: session.scalars(query).all())
    return time.process_time() + sum(map(_spent_by, others))


def _spent_by(process: int) -> float:
    stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _key(office: BackOffice) -> tuple[Path, PrivateKey]:
    signer, _ = office.office.signers.signer(_ECONOMY, "card", now=NOW)
    name = f"{signer.key_id}.card.pem"
    path = office.office.installation.folder / "keys" / _ECONOMY / name
    return path, read_private_key(path, passphrase=PASSPHRASE)


def _raw(key: PrivateKey) -> float:
    started = time.process_time()
    for _ in range(1_000):
        key.sign(b"a card", _ES256)
    return (time.process_time() - started) / 1_000


# Ours


def _orders(office: BackOffice, size: int) -> list[tuple[str, Order]]:
    return [
        (f"batch:{card}", Order(card_id=card, form="app", holder_key=_phone()))
        for card in make_cards(office.office, _ECONOMY, size, now=NOW)
    ]


def _phone() -> PublicKey:
    return new_private_key().public_key()


def _issue(desk: Desk, orders: Sequence[tuple[str, Order]], pool: SigningPool) -> None:
    results = issue_many(desk, orders, sign=pool.sign_many)
    refused = [each for each in results if not isinstance(each, Issued)]
    assert not refused, refused[0]


# What one would write instead


def _plainly(office: BackOffice, key: PrivateKey, together: int) -> None:
    cards = make_cards(office.office, _ECONOMY, _PLAIN, now=NOW)
    for start in range(0, len(cards), together):
        some = cards[start : start + together]
        with Session(office.store.engine) as session, session.begin():
            session.connection(execution_options={"abtc_writes": True})
            for card in some:
                _sign_plainly(session, session.get_one(Card, card), key)


def _sign_plainly(session: Session, card: Card, key: PrivateKey) -> None:
    person = session.get_one(Person, card.person_id)
    link = session.scalars(
        select(PassportLink).where(PassportLink.card_id == card.id)
    ).one()
    passport = session.get_one(Passport, link.passport_id)
    lanes = session.scalars(
        select(Preclearance).where(Preclearance.card_id == card.id)
    ).all()
    claims = {
        "family_name": person.machine_family_name,
        "given_name": person.machine_given_name,
        "passport": passport.number,
        "economies": [each.destination for each in lanes],
        "cnf": {"jwk": public_jwk(_phone())},
    }
    signed = jwt.encode(claims, key, algorithm="ES256")
    # Into a table of this application that takes any text.
    session.add(Receipt(key=f"plain:{card.id}", digest="plain", answer=signed, at=NOW))
    session.flush()
