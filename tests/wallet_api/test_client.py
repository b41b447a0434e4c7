"""The tester's wallet against the real server: on its command line, over HTTP."""

import json
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import verifier
from issuer import lifecycle
from issuer.errors import KeyFileError
from issuer.store import Card
from tests.codes import read_qr
from tests.simulator import NOW
from tests.wallet_api.scene import Clock, Scene, claims_of, serving
from wallet_api.cli import main
from wallet_api.config import VARIABLE
from wallet_api.holder_client import Holder, OfferError, read_offer
from wallet_api.holder_file import read_wallet, write_wallet
from wallet_api.holder_net import Network, Unreachable

pytestmark = pytest.mark.enable_socket
WORD = "correct horse"
CHALLENGE = "kZ2mV4pQ9xT1bN7cW5rY8A"


@pytest.fixture
def served(small: Scene, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setenv(VARIABLE, WORD)
    with serving(small) as scene:
        yield scene


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "wallet.json"


def take(scene: Scene, card: int, file: Path, *more: str) -> int:
    offer = scene.offer(card)
    return main(["accept", "--file", str(file), offer.link, "--yes",
                 "--code", offer.one_time_code, *more])  # fmt: skip


def kept(file: Path) -> dict[str, Any]:
    return read_wallet(file, passphrase=WORD.encode())


def test_an_offer_becomes_a_code_on_the_screen(
    served: Scene, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = served.cards.make("AUS")
    assert take(served, card, file) == 0
    assert "CITIZEN, JANE: Australia" in capsys.readouterr().out
    picture = tmp_path / "code.png"
    assert main(["show", "--file", str(file), "--png", str(picture)]) == 0
    (found,) = read_qr(Image.open(picture))
    assert found.startswith("ABTC1:")
    assert main(["show", "--file", str(file), "--once"]) == 0
    assert "\N{FULL BLOCK}" in capsys.readouterr().out


def test_k4_an_officers_code_is_answered_and_nothing_else(
    served: Scene, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For a border, whatever else is asked; without an officer's code, nothing."""
    assert take(served, served.cards.make("AUS"), file) == 0
    picture = tmp_path / "code.png"
    show = ["show", "--file", str(file), "--png", str(picture), "--challenge"]
    assert main([*show, verifier.challenge_text(CHALLENGE)]) == 0
    (found,) = read_qr(Image.open(picture))
    proof = claims_of(verifier.unpack(found).split("~")[1])
    assert (proof["nonce"], proof["aud"]) == (CHALLENGE, "urn:abtc:border")
    picture.unlink()
    for text in (CHALLENGE, "https://menu.example/", ""):
        capsys.readouterr()
        assert main([*show, text]) == 64
        assert "not an officer's code" in capsys.readouterr().err
    assert not picture.exists()


def test_an_officer_is_answered_for_ninety_seconds(
    served: Scene,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert take(served, served.cards.make("AUS"), file) == 0
    capsys.readouterr()
    clock, codes = Clock(), []

    def sleep(seconds: float) -> None:
        codes.append(capsys.readouterr().out)
        clock.passes(seconds=seconds)

    monkeypatch.setattr("wallet_api.cli._now", clock)
    monkeypatch.setattr("wallet_api.cli.time.sleep", sleep)
    text = verifier.challenge_text(CHALLENGE)
    assert main(["show", "--file", str(file), "--challenge", text]) == 0
    assert len(set(codes)) == 9
    assert clock.now - NOW == timedelta(seconds=90)
    assert "not answered any longer" in capsys.readouterr().out


def test_the_file_is_its_owners_and_encrypted(served: Scene, file: Path) -> None:
    assert take(served, served.cards.make("AUS"), file) == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text()
    assert "PRIVATE KEY" not in text
    assert kept(file)["card"] not in text
    with pytest.raises(KeyFileError, match="passphrase"):
        read_wallet(file, passphrase=b"wrong")
    file.chmod(0o644)
    assert main(["status", "--file", str(file)]) == 1


def test_a_card_moves_to_another_file(
    served: Scene, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert take(served, served.cards.make("AUS"), file) == 0
    capsys.readouterr()
    assert main(["move", "--file", str(file)]) == 0
    shown = capsys.readouterr().out.splitlines()
    link = next(line for line in shown if line.startswith("openid-credential-offer:"))
    code = shown[-1].split()[2].rstrip(",")
    second = tmp_path / "second.json"
    command = ["accept", "--file", str(second), link, "--code", code, "--yes"]
    assert main(command) == 0
    capsys.readouterr()
    assert main(["status", "--file", str(file), "--json"]) == 0
    old = json.loads(capsys.readouterr().out)
    assert old["credential"]["state"] == "superseded"
    assert main(["refresh", "--file", str(file)]) == 1
    assert "credential_request_denied" in capsys.readouterr().err


def test_a_clearance_comes_with_a_refresh(
    served: Scene, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = served.cards.make("AUS", approved=(), pending=("JPN",))
    assert take(served, card, file) == 0
    assert main(["status", "--file", str(file)]) == 0
    said = capsys.readouterr().out
    assert "JPN waiting" in said
    assert "\nNZL waiting " in said
    assert " stay 3 months\n" in said
    served.cards.answer(card, "JPN", lifecycle.Preclearance.APPROVED)
    served.clock.passes(minutes=10)  # the access token is over, too
    assert main(["refresh", "--file", str(file)]) == 0
    assert claims_of(kept(file)["card"])["economies"] == ["JPN"]


def test_a_card_that_comes_later_is_fetched_later(
    served: Scene, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = served.cards.make("AUS")
    set_state(served, card, lifecycle.Card.PENDING_HOME)
    assert take(served, card, file) == 0
    assert "later" in capsys.readouterr().out
    set_state(served, card, lifecycle.Card.ACTIVE)
    assert main(["refresh", "--file", str(file)]) == 0
    assert kept(file)["card"]
    assert main(["status", "--file", str(file)]) == 0
    assert "newer" not in capsys.readouterr().out


def set_state(scene: Scene, card: int, state: lifecycle.Card) -> None:
    def work(session: Any) -> None:
        session.get_one(Card, card).state = state

    scene.store.write(work, now=scene.clock())


def test_an_interrupted_acceptance_goes_on(
    served: Scene, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server gave tokens, and the answer never arrived."""
    card = served.cards.make("AUS")
    offer = served.offer(card)
    command = ["accept", "--file", str(file), offer.link, "--yes",
               "--code", offer.one_time_code]  # fmt: skip
    asked = Network.ask_bound

    def lost(self: Network, *given: Any, **more: Any) -> Any:
        asked(self, *given, **more)
        raise Unreachable("the line broke")

    with monkeypatch.context() as broken:
        broken.setattr(Network, "ask_bound", lost)
        assert main(command) == 1
    assert kept(file)["access"] == ""
    assert main(command) == 0
    assert kept(file)["card"]
    assert len(served.cards.issues(card)) == 1


def test_a_wrong_code_is_told_in_one_line(
    served: Scene, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    offer = served.offer(served.cards.make("AUS"))
    wrong = f"{(int(offer.one_time_code) + 1) % 10**6:06}"
    command = ["accept", "--file", str(file), offer.link, "--yes", "--code"]
    assert main([*command, wrong]) == 1
    assert capsys.readouterr().err == (
        "abtc-wallet: the issuer refused: invalid_grant (400)\n"
    )
    assert main([*command, offer.one_time_code]) == 0


@pytest.mark.parametrize(
    "link", ["", "x", "https://a.example/", "openid-credential-offer://?a=b",
             "openid-credential-offer://?credential_offer={",
             "openid-credential-offer://?credential_offer={}"]
)  # fmt: skip
def test_what_is_no_offer_is_told(link: str) -> None:
    with pytest.raises(OfferError):
        read_offer(link, Network(clock=lambda: pytest.fail("asked")))


@pytest.mark.parametrize(
    "address", ["http://evil.example/AUS/offer/x", "file:///etc/passwd",
                "https://user@evil.example/x", "ftp://127.0.0.1/x"]
)  # fmt: skip
def test_only_safe_addresses_are_asked(address: str) -> None:
    link = f"openid-credential-offer://?credential_offer_uri={address}"
    with pytest.raises(OfferError):
        read_offer(link, Network(clock=lambda: pytest.fail("asked")))


def test_a_wallet_survives_its_file(tmp_path: Path) -> None:
    holder = Holder(issuer="https://a.example/AUS", configuration="x", endpoints={})
    path = tmp_path / "wallet.json"
    write_wallet(path, holder.to_json(), passphrase=b"p")
    again = Holder.from_json(read_wallet(path, passphrase=b"p"))
    assert again.to_json() == holder.to_json()


def test_nobody_there_is_told_in_one_line(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, WORD)
    link = ("openid-credential-offer://?credential_offer_uri="
            "http%3A%2F%2F127.0.0.1%3A9%2FAUS%2Foffer%2Fx")  # fmt: skip
    assert main(["accept", "--file", str(file), link]) == 1
    assert capsys.readouterr().err == "abtc-wallet: the issuer does not answer\n"
