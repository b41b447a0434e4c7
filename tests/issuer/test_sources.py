"""Each economy signs with the keys of the source configured for it, or not at all."""

from multiprocessing import active_children
from pathlib import Path

import pytest

from issuer.errors import (
    KeyFileError,
    PinRefused,
    SettingsError,
    SignerUnavailable,
    SigningError,
)
from issuer.hsm import HsmSigner
from issuer.issuance import Credential
from issuer.keys import FileSigner, KeyRecord, generate_key_file, sign_and_check
from issuer.sources import KeySource, KeySources
from tests.components import needs
from tests.issuer.soft_hsm import SoftHsm, once_back
from tests.issuer.test_issuance import URL, prepared
from tests.simulator import NOW

PASSPHRASE = b"correct horse battery staple"


def no_passphrase(economy: str) -> bytes:
    raise AssertionError(f"asked for the passphrase of {economy}")


def make_files(folder: Path, *key_ids: str) -> KeySource:
    folder.mkdir(exist_ok=True)
    for key_id in key_ids:
        for use in ("card", "status"):
            generate_key_file(
                folder,
                key_id=f"{key_id}-{use}",
                use="card" if use == "card" else "status",
                passphrase=PASSPHRASE,
            )
    return KeySource(kind="file", path=folder)


def files(source: KeySource, *economies: str) -> KeySources:
    configured = dict.fromkeys(economies, source)
    return KeySources(configured, passphrase=lambda _: PASSPHRASE)


def test_a_source_is_written_as_kind_and_path(tmp_path: Path) -> None:
    """Relative to the folder of the file that says it."""
    source = KeySource.parse("pkcs11:hsm.toml", folder=tmp_path)
    assert source == KeySource(kind="pkcs11", path=tmp_path / "hsm.toml")
    assert KeySource.parse("file:/keys", folder=tmp_path).path == Path("/keys")
    assert str(source) == f"pkcs11:{tmp_path}/hsm.toml"
    for text in ("", "file", "file:", "hsm:x", "/keys", "FILE:x"):
        with pytest.raises(ValueError, match="a key source is file:<folder> or"):
            KeySource.parse(text, folder=tmp_path)


def test_an_economy_has_the_keys_of_its_name(tmp_path: Path) -> None:
    """One folder may hold the keys of several economies; none gets another's."""
    sources = files(make_files(tmp_path, "AUS-1", "AUS-2", "PER-1"), "AUS", "PER")
    assert [(each.key_id, each.use) for each in sources.signers("AUS")] == [
        ("AUS-1-card", "card"),
        ("AUS-1-status", "status"),
        ("AUS-2-card", "card"),
        ("AUS-2-status", "status"),
    ]
    assert len(sources.signers("PER")) == 2
    assert sources.signers("AUS") is sources.signers("AUS")
    for signer in sources.signers("PER"):
        assert isinstance(signer, FileSigner)


def test_an_economy_without_a_source_or_a_key_signs_nothing(tmp_path: Path) -> None:
    """The message says which of the two, and where it looked."""
    sources = files(make_files(tmp_path / "keys", "AUS-1"), "AUS", "PER")
    with pytest.raises(SigningError, match="no key source is configured for JPN"):
        sources.signers("JPN")
    with pytest.raises(SigningError, match=r"file:.*keys: it has no key of PER"):
        sources.signers("PER")


@pytest.mark.parametrize(
    ("name", "mode", "reason"),
    [
        ("AUS-9.card.pem", 0o644, "mode 0644 lets others at it"),
        ("AUS-9.card.pem", 0o600, "the passphrase is wrong, or it holds no"),
        ("AUS-9.pem", 0o600, "its name is not <key id>"),
    ],
)
def test_r7_one_bad_key_file_stops_the_start(
    tmp_path: Path, name: str, mode: int, reason: str
) -> None:
    """Good keys beside it do not make up for it; file and reason are named."""
    source = make_files(tmp_path, "AUS-1")
    (tmp_path / name).write_text("text")
    (tmp_path / name).chmod(mode)
    with pytest.raises(KeyFileError, match=reason) as it:
        files(source, "AUS").signers("AUS")
    assert it.value.file == str(tmp_path / name)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    """A missing folder, and a file in its place."""
    (tmp_path / "file").touch()
    for name, reason in [("none", "no such file"), ("file", "not a directory")]:
        source = KeySource(kind="file", path=tmp_path / name)
        with pytest.raises(KeyFileError, match=reason):
            files(source, "AUS").signers("AUS")


