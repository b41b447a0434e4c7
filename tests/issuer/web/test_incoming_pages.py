"""Requests of other economies in the browser: ten seconds to undo, nothing lost."""

from typing import Any

import pytest

from issuer.store import AuditRow, HeldDecision, Preclearance
from issuer.web.case_words import PASSPORTS
from tests.issuer.office.flow import Flow, rows
from tests.issuer.office.test_preclearances import ToyList
from tests.issuer.web.front import Browser, Front
from verifier import PassportStatus


@pytest.fixture
def flow(small: Front) -> Flow:
    return Flow(small.back)


@pytest.fixture
def officer(small: Front) -> Browser:
    return small.browser().enter(small.person("JPN"))


def lanes(flow: Flow, count: int) -> list[int]:
    return [flow.lane(flow.circulated(), "JPN").id for _ in range(count)]


def decide(browser: Browser, lane: int, event: str = "approve", **more: str) -> Any:
    page = f"/incoming/{lane}"
    fields = {"event": event, "reason": "the queue", "note": "", **more}
    return browser.post(f"{page}/decide", fields, page=page)


def state(flow: Flow, lane: int) -> str:
    return str(flow.row(Preclearance, lane).state)


def held(flow: Flow) -> list[Any]:
    return list(flow.read(lambda session: rows(session, HeldDecision)))


def test_a_decision_opens_the_next_request_and_is_sent_when_its_time_is_over(
    small: Front, flow: Flow, officer: Browser
) -> None:
    first, second = lanes(flow, 2)
    answer = decide(officer, first)
    assert answer.headers["Location"].startswith(f"/incoming/{second}")
    officer.get(f"/incoming/{second}")
    assert "not sent yet" in officer.page
    small.clock.passes(seconds=9)
    officer.get("/incoming")
    assert state(flow, first) == "pending"
    small.clock.passes(seconds=1)
    officer.get("/incoming")
    assert state(flow, first) == "approved"
    assert held(flow) == []


def test_undo_leaves_the_request_as_it_was(
    small: Front, flow: Flow, officer: Browser
) -> None:
    lane = lanes(flow, 1)[0]
    decide(officer, lane, note="for us only")
    number = held(flow)[0].id
    assert officer.post(f"/incoming/held/{number}/undo", page="/").status_code == 303
    small.clock.passes(minutes=1)
    officer.get("/incoming")
    assert state(flow, lane) == "pending"
    tags = {row.tag for row in flow.read(lambda session: rows(session, AuditRow))}
    assert {"preclearance:held", "preclearance:undone"} <= tags
    assert "preclearance:approve" not in tags


def test_undo_too_late_says_that_it_was_sent(
    small: Front, flow: Flow, officer: Browser
) -> None:
    lane = lanes(flow, 1)[0]
    decide(officer, lane)
    number = held(flow)[0].id
    small.clock.passes(seconds=10)
    officer.get("/")
    assert state(flow, lane) == "approved"
    assert officer.post(f"/incoming/held/{number}/undo", page="/").status_code == 303
    officer.get("/incoming")
    assert "It was sent already" in officer.page


def test_a_browser_that_closes_loses_nothing_and_sends_nothing(
    small: Front, flow: Flow
) -> None:
    """The decision waits for its officer; a colleague's pages do not send it."""
    lane = lanes(flow, 1)[0]
    kenji = small.person("JPN")
    decide(small.browser().enter(kenji), lane)
    small.clock.passes(hours=9)
    colleague = small.browser().enter(small.person("JPN"))
    colleague.get("/incoming")
    assert state(flow, lane) == "pending"
    assert decide(colleague, lane, "refuse").status_code == 409
    assert "about to be sent" in colleague.page
    back = small.browser().enter(kenji)
    back.get("/")
    assert "you were away when it was due" in back.page
    assert state(flow, lane) == "pending"
    back.post(f"/incoming/held/{held(flow)[0].id}/send", page="/")
    assert state(flow, lane) == "approved"
    decision = flow.read(
        lambda session: rows(session, AuditRow, tag="preclearance:approve")
    )[0]
    assert (decision.actor_id, decision.reason) == (kenji.number, "the queue")


def test_send_now_does_not_wait(small: Front, flow: Flow, officer: Browser) -> None:
    lane = lanes(flow, 1)[0]
    decide(officer, lane)
    path = f"/incoming/held/{held(flow)[0].id}/send"
    officer.post(path, {"due": "1"}, page="/")
    assert state(flow, lane) == "pending"
    officer.post(path, page="/")
    assert state(flow, lane) == "approved"


def test_what_cannot_be_sent_any_more_is_told(
    small: Front, flow: Flow, officer: Browser
) -> None:
    """Somebody else was faster, through another door."""
    lane = lanes(flow, 1)[0]
    decide(officer, lane)
    flow.decide(lane, "refuse")
    small.clock.passes(seconds=10)
    officer.get("/")
    assert "was not sent" in officer.page
    assert state(flow, lane) == "not_approved"
    assert held(flow) == []


