"""Lists of reported passports on a device: what they say, and what they cost."""

import hashlib
import shutil
import sys
import tracemalloc
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import verifier
from tests.simulator import (
    NOW,
    PUBLISHED,
    World,
    fixed_key,
    jwk,
    passport_entry,
    passports_token,
)
from tests.verifier.tuf_repository import Repository
from verifier import CheckState, CheckStep, PassportListing
from verifier._passport_list import MAX_ENTRIES, PassportList
from verifier.console.viewer import trust_of
from verifier.store import TrustStore

WORLD = World(economies=["AUS", "NZL", "SGP"])
CODE = WORLD.show(WORLD.card())
NAME = "AUS/passports.jwt"
MINE = "AUS|PA1234567|1980-02-29"
OTHER = "AUS|PA7654321|1980-02-29"
AT = NOW - PUBLISHED


def token(*passports: str, **changes: Any) -> bytes:
    return passports_token(passports, **{"iat": AT, **changes})


def decide(*passports: str, **changes: Any) -> verifier.Decision:
    trust = WORLD.trust(replace={NAME: token(*passports, **changes)})
    return WORLD.verify(CODE, trust=trust)


def code_of(decision: verifier.Decision) -> str:
    if isinstance(decision, verifier.Accepted):
        return "accepted"
    return decision.reason.value


def state_of(decision: verifier.Decision, step: CheckStep) -> CheckState:
    found = verifier.checks_of(decision, expected_passport=None)
    return {each.step: each.state for each in found}[step]


# What an answer says


def test_a_reported_passport_is_red_and_told_by_its_own_step() -> None:
    """The officer sees which check failed, and that no passport was compared."""
    found = decide(MINE, OTHER)
    assert code_of(found) == "passport.reported"
    assert verifier.look_of(found) is verifier.Look.REFUSED
    assert state_of(found, CheckStep.REPORTED) is CheckState.FAILED
    assert state_of(found, CheckStep.PASSPORT) is CheckState.NOT_ASKED
    assert state_of(found, CheckStep.STATUS) is CheckState.PASSED
    assert found.evidence.passport_listing is PassportListing.LISTED
    assert found.evidence.passports_uri == "https://abtc.example/AUS/passports"
    assert found.evidence.passports_issued_at == AT


def test_a_list_that_does_not_name_it_is_told_as_looked_at() -> None:
    """Not listed is an answer of its own, with the list and its age."""
    found = decide(OTHER)
    assert code_of(found) == "accepted"
    assert found.evidence.passport_listing is PassportListing.NOT_LISTED
    assert found.evidence.passports_issued_at == AT
    assert state_of(found, CheckStep.REPORTED) is CheckState.PASSED


def test_q6_a_code_shown_again_was_looked_for_all_the_same() -> None:
    """What stops it comes after the list: the line stays what it was."""
    guard = verifier.ReplayGuard(verifier.Policy(economy="SGP"))
    first, key = decide(OTHER), fixed_key("another")
    between = WORLD.show(WORLD.card(cnf={"jwk": jwk(key)}), key=key)
    guard.check(first)
    guard.check(WORLD.verify(between))
    again = guard.check(first)
    assert code_of(again) == "proof.repeat"
    assert state_of(again, CheckStep.REPORTED) is CheckState.PASSED


def test_no_list_is_no_all_clear() -> None:
    """Without a list the answer is as before, and says that nobody looked."""
    found = WORLD.verify(CODE)
    assert code_of(found) == "accepted"
    assert found.evidence.passport_listing is PassportListing.NO_LIST
    assert found.evidence.passports_uri is None
    assert state_of(found, CheckStep.REPORTED) is CheckState.NOT_ASKED
    assert found.evidence.passport_listing.value == "no_list"


def test_s2_an_old_list_is_as_none() -> None:
    """Three days and a second: not looked at, told, and asked to be brought up to date.

    Nor does its age make the whole answer look old, which does not rest on it.
    """
    old = NOW - timedelta(days=3, seconds=1)
    found = decide(MINE, iat=old)
    assert code_of(found) == "accepted"
    evidence = found.evidence
    assert evidence.passport_listing is PassportListing.STALE_LIST
    assert evidence.passports_issued_at == old
    assert evidence.ageing == (verifier.Ageing.PASSPORTS,)
    assert evidence.data_as_of == AT
    assert state_of(found, CheckStep.REPORTED) is CheckState.NOT_ASKED
    assert code_of(decide(MINE, iat=old + timedelta(seconds=1))) == "passport.reported"


def test_an_answer_is_as_old_as_the_list_it_rests_on() -> None:
    """Of when the data is, counts the list of passports like the others."""
    before = NOW - timedelta(hours=30)
    assert decide(OTHER, iat=before).evidence.data_as_of == before


