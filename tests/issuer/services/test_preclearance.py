"""Pre-clearance between systems: requests, answers, what is told later; bad input."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from issuer import lifecycle
from issuer.statements import verify_statement
from issuer.store import Card, PassportLink, Preclearance, PreclearanceEvent
from tests.issuer.office.flow import rows
from tests.issuer.services.town import System, Town, code_of, rows_of, url_of
from tests.simulator import NOW

State = lifecycle.Preclearance


def asked(system: System, number: int = 1) -> Any:
    answer = system.ask("POST", "/preclearance-requests", system.request(number))
    assert answer.status_code == 200, answer.get_json()
    return answer.get_json()


def decide(town: Town, reference: str, event: str = "approve") -> None:
    town.flow.decide(town.lane(reference).id, event, economy="NZL")


def feed(system: System, cursor: str = "") -> list[dict[str, Any]]:
    answer = system.ask("GET", f"/answers?cursor={cursor}")
    assert answer.status_code == 200, answer.get_json()
    return list(answer.get_json()["answers"])


# As destination


def test_asked_answered_and_read_end_to_end(town: Town) -> None:
    """The issuer checks the answer with the destination's status key alone."""
    singapore = town.system("SGP")
    assert asked(singapore)["state"] == "pending"
    assert feed(singapore) == []
    decide(town, "SGP-1")
    (row,) = feed(singapore)
    signer, record = town.back.office.signers.signer("NZL", "status", now=NOW)
    said = verify_statement(
        row["statement"],
        iss=url_of("NZL"),
        key_id=record.key_id,
        key=signer.public_key,
    )
    (decision,) = said.decisions
    assert (decision.issuer, decision.card) == ("SGP", "SGP-1")
    assert decision.after == "approved"
    assert feed(singapore, row["cursor"]) == []


def test_the_same_request_twice_is_one(town: Town) -> None:
    """With a key or without: a lost answer is asked for again."""
    singapore = town.system("SGP")
    first = asked(singapore)
    assert asked(singapore) == first
    headers = {"Idempotency-Key": "once"}
    same = [
        singapore.ask(
            "POST", "/preclearance-requests", singapore.request(2), headers=headers
        ).get_json()
        for _ in range(2)
    ]
    assert same[0] == same[1]
    other = singapore.ask(
        "POST", "/preclearance-requests", singapore.request(3), headers=headers
    )
    assert code_of(other) == (409, "request.reused")


def test_n4_a_request_key_is_its_senders_own(town: Town) -> None:
    """Another economy's same key is another key."""
    headers = {"Idempotency-Key": "1"}
    for code in ("SGP", "KOR"):
        system = town.system(code)
        answer = system.ask(
            "POST", "/preclearance-requests", system.request(), headers=headers
        )
        assert answer.status_code == 200, answer.get_json()


def test_n3_nobody_asks_for_another_economy(town: Town) -> None:
    """Nor answers, tells or withdraws for one: a card is its issuer's alone."""
    singapore, korea = town.system("SGP"), town.system("KOR")
    asked(singapore)
    foreign = korea.ask("POST", "/preclearance-requests", singapore.request(2))
    assert code_of(foreign) == (403, "request.other_economy")
    rows = rows_of(korea.lines([singapore.request(3), korea.request(1)]))
    assert [row["status"] for row in rows] == [403, 200]
    tell = korea.ask("PUT", "/cards/SGP-1", {"revision": 1, "event": "cancel"})
    assert code_of(tell) == (404, "record.unknown")
    gone = korea.ask("POST", "/applicants-withdrawn", {"references": ["SGP-1"]})
    assert gone.get_json()["results"][0]["outcome"] == "record.unknown"
    assert town.lane("SGP-1").state == State.PENDING


