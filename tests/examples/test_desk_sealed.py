"""A desk that takes encrypted answers alone: real requests, real cards, real HTTP."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey

from examples.desk.book import Asked
from tests.examples.desk_scene import DeskScene, serving_desk
from tests.simulator import compact_json
from wallet_api.proof import read_parts
from wallet_api.sealed import recipient_in, seal

pytestmark = pytest.mark.enable_socket
YES = "ABTC gives an entry basis for Singapore for this passport."


@pytest.fixture
def scene() -> Iterator[DeskScene]:
    with serving_desk() as scene:
        scene.desk.is_sealed = True
        yield scene


def claims_of(scene: DeskScene, asked: Asked) -> dict[str, Any]:
    text = scene.desk.request(asked.request_id, None, scene.clock())
    assert text is not None
    return read_parts(text)[1]


def sealed(scene: DeskScene, asked: Asked, **changes: Any) -> bytes:
    """A form as a phone posts it; a member given as None is left out."""
    known = {"state": asked.state, "vp_token": {"abtc": [scene.show(asked)]}}
    members = {name: each for name, each in {**known, **changes}.items() if each}
    recipient = recipient_in(claims_of(scene, asked)["client_metadata"])
    return urlencode({"response": seal(members, recipient)}).encode()


def is_open(scene: DeskScene, asked: Asked) -> bool:
    return scene.desk.book.waiting(asked.request_id, scene.clock()) is asked


def test_an_answer_that_only_the_desk_can_read(scene: DeskScene) -> None:
    """Its key is in the signed request, and another one in the next."""
    asked = scene.ask()
    claims = claims_of(scene, asked)
    assert claims["response_mode"] == "direct_post.jwt"
    (key,) = claims["client_metadata"]["jwks"]["keys"]
    assert (key["alg"], key["use"], key["crv"]) == ("ECDH-ES", "enc", "P-256")
    assert "d" not in key
    posted = sealed(scene, asked)
    assert b"eyJhbGciOiJFUzI1NiI" not in posted  # no header of a card or a proof
    assert scene.send(posted).status == 200
    assert YES in scene.page(asked)
    assert scene.send(posted).status == 400
    (other,) = claims_of(scene, scene.ask())["client_metadata"]["jwks"]["keys"]
    assert other["x"] != key["x"]


def test_nothing_that_came_in_clear_counts(scene: DeskScene) -> None:
    """Or whoever stands in front of the desk could have it so; no question is lost."""
    asked = scene.ask()
    assert scene.post(asked, scene.show(asked)).status == 400
    assert is_open(scene, asked)
    assert scene.send(sealed(scene, asked)).status == 200


def test_a_phone_may_say_no_either_way(scene: DeskScene) -> None:
    """One that cannot encrypt does not send a card, and can say that."""
    for body in (
        lambda asked: sealed(scene, asked, vp_token=None, error="access_denied"),
        lambda asked: urlencode({"state": asked.state, "error": "access_denied"}),
    ):
        asked = scene.ask()
        posted = body(asked)
        data = posted if isinstance(posted, bytes) else posted.encode()
        assert scene.send(data).status == 200
        assert asked.outcome is not None
        assert asked.outcome.reason == "wallet.access_denied"


def test_k2_an_answer_is_for_the_question_of_its_key(scene: DeskScene) -> None:
    """Its inside cannot be another question's."""
    asked, other = scene.ask(), scene.ask()
    assert scene.send(sealed(scene, asked, state=other.state)).status == 400
    assert is_open(scene, asked)
    assert is_open(scene, other)


@pytest.mark.parametrize(
    "header",
    [
        {"zip": "DEF"},
        {"enc": "A128CBC-HS256"},
        {"alg": "ECDH-ES+A128KW"},
        {"kid": "another"},
        {"kid": None},
    ],
)
def test_j3_what_is_encrypted_otherwise_is_refused(
    scene: DeskScene, header: dict[str, Any]
) -> None:
    """Compressed, too: a few bytes would become many; and uses nothing up."""
    asked = scene.ask()
    (key,) = claims_of(scene, asked)["client_metadata"]["jwks"]["keys"]
    known = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": key["kid"], **header}
    members = {"state": asked.state, "vp_token": {"abtc": [scene.show(asked)]}}
    text = jwe.encrypt_compact(
        {name: each for name, each in known.items() if each},
        compact_json(members),
        ECKey.import_key(key),
        algorithms=[known["alg"], known["enc"], "DEF"],
    )
    assert scene.send({"response": text}).status == 400
    assert is_open(scene, asked)


@pytest.mark.parametrize(
    "inside",
    [b"", b"[]", b"7", b"{}", b"[" * 20_000, b'{"state":7}', b"\xff",
     b'{"state":"x","vp_token":{},"error":"access_denied"}'],
)  # fmt: skip
def test_w12_what_is_malformed_inside_is_refused(
    scene: DeskScene, inside: bytes
) -> None:
    asked = scene.ask()
    (key,) = claims_of(scene, asked)["client_metadata"]["jwks"]["keys"]
    header = {"alg": "ECDH-ES", "enc": "A128GCM", "kid": key["kid"]}
    text = jwe.encrypt_compact(header, inside, ECKey.import_key(key))
    assert scene.send({"response": text}).status == 400


@pytest.mark.parametrize("text", ["", "a", "....", "a.b.c.d.e", "W10....", "é...."])
def test_w12_what_is_no_jwe_is_refused(scene: DeskScene, text: str) -> None:
    assert scene.send(urlencode({"response": text}).encode()).status == 400


def test_a_desk_that_asks_in_clear_has_no_key(scene: DeskScene) -> None:
    scene.desk.is_sealed = False
    claims = claims_of(scene, scene.ask())
    assert claims["response_mode"] == "direct_post"
    assert "jwks" not in json.dumps(claims)
