"""Publishing, as a device with nothing but python-tuf and the first root reads it."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root

from issuer.documents import policy_document
from issuer.errors import KeyFileError, PublishRefused
from issuer.jws import b64u, new_private_key
from issuer.keys import read_private_key
from issuer.publish import (
    Journal,
    Keyring,
    Lifetimes,
    Publisher,
    Refusal,
    locked,
    write_bundle,
)
from issuer.publish.draft import Draft
from issuer.publish.repository import Repository
from tests.issuer.conftest import OpenDesk
from tests.issuer.repository_reader import (
    APPROVED,
    Desk,
    issuer_json,
    list_of,
    scheme,
)
from tests.simulator import NOW, SCHEME, passports_token

STATUS = "AUS/status/1.jwt"
OVERLAY = "AUS/overlay/SGP/1.jwt"
PASSPORTS = "AUS/passports.jwt"
LATER = NOW + timedelta(minutes=10)
DAY = timedelta(days=1)


@pytest.fixture
def desk(tmp_path: Path, open_desk: OpenDesk) -> Desk:
    return open_desk(tmp_path, "AUS", "NZL")


def refused(code: Refusal, call: Callable[[], object]) -> PublishRefused:
    with pytest.raises(PublishRefused) as caught:
        call()
    assert caught.value.code == code, caught.value
    return caught.value


# What a device reads


def test_a_device_reads_what_was_published(desk: Desk) -> None:
    """Every document arrives, byte for byte, by the names of the specification."""
    published = desk.documents("AUS") | desk.documents("NZL")
    published["scheme.json"] = scheme()
    assert desk.device().read(*published) == published


def test_the_layout_is_plain_files(desk: Desk) -> None:
    """Versions before metadata, hashes before documents, and nothing else is there."""
    names = {name.rpartition("/")[0] for name in desk.files()}
    assert names == {
        "metadata",
        "targets",
        *(f"targets/{each}" for each in ("AUS", "NZL")),
        *(f"targets/{each}/status" for each in ("AUS", "NZL")),
        *(f"targets/{each}/overlay/SGP" for each in ("AUS", "NZL")),
    }
    assert not [*desk.public.rglob("*.pem"), *desk.public.rglob(".*")]


def test_the_timestamp_says_when_this_was_current(desk: Desk) -> None:
    """The moment of publication is signed, and every renewal moves it."""
    assert desk.device().timestamp()["x-abtc-issued-at"] == "2030-01-15T12:00:00Z"
    desk.publisher().refresh_timestamp(now=LATER)
    assert desk.device().timestamp()["x-abtc-issued-at"] == "2030-01-15T12:10:00Z"


def test_d2_each_role_lives_as_long_as_configured(desk: Desk) -> None:
    """A device that is kept from news notices after a week."""
    lives = {
        each.role: each.expires_at - NOW for each in desk.publisher().status().roles
    }
    assert lives == {
        "root": 365 * DAY,
        "targets": 180 * DAY,
        "snapshot": 14 * DAY,
        "timestamp": 7 * DAY,
        "AUS": 30 * DAY,
        "NZL": 30 * DAY,
    }
    with pytest.raises(RepositoryError, match=r"timestamp\.json is expired"):
        desk.device().read(now=NOW + 7 * DAY)
    with pytest.raises(ValueError, match="timestamp must be from an hour"):
        Lifetimes(timestamp=timedelta(minutes=59))


def test_only_what_changed_is_signed_anew(desk: Desk) -> None:
    """An economy's news leaves root, targets and the other economies alone."""
    before = desk.files()
    documents = desk.documents() | {STATUS: list_of({7: 1})}
    done = desk.publish("AUS", documents)
    new = {name for name in desk.files() if name not in before}
    digest = next(name for name in new if name.startswith("targets/"))
    assert done.files == (
        digest,
        "metadata/3.AUS.json",
        "metadata/6.snapshot.json",
        "metadata/timestamp.json",
    )
    kept = {name: data for name, data in before.items() if "timestamp" not in name}
    assert kept.items() <= desk.files().items()
    assert desk.device().read(STATUS) == {STATUS: documents[STATUS]}


def test_every_kind_of_document_may_change(desk: Desk) -> None:
    """A policy and keys of later moments take the place of those before."""
    later = {
        "AUS/policy.json": policy_document(SCHEME, "AUS", issued_at=NOW),
        "AUS/issuer.json": issuer_json(("AUS-card", "card"), ("AUS-status", "status")),
        STATUS: list_of({7: 1}),
        OVERLAY: list_of({7: 1}, OVERLAY),
    }
    desk.publish("AUS", later)
    assert desk.device().read(*later) == later


def test_the_same_documents_may_be_published_again(desk: Desk) -> None:
    """No document is written, but the role lives longer."""
    done = desk.publish("AUS", desk.documents(), now=LATER)
    assert not [name for name in done.files if name.startswith("targets/")]
    roles = {each.role: each for each in desk.publisher().status().roles}
    assert roles["AUS"].expires_at == LATER + 30 * DAY


def test_the_timestamp_needs_no_other_key(desk: Desk, tmp_path: Path) -> None:
    """A timer holds the timestamp key alone, until the snapshot is half-way."""
    timer = tmp_path / "timer"
    timer.mkdir()
    for path in desk.key_files("timestamp"):
        path.rename(timer / path.name)
    publisher = desk.publisher(timer)
    assert publisher.refresh_timestamp(now=LATER).files == ("metadata/timestamp.json",)
    late = NOW + timedelta(days=7)
    refused(Refusal.THRESHOLD_UNMET, lambda: publisher.refresh_timestamp(now=late))
    done = desk.publisher(desk.keys, timer).refresh_timestamp(now=late)
    assert len(done.files) == 2


