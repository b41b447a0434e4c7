"""An economy that keeps its key signs at home; the scheme's desk publishes it."""

import base64
import json
import os
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from securesystemslib.signer import SSlibKey

import verifier
from issuer import cli
from issuer.errors import PublishRefused
from issuer.publish import Lifetimes, Publication, Refusal, RoleKey, Submission
from issuer.publish.repository import Repository
from issuer.publish.submission import RoleSignature, target_files
from tests.issuer.conftest import OpenDesk
from tests.issuer.economy_home import Home
from tests.issuer.repository_reader import (
    APPROVED,
    Desk,
    issuer_json,
    list_of,
    scheme,
)
from tests.simulator import NOW, b64u

STATUS = "AUS/status/1.jwt"
OVERLAY = "AUS/overlay/SGP/1.jwt"
LATER = NOW + timedelta(minutes=10)
DAY = timedelta(days=1)


@pytest.fixture
def desk(tmp_path: Path, open_desk: OpenDesk) -> Desk:
    return open_desk(tmp_path, "NZL")


@pytest.fixture
def home(desk: Desk) -> Home:
    """AUS, whose key the scheme's desk has never had."""
    home = Home(desk)
    desk.publisher().add_economy("AUS", now=NOW, key=home.make_key())
    return home


def accept(desk: Desk, submission: Submission, **given: Any) -> Publication:
    return desk.publisher().accept(submission, **{"now": NOW, **given})


def refused(code: Refusal, call: Callable[[], object]) -> PublishRefused:
    with pytest.raises(PublishRefused) as caught:
        call()
    assert caught.value.code == code, caught.value
    return caught.value


# The way there


def test_r7_an_economy_s_key_never_leaves_it(desk: Desk, home: Home) -> None:
    """Devices read the documents; the scheme's desk never had what signs them."""
    documents = desk.documents()
    done = accept(desk, home.sign(documents))
    assert [name for name in done.files if name.startswith("metadata/")] == [
        "metadata/2.AUS.json",
        "metadata/5.snapshot.json",
        "metadata/timestamp.json",
    ]
    assert desk.device().read(*documents) == documents
    store = verifier.TrustStore(desk.folder / "store")
    assert store.sync(desk.public, root=home.first_root, now=NOW).problems == ()
    assert not desk.key_files("AUS")
    assert len(list(home.keys.glob("AUS.*.pem"))) == 1
    refused(Refusal.THRESHOLD_UNMET, lambda: desk.publish("AUS", documents))


def test_a_role_can_be_read_from_its_first_moment(desk: Desk, home: Home) -> None:
    """Between the key and the first documents every device goes on."""
    store = verifier.TrustStore(desk.folder / "store")
    assert store.sync(desk.public, root=home.first_root, now=NOW).problems == ()
    assert desk.device().read("scheme.json", STATUS) == {"scheme.json": scheme()}


def test_a_key_may_come_before_anything_is_read(desk: Desk, tmp_path: Path) -> None:
    """An economy that was never published needs no copy for its key."""
    home = Home(desk, "CHL")
    made = home.submitter().make_key(now=NOW)
    desk.publisher().add_economy("CHL", now=NOW, key=made)
    accept(desk, home.sign(desk.documents("CHL")))


def test_nothing_secret_goes_out(home: Home) -> None:
    """Key document and submission hold public things only."""
    made = home.submitter().make_key(now=NOW)
    sent = made.to_bytes() + home.sign(home.desk.documents()).to_bytes()
    assert b"PRIVATE" not in sent
    assert made.key.keyid[:16] in {
        path.name.split(".")[1] for path in home.keys.iterdir()
    }


def test_a_dry_run_of_what_was_sent(desk: Desk, home: Home) -> None:
    """Everything is checked, nothing is there afterwards, and it can be accepted."""
    submission = home.sign(desk.documents())
    before = desk.files(), desk.journal()
    assert accept(desk, submission, dry_run=True).is_dry_run
    desk.publisher().add_economy(
        "CHL", now=NOW, key=Home(desk, "CHL").make_key(), dry_run=True
    )
    assert (desk.files(), desk.journal()) == before
    accept(desk, submission)


