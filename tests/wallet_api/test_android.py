"""W9, attestations of Android phones: what their hardware says decides."""

import base64
import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ObjectIdentifier, load_der_x509_certificate
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from issuer.errors import SettingsError
from issuer.installation import AndroidKeys, Installation
from issuer.jws import new_private_key, public_jwk
from tests.simulator import NOW
from tests.wallet_api.android_phone import (
    APP,
    DIGEST,
    Hardware,
    Link,
    app,
    description,
    explicit,
    integer,
    name,
    octets,
    root_of_trust,
    sequence,
    set_of,
    text_of,
    tlv,
)
from tests.wallet_api.scene import Scene, TestPhone, body_of, claims_of
from wallet_api.android import Android, check_android
from wallet_api.android_extension import read_description
from wallet_api.android_status import NoStatus
from wallet_api.proof import BadProof

NONCE = "1894708800.Zm9vYmFyYmF6cXV4MTIzNA.bWFya21hcmttYXJrbWFya21hcmttYXJrbWFyaw"
DAY = timedelta(days=1)
TRUE = tlv(b"\x01", b"\xff")


def keep(folder: Path, entries: dict[str, Any], *, at: datetime = NOW) -> Path:
    """Write the list of what is revoked, as fetched at a moment."""
    path = folder / "status.json"
    path.write_text(json.dumps({"entries": entries}))
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def settled(folder: Path, hardware: Hardware, **changed: Any) -> dict[str, Any]:
    """Write the files of a good installation, and return its settings."""
    (folder / "roots.pem").write_bytes(hardware.root_pem)
    keep(folder, {"abcdef0123": {"status": "REVOKED"}})
    return {
        "roots": "roots.pem", "status": "status.json",
        "apps": {APP: (DIGEST.hex(),)}, **changed,
    }  # fmt: skip


def believed(folder: Path, hardware: Hardware, **changed: Any) -> Android:
    given = AndroidKeys(**settled(folder, hardware, **changed))
    return Android.of(given, Installation(folder=folder))


def is_good(chain: list[str], android: Android, now: datetime = NOW) -> bool:
    return check_android(chain, android, now).nonce == NONCE


def is_refused(chain: list[str], android: Android, reason: str) -> bool:
    with pytest.raises(BadProof, match=reason):
        check_android(chain, android, NOW)
    return True


def test_w9_a_key_that_a_phone_has_made_for_us_is_good(tmp_path: Path) -> None:
    hardware = Hardware()
    android = believed(tmp_path, hardware)
    found = check_android(hardware.attest(NONCE), android, NOW)
    assert found.nonce == NONCE
    assert public_jwk(found.key) == public_jwk(hardware.key.public_key())
    others: list[dict[str, Any]] = [
        {"purposes": (2,)},
        {"attestation_level": 2, "key_level": 2},
        {"more": explicit(950, integer(1))},
    ]
    for good in others:
        assert is_good(hardware.attest(NONCE, **good), android)


def test_a_phones_certificate_may_say_more(tmp_path: Path) -> None:
    """Such as how it was provisioned, which nobody asks here."""
    hardware = Hardware()
    hardware.phone.extension = b"\xa1"
    hardware.phone.oid = ObjectIdentifier("1.3.6.1.4.1.11129.2.1.30")
    assert is_good(hardware.attest(NONCE), believed(tmp_path, hardware))