def test_n3_the_feed_shows_nothing_of_others(town: Town) -> None:
    """Decided together, two issuers' cards are in two statements."""
    singapore, korea = town.system("SGP"), town.system("KOR")
    asked(singapore)
    asked(korea)
    lanes = [town.lane("SGP-1").id, town.lane("KOR-1").id]
    bulk = town.flow.do(
        "bulk.propose", economy="NZL", who="ann", action="incoming.decide", ids=lanes,
        arguments={"event": "approve"},
    ).bulk  # fmt: skip
    town.flow.do("bulk.approve", economy="NZL", bulk=bulk)
    for system in (singapore, korea):
        (row,) = feed(system)
        payload = row["statement"].split(".")[1]
        assert system.economy == issuer_in(payload)
        listed = system.ask("GET", "/preclearance-requests").get_json()["requests"]
        assert [each["reference"] for each in listed] == [f"{system.economy}-1"]


def issuer_in(payload: str) -> str:
    from base64 import urlsafe_b64decode  # noqa: PLC0415

    body = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    (issuer,) = {each["issuer"] for each in body["events"]}
    return str(issuer)


def test_the_feed_is_in_order_and_has_no_gaps(town: Town) -> None:
    """Page by page, what was decided comes as it was decided, each once."""
    singapore = town.system("SGP")
    rows_of(singapore.lines([singapore.request(n) for n in range(1, 8)]))
    for number in (3, 1, 7, 5):
        decide(town, f"SGP-{number}")
    decide(town, "SGP-1", "suspend")
    found, cursor = [], ""
    while True:
        page = singapore.ask("GET", f"/answers?cursor={cursor}&limit=2").get_json()
        found += [card_in(each["statement"]) for each in page["answers"]]
        cursor = page["cursor"]
        if not page["more"]:
            break
    assert found == ["SGP-3", "SGP-1", "SGP-7", "SGP-5", "SGP-1"]


def test_r9_a_destination_that_was_put_back_says_so(small: Town) -> None:
    """What it decides since would have the numbers of what it has forgotten."""
    singapore = small.system("SGP")
    rows_of(singapore.lines([singapore.request(n) for n in (1, 2)]))
    decide(small, "SGP-1")
    cursor = feed(singapore)[0]["cursor"]
    assert feed(singapore, cursor) == []
    number, _, mark = cursor.partition(".")
    for other in (f"{number}.{int(mark) + 1}", number, f"{int(number) + 9}.{mark}"):
        answer = singapore.ask("GET", f"/answers?cursor={other}")
        assert code_of(answer) == (409, "answers.cursor")
    korea = small.system("KOR")
    assert code_of(korea.ask("GET", f"/answers?cursor={cursor}")) == (
        409, "answers.cursor",
    )  # fmt: skip


def card_in(statement: str) -> str:
    from base64 import urlsafe_b64decode  # noqa: PLC0415

    payload = statement.split(".")[1]
    body = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return str(body["events"][0]["card"])


def test_bulk_rows_have_results_of_their_own(town: Town) -> None:
    """Good ones are taken, whatever is wrong with others; again, nothing doubles."""
    singapore = town.system("SGP")
    rows = [
        singapore.request(1),
        singapore.request(2, passport_number="?"),
        b'{"issuer": "SGP",',
        singapore.request(3, nationality="NZL"),
        singapore.request(1, family_name="OTHER"),
        singapore.request(4, passport_number=singapore.request(1)["passport_number"]),
        singapore.request(5),
        singapore.request(5),
    ]
    results = rows_of(singapore.lines(rows))
    assert [each["row"] for each in results] == [*range(1, 9)]
    assert [each["status"] for each in results] == [
        200, 400, 400, 409, 409, 409, 200, 200,
    ]  # fmt: skip
    assert results[1]["problems"][0]["field"] == "passport_number"
    assert results[4]["code"] == "incoming.reference_reused"
    assert results[5]["code"] == "incoming.passport_reused"
    assert results[6]["preclearance"] == results[7]["preclearance"]
    assert [
        (row["status"], row["preclearance"]) for row in rows_of(singapore.lines(rows))
    ] == [(row["status"], row["preclearance"]) for row in results]


