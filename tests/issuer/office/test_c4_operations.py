"""Another economy's record looks to every operation as if it were not there."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from issuer.errors import IssuerError
from issuer.operations import all_operations
from issuer.services.submissions import HandedIn
from issuer.store import (
    ApiKey,
    Applicant,
    BrowserSession,
    Device,
    HeldDecision,
    HeldSubmission,
    HolderRequest,
    ImportRun,
    ImportState,
    Mail,
    Offer,
    OnlineApplication,
    OnlinePayment,
    PlasticBatch,
    ServiceClient,
    ShrinkRequest,
    WatchHit,
    Webhook,
)
from tests.issuer.back_office import BackOffice
from tests.issuer.office.card_builder import phone
from tests.issuer.office.flow import Flow, perform
from tests.issuer.office.test_applications import picture
from tests.simulator import NOW

NOBODY = 10**6
NO_RECORDS = {"limit", "days", "months", "least", "at_most", "stage"}
"""How many, and where: they name nothing."""
CURSORS = {"after", "before"}
SHARED = {"scheme"}
"""Versions of the scheme are the whole installation's."""
KINDS = {
    "account": "account", "key": "api_key", "application": "application",
    "document": "document", "renews_card": "card", "person_id": "person",
    "confirm_duplicate_of": None, "bulk": "bulk", "ids": None, "card": "card",
    "credential": "credential", "preclearance": "preclearance", "held": "held",
    "hit": "hit", "session": "session", "approval": "shrink", "batch": "batch",
    "offer": "offer", "device": "device", "client": "client", "webhook": "webhook",
    "mail": "mail", "online": "online", "payment": "payment", "request": "request",
    "submission": "submission",
}  # fmt: skip
"""What a field names; None where other tests say what becomes of it."""
IDS = {"import": "import", "lists": "shrink"}
"""What ``id`` names, by the noun of the operation."""
OTHERWISE: dict[str, Any] = {
    # It looks among what is the actor's own, and finds nothing.
    "incoming.send_held": {"sent": (), "refused": ()},
    "plastic.list": {"rows": (), "after": None},
    "offer.list": {"offers": (), "before": None},
    "account.link": (
        "Conflict",
        "sign_on.none: this economy has no sign-on of its own",
    ),
}
PERSON = {"family_name": "Doe", "birthdate": "1984-05-17", "sex": "F",
          "nationality": "USA"}  # fmt: skip
PASSPORT = {"country": "USA", "number": "N1", "issued_on": "2029-01-01",
            "expires_on": "2038-01-01"}  # fmt: skip
GIVEN: dict[str, Any] = {
    "person": PERSON, "passport": PASSPORT, "country": "USA", "number": "N1",
    "expires_on": "2038-01-01", "confirmation": "0" * 64, "holder_key": phone(),
    "answer": "x", "content": picture(), "name": "x.png", "kind": "other", "why": "x",
    "what": "phone", "how": "lost", "event": "approve", "outcome": "other_person",
    "receipt": "x", "role": "audit", "label": "x", "subject": None,
}  # fmt: skip
GIVEN_TO: dict[str, dict[str, Any]] = {
    "application.enter": {"kind": "new"},
    "card.replace": {"why": "damage"},
    "counter.activate": {"number": "0000 0000"},
    "application.read_chip": {
        "sod": "eA==",
        "lines": "eA==",
        "portrait": "eA==",
    },
    # Whom one may say that it is: tests/issuer/portal.
    "portal.take": {"online": 999_999},
    "submission.take": {"submission": 999_999},
    "request.settle": {"outcome": "done"},
}


def records(flow: Flow) -> dict[str, Any]:
    """One record of each kind, of AUS or of what JPN was asked."""
    case = flow.circulated()
    added = flow.do(
        "application.add_document", application=case.application, kind="other",
        name="x.png", content=picture(),
    )  # fmt: skip
    lane = flow.lane(case, "JPN").id
    issued = flow.do("card.issue_app", who="eve", card=case.card, holder_key=phone())
    person = flow.do("card.show", card=case.card).person
    bulk = flow.do("bulk.propose", action="preclearance.remind", ids=[lane]).bulk
    account = flow.desk().actor.account_id
    return {
        "application": case.application, "document": added.document,
        "card": case.card, "person": person, "credential": issued.credential,
        "preclearance": lane, "bulk": bulk, "account": account, "batch": "B1",
        **flow.write(lambda session: by_hand(session, account, lane, case.card or 0)),
    }  # fmt: skip


