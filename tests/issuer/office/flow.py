"""Applications and requests for tests of the workflow: one call, one step.

flow = Flow(back_office)
flow.enter()                          # AUS, a draft of ann's
flow.active(economy="NZL")            # submitted, reviewed and approved by bob
flow.circulated()                     # and asked about everywhere
flow.lane(case, "JPN")                # the request to JPN
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib import resources
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer.applications import Moved
from issuer.errors import Conflict, IllegalTransition
from issuer.incoming import Decided
from issuer.office import Desk
from issuer.operations import Answer, all_operations
from issuer.scheme import Scheme
from issuer.store import Base, Preclearance
from tests.issuer.back_office import BackOffice
from tests.simulator import NOW

PERSON = {
    "family_name": "Nguyen",
    "given_name": "Anna",
    "birthdate": "1984-05-17",
    "sex": "F",
    "nationality": "AUS",
}
PASSPORT = {
    "country": "AUS",
    "number": "PA1234567",
    "issued_on": "2028-01-01",
    "expires_on": "2038-01-01",
}


def perform(desk: Desk, operation: str, /, **fields: Any) -> Any:
    return all_operations()[operation].perform(desk, fields)


@contextmanager
def refused(code: str) -> Iterator[None]:
    """Expect a refusal by its code."""
    with pytest.raises((Conflict, IllegalTransition)) as caught:
        yield
    error: Any = caught.value
    assert (error.code if isinstance(error, Conflict) else error.reason) == code


@dataclass(slots=True)
class Flow:
    office: BackOffice
    now: datetime = NOW
    _count: int = field(default=0)

    def do(
        self, operation: str, /, *, economy: str = "AUS", who: str = "bob", **f: Any
    ) -> Any:
        return perform(self.desk(economy, who), operation, **f)

    def desk(self, economy: str = "AUS", who: str = "bob", **more: Any) -> Desk:
        return self.office.desk(economy, who=who, now=self.now, **more)

    def fields(self, economy: str = "AUS", **person: str) -> dict[str, Any]:
        """Return what is typed for somebody new."""
        self._count += 1
        letters = "".join(chr(65 + int(digit)) for digit in f"{self._count:04}")
        return {
            "person": {
                **PERSON,
                "family_name": f"Q{letters * 3}",
                "birthdate": f"{1950 + self._count % 50}-03-{1 + self._count % 28:02}",
                "nationality": economy,
                **person,
            },
            "passport": {
                **PASSPORT,
                "country": economy,
                "number": f"P{letters * 2}{self._count}",
            },
        }

    def enter(self, *, economy: str = "AUS", **person: str) -> int:
        fields = self.fields(economy, **person)
        entered = self.do("application.enter", economy=economy, who="ann", **fields)
        return int(entered.application)

    def step(self, name: str, case: int, *, economy: str = "AUS", **more: Any) -> Moved:
        moved = self.do(
            f"application.{name}", economy=economy, application=case, **more
        )
        assert isinstance(moved, Moved)
        return moved

    def active(self, *, economy: str = "AUS", **person: str) -> Moved:
        case = self.enter(economy=economy, **person)
        for name in ("submit", "open", "pass_stage"):
            self.step(name, case, economy=economy)
        return self.step("approve", case, economy=economy)

    def circulated(self, *, economy: str = "AUS", **person: str) -> Moved:
        active = self.active(economy=economy, **person)
        return self.step("circulate", active.application, economy=economy)

    def lane(self, case: Moved, destination: str) -> Preclearance:
        query = select(Preclearance).where(
            Preclearance.card_id == case.card, Preclearance.destination == destination
        )
        return self.office.store.read(lambda session: session.scalars(query).one())

    def decide(
        self, lane: int, event: str, *, economy: str = "JPN", **more: Any
    ) -> Decided:
        decided = self.do(
            "incoming.decide", economy=economy, preclearance=lane, event=event, **more
        )
        assert isinstance(decided, Decided)
        return decided

    def configure(self, economy: str, line: str) -> None:
        """Say something more of an economy; ``%s`` is where mark and source go."""
        packaged = resources.files("issuer").joinpath("scheme.toml").read_text("utf-8")
        head = f"[economy.{economy}]\n"
        fact = line.replace("%s", 'mark = "assumed", source = "a test"')
        self.office.office.packaged_scheme = Scheme.from_toml(
            packaged.replace(head, f"{head}{fact}\n")
        )

    def read(self, work: Any) -> Any:
        return self.office.store.read(work)

    def write(self, work: Any) -> Any:
        return self.office.store.write(work, now=self.now)

    def row(self, table: type[Base], key: int | None) -> Any:
        return self.read(lambda session: session.get_one(table, key))

    def check(self, card: int | None, economy: str = "AUS") -> Any:
        return self.do("preclearance.check", economy=economy, card=card)


def rows(session: Session, table: type[Base], **columns: Any) -> list[Any]:
    return list(session.scalars(select(table).filter_by(**columns)))


def as_fields(answer: Answer) -> Mapping[str, Any]:
    return answer.model_dump()