def test_what_is_told_late_or_twice_changes_nothing(town: Town) -> None:
    """Whatever order messages come in, the newest that was told counts."""
    singapore = town.system("SGP")
    asked(singapore)
    decide(town, "SGP-1")
    index = {"form": "app", "document_number": "S1", "list_number": 1,
             "list_index": 7, "state": "valid"}  # fmt: skip

    def tell(revision: int, **given: Any) -> Any:
        answer = singapore.ask("PUT", "/cards/SGP-1", {"revision": revision, **given})
        assert answer.status_code == 200, answer.get_json()
        return answer.get_json()

    assert tell(1, credentials=[index])["applied"]
    ended = tell(3, event="cancel", credentials=[{**index, "state": "revoked"}])
    assert (ended["applied"], ended["lapsed"]) == (True, 1)
    late = tell(2, event="suspend")
    assert (late["applied"], late["state"], late["revision"]) == (
        False, "cancelled", 3,
    )  # fmt: skip
    assert not tell(3, event="cancel")["applied"]
    assert town.lane("SGP-1").state == State.LAPSED


def test_what_cannot_be_is_not_noted_as_told(town: Town) -> None:
    """A refused message can be put right under the same number."""
    singapore = town.system("SGP")
    asked(singapore)
    wrong = singapore.ask("PUT", "/cards/SGP-1", {"revision": 1, "event": "restore"})
    assert code_of(wrong) == (409, "card.not_now")
    right = singapore.ask("PUT", "/cards/SGP-1", {"revision": 1, "event": "suspend"})
    assert right.get_json()["applied"]


def test_withdrawn_applicants_are_not_asked_about_any_more(town: Town) -> None:
    singapore = town.system("SGP")
    asked(singapore)
    asked(singapore, 2)
    given = {"references": ["SGP-1", "SGP-9"]}
    outcomes = [
        [each["outcome"] for each in singapore.ask(
            "POST", "/applicants-withdrawn", given).get_json()["results"]]
        for _ in range(2)
    ]  # fmt: skip
    assert outcomes == [["ended", "record.unknown"], ["known", "record.unknown"]]
    assert town.lane("SGP-1").state == State.LAPSED
    assert town.lane("SGP-2").state == State.PENDING


def test_own_requests_are_listed_page_by_page(town: Town) -> None:
    singapore = town.system("SGP")
    rows_of(singapore.lines([singapore.request(n) for n in range(1, 6)]))
    decide(town, "SGP-2", "refuse")
    found: list[Any] = []
    cursor, more = "", True
    while more:
        page = singapore.ask(
            "GET", f"/preclearance-requests?limit=2&cursor={cursor}"
        ).get_json()
        found += page["requests"]
        cursor, more = page["cursor"], page["more"]
    assert [each["reference"] for each in found] == [f"SGP-{n}" for n in range(1, 6)]
    assert [each["state"] for each in found].count("not_approved") == 1


# As home economy


def circulated(town: Town, *destinations: str) -> tuple[str, int]:
    """A card of AUS that JPN was asked about: its reference, and its number."""
    moved = town.flow.circulated()
    assert moved.card is not None
    return f"card-{moved.card}", moved.card


def push(system: System, statement: str) -> Any:
    answer = system.ask("POST", "/statements", {"statement": statement})
    assert answer.status_code == 200, answer.get_json()
    return [each["outcome"] for each in answer.get_json()["decisions"]]


def lane_of(town: Town, card: int, destination: str = "JPN") -> Preclearance:
    query = select(Preclearance).where(
        Preclearance.card_id == card, Preclearance.destination == destination
    )
    return town.back.store.read(lambda session: session.scalars(query).one())


def test_a_destinations_answer_stays_signed(town: Town) -> None:
    """It is kept as it was signed, and checked with its key whenever somebody asks."""
    japan = town.system("JPN", asks="AUS")
    reference, card = circulated(town)
    assert push(japan, japan.statement((reference, 2, "approve", "approved"))) == [
        "taken"
    ]
    assert lane_of(town, card).state == State.APPROVED
    checked = town.flow.check(card)
    assert checked.problems == ()
    (kept,) = town.statements(economy="JPN")
    assert kept.issuer == "AUS"