def test_a_card_that_fails_before_was_not_looked_for() -> None:
    """A forged card tells nobody whether its passport was reported."""
    forged = WORLD.show(WORLD.card(key=fixed_key("forger")))
    found = WORLD.verify(forged, trust=WORLD.trust(replace={NAME: token(MINE)}))
    assert code_of(found) == "signature.invalid"
    assert found.evidence.passport_listing is None


def test_one_economys_broken_list_leaves_the_others() -> None:
    """D9, S8: it is named as a problem, and another's counts as before."""
    broken = token(MINE, header={"typ": "JWT"})
    nzl = passports_token(["NZL|PA1234567|1980-02-29"], economy="NZL", iat=AT)
    trust = WORLD.trust(replace={NAME: broken, "NZL/passports.jwt": nzl})
    (problem,) = trust.problems
    assert problem.document == NAME
    assert [each.economy for each in trust.passport_lists] == ["NZL"]
    theirs = WORLD.show(WORLD.card("NZL"))
    assert code_of(WORLD.verify(theirs, trust=trust)) == "passport.reported"
    assert code_of(WORLD.verify(CODE, trust=trust)) == "accepted"


def test_d9_another_economys_list_is_not_looked_at() -> None:
    """AUS naming a passport of NZL changes nothing for its holder."""
    trust = WORLD.trust(replace={NAME: token("NZL|PA1234567|1980-02-29")})
    theirs = WORLD.show(WORLD.card("NZL"))
    found = WORLD.verify(theirs, trust=trust)
    assert code_of(found) == "accepted"
    assert found.evidence.passport_listing is PassportListing.NO_LIST


def test_training_takes_no_real_list_and_a_border_none_of_a_test_issuer() -> None:
    """What trains can refuse nobody, and a test list refuses nobody either."""
    trust = WORLD.trust(replace={NAME: token(MINE)})
    assert trust.passport_list_of("AUS") is not None
    assert trust.for_training().passport_list_of("AUS") is None


def test_an_officer_can_look_at_what_lists_there_are(tmp_path: Path) -> None:
    """Beside the status list of its economy: how many, how old, and that it is one."""
    made = Repository(tmp_path / "m", {**WORLD.documents(), NAME: token(MINE, OTHER)})
    made.publish()
    store = TrustStore(tmp_path / "store")
    sync(store, made)
    policy = verifier.Policy(economy="SGP")
    shown = trust_of(store.load(), store.info(), policy, NOW)
    (aus,) = (each for each in shown["issuers"] if each["economy"] == "AUS")
    assert [(each["kind"], each["entries"]) for each in aus["lists"]] == [
        ("status", 64),
        ("passports", 2),
    ]
    assert aus["lists"][1]["uri"].endswith("/AUS/passports")
    assert {each["state"] for each in aus["lists"]} == {"fresh"}


# What a list holds


@settings(max_examples=60, deadline=None)
@given(
    st.sets(st.binary(min_size=6, max_size=6), max_size=40),
    st.booleans(),
)
def test_every_entry_is_found_wherever_it_stands(
    others: set[bytes], is_there: bool
) -> None:
    """The search finds an entry in any list, and nothing in a list without it."""
    mine = passport_entry(MINE)
    entries = (others | {mine}) if is_there else others - {mine}
    found = PassportList(
        uri="https://abtc.example/AUS/passports",
        issued_at=AT,
        expires_at=NOW,
        refresh_after=None,
        economy="AUS",
        salt=bytes(16),
        entries=b"".join(sorted(entries)),
    )
    assert len(found) == len(entries)
    assert found.names("PA1234567", "1980-02-29") is is_there


def entries_of(count: int) -> bytes:
    step = 2**48 // count
    return b"".join((place * step).to_bytes(6) for place in range(count))


def test_s3_the_longest_list_and_one_entry_more() -> None:
    """262,144 passports fit a token; one more makes the list unusable."""
    longest = token(entries=entries_of(MAX_ENTRIES))
    assert len(longest) < 4 * 2**20
    found = WORLD.trust(replace={NAME: longest}).passport_list_of("AUS")
    assert found is not None
    assert len(found) == MAX_ENTRIES
    more = WORLD.trust(replace={NAME: token(entries=entries_of(MAX_ENTRIES + 1))})
    assert "too long" in more.problems[0].detail
    assert more.passport_list_of("AUS") is None


