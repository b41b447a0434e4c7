"""Reports, the audit log, configuration and publication in the web pages."""

import csv
import io
import json
import re
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from issuer.operations import all_operations
from issuer.plots import Series, bars
from issuer.scheme import Scheme
from issuer.store import AuditRow, Credential, Role
from tests.databases import Prepared
from tests.issuer.back_office import office_at
from tests.issuer.office.card_builder import CardBuilder, phone
from tests.issuer.web.front import Browser, Front
from tests.simulator import NOW

TEXT = Scheme.packaged_text()
CHANGED = TEXT.replace('source = "general knowledge"', 'source = "the ministry"', 1)


@pytest.fixture
def front(prepared_small: Prepared) -> Front:
    return Front.of(office_at(prepared_small, hosted=("KOR", "NZL")))


@pytest.fixture
def cards(front: Front) -> CardBuilder:
    return CardBuilder(office=front.back)


def enter(front: Front, *roles: Role, economy: str = "KOR") -> Browser:
    return front.browser().enter(front.person(economy, roles=roles))


def do(front: Front, name: str, *, who: str = "ann", **fields: Any) -> Any:
    desk = front.back.desk("KOR", who=who)
    return all_operations()[name].perform(desk, fields)


# Reports


def test_a_report_is_a_picture_a_table_and_a_file_with_the_same_numbers(
    front: Front, cards: CardBuilder
) -> None:
    for _ in range(3):
        cards.make(pending=("JPN",))
    browser = enter(front, Role.AUDIT)
    browser.get("/reports?report=outgoing")
    assert re.search(
        r'<th scope="row">Japan</th><td class="number">3</td>', browser.page
    )
    assert 'alt="What others have not answered us, as bars.' in browser.page
    for look in ("light", "dark"):
        drawn = browser.get(f"/reports/outgoing/{look}.svg")
        assert drawn.mimetype == "image/svg+xml"
        assert b"<script" not in drawn.data
    file = browser.get("/reports/outgoing.csv")
    rows = list(csv.reader(io.StringIO(file.get_data(as_text=True))))
    assert rows[1][:4] == ["outgoing", "JPN", "Japan", "3"]
    left = front.back.store.read(
        lambda session: session.scalars(
            select(AuditRow.fields).where(AuditRow.tag == "export:made")
        ).all()
    )
    assert [json.loads(each)["export"] for each in left] == ["backlog"]


def test_a_report_without_numbers_says_so_and_draws_nothing(front: Front) -> None:
    browser = enter(front, Role.AUDIT)
    assert browser.get("/reports?report=incoming").status_code == 200
    assert "nothing to draw" in browser.page
    assert "<img" not in browser.page.split("<main")[1]
    assert browser.get("/reports/incoming/light.svg").status_code == 404
    assert browser.get("/reports/nothing.csv").status_code == 404


def test_a_picture_has_no_text_that_anybody_could_choose() -> None:
    label = "<script>alert(1)</script>"
    drawn = bars([label], [Series(name=label, values=[1])], unit="x", scheme="light")
    assert b"alert" not in drawn.replace(b"<!--", b"").split(b"<g", 1)[0]
    assert b"<script" not in drawn


# The audit log


def test_the_log_says_who_read_and_who_changed(
    front: Front, cards: CardBuilder
) -> None:
    card = cards.make()
    do(front, "card.show", card=card)
    do(front, "card.suspend", who="bob", card=card, why="papers")
    browser = enter(front, Role.AUDIT)
    browser.get(f"/audit?subject=card:{card}&what=read")
    assert "card:read" in browser.page
    assert "card:suspend" not in browser.page
    browser.get(f"/audit?subject=card:{card}&what=changed&actor=bob-kor")
    assert "card:suspend" in browser.page
    assert "card:read" not in browser.page.split("<tbody>")[1]
    browser.get("/audit?until=2029-12-31")
    assert "No row matches" in browser.page
    assert browser.get("/audit?actor=ann-nzl").status_code == 404
    assert browser.get("/audit?since=soon").status_code == 400


