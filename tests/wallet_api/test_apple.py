"""W9, App Attest: an economy vouches for keys of apps that Apple attests."""

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509 import load_der_x509_certificate
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from issuer.errors import SettingsError
from issuer.installation import AppleKeys, Installation
from issuer.jws import new_private_key, public_jwk
from tests.simulator import NOW
from tests.wallet_api.android_phone import Link, name
from tests.wallet_api.apple_app import APP, AppService
from tests.wallet_api.scene import Scene, TestPhone, body_of
from wallet_api.apple import Apple, check_apple
from wallet_api.proof import BadProof
from wallet_api.requests import read_app_attest

NONCE = "1894708800.Zm9vYmFyYmF6cXV4MTIzNA.bWFya21hcmttYXJrbWFya21hcmttYXJrbWFyaw"
KEY = new_private_key().public_key()
DAY = timedelta(days=1)


def settled(folder: Path, service: AppService, **changed: Any) -> dict[str, Any]:
    (folder / "root.pem").write_bytes(service.root_pem)
    return {"roots": "root.pem", "apps": (APP,), **changed}


def believed(folder: Path, service: AppService, **changed: Any) -> Apple:
    given = AppleKeys(**settled(folder, service, **changed))
    return Apple.of(given, Installation(folder=folder))


def check(shown: dict[str, Any], apple: Apple) -> None:
    given = read_app_attest(json.dumps(shown).encode(), "application/json")
    check_apple(given, apple, NOW)


def is_refused(shown: dict[str, Any], apple: Apple, reason: str) -> bool:
    with pytest.raises(BadProof, match=reason):
        check(shown, apple)
    return True


def test_w9_an_app_that_shows_what_it_is_is_believed(tmp_path: Path) -> None:
    service = AppService()
    check(service.attest(KEY, NONCE), believed(tmp_path, service))
    testing = believed(tmp_path, service, environment="development")
    check(service.attest(KEY, NONCE, aaguid=b"appattestdevelop"), testing)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"app": "ABCDE12345.org.example.other"}, "its app is none"),
        ({"counter": 1}, "used before"),
        ({"aaguid": b"appattestdevelop"}, "another environment"),
        ({"credential": bytes(32)}, "names another key"),
        ({"credential": b""}, "names another key"),
        ({"length": 500}, "too short"),
    ],
)
def test_w9_each_thing_that_is_attested_counts(
    tmp_path: Path, changed: dict[str, Any], reason: str
) -> None:
    service = AppService()
    shown = service.attest(KEY, NONCE, **changed)
    assert is_refused(shown, believed(tmp_path, service), reason)


def test_w9_an_attestation_is_for_one_key_and_one_nonce(tmp_path: Path) -> None:
    service = AppService()
    apple = believed(tmp_path, service)
    shown = service.attest(KEY, NONCE)
    other = {"jwk": public_jwk(new_private_key().public_key())}
    assert is_refused({**shown, **other}, apple, "another key or nonce")
    assert is_refused({**shown, "nonce": "x"}, apple, "another key or nonce")
    statement = service.statement(KEY, NONCE)
    statement["authData"] = service.data(aaguid=b"x" * 16)
    shown = service.shown(KEY, NONCE, statement)
    assert is_refused(shown, apple, "another key or nonce")


def test_w9_the_key_of_the_app_is_the_one_that_it_names(tmp_path: Path) -> None:
    service = AppService()
    apple = believed(tmp_path, service)
    wrong = base64.b64encode(bytes(32)).decode()
    shown = {**service.attest(KEY, NONCE, credential=bytes(32)), "key_id": wrong}
    assert is_refused(shown, apple, "another key of the app")


def test_w9_a_certificate_without_a_nonce_says_nothing(tmp_path: Path) -> None:
    service = AppService()
    statement = service.statement(KEY, NONCE)
    statement["attStmt"]["x5c"] = service.certificates(None)
    shown = service.shown(KEY, NONCE, statement)
    assert is_refused(shown, believed(tmp_path, service), "names no nonce")


def test_w9_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    service = AppService()
    data, key_id = service.data(), service.key_id
    shown = service.attest(KEY, NONCE)
    service.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    statement = {
        "fmt": "apple-appattest", "authData": data,
        "attStmt": {"x5c": service.certificates(bytes(32))},
    }  # fmt: skip
    shown["attestation"] = base64.b64encode(cbor2.dumps(statement)).decode()
    assert key_id
    assert is_refused(shown, believed(tmp_path, service), "of another kind")


# The chain


def test_w9_apps_that_somebody_else_attests_are_strangers(tmp_path: Path) -> None:
    apple = believed(tmp_path, AppService())
    assert is_refused(AppService().attest(KEY, NONCE), apple, "no root")
    service = AppService()
    apple = believed(tmp_path, service)
    statement = service.statement(KEY, NONCE)
    statement["attStmt"]["x5c"][0] = AppService().certificates(bytes(32))[0]
    assert is_refused(service.shown(KEY, NONCE, statement), apple, "signed by the next")


