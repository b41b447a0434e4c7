"""Signers, key files, and what is published of a key."""

import json
import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

import verifier
from issuer.documents import issuer_document, scheme_document
from issuer.errors import KeyFileError, SigningError
from issuer.jws import is_signed_by
from issuer.keys import (
    FileSigner,
    KeyRecord,
    KeyUse,
    Signer,
    generate_key_file,
    sign_and_check,
)
from tests.simulator import NOW, SCHEME, FixedSigner, b64u, fixed_key, signature

PASSPHRASE = b"correct horse battery staple"
URL = "https://abtc.example/AUS"
CARD = FixedSigner.of("AUS", "card")
STATUS = FixedSigner.of("AUS", "status")


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return generate_key_file(
        tmp_path, key_id="AUS-2030", use="card", passphrase=PASSPHRASE
    )


def record(signer: Signer, until: datetime | None = None, url: str = URL) -> KeyRecord:
    return KeyRecord.of(signer, issuer_url=url, signs_from=NOW, signs_until=until)


@dataclass(frozen=True)
class FaultySigner:
    """A hardware module that answers what it was told to."""

    answer: object
    key_id: str = "AUS-card"
    use: KeyUse = "card"

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        return CARD.public_key

    def sign(self, data: bytes) -> bytes:
        return self.answer  # type: ignore[return-value]  # that is the fault


# Key files


def test_a_generated_key_signs(key_file: Path) -> None:
    """The file name says id and use; what it signs verifies."""
    signer = FileSigner.load(key_file, passphrase=PASSPHRASE)
    assert (key_file.name, signer.key_id, signer.use) == (
        "AUS-2030.card.pem",
        "AUS-2030",
        "card",
    )
    assert is_signed_by(signer.public_key, b"data", sign_and_check(signer, b"data"))


def test_r7_a_key_file_is_encrypted_and_its_owners_alone(key_file: Path) -> None:
    """Mode 0600, encrypted at rest, and no key in what a traceback would print."""
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert key_file.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert "_private_key" not in repr(FileSigner.load(key_file, passphrase=PASSPHRASE))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o644, 0o777])
def test_r7_a_key_file_open_to_others_is_refused(key_file: Path, mode: int) -> None:
    """Any right of the group or of others stops the start, and says which file."""
    key_file.chmod(mode)
    with pytest.raises(KeyFileError, match=f"mode {mode:04o} lets others at it") as it:
        FileSigner.load(key_file, passphrase=PASSPHRASE)
    assert it.value.file == str(key_file)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_r7_an_owners_own_key_file_is_read(key_file: Path, mode: int) -> None:
    """Writing may be forbidden even to the owner."""
    key_file.chmod(mode)
    assert FileSigner.load(key_file, passphrase=PASSPHRASE).key_id == "AUS-2030"


def test_r7_links_pipes_and_directories_are_no_key_files(
    key_file: Path, tmp_path: Path
) -> None:
    """Only a regular file is read, and a pipe does not hang the start."""
    link, pipe, folder = (tmp_path / f"{name}.card.pem" for name in "lpd")
    link.symlink_to(key_file)
    os.mkfifo(pipe, 0o600)
    folder.mkdir(0o700)
    for path, reason in [
        (link, "it is a symbolic link"),
        (pipe, "it is not a regular file"),
        (folder, "is a directory"),
        (tmp_path / "none.card.pem", "no such file or directory"),
    ]:
        with pytest.raises(KeyFileError, match=reason):
            FileSigner.load(path, passphrase=PASSPHRASE)


def test_r7_a_key_file_of_another_user_is_refused(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who owns a file may change it, and its mode."""
    owner = key_file.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(KeyFileError, match="it belongs to another user"):
        FileSigner.load(key_file, passphrase=PASSPHRASE)


def test_what_no_path_can_be_is_refused(tmp_path: Path) -> None:
    """A NUL is no fault of the program."""
    folder = tmp_path / "a\0b"
    with pytest.raises(KeyFileError, match="it cannot be a path"):
        FileSigner.load(folder / "AUS.card.pem", passphrase=PASSPHRASE)
    with pytest.raises(KeyFileError, match="it cannot be a path"):
        generate_key_file(folder, key_id="AUS", use="card", passphrase=PASSPHRASE)


def test_a_wrong_passphrase_opens_nothing(key_file: Path) -> None:
    """Neither another passphrase nor none, and text is the caller's mistake."""
    with pytest.raises(ValueError, match="passphrase is not bytes"):
        FileSigner.load(key_file, passphrase=PASSPHRASE.decode())  # type: ignore[arg-type]
    with pytest.raises(KeyFileError, match="passphrase is wrong"):
        FileSigner.load(key_file, passphrase=b"wrong")
    with pytest.raises(ValueError, match="passphrase is empty"):
        FileSigner.load(key_file, passphrase=b"")


@pytest.mark.parametrize(
    "name", ["key.pem", "AUS.both.pem", "AUS.card.pem.bak", "a b.card.pem", ".card.pem"]
)
def test_a_file_of_another_name_is_refused(tmp_path: Path, name: str) -> None:
    """The name has to say key id and use."""
    with pytest.raises(KeyFileError, match="its name is not"):
        FileSigner.load(tmp_path / name, passphrase=PASSPHRASE)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (ec.generate_private_key(ec.SECP384R1()), "it holds no P-256 key"),
        (rsa.generate_private_key(65537, 2048), "it holds no P-256 key"),
        (fixed_key("plain"), "it is not encrypted"),
        (None, "or it holds no private key"),
    ],
    ids=["P-384", "RSA", "plain", "empty"],
)
def test_a_file_with_something_else_is_refused(
    tmp_path: Path,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None,
    reason: str,
) -> None:
    """Another curve, another algorithm, no encryption, no key at all."""
    path = tmp_path / "AUS.card.pem"
    path.touch(0o600)
    if key:
        plain = reason == "it is not encrypted"
        protection = NoEncryption() if plain else BestAvailableEncryption(PASSPHRASE)
        path.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)
        )
    with pytest.raises(KeyFileError, match=reason):
        FileSigner.load(path, passphrase=PASSPHRASE)