def test_the_log_is_read_page_by_page(front: Front, cards: CardBuilder) -> None:
    card = cards.make()
    for _ in range(60):
        do(front, "card.show", card=card)
    browser = enter(front, Role.AUDIT)
    browser.get(f"/audit?subject=card:{card}")
    seen = set(re.findall(r'<th scope="row">([0-9]+)</th>', browser.page))
    further = re.findall(r'rel="next" href="([^"]+)"', browser.page)[0]
    browser.get(further.replace("&amp;", "&"))
    more = set(re.findall(r'<th scope="row">([0-9]+)</th>', browser.page))
    assert len(seen) == 50
    assert len(more) == 10
    assert not seen & more


def test_i5_a_changed_log_shows_when_it_is_verified(
    front: Front, cards: CardBuilder
) -> None:
    do(front, "card.show", card=cards.make())
    browser = enter(front, Role.AUDIT)
    browser.post("/audit/verify", page="/audit")
    assert "The log is whole" in browser.page

    def forge(session: Session) -> None:
        for row in session.execute(
            text(
                "SELECT name FROM sqlite_master WHERE"
                " type = 'trigger' AND tbl_name = 'audit'"
            )
        ):
            session.execute(text(f"DROP TRIGGER {row[0]}"))
        session.execute(text("UPDATE audit SET reason = 'nothing' WHERE seq = 1"
                             " AND economy = 'KOR'"))  # fmt: skip

    front.back.store.write(forge, now=NOW)
    browser.post("/audit/verify", page="/audit")
    assert "The log is not what it was. Row 1" in browser.page


def test_reading_the_log_is_in_the_log(front: Front) -> None:
    browser = enter(front, Role.AUDIT)
    do(front, "report.backlog")
    browser.get("/audit")
    tags = front.back.store.read(lambda s: s.scalars(select(AuditRow.tag)).all())
    assert "audit:read" in tags


def test_c2_a_hostile_reason_is_text_in_the_log(
    front: Front, cards: CardBuilder
) -> None:
    hostile = "<script>alert(1)</script>\u202e"
    card = cards.make()
    desk = front.back.desk("KOR", reason=hostile)
    all_operations()["card.show"].perform(desk, {"card": card})
    browser = enter(front, Role.AUDIT)
    browser.get("/audit")
    assert "<script>" not in browser.page
    assert "\u202e" not in browser.page
    assert "&lt;script&gt;" in browser.page


# One bad account


def test_i5_what_one_account_issued_is_undone_alone(
    front: Front, cards: CardBuilder
) -> None:
    bad, good = cards.make(), cards.make()
    do(front, "card.issue_app", who="eve", card=bad, holder_key=phone("a"))
    do(front, "card.issue_app", who="ann", card=good, holder_key=phone("b"))
    eve = front.back.desk("KOR", who="eve").actor.account_id
    browser = enter(front, Role.ISSUING)
    browser.get(f"/operators/{eve}")
    assert "Still good or suspended</dt><dd>1<" in browser.page
    done = browser.post(f"/operators/{eve}/revoke", {"reason": "a stolen account"})
    assert done.status_code == 303
    number = int(done.headers["Location"].rpartition("/")[2])
    assert states(front) == ["valid", "valid"]
    do(front, "bulk.approve", who="bob", bulk=number)
    assert states(front) == ["revoked", "valid"]


def states(front: Front) -> list[str]:
    return front.back.store.read(
        lambda s: [
            each.value
            for each in s.scalars(select(Credential.state).order_by(Credential.id))
        ]
    )


def test_i5_what_two_people_do_in_bulk_leaves_each_their_own_limit(
    front: Front, cards: CardBuilder
) -> None:
    limits = front.back.office.installation.limits.model_copy(update={"revoke": 2})
    front.back.office.installation = front.back.office.installation.model_copy(
        update={"limits": limits}
    )
    made = [cards.make() for _ in range(3)]
    for number, card in enumerate(made):
        do(front, "card.issue_app", card=card, holder_key=phone(f"p{number}"))
    bulk = do(front, "bulk.propose", action="card.cancel", ids=made)
    do(front, "bulk.approve", who="bob", bulk=bulk.bulk)
    assert states(front) == ["revoked"] * 3
    do(front, "card.suspend", who="bob", card=cards.make(), why="papers")