def test_others_may_publish_in_between(desk: Desk, home: Home) -> None:
    """Twenty economies send when they like; only its own role must not have moved."""
    submission = home.sign(desk.documents())
    desk.publish("NZL", desk.documents("NZL"))
    desk.publish("targets", {"scheme.json": scheme(NOW)})
    desk.publisher().rotate_key("snapshot", now=NOW)
    accept(desk, submission)
    assert desk.device().read(STATUS)


def test_d2_an_economy_prolongs_its_role(desk: Desk, home: Home) -> None:
    """The same documents, sent again."""
    accept(desk, home.sign(desk.documents()))
    accept(desk, home.sign(desk.documents(), now=LATER), now=LATER)
    roles = {each.role: each for each in desk.publisher().status().roles}
    assert roles["AUS"].expires_at == LATER + 30 * DAY


# Another state, another repository, another signer


def test_d1_a_submission_is_accepted_once(desk: Desk, home: Home) -> None:
    """Neither again, nor after another one of the same moment."""
    first, second = home.sign(desk.documents()), home.sign(desk.documents())
    accept(desk, first)
    for again in (first, second):
        refused(Refusal.SUBMISSION_STALE, lambda: accept(desk, again))  # noqa: B023
    accept(desk, home.sign(desk.documents()))
    refused(Refusal.SUBMISSION_STALE, lambda: accept(desk, first))


def test_d1_an_old_state_cannot_be_brought_under_a_new_name(
    desk: Desk, home: Home
) -> None:
    """Version and what it follows on are said anew; the signature does not fit."""
    first = home.sign(desk.documents())
    accept(desk, first)
    now = home.sign(desk.documents() | {STATUS: list_of({7: 1})})
    for forged in (
        replace(first, follows=now.follows),
        replace(first, follows=now.follows, role=replace(first.role, version=3)),
        replace(now, documents=first.documents),
        replace(now, role=first.role),
        replace(now, role=replace(now.role, expires_at=now.role.expires_at + DAY)),
    ):
        with pytest.raises(PublishRefused, match=r"submission\.(stale|foreign)"):
            accept(desk, forged)
    accept(desk, now)


def test_d1_a_submission_for_another_repository(desk: Desk, home: Home) -> None:
    """The test installation's does not reach the real one, nor a fork's."""
    submission = home.sign(desk.documents())
    other = replace(submission, first_root="0" * 64)
    refused(Refusal.SUBMISSION_FOREIGN, lambda: accept(desk, other))
    fork = replace(submission, follows="0" * 64)
    refused(Refusal.SUBMISSION_STALE, lambda: accept(desk, fork))


def test_d6_one_economy_cannot_speak_for_another(desk: Desk, home: Home) -> None:
    """NZL's documents under AUS's key, AUS's under NZL's name, and foreign paths."""
    submission = home.sign(desk.documents())
    as_nzl = replace(submission, economy="NZL")
    refused(Refusal.SUBMISSION_STALE, lambda: accept(desk, as_nzl))
    listed = Repository.load(desk.public).snapshot.signed.meta["NZL.json"].hashes or {}
    as_nzl = replace(as_nzl, follows=listed["sha256"], documents=desk.documents("NZL"))
    as_nzl = replace(as_nzl, role=home.forge(target_files(as_nzl.documents), version=3))
    refused(Refusal.SUBMISSION_FOREIGN, lambda: accept(desk, as_nzl))
    refused(
        Refusal.ECONOMY_UNKNOWN,
        lambda: accept(desk, replace(submission, economy="CHL")),
    )


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("NZL/issuer.json", Refusal.NAME_FOREIGN),
        ("scheme.json", Refusal.NAME_FOREIGN),
        ("AUS/../NZL/issuer.json", Refusal.NAME_MALFORMED),
        ("AUS/\ud800.json", Refusal.NAME_MALFORMED),
        ("../../keys/x", Refusal.NAME_MALFORMED),
    ],
)
def test_d6_d8_d11_foreign_paths_are_refused_whoever_signs(
    desk: Desk, home: Home, name: str, code: Refusal
) -> None:
    """At home, and again at the scheme's desk, since a thief does not ask at home."""
    documents = desk.documents() | {name: b"{}"}
    refused(code, lambda: home.sign(documents))
    good = home.sign(desk.documents())
    before = desk.files()
    refused(code, lambda: accept(desk, replace(good, documents=documents)))
    assert desk.files() == before