def test_a_chain_may_come_without_its_root(tmp_path: Path) -> None:
    hardware = Hardware()
    android = believed(tmp_path, hardware)
    assert is_good(hardware.attest(NONCE)[:-1], android)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"attestation_level": 0}, "not kept as safely"),
        ({"key_level": 0}, "not kept as safely"),
        ({"key_level": 3}, "not kept as safely"),
        ({"attestation_level": 3}, "not kept as safely"),
        ({"origin": 2}, "not made where"),
        ({"origin": None}, "not made where"),
        ({"purposes": ()}, "something else than signing"),
        ({"purposes": None}, "something else than signing"),
        ({"purposes": (3,)}, "something else than signing"),
        # 7: it could attest further keys, in words of its own.
        ({"purposes": (2, 7)}, "something else than signing"),
        ({"algorithm": 1}, "none on P-256"),
        ({"algorithm": None}, "none on P-256"),
        ({"curve": 2}, "none on P-256"),
        ({"root": root_of_trust(is_locked=False)}, "what its maker has signed"),
        ({"root": root_of_trust(state=1)}, "what its maker has signed"),
        ({"root": root_of_trust(state=2)}, "what its maker has signed"),
        ({"root": None}, "what its maker has signed"),
        ({"all_apps": True}, "that of one app"),
        ({"all_apps_by_software": True}, "that of one app"),
        ({"app": app(packages=(APP, "org.example.other"))}, "that of one app"),
        ({"app": app(packages=())}, "that of one app"),
        ({"app": None}, "that of one app"),
        ({"app": app(packages=("org.example.other",))}, "its app is none"),
        ({"app": app(digests=(bytes(32),))}, "its app is none"),
        ({"app": app(digests=(DIGEST, bytes(32)))}, "its app is none"),
        ({"app": app(digests=())}, "its app is none"),
        ({"more": explicit(702, integer(0))}, "cannot be read"),
        ({"root": sequence()}, "cannot be read"),
        ({"root": sequence(octets(b""), TRUE, integer(0))}, "cannot be read"),
        (
            {"root": sequence(octets(b""), TRUE, tlv(b"\x0a", b"\0\0"))},
            "cannot be read",
        ),
        (
            {"app": octets(sequence(sequence(), set_of(octets(DIGEST))))},
            "cannot be read",
        ),
    ],
)
def test_w9_each_thing_that_a_phone_says_counts(
    tmp_path: Path, changed: dict[str, Any], reason: str
) -> None:
    hardware = Hardware()
    android = believed(tmp_path, hardware)
    assert is_refused(hardware.attest(NONCE, **changed), android, reason)


def test_w9_where_strongbox_is_asked_for_nothing_less_is_good(tmp_path: Path) -> None:
    hardware = Hardware()
    android = believed(tmp_path, hardware, level="StrongBox")
    for levels in ((1, 1), (2, 1), (1, 2)):
        chain = hardware.attest(NONCE, attestation_level=levels[0], key_level=levels[1])
        assert is_refused(chain, android, "not kept as safely")
    assert is_good(
        hardware.attest(NONCE, attestation_level=2, key_level=2), android, NOW
    )


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(public_exponent=65537, key_size=2048),
    ],
    ids=["P-384", "RSA"],
)
def test_w9_the_key_is_what_is_said_of_it(tmp_path: Path, key: Any) -> None:
    hardware = Hardware(key=key)
    assert is_refused(
        hardware.attest(NONCE), believed(tmp_path, hardware), "none on P-256"
    )


def test_w9_a_challenge_of_other_bytes_is_no_nonce(tmp_path: Path) -> None:
    hardware = Hardware()
    android = believed(tmp_path, hardware)
    assert is_refused(hardware.attest(b"\xff\xfe"), android, "something else")


# The chain


def test_w9_a_root_of_the_senders_own_is_none(tmp_path: Path) -> None:
    android = believed(tmp_path, Hardware())
    assert is_refused(Hardware().attest(NONCE), android, "no root")


def test_w9_a_root_that_is_over_is_none(tmp_path: Path) -> None:
    wrong: list[dict[str, Any]] = [{"ends": NOW - DAY}, {"begins": NOW + DAY}]
    for dates in wrong:
        hardware = Hardware(root=Link(subject=name("Root"), **dates))
        android = believed(tmp_path, hardware)
        assert is_refused(hardware.attest(NONCE), android, "no root")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_w9_each_certificate_is_signed_by_the_next(tmp_path: Path, place: int) -> None:
    """The same names, other keys: a stranger's certificate at each place."""
    hardware = Hardware()
    android = believed(tmp_path, hardware)
    chain, strange = hardware.attest(NONCE), Hardware().attest(NONCE)
    chain[place] = strange[place]
    assert is_refused(chain, android, "not signed by the next|no root")
    chain = hardware.attest(NONCE)
    chain[0], chain[1] = chain[1], chain[0]
    assert is_refused(chain, android, "not signed by the next")


def test_w9_the_issuer_is_named(tmp_path: Path) -> None:
    hardware = Hardware()
    android = believed(tmp_path, hardware)
    leaf = hardware.leaf(description(NONCE.encode()))
    chain = [text_of(each) for each in hardware.certificates(leaf)]
    chain[0] = text_of(leaf.signed_by(hardware.phone, issuer=name("Somebody")))
    assert is_refused(chain, android, "not signed by the next")


