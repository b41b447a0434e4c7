"""From a decision at a desk to the colour on an officer's device."""

import json
from datetime import timedelta
from importlib import resources
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from issuer import audit
from issuer.audit import Head, Heads
from issuer.entries import overlays, state_at
from issuer.errors import Conflict, Forbidden, PublishRefused
from issuer.issue_log import Logged
from issuer.lifecycle import Credential as CredentialState
from issuer.lifecycle import Preclearance as PreclearanceState
from issuer.publication import open_publisher
from issuer.publish import Submission
from issuer.publish.checks import read_list
from issuer.publish.repository import Repository
from issuer.scheme import Scheme
from issuer.store import (
    AuditRow,
    Credential,
    Issue,
    Preclearance,
    PublicationRow,
    SigningKey,
    Store,
)
from tests.databases import Prepared
from tests.issuer.office.publishing import (
    HOSTED,
    Publishing,
    issue_log_line,
    minutes,
)
from tests.simulator import NOW

SCHEME = Scheme.load()


@pytest.fixture
def office(prepared: Prepared) -> Publishing:
    made = Publishing.at(prepared)
    made.back_office.office.installation.issue_log.unlink()
    return made


def entries(office: Publishing, name: str) -> bytes:
    repository = Repository.load(office.public)
    documents = repository.documents(office.public, name[:3], name)
    return read_list(documents[name])[1]


def test_a_revoked_card_is_red_with_the_next_sync(office: Publishing) -> None:
    held, other = office.held(0), office.held(1)
    assert office.device("NZL").ask(held) == "entry.cleared"
    office.set_credential(held, CredentialState.REVOKED, at=minutes(1))
    done = office.perform("lists.publish", at=minutes(3))
    assert (done.ended, done.slowest_seconds) == (1, 120)
    device = office.device("NZL", at=minutes(4))
    assert device.ask(held, at=minutes(4)) == "status.revoked"
    assert device.ask(other, at=minutes(4)) == "entry.cleared"


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (CredentialState.SUSPENDED, "status.suspended"),
        (CredentialState.SUPERSEDED, "status.superseded"),
    ],
)
def test_s7_suspended_and_superseded_are_told_apart(
    office: Publishing, state: CredentialState, reason: str
) -> None:
    held = office.held()
    office.set_credential(held, state, at=minutes(1))
    office.publish("SGP", at=minutes(2))
    assert office.device("NZL", at=minutes(3)).ask(held, at=minutes(3)) == reason


def test_a_suspension_that_was_lifted_is_good_again(office: Publishing) -> None:
    held = office.held()
    office.set_credential(held, CredentialState.SUSPENDED, at=minutes(1))
    office.publish("SGP", at=minutes(2))
    office.set_credential(
        held, CredentialState.VALID, at=minutes(3), reason="it was found"
    )
    office.publish("SGP", at=minutes(4))
    ask = office.device("NZL", at=minutes(5)).ask
    assert ask(held, at=minutes(5)) == "entry.cleared"


def test_what_has_expired_stays_as_it_was_published(office: Publishing) -> None:
    good, bad = office.held(0), office.held(1)
    office.set_credential(bad, CredentialState.SUSPENDED, at=minutes(1))
    office.publish("SGP", at=minutes(2))
    for held in (good, bad):
        office.set_credential(held, CredentialState.EXPIRED, at=minutes(3))
    before = entries(office, f"SGP/status/{bad.list_number}.jwt")
    office.publish("SGP", at=minutes(4))
    assert entries(office, f"SGP/status/{bad.list_number}.jwt") == before


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (PreclearanceState.WITHDRAWN, "entry.withdrawn"),
        (PreclearanceState.SUSPENDED, "entry.suspended"),
        (PreclearanceState.PENDING, "entry.withdrawn"),
        (PreclearanceState.LAPSED, "entry.withdrawn"),
    ],
)
def test_s13_a_destination_takes_back_for_itself_only(
    office: Publishing, state: PreclearanceState, reason: str
) -> None:
    held = office.held()
    office.answer(held, "NZL", state, at=minutes(1))
    office.publish("SGP", "NZL", "JPN", at=minutes(2))
    at = minutes(3)
    assert office.device("NZL", at=at).ask(held, at=at) == reason
    assert office.device("JPN", at=at).ask(held, at=at) == "entry.cleared"