def test_status_tells_the_age_of_keys(desk: Desk) -> None:
    """Who looks at the repository sees which keys have grown old."""
    status = desk.publisher().status()
    assert status.issued_at == NOW
    roles = {each.role: each for each in status.roles}
    assert {name: (each.threshold, len(each.keys)) for name, each in roles.items()} == {
        "root": (2, 3),
        "targets": (2, 3),
        "snapshot": (1, 1),
        "timestamp": (1, 1),
        "AUS": (1, 1),
        "NZL": (1, 1),
    }
    assert {key.since for each in status.roles for key in each.keys} == {NOW}
    assert (roles["AUS"].documents, roles["targets"].documents) == (4, 1)
    assert status.expired_at(NOW + 7 * DAY) == ("timestamp",)


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    """Everything is checked and signed, and nothing is there afterwards."""
    desk = Desk(tmp_path)
    assert desk.publisher().init(scheme(), now=NOW, dry_run=True).is_dry_run
    assert not desk.public.exists()
    assert not list(desk.keys.iterdir())
    desk.open("AUS")
    before = desk.files(), sorted(desk.keys.iterdir()), desk.journal()
    less = {name: data for name, data in desk.documents().items() if name != STATUS}
    dry: dict[str, Any] = {"now": NOW, "dry_run": True}
    publisher = desk.publisher()
    publisher.add_economy("NZL", **dry)
    publisher.publish_lists("AUS", less, approvals=APPROVED, **dry)
    publisher.refresh_timestamp(**dry)
    publisher.rotate_key("timestamp", **dry)
    publisher.revoke_economy("AUS", approvals=APPROVED, **dry)
    assert before == (desk.files(), sorted(desk.keys.iterdir()), desk.journal())


# Whose document it is


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("NZL/issuer.json", Refusal.NAME_FOREIGN),
        ("scheme.json", Refusal.NAME_FOREIGN),
        ("NZL/overlay/AUS/1.jwt", Refusal.NAME_FOREIGN),
        ("AUS/../NZL/issuer.json", Refusal.NAME_MALFORMED),
        ("AUS/..", Refusal.NAME_MALFORMED),
        ("AUS/%2e%2e/NZL/issuer.json", Refusal.NAME_MALFORMED),
        ("AUS\\issuer.json", Refusal.NAME_MALFORMED),
        ("aus/issuer.json", Refusal.NAME_MALFORMED),
        ("AUS/issuer.json\n", Refusal.NAME_MALFORMED),
        ("/AUS/issuer.json", Refusal.NAME_MALFORMED),
        ("AUS/status/01.jwt", Refusal.NAME_MALFORMED),
        ("AUS/status/\u0661.jwt", Refusal.NAME_MALFORMED),
        ("AUS/other.json", Refusal.NAME_MALFORMED),
        ("AUS/status/1.jwt/2.jwt", Refusal.NAME_MALFORMED),
    ],
)
def test_d6_d8_an_economy_publishes_under_its_own_names(
    desk: Desk, name: str, code: Refusal
) -> None:
    """AUS cannot speak for NZL, the scheme, or under a name nobody knows."""
    documents = desk.documents() | {name: b"{}"}
    refused(code, lambda: desk.publish("AUS", documents))


def test_d6_a_stolen_key_reaches_its_own_paths_only(desk: Desk) -> None:
    """Signed all the same, a foreign name is not found by any device."""
    foreign = {"NZL/status/2.jwt": b"x", "AUS/../NZL/status/2.jwt": b"x"}
    steal(desk, foreign)
    assert desk.device().read(*foreign, "NZL/issuer.json").keys() == {"NZL/issuer.json"}
    refused(Refusal.NAME_MALFORMED, lambda: desk.publish("AUS", desk.documents()))
    desk.publish("NZL", desk.documents("NZL"))
    desk.publisher().revoke_economy("AUS", now=NOW, approvals=APPROVED)


@pytest.mark.parametrize("garbage", [b"", b"{}", b'{"keys":[1]}', b"a.b.c", b"a.e30.c"])
def test_d6_what_a_thief_wrote_stops_nobody_else(desk: Desk, garbage: bytes) -> None:
    """The others publish, and the economy that was robbed is told."""
    steal(desk, {"AUS/issuer.json": garbage, STATUS: garbage})
    desk.publish("NZL", desk.documents("NZL"))
    refused(Refusal.REPOSITORY_DAMAGED, lambda: desk.publish("AUS", desk.documents()))


def test_d6_a_thief_s_listing_without_a_usable_hash(desk: Desk) -> None:
    """Told in one line, to the economy that was robbed."""
    with desk.publisher()._drafting(NOW) as draft:
        listed = draft.repository.targets["AUS"].signed.targets[STATUS]
        listed.hashes = {"sha512": "0" * 128}
        draft.sign_targets("AUS")
        draft.seal()
        desk.publisher()._commit(draft, "forged", dry_run=False)
    refused(Refusal.REPOSITORY_DAMAGED, lambda: desk.publish("AUS", desk.documents()))


def steal(desk: Desk, documents: dict[str, bytes]) -> None:
    """Sign with the key of AUS what the publisher would refuse."""
    publisher = desk.publisher()
    with publisher._drafting(NOW) as draft:
        draft.set_documents("AUS", documents)
        draft.sign_targets("AUS")
        draft.seal()
        publisher._commit(draft, "forged", dry_run=False)


