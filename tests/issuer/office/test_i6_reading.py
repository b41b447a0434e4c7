"""Whoever sees a traveller's name through any operation stands in the log."""

from typing import Any

import pytest
from sqlalchemy import func, select

from issuer.errors import IssuerError
from issuer.operations import all_operations
from issuer.store import AuditRow
from tests.issuer.back_office import BackOffice
from tests.issuer.office.flow import Flow, perform
from tests.issuer.office.test_c4_operations import GIVEN, KINDS, records

NAME = "QAAAB"
"""Of the traveller of the first case of a `Flow`."""


def rows(flow: Flow, economy: str) -> int:
    query = select(func.count()).where(AuditRow.economy == economy)
    return int(flow.read(lambda session: session.scalar(query)))


def asked(flow: Flow, economy: str, name: str, known: dict[str, Any]) -> str:
    fields = {}
    for field, info in all_operations()[name].request.model_fields.items():
        kind = KINDS.get(field)
        if kind is not None and info.is_required():
            fields[field] = known[kind]
        elif info.is_required():
            fields[field] = GIVEN.get(field)
    if name == "card.find":
        fields = {"family_name": NAME[:2]}
    try:
        return str(perform(flow.desk(economy), name, **fields).model_dump())
    except IssuerError:
        return ""


@pytest.mark.parametrize("economy", ["AUS", "JPN"])
def test_i6_no_operation_shows_a_traveller_without_a_row(
    back_office: BackOffice, economy: str
) -> None:
    flow = Flow(back_office)
    known = records(flow)
    other = flow.circulated(family_name=f"{NAME}B")
    lane = flow.lane(other, "JPN").id
    flow.do("incoming.hold", economy="JPN", preclearance=lane, event="approve")
    shown = set()
    for name, operation in all_operations().items():
        if operation.changes:
            continue
        before = rows(flow, economy)
        if NAME in asked(flow, economy, name, known).upper():
            shown.add(name)
            assert rows(flow, economy) > before, name
    assert len(shown) > 1
