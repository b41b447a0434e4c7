"""What is asked of applicants, as each economy's dated facts say it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from issuer.dated import Fact
from issuer.errors import NotFound, SchemeError
from issuer.requirements import LEAST, AskedEconomy, Requirements
from issuer.scheme import Scheme
from tests.issuer.back_office import SCHEME, BackOffice
from tests.issuer.office.flow import Flow

LONG = "x" * 2_001
MARKED = 'mark = "assumed", source = "a test"'


@pytest.fixture
def flow(back_office: BackOffice) -> Flow:
    return Flow(back_office)


def ask(flow: Flow, code: str, **more: Any) -> Requirements:
    found = flow.do("economy.requirements", code=code, **more)
    assert isinstance(found, Requirements)
    return found


def said(found: Requirements, key: str) -> list[dict[str, Any]]:
    return [each.says for each in found.facts if each.key == key]


@pytest.mark.parametrize("code", sorted(SCHEME.economies))
def test_every_fact_is_told_with_mark_and_source_and_nothing_is_invented(
    flow: Flow, code: str
) -> None:
    """A key is either said, as the scheme says it, or told as unknown."""
    found = ask(flow, code)
    economy = SCHEME.economy(code)
    for each in found.facts:
        rows: tuple[Fact, ...] = getattr(economy, each.key)
        assert any((row.mark, row.source) == (each.mark, each.source) for row in rows)
    assert {each.key for each in found.facts} & set(found.unknown) == set()
    for key in found.unknown:
        rows = getattr(economy, key)
        assert not [row for row in rows if row.holds(flow.now) and not is_entry(row)]
    assert [each.code for each in found.asked] == [
        *SCHEME.destinations(code, code, flow.now)
    ]


def is_entry(row: Fact) -> bool:
    return row.subject == "entry"


def test_what_domain_sources_state_is_there(flow: Flow) -> None:
    """The three facts that a government has published, and what they do not say."""
    taipei = ask(flow, "TWN")
    assert [each["kind"] for each in said(taipei, "asked_documents")] == [
        "recommendation",
        "police_certificate",
    ]
    [fee] = said(taipei, "fees")
    assert fee == {"kind": "application", "amount": "5000", "currency": "TWD"}
    assert "home_review_stages" in taipei.unknown
    assert len(said(ask(flow, "HKG"), "criteria")) == 3
    assert ask(flow, "USA").asked == []


def test_a_page_of_another_day_says_what_holds_then(flow: Flow) -> None:
    """The preview: facts change with the day, what was measured does not."""
    flow.configure(
        "AUS",
        f"fees = ["
        f'{{ kind = "application", amount = 1, currency = "AUD", {MARKED},'
        " until = 2031-01-01T00:00:00Z },"
        f'{{ kind = "application", amount = 2, currency = "AUD", {MARKED},'
        " from = 2031-01-01T00:00:00Z }]",
    )
    later = datetime(2031, 1, 1, tzinfo=UTC)
    assert said(ask(flow, "AUS"), "fees")[0]["amount"] == "1"
    after = ask(flow, "AUS", at=later)
    assert said(after, "fees")[0]["amount"] == "2"
    assert after.measured_at == flow.now


def of_japan(flow: Flow) -> AskedEconomy:
    return {each.code: each for each in ask(flow, "AUS").asked}["JPN"]


def test_times_measured_and_times_promised_are_told_apart(flow: Flow) -> None:
    """And a time of a few cases, which could be somebody's, is not told."""
    flow.configure("JPN", "service_target_days = [{ value = 21, %s }]")
    for count in range(LEAST):
        case = flow.circulated()
        lane = flow.lane(case, "JPN").id
        flow.now += timedelta(days=4)
        flow.decide(lane, "approve")
        expected = None if count < LEAST - 1 else 4.0
        assert of_japan(flow).answers.median_days == expected
    japan = of_japan(flow)
    assert [each.says for each in japan.facts if each.key == "service_target_days"] == [
        {"value": 21}
    ]
    assert ask(flow, "AUS").home_review.median_days == 0.0
    assert ask(flow, "NZL").home_review.median_days is None


def test_an_economy_that_is_none_is_refused(flow: Flow) -> None:
    with pytest.raises(NotFound):
        ask(flow, "XXX")


@pytest.mark.parametrize(
    ("line", "path"),
    [
        (f'criteria = [{{ kind = "A", text = "x", {MARKED} }}]', "criteria[0].kind"),
        (f'criteria = [{{ kind = "a", text = "", {MARKED} }}]', "criteria[0].text"),
        (f'criteria = [{{ kind = "a", text = " x", {MARKED} }}]', "criteria[0].text"),
        (
            f'criteria = [{{ kind = "a", text = "x", {MARKED} }},'
            f' {{ kind = "a", text = "y", {MARKED} }}]',
            "criteria[1]",
        ),
        (
            f'asked_documents = [{{ kind = "other", text = "{LONG}", {MARKED} }}]',
            "asked_documents[0].text",
        ),
        (
            'asked_documents = [{ kind = "other", text = "x", mark = "verified" }]',
            "asked_documents[0].source",
        ),
    ],
)
def test_a_requirement_that_is_malformed_is_refused_by_its_path(
    line: str, path: str
) -> None:
    text = Scheme.packaged_text().replace("[economy.AUS]\n", f"[economy.AUS]\n{line}\n")
    with pytest.raises(SchemeError) as caught:
        Scheme.from_toml(text)
    assert caught.value.path == f"economy.AUS.{path}"