def test_d13_a_role_is_delegated_once(desk: Desk) -> None:
    """There is one role for an economy, terminating, over disjoint paths."""
    refused(
        Refusal.ECONOMY_EXISTS, lambda: desk.publisher().add_economy("AUS", now=NOW)
    )
    targets = json.loads(desk.files()["metadata/3.targets.json"])["signed"]
    assert [
        (role["name"], role["terminating"], role["paths"])
        for role in targets["delegations"]["roles"]
    ] == [
        (code, True, [f"{code}/*", f"{code}/status/*", f"{code}/overlay/*/*"])
        for code in ("AUS", "NZL")
    ]


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        ("XXA", Refusal.ECONOMY_UNKNOWN),
        ("timestamp", Refusal.NAME_MALFORMED),
        ("aus", Refusal.NAME_MALFORMED),
        ("AUS/x", Refusal.NAME_MALFORMED),
        ("../x", Refusal.NAME_MALFORMED),
    ],
)
def test_d10_only_economies_of_the_scheme_get_a_role(
    desk: Desk, code: str, refusal: Refusal
) -> None:
    """A role's name becomes the name of a file, so it is a code or nothing."""
    refused(refusal, lambda: desk.publisher().add_economy(code, now=NOW))


def test_d10_d15_a_key_belongs_to_one_economy(desk: Desk) -> None:
    """NZL's card key, proven again under AUS's name, is refused."""
    keys = [("AUS-card", "card"), ("AUS-status", "status"), ("NZL-card", "card")]
    documents = desk.documents() | {"AUS/issuer.json": issuer_json(*keys)}
    error = refused(Refusal.KEY_REUSED, lambda: desk.publish("AUS", documents))
    assert error.detail == "AUS lists a key of NZL"


# What may follow on what


@pytest.mark.parametrize("final", [1, 3])
@pytest.mark.parametrize("state", [0, 1, 2, 3])
def test_r5_l7_what_has_ended_never_returns(desk: Desk, final: int, state: int) -> None:
    """No approval brings a revoked or superseded card back to life."""
    documents = desk.documents() | {STATUS: list_of({7: final, 8: 2})}
    desk.publish("AUS", documents)
    after = documents | {STATUS: list_of({7: state, 9: 1}, iat=LATER)}
    again = {"now": LATER, "approvals": APPROVED}
    if state == final:
        desk.publish("AUS", after, **again)
    else:
        refused(Refusal.LIST_UNREVOKED, lambda: desk.publish("AUS", after, **again))


def test_r5_a_list_that_went_away_returns_as_it_was(desk: Desk) -> None:
    """Two people may take a list away; nobody can forget what it said."""
    full = desk.documents() | {STATUS: list_of({7: 1})}
    desk.publish("AUS", full)
    less = {name: data for name, data in full.items() if name != STATUS}
    desk.publish("AUS", less, approvals=APPROVED)
    clean = full | {STATUS: list_of({8: 1}, iat=LATER)}
    refused(Refusal.LIST_UNREVOKED, lambda: desk.publish("AUS", clean, now=LATER))
    old = full | {STATUS: list_of({7: 1, 8: 1})}
    refused(Refusal.BACK_LIST, lambda: desk.publish("AUS", old, now=LATER))
    good = full | {STATUS: list_of({7: 1, 8: 1}, iat=LATER)}
    desk.publish("AUS", good, now=LATER)
    assert desk.device().read(STATUS) == {STATUS: good[STATUS]}
    less = full | {STATUS: list_of({7: 1}, iat=LATER + timedelta(seconds=1))}
    refused(Refusal.LIST_UNREVOKED, lambda: desk.publish("AUS", less, now=LATER))


def test_r5_a_list_that_went_away_cannot_be_changed_meanwhile(desk: Desk) -> None:
    """What it said is found by its hash, or nothing takes its place."""
    full = desk.documents()
    less = {name: data for name, data in full.items() if name != STATUS}
    desk.publish("AUS", less, approvals=APPROVED)
    (path,) = (desk.public / "targets/AUS/status").iterdir()
    for spoil in (lambda: path.write_bytes(list_of({})), path.unlink):
        spoil()
        refused(Refusal.REPOSITORY_DAMAGED, lambda: desk.publish("AUS", full))


@pytest.mark.parametrize("name", [STATUS, OVERLAY])
@pytest.mark.parametrize("seconds", [-1, 0])
def test_d1_a_list_never_goes_back(desk: Desk, name: str, seconds: int) -> None:
    """Another list needs a later ``iat`` than the one it replaces."""
    iat = NOW - timedelta(hours=1) + timedelta(seconds=seconds)
    documents = desk.documents() | {name: list_of({1: 1}, name, iat=iat)}
    told = refused(
        Refusal.BACK_LIST,
        lambda: desk.publish("AUS", documents, approvals=APPROVED),
    )
    assert ("publish again in a second" in told.detail) == (seconds == 0)


@pytest.mark.parametrize(("seconds", "is_refused"), [(300, False), (301, True)])
def test_d12_a_document_is_not_of_the_future(
    desk: Desk, seconds: int, is_refused: bool
) -> None:
    """Dated years ahead, it would bar every document that follows."""
    documents = {"scheme.json": scheme(NOW + timedelta(seconds=seconds))}
    if is_refused:
        refused(Refusal.DOCUMENT_REFUSED, lambda: desk.publish("targets", documents))
    else:
        desk.publish("targets", documents)


@pytest.mark.parametrize("issued_at", ["2030-01-15T11:00:00Z", "soon", None])
def test_d1_a_document_never_goes_back(desk: Desk, issued_at: str | None) -> None:
    """Another scheme needs a later ``issued_at``, readable as before."""
    documents = {"scheme.json": scheme(issued_at=issued_at, more=1)}
    refused(Refusal.BACK_DOCUMENT, lambda: desk.publish("targets", documents))


def test_a_document_without_a_moment_may_change(desk: Desk) -> None:
    """It need not say when it was issued."""
    desk.publisher().add_economy("CHL", now=NOW)
    policy = json.loads(policy_document(SCHEME, "CHL", issued_at=NOW))
    del policy["issued_at"]
    for more in range(2):
        changed = {"CHL/policy.json": json.dumps({**policy, "more": more}).encode()}
        desk.publish("CHL", desk.documents("CHL") | changed)
        assert desk.device().read(*changed) == changed