def test_c4_another_economys_operator_is_not_there(front: Front) -> None:
    ann = front.back.desk("KOR").actor.account_id
    theirs = front.browser().enter(front.person("NZL"))
    assert theirs.get(f"/operators/{ann}").status_code == 404
    asked = theirs.post(f"/operators/{ann}/revoke", {"reason": "x"}, page="/account")
    assert asked.status_code in {404, 409}


# Configuration


def test_a_version_is_proposed_by_one_and_put_in_force_by_another(
    front: Front,
) -> None:
    ann, bob = enter(front, Role.ADMIN), enter(front, Role.ADMIN)
    path = "/configuration/versions/new"
    done = ann.post(path, {"text": CHANGED, "reason": "asked them"}, page=path)
    assert done.status_code == 303
    version = done.headers["Location"]
    ann.get(version)
    assert "the ministry" in ann.page
    assert "another administrator approves" in ann.page
    assert ann.post(f"{version}/approve", {"reason": "mine"}).status_code == 409
    assert "another person has to do it" in ann.page
    bob.get(version)
    assert bob.post(f"{version}/approve", {"reason": "read it"}).status_code == 303
    file = bob.get("/configuration/scheme.toml")
    assert "the ministry" in file.get_data(as_text=True)


def test_a_wrong_file_is_refused_with_its_key_and_loses_nothing(front: Front) -> None:
    browser = enter(front, Role.ADMIN)
    wrong = TEXT.replace('value = "full"', 'value = "fuller"', 1)
    assert wrong != TEXT
    path = "/configuration/versions/new"
    page = browser.post(path, {"text": wrong, "reason": "kept words"}, page=path)
    assert page.status_code == 400
    assert re.search(r"economy\.[A-Z]{3}\.", browser.page)
    assert "kept words" in browser.page
    assert "fuller" in browser.page


def test_facts_are_those_of_the_day_asked_about(front: Front) -> None:
    browser = enter(front, Role.INTAKE)
    browser.get("/configuration/economies/CHN?on=2023-04-30")
    before = browser.page
    browser.get("/configuration/economies/CHN?on=2023-05-02")
    assert before != browser.page
    assert "2 May 2023" in browser.page
    assert "Verified" in browser.page
    assert browser.get("/configuration/economies/XXX").status_code == 404
    assert browser.get("/configuration?on=soon").status_code == 400


# Publication


def test_an_office_that_publishes_nothing_says_what_is_wrong(front: Front) -> None:
    browser = enter(front, Role.PUBLISHING)
    assert browser.get("/publication").status_code == 200
    assert "nothing is published" in browser.page
    assert "kor-card-1" in browser.page
    refused = browser.post("/publication/publish", {"reason": "due"})
    assert refused.status_code in {409, 503}
    again = browser.get("/publication")
    assert again.status_code == 200


def test_where_nothing_can_be_published_yet_no_place_of_the_server_is_shown(
    small: Front,
) -> None:
    officer = small.browser().enter(small.person())
    page = officer.get("/publication").get_data(as_text=True)
    assert "There is no repository to publish to yet" in page
    assert str(small.back.office.installation.folder) not in page


def test_the_page_says_how_many_passports_a_list_would_name(small: Front) -> None:
    """Where the economy publishes one; elsewhere nothing is said of it."""
    officer = small.browser().enter(small.person())
    told = "The list of reported passports: 0"
    assert told not in officer.get("/publication").get_data(as_text=True)
    office = small.back.office
    publish = office.installation.publish.model_copy(
        update={"passports": tuple(office.packaged_scheme.economies)}
    )
    office.installation = office.installation.model_copy(update={"publish": publish})
    page = officer.get("/publication").get_data(as_text=True)
    assert told in page
    assert "New" in page
