"""Statistics for the meeting room: right, the same later on, and of nobody."""

import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.cli import main
from issuer.statistics import (
    Figures,
    Statistics,
    Table,
    collect_figures,
    for_outside,
)
from issuer.statistics_folder import csv_of, write_folder
from issuer.statistics_plots import plots_of
from tests.databases import Prepared
from tests.issuer.back_office import HOSTED, SCHEME, BackOffice, office_at
from tests.issuer.office.card_builder import phone
from tests.issuer.office.flow import Flow
from tests.simulator import NOW

MONTH = f"{NOW:%Y-%m}"


@pytest.fixture
def flow(back_office: BackOffice) -> Flow:
    return Flow(back_office)


def figures(flow: Flow, at: datetime | None = None, months: int = 3) -> Figures:
    found = flow.read(
        lambda session: collect_figures(
            session, SCHEME, HOSTED, at=at or flow.now, months=months
        )
    )
    assert isinstance(found, Figures)
    return found


def rows(found: Figures, name: str, economy: str | None = None) -> dict[Any, Any]:
    [table] = [each for each in found.tables(economy) if each.name == name]
    return {
        row[:2]: dict(zip(table.columns[2:], row[2:], strict=True))
        for row in table.rows
    }


def test_a_month_counts_what_was_issued_asked_and_answered(flow: Flow) -> None:
    """Asked once more after a new passport, a destination has one more question."""
    first, second = flow.circulated(), flow.circulated()
    flow.do("card.issue_app", who="eve", card=first.card, holder_key=phone())
    flow.now += timedelta(days=4)
    flow.decide(flow.lane(first, "JPN").id, "approve")
    flow.now += timedelta(days=4)
    flow.decide(flow.lane(second, "JPN").id, "refuse")
    found = figures(flow)
    assert rows(found, "cards-issued")[MONTH, "AUS"] == {"cards": 2}
    japan = rows(found, "answers", "AUS")[MONTH, "JPN"]
    assert japan == {
        "asked": 2,
        "answered": 2,
        "median_days": 6.0,
        "nine_in_ten_days": 8.0,
        "open_at_end": 0,
    }
    assert rows(found, "answers", "AUS")[MONTH, "SGP"]["open_at_end"] == 2
    assert rows(found, "requests-answered", "JPN")[MONTH, "JPN"]["answered"] == 2
    forms = rows(found, "forms", "AUS")[MONTH, "AUS"]
    assert (forms["app_made"], forms["app_held"]) == (1, 1)
    assert (forms["plastic_made"], forms["plastic_held"]) == (0, 0)


def test_an_answer_after_a_new_question_is_measured_from_that_question(
    flow: Flow,
) -> None:
    case = flow.circulated()
    flow.decide(flow.lane(case, "JPN").id, "approve")
    flow.now += timedelta(days=10)
    flow.do(
        "card.link_passport", who="eve", card=case.card, country="AUS",
        number="PX7654321", issued_on="2030-01-01", expires_on="2039-01-01",
        confirmation=flow.do(
            "card.preview_passport", who="eve", card=case.card, country="AUS",
            number="PX7654321", issued_on="2030-01-01", expires_on="2039-01-01",
        ).digest,
    )  # fmt: skip
    flow.now += timedelta(days=3)
    flow.decide(flow.lane(case, "JPN").id, "approve")
    japan = rows(figures(flow), "answers", "AUS")[MONTH, "JPN"]
    assert (japan["asked"], japan["answered"]) == (2, 2)
    assert japan["median_days"] == 1.5


def test_the_figures_of_a_moment_stay_what_they_were(flow: Flow) -> None:
    """Whatever happens later: an answer, a loss, a new phone."""
    case = flow.circulated()
    flow.do("card.issue_app", who="eve", card=case.card, holder_key=phone())
    flow.decide(flow.lane(case, "JPN").id, "approve")
    then = flow.now
    before = [figures(flow, then).tables(code) for code in (None, *HOSTED)]
    flow.now += timedelta(days=40)
    flow.decide(flow.lane(case, "NZL").id, "approve", economy="NZL")
    flow.decide(flow.lane(case, "JPN").id, "withdraw")
    flow.do("card.report_lost", card=case.card, what="card")
    flow.circulated()
    assert [figures(flow, then).tables(code) for code in (None, *HOSTED)] == before
    assert figures(flow).tables() != before[0]


def test_what_has_ended_is_held_no_more(flow: Flow) -> None:
    case = flow.circulated()
    flow.do("card.issue_app", who="eve", card=case.card, holder_key=phone())
    flow.now += timedelta(days=35)
    flow.do("card.report_lost", card=case.card, what="card")
    held = rows(figures(flow), "forms", "AUS")
    assert held[MONTH, "AUS"]["app_held"] == 1
    assert held[f"{flow.now:%Y-%m}", "AUS"]["app_held"] == 0


def test_c4_an_economy_sees_its_own_figures_only(flow: Flow) -> None:
    """Neither another economy's cards, nor what others asked a third one."""
    flow.circulated()
    found = flow.do("report.statistics", economy="NZL", months=2)
    assert isinstance(found, Statistics)
    for table in found.tables:
        for row in table.rows:
            if table.name in {"cards-issued", "forms"}:
                assert row[1] == "NZL"
            elif table.name == "answers":
                raise AssertionError("NZL has asked nobody")
            else:
                assert row[1] == "NZL"


