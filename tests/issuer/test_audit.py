"""The audit log: nothing in it can be changed, removed or moved unseen."""

import json
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from issuer import audit
from issuer.audit import Break, Head, Heads
from issuer.errors import AuditError, Forbidden
from issuer.store import Account, AccountKind, HostedEconomy, Store
from tests.issuer.test_store import NOW

ROWS = 5


@pytest.fixture
def log(store: Store) -> Store:
    """An economy with five rows in its log, and another with one."""

    def work(session: Session) -> None:
        for code in ("AUS", "NZL"):
            session.add(HostedEconomy(code=code, since=NOW))
            session.flush()
            session.add(
                Account(
                    economy=code,
                    login=code,
                    display_name=code,
                    kind=AccountKind.PERSON,
                    created_at=NOW,
                )
            )
        session.flush()
        for number in range(ROWS):
            add(session, number)
        add(session, 1, economy="NZL")

    store.write(work, now=NOW)
    return store


def add(session: Session, number: int, *, economy: str = "AUS") -> None:
    audit.record(
        session,
        economy=economy,
        actor_id=1,
        at=NOW,
        tag="card:suspend",
        subject=f"card:{number}",
        reason="asked by the holder",
        before="active",
        after="suspended",
    )


def last(store: Store, *kept: Head, economy: str = "AUS") -> int | Break:
    *_, end = store.read(lambda s: list(audit.verify(s, economy, kept=kept)))
    return end


def tamper(store: Store, *statements: str) -> None:
    """As somebody who owns the database: the triggers go first."""
    is_sqlite = store.engine.dialect.name == "sqlite"

    def work(session: Session) -> None:
        for trigger in ("tr_audit_unchanged", "tr_audit_kept"):
            session.execute(
                text(f"DROP TRIGGER {trigger}" + ("" if is_sqlite else " ON audit"))
            )
        for statement in statements:
            session.execute(text(statement))

    store.write(work, now=NOW)


def head(store: Store) -> Head:
    return store.read(lambda session: audit.heads(session)["AUS"])


def test_a_log_that_nobody_touched_is_good(log: Store) -> None:
    assert last(log) == ROWS
    assert last(log, head(log)) == ROWS
    assert last(log, economy="NZL") == 1
    assert last(log, economy="JPN") == 0


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET reason = 'x'", "DELETE FROM audit"]
)
def test_i4_the_database_itself_refuses_changes(log: Store, statement: str) -> None:
    with pytest.raises(Forbidden, match="tr_audit_"):
        log.write(lambda session: session.execute(text(statement)), now=NOW)
    assert last(log) == ROWS


def changed(seq: int, what: str) -> str:
    return f"UPDATE audit SET {what} WHERE economy = 'AUS' AND seq = {seq}"  # noqa: S608


def removed(seq: int) -> str:
    return f"DELETE FROM audit WHERE economy = 'AUS' AND seq = {seq}"  # noqa: S608


@pytest.mark.parametrize(
    ("statements", "seq", "problem"),
    [
        ([changed(3, "reason = 'x'")], 3, "changed"),
        ([changed(2, "at = '2031-01-01 00:00:00'")], 2, "changed"),
        ([changed(2, "actor_id = 2")], 2, "changed"),
        ([changed(1, "subject = 'card:9'")], 1, "changed"),
        ([changed(4, "fields = '{}'")], 4, "changed"),
        ([changed(4, "tag = 'card:cancel'")], 4, "changed"),
        ([removed(3)], 3, "missing"),
        ([removed(1)], 1, "missing"),
        ([removed(5)], 5, "cut"),
        (
            [changed(2, "seq = 99"), changed(3, "seq = 2"), changed(99, "seq = 3")],
            2,
            "changed",
        ),
    ],
)
def test_i4_the_first_bad_row_is_named(
    log: Store, statements: list[str], seq: int, problem: str
) -> None:
    tamper(log, *statements)
    end = last(log)
    assert isinstance(end, Break)
    assert (end.economy, end.seq, end.problem) == ("AUS", seq, problem)
    assert last(log, economy="NZL") == 1


def test_i4_a_tail_cut_off_with_its_head_shows_against_a_kept_head(log: Store) -> None:
    kept = head(log)
    tamper(
        log,
        "DELETE FROM audit WHERE economy = 'AUS' AND seq = 5",
        "UPDATE audit_chain SET seq = 4, hash = (SELECT hash FROM audit"
        " WHERE economy = 'AUS' AND seq = 4) WHERE economy = 'AUS'",
    )
    assert last(log) == 4
    end = last(log, kept)
    assert isinstance(end, Break)
    assert (end.seq, end.problem) == (5, "cut")
    assert log.read(lambda session: audit.is_behind(session, kept))


def test_i4_a_log_written_anew_shows_against_a_kept_head(log: Store) -> None:
    kept = head(log)

    def anew(session: Session) -> None:
        for number in range(ROWS):
            add(session, number + 100)

    tamper(
        log,
        "DELETE FROM audit WHERE economy = 'AUS'",
        "DELETE FROM audit_chain WHERE economy = 'AUS'",
    )
    log.write(anew, now=NOW)
    assert last(log) == ROWS
    end = last(log, kept)
    assert isinstance(end, Break)
    assert (end.seq, end.problem) == (ROWS, "rewritten")


def test_a_row_holds_only_what_its_tag_allows(log: Store) -> None:
    def with_a_name(session: Session) -> None:
        audit.record(
            session,
            economy="AUS",
            actor_id=1,
            at=NOW,
            tag="card:read",
            subject="card:1",
            reason="",
            family_name="NGUYEN",
        )

    with pytest.raises(AuditError, match="family_name"):
        log.write(with_a_name, now=NOW)


def test_heads_are_kept_in_a_file(tmp_path: Path, log: Store) -> None:
    heads = Heads(path=tmp_path / "heads.jsonl")
    assert heads.all() == ()
    assert heads.latest("AUS") is None
    kept = head(log)
    heads.keep(kept, at=NOW)
    log.write(lambda session: add(session, 6), now=NOW)
    heads.keep(head(log), at=NOW)
    assert heads.latest("AUS") == head(log)
    assert heads.all()[0] == kept
    assert last(log, *heads.all()) == ROWS + 1


def test_a_line_of_heads_that_was_cut_off_was_never_promised(tmp_path: Path) -> None:
    heads = Heads(path=tmp_path / "heads.jsonl")
    heads.keep(Head(economy="AUS", seq=1, hash="0" * 64), at=NOW)
    with heads.path.open("ab") as file:
        file.write(b'{"at": "2030-')
    assert len(heads.all()) == 1
    heads.path.write_bytes(json.dumps({"seq": 1}).encode() + b"\n")
    with pytest.raises(AuditError, match="line 1"):
        heads.all()
