"""Service keys: made, delegated to, renewed, and worth nothing once they have ended."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

import verifier
from issuer.errors import Invalid, KeyFileError, ServiceKeyMissing, SigningError
from issuer.keys import KeyRecord, KeyUse, Signer
from issuer.services.identity import ServiceIdentity, file_of, renew, renew_if_due
from tests.databases import Prepared
from tests.issuer.back_office import BackOffice, office_at
from tests.issuer.services.neighbours import trust_in
from tests.simulator import NOW

TYPE = "abtc-client+jwt"
JPN = "https://abtc.example/JPN"
DAY = timedelta(days=1)


@pytest.fixture
def back_office(prepared_small: Prepared) -> BackOffice:
    return office_at(prepared_small)


def test_what_is_signed_here_is_believed_there(back_office: BackOffice) -> None:
    """The other reading of the protocol takes it, with trust data alone."""
    mine = renew(back_office.office, "AUS", NOW)
    text = mine.sign(TYPE, JPN, {"about": "cards"}, NOW)
    read = verifier.read_service_message(
        text, typ=TYPE, audience=JPN, trust=trust_in(back_office), now=NOW
    )
    assert (read.economy, read.claims["about"]) == ("AUS", "cards")
    assert read.keys.expires_at == mine.expires_at == NOW + 8 * DAY
    other = mine.sign(TYPE, JPN, {}, NOW)
    assert other != text
    kept = mine.sign(TYPE, JPN, {"jti": "mine"}, NOW)
    assert (
        verifier.read_service_message(
            kept, typ=TYPE, audience=JPN, trust=trust_in(back_office), now=NOW
        ).message_id
        == "mine"
    )


@pytest.mark.parametrize("name", ["iss", "aud", "iat", "exp"])
def test_n2_nobody_signs_as_somebody_else(back_office: BackOffice, name: str) -> None:
    """Who it is from, for whom and until when is not the caller's to say."""
    mine = renew(back_office.office, "AUS", NOW)
    with pytest.raises(ValueError, match="not the caller's"):
        mine.sign(TYPE, JPN, {name: "x"}, NOW)


def test_sealed_there_is_opened_here_alone(back_office: BackOffice) -> None:
    """For its reader and purpose; another economy's system opens nothing."""
    office, trust = back_office.office, trust_in(back_office)
    mine, theirs = renew(office, "AUS", NOW), renew(office, "JPN", NOW)
    keys = verifier.read_service_keys(theirs.delegation, trust=trust, now=NOW)
    sealed = keys.seal(b"a question", about="passports")
    assert theirs.open(sealed, about="passports") == b"a question"
    key_id, _, rest = sealed.rpartition(".")
    for who, text, about in (
        (theirs, sealed, "cards"),
        (mine, sealed, "passports"),
        (theirs, f"{key_id}.{'A' if rest[0] != 'A' else 'B'}{rest[1:]}", "passports"),
        (theirs, f"{key_id}.", "passports"),
        (theirs, "", "passports"),
    ):
        with pytest.raises(Invalid):
            who.open(text, about=about)


def test_what_was_sealed_before_a_renewal_is_opened_after_it(
    back_office: BackOffice,
) -> None:
    """Keys change daily; what is on its way then is not lost, and ends with its key."""
    office, trust = back_office.office, trust_in(back_office)
    first = renew(office, "JPN", NOW)
    keys = verifier.read_service_keys(first.delegation, trust=trust, now=NOW)
    sealed = keys.seal(b"on its way", about="x")
    second = renew(office, "JPN", NOW + DAY)
    assert second.key_id != first.key_id
    assert second.open(sealed, about="x") == b"on its way"
    later = renew(office, "JPN", NOW + 8 * DAY)
    with pytest.raises(Invalid):
        later.open(sealed, about="x")


def test_renewed_often_the_file_stays_readable(back_office: BackOffice) -> None:
    """It keeps a dozen earlier keys, however often somebody renews."""
    for _ in range(20):
        renew(back_office.office, "JPN", NOW)
    assert ServiceIdentity.of(back_office.office, "JPN", NOW).economy == "JPN"