def test_d1_a_publication_never_goes_back(desk: Desk) -> None:
    """A clock that went back publishes nothing."""
    before = NOW - timedelta(seconds=1)
    refused(Refusal.BACK_CLOCK, lambda: desk.publisher().refresh_timestamp(now=before))


def test_r5_a_restored_folder_publishes_nothing(desk: Desk) -> None:
    """The journal knows that more was published than the folder holds."""
    backup = desk.files()
    desk.publish("AUS", desk.documents() | {STATUS: list_of({7: 1})})
    for name, data in backup.items():
        (desk.public / name).write_bytes(data)
    refused(
        Refusal.REPOSITORY_BEHIND,
        lambda: desk.publisher().refresh_timestamp(now=LATER),
    )


SHRUNK: dict[str, tuple[Refusal, dict[str, bytes | None]]] = {
    "list": (
        Refusal.SHRINK_LIST,
        {OVERLAY: list_of({1: 1}, OVERLAY, capacity=32)},
    ),
    "list gone": (Refusal.SHRINK_DOCUMENT, {STATUS: None}),
    "policy gone": (Refusal.SHRINK_DOCUMENT, {"AUS/policy.json": None}),
    "key gone": (
        Refusal.SHRINK_KEYS,
        {"AUS/issuer.json": issuer_json(("AUS-status", "status"))},
    ),
}


@pytest.mark.parametrize("case", SHRUNK)
def test_d12_l17_shrinking_needs_two_people(desk: Desk, case: str) -> None:
    """What goes is named, approved by two, and kept in the journal."""
    code, changes = SHRUNK[case]
    every = {**desk.documents(), **changes}
    documents = {name: data for name, data in every.items() if data is not None}
    for approvals in (frozenset[str](), frozenset({"Ana"}), frozenset({"Ana", " ANA"})):
        refused(code, lambda: desk.publish("AUS", documents, approvals=approvals))  # noqa: B023
    assert desk.publish("AUS", documents, approvals=APPROVED).approved == (code,)
    approved = [line for line in desk.journal() if line["event"] == "approved"]
    assert [line["approvals"] for line in approved] == [["Ana", "Ben"]]
    assert approved[0]["at"] == "2030-01-15T12:00:00Z"
    assert approved[0]["reasons"][0].startswith(code)


def test_d12_a_full_list_is_not_replaced_by_an_empty_one(desk: Desk) -> None:
    """A destination that said something and now says nothing needs two people."""
    said = desk.documents() | {OVERLAY: list_of({1: 1}, OVERLAY)}
    desk.publish("AUS", said)
    silent = said | {OVERLAY: list_of({}, OVERLAY, iat=LATER)}
    refused(Refusal.SHRINK_EMPTIED, lambda: desk.publish("AUS", silent, now=LATER))
    desk.publish("AUS", silent, now=LATER, approvals=APPROVED)


def passports(*numbers: int, **changes: Any) -> dict[str, bytes]:
    """The list of AUS that names passports of these numbers."""
    names = [f"AUS|PA{number}|1980-02-29" for number in numbers]
    iat = NOW - timedelta(hours=1)
    return {PASSPORTS: passports_token(names, **{"iat": iat, **changes})}


@pytest.mark.parametrize(("kept", "is_refused"), [(4, True), (5, False)])
@pytest.mark.parametrize("others", [(), (9,)])
def test_d12_a_fifth_of_the_reported_passports(
    desk: Desk, kept: int, is_refused: bool, others: tuple[int, ...]
) -> None:
    """One of five needs two people, also where another one takes its place."""
    before = desk.documents() | passports(*range(kept + 1))
    desk.publish("AUS", before)
    after = before | passports(*range(kept), *others, iat=NOW)
    if is_refused:
        refused(Refusal.SHRINK_LIST, lambda: desk.publish("AUS", after))
        desk.publish("AUS", after, approvals=APPROVED)
    else:
        desk.publish("AUS", after)
    assert desk.device().read(PASSPORTS) == {PASSPORTS: after[PASSPORTS]}


def test_d12_under_another_salt_their_number_counts(desk: Desk) -> None:
    """Nobody can tell which are gone; how many, everybody can."""
    salted = {"kdf": "scrypt-4096-8-1", "salt": "A" * 21 + "Q"}
    lists = [b64u(bytes(range(6 * count))) for count in (4, 5)]
    before = desk.documents() | passports(*range(5))
    desk.publish("AUS", before)
    fewer = passports(iat=NOW, passports={**salted, "lst": lists[0]})
    refused(Refusal.SHRINK_LIST, lambda: desk.publish("AUS", before | fewer))
    desk.publish(
        "AUS", before | passports(iat=NOW, passports={**salted, "lst": lists[1]})
    )


def test_d12_a_list_of_passports_is_not_replaced_by_an_empty_one(desk: Desk) -> None:
    """Nor taken away, by one person alone."""
    before = desk.documents() | passports(1)
    desk.publish("AUS", before)
    empty = before | passports(iat=NOW)
    refused(Refusal.SHRINK_EMPTIED, lambda: desk.publish("AUS", empty))
    refused(Refusal.SHRINK_DOCUMENT, lambda: desk.publish("AUS", desk.documents()))


@pytest.mark.parametrize("seconds", [-1, 0])
def test_d1_s6_a_list_of_passports_never_goes_back(desk: Desk, seconds: int) -> None:
    """Another list needs a later ``iat`` than the one it replaces."""
    desk.publish("AUS", desk.documents() | passports(1))
    iat = NOW - timedelta(hours=1) + timedelta(seconds=seconds)
    older = desk.documents() | passports(1, 2, iat=iat)
    refused(Refusal.BACK_LIST, lambda: desk.publish("AUS", older, approvals=APPROVED))