def test_s3_d4_an_oversized_token_is_not_read() -> None:
    """Beyond 4 MiB nothing is decoded, so that memory stays bounded."""
    huge = token(MINE) + b"A" * (4 * 2**20)
    documents = WORLD.documents() | {NAME: huge}
    tracemalloc.start()
    trust = verifier.Trust.from_documents(
        documents, version=1, issued_at=AT, expires_at=NOW + timedelta(days=7)
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert trust.problems[0].detail == "token is too long"
    assert peak < 3 * 2**20


def hashings(code: str, trust: verifier.Trust) -> int:
    """Return how often a scan hashes a passport: what costs milliseconds."""
    count = 0

    def note(_frame: Any, event: str, called: Any) -> None:
        nonlocal count
        count += event == "c_call" and called is hashlib.scrypt

    sys.setprofile(note)
    try:
        WORLD.verify(code, trust=trust)
    finally:
        sys.setprofile(None)
    return count


def test_only_cards_of_an_economy_with_a_list_wait_for_it() -> None:
    """One slow hash for a passport that can be listed, none for any other card."""
    trust = WORLD.trust(replace={NAME: token(OTHER)})
    assert hashings(CODE, trust) == 1
    assert hashings(WORLD.show(WORLD.card("NZL")), trust) == 0
    assert hashings(CODE, WORLD.trust(replace={NAME: token()})) == 0
    assert hashings(CODE, WORLD.trust()) == 0
    old = token(OTHER, iat=NOW - timedelta(days=4))
    assert hashings(CODE, WORLD.trust(replace={NAME: old})) == 0


# How it reaches a device


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    documents = {**WORLD.documents(), NAME: token(MINE)}
    made = Repository(tmp_path / "mirror", documents)
    made.publish()
    return made


def sync(store: TrustStore, repository: Repository, **changes: Any) -> Any:
    arguments = {"root": repository.first_root, "now": NOW, **changes}
    return store.sync(repository.folder, **arguments)


def republish(repository: Repository, **documents: bytes) -> None:
    repository.issued_at += timedelta(minutes=10)
    for name, data in documents.items():
        repository.documents[name] = data
    repository.publish()


@pytest.mark.parametrize("economy", [None, "SGP"])
def test_a_device_gets_every_economys_list(
    tmp_path: Path, repository: Repository, economy: str | None
) -> None:
    """A device of one economy too: the traveller's passport is anybody's."""
    store = TrustStore(tmp_path / "store")
    assert sync(store, repository, economy=economy).problems == ()
    assert code_of(WORLD.verify(CODE, trust=store.load())) == "passport.reported"


@pytest.mark.parametrize("lost", ["nothing", "generation-*"])
def test_s6_d1_an_older_list_of_passports(
    tmp_path: Path, repository: Repository, lost: str
) -> None:
    """A list from before the report does not come back, though signed anew by TUF."""
    store = TrustStore(tmp_path / "store")
    sync(store, repository)
    before = token(OTHER, iat=AT - timedelta(minutes=5))
    republish(repository, **{NAME: before})
    for folder in (tmp_path / "store").glob(lost):
        shutil.rmtree(folder)
    (problem,) = sync(store, repository).problems
    assert problem.document == "AUS"
    assert f"{NAME} is of" in problem.detail
    if lost == "nothing":
        found = WORLD.verify(CODE, trust=store.load())
        assert code_of(found) == "passport.reported"


def test_s6_a_list_that_went_does_not_come_back_older(
    tmp_path: Path, repository: Repository
) -> None:
    """Taken away by its economy, it is gone; but never replaced by an older one."""
    store = TrustStore(tmp_path / "store")
    sync(store, repository)
    del repository.documents[NAME]
    republish(repository)
    assert NAME in sync(store, repository).removed
    assert code_of(WORLD.verify(CODE, trust=store.load())) == "accepted"
    republish(repository, **{NAME: token(OTHER, iat=AT - timedelta(minutes=1))})
    (problem,) = sync(store, repository).problems
    assert problem.document == "AUS"


def test_d6_a_list_of_the_future_is_not_taken(
    tmp_path: Path, repository: Repository
) -> None:
    """More than 5 minutes after the trust data: the economy stays as it was."""
    store = TrustStore(tmp_path / "store")
    sync(store, repository)
    ahead = repository.issued_at + timedelta(minutes=10, seconds=301)
    republish(repository, **{NAME: token(OTHER, iat=ahead)})
    (problem,) = sync(store, repository).problems
    assert "dated after" in problem.detail
    assert code_of(WORLD.verify(CODE, trust=store.load())) == "passport.reported"


def test_no_delta_is_asked_for(tmp_path: Path, repository: Repository) -> None:
    """Hashes keep no place: what would not help is not fetched."""
    store = TrustStore(tmp_path / "store")
    long = entries_of(500)
    republish(repository, **{NAME: token(entries=long)})
    sync(store, repository)
    newer = token(entries=long[:-6], iat=AT + timedelta(minutes=2))
    republish(repository, **{NAME: newer})
    found = sync(store, repository)
    assert found.documents_changed == 1
    # A newer root? Timestamp, snapshot, targets; three roles; the list.
    assert found.requests == 8