def test_s3_nothing_is_read_that_is_not_signed(desk: Desk, home: Home) -> None:
    """The signature comes first: what has none is not even looked into."""
    good = home.sign(desk.documents())
    bad = replace(good, documents={**good.documents, "AUS/policy.json": b"{"})
    refused(Refusal.SUBMISSION_FOREIGN, lambda: accept(desk, bad))


def forged(desk: Desk, home: Home, changes: Mapping[str, bytes]) -> Submission:
    """What the economy's stolen key signs, without asking anything."""
    repository = Repository.load(desk.public)
    listed = repository.snapshot.signed.meta["AUS.json"]
    published = repository.documents(desk.public, "AUS")
    documents = {**(published or desk.documents()), **changes}
    return Submission(
        economy="AUS",
        first_root=repository.first_root,
        follows=(listed.hashes or {})["sha256"],
        role=home.forge(target_files(documents), version=listed.version + 1),
        documents=documents,
    )


BOMB = b64u(zlib.compress(bytes(100 * 2**20), 9))
HOSTILE: dict[str, tuple[Refusal, dict[str, bytes]]] = {
    "un-revoked": (Refusal.LIST_UNREVOKED, {STATUS: list_of({}, iat=LATER)}),
    "older list": (Refusal.BACK_LIST, {STATUS: list_of({7: 1, 8: 1})}),
    "bomb": (
        Refusal.DOCUMENT_REFUSED,
        {STATUS: list_of({}, iat=LATER, status_list={"bits": 2, "lst": BOMB})},
    ),
    "one bit": (
        Refusal.LIST_BITS,
        {STATUS: list_of({}, status_list={"bits": 1, "lst": "eNpjAAAAAQAB"})},
    ),
    "another's key": (Refusal.DOCUMENT_REFUSED, {"AUS/issuer.json": b"{}"}),
    "nonsense": (Refusal.DOCUMENT_REFUSED, {"AUS/policy.json": b"\xff"}),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_s3_d6_r5_what_a_stolen_role_key_signs_is_checked_again(
    desk: Desk, home: Home, case: str
) -> None:
    """The scheme's desk believes no check that was made elsewhere."""
    accept(desk, home.sign(desk.documents() | {STATUS: list_of({7: 1})}))
    code, changes = HOSTILE[case]
    submission = forged(desk, home, changes)
    before = desk.files()
    refused(code, lambda: accept(desk, submission, now=LATER, approvals=APPROVED))
    assert desk.files() == before


def test_d10_d15_another_economy_s_card_key(desk: Desk, home: Home) -> None:
    """A key that NZL publishes is not AUS's, at home and at the desk."""
    keys = [("AUS-card", "card"), ("AUS-status", "status"), ("NZL-card", "card")]
    changes = {"AUS/issuer.json": issuer_json(*keys)}
    refused(Refusal.KEY_REUSED, lambda: home.sign(desk.documents() | changes))
    submission = forged(desk, home, changes)
    refused(Refusal.KEY_REUSED, lambda: accept(desk, submission))


def test_d12_shrinking_is_told_at_home_and_approved_at_the_desk(
    desk: Desk, home: Home
) -> None:
    """Two people at the scheme's desk, in its journal; then it must come back as it
    was, which only that desk can know."""
    full = desk.documents() | {STATUS: list_of({7: 1})}
    accept(desk, home.sign(full))
    less = {name: data for name, data in full.items() if name != STATUS}
    submission, shrinks = home.sign_and_ask(less)
    assert [(each.code, each.detail) for each in shrinks] == [
        (Refusal.SHRINK_DOCUMENT, f"{STATUS} would go")
    ]
    for approvals in (frozenset[str](), frozenset({"Ana"})):
        refused(
            Refusal.SHRINK_DOCUMENT,
            lambda: accept(desk, submission, approvals=approvals),  # noqa: B023
        )
    assert accept(desk, submission, approvals=APPROVED).approved == (
        Refusal.SHRINK_DOCUMENT,
    )
    (line,) = [line for line in desk.journal() if line["event"] == "approved"]
    assert (line["action"], line["approvals"]) == ("accept AUS", ["Ana", "Ben"])
    clean = home.sign(full | {STATUS: list_of({}, iat=LATER)}, now=LATER)
    refused(Refusal.LIST_UNREVOKED, lambda: accept(desk, clean, now=LATER))


@pytest.mark.parametrize(
    ("lifetime", "is_refused"),
    [
        (30 * DAY + timedelta(minutes=5), False),
        (30 * DAY + timedelta(minutes=5, seconds=1), True),
        (timedelta(seconds=1), False),
        (timedelta(0), True),
        (-DAY, True),
    ],
)
def test_d2_a_signature_is_good_for_as_long_as_the_desk_allows(
    desk: Desk, home: Home, lifetime: timedelta, is_refused: bool
) -> None:
    """An economy cannot free itself from signing again."""
    good = home.sign(desk.documents())
    files = target_files(good.documents)
    submission = replace(good, role=home.forge(files, expires_at=NOW + lifetime))
    if is_refused:
        refused(Refusal.SUBMISSION_LIFETIME, lambda: accept(desk, submission))
    else:
        accept(desk, submission)


def test_d13_a_role_says_nothing_but_its_documents(desk: Desk) -> None:
    """A thief's delegation below an economy's role is not signed again."""
    desk.publisher().add_economy("AUS", now=NOW)
    publisher = desk.publisher()
    with publisher._drafting(NOW) as draft:
        signed = draft.repository.targets["AUS"].signed
        signed.delegations = draft.repository.targets["targets"].signed.delegations
        signed.unrecognized_fields["x"] = 1
        draft._list("AUS", *_signed_as_it_is(draft))
        draft.seal()
        publisher._commit(draft, "forged", dry_run=False)
    assert "delegations" in desk.files()["metadata/2.AUS.json"].decode()
    desk.publish("AUS", desk.documents())
    assert "delegations" not in desk.files()["metadata/3.AUS.json"].decode()
    assert '"x"' not in desk.files()["metadata/3.AUS.json"].decode()


def _signed_as_it_is(draft: Any) -> tuple[Any, bytes]:
    metadata = draft.repository.targets["AUS"]
    return metadata, draft._sign(metadata, "AUS", draft._keys("AUS"))


# What is no submission


def test_s3_d14_every_cut_is_refused(desk: Desk, home: Home) -> None:
    """Half a file is no file; nothing of it is read."""
    data = home.sign(desk.documents()).to_bytes()
    for length in [*range(0, len(data), 97), len(data) - 1]:
        refused(
            Refusal.SUBMISSION_MALFORMED,
            lambda: Submission.from_bytes(data[:length]),  # noqa: B023
        )


def test_d14_every_flipped_bit_is_refused(desk: Desk, home: Home) -> None:
    """Whatever it becomes, it is not published; one line says why."""
    data = home.sign(desk.documents()).to_bytes()
    before = desk.files()
    for place in range(0, len(data), 31):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 7
        with pytest.raises(PublishRefused):
            accept(desk, Submission.from_bytes(bytes(changed)))
    assert desk.files() == before


def _edited(data: bytes, **changes: Any) -> bytes:
    return json.dumps({**json.loads(data), **changes}).encode()


NO_SUBMISSION: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _: b"",
    "zip": lambda _: b"PK\x03\x04" + bytes(100),
    "deflated": zlib.compress,
    "deep": lambda _: b"[" * 100_000,
    "deep in a member": lambda data: _edited(data, role=0).replace(
        b'"role": 0', b'"role": ' + b"[" * 100_000 + b"]" * 100_000
    ),
    "long": lambda data: data + b" " * 64 * 2**20,
    "twice": lambda data: b'{"economy":"NZL",' + data[1:],
    "a name twice": lambda data: data.replace(
        b'"documents":{', b'"documents":{"AUS/issuer.json":"",'
    ),
    "a key": lambda data: _edited(data, abtc="role-key"),
    "more": lambda data: _edited(data, more=1),
    "less": lambda data: json.dumps(
        {k: v for k, v in json.loads(data).items() if k != "follows"}
    ).encode(),
    "list": lambda _: b"[]",
    "economy": lambda data: _edited(data, economy=["AUS"]),
    "root": lambda data: _edited(data, root="x"),
    "role": lambda data: _edited(data, role=None),
    "documents": lambda data: _edited(data, documents=["AUS/issuer.json"]),
    "document": lambda data: _edited(data, documents={"AUS/issuer.json": 1}),
    "base64": lambda data: _edited(data, documents={"AUS/issuer.json": "e30=\n"}),
    "NaN": lambda data: _edited(data, follows=float("nan")),
}
_WRONG: dict[str, list[Any]] = {
    "version": [0, -1, True, "2", 2.0, 2**31 + 1, None],
    "expires": ["2030", None, 1, "9999-99-99T00:00:00Z"],
    "spec_version": ["1.0", "2.0.0", "1.0.31\n", 1],
    "keyid": ["", "AUS", None, "0" * 63],
    "sig": ["", "zz" * 70, "0" * 141, None, "00" * 5000],
}
for _member, _values in _WRONG.items():
    for _value in _values:
        NO_SUBMISSION[f"{_member} {str(_value)[:9]!r}"] = (
            lambda data, member=_member, value=_value: _edited(  # type: ignore[misc]
                data, role={**json.loads(data)["role"], member: value}
            )
        )