def test_an_approval_waits_for_the_watch_list(
    small: Front, flow: Flow, officer: Browser
) -> None:
    lane = lanes(flow, 1)[0]
    small.back.office.watch_lists = {"JPN": ToyList()}
    assert decide(officer, lane, note="typed already").status_code == 409
    assert "The watch list has not answered" in officer.page
    assert "typed already" in officer.page
    fields = {"reason": "a shift begins"}
    officer.post("/incoming/screen", fields, page="/incoming")
    assert decide(officer, lane).status_code == 303


def test_a_hit_is_settled_and_hits_come_first_on_wish(
    small: Front, flow: Flow, officer: Browser
) -> None:
    first = lanes(flow, 1)[0]
    case = flow.circulated(family_name="Listed")
    lane = flow.lane(case, "JPN").id
    small.back.office.watch_lists = {"JPN": ToyList(frozenset({"LISTED"}))}
    officer.post("/incoming/screen", {"reason": "r"}, page="/incoming")
    officer.get("/incoming")
    assert officer.page.index(f"/incoming/{first}?") < officer.page.index(
        f"/incoming/{lane}?"
    )
    officer.get("/incoming?hits_first=1")
    assert officer.page.index(f"/incoming/{lane}?") < officer.page.index(
        f"/incoming/{first}?"
    )
    page = f"/incoming/{lane}"
    fields = {"outcome": "other_person", "reason": "looked up"}
    assert officer.post(f"{page}/hits/1", fields, page=page).status_code == 303
    assert decide(officer, lane).status_code == 303


def test_c2_notes_stay_here_and_text_stays_text(
    small: Front, flow: Flow, officer: Browser
) -> None:
    """The home economy's page holds nothing of the destination's note."""
    case = flow.circulated()
    lane = flow.lane(case, "JPN").id
    decide(officer, lane, "refuse", note="<b>internal</b>")
    officer.post(f"/incoming/held/{held(flow)[0].id}/send", page="/")
    officer.get(f"/incoming/{lane}")
    assert "&lt;b&gt;internal&lt;/b&gt;" in officer.page
    home = small.browser().enter(small.person("AUS"))
    home.get(f"/applications/{case.application}")
    assert "Not approved" in home.page
    assert "internal&lt;" not in home.page


def test_several_are_chosen_for_a_dry_run(
    small: Front, flow: Flow, officer: Browser
) -> None:
    """Selected, looked at, proposed, released by somebody else, and told one by one."""
    chosen, left = lanes(flow, 2), lanes(flow, 1)[0]
    fields: dict[str, Any] = {"action": "incoming.decide", "ids": chosen}
    officer.post("/bulk/new", fields, page="/incoming")
    assert "2 records were selected" in officer.page
    fields |= {"arguments.event": "approve", "reason": "all clear"}
    officer.post("/bulk/new", {**fields, "do": "preview"}, page="/incoming")
    assert "Dry run: 2 records" in officer.page
    answer = officer.post("/bulk/new", {**fields, "do": "propose"}, page="/incoming")
    assert answer.headers["Location"] == "/bulk/1"
    officer.get("/bulk/1")
    assert "somebody else has to release it" in officer.page
    releasing = {"reason": "second look", "count": "2", "size": "2"}
    refused = officer.post("/bulk/1/approve", releasing, page="/bulk/1")
    assert refused.status_code == 409
    second = small.browser().enter(small.person("JPN"))
    wrong = second.post("/bulk/1/approve", {**releasing, "count": "3"}, page="/bulk/1")
    assert wrong.status_code == 400
    assert {state(flow, each) for each in chosen} == {"pending"}
    assert second.post("/bulk/1/approve", releasing).status_code == 303
    assert {state(flow, each) for each in chosen} == {"approved"}
    assert state(flow, left) == "pending"
    second.get("/bulk/1?outcome=done")
    assert f"/incoming/{chosen[1]}?from=bulk" in second.page


def test_a_filter_that_means_nothing_is_told_and_keeps_what_was_typed(
    officer: Browser,
) -> None:
    fields = {"action": "incoming.decide", "filter.state": "suspended",
              "filter.issuer": "AUS", "arguments.event": "reinstate",
              "reason": "why", "do": "preview"}  # fmt: skip
    page = "/bulk/new?action=incoming.decide"
    assert officer.post("/bulk/new", fields, page=page).status_code == 409
    assert "No record is meant" in officer.page
    assert 'value="AUS"' in officer.page
    assert officer.get("/bulk/new?action=card.nonsense").status_code == 303


def test_an_officer_asks_who_issued_the_passport(flow: Flow, officer: Browser) -> None:
    """From the request, with what it says; what cannot be asked is told as such."""
    (lane,) = lanes(flow, 1)
    page = f"/incoming/{lane}"
    officer.get(page)
    assert "Ask who issued it" in officer.page
    answer = officer.post(f"{page}/passport", {"reason": "the queue"}, page=page)
    assert answer.status_code == 409
    assert "services renew-key" in officer.page


def test_every_answer_about_a_passport_has_words() -> None:
    """Silence looks like nothing, and only VALID is green."""
    assert set(PASSPORTS) == set(PassportStatus)
    assert PASSPORTS[PassportStatus.NO_ANSWER][0] == "quiet"
    assert [each for each, (look, _) in PASSPORTS.items() if look == "good"] == [
        PassportStatus.VALID
    ]