@pytest.mark.parametrize(
    "dates", [{"ends": NOW - DAY}, {"begins": NOW + DAY}], ids=["over", "not yet"]
)
def test_w9_apples_certificates_are_over_one_day(
    tmp_path: Path, dates: dict[str, Any]
) -> None:
    for service in (
        AppService(middle=Link(subject=name("CA 1"), **dates)),
        AppService(dates=dates),
    ):
        apple = believed(tmp_path, service)
        assert is_refused(service.attest(KEY, NONCE), apple, "over, or not valid yet")


@pytest.mark.parametrize("is_authority", [False, None])
def test_w9_only_authorities_attest_apps(
    tmp_path: Path, is_authority: bool | None
) -> None:
    middle = Link(subject=name("CA 1"), is_authority=is_authority)
    service = AppService(middle=middle)
    apple = believed(tmp_path, service)
    assert is_refused(service.attest(KEY, NONCE), apple, "nobody who may sign")


def test_w9_a_root_says_how_many_stand_below_it(tmp_path: Path) -> None:
    service = AppService(root=Link(subject=name("Root"), path_length=0))
    apple = believed(tmp_path, service)
    assert is_refused(service.attest(KEY, NONCE), apple, "nobody who may sign")
    service = AppService(root=Link(subject=name("Root"), path_length=1))
    check(service.attest(KEY, NONCE), believed(tmp_path, service))


# What is no attestation


def test_w9_what_is_no_attestation_is_refused(tmp_path: Path) -> None:
    service = AppService()
    apple = believed(tmp_path, service)
    good = service.statement(KEY, NONCE)
    x5c = good["attStmt"]["x5c"]
    odd: list[object] = [
        1, [], {}, "x", {**good, "fmt": "apple"}, {**good, "authData": "x"},
        {**good, "attStmt": {}}, {**good, "attStmt": {"x5c": []}},
        {**good, "attStmt": {"x5c": x5c[:1]}}, {**good, "attStmt": {"x5c": x5c * 3}},
        {**good, "attStmt": {"x5c": ["a", "b"]}},
    ]  # fmt: skip
    for each in odd:
        shown = service.shown(KEY, NONCE, each)
        assert is_refused(shown, apple, "is no attestation")
    for data in (b"", b"\xff", b"\xa1\x01"):
        shown = {**service.attest(KEY, NONCE)}
        shown["attestation"] = base64.b64encode(data).decode()
        assert is_refused(shown, apple, "is no CBOR")
    cut = {**good, "authData": good["authData"][:20]}
    cut["attStmt"] = {"x5c": [b"x", x5c[1]]}
    assert is_refused(service.shown(KEY, NONCE, cut), apple, "cannot be read")


def signed_in(certificate: bytes) -> bytes:
    return load_der_x509_certificate(certificate).tbs_certificate_bytes


_FUZZED = AppService()
_SHOWN = _FUZZED.attest(KEY, NONCE)
_TRUST: list[Apple] = []