@pytest.mark.parametrize("which", ["phone", "maker"])
@pytest.mark.parametrize("dates", [{"ends": NOW - DAY}, {"begins": NOW + DAY}])
def test_w9_certificates_are_over_one_day(
    tmp_path: Path, which: str, dates: dict[str, Any]
) -> None:
    hardware = Hardware(**{which: Link(subject=name(which), **dates)})
    android = believed(tmp_path, hardware)
    assert is_refused(hardware.attest(NONCE), android, "over, or not valid yet")


def test_w9_what_a_phone_got_at_the_factory_may_count_on(tmp_path: Path) -> None:
    """Only there, only where the settings say so, and never before its first day."""
    old: dict[str, Any] = {"ends": NOW - DAY}
    factory = Link(subject=name("Maker", serial="f0"), **old)
    hardware = Hardware(maker=factory, phone=Link(subject=name("TEE"), **old))
    chain = hardware.attest(NONCE)
    assert is_refused(chain, believed(tmp_path, hardware), "over")
    lenient = believed(tmp_path, hardware, factory_expired=True)
    assert is_good(chain, lenient)
    hardware.maker = Link(subject=name("Maker"), **old)
    assert is_refused(hardware.attest(NONCE), lenient, "over")
    hardware.maker = Link(subject=name("Maker", serial="f0"), begins=NOW + DAY)
    assert is_refused(hardware.attest(NONCE), lenient, "not valid yet")


@pytest.mark.parametrize(
    "limits",
    [{"is_authority": False}, {"is_authority": None}, {"path_length": 0}],
)
def test_w9_only_authorities_sign_phones(
    tmp_path: Path, limits: dict[str, Any]
) -> None:
    hardware = Hardware(maker=Link(subject=name("Maker"), **limits))
    android = believed(tmp_path, hardware)
    assert is_refused(hardware.attest(NONCE), android, "nobody who may sign")


def test_w9_a_root_says_how_long_a_chain_may_be(tmp_path: Path) -> None:
    hardware = Hardware(root=Link(subject=name("Root"), path_length=1))
    android = believed(tmp_path, hardware)
    assert is_refused(hardware.attest(NONCE), android, "nobody who may sign")
    hardware = Hardware(root=Link(subject=name("Root"), path_length=2))
    assert is_good(hardware.attest(NONCE), believed(tmp_path, hardware))


def test_w9_an_attested_key_attests_no_other(tmp_path: Path) -> None:
    """Its holder could write anything into a further certificate."""
    hardware = Hardware()
    android = believed(tmp_path, hardware)
    attested = hardware.leaf(description(NONCE.encode(), key_level=0))
    further = Link(
        subject=name("x"), is_authority=None, extension=description(NONCE.encode())
    )
    chain = [further.signed_by(attested), *hardware.certificates(attested)]
    reason = "by a phone's own key|nobody who may sign"
    assert is_refused([text_of(each) for each in chain], android, reason)
    hardware.phone.extension = description(b"x")
    assert is_refused(hardware.attest(NONCE), android, "by a phone's own key")


def test_w9_without_a_word_of_the_hardware_a_key_is_none(tmp_path: Path) -> None:
    hardware = Hardware()
    chain = [text_of(each) for each in hardware.certificates(hardware.leaf(None))]
    assert is_refused(chain, believed(tmp_path, hardware), "says nothing")


@pytest.mark.parametrize("length", [0, 1, 2, 9])
def test_w9_what_is_no_chain_is_refused(tmp_path: Path, length: int) -> None:
    hardware = Hardware()
    chain = (hardware.attest(NONCE) * 3)[:length]
    assert is_refused(chain, believed(tmp_path, hardware), "no chain")