def test_n5_replayed_and_duplicated_answers_change_nothing(town: Town) -> None:
    """A suspension is not undone by the approval before it, sent again."""
    japan = town.system("JPN", asks="AUS")
    reference, card = circulated(town)
    approved = japan.statement((reference, 2, "approve", "approved"))
    push(japan, approved)
    assert push(japan, japan.statement((reference, 3, "suspend", "suspended"))) == [
        "taken"
    ]
    assert push(japan, approved) == ["known"]
    assert push(japan, japan.statement((reference, 2, "approve", "approved"))) == [
        "known"
    ]
    assert lane_of(town, card).state == State.SUSPENDED
    assert len(town.statements(economy="JPN")) == 2
    assert town.flow.check(card).problems == ()


def test_n5_reordered_answers_wait_for_those_before(town: Town) -> None:
    """What follows something that has not come is refused, and good afterwards."""
    japan = town.system("JPN", asks="AUS")
    reference, card = circulated(town)
    late = japan.statement((reference, 3, "suspend", "suspended"))
    assert push(japan, late) == ["preclearance.not_now"]
    push(japan, japan.statement((reference, 2, "approve", "approved")))
    assert push(japan, late) == ["taken"]
    assert lane_of(town, card).state == State.SUSPENDED


def test_several_decisions_about_a_card_are_taken_in_their_order(town: Town) -> None:
    japan = town.system("JPN", asks="AUS")
    reference, card = circulated(town)
    statement = japan.statement(
        (reference, 2, "approve", "approved"),
        (reference, 3, "suspend", "suspended"),
        ("card-999999", 2, "approve", "approved"),
        ("another", 2, "approve", "approved"),
        (reference, 4, "explode", "suspended"),
        (reference, 5, "reinstate", "withdrawn"),
    )
    assert push(japan, statement) == [
        "taken",
        "taken",
        "preclearance.not_asked",
        "preclearance.not_asked",
        "statement.event",
        "statement.event",
    ]
    assert lane_of(town, card).state == State.SUSPENDED
    assert town.flow.check(card).problems == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "KOR-status"},
        {"key": "KOR-status", "kid": "JPN-status"},
        {"key": "JPN-card"},
        {"iss": url_of("KOR")},
        {"iat": NOW + timedelta(seconds=61)},
        {"iat": NOW - timedelta(days=366)},
        {"issuer": "NZL"},
    ],
)
def test_n3_nobody_answers_for_another_economy(
    small: Town, changes: dict[str, Any]
) -> None:
    """Not with another's key, nor its own card key, nor about others' cards."""
    japan = small.system("JPN", asks="AUS")
    reference, card = circulated(small)
    text = japan.statement((reference, 2, "approve", "approved"), **changes)
    answer = japan.ask("POST", "/statements", {"statement": text})
    assert code_of(answer) in {(409, "statement.refused"), (409, "statement.not_ours")}
    assert lane_of(small, card).state == State.PENDING


def test_n3_a_good_statement_comes_from_its_own_economy(small: Town) -> None:
    """What JPN signed is nothing that KOR can bring as its own."""
    japan = small.system("JPN", asks="AUS")
    korea = small.system("KOR", asks="AUS")
    reference, card = circulated(small)
    text = japan.statement((reference, 2, "approve", "approved"))
    answer = korea.ask("POST", "/statements", {"statement": text})
    assert code_of(answer) == (409, "statement.refused")
    assert lane_of(small, card).state == State.PENDING


def test_n5_who_tampers_with_what_is_kept_is_found(small: Town) -> None:
    """The signature covers the destination's step, and no other counts in its place."""
    from issuer.store import AnswerTaken  # noqa: PLC0415

    japan = small.system("JPN", asks="AUS")
    reference, card = circulated(small)
    push(japan, japan.statement((reference, 2, "approve", "approved")))

    def work(session: Any) -> None:
        row = session.scalars(select(AnswerTaken)).one()
        row.seq = 7

    small.back.store.write(work, now=NOW)
    (problem,) = small.flow.check(card).problems
    assert problem.problem == "is not in its statement"