def test_a_huge_file_is_not_read(key_file: Path) -> None:
    """16 KiB are read, not more."""
    with key_file.open("ab") as file:
        file.write(b"\n" * 16 * 1024)
    with pytest.raises(KeyFileError, match="larger than 16 KiB"):
        FileSigner.load(key_file, passphrase=PASSPHRASE)


def test_a_key_is_never_overwritten(key_file: Path) -> None:
    """A second key of the same name is refused; the first stays."""
    before = key_file.read_bytes()
    with pytest.raises(KeyFileError, match="file exists"):
        generate_key_file(
            key_file.parent, key_id="AUS-2030", use="card", passphrase=PASSPHRASE
        )
    assert key_file.read_bytes() == before


def test_a_full_disk_leaves_no_half_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where writing fails, the name is free again."""

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(KeyFileError, match="no space left"):
        generate_key_file(tmp_path, key_id="AUS", use="card", passphrase=PASSPHRASE)
    assert not list(tmp_path.iterdir())


def test_callers_mistakes_make_no_key(tmp_path: Path) -> None:
    """A key id that is a path, another use, an empty passphrase."""
    for key_id, use, passphrase in [
        ("../AUS", "card", PASSPHRASE),
        ("", "card", PASSPHRASE),
        ("x" * 65, "card", PASSPHRASE),
        ("AUS", "both", PASSPHRASE),
        ("AUS", "card", b""),
    ]:
        with pytest.raises(ValueError, match=r"key id|use|passphrase"):
            generate_key_file(
                tmp_path,
                key_id=key_id,
                use=use,  # type: ignore[arg-type]  # that is the mistake
                passphrase=passphrase,
            )
    assert not list(tmp_path.iterdir())


# Signatures


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


GOOD = signature(fixed_key("AUS-card"), b"data")
DER = fixed_key("AUS-card").sign(b"data", ec.ECDSA(SHA256()))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="empty"),
        pytest.param(GOOD[:63], id="63 bytes"),
        pytest.param(GOOD + b"\0", id="65 bytes"),
        pytest.param(bytes(64), id="zeros"),
        pytest.param(b"\xff" * 64, id="ones"),
        pytest.param(flipped(GOOD), id="bit flip"),
        pytest.param(signature(fixed_key("another"), b"data"), id="wrong key"),
        pytest.param(signature(fixed_key("AUS-card"), b"other"), id="wrong data"),
        pytest.param(DER, id="DER"),
        pytest.param(GOOD[32:] + GOOD[:32], id="s and r"),
        pytest.param(GOOD.hex(), id="text"),
        pytest.param(None, id="nothing"),
    ],
)
def test_h3_a_bad_signature_is_not_released(answer: object) -> None:
    """A wrong key, a flipped bit, 63 bytes, DER: whatever a module may answer."""
    with pytest.raises(SigningError, match="key AUS-card answered"):
        sign_and_check(FaultySigner(answer), b"data")


def test_h3_a_good_signature_is_released() -> None:
    """The check passes what is right, and hands on the same bytes."""
    assert sign_and_check(FaultySigner(GOOD), b"data") == GOOD
    r, s = decode_dss_signature(DER)
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert sign_and_check(FaultySigner(raw), b"data") == raw


# What is published


def test_issuer_document_says_all() -> None:
    """The document is exactly this, sorted by key id, with proofs that verify."""
    until = NOW + timedelta(days=365)
    keys = [record(STATUS), record(CARD, until)]
    document = json.loads(issuer_document(SCHEME, "AUS", keys=keys, issued_at=NOW))
    rows = document.pop("keys")
    assert document == {
        "abtc": "issuer",
        "economy": "AUS",
        "issuer": URL,
        "issued_at": "2030-01-15T12:00:00Z",
    }
    assert [(row["kid"], row["use"], row["until"]) for row in rows] == [
        ("AUS-card", "card", "2031-01-15T12:00:00Z"),
        ("AUS-status", "status", None),
    ]
    assert rows[0]["from"] == "2030-01-15T12:00:00Z"
    assert rows[0]["jwk"].keys() == {"kty", "crv", "x", "y"}
    statement = b"ABTC1 key\nhttps://abtc.example/AUS\ncard\nAUS-card"
    assert rows[0]["proof"] == b64u(signature(fixed_key("AUS-card"), statement))


def test_issuer_document_is_deterministic() -> None:
    """The order in which the keys come makes no difference."""
    keys = [record(STATUS), record(CARD)]
    document = issuer_document(SCHEME, "AUS", keys=keys, issued_at=NOW)
    assert document == issuer_document(SCHEME, "AUS", keys=keys[::-1], issued_at=NOW)


@pytest.mark.parametrize("is_test", [False, True])
def test_the_verifier_takes_the_document(is_test: bool) -> None:
    """Trust data built from it has no problem."""
    document = issuer_document(
        SCHEME,
        "AUS",
        keys=[record(CARD), record(STATUS)],
        issued_at=NOW,
        is_test=is_test,
    )
    assert json.loads(document).get("test", False) is is_test
    trust = verifier.Trust.from_documents(
        {
            "scheme.json": scheme_document(SCHEME, issued_at=NOW),
            "AUS/issuer.json": document,
        },
        version=1,
        issued_at=NOW,
        expires_at=NOW + timedelta(days=1),
    )
    assert trust.problems == ()


def test_one_key_cannot_sign_cards_and_lists() -> None:
    """Card key and status key have to differ, and so do key ids."""
    same_key = FixedSigner(key_id="AUS-other", use="status", name="AUS-card")
    same_id = FixedSigner(key_id="AUS-card", use="status", name="AUS-status")
    for second in (same_key, same_id):
        with pytest.raises(ValueError, match="a key id or a key occurs twice"):
            issuer_document(
                SCHEME, "AUS", keys=[record(CARD), record(second)], issued_at=NOW
            )


def test_a_key_without_proof_is_not_published() -> None:
    """A proof for another economy, another use or by another key is none."""
    good = record(CARD)
    for bad in [
        record(CARD, url="https://abtc.example/NZL"),
        replace(good, use="status"),
        replace(good, key_id="AUS-2"),
        replace(good, public_key=STATUS.public_key),
        replace(good, proof=flipped(good.proof)),
    ]:
        with pytest.raises(ValueError, match="no proof that"):
            issuer_document(SCHEME, "AUS", keys=[bad], issued_at=NOW)


def test_a_record_checks_its_fields() -> None:
    """Nothing malformed gets as far as a document."""
    good = record(CARD)
    p384 = ec.generate_private_key(ec.SECP384R1()).public_key()
    changes: list[tuple[dict[str, object], str]] = [
        ({"key_id": "a/b"}, "key id"),
        ({"use": "both"}, "use is card or status"),
        ({"public_key": p384}, "not on P-256"),
        ({"signs_from": NOW.replace(tzinfo=None)}, "no UTC offset"),
        ({"signs_from": NOW.replace(microsecond=1)}, "whole seconds"),
        ({"signs_until": NOW}, "not after signs_from"),
        ({"proof": b""}, "not 64 bytes"),
    ]
    for change, reason in changes:
        with pytest.raises(ValueError, match=reason):
            replace(good, **change)  # type: ignore[arg-type]  # that is the mistake


def test_h3_a_garbled_proof_is_not_kept() -> None:
    """The proof is a signature like every other."""
    with pytest.raises(SigningError):
        record(FaultySigner(bytes(64)))


def test_a_period_starts_included_and_ends_excluded() -> None:
    """Both edges, by a second; an open end stays open."""
    second = timedelta(seconds=1)
    key = record(CARD, NOW + 2 * second)
    assert [key.signs_at(NOW + i * second) for i in (-1, 0, 1, 2)] == [
        False,
        True,
        True,
        False,
    ]
    assert record(CARD).signs_at(datetime(2099, 1, 1, tzinfo=UTC))


def test_a_period_is_reckoned_in_utc() -> None:
    """In autumn 01:15 of the second hour is after 01:45 of the first."""
    zone = ZoneInfo("Europe/London")
    first = datetime(2030, 10, 27, 1, 45, tzinfo=zone, fold=0)
    second = datetime(2030, 10, 27, 1, 15, tzinfo=zone, fold=1)
    key = KeyRecord.of(CARD, issuer_url=URL, signs_from=first, signs_until=second)
    assert key.signs_at(first)
    assert not key.signs_at(second)
    with pytest.raises(ValueError, match="not after signs_from"):
        KeyRecord.of(CARD, issuer_url=URL, signs_from=second, signs_until=first)