@pytest.mark.parametrize("case", NO_SUBMISSION)
def test_d14_what_is_no_submission(desk: Desk, home: Home, case: str) -> None:
    """Refused as a whole, before anything is believed."""
    data = NO_SUBMISSION[case](home.sign(desk.documents()).to_bytes())
    refused(Refusal.SUBMISSION_MALFORMED, lambda: Submission.from_bytes(data))


@pytest.mark.parametrize("code", ["aus", "../x", "AUSX", "timestamp"])
def test_d8_a_submission_for_no_economy(desk: Desk, home: Home, code: str) -> None:
    """Its code becomes the name of a file."""
    data = _edited(home.sign(desk.documents()).to_bytes(), economy=code)
    refused(Refusal.NAME_MALFORMED, lambda: Submission.from_bytes(data))


# Keys


def test_d5_an_economy_rotates_its_own_key(desk: Desk, home: Home) -> None:
    """Devices follow, documents stay, and the old key signs nothing any more."""
    accept(desk, home.sign(desk.documents()))
    device = desk.device("old")
    before = device.read(STATUS, OVERLAY)
    stolen, pending = home.signer(), home.sign(desk.documents())
    home.refresh_copy()
    brought = home.make_key()
    done = desk.publisher().rotate_key("AUS", now=NOW, key=brought)
    assert done.action == f"rotate-key AUS with the key {brought.key.keyid}"
    roles = {each.role: each for each in desk.publisher().status().roles}
    assert [key.key_id for key in roles["AUS"].keys] == [brought.key.keyid]
    assert device.read(STATUS, OVERLAY) == before
    refused(Refusal.SUBMISSION_STALE, lambda: accept(desk, pending))
    now = home.sign(desk.documents() | {STATUS: list_of({7: 1})})
    files = target_files(now.documents)
    old = RoleSignature.sign(
        stolen, files, version=now.role.version, expires_at=now.role.expires_at
    )
    refused(Refusal.SUBMISSION_FOREIGN, lambda: accept(desk, replace(now, role=old)))
    renamed = replace(old, key_id=now.role.key_id)
    refused(
        Refusal.SUBMISSION_FOREIGN, lambda: accept(desk, replace(now, role=renamed))
    )
    accept(desk, now)
    assert device.read(STATUS) == {STATUS: list_of({7: 1})}