@pytest.mark.parametrize("text", ["", "x", "é", "MAA=", "A" * 9_000, "MAA=\n"])
@pytest.mark.parametrize("place", [0, 1, 3])
def test_w9_what_is_no_certificate_is_refused(
    tmp_path: Path, text: str, place: int
) -> None:
    hardware = Hardware()
    chain = hardware.attest(NONCE)
    chain[place] = text
    assert is_refused(chain, believed(tmp_path, hardware), "cannot be read")


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@settings(max_examples=200, deadline=None)
@given(st.integers(0, 3), st.integers(0, 10_000), st.integers(1, 255))
def test_w9_no_damage_gets_through_or_escapes(place: int, at: int, change: int) -> None:
    """A byte of a certificate, or of what the hardware says, is another."""
    chain = _FUZZED.attest(NONCE)
    good = base64.b64decode(chain[place])
    damaged = bytearray(good)
    damaged[at % len(good)] ^= change
    chain[place] = base64.b64encode(damaged).decode()
    try:
        check_android(chain, _FUZZED_TRUST[0], NOW)
    except BadProof:
        return
    if place == 3:
        return  # the root that is sent proves nothing, whatever it is
    # A signature can be written in more ways than one.
    read = map(load_der_x509_certificate, (good, bytes(damaged)))
    assert len({each.tbs_certificate_bytes for each in read}) == 1


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_w9_what_hardware_says_is_read_or_is_a_value_error(
    data: st.DataObject,
) -> None:
    """Signed, and yet hostile."""
    said = bytearray(description(NONCE.encode()))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(said) - 1))
        said[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(said)))
    for each in (bytes(said), bytes(said[:cut])):
        try:
            read_description(each)
        except ValueError:
            continue


_FUZZED = Hardware()
_FUZZED_TRUST: list[Android] = []


