"""Libraries of other people read our desk's request, and it takes their answer.

`present.mjs` is their user.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from examples.desk.book import Asked
from issuer.jws import b64u
from tests.components import needs, path_of
from tests.examples.desk_scene import DeskScene, serving_desk
from tests.simulator import fixed_key, jwk

pytestmark = [needs("Node"), pytest.mark.enable_socket]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """One run of the other people's wallet, with the simulator's card."""

    folder: Path
    scene: DeskScene

    def run(
        self,
        asked: Asked,
        root: x509.Certificate | None = None,
        shows: Mapping[str, str] | None = None,
    ) -> "subprocess.CompletedProcess[str]":
        key = fixed_key("holder")
        secret = b64u(key.private_numbers().private_value.to_bytes(32, "big"))
        given = {
            "now": int(self.scene.clock().timestamp()),
            "link": self.scene.desk.link(asked),
            "root": (root or self.scene.root).public_bytes(Encoding.PEM).decode(),
            "credential": self.scene.world.card(),
            "holderKey": {**jwk(key), "d": secret},
            "shows": dict(shows or {}),
        }
        return subprocess.run(  # noqa: S603
            [path_of("Node"), "present.mjs"],
            cwd=self.folder,
            input=json.dumps(given),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def show(self, asked: Asked, **shows: str) -> dict[str, Any]:
        done = self.run(asked, shows=shows)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture
def wallet(libraries: Path) -> Iterator[Wallet]:
    with serving_desk() as scene:
        yield Wallet(folder=libraries, scene=scene)


@pytest.mark.parametrize("mode", ["direct_post", "direct_post.jwt"])
def test_a_standard_wallet_shows_a_card_to_our_desk(wallet: Wallet, mode: str) -> None:
    """In clear within https, and encrypted where the desk takes nothing else."""
    wallet.scene.desk.is_sealed = mode == "direct_post.jwt"
    asked = wallet.scene.ask()
    found = wallet.show(asked)
    assert found == {
        "type": "jar",
        "version": 100,  # as the library counts 1.0
        "prefix": "x509_hash",
        "clientId": wallet.scene.desk.identity.client_id,
        "signed": "x5c",
        "mode": mode,
        "satisfied": True,
        "status": 200,
        "answer": {},
    }
    page = wallet.scene.page(asked)
    assert "ABTC gives an entry basis for Singapore for this passport." in page


def test_k4_a_standard_wallets_proof_for_another_request_proves_nothing(
    wallet: Wallet,
) -> None:
    asked = wallet.scene.ask()
    assert wallet.show(asked, nonce="x" * 43)["status"] == 200
    assert asked.outcome is not None
    assert asked.outcome.reason == "proof.nonce"


def test_w10_a_standard_wallet_finds_out_who_asks(wallet: Wallet) -> None:
    """With another root than the desk's, it answers nothing."""
    with serving_desk() as other:
        asked = wallet.scene.ask()
        done = wallet.run(asked, root=other.root)
        assert done.returncode == 1
        assert "Oauth2JwtVerificationError" in done.stderr
        assert asked.outcome is None