def test_d1_a_key_signs_what_is_published_now(desk: Desk, home: Home) -> None:
    """Made from an old copy, or for an economy without documents, it is refused."""
    early = home.make_key()
    accept(desk, home.sign(desk.documents()))
    rotate = desk.publisher().rotate_key
    refused(Refusal.SUBMISSION_STALE, lambda: rotate("AUS", now=NOW, key=early))
    empty = replace(early, role=replace(early.role, version=3))
    refused(Refusal.SUBMISSION_FOREIGN, lambda: rotate("AUS", now=NOW, key=empty))


def test_r5_an_economy_returns_with_a_key_of_its_own(desk: Desk, home: Home) -> None:
    """It counts on from where it was, and nothing is un-revoked."""
    full = desk.documents() | {STATUS: list_of({7: 1})}
    accept(desk, home.sign(full))
    device = desk.device()
    device.read(STATUS)
    desk.publisher().revoke_economy("AUS", now=NOW, approvals=APPROVED)
    again = desk.publisher().add_economy
    fresh = home.submitter().make_key(now=NOW)
    refused(Refusal.SUBMISSION_STALE, lambda: again("AUS", now=NOW, key=fresh))
    home.refresh_copy()
    again("AUS", now=NOW, key=home.make_key())
    clean = home.sign(full | {STATUS: list_of({}, iat=LATER)}, now=LATER)
    refused(Refusal.LIST_UNREVOKED, lambda: accept(desk, clean, now=LATER))
    accept(desk, home.sign(full, now=LATER), now=LATER)
    assert device.read(STATUS) == {STATUS: full[STATUS]}