def test_d9_a_list_of_passports_is_its_economys(desk: Desk) -> None:
    """NZL cannot publish it for AUS, nor AUS what NZL has signed."""
    theirs = passports(1, economy="NZL")
    refused(
        Refusal.NAME_FOREIGN,
        lambda: desk.publish("NZL", desk.documents("NZL") | theirs),
    )
    refused(
        Refusal.DOCUMENT_REFUSED,
        lambda: desk.publish("AUS", desk.documents() | theirs),
    )


@pytest.mark.parametrize(("kept", "is_refused"), [(4, True), (5, False)])
def test_d12_a_fifth_of_the_keys(desk: Desk, kept: int, is_refused: bool) -> None:
    """One key of five needs two people; one of six is ordinary life."""
    names = [("AUS-status", "status"), ("AUS-card", "card")]
    more = [(f"AUS-{number}", "card") for number in range(4)]
    before = desk.documents() | {
        "AUS/issuer.json": issuer_json(*(names + more)[: kept + 1])
    }
    desk.publish("AUS", before)
    after = before | {"AUS/issuer.json": issuer_json(*(names + more)[:kept], minutes=2)}
    if is_refused:
        refused(Refusal.SHRINK_KEYS, lambda: desk.publish("AUS", after))
    else:
        desk.publish("AUS", after)


def test_d12_an_economy_leaves_the_scheme_last(desk: Desk) -> None:
    """First its role goes, then its name; two people each time."""
    rows = json.loads(scheme())["economies"]
    rows = [row for row in rows if row["code"] != "NZL"]
    documents = {"scheme.json": scheme(NOW, economies=rows, pair_rules=[])}
    refused(
        Refusal.DOCUMENT_REFUSED,
        lambda: desk.publish("targets", documents, approvals=APPROVED),
    )
    desk.publisher().revoke_economy("NZL", now=NOW, approvals=APPROVED)
    refused(Refusal.SHRINK_ECONOMY, lambda: desk.publish("targets", documents))
    desk.publish("targets", documents, approvals=APPROVED)
    assert desk.device().read("scheme.json") == documents


UNUSABLE: dict[str, tuple[Refusal, str, bytes]] = {
    "not JSON": (Refusal.DOCUMENT_REFUSED, "AUS/policy.json", b"{"),
    "future": (
        Refusal.DOCUMENT_REFUSED,
        STATUS,
        list_of({}, iat=NOW + timedelta(seconds=301)),
    ),
    "other key": (Refusal.DOCUMENT_REFUSED, STATUS, list_of({}, header={"kid": "x"})),
    "other sub": (
        Refusal.DOCUMENT_REFUSED,
        STATUS,
        list_of({}, sub="https://abtc.example/NZL/status/1"),
    ),
    "ended": (Refusal.LIST_ENDED, STATUS, list_of({}, iat=NOW - 7 * DAY)),
    "passports ended": (
        Refusal.LIST_ENDED,
        PASSPORTS,
        passports_token([], iat=NOW - 7 * DAY),
    ),
    "passports of another kind": (
        Refusal.DOCUMENT_REFUSED,
        PASSPORTS,
        list_of({}, STATUS),
    ),
    "bits": (
        Refusal.LIST_BITS,
        STATUS,
        list_of({}, status_list={"bits": 1, "lst": "eNpjAAAAAQAB"}),
    ),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_l17_what_a_verifier_refuses_is_not_published(desk: Desk, case: str) -> None:
    """A bad document stops here, and not at every border."""
    code, name, data = UNUSABLE[case]
    refused(code, lambda: desk.publish("AUS", desk.documents() | {name: data}))


@pytest.mark.parametrize(
    ("count", "size", "told"),
    [
        (1025, 10, "1,029 documents"),
        (5, 2**22, "20,9"),
        (1, 2**22 + 1, "4,194,305 bytes"),
    ],
)
def test_d4_more_than_a_device_takes_is_not_published(
    desk: Desk, count: int, size: int, told: str
) -> None:
    """What every device would refuse is refused at home, before it is signed."""
    more = {f"AUS/status/{100 + number}.jwt": bytes(size) for number in range(count)}
    error = refused(
        Refusal.DOCUMENT_REFUSED,
        lambda: desk.publish("AUS", desk.documents() | more, now=LATER),
    )
    assert told in str(error)
    assert "a device takes" in str(error)


def test_d15_a_bad_scheme_makes_no_repository(tmp_path: Path) -> None:
    """The first publication is checked like every other."""
    desk = Desk(tmp_path)
    refused(Refusal.DOCUMENT_REFUSED, lambda: desk.publisher().init(b"{}", now=NOW))
    assert not desk.public.exists()


# Keys


def retire(desk: Desk, role: str) -> str:
    roles = {each.role: each for each in desk.publisher().status().roles}
    return roles[role].keys[0].key_id


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "root", "AUS"])
def test_d5_a_key_is_replaced_under_devices_that_know_the_first_root(
    desk: Desk, role: str
) -> None:
    """Old and new devices follow, and the old key signs nothing any more."""
    devices = [desk.device("old"), desk.device("new")]
    devices[0].read(STATUS)
    old = retire(desk, role)
    desk.publisher().rotate_key(role, retire=old[:8], now=LATER)
    for path in desk.keys.glob(f"{role}.{old[:16]}.pem"):
        path.unlink()
    roles = {each.role: each for each in desk.publisher().status().roles}
    assert old not in {key.key_id for key in roles[role].keys}
    assert len(roles[role].keys) in (1, 3)
    documents = desk.documents() | {STATUS: list_of({7: 1})}
    desk.publish("AUS", documents, now=LATER)
    desk.publish("targets", {"scheme.json": scheme(LATER)}, now=LATER)
    for device in devices:
        assert device.read(STATUS) == {STATUS: documents[STATUS]}


