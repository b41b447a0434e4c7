"""Faults while cards are issued: nothing is lost, nothing doubled, on each database."""

import errno
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, make_url, text

from issuer.errors import Conflict, Forbidden, Invalid, StoreDown, StoreError
from issuer.issue_check import Reconciled
from issuer.issue_log import IssueLog
from issuer.operations import all_operations
from issuer.signing import recover
from issuer.store import Store
from tests.components import needs
from tests.databases import PostgreSQL
from tests.issuer.back_office import BackOffice, open_office
from tests.issuer.office.card_builder import CardBuilder, phone
from tests.issuer.office.conftest import HOSTED
from tests.issuer.office.failpoints import (
    DATABASE,
    POINTS,
    BrokenError,
    armed,
    ask_to_begin_again,
    raise_error,
)
from tests.issuer.office.killed_office import issue_app, rebind
from tests.issuer.office.settled import check_accepted, check_places, lives, settle
from tests.simulator import NOW
from tests.soak import rounds


def killed(act: str, database: str, office: BackOffice, size: int = 0) -> Any:
    """Run `killed_office`, which forks, in a process without threads."""
    office.store.close()
    command = [
        sys.executable, "-m", "tests.issuer.office.killed_office",
        act, database, str(office.office.installation.folder), str(size),
    ]  # fmt: skip
    done = subprocess.run(  # noqa: S603
        command, check=True, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    return json.loads(done.stdout)


# A crash at each point


def test_r1_l3_killed_at_every_point(
    office: BackOffice, cards: CardBuilder, database: str
) -> None:
    found = killed("points", database, office)
    assert found["deaths"] == dict.fromkeys(POINTS, 9)
    settle(office)
    for card in found["cards"].values():
        done = rebind(office, card)
        assert rebind(office, card) == done
        assert lives(office.store, card) == {"app": 1}
        check_accepted(office, done.text, f"new-{card}")
    settle(office)


@pytest.mark.parametrize("point", POINTS)
def test_r1_l3_an_error_at_every_point(
    office: BackOffice, cards: CardBuilder, point: str
) -> None:
    card = cards.make()
    old = issue_app(office, card)
    with armed(office, point, raise_error) as broken, pytest.raises(BrokenError):
        rebind(broken, card)
    assert lives(office.store, card) == {"app": 1}
    settle(office)
    done = rebind(office, card)
    assert (done.list_number, done.list_index) != (old.list_number, old.list_index)
    assert lives(office.store, card) == {"app": 1}
    check_accepted(office, done.text, f"new-{card}")


@pytest.mark.parametrize("point", DATABASE)
def test_r4_l3_the_database_asks_to_begin_again_at_every_point(
    office: BackOffice, cards: CardBuilder, point: str
) -> None:
    """The whole transaction is done again, and the caller notices nothing."""
    card = cards.make()
    issue_app(office, card)
    with armed(office, point, ask_to_begin_again) as busy:
        done = rebind(busy, card)
    assert [each.state.value for each in cards.credentials(card)] == [
        "superseded", "valid",
    ]  # fmt: skip
    settle(office)
    check_accepted(office, done.text, f"new-{card}")


# A crash at any moment


def test_l1_a_process_is_killed_again_and_again(
    office: BackOffice, cards: CardBuilder, database: str
) -> None:
    found = killed("loop", database, office, size=rounds(10, 200))
    settle(office)
    for card, released in found["told"].items():
        assert issue_app(office, int(card)).text == released
    assert len(found["told"]) < len(found["all"])
    settle(office)


@needs("PostgreSQL")
def test_l2_the_database_server_is_killed(
    postgresql_server: PostgreSQL, tmp_path: Path
) -> None:
    """The office is healthy again without being started again."""
    store = Store.open(postgresql_server.new())
    office = open_office(store, tmp_path, hosted=HOSTED)
    cards = CardBuilder(office=office)
    told: dict[int, str] = {}
    made = iter(cards.make_many(400))
    for _ in range(rounds(2, 30)):
        ends = threading.Event()

        def work(until: threading.Event = ends) -> None:
            card = next(made, None)
            while card is not None and not until.is_set():
                try:
                    told[card] = issue_app(office, card).text
                except StoreError:
                    continue  # the same again: it is done once
                card = next(made, None)

        thread = threading.Thread(target=work)
        thread.start()
        while not told:
            ends.wait(0.01)
        ends.wait(0.1)
        postgresql_server.kill()
        ends.set()
        thread.join()
        postgresql_server.start()
        card = cards.make()
        told[card] = issue_app(office, card).text
    settle(office)
    for card, released in told.items():
        assert issue_app(office, card).text == released
    store.close()


# Many at once


def test_r2_l4_a_card_is_activated_once(office: BackOffice, cards: CardBuilder) -> None:
    for _ in range(rounds(2, 200)):
        card = cards.make()
        successes: list[str] = []
        refusals: list[Exception] = []
        start = threading.Barrier(rounds(16, 50))

        def activate(
            number: int, mine: int = card, at: threading.Barrier = start
        ) -> None:
            at.wait()
            fields = {"card": mine, "holder_key": phone(f"phone-{number}")}
            try:
                done = all_operations()["card.issue_app"].perform(
                    office.desk("KOR"), fields
                )
                successes.append(done.model_dump()["text"])  # noqa: B023
            except (Conflict, StoreError) as error:
                refusals.append(error)  # noqa: B023

        threads = [
            threading.Thread(target=activate, args=(number,))
            for number in range(start.parties)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        completed = recover(office.office, NOW).completed
        assert len(successes) + completed == 1, refusals
        assert lives(office.store, card) == {"app": 1}
    settle(office)


def test_l5_s10_r3_two_processes_draw_no_index_twice(
    office: BackOffice, cards: CardBuilder, database: str
) -> None:
    each = rounds(100, 5_000)
    found = killed("pair", database, office, size=each)
    assert found["statuses"] == [0, 0]
    check_places(office.store)
    count = text("SELECT count(*) FROM credential WHERE state = 'valid'")
    assert office.store.read(lambda s: s.execute(count).scalar_one()) == 2 * each


# Faults of the database and of the disk


@needs("PostgreSQL")
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("kept", [True, False])
def test_r4_a_commit_whose_answer_was_lost_is_settled(
    postgresql_server: PostgreSQL, tmp_path: Path, which: int, kept: bool
) -> None:
    """The connection breaks in COMMIT, after it was done or before: one card."""
    store = Store.open(postgresql_server.new())
    office = open_office(store, tmp_path, hosted=HOSTED)
    cards = CardBuilder(office=office)
    card = cards.make()
    store.read(lambda session: session.execute(text("SELECT 1")))
    seen: list[int] = []

    def cut(connection: Connection) -> None:
        if not connection.get_execution_options().get("abtc_writes"):
            return
        seen.append(1)
        if len(seen) - 1 != which:
            return
        driver = connection.connection.dbapi_connection
        assert driver is not None
        server = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        if kept:
            driver.commit()
        postgresql_server.run(f"SELECT pg_terminate_backend({server})")

    event.listen(store.engine, "commit", cut)
    done = issue_app(office, card)
    event.remove(store.engine, "commit", cut)
    assert len(seen) > which
    assert [row.text for row in cards.issues(card)] == [done.text]
    settle(office)
    check_accepted(office, done.text, f"first-{card}")
    store.close()


def fill_up(office: BackOffice, cards: CardBuilder, card: int) -> None:
    issue_app(office, card)
    while True:
        issue_app(office, cards.make())


def test_l11_a_full_database_signs_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/abtc.sqlite3"
    store = Store.create(url)
    office = open_office(store, tmp_path, hosted=HOSTED)
    cards = CardBuilder(office=office)
    card = cards.make()

    def full(connection: Any, _: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}").close()

    store.close()
    event.listen(store.engine, "connect", full)
    with pytest.raises(StoreDown):
        fill_up(office, cards, card)
    event.remove(store.engine, "connect", full)
    store.close()
    settle(office)
    assert issue_app(office, card).text
    store.close()


@needs("PostgreSQL")
def test_r4_a_database_that_is_read_only_signs_nothing(
    postgresql_server: PostgreSQL, tmp_path: Path
) -> None:
    url = postgresql_server.new()
    store = Store.open(url)
    office = open_office(store, tmp_path, hosted=HOSTED)
    card = CardBuilder(office=office).make()
    name = make_url(url).database
    setting = "default_transaction_read_only"
    postgresql_server.run(f"ALTER DATABASE {name} SET {setting} = on")
    store.close()
    with pytest.raises(StoreDown):
        issue_app(office, card)
    assert [*IssueLog(path=office.office.installation.issue_log).read()] == []
    postgresql_server.run(f"ALTER DATABASE {name} RESET {setting}")
    store.close()
    assert issue_app(office, card).text
    store.close()


@pytest.mark.parametrize("call", ["pwrite", "fsync"])
def test_l11_a_full_disk_under_the_log_keeps_the_signer_out(
    office: BackOffice,
    cards: CardBuilder,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
) -> None:
    card = cards.make()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as patched:
        patched.setattr(os, call, full)
        with pytest.raises(StoreDown):
            issue_app(office, card)
    assert cards.issues(card)[0].text is None
    assert issue_app(office, card).text
    settle(office)


def test_r1_a_torn_line_of_the_log_is_taken_away(
    office: BackOffice, cards: CardBuilder
) -> None:
    path = office.office.installation.issue_log
    first, second = cards.make(), cards.make()
    issue_app(office, first)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    issue_app(office, second)
    assert len([*IssueLog(path=path).read()]) == 2
    settle(office)


# Reconciling


def reconciled(office: BackOffice, **fields: Any) -> Reconciled:
    answer = all_operations()["issue.reconcile"].perform(office.desk("KOR"), fields)
    assert isinstance(answer, Reconciled)
    return answer


def numbers(found: Reconciled) -> tuple[int, int, int, int]:
    return (
        found.unlogged.count,
        found.unknown.count,
        found.differing.count,
        found.unfounded.count,
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (None, (0, 0, 0, 0)),
        ("UPDATE card SET application_id = NULL, approved_by = NULL", None),
        ("UPDATE application SET state = 'home_refused'", (0, 0, 0, 1)),
        ("UPDATE person SET machine_family_name = 'OTHER'", (0, 0, 1, 0)),
        ("UPDATE passport SET number = 'X1'", (0, 0, 1, 0)),
        ("DELETE FROM preclearance_event", None),
    ],
)
def test_i3_reconciling_finds_what_does_not_fit(
    office: BackOffice,
    cards: CardBuilder,
    change: str | None,
    expected: tuple[int, ...] | None,
) -> None:
    card = cards.make()
    issue_app(office, card)
    if change is not None:
        work: Callable[[Any], Any] = lambda s: s.execute(text(change))  # noqa: E731
        if expected is None:
            with pytest.raises(StoreError):
                office.store.write(work, now=NOW)
            return
        office.store.write(work, now=NOW)
    assert numbers(reconciled(office)) == expected


def test_i3_an_economy_that_never_approved_is_found(
    office: BackOffice, cards: CardBuilder
) -> None:
    """Somebody who can write to the database invents an approval, for one signature."""
    card = cards.make(approved=("AUS",), pending=("JPN",))
    forged = "UPDATE preclearance SET state = 'approved' WHERE destination = 'JPN'"
    office.store.write(lambda session: session.execute(text(forged)), now=NOW)
    issue_app(office, card)
    assert numbers(reconciled(office)) == (0, 0, 1, 0)


def test_i3_a_card_that_was_signed_past_the_log_is_found(
    office: BackOffice, cards: CardBuilder
) -> None:
    first, second = cards.make(), cards.make()
    issue_app(office, first)
    path = office.office.installation.issue_log
    kept = path.read_bytes()
    issue_app(office, second)
    path.write_bytes(kept)
    assert numbers(reconciled(office)) == (1, 0, 0, 0)


def test_r5_s10_s11_an_older_database_issues_again_once_it_is_reconciled(
    tmp_path: Path,
) -> None:
    """What was signed after the backup is listed, and its indexes are never drawn."""
    url = f"sqlite:///{tmp_path}/abtc.sqlite3"
    store = Store.create(url)
    office = open_office(store, tmp_path, hosted=HOSTED)
    cards = CardBuilder(office=office)
    made = cards.make_many(6)
    issue_app(office, made[0])
    store.close()
    backup = (tmp_path / "abtc.sqlite3").read_bytes()
    lost = [issue_app(office, card) for card in made[1:4]]
    store.close()
    for leftover in tmp_path.glob("abtc.sqlite3-*"):
        leftover.unlink()
    (tmp_path / "abtc.sqlite3").write_bytes(backup)
    with pytest.raises(Conflict, match=r"log\.ahead"):
        issue_app(office, made[4])
    assert numbers(reconciled(office)) == (0, 3, 0, 0)
    with pytest.raises(Invalid, match="adopt"):
        reconciled(office, adopt=True)
    with pytest.raises(Conflict, match=r"log\.ahead"):
        issue_app(office, made[4])

    def do(name: str, who: str = "ann", **fields: Any) -> Any:
        return all_operations()[name].perform(office.desk("KOR", who=who), fields)

    report = do("backup.reconcile")
    proposed = {"digest": report.digest}
    with pytest.raises(Forbidden, match="ck_restoration_four_eyes"):
        do("backup.confirm", **proposed)
    do("backup.confirm", who="bob", **proposed)
    assert numbers(reconciled(office)) == (0, 0, 0, 0)
    again = issue_app(office, made[4])
    places = {(each.list_number, each.list_index) for each in lost}
    assert (again.list_number, again.list_index) not in places
    remove = text("DELETE FROM stray_index")
    with pytest.raises(StoreError):
        store.write(lambda session: session.execute(remove), now=NOW)
    store.close()