def test_none_or_ended_signs_nothing(back_office: BackOffice) -> None:
    """Nothing is signed with a delegation that no reader takes."""
    office = back_office.office
    with pytest.raises(ServiceKeyMissing, match="renew-key"):
        ServiceIdentity.of(office, "AUS", NOW)
    renew(office, "AUS", NOW)
    last = NOW + 8 * DAY - timedelta(seconds=1)
    assert ServiceIdentity.of(office, "AUS", last).economy == "AUS"
    with pytest.raises(ServiceKeyMissing, match="ended"):
        ServiceIdentity.of(office, "AUS", NOW + 8 * DAY)


def test_renewed_where_due(back_office: BackOffice) -> None:
    """Hourly publishing makes no hourly keys; daily publishing makes daily ones."""
    office = back_office.office
    first = renew_if_due(office, "AUS", NOW)
    assert renew_if_due(office, "AUS", NOW + timedelta(hours=19)) == first
    second = renew_if_due(office, "AUS", NOW + timedelta(hours=20))
    assert second.key_id != first.key_id
    file_of(office.installation, "AUS").write_text("{}")
    assert renew_if_due(office, "AUS", NOW).key_id != second.key_id


def test_n1_the_delegation_ends_with_its_status_key(back_office: BackOffice) -> None:
    """A status key cannot speak for a time when it does not sign any more."""
    office = back_office.office
    known = office.signers

    class Ending:
        def signer(
            self, economy: str, use: KeyUse, *, now: datetime
        ) -> tuple[Signer, KeyRecord]:
            signer, record = known.signer(economy, use, now=NOW)
            return signer, replace(record, signs_until=NOW + DAY)

    office.signers = Ending()
    assert renew(office, "AUS", NOW).expires_at == NOW + DAY


def test_n1_a_signer_that_answers_rubbish_delegates_nothing(
    back_office: BackOffice,
) -> None:
    """The keys before stay in use."""
    office = back_office.office
    first = renew(office, "AUS", NOW)
    known = office.signers

    class Lying:
        def signer(
            self, economy: str, use: KeyUse, *, now: datetime
        ) -> tuple[Signer, KeyRecord]:
            theirs, _ = known.signer("NZL", use, now=NOW)
            ours, record = known.signer(economy, use, now=NOW)

            class Mixed:
                key_id = ours.key_id
                use = ours.use
                public_key = ours.public_key
                sign = staticmethod(theirs.sign)

            return Mixed(), record

    office.signers = Lying()
    with pytest.raises(SigningError):
        renew(office, "AUS", NOW + DAY)
    assert ServiceIdentity.of(office, "AUS", NOW).key_id == first.key_id


def test_i10_the_file_is_its_owners_and_sealed(back_office: BackOffice) -> None:
    """Others cannot read it, and without the installation's key it is worth nothing."""
    office = back_office.office
    renew(office, "AUS", NOW)
    path = file_of(office.installation, "AUS")
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text()
    assert "PRIVATE" not in text
    body = json.loads(text)
    assert {"kid", "use", "until", "sealed"} == set(body["keys"][0])
    path.chmod(0o640)
    # Only a file that has changed is read anew.
    path.write_text(text + " ")
    with pytest.raises(KeyFileError, match="0640"):
        ServiceIdentity.of(office, "AUS", NOW)


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.update(format="other"),
        lambda body: body.update(keys=None),
        lambda body: body.update(economy="NZL"),
        lambda body: body.update(delegation="x"),
        lambda body: body["keys"][0].update(sealed=body["keys"][1]["sealed"]),
        lambda body: body["keys"].pop(0),
    ],
)
def test_i10_a_damaged_file_is_named(back_office: BackOffice, change: object) -> None:
    """Keys of another economy or file cannot be put in its place."""
    office = back_office.office
    renew(office, "AUS", NOW)
    path = file_of(office.installation, "AUS")
    body = json.loads(path.read_text())
    assert callable(change)
    change(body)
    path.write_text(json.dumps(body))
    with pytest.raises(KeyFileError, match=r"service\.json"):
        ServiceIdentity.of(office, "AUS", NOW)
