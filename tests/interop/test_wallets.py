"""Libraries of other people take cards from our server, and verify what they got.

`wallet.mjs` is their user.
"""

import base64
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from issuer import lifecycle
from issuer.jws import public_jwk
from issuer.lists import StatusStates, status_token
from issuer.store import Card
from tests.components import needs, path_of
from tests.wallet_api.scene import Scene, claims_of, serving

pytestmark = [needs("Node"), pytest.mark.enable_socket]
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """One run of the other people's wallet."""

    folder: Path
    scene: Scene

    def take(self, offer: Any, *, approve: int | None = None) -> dict[str, Any]:
        """Let it take an offer; a card is approved once the wallet was told to wait."""
        signers = self.scene.office.office.signers
        now = self.scene.clock()
        card_key, _ = signers.signer("AUS", "card", now=now)
        status_key, _ = signers.signer("AUS", "status", now=now)
        states = StatusStates.of({}, capacity=2**17)
        token = status_token(
            states, uri="https://abtc.example/AUS/status/1", iat=now,
            exp=now + timedelta(days=1), ttl=None, signer=status_key,
        )  # fmt: skip
        given = {
            "now": int(now.timestamp()),
            "offer": offer.link,
            "txCode": offer.one_time_code,
            "issuerKey": public_jwk(card_key.public_key),
            "statusKey": public_jwk(status_key.public_key),
            "statusList": token.decode(),
        }
        with subprocess.Popen(  # noqa: S603
            [path_of("Node"), "wallet.mjs"],
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as run:
            assert run.stdin is not None
            assert run.stdout is not None
            assert run.stderr is not None
            run.stdin.write(json.dumps(given))
            run.stdin.close()
            last = ""
            for line in run.stdout:
                last = line
                if line == "deferred\n" and approve is not None:
                    set_state(self.scene, approve, lifecycle.Card.ACTIVE)
            assert run.wait(timeout=60) == 0, run.stderr.read()
        found: dict[str, Any] = json.loads(last)
        return found


def set_state(scene: Scene, card: int, state: lifecycle.Card) -> None:
    def work(session: Any) -> None:
        session.get_one(Card, card).state = state

    scene.store.write(work, now=scene.clock())


@pytest.fixture
def wallet(libraries: Path, small: Scene) -> Iterator[Wallet]:
    """A wallet, and our server on this machine's own network."""
    with serving(small) as scene:
        yield Wallet(folder=libraries, scene=scene)


def test_a_standard_wallet_takes_a_card_with_a_code_and_a_bound_token(
    wallet: Wallet,
) -> None:
    card = wallet.scene.cards.make("AUS", approved=("KOR",))
    found = wallet.take(wallet.scene.offer(card))
    assert found["tokenType"] == "DPoP"
    assert (found["draft"], found["deferrals"], found["told"]) == ("V1", 0, True)
    claims = claims_of(found["credential"])
    assert found["claims"] == claims
    assert claims["economies"] == ["KOR"]
    assert found["binding"]["aud"] == "https://airline.example"


def test_a_standard_wallet_learns_a_nonce_for_its_proofs(
    libraries: Path, small: Scene
) -> None:
    with serving(Scene.of(small.office, dpop_nonce=True)) as scene:
        wallet = Wallet(folder=libraries, scene=scene)
        found = wallet.take(scene.offer(scene.cards.make("AUS")))
    assert found["tokenType"] == "DPoP"


def test_a_standard_wallet_waits_for_a_card_that_comes_later(wallet: Wallet) -> None:
    card = wallet.scene.cards.make("AUS")
    set_state(wallet.scene, card, lifecycle.Card.PENDING_HOME)
    found = wallet.take(wallet.scene.offer(card), approve=card)
    assert found["deferrals"] >= 1
    assert found["claims"]["document_number"]


def test_the_lock_names_no_place(libraries: Path) -> None:
    """Where libraries come from is up to whoever installs them."""
    assert libraries.exists()
    lock = json.loads((HERE / "package-lock.json").read_text())
    packages = [each for path, each in lock["packages"].items() if path]
    assert packages
    assert not [each for each in packages if "resolved" in each]
    for each in packages:
        assert base64.b64decode(each["integrity"].removeprefix("sha512-"))
