"""Whose keys a back office knows: what it publishes itself, or what it has synced."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

import verifier
from issuer import cli
from issuer.errors import NoTrust
from issuer.installation import Installation
from issuer.services.identity import ServiceIdentity
from issuer.services.trust import trust_of
from tests.databases import Prepared
from tests.issuer.office.publishing import HOSTED, Publishing
from tests.simulator import NOW


@pytest.fixture
def publishing(prepared_small: Prepared) -> Publishing:
    return Publishing.at(prepared_small)


def said(publishing: Publishing, economy: str = "SGP") -> str:
    office = publishing.back_office.office
    mine = ServiceIdentity.of(office, economy, NOW)
    return mine.sign("abtc-client+jwt", "urn:abtc:test", {}, NOW)


def read(text: str, trust: verifier.Trust) -> str:
    return verifier.read_service_message(
        text, typ="abtc-client+jwt", audience="urn:abtc:test", trust=trust, now=NOW
    ).economy


def test_publishing_renews_and_is_what_others_are_known_by(
    publishing: Publishing,
) -> None:
    """Whoever publishes needs no further step: keys are there, and are believed."""
    office = publishing.back_office.office
    trust = trust_of(office.installation)
    assert [read(said(publishing, code), trust) for code in HOSTED] == [*HOSTED]
    assert trust_of(office.installation) is trust
    answer = publishing.perform("lists.publish", "SGP", at=NOW + timedelta(days=1))
    assert answer.service_keys_until == NOW + timedelta(days=9)
    assert trust_of(office.installation).version > trust.version


def test_publishing_goes_on_without_service_keys(publishing: Publishing) -> None:
    """Borders do not wait because a system cannot speak to another."""
    (publishing.folder / "web.key").chmod(0o644)
    answer = publishing.perform("lists.publish", "SGP", at=NOW + timedelta(days=1))
    assert answer.service_keys_until is None


def test_synced_as_on_a_device(publishing: Publishing, tmp_path: Path) -> None:
    """Where the scheme is published elsewhere, a folder is kept as devices keep it."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere = Installation.model_validate(
        {"folder": folder, "services": {"trust": "trust"}}
    )
    with pytest.raises(NoTrust):
        trust_of(elsewhere)
    root = (publishing.public / "metadata/1.root.json").read_bytes()
    store = verifier.TrustStore(folder / "trust")
    (folder / "trust").mkdir()
    store.sync(publishing.public, root=root, now=NOW)
    assert read(said(publishing), trust_of(elsewhere)) == "SGP"


def test_d9_nothing_published_knows_nobody(
    publishing: Publishing, tmp_path: Path
) -> None:
    """Nor does what somebody has written into the public folder."""
    with pytest.raises(NoTrust):
        trust_of(Installation(folder=tmp_path / "empty"))
    stamp = publishing.public / "metadata/timestamp.json"
    stamp.write_bytes(stamp.read_bytes().replace(b"a", b"b", 1))
    with pytest.raises(NoTrust):
        trust_of(publishing.back_office.office.installation)


def test_renewed_by_command(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line for each economy; one that is not hosted is refused."""
    monkeypatch.setenv("ABTC_KEY_PASSPHRASE", "correct horse")
    home = str(tmp_path / "home")
    assert cli.main(["init", "--economy", "SGP", "--keys", "--home", home]) == cli.OK
    capsys.readouterr()
    renew = ["services", "renew-key", "--home", home]
    assert cli.main(renew) == cli.OK
    assert capsys.readouterr().out.startswith("SGP: sgp-service-")
    assert cli.main([*renew, "--json"]) == cli.OK
    (row,) = json.loads(capsys.readouterr().out)["keys"]
    assert row["economy"] == "SGP"
    assert cli.main([*renew, "--economy", "MEX"]) == cli.FAILED
    assert "MEX is not hosted here" in capsys.readouterr().err