@pytest.fixture(autouse=True, scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> None:
    _TRUST[:] = [believed(tmp_path_factory.mktemp("fuzz"), _FUZZED)]


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@settings(max_examples=200, deadline=None)
@given(st.data())
def test_w9_no_damage_of_an_attestation_escapes(data: st.DataObject) -> None:
    """Nothing but a refusal, or a change in what is not read: the receipt, the key."""
    attestation = bytearray(base64.b64decode(_SHOWN["attestation"]))
    at = data.draw(st.integers(0, len(attestation) - 1))
    attestation[at] ^= data.draw(st.integers(1, 255))
    text = base64.b64encode(attestation).decode()
    try:
        check({**_SHOWN, "attestation": text}, _TRUST[0])
    except BadProof:
        return
    kept = cbor2.loads(bytes(attestation))
    first = cbor2.loads(base64.b64decode(_SHOWN["attestation"]))
    assert kept["authData"] == first["authData"]
    certificates = zip(kept["attStmt"]["x5c"], first["attStmt"]["x5c"], strict=True)
    for one, other in certificates:
        # A signature can be written in more ways than one.
        assert signed_in(one) == signed_in(other)


# The settings


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"environment": "testing"}, "environment"),
        ({"apps": ()}, "apps"),
        ({"apps": ("org.example.wallet",)}, "apps"),
        ({"roots": 1}, "roots"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_w9_settings_for_apple_name_what_is_wrong(
    tmp_path: Path, changed: dict[str, Any], key: str
) -> None:
    table = {**settled(tmp_path, AppService()), **changed}
    lines = [f"{name} = {json.dumps(value)}" for name, value in table.items()]
    (tmp_path / "office.toml").write_text("[wallet.apple.AUS]\n" + "\n".join(lines))
    with pytest.raises(SettingsError, match=rf"office\.toml: wallet\.apple\.AUS.{key}"):
        Installation.load(tmp_path)


def test_w9_without_roots_no_app_is_believed(tmp_path: Path) -> None:
    given = AppleKeys(**settled(tmp_path, AppService()))
    (tmp_path / "root.pem").write_bytes(b"")
    with pytest.raises(SettingsError, match=r"root\.pem: must be"):
        Apple.of(given, Installation(folder=tmp_path))


# The whole way


@pytest.fixture
def service() -> AppService:
    return AppService()


@pytest.fixture
def vouching(small: Scene, service: AppService) -> Scene:
    """A server that gives cards of AUS and of KOR to keys of believed apps only."""
    folder = small.office.office.installation.folder
    apple = settled(folder, service)
    return Scene.of(small.office, apple={"AUS": apple, "KOR": apple})


def attested(phone: TestPhone, service: AppService, nonce: str) -> str:
    """Let an app show what it is, and return the word of the economy."""
    shown = service.attest(phone.holder_key.public_key(), nonce)
    answer = phone.bound("POST", "holder/attest", shown)
    assert answer.status_code == 200, answer.json
    return str(body_of(answer)["key_attestation"])


def ask(phone: TestPhone, nonce: str, attestation: str) -> TestResponse:
    return phone.ask(phone.proof(nonce, header={"key_attestation": attestation}))


def is_denied(answer: TestResponse, error: str) -> bool:
    assert (answer.status_code, body_of(answer)["error"]) == (400, error)
    return True


def test_w9_an_app_that_is_believed_gets_the_card(
    vouching: Scene, service: AppService
) -> None:
    phone = vouching.phone().accept(vouching.offer(vouching.cards.make("AUS")))
    assert is_denied(phone.ask(), "invalid_proof")
    nonce = phone.nonce()
    assert ask(phone, nonce, attested(phone, service, nonce)).status_code == 200


def test_w9_the_word_of_an_economy_is_for_one_key_nonce_and_economy(
    vouching: Scene, service: AppService
) -> None:
    phone = vouching.phone().accept(vouching.offer(vouching.cards.make("AUS")))
    nonce = phone.nonce()
    said = attested(phone, service, nonce)
    assert is_denied(ask(phone, phone.nonce(), said), "invalid_proof")
    right, phone.holder_key = phone.holder_key, new_private_key()
    assert is_denied(ask(phone, nonce, said), "invalid_proof")
    phone.holder_key = right
    korean = vouching.phone("KOR").accept(
        vouching.offer(vouching.cards.make("KOR"), economy="KOR")
    )
    korean.holder_key = right
    strange = attested(phone, service, foreign := korean.nonce())
    assert is_denied(ask(korean, foreign, strange), "invalid_proof")
    vouching.clock.passes(minutes=5)
    phone.renew()
    assert is_denied(ask(phone, nonce, said), "invalid_proof")


def test_w9_an_app_that_is_not_believed_gets_no_word(
    vouching: Scene, service: AppService
) -> None:
    phone = vouching.phone().accept(vouching.offer(vouching.cards.make("AUS")))
    shown = service.attest(phone.holder_key.public_key(), phone.nonce(), counter=1)
    answer = phone.bound("POST", "holder/attest", shown)
    (problem,) = body_of(answer)["problems"]
    assert (answer.status_code, problem["code"]) == (400, "attestation.refused")
    for member, value in (
        ("jwk", {}), ("jwk", 1), ("nonce", ""), ("nonce", "é"), ("nonce", 1),
        ("nonce", "x" * 129), ("key_id", "?"), ("key_id", 1), ("attestation", "é"),
        ("unknown", 1),
    ):  # fmt: skip
        answer = phone.bound("POST", "holder/attest", {**shown, member: value})
        assert answer.status_code == 400
        assert body_of(answer)["code"] == "request.invalid"
    answer = phone.client.post("/AUS/holder/attest", json=shown)
    assert answer.status_code == 401


def test_w9_where_no_app_is_named_nobody_vouches(
    small: Scene, service: AppService
) -> None:
    phone = small.phone().accept(small.offer(small.cards.make("AUS")))
    shown = service.attest(phone.holder_key.public_key(), phone.nonce())
    answer = phone.bound("POST", "holder/attest", shown)
    assert (answer.status_code, body_of(answer)["code"]) == (
        409, "attestation.unasked",
    )  # fmt: skip


def test_w9_a_key_is_attested_when_it_is_new_and_not_again(
    vouching: Scene, service: AppService
) -> None:
    """The same phone and key: what has changed comes without a further attestation."""
    phone = vouching.phone().accept(vouching.offer(vouching.cards.make("AUS")))
    nonce = phone.nonce()
    assert ask(phone, nonce, attested(phone, service, nonce)).status_code == 200
    assert phone.ask().status_code == 200
    stranger = vouching.phone().accept(vouching.offer(vouching.cards.make("AUS")))
    stranger.holder_key = phone.holder_key
    phone.holder_key = new_private_key()
    for each in (stranger, phone):
        answer = each.ask()
        assert is_denied(answer, "invalid_proof")
        assert "its key is not attested" in body_of(answer)["error_description"]


def test_w9_metadata_ask_apps_for_an_attestation(vouching: Scene) -> None:
    path = "/.well-known/openid-credential-issuer/AUS"
    metadata = body_of(vouching.app.test_client().get(path))
    configuration = metadata["credential_configurations_supported"]["AbtcCard"]
    assert configuration["proof_types_supported"] == {
        "jwt": {
            "proof_signing_alg_values_supported": ["ES256"],
            "key_attestations_required": {},
        }
    }
