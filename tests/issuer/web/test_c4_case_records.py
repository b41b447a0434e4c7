"""Another economy's cases look as if they were not there, whatever is asked of them."""

from collections.abc import Iterator

import pytest
from werkzeug.routing import Rule

from tests.issuer.office.flow import Flow
from tests.issuer.office.test_applications import picture
from tests.issuer.web.front import Front
from tests.issuer.web.matrix import MATRIX

NOBODY = 10**6
OTHERWISE = {
    ("incoming.following", "GET"): 303,  # to the own queue
    ("incoming.undo", "POST"): 303,  # "it was sent already"
    ("incoming.send_now", "POST"): 303,  # likewise
    ("applications.correct", "POST"): 400,  # nothing was typed
}
SUBJECTS = ("applications", "incoming", "bulk")
FIELDS = {"reason": "a test", "event": "approve", "kind": "other", "outcome": "open",
          "number": "A", "count": "1", "size": "1"}  # fmt: skip


def records(front: Front) -> dict[str, int]:
    """A case of AUS, its request to JPN, and a bulk change that JPN proposed."""
    flow = Flow(front.back)
    case = flow.circulated()
    added = flow.do(
        "application.add_document", application=case.application, kind="other",
        name="x.png", content=picture(),
    )  # fmt: skip
    lane = flow.lane(case, "JPN").id
    bulk = flow.do(
        "bulk.propose", economy="JPN", action="incoming.decide", ids=[lane],
        arguments={"event": "approve"},
    )  # fmt: skip
    return {"application": case.application, "document": added.document, "lane": lane,
            "preclearance": lane, "bulk": bulk.bulk}  # fmt: skip


def rules(front: Front) -> Iterator[tuple[Rule, str]]:
    for rule in front.app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            is_case = rule.endpoint.partition(".")[0] in SUBJECTS
            if is_case and MATRIX[rule.endpoint, method].of_economy:
                yield rule, method


def test_c4_another_economys_case_is_not_there(small: Front) -> None:
    theirs = records(small)
    browser = small.browser().enter(small.person("NZL"))
    asked = 0
    for rule, method in rules(small):
        seen = []
        for named in (theirs, dict.fromkeys(theirs, NOBODY)):
            values = {name: named.get(name, NOBODY) for name in rule.arguments}
            path = small.app.url_map.bind("localhost").build(rule.endpoint, values)
            if method == "GET":
                answer = browser.get(path)
            else:
                answer = browser.post(path, FIELDS, page="/account")
            seen.append(answer.status_code)
        asked += 1
        expected = OTHERWISE.get((rule.endpoint, method), 404)
        assert seen == [expected] * 2, (rule, seen)
    assert asked > 20


@pytest.mark.parametrize("economy", ["AUS", "JPN"])
def test_c4_each_side_sees_its_own_half(small: Front, economy: str) -> None:
    """Home sees the case and not the request; the destination the other way round."""
    found = records(small)
    browser = small.browser().enter(small.person(economy))
    home = browser.get(f"/applications/{found['application']}").status_code
    theirs = browser.get(f"/incoming/{found['preclearance']}").status_code
    assert (home, theirs) == ((200, 404) if economy == "AUS" else (404, 200))
