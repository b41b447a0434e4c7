"""Counts and reports: right, and by an index whatever the size."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, literal, select

from issuer.reports import is_sampled
from issuer.store import Person, Role, Store
from tests.issuer.back_office import BackOffice
from tests.issuer.office.flow import Flow, perform, rows
from tests.issuer.office.test_preclearances import ToyList


@pytest.fixture
def flow(back_office: BackOffice) -> Flow:
    return Flow(back_office)


def test_the_start_page_counts_what_waits(flow: Flow) -> None:
    flow.enter()
    case = flow.enter()
    for name in ("submit", "open"):
        flow.step(name, case)
    flow.active()
    fields = flow.fields(family_name="Listed")
    fields["passport"]["expires_on"] = "2030-06-01"
    listed = flow.do("application.enter", who="ann", **fields).application
    for name in ("submit", "open", "pass_stage", "approve", "circulate"):
        flow.step(name, listed)
    quick = flow.circulated()
    flow.office.office.watch_lists = {"JPN": ToyList(frozenset({"LISTED"}))}
    flow.do("incoming.screen", economy="JPN", limit=1)
    home = flow.do("queue.counts")
    assert (home.drafts, home.to_circulate, home.passports_short) == (1, 1, 1)
    assert [(each.stage, each.count) for each in home.home_review] == [(0, 1)]
    assert (home.incoming, home.overdue_replies) == (0, 0)
    jpn = flow.do("queue.counts", economy="JPN")
    assert (jpn.incoming, jpn.incoming_unscreened, jpn.open_hits) == (2, 1, 1)
    flow.do("incoming.screen", economy="JPN")
    flow.now += timedelta(days=4)
    flow.decide(flow.lane(quick, "JPN").id, "approve")
    flow.now += timedelta(days=5)
    assert flow.do("queue.counts").overdue_replies == 1
    flow.configure("JPN", "service_target_days = [{ value = 5, %s }]")
    assert flow.do("queue.counts", economy="JPN").incoming_overdue == 1
    flow.do("bulk.propose", action="preclearance.remind", filter={})
    assert flow.do("queue.counts").bulk_to_release == 1


def test_passports_that_end_soon_are_listed(flow: Flow) -> None:
    for days in (20, 10, 400):
        fields = flow.fields()
        ends = (flow.now + timedelta(days=days)).date()
        fields["passport"]["expires_on"] = ends.isoformat()
        case = flow.do("application.enter", who="ann", **fields).application
        for name in ("submit", "open", "pass_stage", "approve"):
            flow.step(name, case)
    page = flow.do("queue.passports_short", limit=1)
    rest = flow.do("queue.passports_short", limit=1, after=page.after)
    assert [each.days_left for each in (*page.passports, *rest.passports)] == [10, 20]
    assert rest.after is None


@contextmanager
def statements(flow: Flow) -> Iterator[list[tuple[str, Any]]]:
    """Collect what is asked of the database."""
    asked: list[tuple[str, Any]] = []

    def keep(_c: Any, _k: Any, statement: str, parameters: Any, *_: Any) -> None:
        # Versions of the scheme are few, and read whole.
        if statement.lstrip().startswith("SELECT") and "scheme_text" not in statement:
            asked.append((statement, parameters))

    engine = flow.office.store.engine
    event.listen(engine, "before_cursor_execute", keep)
    yield asked
    event.remove(engine, "before_cursor_execute", keep)


def plans(flow: Flow, asked: list[tuple[str, Any]]) -> dict[str, list[str]]:
    """Return how the database would answer each statement."""
    sqlite = flow.office.store.engine.dialect.name == "sqlite"
    explain = "EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN "
    found: dict[str, list[str]] = {}
    with flow.office.store.engine.connect() as connection:
        if not sqlite:
            # Tables are small here: only what no index can serve is still scanned.
            connection.exec_driver_sql("SET enable_seqscan = off")
        for statement, parameters in asked:
            found[statement] = [
                str(row[-1])
                for row in connection.exec_driver_sql(explain + statement, parameters)
            ]
    return found


def full_scans(flow: Flow, asked: list[tuple[str, Any]]) -> list[str]:
    """Return what a database would read a whole table or index for."""
    sqlite = flow.office.store.engine.dialect.name == "sqlite"
    return [
        "\n".join((statement, *lines))
        for statement, lines in plans(flow, asked).items()
        if (any(map(is_scan_sqlite, lines)) if sqlite else is_scan("\n".join(lines)))
    ]


def is_scan_sqlite(line: str) -> bool:
    small = ("anon", "(subquery", "CONSTANT", "codes", "ranked")
    return line.startswith("SCAN ") and not line[5:].startswith(small)


def is_scan(plan: str) -> bool:
    scans = plan.count("Index Scan") + plan.count("Index Only Scan")
    return "Seq Scan" in plan or scans > plan.count("Index Cond")


PAGES: list[tuple[str, str, dict[str, Any]]] = [
    ("queue.counts", "AUS", {}),
    ("queue.counts", "JPN", {}),
    ("queue.passports_short", "AUS", {}),
    ("queue.phones", "AUS", {"offered": "before", "after": 1}),
    ("application.list", "AUS", {"state": "submitted"}),
    ("application.list", "AUS", {"state": "home_review", "stage": 0}),
    ("application.list", "AUS", {}),
    ("application.list", "AUS", {"stage": 0}),
    ("application.list", "AUS", {"search": "QAAAB"}),
    ("application.list", "AUS", {"search": "QAAABAAABAAAB, AN"}),
    ("preclearance.list", "AUS", {}),
    ("preclearance.list", "AUS", {"destination": "JPN", "overdue": True}),
    ("preclearance.list", "AUS", {"overdue": True}),
    ("preclearance.list", "AUS", {"state": "approved"}),
    ("preclearance.list", "AUS", {"destination": "JPN", "state": "approved"}),
    ("incoming.list", "JPN", {}),
    ("incoming.list", "JPN", {"screening": "waiting"}),
    ("incoming.list", "JPN", {"screening": "open_hits"}),
    ("incoming.list", "JPN", {"screening": "waiting", "issuer": "AUS"}),
    ("incoming.list", "JPN", {"screening": "open_hits", "issuer": "AUS"}),
    ("incoming.list", "JPN", {"state": "approved"}),
    ("incoming.list", "JPN", {"state": "approved", "issuer": "AUS"}),
    ("application.show", "AUS", {"application": 1}),
    ("report.answer_times", "AUS", {}),
    ("report.months", "JPN", {}),
    ("report.backlog", "JPN", {}),
    ("bulk.list", "AUS", {}),
    ("card.show", "AUS", {"card": 1}),
    ("card.find", "AUS", {"document_number": "AB1234567"}),
    ("card.find", "AUS", {"passport_number": "PA1234567"}),
    ("card.find", "AUS", {"family_name": "QAAAB"}),
]


@pytest.mark.parametrize(
    ("name", "economy", "given"),
    PAGES,
    ids=[f"{p[0]}-{i}" for i, p in enumerate(PAGES)],
)
def test_no_page_reads_a_whole_table(
    flow: Flow, name: str, economy: str, given: dict[str, Any]
) -> None:
    flow.circulated()
    flow.configure("JPN", "service_target_days = [{ value = 5, %s }]")
    with statements(flow) as asked:
        flow.do(name, economy=economy, **given)
    assert full_scans(flow, [each for each in asked if "login" not in each[0]]) == []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT count(*) FROM person WHERE given_name = 'X'",
        "SELECT id FROM preclearance ORDER BY asked_at",
        "SELECT count(*) FROM preclearance",
    ],
)
def test_what_reads_a_whole_table_would_be_noticed(flow: Flow, statement: str) -> None:
    assert full_scans(flow, [(statement, ())])


INDEXES: list[tuple[str, str, dict[str, Any], str]] = [
    ("application.list", "AUS", {}, "application_age"),
    ("application.list", "AUS", {"state": "closed"}, "application_queue"),
    ("application.list", "AUS", {"stage": 0}, "application_stage"),
    ("preclearance.list", "AUS", {}, "preclearance_outgoing"),
    ("preclearance.list", "AUS", {"destination": "JPN"}, "preclearance_pair"),
    ("incoming.list", "JPN", {}, "preclearance_incoming"),
    ("incoming.list", "JPN", {"issuer": "AUS"}, "preclearance_pair"),
    ("incoming.list", "JPN", {"screening": "waiting"}, "preclearance_unscreened"),
    ("incoming.list", "JPN", {"screening": "open_hits"}, "preclearance_hits"),
    ("queue.counts", "JPN", {}, "preclearance_unscreened"),
    ("queue.counts", "JPN", {}, "preclearance_hits"),
    ("queue.passports_short", "AUS", {}, "passport_end"),
    ("report.answer_times", "AUS", {}, "COVERING INDEX ix_preclearance_answered"),
    ("report.months", "AUS", {}, "COVERING INDEX ix_preclearance_decided"),
]


# PostgreSQL plans for how much there is, and here is little.
@pytest.mark.parametrize("prepared", ["SQLite"], indirect=True)
@pytest.mark.parametrize("after", [None, 1], ids=["first", "deep"])
@pytest.mark.parametrize(
    "page",
    INDEXES,
    ids=[f"{each[0]}-{each[3].split()[-1]}" for each in INDEXES],
)
def test_each_page_is_read_in_the_order_of_its_index(
    flow: Flow,
    page: tuple[str, str, dict[str, Any], str],
    after: int | None,
) -> None:
    """Nothing is sorted, so that a page costs the same wherever it is."""
    name, economy, given, index = page
    flow.circulated()
    is_list = "list" in name or "short" in name
    place: dict[str, Any] = {"after": after} if after and is_list else {}
    with statements(flow) as asked:
        flow.do(name, economy=economy, **given, **place)
    found = plans(flow, [each for each in asked if "AS codes" not in each[0]])
    assert any(index in line for lines in found.values() for line in lines), found
    if is_list:
        sorted_ones = [
            statement
            for statement, lines in found.items()
            if any("TEMP B-TREE" in line for line in lines)
        ]
        assert sorted_ones == []


def test_entering_and_deciding_read_no_whole_table(flow: Flow) -> None:
    case = flow.circulated()
    lane = flow.lane(case, "JPN").id
    fields = flow.fields()
    with statements(flow) as asked:
        flow.do("application.enter", **fields)
        flow.decide(lane, "approve")
        flow.do("application.show", application=case.application)
        flow.check(case.card)
    assert full_scans(flow, asked) == []


def test_answer_times_are_medians(flow: Flow) -> None:
    cases = [flow.circulated() for _ in range(4)]
    for days, case in zip((1, 2, 10), cases, strict=False):
        flow.now = flow.now.replace(day=15) + timedelta(days=days)
        flow.decide(flow.lane(case, "JPN").id, "approve")
    report = flow.do("report.answer_times")
    found = {row.destination: row for row in report.rows}
    assert "AUS" not in found
    assert "USA" not in found
    jpn = found["JPN"]
    assert (jpn.answers, jpn.median_days, jpn.nine_in_ten_days) == (3, 2, 10)
    assert (jpn.open, jpn.oldest_open_days) == (1, 10)
    nzl = found["NZL"]
    assert (nzl.answers, nzl.median_days, nzl.open) == (0, None, 4)
    flow.now += timedelta(days=1)
    flow.decide(flow.lane(cases[3], "JPN").id, "refuse")
    rows = flow.do("report.answer_times").rows
    assert {row.destination: row.median_days for row in rows}["JPN"] == 6


def test_answer_times_of_very_many_are_those_of_a_sample(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("issuer.reports.SAMPLE", 2)
    cases = [flow.circulated() for _ in range(6)]
    asked_at = flow.now
    for days, case in enumerate(cases, start=1):
        flow.now = asked_at + timedelta(days=days)
        flow.decide(flow.lane(case, "JPN").id, "approve")
    with statements(flow) as asked:
        rows = {row.destination: row for row in flow.do("report.answer_times").rows}
    assert any("65536" in str(parameters) for _, parameters in asked)
    assert rows["JPN"].answers == 6
    assert 1 <= rows["JPN"].median_days <= rows["JPN"].nine_in_ten_days <= 6


@pytest.mark.parametrize("step", [3, 18])
@pytest.mark.parametrize("apart", [1, 16, 18, 21])
def test_a_sample_is_even_however_identities_follow(
    store: Store, step: int, apart: int
) -> None:
    numbers = select(literal(7).label("n")).cte(recursive=True)
    more = select(numbers.c.n + apart).where(numbers.c.n < 7 + apart * 11_999)
    numbers = numbers.union_all(more)
    query = select(func.count()).where(is_sampled(numbers.c.n, step))
    found = store.read(lambda session: session.scalar(query)) or 0
    assert found == pytest.approx(12_000 / step, rel=0.1)


def test_the_wait_to_expect_is_the_median_of_the_last_answers(flow: Flow) -> None:
    cases = [flow.circulated() for _ in range(5)]
    asked_at = flow.now
    for days, case in zip((1, 2, 4, 50), cases, strict=False):
        flow.now = asked_at + timedelta(days=days)
        flow.decide(flow.lane(case, "JPN").id, "approve")
    lanes = flow.do("preclearance.list", destination="JPN").lanes
    assert [lane.median_days for lane in lanes] == [3]
    nobody = flow.do("preclearance.list", destination="NZL").lanes
    assert {lane.median_days for lane in nobody} == {None}


def test_months_and_backlog(flow: Flow) -> None:
    case = flow.circulated()
    flow.now += timedelta(days=40)
    flow.circulated()
    flow.decide(flow.lane(case, "JPN").id, "approve")
    months = flow.do("report.months").rows
    assert [(row.month, row.issued, row.cleared) for row in months] == [
        ("2030-01", 1, 0),
        ("2030-02", 1, 1),
    ]
    jpn = flow.do("report.months", economy="JPN").rows
    assert [(row.month, row.cleared_for_others) for row in jpn] == [("2030-02", 1)]
    backlog = flow.do("report.backlog")
    nzl = next(row for row in backlog.outgoing if row.economy == "NZL")
    assert (nzl.up_to_30_days, nzl.up_to_90_days, nzl.older) == (1, 1, 0)
    incoming = flow.do("report.backlog", economy="JPN").incoming
    assert [(row.economy, row.up_to_30_days) for row in incoming] == [("AUS", 1)]


def test_reports_hold_no_traveller(flow: Flow) -> None:
    flow.circulated()
    desk = flow.desk(roles={Role.AUDIT})
    names = {person.family_name for person in flow.read(lambda s: rows(s, Person))}
    for name in ("report.answer_times", "report.months", "report.backlog"):
        said = perform(desk, name).model_dump_json()
        assert not any(each in said for each in names)