# What leaves


def table(*counts: int, answered: int = 50, days: float = 3.4) -> Table:
    return Table(
        name="answers",
        title="x",
        about="x.",
        columns=("month", "destination", "asked", "answered", "median_days"),
        rows=tuple(("2030-01", "JPN", each, answered, days) for each in counts),
    )


def test_c8_small_numbers_are_not_told_outside() -> None:
    shown = for_outside(table(0, 1, 9, 10, 14, 15, 1234))
    assert [row[2] for row in shown.rows] == [0, "<10", "<10", 10, 10, 20, 1230]
    few = for_outside(table(1, answered=9))
    assert few.rows[0][3:] == ("<10", None)
    assert for_outside(table(1)).rows[0][4] == 3
    with pytest.raises(ValueError, match="2 or more"):
        for_outside(table(1), least=1)


@given(st.lists(st.integers(0, 300), min_size=2, max_size=6), st.integers(2, 25))
def test_c8_no_sum_and_no_difference_gives_a_small_number_away(
    counts: list[int], least: int
) -> None:
    """Whoever subtracts all others from the total learns no number below the limit."""
    shown = [row[2] for row in for_outside(table(*counts), least=least).rows]
    [total] = [row[2] for row in for_outside(table(sum(counts)), least=least).rows]
    for value, told in zip(counts, shown, strict=True):
        if 0 < value < least:
            assert told == f"<{least}"
        else:
            assert isinstance(told, int)
            assert told % least == 0
    assert isinstance(total, str) or (isinstance(total, int) and total % least == 0)


def test_the_folder_opens_as_a_page_and_is_the_same_each_time(
    prepared_small: Prepared, tmp_path: Path
) -> None:
    flow = Flow(office_at(prepared_small))
    for _ in range(12):
        case = flow.circulated()
        flow.decide(flow.lane(case, "JPN").id, "approve")
    found = figures(flow)
    files = write_folder(tmp_path / "a", found)
    again = write_folder(tmp_path / "b", found)
    assert files == again
    for each in files:
        first, second = (tmp_path / name / each for name in "ab")
        assert first.read_bytes() == second.read_bytes(), each
    page = (tmp_path / "a/index.html").read_text()
    for link in ("all/answers.csv", "AUS/cards-issued.svg", "AUS/cards-issued.png"):
        assert link in page
        assert (tmp_path / "a" / link).exists()
    sheet = (tmp_path / "a/AUS/cards-issued.csv").read_text("utf-8-sig").splitlines()
    assert sheet[0] == '"month","economy","cards"'
    assert sheet[-1] == f'"{MONTH}","AUS","10"'
    told = json.loads((tmp_path / "a/AUS/answers.json").read_text())
    assert {"month", "destination", "asked"} <= told["rows"][-1].keys()
    exact = write_folder(tmp_path / "c", found, least=None)
    assert exact == files
    assert "for the office alone" in (tmp_path / "c/index.html").read_text()
    assert f'"{MONTH}","AUS","12"' in (tmp_path / "c/AUS/cards-issued.csv").read_text()


def test_a_plot_shows_the_slowest_and_takes_the_others_together(flow: Flow) -> None:
    case = flow.circulated()
    flow.now += timedelta(days=30)
    flow.decide(flow.lane(case, "JPN").id, "approve")
    tables = figures(flow).tables("AUS")
    plots = {each.name: each for each in plots_of(tables, {"JPN": "Japan"})}
    assert plots["slowest"].series[0].name == "Japan"
    assert [each.name for each in plots["open"].series][-1] == "All others"
    assert len(plots["open"].series) == 5
    assert plots["slowest"].picture("light").startswith(b"<?xml")
    assert plots["open"].picture("dark", "png").startswith(b"\x89PNG")


def test_c3_no_cell_of_a_sheet_is_a_formula() -> None:
    odd = Table(name="x", title="x", about="x", columns=("month", "economy"),
                rows=(("=1+1", "@x"),))  # fmt: skip
    assert csv_of(odd).splitlines()[-1] == b'"\'=1+1","\'@x"'


def test_moments_and_months_have_bounds(flow: Flow) -> None:
    naive = datetime(2030, 1, 1)  # noqa: DTZ001  # that is what is refused
    for at, months in ((naive, 3), (NOW, 0), (NOW, 241)):
        with pytest.raises(ValueError, match=r"offset|months"):
            figures(flow, at, months)
    assert figures(flow, datetime(2030, 1, 31, 23, 59, tzinfo=UTC)).months == (
        "2029-11", "2029-12", "2030-01",
    )  # fmt: skip


DOCS = Path(__file__).parents[3] / "docs"


def test_the_example_of_the_documentation_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Typed line by line, it ends with a page that can be opened."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ABTC_KEY_PASSPHRASE", "correct horse")
    text = (DOCS / "statistics.md").read_text()
    lines = re.findall(r"^    abtc-issuer (.*)$", text, re.MULTILINE)
    assert len(lines) == 3
    for line in lines:
        assert main(shlex.split(line)) == 0
    for name in re.findall(r"^\| `([a-z-]+\.csv)`", text, re.MULTILINE):
        for folder in ("all", "NZL", "JPN"):
            assert (tmp_path / "statistics" / folder / name).exists()
    assert "open.png" in (tmp_path / "statistics/index.html").read_text()