def test_d5_a_stolen_online_key_adds_nothing_and_dies_by_rotation(desk: Desk) -> None:
    """What the old timestamp key signs after its rotation is refused."""
    thief = desk.publisher()
    with thief._drafting(NOW) as draft:
        draft.sign_timestamp()
        forged = draft.files[-1][1]
    desk.publisher().rotate_key("timestamp", now=NOW)
    (desk.public / "metadata/timestamp.json").write_bytes(forged)
    with pytest.raises(RepositoryError, match="timestamp was signed by 0/1 keys"):
        desk.device().read()


@pytest.mark.parametrize(
    ("role", "call"),
    [
        ("root", lambda publisher: publisher.rotate_key("timestamp", now=NOW)),
        ("targets", lambda publisher: publisher.add_economy("SGP", now=NOW)),
        (
            "targets",
            lambda publisher: publisher.publish_lists(
                "targets", {"scheme.json": scheme(NOW)}, now=NOW
            ),
        ),
        (
            "targets",
            lambda publisher: publisher.revoke_economy(
                "AUS", now=NOW, approvals=APPROVED
            ),
        ),
        (
            "AUS",
            lambda publisher: publisher.publish_lists(
                "AUS", {}, now=NOW, approvals=APPROVED
            ),
        ),
    ],
)
def test_d7_one_key_short_signs_nothing(
    desk: Desk, role: str, call: Callable[[Publisher], object]
) -> None:
    """Two of three officers are enough; one alone is refused and changes nothing."""
    first, *others = desk.key_files(role)
    first.unlink()
    if others:
        desk.publisher().rotate_key("timestamp", now=NOW)
        others[0].unlink()
    before = desk.files()
    refused(Refusal.THRESHOLD_UNMET, lambda: call(desk.publisher()))
    assert desk.files() == before


def test_d7_a_retired_key_does_not_count(desk: Desk) -> None:
    """Old and new key sign the step between, but the new root needs two of its own."""
    old, *others = desk.key_files("targets")
    for path in others:
        path.unlink()
    refused(
        Refusal.THRESHOLD_UNMET,
        lambda: desk.publisher().rotate_key(
            "targets", retire=old.name.split(".")[1], now=NOW
        ),
    )


def test_d7_two_of_three_are_enough(desk: Desk, tmp_path: Path) -> None:
    """Each officer brings a folder; the third may be away, or its key lost."""
    for role in ("root", "targets"):
        lost, first, second = desk.key_files(role)
        lost.unlink()
        for path, officer in ((first, "a"), (second, "b")):
            (tmp_path / officer).mkdir(exist_ok=True)
            path.rename(tmp_path / officer / path.name)
        lost_id = lost.name.split(".")[1]
        publisher = desk.publisher(desk.keys, tmp_path / "a", tmp_path / "b")
        if role == "root":
            publisher.rotate_key("root", retire=lost_id, now=NOW)
        else:
            publisher.rotate_key("targets", retire=lost_id, now=NOW)
    assert desk.device().read("scheme.json") == {"scheme.json": scheme()}


def test_d7_devices_ask_the_old_root_s_keys_as_well(desk: Desk) -> None:
    """A root that only new keys could sign would lock every device out."""
    lost, retired, _ = desk.key_files("root")
    lost.unlink()
    desk.publisher().rotate_key("root", retire=retired.name.split(".")[1], now=NOW)
    assert desk.device().read("scheme.json")
    names = {key_id[:16] for key_id in roots(desk)}
    held = [path for path in desk.key_files("root") if path.name.split(".")[1] in names]
    held[0].unlink()
    before = desk.files()
    refused(
        Refusal.THRESHOLD_UNMET,
        lambda: desk.publisher().rotate_key(
            "root", retire=lost.name.split(".")[1], now=NOW
        ),
    )
    assert desk.files() == before


def roots(desk: Desk) -> list[str]:
    roles = {each.role: each for each in desk.publisher().status().roles}
    return [key.key_id for key in roles["root"].keys]


@pytest.mark.parametrize("begins", [None, "", "zz"])
def test_a_key_is_named_by_how_it_begins(desk: Desk, begins: str | None) -> None:
    """Of three keys, one must be meant."""
    refused(
        Refusal.KEY_UNKNOWN,
        lambda: desk.publisher().rotate_key("root", retire=begins, now=NOW),
    )
    refused(
        Refusal.ECONOMY_UNKNOWN,
        lambda: desk.publisher().rotate_key("SGP", retire=begins, now=NOW),
    )


def test_r7_keys_are_encrypted_and_their_owners(desk: Desk) -> None:
    """A key file opens to its owner with its passphrase, and to nobody else."""
    paths = list(desk.keys.glob("*.pem"))
    assert len(paths) == 10
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o600}
    wrong = desk.publisher(passphrase=b"guess")
    with pytest.raises(KeyFileError, match="passphrase is wrong"):
        wrong.refresh_timestamp(now=NOW)
    desk.key_files("timestamp")[0].chmod(0o644)
    with pytest.raises(KeyFileError, match="0644"):
        desk.publisher().refresh_timestamp(now=NOW)


def test_keys_lie_somewhere() -> None:
    """Without a folder there is nowhere to look."""
    with pytest.raises(ValueError, match="no folder"):
        Keyring([], lambda _: b"")


def test_r7_a_file_under_another_key_s_name_is_refused(desk: Desk) -> None:
    """The name says which key it is, and the key must agree."""
    (timestamp,) = desk.key_files("timestamp")
    (snapshot,) = desk.key_files("snapshot")
    timestamp.write_bytes(snapshot.read_bytes())
    with pytest.raises(KeyFileError, match="another key"):
        desk.publisher().refresh_timestamp(now=NOW)


# Revoking an economy


