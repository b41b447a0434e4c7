"""What an installation is set to: economies, versions of the scheme, keys."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from issuer.configuration import scheme_changes
from issuer.demo.filling import fill
from issuer.errors import (
    Conflict,
    Forbidden,
    Invalid,
    KeyFileError,
    NotAllowed,
    NotFound,
    SettingsError,
    SigningError,
)
from issuer.installation import Installation
from issuer.keyholder import HEAD_START, open_keys
from issuer.keys import FileSigner, generate_key_file
from issuer.operations import all_operations
from issuer.scheme import Scheme
from issuer.store import Account, AccountRole, KeyState, Role, SigningKey, Store
from tests.issuer.back_office import PASSPHRASE, BackOffice, open_office
from tests.simulator import NOW

TEXT = Scheme.packaged_text()


def perform(office: BackOffice, name: str, *, who: str = "ann", **given: Any) -> Any:
    at = given.pop("now", NOW)
    desk = office.desk("AUS", who=who, now=at)
    return all_operations()[name].perform(desk, given)


# Economies


def test_hosting_one_more_economy(back_office: BackOffice) -> None:
    made = perform(
        back_office, "economy.host", code="CHL", administrator="pia",
        display_name="Pia", is_test=True,
    )  # fmt: skip
    listed = perform(back_office, "economy.list").economies
    assert [each.code for each in listed] == ["AUS", "CHL", "JPN", "NZL", "USA"]
    account = back_office.store.read(
        lambda s: s.scalars(select(Account).where(Account.login == "pia")).one()
    )
    assert PasswordHasher().verify(account.password_hash or "", made.password)
    roles = back_office.store.read(
        lambda s: s.scalars(
            select(AccountRole.role).where(AccountRole.account_id == account.id)
        ).all()
    )
    assert roles == [Role.ADMIN]


def test_an_economy_is_hosted_once_and_must_exist(back_office: BackOffice) -> None:
    given = {"administrator": "pia", "display_name": "Pia"}
    with pytest.raises(Conflict, match=r"economy\.hosted"):
        perform(back_office, "economy.host", code="NZL", **given)
    with pytest.raises(Invalid, match="no economy"):
        perform(back_office, "economy.host", code="XXX", **given)
    with pytest.raises(Forbidden, match="uq_account_login"):
        perform(
            back_office, "economy.host", code="CHL", administrator="ann-aus",
            display_name="Ann",
        )  # fmt: skip


def test_each_fact_is_shown_with_its_mark_and_source(back_office: BackOffice) -> None:
    shown = perform(back_office, "economy.show", code="NZL", at=NOW)
    assert shown.is_hosted
    (form,) = [each for each in shown.facts if each.key == "issues_forms"]
    assert form.says == {"value": "app"}
    assert form.mark in ("verified", "reported", "assumed")
    assert form.source
    before = perform(
        back_office, "economy.show", code="NZL", at=NOW - timedelta(days=20_000)
    )
    assert len(before.facts) < len(shown.facts)
    with pytest.raises(NotFound):
        perform(back_office, "economy.show", code="XXX")


# The scheme's versions


def test_i1_a_version_needs_a_second_person(back_office: BackOffice) -> None:
    text = TEXT.replace("value = 5", "value = 5")
    made = perform(back_office, "scheme.propose", text=text)
    with pytest.raises(Forbidden, match="ck_scheme_text_four_eyes"):
        perform(back_office, "scheme.approve", id=made.id)
    done = perform(back_office, "scheme.approve", who="bob", id=made.id)
    assert done.state == "approved"
    with pytest.raises(Conflict, match=r"scheme\.settled"):
        perform(back_office, "scheme.reject", id=made.id)


def test_an_approved_version_is_in_force_without_code(back_office: BackOffice) -> None:
    text = TEXT.replace("[economy.NZL]\n", "[economy.NZL]\nlist_capacity = 1024\n")
    before = perform(back_office, "economy.show", code="NZL").list_capacity
    made = perform(back_office, "scheme.propose", text=text)
    assert perform(back_office, "economy.show", code="NZL").list_capacity == before
    perform(back_office, "scheme.approve", who="bob", id=made.id)
    assert perform(back_office, "economy.show", code="NZL").list_capacity == 1024


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = ", "scheme.toml"),
        ("[economy.AUS]\nname = 'x'", "economy.AUS"),
        (TEXT.replace("[economy.AUS]\n", "[economy.AUS]\nx = 1\n"), "no known key"),
    ],
)
def test_a_wrong_file_is_refused_with_its_key(
    back_office: BackOffice, text: str, told: str
) -> None:
    with pytest.raises(Invalid, match=told):
        perform(back_office, "scheme.propose", text=text)
    assert perform(back_office, "scheme.list").versions == []


def test_a_hosted_economy_keeps_its_url(back_office: BackOffice) -> None:
    """Its keys have signed that they belong to it, and cards carry it."""
    text = TEXT.replace("abtc.example/NZL", "abtc.example/KIWI")
    assert text != TEXT
    with pytest.raises(Invalid, match="bound to"):
        perform(back_office, "scheme.propose", text=text)


def test_an_approval_is_of_what_was_compared(back_office: BackOffice) -> None:
    later = NOW + timedelta(minutes=5)
    first = perform(back_office, "scheme.propose", text=TEXT)
    second = perform(back_office, "scheme.propose", text=TEXT + "\n# another\n")
    perform(back_office, "scheme.approve", who="bob", id=first.id, now=later)
    with pytest.raises(Conflict, match=r"scheme\.stale"):
        perform(back_office, "scheme.approve", who="bob", id=second.id, now=later)
    rejected = perform(back_office, "scheme.reject", id=second.id, now=later)
    assert rejected.state == "rejected"


def test_a_difference_is_told_row_by_row(back_office: BackOffice) -> None:
    text = TEXT.replace("[economy.NZL]\n", "[economy.NZL]\nlist_capacity = 1024\n")
    made = perform(back_office, "scheme.propose", text=text)
    diff = perform(back_office, "scheme.diff", id=made.id)
    (change,) = diff.changes
    assert (change.path, change.change) == ("economy.NZL.list_capacity", "added")
    assert (change.before, change.after) == (None, "1024")
    assert (
        perform(back_office, "scheme.diff", id=made.id, against=made.id).changes == []
    )


def test_a_row_that_says_something_else_is_one_change() -> None:
    row = "[[a.b]]\nfrom = 2020-01-01T00:00:00Z\nvalue = {}\n"
    (change,) = scheme_changes(row.format(1), row.format(2))
    assert (change.path, change.change) == ("a.b", "changed")
    assert json.loads(change.before or "")["value"] == 1
    assert json.loads(change.after or "")["value"] == 2
    found = list(scheme_changes(row.format(1), row.format(1) + row.format(3)))
    assert [each.change for each in found] == ["added"]


def test_preview_shows_a_mode_before_it_begins(back_office: BackOffice) -> None:
    begins = NOW + timedelta(days=30)
    head, mark, nzl = TEXT.partition("[economy.NZL]\n")
    before, key, rows = nzl.partition("issues_forms = [\n")
    text = head + mark + before + key + forms(begins) + rows.partition("\n")[2]
    made = perform(back_office, "scheme.propose", text=text)
    assert economy_of(back_office, id=made.id, at=NOW).mode == ["physical"]
    assert economy_of(back_office, id=made.id, at=begins).mode == ["app", "physical"]
    now = economy_of(back_office)
    assert (now.mode, now.membership) == (["app"], "full")
    assert "AUS" not in now.destinations
    assert "JPN" in now.destinations


def forms(begins: datetime) -> str:
    rest = 'mark = "assumed", source = "a test"'
    day = begins.isoformat()
    return (
        f'{{ value = "physical", until = {day}, {rest} }},\n'
        f'{{ value = "dual", from = {day}, {rest} }},\n'
    )


def economy_of(back_office: BackOffice, **given: Any) -> Any:
    shown = perform(back_office, "scheme.preview", **given)
    (found,) = [each for each in shown.economies if each.code == "NZL"]
    return found


def test_only_administrators_change_what_is_set(back_office: BackOffice) -> None:
    desk = back_office.desk("AUS", roles={Role.PUBLISHING})
    for name in ("scheme.propose", "scheme.approve", "key.add", "economy.host"):
        with pytest.raises(NotAllowed):
            all_operations()[name].perform(desk, {})


# Keys


@pytest.fixture
def keys(store: Store, tmp_path: Path) -> BackOffice:
    """An office whose keys are in files, as an installation has them."""
    office = open_office(store, tmp_path, hosted=("AUS", "NZL"))
    folder = tmp_path / "real"
    folder.mkdir()
    for name in ("AUS-1", "AUS-2"):
        for use in ("card", "status"):
            generate_key_file(
                folder,
                key_id=f"{name}-{use}",
                use=use,
                passphrase=PASSPHRASE,
            )
    office.office.installation = Installation(
        folder=tmp_path, keys={"AUS": "file:real"}
    )
    office.office.signers = open_keys(
        office.office.installation, store, passphrase=lambda _: PASSPHRASE
    )
    return office


def publish(office: BackOffice, at: datetime) -> None:
    """As `lists.publish` does with what it has published."""

    def work(session: Any) -> None:
        for row in session.scalars(select(SigningKey)):
            if row.state == KeyState.MADE:
                row.state, row.published_at = KeyState.PUBLISHED, at

    office.store.write(work, now=at)


def retire_old(office: BackOffice) -> None:
    for use in ("card", "status"):
        perform(office, "key.retire", key_id=f"aus-{use}-1")


def test_i7_a_card_key_signs_a_day_after_its_publication(keys: BackOffice) -> None:
    perform(keys, "key.add", key_id="AUS-1-card")
    perform(keys, "key.add", key_id="AUS-1-status")
    retire_old(keys)
    signers = keys.office.signers
    with pytest.raises(SigningError, match="no card key"):
        signers.signer("AUS", "card", now=NOW)
    publish(keys, NOW)
    early = NOW + HEAD_START - timedelta(seconds=1)
    with pytest.raises(SigningError, match="no card key"):
        signers.signer("AUS", "card", now=early)
    signer, record = signers.signer("AUS", "card", now=NOW + HEAD_START)
    assert (signer.key_id, record.key_id) == ("AUS-1-card", "AUS-1-card")
    # A key for lists goes out together with what it signs.
    assert signers.signer("AUS", "status", now=NOW)[0].key_id == "AUS-1-status"


def test_the_newest_key_that_may_sign_signs(keys: BackOffice) -> None:
    later = NOW + timedelta(days=10)
    perform(keys, "key.add", key_id="AUS-1-card")
    perform(keys, "key.add", key_id="AUS-2-card", signs_from=later)
    publish(keys, NOW)
    signers = keys.office.signers
    before = NOW + timedelta(days=9)
    assert signers.signer("AUS", "card", now=before)[0].key_id == "AUS-1-card"
    assert signers.signer("AUS", "card", now=later)[0].key_id == "AUS-2-card"


def test_h5_no_older_key_takes_the_place_of_the_newest(
    keys: BackOffice, tmp_path: Path, store: Store
) -> None:
    for name in ("AUS-1-card", "AUS-2-card"):
        perform(keys, "key.add", key_id=name, signs_from=NOW)
    publish(keys, NOW)
    (tmp_path / "real/AUS-2-card.card.pem").unlink()
    signers = open_keys(
        keys.office.installation, store, passphrase=lambda _: PASSPHRASE
    )
    with pytest.raises(SigningError, match="AUS-2-card"):
        signers.signer("AUS", "card", now=NOW + HEAD_START)


def test_d9_a_key_of_another_economy_is_refused(
    keys: BackOffice, tmp_path: Path, store: Store
) -> None:
    perform(keys, "key.add", key_id="AUS-1-card")
    folder = tmp_path / "theirs"
    folder.mkdir()
    (tmp_path / "real/AUS-1-card.card.pem").rename(folder / "NZL-1-card.card.pem")
    keys.office.installation = Installation(
        folder=tmp_path, keys={"NZL": "file:theirs"}
    )
    keys.office.signers = open_keys(
        keys.office.installation, store, passphrase=lambda _: PASSPHRASE
    )
    desk = keys.desk("NZL")
    with pytest.raises(Forbidden, match="uq_signing_key_public_key"):
        all_operations()["key.add"].perform(desk, {"key_id": "NZL-1-card"})


def test_i7_a_key_stays_while_its_cards_live(store: Store, tmp_path: Path) -> None:
    office = open_office(store, tmp_path)
    list(fill(office.office, {"AUS": 10}, seed=1, now=NOW))
    with pytest.raises(Conflict, match=r"key\.in_use.*card"):
        perform(office, "key.retire", key_id="aus-card-1")
    done = perform(
        office, "key.retire", key_id="aus-card-1", now=NOW + timedelta(days=3000)
    )
    assert done.state == KeyState.RETIRED
    with pytest.raises(Conflict, match=r"key\.in_use.*lists"):
        perform(office, "key.retire", key_id="aus-status-1")
    with pytest.raises(NotFound):
        perform(office, "key.retire", key_id="nzl-card-1")


def test_ages_of_keys_are_listed(keys: BackOffice) -> None:
    perform(keys, "key.add", key_id="AUS-1-card")
    found = perform(keys, "key.list", now=NOW + timedelta(days=3)).keys
    ages = {each.key_id: (each.age_days, each.state) for each in found}
    assert ages["AUS-1-card"] == (3, "made")
    assert ages["aus-card-1"][0] == 368


def test_a_key_that_is_not_there_cannot_be_added(keys: BackOffice) -> None:
    with pytest.raises(NotFound):
        perform(keys, "key.add", key_id="AUS-3-card")
    with pytest.raises(Invalid, match="signs_until"):
        perform(
            keys, "key.add", key_id="AUS-1-card", signs_from=NOW,
            signs_until=NOW - timedelta(days=1),
        )  # fmt: skip


def test_r7_a_key_file_that_others_can_read_is_refused(
    keys: BackOffice, tmp_path: Path
) -> None:
    (tmp_path / "real/AUS-1-card.card.pem").chmod(0o644)
    with pytest.raises(KeyFileError, match="0600"):
        perform(keys, "key.add", key_id="AUS-1-card")


def test_r7_no_secret_is_in_what_is_shown_of_keys(keys: BackOffice) -> None:
    perform(keys, "key.add", key_id="AUS-1-card")
    path = keys.office.installation.path("real/AUS-1-card.card.pem")
    signer = FileSigner.load(path, passphrase=PASSPHRASE)
    for shown in (repr(keys.office), repr(keys.office.signers), repr(signer)):
        assert "PRIVATE" not in shown
        assert PASSPHRASE.decode() not in shown


def test_a_wrong_place_for_keys_names_its_setting(tmp_path: Path, store: Store) -> None:
    installation = Installation(folder=tmp_path, keys={"AUS": "ftp:x"})
    with pytest.raises(SettingsError, match=r"keys\.AUS"):
        open_keys(installation, store)