def test_a_decision_about_what_has_ended_stops_no_other(small: Town) -> None:
    japan = small.system("JPN", asks="AUS")
    one, first = circulated(small)
    two, second = circulated(small)
    small.flow.do("card.cancel", card=first, why="fraud")
    outcomes = push(
        japan,
        japan.statement((one, 2, "approve", "approved"), (two, 2, "refuse",
                        "not_approved")),
    )  # fmt: skip
    assert outcomes == ["preclearance.ended", "taken"]
    assert lane_of(small, second).state == State.NOT_APPROVED


def test_indexes_come_to_those_who_were_asked(town: Town) -> None:
    """A destination gets what its overlays need; another economy gets nothing of it."""
    from tests.issuer.office.card_builder import phone  # noqa: PLC0415

    _, card = circulated(town)
    town.flow.do("card.issue_app", who="eve", card=card, holder_key=phone())
    japan = town.system("JPN", asks="AUS")
    page = japan.ask("GET", "/status-indexes").get_json()
    (row,) = page["indexes"]
    assert (row["reference"], row["state"]) == (f"card-{card}", "valid")
    town.flow.do("card.suspend", card=card, why="doubt")
    again = japan.ask("GET", f"/status-indexes?cursor={page['cursor']}").get_json()
    assert [each["state"] for each in again["indexes"]] == ["suspended"]


# Bad input


BAD: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("POST", "/preclearance-requests", {"json": []}, 400, "request.invalid"),
    ("POST", "/preclearance-requests", {"data": b"{"}, 400, "request.invalid"),
    ("POST", "/preclearance-requests",
     {"data": b'{"issuer":"SGP","issuer":"SGP"}', "content_type": "application/json"},
     400, "request.invalid"),
    ("POST", "/preclearance-requests",
     {"data": b'{"a":' * 5000, "content_type": "application/json"},
     400, "request.invalid"),
    ("POST", "/preclearance-requests",
     {"data": b"[" * 100_000, "content_type": "application/json"},
     400, "request.invalid"),
    ("POST", "/preclearance-requests",
     {"data": b"\xff\xfe", "content_type": "application/json"},
     400, "request.invalid"),
    ("POST", "/preclearance-requests",
     {"data": b" " * (2**20 + 1), "content_type": "application/json"},
     413, "request.too_large"),
    ("POST", "/preclearance-requests", {"json": {"issuer": "SGP"}},
     400, "request.invalid"),
    ("POST", "/preclearance-requests/bulk",
     {"data": b"", "content_type": "application/x-ndjson"}, 400, "request.invalid"),
    ("POST", "/preclearance-requests/bulk",
     {"data": b"{}\n" * 1001, "content_type": "application/x-ndjson"},
     400, "request.invalid"),
    ("GET", "/answers?cursor=x", {}, 400, "request.invalid"),
    ("GET", "/answers?cursor=-1", {}, 400, "request.invalid"),
    ("GET", "/answers?cursor=1&cursor=2", {}, 400, "request.invalid"),
    ("GET", "/answers?limit=0", {}, 400, "request.invalid"),
    ("GET", "/answers?limit=201", {}, 400, "request.invalid"),
    ("GET", "/answers?other=1", {}, 400, "request.invalid"),
    ("GET", "/status-indexes?cursor=999999999999999999.1", {}, 400, "request.invalid"),
    ("PUT", "/cards/SGP-1", {"json": {"revision": 0}}, 400, "request.invalid"),
    ("PUT", "/cards/SGP-1", {"json": {"revision": 2**70}}, 400, "request.invalid"),
    ("PUT", "/cards/SGP-1", {"json": {"revision": 1, "event": "revive"}},
     400, "request.invalid"),
    ("PUT", "/cards/%00", {"json": {"revision": 1}}, 404, "record.unknown"),
    ("PUT", "/cards/" + "x" * 500, {"json": {"revision": 1}}, 404, "record.unknown"),
    ("POST", "/applicants-withdrawn", {"json": {"references": []}},
     400, "request.invalid"),
    ("POST", "/statements", {"json": {"statement": ""}}, 409, "statement.refused"),
    ("POST", "/statements", {"json": {"statement": "a.b.c"}},
     409, "statement.refused"),
    ("POST", "/statements", {"json": {"statement": "\u00e9.b.c"}},
     409, "statement.refused"),
    ("POST", "/webhooks", {"json": {"url": "http://[", "event": "answers"}},
     400, "request.invalid"),
    ("DELETE", "/webhooks/1", {}, 404, "record.unknown"),
    ("DELETE", "/webhooks/" + "9" * 40, {}, 404, "record.unknown"),
    ("PATCH", "/answers", {}, 404, "record.unknown"),
    ("GET", "/nothing", {}, 404, "record.unknown"),
    ("GET", "/applications/1", {}, 403, "token.scope"),
]  # fmt: skip