def test_d10_nobody_brings_another_s_key(desk: Desk, home: Home) -> None:
    """Neither under one's own name, nor one that a role has already."""
    made = home.submitter().make_key(now=NOW)
    add, rotate = desk.publisher().add_economy, desk.publisher().rotate_key
    for role, call in (("CHL", add), ("NZL", rotate), ("timestamp", rotate)):
        error = refused(
            Refusal.SUBMISSION_FOREIGN,
            lambda: call(role, now=NOW, key=made),  # noqa: B023
        )
        assert error.detail == f"this key is AUS's, not for {role}"
    as_chl = replace(made, economy="CHL")
    refused(Refusal.KEY_UNPROVEN, lambda: add("CHL", now=NOW, key=as_chl))
    desk.publisher().revoke_economy("AUS", now=NOW, approvals=APPROVED)
    home.refresh_copy()
    twice = home.make_key()
    add("AUS", now=NOW, key=twice)
    refused(Refusal.KEY_REUSED, lambda: rotate("AUS", now=NOW, key=twice))
    role_of_chl = RoleKey.make("CHL", home.signer(), replace(twice.role, version=1))
    refused(Refusal.KEY_REUSED, lambda: add("CHL", now=NOW, key=role_of_chl))


def test_d7_d10_a_key_of_the_scheme_is_no_economy_s(desk: Desk) -> None:
    """Whoever signs the timestamp does not sign for CHL as well."""
    keyring = desk.publisher().keyring
    root = Repository.load(desk.public).root.signed
    signer = keyring.signer(
        "timestamp", root.get_key(root.roles["timestamp"].keyids[0])
    )
    assert signer
    role = RoleSignature.sign(signer, {}, version=1, expires_at=NOW + DAY)
    brought = RoleKey.make("CHL", signer, role)
    refused(
        Refusal.KEY_REUSED,
        lambda: desk.publisher().add_economy("CHL", now=NOW, key=brought),
    )


def test_d7_a_brought_key_needs_two_targets_keys(desk: Desk, home: Home) -> None:
    """The economy's own signature does not replace the scheme's people."""
    made = Home(desk, "CHL").make_key()
    for path in desk.key_files("targets")[1:]:
        path.unlink()
    before = desk.files()
    refused(
        Refusal.THRESHOLD_UNMET,
        lambda: desk.publisher().add_economy("CHL", now=NOW, key=made),
    )
    assert desk.files() == before


def _public(key: Any) -> str:
    pem = Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    text: bytes = key.public_key().public_bytes(*pem)
    return text.decode()


def _usual(key: Any) -> dict[str, Any]:
    """As TUF spells it."""
    return SSlibKey.from_crypto(key.public_key()).to_dict()


