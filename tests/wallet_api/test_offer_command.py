"""Offers on the command line: ``abtc-issuer offer make``, and ``abtc-wallet offer``."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy.orm import Session

from issuer import cli
from issuer.accounts import MakeApiKey, make_api_key
from issuer.operations import all_operations
from issuer.store import Account, AccountKind, AccountRole, Role
from tests.codes import read_qr
from tests.databases import Prepared
from tests.issuer.back_office import office_at
from tests.issuer.office.card_builder import CardBuilder
from tests.simulator import NOW
from wallet_api import cli as wallet_cli


@pytest.fixture
def card(
    prepared_small: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> int:
    """A card of an installation, and a program that may offer it."""
    wallet = '[wallet]\nurl = "http://localhost:8322"\n'
    (tmp_path / "office.toml").write_text(wallet)
    back = office_at(prepared_small, hosted=["AUS"])

    def robot(session: Session) -> int:
        account = Account(economy="AUS", login="robot", display_name="Robot",
                          kind=AccountKind.PROGRAM, created_at=NOW)  # fmt: skip
        session.add(account)
        session.flush()
        session.add(AccountRole(account_id=account.id, role=Role.ISSUING, given_at=NOW))
        return account.id

    number = back.store.write(robot, now=NOW)
    # It is used at the machine's own time, which is before that of the tests.
    key = make_api_key(
        back.desk("AUS"), MakeApiKey(account=number, label="x", days=365)
    )

    if key.waits:
        second = back.desk("AUS", who="bob")
        all_operations()["account.confirm"].perform(second, {"account": number})
    made = CardBuilder(office=back).make("AUS")
    back.store.close()
    monkeypatch.setenv("ABTC_API_KEY", key.secret)
    monkeypatch.setenv("ABTC_HOME", str(tmp_path))
    return made


@pytest.mark.parametrize(
    "run",
    [
        lambda *more: cli.main(["offer", "make", *more]),
        lambda *more: wallet_cli.main(["offer", *more]),
    ],
    ids=["abtc-issuer", "abtc-wallet"],
)
def test_an_offer_is_shown_in_the_terminal_or_in_a_picture(
    card: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    run: Callable[..., int],
) -> None:
    given = ("--card", str(card), "--reason", "asked by mail")
    assert run(*given) == 0
    shown = capsys.readouterr().out
    assert "\N{FULL BLOCK}" in shown
    assert "Link: openid-credential-offer://?credential_offer_uri=http" in shown
    picture = tmp_path / "offer.png"
    assert run(*given, "--png", str(picture), "--json") == 0
    made = json.loads(capsys.readouterr().out)
    (found,) = read_qr(Image.open(picture))
    assert found == made["link"]
    assert made["one_time_code"] not in made["link"]


def test_other_offer_commands_are_there(
    card: int, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--card", str(card), "--reason", "x"]
    assert cli.main(["offer", "make", *given, "--json"]) == 0
    offer = json.loads(capsys.readouterr().out)["offer"]
    assert cli.main(["offer", "cancel", "--offer", str(offer), "--reason", "x"]) == 0
    assert "cancelled" in capsys.readouterr().out
    assert cli.main(["offer", "list", "--reason", "x"]) == 0
    assert cli.main(["offer", "make", "--card", "99", "--reason", "x"]) == 1
    assert "there is no card 99" in capsys.readouterr().err
