"""What a destination signs can be taken for nothing else, and nothing else for it."""

import json
from base64 import urlsafe_b64decode
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import verifier
from issuer.errors import SigningError, StatementError
from issuer.jws import b64u, canonical, new_private_key, sign_es256, signing_input
from issuer.keys import KeyRecord, KeyUse
from issuer.lists import StatusStates, status_token
from issuer.statements import (
    MAX_DECISIONS,
    TYPE,
    Decision,
    sign_statement,
    verify_statement,
)
from tests.simulator import NOW, FixedSigner, World, fixed_key
from tests.simulator import jws as simulated_jws

ISS = "https://abtc.example/JPN"
KEY = new_private_key()
HEADER = {"alg": "ES256", "kid": "jpn-status-1", "typ": TYPE}


class Signer:
    key_id = "jpn-status-1"
    use: KeyUse = "status"
    public_key = KEY.public_key()

    def sign(self, data: bytes) -> bytes:
        return sign_es256(KEY, data)


class CardSigner(Signer):
    use: KeyUse = "card"


RECORD = KeyRecord.of(
    Signer(), issuer_url=ISS, signs_from=NOW, signs_until=NOW + timedelta(days=9)
)


def decision(**changes: object) -> Decision:
    fields = {"issuer": "AUS", "card": "card-7", "seq": 2, "event": "approve",
              "after": "approved"}  # fmt: skip
    return Decision.model_validate({**fields, **changes})


def sign(*decisions: Decision, **more: object) -> str:
    given = {"iss": ISS, "iat": NOW, "signer": Signer(), "record": RECORD, **more}
    return sign_statement(decisions or (decision(),), **given)  # type: ignore[arg-type]  # changed by name


def read(text: str, iss: str = ISS) -> frozenset[Decision]:
    return verify_statement(
        text, iss=iss, key_id="jpn-status-1", key=KEY.public_key()
    ).decisions


def jws(header: object, payload: object) -> str:
    text = signing_input(
        header if isinstance(header, bytes) else canonical(header),
        payload if isinstance(payload, bytes) else canonical(payload),
    )
    return f"{text}.{b64u(sign_es256(KEY, text.encode()))}"


PAYLOAD = {"iss": ISS, "iat": 1_894_708_800, "events": [decision().model_dump()]}


def test_it_says_what_was_decided() -> None:
    many = [decision(card=f"card-{n}") for n in range(MAX_DECISIONS)]
    assert read(sign(*many)) == frozenset(many)
    assert sign(decision()).split(".")[:2] == jws(HEADER, PAYLOAD).split(".")[:2]


@pytest.mark.parametrize("count", [0, MAX_DECISIONS + 1])
def test_it_has_one_to_a_thousand(count: int) -> None:
    many = [decision(card=f"card-{n}") for n in range(count)]
    with pytest.raises(ValueError, match="1 to 1,000"):
        sign_statement(many, iss=ISS, iat=NOW, signer=Signer(), record=RECORD)


def test_nothing_is_said_twice() -> None:
    with pytest.raises(ValueError, match="each once"):
        sign(decision(), decision())


@pytest.mark.parametrize(
    "more",
    [
        {"signer": CardSigner()},
        {"iat": NOW - timedelta(seconds=1)},
        {"iat": NOW + timedelta(days=9)},
    ],
)
def test_another_key_or_moment_signs_nothing(more: dict[str, object]) -> None:
    with pytest.raises(SigningError):
        sign(**more)


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        ({**HEADER, "typ": "statuslist+jwt"}, PAYLOAD),
        ({**HEADER, "typ": "JWT"}, PAYLOAD),
        ({**HEADER, "alg": "none"}, PAYLOAD),
        ({**HEADER, "kid": "jpn-status-2"}, PAYLOAD),
        ({**HEADER, "crit": []}, PAYLOAD),
        (HEADER, {**PAYLOAD, "iss": "https://abtc.example/NZL"}),
        (HEADER, {**PAYLOAD, "exp": 1}),
        (HEADER, {**PAYLOAD, "iat": "now"}),
        (HEADER, {**PAYLOAD, "iat": True}),
        (HEADER, {**PAYLOAD, "events": []}),
        (HEADER, {**PAYLOAD, "events": [decision().model_dump()] * 2}),
        (HEADER, {**PAYLOAD, "events": [{**decision().model_dump(), "seq": 0}]}),
        (HEADER, json.dumps(PAYLOAD).encode()),
        (HEADER, canonical(PAYLOAD).replace(b'"iat"', b'"iat":1,"iat"')),
        (HEADER, b"[" * 100_000),
        (HEADER, b"\xff"),
    ],
)
def test_j_anything_else_that_the_key_signed_is_no_statement(
    header: object, payload: object
) -> None:
    with pytest.raises(StatementError):
        read(jws(header, payload))


def test_another_key_is_not_believed() -> None:
    with pytest.raises(StatementError, match="not signed"):
        verify_statement(
            sign(), iss=ISS, key_id="jpn-status-1", key=new_private_key().public_key()
        )


@given(st.text(max_size=200))
def test_no_text_raises_anything_else(text: str) -> None:
    for candidate in (text, f"{sign()}{text}", f"{text}.{text}.{text}"):
        if text:
            with pytest.raises(StatementError):
                read(candidate)


def test_s1_no_desk_takes_a_list_for_a_statement() -> None:
    """Both are signed by one key; each reader takes its own type only."""
    token = status_token(
        StatusStates.of({}, capacity=64), uri=f"{ISS}/status/0", iat=NOW,
        exp=NOW + timedelta(days=1), ttl=None, signer=Signer(),
    ).decode()  # fmt: skip
    with pytest.raises(StatementError, match="header"):
        read(token)


def test_s1_no_verifier_takes_a_statement_for_a_list() -> None:
    """Signed by the very key of the list, in its place, with all that a list has.

    Only the type is another one: with the type of a list it is believed.
    """
    world = World()
    code = world.show(world.card())
    list_text = world.list_token("AUS/status/1.jwt").decode()
    assert decided(world, code, list_text) is verifier.Accepted
    header, payload, _ = map(_json_of, list_text.split(".", 2))
    key = fixed_key("AUS-status")
    statement = simulated_jws({**header, "typ": TYPE}, payload, key)
    assert decided(world, code, statement) is verifier.Undecided
    genuine = sign_statement(
        [decision()],
        iss="https://abtc.example/AUS",
        iat=NOW,
        signer=FixedSigner.of("AUS", "status"),
        record=KeyRecord.of(
            FixedSigner.of("AUS", "status"),
            issuer_url="https://abtc.example/AUS",
            signs_from=NOW,
        ),
    )
    assert decided(world, code, genuine) is verifier.Undecided


def decided(world: World, code: str, status_list: str) -> type:
    trust = world.trust(replace={"AUS/status/1.jwt": status_list.encode()})
    return type(world.verify(code, trust=trust))


def _json_of(part: str) -> dict[str, object]:
    try:
        value = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return {}  # the signature
    assert isinstance(value, dict)
    return value