OTHER_KEYS = {
    "P-384": ec.generate_private_key(ec.SECP384R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
}
NO_KEY: dict[str, Callable[[dict[str, Any]], object]] = {
    "not on the curve": lambda key: key["keyval"].update(
        public=key["keyval"]["public"][:60] + "AAAA" + key["keyval"]["public"][64:]
    ),
    "no PEM": lambda key: key["keyval"].update(public="x"),
    "surrogate": lambda key: key["keyval"].update(public="\ud800"),
    "spelled otherwise": lambda key: key["keyval"].update(
        public=key["keyval"]["public"] + "\n"
    ),
    "scheme": lambda key: key.update(scheme="ed25519"),
    "keytype": lambda key: key.update(keytype="rsa"),
    "another curve": lambda key: key.update(_usual(OTHER_KEYS["P-384"])),
    "another kind": lambda key: key.update(_usual(OTHER_KEYS["Ed25519"])),
    "more": lambda key: key.update(x=1),
    "more in it": lambda key: key["keyval"].update(private="x"),
    "moment": lambda key: key.update({"x-abtc-since": "yesterday"}),
    **{
        name: lambda key, other=other: key["keyval"].update(  # type: ignore[misc]
            public=_public(other)
        )
        for name, other in OTHER_KEYS.items()
    },
}


@pytest.mark.parametrize("case", NO_KEY)
def test_j14_d7_a_key_has_one_kind_and_one_spelling(home: Home, case: str) -> None:
    """P-256 as usual: one key cannot come under two ids."""
    document = json.loads(home.make_key().to_bytes())
    NO_KEY[case](document["key"])
    data = json.dumps(document).encode()
    refused(Refusal.KEY_MALFORMED, lambda: RoleKey.from_bytes(data))


def test_d14_what_is_no_key_document(home: Home) -> None:
    """Cut, too long, another kind of file, or for no economy."""
    data = home.make_key().to_bytes()
    for other in (
        *(data[:length] for length in range(0, len(data), 13)),
        data + b" " * 16 * 2**10,
        _edited(data, abtc="submission"),
        _edited(data, proof="x"),
        _edited(data, role={}),
    ):
        refused(Refusal.KEY_MALFORMED, lambda: RoleKey.from_bytes(other))  # noqa: B023
    refused(
        Refusal.NAME_MALFORMED,
        lambda: RoleKey.from_bytes(_edited(data, economy="../AUS")),
    )
    forged = replace(home.make_key(), proof="00" * 70)
    refused(
        Refusal.KEY_UNPROVEN,
        lambda: home.desk.publisher().rotate_key("AUS", now=NOW, key=forged),
    )


# At home


def test_d5_home_believes_no_copy_that_is_not_the_scheme_s(
    desk: Desk, home: Home, tmp_path: Path
) -> None:
    """Another first root, or a changed file, and nothing is signed."""
    (tmp_path / "other").mkdir()
    other = Desk(tmp_path / "other").open("AUS")
    sign = home.submitter().sign
    given: dict[str, Any] = {"first_root": home.first_root, "now": NOW}
    refused(
        Refusal.REPOSITORY_DAMAGED,
        lambda: sign(desk.documents(), published=other.public, **given),
    )
    refused(
        Refusal.REPOSITORY_DAMAGED,
        lambda: home.submitter().make_key(published=other.public, **given),
    )
    home.refresh_copy()
    (home.copy / "metadata/1.AUS.json").write_bytes(b"{}")
    refused(
        Refusal.REPOSITORY_DAMAGED,
        lambda: sign(desk.documents(), published=home.copy, **given),
    )
    assert len(list(home.keys.iterdir())) == 1


def test_d6_a_new_key_does_not_sign_what_a_thief_has_listed(
    desk: Desk, home: Home
) -> None:
    """Foreign names are found before the new key exists."""
    desk.publisher().add_economy("CHL", now=NOW)
    publisher = desk.publisher()
    with publisher._drafting(NOW) as draft:
        draft.set_documents("CHL", {"NZL/status/2.jwt": b"x"})
        draft.sign_targets("CHL")
        draft.seal()
        publisher._commit(draft, "forged", dry_run=False)
    chl = Home(desk, "CHL")
    refused(Refusal.NAME_FOREIGN, chl.make_key)
    assert not list(chl.keys.iterdir())


def test_home_says_what_is_missing(desk: Desk, home: Home) -> None:
    """No role, no key at hand, or a clock that went back."""
    refused(
        Refusal.ECONOMY_UNKNOWN, lambda: Home(desk, "CHL").sign(desk.documents("CHL"))
    )
    nowhere = replace(home.submitter(), economy="../AUS")
    refused(Refusal.NAME_MALFORMED, lambda: nowhere.make_key(now=NOW))
    assert not list(home.folder.glob("*.pem"))
    before = NOW - timedelta(seconds=1)
    refused(Refusal.BACK_CLOCK, lambda: home.sign(desk.documents(), now=before))
    refused(Refusal.BACK_CLOCK, lambda: home.make_key(now=before))
    for path in home.keys.iterdir():
        path.unlink()
    refused(Refusal.THRESHOLD_UNMET, lambda: home.sign(desk.documents()))
    assert Lifetimes().economy == 30 * DAY


# On the command line


def test_two_desks_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the economy's key to a revocation that a device reads; then a new key."""
    monkeypatch.setenv("ABTC_PUBLISH_PASSPHRASE", "secret")
    monkeypatch.setattr(cli, "_now", lambda: NOW)
    desk = Desk(tmp_path)
    documents = desk.documents() | {STATUS: list_of({7: 1}), "scheme.json": scheme()}
    for name, data in documents.items():
        (tmp_path / "new" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "new" / name).write_bytes(data)
    home, key, sent = tmp_path / "home", tmp_path / "key.json", tmp_path / "sent.json"
    home.mkdir()
    public, root = str(desk.public), f"{desk.public}/metadata/1.root.json"
    at_desk = ["--out", public, "--keys", str(desk.keys)]
    at_home = ["--keys", str(home)]
    reading = ["--published", public, "--root", root]

    def run(*words: str) -> tuple[int, str, str]:
        status = cli.main(["publish", *words])
        return status, *capsys.readouterr()

    assert run("init", "--scheme", f"{tmp_path}/new/scheme.json", *at_desk)[0] == 0
    status, out, err = run("make-key", "AUS", "--out", str(key), *at_home)
    key_id = json.loads(key.read_bytes()) and next(home.iterdir()).name.split(".")[1]
    assert (status, err) == (0, "")
    assert out.startswith(f"made the key {key_id}")
    status, out, _ = run("add-economy", "AUS", "--key", str(key), *at_desk)
    assert (status, f"with the key {key_id}" in out) == (0, True)
    signing = ["sign", "AUS", str(sent), "--from", f"{tmp_path}/new", *at_home]
    status, out, err = run(*signing, *reading)
    assert (status, out.startswith("signed version 2 of AUS: "), err) == (0, True, "")
    status, out, err = run("accept", str(sent), *at_desk)
    assert (status, out.startswith("accept AUS: wrote 7 files"), err) == (0, True, "")
    assert desk.device().read(STATUS) == {STATUS: documents[STATUS]}
    status, out, err = run("accept", str(sent), *at_desk)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("abtc-issuer: refused: submission.stale: ")
    assert run(*signing)[0] == 64
    assert run("make-key", "AUS", "--out", str(key), *at_home, *reading[:2])[0] == 64
    assert run("make-key", "AUS", "--out", str(key), *at_home, *reading)[0] == 0
    assert run("rotate-key", "AUS", "--key", str(key), *at_desk)[0] == 0
    (tmp_path / "new/AUS/policy.json").unlink()
    status, out, _ = run(*signing, *reading, "--json")
    assert json.loads(out)["shrinks"] == ["shrink.document"]
    status, out, _ = run(*signing, *reading)
    assert "ask two people: shrink.document: AUS/policy.json would go" in out
    assert "refused: shrink.document" in run("accept", str(sent), *at_desk)[2]
    approved = ["--approved-by", "Ana", "--approved-by", "Ben"]
    assert run("accept", str(sent), *approved, *at_desk)[0] == 0
    os.mkfifo(tmp_path / "pipe")
    for file, says in (
        (tmp_path / "pipe", "is no file"),
        (key, "submission.malformed"),
        (tmp_path / "absent", "does not exist"),
    ):
        status, out, err = run("accept", str(file), *at_desk)
        assert (status in (1, 64), out, err.count("\n")) == (True, "", 1)
        assert says in err
    assert (
        base64.b64decode(json.loads(sent.read_bytes())["documents"][STATUS])
        == documents[STATUS]
    )