@pytest.fixture(autouse=True, scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> None:
    _FUZZED_TRUST[:] = [believed(tmp_path_factory.mktemp("fuzz"), _FUZZED)]


# What is revoked


@pytest.mark.parametrize("which", ["phone", "maker", "root"])
@pytest.mark.parametrize("status", ["REVOKED", "SUSPENDED"])
def test_w9_a_revoked_certificate_ends_all_below(
    tmp_path: Path, which: str, status: str
) -> None:
    hardware = Hardware()
    android = believed(tmp_path, hardware)
    chain = hardware.attest(NONCE)
    assert is_good(chain, android)
    serial = getattr(hardware, which).serial
    keep(tmp_path, {f"{serial:x}": {"status": status}}, at=NOW + DAY / 48)
    assert is_refused(chain, android, "revoked")


def test_w9_of_an_old_list_nothing_is_believed(tmp_path: Path) -> None:
    hardware = Hardware()
    android = believed(tmp_path, hardware, status_hours=24)
    chain = hardware.attest(NONCE)
    for at, is_fresh in (
        (NOW - DAY, True),
        (NOW - DAY - timedelta(seconds=1), False),
        (NOW + timedelta(hours=1), True),
        (NOW + timedelta(hours=1, seconds=1), False),
    ):
        keep(tmp_path, {}, at=at)
        if is_fresh:
            assert is_good(chain, android)
            continue
        with pytest.raises(NoStatus):
            check_android(chain, android, NOW)


def test_w9_a_list_that_breaks_while_we_run_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hardware = Hardware()
    android = believed(tmp_path, hardware, status_hours=24)
    keep(tmp_path, {f"{hardware.phone.serial:x}": {"status": "REVOKED"}})
    chain = hardware.attest(NONCE)
    assert is_refused(chain, android, "revoked")
    path = tmp_path / "status.json"
    breaks: tuple[Callable[[], object], ...] = (
        lambda: path.write_text("{"), path.unlink,
    )  # fmt: skip
    for each in breaks:
        each()
        assert is_refused(chain, android, "revoked")
        assert "status.json: entries:" in caplog.messages[-1]
    # It does not become younger by that.
    with pytest.raises(NoStatus):
        check_android(chain, android, NOW + 2 * DAY)


# The settings


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"level": "Software"}, "level"),
        ({"status_hours": 0}, "status_hours"),
        ({"apps": {}}, "apps"),
        ({"apps": {APP: ()}}, "apps"),
        ({"apps": {APP: ("AA:BB",)}}, "apps"),
        ({"apps": None}, "apps"),
        ({"roots": None}, "roots"),
        ({"status": None}, "status"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_w9_settings_name_what_is_wrong(
    tmp_path: Path, changed: dict[str, Any], key: str
) -> None:
    table = {**settled(tmp_path, Hardware()), **changed}
    lines = [
        f"{name} = {_toml(value)}" for name, value in table.items() if value is not None
    ]
    path = tmp_path / "office.toml"
    path.write_text("[wallet.android.AUS]\n" + "\n".join(lines))
    with pytest.raises(
        SettingsError, match=rf"office\.toml: wallet\.android\.AUS.{key}"
    ):
        Installation.load(tmp_path)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        pairs = (f'"{name}" = {json.dumps(each)}' for name, each in value.items())
        return "{" + ", ".join(pairs) + "}"
    return json.dumps(value)


def _no_authority() -> bytes:
    link = Link(subject=name("x"), is_authority=False)
    pem: bytes = link.signed_by(link).public_bytes(Encoding.PEM)
    return pem


def _not_self_signed() -> bytes:
    hardware = Hardware()
    pem: bytes = hardware.maker.signed_by(hardware.root).public_bytes(Encoding.PEM)
    return pem


@pytest.mark.parametrize(
    "roots", [None, b"", b"x", _no_authority(), _not_self_signed()]
)
def test_w9_files_of_roots_that_are_none(tmp_path: Path, roots: bytes | None) -> None:
    android = settled(tmp_path, Hardware())
    (tmp_path / "roots.pem").unlink()
    if roots is not None:
        (tmp_path / "roots.pem").write_bytes(roots)
    with pytest.raises(SettingsError, match=r"roots\.pem: must be"):
        Android.of(AndroidKeys(**android), Installation(folder=tmp_path))


@pytest.mark.parametrize(
    "text", [None, "", "[]", "{}", '{"entries": []}', '{"entries": {"xyz": {}}}']
)
def test_w9_files_of_what_is_revoked_that_are_none(
    tmp_path: Path, text: str | None
) -> None:
    android = settled(tmp_path, Hardware())
    (tmp_path / "status.json").unlink()
    if text is not None:
        (tmp_path / "status.json").write_text(text)
    with pytest.raises(SettingsError, match=r"status\.json: entries: "):
        Android.of(AndroidKeys(**android), Installation(folder=tmp_path))


# The whole way


@pytest.fixture
def hardware() -> Hardware:
    return Hardware()


@pytest.fixture
def attesting(small: Scene, hardware: Hardware) -> Scene:
    """A server that gives cards of AUS to keys of Android phones only."""
    folder = small.office.office.installation.folder
    return Scene.of(small.office, android={"AUS": settled(folder, hardware)})


def ask(phone: TestPhone, *chains: object, **more: object) -> TestResponse:
    body = {
        "credential_configuration_id": "AbtcCard",
        "proofs": {"android_keystore_attestation": list(chains), **more},
    }
    return phone.bound("POST", "credential", body)


def is_denied(answer: TestResponse, error: str) -> bool:
    assert (answer.status_code, body_of(answer)["error"]) == (400, error)
    return True


def test_w9_a_phone_that_attests_its_key_gets_the_card(
    attesting: Scene, hardware: Hardware
) -> None:
    phone = attesting.phone().accept(attesting.offer(attesting.cards.make("AUS")))
    nonce = phone.nonce()
    # What Android takes at most.
    assert len(nonce.encode()) <= 128
    answer = ask(phone, hardware.attest(nonce))
    assert answer.status_code == 200, answer.json
    credential = body_of(answer)["credentials"][0]["credential"]
    assert claims_of(credential)["cnf"]["jwk"] == public_jwk(hardware.key.public_key())


def test_w9_a_nonce_counts_once_here_and_in_its_time(
    attesting: Scene, hardware: Hardware
) -> None:
    phone = attesting.phone().accept(attesting.offer(attesting.cards.make("AUS")))
    nonce = phone.nonce()
    for wrong in (f"{nonce}x", "", attesting.phone("KOR").nonce()):
        assert is_denied(ask(phone, hardware.attest(wrong)), "invalid_nonce")
    assert ask(phone, hardware.attest(nonce)).status_code == 200
    assert is_denied(ask(phone, hardware.attest(nonce)), "invalid_nonce")
    late = phone.nonce()
    attesting.clock.passes(minutes=5, seconds=1)
    phone.renew()
    assert is_denied(ask(phone, hardware.attest(late)), "invalid_nonce")


def test_w9_where_phones_attest_nothing_else_gets_a_card(
    attesting: Scene, hardware: Hardware
) -> None:
    phone = attesting.phone().accept(attesting.offer(attesting.cards.make("AUS")))
    assert is_denied(phone.ask(), "invalid_proof")
    nonce = phone.nonce()
    good = hardware.attest(nonce)
    wrong: list[list[object]] = [
        [], [good, good], ["x"], [1], [None], [{}], [[1, 2, 3]], [[]],
        [hardware.attest(nonce, origin=2)], [Hardware().attest(nonce)],
    ]  # fmt: skip
    for chains in wrong:
        assert is_denied(ask(phone, *chains), "invalid_proof")
    assert is_denied(ask(phone, good, jwt=[phone.proof(nonce)]), "invalid_proof")
    for proofs in ({"attestation": [good]}, {"x": [phone.proof(nonce)]}):
        body = {"credential_configuration_id": "AbtcCard", "proofs": proofs}
        answer = phone.bound("POST", "credential", body)
        assert "see proof_types_supported" in body_of(answer)["error_description"]
    assert ask(phone, good).status_code == 200


def test_w9_a_phone_that_has_the_card_shows_the_same_key_without_a_new_word(
    attesting: Scene, hardware: Hardware
) -> None:
    """Its hardware speaks of a key when it makes it, and only then."""
    phone = attesting.phone().accept(attesting.offer(attesting.cards.make("AUS")))
    phone.holder_key = hardware.key
    assert is_denied(phone.ask(), "invalid_proof")
    assert ask(phone, hardware.attest(phone.nonce())).status_code == 200
    assert phone.ask().status_code == 200
    phone.holder_key = new_private_key()
    assert is_denied(phone.ask(), "invalid_proof")
    phone.holder_key = hardware.key
    empty = phone.proof(phone.nonce(), header={"key_attestation": "x.y.z"})
    assert is_denied(phone.ask(empty), "invalid_proof")


def test_w9_where_nobody_asks_a_phones_word_counts_for_nothing(small: Scene) -> None:
    phone = small.phone().accept(small.offer(small.cards.make("AUS")))
    assert is_denied(ask(phone, Hardware().attest(phone.nonce())), "invalid_proof")


def test_w9_with_an_old_list_phones_come_back_later(
    attesting: Scene, hardware: Hardware, caplog: pytest.LogCaptureFixture
) -> None:
    phone = attesting.phone().accept(attesting.offer(attesting.cards.make("AUS")))
    folder = attesting.office.office.installation.folder
    keep(folder, {}, at=NOW - 3 * DAY)
    nonce = phone.nonce()
    answer = ask(phone, hardware.attest(nonce))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert "fetch it anew" in caplog.messages[-1]
    keep(folder, {})
    assert ask(phone, hardware.attest(nonce)).status_code == 200


@pytest.mark.parametrize("level", ["TrustedEnvironment", "StrongBox"])
def test_w9_metadata_say_what_phones_must_attest(
    small: Scene, hardware: Hardware, level: str
) -> None:
    folder = small.office.office.installation.folder
    jwks = {"keys": [{**public_jwk(new_private_key().public_key()), "kid": "a"}]}
    (folder / "jwks.json").write_text(json.dumps(jwks))
    android = settled(folder, hardware, level=level)
    scene = Scene.of(
        small.office,
        android={"AUS": android, "KOR": android},
        attesters={"KOR": "jwks.json"},
    )
    said = {
        "proof_signing_alg_values_supported": ["ES256"],
        "key_attestations_required": {"key_mint_security_level": level},
    }
    types = {each: _proof_types(scene, each) for each in ("AUS", "KOR", "SGP")}
    assert types["AUS"] == {"android_keystore_attestation": said}
    assert types["KOR"]["android_keystore_attestation"] == said
    assert types["KOR"]["jwt"]["key_attestations_required"] == {}
    assert types["SGP"] == {"jwt": {"proof_signing_alg_values_supported": ["ES256"]}}


def _proof_types(scene: Scene, economy: str) -> Any:
    path = f"/.well-known/openid-credential-issuer/{economy}"
    metadata = body_of(scene.app.test_client().get(path))
    configurations = metadata["credential_configurations_supported"]
    return configurations["AbtcCard"]["proof_types_supported"]