def test_a_batch_is_signed_by_the_key_file_and_nobody_is_asked_again(
    tmp_path: Path,
) -> None:
    """Also where several processes do it; they end with the batch."""
    asked: list[str] = []

    def passphrase(economy: str) -> bytes:
        asked.append(economy)
        return PASSPHRASE

    generate_key_file(tmp_path, key_id="AUS-card", use="card", passphrase=PASSPHRASE)
    source = KeySource(kind="file", path=tmp_path)
    sources = KeySources({"AUS": source}, passphrase=passphrase)
    (signer,) = sources.signers("AUS")
    key = KeyRecord.of(signer, issuer_url=URL, signs_from=NOW)
    before = set(active_children())
    with sources.batch("AUS", signer) as sign:
        signed = sign([prepared(), prepared()], key=key, now=NOW, last_issued_at=None)
    assert all(isinstance(each, Credential) for each in signed)
    assert asked == ["AUS"]
    assert set(active_children()) <= before


@needs("SoftHSM")
@needs("C compiler")
def test_h5_a_batch_is_signed_in_the_module(hsm: SoftHsm) -> None:
    """A key file of the same name lies beside it, and is never opened."""
    with hsm.open() as keys:
        keys.generate_key("AUS-card", "card")
    generate_key_file(hsm.folder, key_id="AUS-card", use="card", passphrase=PASSPHRASE)
    source = KeySource(kind="pkcs11", path=hsm.write_settings())
    sources = KeySources({"AUS": source}, passphrase=no_passphrase)
    (signer,) = sources.signers("AUS")
    key = KeyRecord.of(signer, issuer_url=URL, signs_from=NOW)
    with sources.batch("AUS", signer) as sign:
        (signed,) = sign([prepared()], key=key, now=NOW, last_issued_at=None)
    assert isinstance(signed, Credential)
    sources.close()


@needs("SoftHSM")
@needs("C compiler")
def test_two_economies_share_a_token_and_a_session(hsm: SoftHsm) -> None:
    """Each has its own keys in it; there is one login."""
    with hsm.open() as keys:
        for name in ("AUS-1", "PER-1"):
            keys.generate_key(name, "card")
    source = KeySource(kind="pkcs11", path=hsm.write_settings())
    assert source.names() == (("AUS-1", "card"), ("PER-1", "card"))
    before = hsm.count("C_Login")
    configured = dict.fromkeys(("AUS", "PER"), source)
    sources = KeySources(configured, passphrase=no_passphrase)
    for economy in ("AUS", "PER"):
        (signer,) = sources.signers(economy)
        assert signer.key_id == f"{economy}-1"
        assert sign_and_check(signer, b"data")
    assert hsm.count("C_Login") == before + 1
    sources.close()


@needs("SoftHSM")
@needs("C compiler")
def test_h5_no_file_key_signs_for_a_module_that_is_down(hsm: SoftHsm) -> None:
    """A key file of the very same name lies beside it, and is never opened."""
    with hsm.open() as keys:
        public_key = keys.generate_key("AUS-1", "card").public_key
    generate_key_file(hsm.folder, key_id="AUS-1", use="card", passphrase=PASSPHRASE)
    source = KeySource(kind="pkcs11", path=hsm.write_settings())
    sources = KeySources({"AUS": source}, passphrase=no_passphrase)
    hsm.remove_token()
    for _ in range(3):
        with pytest.raises(SignerUnavailable):
            sources.signers("AUS")
    hsm.return_token()
    (signer,) = once_back(lambda: sources.signers("AUS"))
    assert isinstance(signer, HsmSigner)
    assert signer.public_key == public_key
    hsm.remove_token()
    for _ in range(3):
        with pytest.raises(SignerUnavailable):
            sign_and_check(sources.signers("AUS")[0], b"data")


@needs("SoftHSM")
@needs("C compiler")
def test_what_is_wrong_with_a_module_is_named(hsm: SoftHsm) -> None:
    """Settings, PIN file, PIN: each by its own name."""
    path = hsm.write_settings()
    sources = KeySources(
        {"AUS": KeySource(kind="pkcs11", path=path)}, passphrase=no_passphrase
    )
    text = path.read_text()
    path.write_text("token = 1")
    with pytest.raises(SettingsError, match=r"hsm\.toml: token: "):
        sources.signers("AUS")
    path.write_text(text)
    hsm.pin_file.chmod(0o644)
    with pytest.raises(KeyFileError, match="pin: mode 0644 lets others at it"):
        sources.signers("AUS")
    hsm.write_pin("000000")
    with pytest.raises(PinRefused):
        sources.signers("AUS")
    assert hsm.count("C_Login") == 1