def test_a_grant_after_printing_works_without_a_new_card(office: Publishing) -> None:
    held = office.held(by=["JPN"])
    office.store.write(lambda s: forget(s, held.credential_id, "NZL"), now=NOW)
    office.answer(held, "NZL", PreclearanceState.APPROVED, at=minutes(1))
    office.publish(at=minutes(2))
    at = minutes(3)
    name = f"NZL/overlay/SGP/{held.list_number}.jwt"
    states = entries(office, name)
    assert states[held.index // 4] >> 2 * (held.index % 4) & 3 == 3
    assert office.device("JPN", at=at).ask(held, at=at) == "entry.cleared"


def forget(session: Session, credential: int, economy: str) -> None:
    """As if one of its texts had been signed before that economy answered."""
    issue = session.scalars(
        select(Issue).where(Issue.credential_id == credential)
    ).one()
    kept = [code for code in issue.economies.split() if code != economy]
    issue_copy = {
        column.key: getattr(issue, column.key)
        for column in Issue.__table__.columns
        if column.key not in ("id", "economies", "request_key")
    }
    session.add(Issue(**issue_copy, economies=" ".join(kept), request_key="older"))


def test_a_card_that_is_alive_nowhere_needs_no_overlay(office: Publishing) -> None:
    held = office.held()
    office.answer(held, "NZL", PreclearanceState.WITHDRAWN, at=minutes(1))
    office.set_credential(held, CredentialState.REVOKED, at=minutes(1))
    before = entries(office, f"NZL/overlay/SGP/{held.list_number}.jwt")
    office.publish("NZL", at=minutes(2))
    assert entries(office, f"NZL/overlay/SGP/{held.list_number}.jwt") == before


def test_every_list_has_an_overlay_even_if_it_says_nothing(office: Publishing) -> None:
    """Without one a device cannot tell (specification, section 10, row 7)."""
    documents = Repository.load(office.public).documents(office.public, "JPN")
    assert "JPN/overlay/SGP/1.jwt" in documents
    assert not any(name.startswith("JPN/overlay/JPN/") for name in documents)


def test_the_same_facts_are_published_byte_for_byte(office: Publishing) -> None:
    def facts() -> list[bytes]:
        every = Repository.load(office.public).documents(office.public, "SGP")
        return [every["SGP/issuer.json"], every["SGP/policy.json"]]

    before = facts()
    office.publish("SGP", at=minutes(1))
    assert facts() == before


def test_preview_counts_what_would_change_and_publishes_nothing(
    office: Publishing,
) -> None:
    held = office.held()
    office.set_credential(held, CredentialState.REVOKED, at=minutes(1))
    seen = office.perform("lists.preview", at=minutes(2))
    (change,) = [each for each in seen.lists if each.name == "SGP/status/1.jwt"]
    assert change.changed == 1
    assert change.after.one == change.before.one + 1
    assert sum(change.after.model_dump().values()) == 2**17
    assert seen.problems == []
    assert office.device("NZL").ask(held) == "entry.cleared"


def test_i4_a_head_is_kept_outside_with_each_publication(office: Publishing) -> None:
    heads = Heads(path=office.back_office.office.installation.audit_heads)
    head = heads.latest("SGP")
    assert head == office.store.read(lambda s: audit.heads(s)["SGP"])
    row = office.store.read(
        lambda s: s.scalars(
            select(PublicationRow).where(PublicationRow.economy == "SGP")
        ).one()
    )
    assert row.audit_seq == head.seq - 1
    assert json.loads(row.details)["version"] == 2


def refused(office: Publishing) -> str:
    with pytest.raises(Conflict) as error:
        office.perform("lists.publish", at=minutes(5))
    return error.value.code


def test_r5_a_database_behind_the_kept_head_publishes_nothing(
    office: Publishing,
) -> None:
    heads = Heads(path=office.back_office.office.installation.audit_heads)
    heads.keep(Head(economy="SGP", seq=999, hash="0" * 64), at=NOW)
    assert refused(office) == "publication.audit_behind"
    tags = office.store.read(
        lambda s: s.scalars(select(AuditRow.tag).where(AuditRow.economy == "SGP")).all()
    )
    assert tags[-1] == "publication:refused"


def test_r5_without_the_file_of_heads_nothing_is_published(office: Publishing) -> None:
    office.back_office.office.installation.audit_heads.unlink()
    assert refused(office) == "publication.heads_lost"


def test_r5_an_issued_card_that_the_database_does_not_know_stops_it(
    office: Publishing,
) -> None:
    held = office.held()
    log = office.back_office.office.installation.issue_log
    known = Logged(
        economy="SGP", list=held.list_number, index=held.index,
        request_key="r", claims_sha256="0",
        document_number="X", form="physical", at="2030-01-15T12:00:00Z",
    )  # fmt: skip
    log.write_text(issue_log_line(known))
    office.publish("SGP", at=minutes(1))
    free = next(
        index
        for index in range(2**17)
        if not office.store.read(lambda s, i=index: used(s, i))  # type: ignore[misc]
    )
    stray = Logged(
        economy="SGP", list=1, request_key="r", claims_sha256="0",
        index=free, document_number="SG9", form="app",
        at="2030-01-15T12:01:00Z",
    )  # fmt: skip
    with log.open("a") as file:
        file.write(issue_log_line(stray))
    assert refused(office) == "publication.unknown_index"
    office.publish("NZL", at=minutes(6))


def used(session: Session, index: int) -> bool:
    query = select(Credential.id).where(
        Credential.economy == "SGP", Credential.list_index == index
    )
    return session.scalars(query).first() is not None


def test_s11_the_database_refuses_to_open_again_what_has_ended(
    office: Publishing,
) -> None:
    held = office.held()
    office.set_credential(held, CredentialState.REVOKED, at=minutes(1))
    for state in (CredentialState.VALID, CredentialState.SUSPENDED):
        with pytest.raises(Forbidden, match="tr_credential_final"):
            office.set_credential(held, state, at=minutes(2))


def without_triggers(office: Publishing, statement: str) -> None:
    """As somebody who owns the database."""
    is_sqlite = office.store.engine.dialect.name == "sqlite"

    def work(session: Session) -> None:
        drop = "DROP TRIGGER tr_credential_final"
        session.execute(text(drop + ("" if is_sqlite else " ON credential")))
        session.execute(text(statement))

    office.store.write(work, now=NOW)


def test_s11_sql_behind_our_back_un_revokes_nothing_outside(office: Publishing) -> None:
    held = office.held()
    office.set_credential(held, CredentialState.REVOKED, at=minutes(1))
    office.publish("SGP", at=minutes(2))
    without_triggers(
        office,
        f"UPDATE credential SET state = 'valid' WHERE id = {held.credential_id}",  # noqa: S608
    )
    assert refused(office) == "publication.unrevoked"
    at = minutes(6)
    assert office.device("NZL", at=at).ask(held, at=at) == "status.revoked"


def test_r5_an_answer_that_was_taken_back_does_not_return(office: Publishing) -> None:
    held = office.held()
    office.answer(held, "NZL", PreclearanceState.WITHDRAWN, at=minutes(1))
    office.publish("NZL", at=minutes(2))

    def back(session: Session) -> None:
        row = session.scalars(
            select(Preclearance).where(
                Preclearance.card_id == held.card_id, Preclearance.destination == "NZL"
            )
        ).one()
        row.state, row.changed_at = PreclearanceState.APPROVED, NOW

    office.store.write(back, now=NOW)
    with pytest.raises(Conflict, match=r"publication\.unwithdrawn"):
        office.perform("lists.publish", "NZL", at=minutes(3))


def test_an_answer_that_is_given_anew_is_published(office: Publishing) -> None:
    held = office.held()
    office.answer(held, "NZL", PreclearanceState.PENDING, at=minutes(1))
    office.publish("NZL", at=minutes(2))
    office.answer(held, "NZL", PreclearanceState.APPROVED, at=minutes(3))
    at = minutes(5)
    with pytest.raises(PublishRefused, match=r"shrink\.emptied"):
        office.publish("NZL", at=minutes(4))
    asked = office.perform("lists.propose_shrink", "NZL", at=minutes(4))
    with pytest.raises(Forbidden, match="four_eyes"):
        office.perform("lists.approve_shrink", "NZL", at=minutes(4), id=asked.id)
    office.perform("lists.approve_shrink", "NZL", who="bob", at=minutes(4), id=asked.id)
    office.publish("NZL", at=minutes(4), approval=asked.id)
    assert office.device("NZL", at=at).ask(held, at=at) == "entry.cleared"
    with pytest.raises(Conflict, match=r"shrink\.settled"):
        office.publish("NZL", at=at, approval=asked.id)


def test_d12_approval_covers_what_was_seen_and_no_more(office: Publishing) -> None:
    held = office.held()
    office.answer(held, "NZL", PreclearanceState.PENDING, at=minutes(1))
    office.publish("NZL", at=minutes(2))
    office.answer(held, "NZL", PreclearanceState.APPROVED, at=minutes(3))
    asked = office.perform("lists.propose_shrink", "NZL", at=minutes(4))
    office.perform("lists.approve_shrink", "NZL", who="bob", at=minutes(4), id=asked.id)
    retire = "UPDATE signing_key SET state = 'retired' WHERE key_id = 'nzl-card-1'"
    office.store.write(lambda s: s.execute(text(retire)), now=NOW)
    with pytest.raises(Conflict, match=r"shrink\.more"):
        office.publish("NZL", at=minutes(5), approval=asked.id)


def test_i7_a_new_key_is_published_before_it_signs(office: Publishing) -> None:
    added = office.store.read(
        lambda s: s.scalars(
            select(SigningKey).where(SigningKey.key_id == "sgp-card-1")
        ).one()
    )
    assert added.published_at is not None
    status = office.perform("publication.status", at=minutes(1))
    assert {key.key_id for key in status.keys} == {"sgp-card-1", "sgp-status-1"}


def test_status_says_what_is_out_and_what_is_wrong(office: Publishing) -> None:
    status = office.perform("publication.status", at=minutes(1))
    assert status.last_at == NOW
    assert {each.role for each in status.roles} == {
        "SGP", "root", "targets", "snapshot", "timestamp",
    }  # fmt: skip
    codes = {each.code for each in status.alarms}
    assert codes == {"issue_log.missing"}
    later = office.perform("publication.status", at=NOW + timedelta(days=20))
    codes = {each.code for each in later.alarms}
    assert {"lists.old", "role.expired", "role.ends_soon"} <= codes


def test_an_office_that_never_published_says_so(store: Store, tmp_path: Path) -> None:
    office = Publishing(store, tmp_path, cards=1)
    status = office.perform("publication.status", at=minutes(1))
    assert "lists.none" in {each.code for each in status.alarms}
    preview = office.perform("lists.preview", at=minutes(1))
    assert all(each.before is None for each in preview.lists)
    assert preview.new_keys == ["sgp-card-1", "sgp-status-1"]


def test_d9_each_economy_publishes_under_its_own_name(office: Publishing) -> None:
    repository = Repository.load(office.public)
    for code in HOSTED:
        for name in repository.targets[code].signed.targets:
            assert name.startswith(f"{code}/")


def test_an_economy_that_publishes_elsewhere_signs_a_file(office: Publishing) -> None:
    held = office.held()
    installation = office.back_office.office.installation
    office.back_office.office.installation = installation.model_copy(
        update={
            "publish": installation.publish.model_copy(
                update={
                    "submissions": "submissions",
                    "first_root": "public/metadata/1.root.json",
                }
            )
        }
    )
    office.set_credential(held, CredentialState.REVOKED, at=minutes(1))
    done = office.perform("lists.publish", at=minutes(2))
    assert done.version == 3
    assert office.device("NZL").ask(held) == "entry.cleared"
    submission = Submission.from_bytes(Path(done.submission).read_bytes())
    publisher = open_publisher(office.back_office.office)
    publisher.accept(submission, now=minutes(3))
    at = minutes(4)
    assert office.device("NZL", at=at).ask(held, at=at) == "status.revoked"
    with pytest.raises(Conflict, match=r"shrink\.elsewhere"):
        office.perform("lists.propose_shrink", at=minutes(5))


def test_cards_of_an_issuer_elsewhere_are_answered_by_overlay(
    office: Publishing,
) -> None:
    """Nobody here has read their texts: a grant is said again, and so is its end."""
    receive(office, "NZL", "PE-0", "approve", "withdraw", index=0)
    receive(office, "NZL", "PE-1", "approve", index=1)
    receive(office, "JPN", "PE-1", "approve", "suspend", index=2)
    office.publish("NZL", at=minutes(2))
    office.publish("JPN", at=minutes(2))
    states = {
        code: [
            state_at(entries(office, f"{code}/overlay/PER/4.jwt"), index)
            for index in range(3)
        ]
        for code in ("NZL", "JPN")
    }
    assert states == {"NZL": [1, 3, 0], "JPN": [0, 0, 2]}


def test_s13_no_destination_names_places_in_the_overlay_of_another(
    office: Publishing,
) -> None:
    """Nor adds lists to it, however many."""
    receive(office, "NZL", "PE-0", "approve", index=0)
    before = office.store.read(lambda s: overlays(s, "NZL", scheme=SCHEME))
    receive(office, "JPN", "PE-0", "approve", "withdraw", index=0)
    receive(office, "JPN", "PE-1", "approve", index=1, number=900)
    assert office.store.read(lambda s: overlays(s, "NZL", scheme=SCHEME)) == before
    assert ("PER", 900) not in before


@pytest.mark.parametrize("change", ["shorter lists", "no member"])
def test_s13_a_withdrawal_outlasts_what_the_scheme_says_of_its_issuer(
    office: Publishing, change: str
) -> None:
    """Its lists are shorter on paper, or it is none of the economies any more."""
    receive(office, "NZL", "PE-0", "approve", "withdraw", index=9)
    text = resources.files("issuer").joinpath("scheme.toml").read_text("utf-8")
    head = "[economy.PER]\n"
    assert head in text
    if change == "shorter lists":
        text = text.replace(head, f"{head}list_capacity = 4\n")
    else:
        before, _, behind = text.partition(head)
        text = before + behind[behind.index("\n[economy.") + 1 :]
    scheme = Scheme.from_toml(text)
    assert ("PER" in scheme.economies) == (change == "shorter lists")
    found = office.store.read(lambda s: overlays(s, "NZL", scheme=scheme))["PER", 4]
    assert (state_at(found, 9), len(found)) == (1, 3)


def test_r5_a_withdrawal_about_a_card_from_elsewhere_is_not_forgotten(
    office: Publishing,
) -> None:
    """Published as taken back, approved in the database: the database is older."""
    lane = receive(office, "NZL", "PE-0", "approve", "withdraw", index=0)
    office.publish("NZL", at=minutes(2))

    def older(session: Session) -> None:
        session.get_one(Preclearance, lane).state = PreclearanceState.APPROVED

    office.store.write(older, now=NOW)
    with pytest.raises(Conflict, match=r"publication\.unwithdrawn"):
        office.publish("NZL", at=minutes(3))


def receive(
    office: Publishing, economy: str, reference: str, *events: str, index: int,
    number: int = 4,
) -> int:  # fmt: skip
    """Take a request of PER, whose issuer is not hosted here, and answer it."""
    got = office.perform(
        "incoming.receive", economy, issuer="PER", reference=reference,
        family_name="ROJAS", given_name="ANA", birthdate="1980-01-02", sex="F",
        nationality="PER", passport_country="PER", passport_number="P77",
        passport_issued_on="2028-01-01", passport_expires_on="2038-01-01",
        applied_on="2029-12-01", card_expires_at="2034-12-01T00:00:00Z",
    )  # fmt: skip
    for event in events:
        office.perform(
            "incoming.decide", economy, preclearance=got.preclearance, event=event
        )
    place = {"form": "app", "document_number": reference.replace("-", ""),
             "list_number": number, "list_index": index, "state": "valid"}  # fmt: skip
    office.perform(
        "incoming.told", economy, issuer="PER", reference=reference, credentials=[place]
    )
    return int(got.preclearance)