def test_d6_a_revoked_economy_is_gone_with_the_next_timestamp(desk: Desk) -> None:
    """Devices that had read its documents find them no more; others are unaffected."""
    device = desk.device()
    assert device.read(STATUS)
    refused(
        Refusal.SHRINK_ECONOMY,
        lambda: desk.publisher().revoke_economy("AUS", now=NOW),
    )
    desk.publisher().revoke_economy("AUS", now=NOW, approvals=APPROVED)
    top = json.loads(desk.files()["metadata/4.targets.json"])["signed"]
    assert len(top["delegations"]["keys"]) == len(top["delegations"]["roles"]) == 1
    left = device.read(STATUS, "AUS/issuer.json", "NZL/issuer.json", "scheme.json")
    assert left.keys() == {"NZL/issuer.json", "scheme.json"}
    refused(Refusal.ECONOMY_UNKNOWN, lambda: desk.publish("AUS", desk.documents()))
    refused(
        Refusal.ECONOMY_UNKNOWN,
        lambda: desk.publisher().revoke_economy("AUS", now=NOW, approvals=APPROVED),
    )


def test_r5_a_revoked_economy_returns_with_its_revocations(desk: Desk) -> None:
    """A new key, counting on from where it was; and nothing un-revoked."""
    device = desk.device()
    full = desk.documents() | {STATUS: list_of({7: 1})}
    desk.publish("AUS", full)
    device.read(STATUS)
    desk.publisher().revoke_economy("AUS", now=NOW, approvals=APPROVED)
    device.read(STATUS)
    desk.publisher().add_economy("AUS", now=NOW)
    clean = full | {STATUS: list_of({}, iat=LATER)}
    refused(Refusal.LIST_UNREVOKED, lambda: desk.publish("AUS", clean, now=LATER))
    desk.publish("AUS", full, now=LATER)
    assert device.read(STATUS) == {STATUS: full[STATUS]}


# A folder that others can write to


def forge(desk: Desk, name: str, change: Callable[[dict[str, Any]], None]) -> None:
    path = desk.public / name
    document = json.loads(path.read_bytes())
    change(document["signed"])
    path.write_bytes(json.dumps(document).encode())


@pytest.mark.parametrize(
    "name",
    [
        "1.root.json",
        "timestamp.json",
        "5.snapshot.json",
        "3.targets.json",
        "2.AUS.json",
    ],
)
def test_d5_nothing_is_built_on_what_was_tampered_with(desk: Desk, name: str) -> None:
    """A changed file in the public folder is found before anything is signed."""
    forge(desk, f"metadata/{name}", lambda signed: signed.update(x=1))
    refused(
        Refusal.REPOSITORY_DAMAGED,
        lambda: desk.publisher().refresh_timestamp(now=LATER),
    )


def write(desk: Desk, name: str, metadata: Metadata[Any]) -> None:
    (desk.public / "metadata" / name).write_bytes(metadata.to_bytes())


def not_built_on(desk: Desk) -> None:
    """Neither a publication nor a bundle is made of what lies there."""
    refused(
        Refusal.REPOSITORY_DAMAGED,
        lambda: desk.publisher().refresh_timestamp(now=LATER),
    )
    bundle = desk.folder / "bundle.zip"
    refused(Refusal.REPOSITORY_DAMAGED, lambda: write_bundle(desk.public, bundle))
    assert not bundle.exists()


def new_root(desk: Desk, version: int = 2) -> Metadata[Root]:
    root = Repository.load(desk.public).root
    root.signed.version = version
    root.signatures.clear()
    return root


def sign(desk: Desk, role: str, metadata: Metadata[Any], count: int = 3) -> None:
    """Sign with so many keys of a role, as a thief of them would."""
    for path in desk.key_files(role)[:count]:
        key = read_private_key(path, passphrase=b"secret")
        metadata.sign(CryptoSigner(key), append=True)


def test_d5_d7_a_root_that_the_last_one_has_not_signed(desk: Desk) -> None:
    """A root of somebody who can write to the folder, also with one stolen key."""
    theirs = CryptoSigner(new_private_key())
    root = new_root(desk)
    for key_id in tuple(root.signed.roles["root"].keyids):
        root.signed.revoke_key(key_id, "root")
    root.signed.roles["root"].threshold = 1
    root.signed.add_key(theirs.public_key, "root")
    root.sign(theirs)
    write(desk, "2.root.json", root)
    not_built_on(desk)
    sign(desk, "root", root, count=1)
    write(desk, "2.root.json", root)
    not_built_on(desk)


def test_d7_a_root_that_its_own_keys_have_not_signed(desk: Desk) -> None:
    """The officers hand over to people who have not signed: nothing could follow."""
    root = new_root(desk)
    for _ in range(2):
        root.signed.add_key(CryptoSigner(new_private_key()).public_key, "root")
    root.signed.roles["root"].threshold = 4
    sign(desk, "root", root)
    write(desk, "2.root.json", root)
    not_built_on(desk)


def test_d3_a_root_under_another_number(desk: Desk) -> None:
    """Properly signed, but of another version than its name."""
    root = new_root(desk, version=3)
    sign(desk, "root", root)
    write(desk, "2.root.json", root)
    not_built_on(desk)


def test_d5_a_first_root_that_nobody_signed_makes_no_bundle(desk: Desk) -> None:
    """A bundle needs no journal, so nothing else would notice."""
    forge(desk, "metadata/1.root.json", lambda signed: signed.update(x=1))
    not_built_on(desk)


def test_d3_d6_what_a_role_s_thief_puts_in_its_place(desk: Desk) -> None:
    """Signed with the stolen key and of the right version: but not what was listed."""
    role = Repository.load(desk.public).targets["AUS"]
    role.signed.targets.clear()
    role.signatures.clear()
    sign(desk, "AUS", role)
    write(desk, "2.AUS.json", role)
    not_built_on(desk)


def say(desk: Desk, change: Callable[[Draft], object]) -> None:
    """What a thief of the snapshot's and the timestamp's key says."""
    with desk.publisher()._drafting(NOW) as draft:
        change(draft)
        draft.seal()
        for path, data in draft.files:
            (desk.public / path).write_bytes(data)


