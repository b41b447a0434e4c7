"""Economies that answer questions about passports, and know each other."""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from issuer.installation import Installation
from issuer.office import Desk, Office
from issuer.operations import all_operations
from issuer.store import PassportHit, Store
from tests.issuer.back_office import BackOffice
from tests.issuer.office.publishing import Publishing
from tests.simulator import NOW
from verifier import PassportQuestion

CONTACT = "+65 6391 6100, day and night"
BORN, ENDS = date(1984, 8, 12), date(2031, 4, 15)
WHOLE = PassportQuestion(
    country="SGP", number="E1234567K", birthdate="840812", expires_on=ENDS
)


def settings(**economies: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of registers that are complete, where nothing else is said."""
    return {
        code: {"contact": CONTACT, "complete": True, **more}
        for code, more in economies.items()
    }


def with_settings(office: Office, **more: Any) -> Office:
    """Let an office read other settings."""
    kept = office.installation.model_dump(exclude_unset=True, exclude=set(more))
    office.installation = Installation.model_validate(kept | more)
    return office


def joined(back_office: BackOffice, **economies: Mapping[str, Any]) -> BackOffice:
    """An office whose economies keep registers."""
    with_settings(back_office.office, passports=settings(**economies))
    return back_office


def elsewhere(publishing: Publishing, store: Store, **more: Any) -> Office:
    """Another installation that knows the same trust data, and has the same keys."""
    installation = Installation.model_validate({"folder": publishing.folder, **more})
    return Office(
        installation=installation,
        store=store,
        signers=publishing.back_office.office.signers,
    )


def do(desk: Desk, name: str, /, **fields: Any) -> Any:
    return all_operations()[name].perform(desk, fields)


def register(
    back_office: BackOffice,
    economy: str = "SGP",
    number: str = "E1234567K",
    *,
    state: str = "valid",
    at: datetime = NOW,
    **more: Any,
) -> Any:
    """Put a passport into a register."""
    fields = {"birthdate": BORN, "expires_on": ENDS} | more
    desk = back_office.desk(economy, now=at)
    return do(desk, "passport.set", number=number, state=state, **fields)


def hits(store: Store) -> list[PassportHit]:
    return store.read(lambda session: session.query(PassportHit).all())


def write(path: Path, *rows: str, header: str = "number,state,birthdate,expires_on"
          ) -> Path:  # fmt: skip
    path.write_text("\n".join((header, *rows, "")), "utf-8")
    return path