def by_hand(session: Session, account: int, lane: int, card: int) -> dict[str, int]:
    rows: dict[str, Any] = {
        "api_key": ApiKey(account_id=account, key_hash=b"k", label="x", created_at=NOW,
                          ends_at=NOW + timedelta(days=1)),
        "session": BrowserSession(account_id=account, token_hash=b"t", created_at=NOW,
                                  signed_in_at=NOW, seen_at=NOW),
        "held": HeldDecision(economy="AUS", preclearance_id=lane, account_id=account,
                             event="approve", reason="x", held_at=NOW),
        "hit": WatchHit(preclearance_id=lane, list_version="1", reference="x",
                        found_at=NOW, state="open"),
        "shrink": ShrinkRequest(economy="AUS", shrinks="[]", reason="x",
                                proposed_by=account, proposed_at=NOW),
        "import": ImportRun(economy="AUS", kind="applications", fingerprint="f",
                            at=NOW, rows=1, state=ImportState.RUNNING,
                            started_by=account, changed_at=NOW),
        "device": Device(economy="AUS", name="Gate 1", public_key="A" * 43,
                         enrolled_by=account, enrolled_at=NOW),
        "client": ServiceClient(economy="AUS", client_id="aus-1", name="x", jwk="{}",
                                scopes="track", waits=True, added_by=account,
                                added_at=NOW),
        "submission": HeldSubmission(
            economy="AUS", client="client:aus-1", number="AUSX", given=handed_in(),
            is_whole=True, held_for="x", state="waiting", came_at=NOW, changed_at=NOW,
        ),
        "webhook": Webhook(economy="AUS", client="client:aus-1", event="applications",
                           url="https://hooks.example", made_at=NOW, due_at=NOW),
        "mail": Mail(economy="AUS", kind="card_ends", recipient="a@b.example",
                     reference="t", state="dead", queued_at=NOW, next_at=NOW,
                     settled_at=NOW),
        "offer": Offer(economy="AUS", card_id=card, state="open", reference_hash=b"r",
                       code_hash=b"c", one_time_mark="m", made_by=account,
                       made_at=NOW, ends_at=NOW + timedelta(minutes=1),
                       changed_at=NOW),
    }  # fmt: skip
    rows |= online_by_hand(session)
    session.add_all(rows.values())
    session.add(
        PlasticBatch(batch="B1", economy="AUS", design="x", count=1, sums_sha256="x",
                     made_by=account, made_at=NOW)
    )  # fmt: skip
    session.flush()
    rows["request"] = asked_by_holder(session, card)
    return {name: row.id for name, row in rows.items()}


def handed_in() -> str:
    """What a partner's system has handed in, as it is kept while it waits."""
    given = {"person": PERSON, "passport": PASSPORT}
    return HandedIn.model_validate(given).model_dump_json()


def online_by_hand(session: Session) -> dict[str, Any]:
    applicant = Applicant(economy="AUS", email="x@example.com", created_at=NOW)
    session.add(applicant)
    session.flush()
    return {
        "online": OnlineApplication(
            economy="AUS", applicant_id=applicant.id, reference="AUS-1", state="held",
            kind="new", created_at=NOW, changed_at=NOW, submitted_at=NOW,
        ),
        "payment": OnlinePayment(
            economy="AUS", reference="P-AUS-1", kind="application", amount="5",
            currency="AUD", state="due", created_at=NOW, changed_at=NOW,
        ),
    }  # fmt: skip


def asked_by_holder(session: Session, card: int) -> HolderRequest:
    applicant = Applicant(economy="AUS", email="ann@example.com", created_at=NOW)
    session.add(applicant)
    session.flush()
    row = HolderRequest(
        economy="AUS", card_id=card, applicant_id=applicant.id, kind="renewal",
        state="waiting", made_at=NOW,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def naming() -> list[tuple[str, str]]:
    """Every operation beside each of its fields that may name a record."""
    found = []
    for name, operation in all_operations().items():
        for field, info in operation.request.model_fields.items():
            if "int" in re.findall(r"\w+", str(info.annotation)) or field == "batch":
                found.append((name, field))
    return found


def kind_of(name: str, field: str) -> str | None:
    noun = name.partition(".")[0]
    if noun in SHARED or field in NO_RECORDS | CURSORS:
        return None
    return IDS[noun] if field in {"id", "against"} else KINDS[field]


def request(name: str, field: str, number: Any) -> dict[str, Any]:
    shape = all_operations()[name].request
    known = {**GIVEN, **GIVEN_TO.get(name, {})}
    needed = {
        each: known[each]
        for each, info in shape.model_fields.items()
        if each in known and (info.is_required() or each in GIVEN_TO.get(name, {}))
    }
    return {**needed, field: number}


def answer(flow: Flow, name: str, field: str, number: Any) -> Any:
    try:
        given = perform(flow.desk("USA"), name, **request(name, field, number))
    except IssuerError as error:
        return type(error).__name__, str(error).replace(str(number), "N")
    return given.model_dump()


@pytest.fixture
def flow(back_office: BackOffice) -> Flow:
    return Flow(back_office)


def test_c4_every_field_that_names_a_record_is_in_the_table() -> None:
    for name, field in naming():
        kind_of(name, field)


def test_c4_no_operation_knows_another_economys_record(flow: Flow) -> None:
    theirs, asked = records(flow), 0
    for name, field in naming():
        kind = kind_of(name, field)
        if kind is None:
            continue
        missing = "B9" if kind == "batch" else NOBODY
        found = [answer(flow, name, field, each) for each in (theirs[kind], missing)]
        assert found[0] == found[1], (name, field)
        if name in OTHERWISE:
            assert found[0] == OTHERWISE[name]
        else:
            assert found[0][0] == "NotFound", (name, field, found[0])
        asked += 1
    assert asked > 60


def test_c4_a_cursor_tells_no_moment_of_another_economys_record(flow: Flow) -> None:
    """Where it would stand between one's own records would say when it changed."""
    flow.circulated(economy="JPN")
    flow.now += timedelta(hours=1)
    case = flow.circulated()
    cursors = {
        "application.list": case.application,
        "preclearance.list": flow.lane(case, "NZL").id,
    }
    for name, theirs in cursors.items():
        seen = [flow.do(name, economy="JPN", after=each) for each in (theirs, NOBODY)]
        assert seen[0] == seen[1], name
        assert "id" in str(seen[0])