def count_up(draft: Draft) -> None:
    draft.repository.snapshot.signed.meta["AUS.json"].version = 99


def forget_targets(draft: Draft) -> None:
    del draft.repository.snapshot.signed.meta["targets.json"]


def forget_economy(draft: Draft) -> None:
    del draft.repository.snapshot.signed.meta["AUS.json"]


def say_nothing_is_revoked(draft: Draft) -> None:
    role = draft.repository.targets["AUS"]
    role.signed.version = 3
    role.signed.targets.clear()
    draft._list("AUS", role, draft._write("AUS", role))


@pytest.mark.parametrize(
    "change", [count_up, forget_targets, forget_economy, say_nothing_is_revoked]
)
def test_d3_d5_what_a_thief_of_the_online_keys_says(
    desk: Desk, change: Callable[[Draft], None]
) -> None:
    """Versions that a role does not say, roles that are gone, documents of nobody."""
    role = (desk.public / "metadata/2.AUS.json").read_bytes()
    (desk.public / "metadata/99.AUS.json").write_bytes(role)
    say(desk, change)
    not_built_on(desk)


def test_d5_j7_a_timestamp_of_another_type(desk: Desk) -> None:
    """The timestamp's key signs a role's metadata: not a timestamp."""
    other = Repository.load(desk.public).targets["AUS"]
    other.signatures.clear()
    sign(desk, "timestamp", other)
    write(desk, "timestamp.json", other)
    not_built_on(desk)


def test_d1_another_s_first_root_is_refused(desk: Desk, tmp_path: Path) -> None:
    """A whole other repository, correct in itself, is not the one made here."""
    (tmp_path / "other").mkdir()
    other = Desk(tmp_path / "other").open("AUS", "NZL")
    for name, data in other.files().items():
        (desk.public / name).write_bytes(data)
    error = refused(
        Refusal.REPOSITORY_DAMAGED,
        lambda: desk.publisher().refresh_timestamp(now=LATER),
    )
    assert "1.root.json" in error.detail


def test_d3_a_changed_document_is_found(desk: Desk) -> None:
    """A list that is not the one signed is nothing to compare a new one with."""
    (path,) = (desk.public / "targets/AUS/status").iterdir()
    for spoil in (lambda: path.write_bytes(list_of({})), path.unlink):
        spoil()
        refused(
            Refusal.REPOSITORY_DAMAGED, lambda: desk.publish("AUS", desk.documents())
        )


def test_without_its_journal_nothing_is_published(desk: Desk) -> None:
    """The memory of approvals and versions is no option."""
    path = desk.keys / "journal.jsonl"
    text = path.read_bytes()
    path.write_bytes(text + b"not a line\n")
    refresh = desk.publisher().refresh_timestamp
    refused(Refusal.JOURNAL_DAMAGED, lambda: refresh(now=LATER))
    path.unlink()
    refused(Refusal.JOURNAL_DAMAGED, lambda: refresh(now=LATER))


@pytest.mark.parametrize(
    "line",
    [
        b"5",
        b'["event"]',
        b"{}",
        b'{"event": "published"}',
        b'{"event": "published", "at": "yesterday"}',
        b'{"event": "published", "at": "2030-01-15T12:00:00Z", "versions": [1]}',
    ],
)
def test_a_journal_that_was_edited_is_no_memory(desk: Desk, line: bytes) -> None:
    """A line that the publisher has not written is told; nothing is guessed."""
    with (desk.keys / "journal.jsonl").open("ab") as file:
        file.write(line + b"\n")
    refused(
        Refusal.JOURNAL_DAMAGED,
        lambda: desk.publisher().refresh_timestamp(now=LATER),
    )


def test_r4_a_torn_line_of_the_journal_is_taken_away(desk: Desk) -> None:
    """A power cut leaves half a line; the next one is whole."""
    path = desk.keys / "journal.jsonl"
    lines = len(desk.journal())
    with path.open("ab") as file:
        file.write(b'{"at": "2030')
    desk.publisher().refresh_timestamp(now=LATER)
    assert len(desk.journal()) == lines + 2


def test_one_publisher_at_a_time(desk: Desk) -> None:
    """A second one is told, and does not wait."""
    with locked(desk.public):
        refused(
            Refusal.REPOSITORY_BUSY,
            lambda: desk.publisher().refresh_timestamp(now=LATER),
        )
    desk.publisher().refresh_timestamp(now=LATER)


def test_where_nothing_is_nothing_is_published(tmp_path: Path) -> None:
    """A wrong folder is told in one line, and is not made."""
    desk = Desk(tmp_path)
    for call in (
        lambda: desk.publisher().refresh_timestamp(now=NOW),
        lambda: desk.publish("AUS", desk.documents()),
        desk.publisher().status,
    ):
        refused(Refusal.REPOSITORY_DAMAGED, call)
    assert not desk.public.exists()


def test_a_repository_is_made_once(desk: Desk, tmp_path: Path) -> None:
    """Also where the folder was lost: devices know the first root."""
    init = desk.publisher().init
    for given in ({}, {"dry_run": True}):
        refused(
            Refusal.REPOSITORY_EXISTS,
            lambda: init(scheme(), now=LATER, **given),  # noqa: B023
        )
    publisher = desk.publisher()
    forgetful = replace(publisher, journal=Journal(path=tmp_path / "other.jsonl"))
    refused(Refusal.REPOSITORY_EXISTS, lambda: forgetful.init(scheme(), now=LATER))
    desk.public.rename(tmp_path / "lost")
    refused(Refusal.REPOSITORY_EXISTS, lambda: init(scheme(), now=LATER))
    refused(
        Refusal.REPOSITORY_DAMAGED,
        lambda: desk.publisher().add_economy("SGP", now=LATER),
    )