def test_n6_bad_input_is_told_what_is_wrong(small: Town) -> None:
    """Whatever comes: a clear problem of ours, and never a fault of the server."""
    singapore = small.system("SGP")
    for method, path, options, status, code in BAD:
        given = dict(options)
        if "data" in given:
            given.setdefault("content_type", "application/json")
        answer = singapore.ask(method, path, **given)
        assert code_of(answer) == (status, code), (method, path[:60])
        assert answer.mimetype == "application/problem+json"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in answer.headers


def test_n6_what_is_refused_leaves_nothing(small: Town) -> None:
    """Not a person, not a card, not an event."""
    singapore = small.system("SGP")

    def counts() -> list[int]:
        return small.back.store.read(
            lambda session: [
                session.scalar(select(func.count()).select_from(table)) or 0
                for table in (Card, Preclearance, PreclearanceEvent)
            ]
        )

    before = counts()
    test_n6_bad_input_is_told_what_is_wrong(small)
    singapore.ask("POST", "/preclearance-requests", singapore.request(1, sex="?"))
    assert counts() == before


# A passport that is kept with its answer, and reminders

NEW_PASSPORT = {"country": "SGP", "number": "N7654321", "issued_on": "2029-06-01",
                "expires_on": "2039-06-01"}  # fmt: skip


def test_a_new_passport_is_linked_to_what_was_told(town: Town) -> None:
    """The answer stays; the same told again changes nothing."""
    singapore = town.system("SGP")
    asked(singapore)
    decide(town, "SGP-1")
    for revision in (1, 2):
        told = {"revision": revision, "passport": NEW_PASSPORT}
        assert singapore.ask("PUT", "/cards/SGP-1", told).status_code == 200
    lane = town.lane("SGP-1")
    shown = town.flow.do("incoming.show", economy="NZL", preclearance=lane.id)
    assert (lane.state, shown.passport_number) == ("approved", "N7654321")
    links = town.flow.read(lambda s: rows(s, PassportLink, card_id=lane.card_id))
    assert sorted(each.state for each in links) == ["linked", "replaced"]


def test_i6_a_passport_of_another_person_is_not_linked(town: Town) -> None:
    singapore = town.system("SGP")
    asked(singapore)
    asked(singapore, 2)
    number = singapore.request(2)["passport_number"]
    passport = {**NEW_PASSPORT, "number": number}
    answer = singapore.ask("PUT", "/cards/SGP-1", {"revision": 1, "passport": passport})
    assert code_of(answer) == (409, "incoming.passport_reused")


def test_a_reminder_is_noted_once_while_the_answer_is_open(town: Town) -> None:
    singapore = town.system("SGP")
    asked(singapore)
    told = {"revision": 1, "reminded_at": NOW.isoformat()}
    for _ in range(2):
        assert singapore.ask("PUT", "/cards/SGP-1", told).status_code == 200
    lane = town.lane("SGP-1")
    assert lane.reminded_at is not None
    events = town.flow.read(
        lambda s: rows(s, PreclearanceEvent, preclearance_id=lane.id)
    )
    assert [each.event for each in events].count("remind") == 1
    decide(town, "SGP-1")
    late = {"revision": 2, "reminded_at": NOW.isoformat()}
    assert singapore.ask("PUT", "/cards/SGP-1", late).status_code == 200
    assert town.lane("SGP-1").state == "approved"
