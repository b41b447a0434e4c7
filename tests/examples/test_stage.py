"""A few economies on one table."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from examples.stage import Holder, Table
from issuer.errors import ClockError

NOW = datetime(2030, 1, 15, 12, tzinfo=UTC)
HOLDER = Holder(
    issuer="KOR",
    family_name="HONG",
    given_name="GILDONG",
    birthdate=date(1980, 2, 29),
    sex="M",
    nationality="KOR",
    passport_country="KOR",
    passport_number="M12345678",
    passport_expires_on=date(2034, 6, 30),
    economies=("NZL", "SGP"),
)


def test_each_office_remembers_when_it_last_signed(tmp_path: Path) -> None:
    """A clock that goes back stops the office that has signed, and no other."""
    table = Table(tmp_path, ["KOR", "SGP"], NOW)
    credential = table.issue(HOLDER, "physical")
    assert table.offices["KOR"].last_issued_at == credential.issued_at
    table.issue(HOLDER, "physical")
    table.issued_at -= timedelta(seconds=1)
    with pytest.raises(ClockError, match="a card was signed at"):
        table.issue(HOLDER, "physical")
    table.issue(replace(HOLDER, issuer="SGP", economies=("NZL",)), "physical")
