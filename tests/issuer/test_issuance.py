"""From what a card shall say to a signed credential that verifies."""

import base64
import json
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto.jwk import JWK
from sd_jwt.verifier import SDJWTVerifier

import verifier
from issuer.documents import issuer_document, policy_document, scheme_document
from issuer.errors import ClockError, LintError, ProfileError, SigningError
from issuer.issuance import (
    Credential,
    Prepared,
    holder_key_from_jwk,
    lint,
    prepare,
    sign,
)
from issuer.jws import canonical
from issuer.keys import FileSigner, KeyRecord, KeyUse, generate_key_file
from issuer.lists import (
    Overlay,
    OverlayStates,
    StatusStates,
    overlay_token,
    status_token,
)
from issuer.profile import CardData, card_expiry, end_of_day
from issuer.scheme import Scheme
from tests.simulator import NOW, SCHEME, FixedSigner, World, fixed_key, jwk
from wallet_api.holder import Phone

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
URL = "https://abtc.example/AUS"
SIGNER = FixedSigner.of("AUS", "card")
HOLDER_KEY = fixed_key("holder").public_key()
CARD = CardData(
    issuer="AUS",
    document_number="A1234567",
    family_name="CITIZEN",
    given_name="JANE MARY",
    birthdate=date(1980, 2, 29),
    nationality="AUS",
    passport_country="AUS",
    passport_number="PA1234567",
    passport_expires_on=date(2034, 6, 30),
    form="app",
    economies=("NZL", "SGP"),
)
PLASTIC = replace(
    CARD, issuer="KOR", nationality="KOR", form="physical", economies=("AUS", "SGP")
)


def record(signer: FixedSigner = SIGNER, **period: datetime) -> KeyRecord:
    known = {"signs_from": NOW - DAY, "signs_until": NOW + DAY, **period}
    return KeyRecord.of(signer, issuer_url=URL, **known)


def prepared(card: CardData = CARD, **changes: Any) -> Prepared:
    url = SCHEME.economy(card.issuer).issuer_url
    known: dict[str, Any] = {
        "scheme": SCHEME,
        "key_id": f"{card.issuer}-card",
        "holder_key": HOLDER_KEY if card.form == "app" else None,
        "status_uri": f"{url}/status/1",
        "status_index": 7,
        "iat": NOW,
        "exp": end_of_day(date(2034, 6, 30)),
    }
    return prepare(card, **{**known, **changes})


def signed(ready: Prepared | None = None, **changes: Any) -> Credential:
    known: dict[str, Any] = {
        "signer": SIGNER,
        "key": record(),
        "now": NOW,
        "last_issued_at": NOW,
    }
    return sign(ready or prepared(), **{**known, **changes})


# Preparing


def test_a_prepared_card_is_exactly_these_bytes() -> None:
    """Members in the order of the specification, no white space."""
    ready = prepared()
    point = jwk(fixed_key("holder"))
    assert ready.header == b'{"alg":"ES256","kid":"AUS-card","typ":"dc+sd-jwt"}'
    assert ready.payload.decode() == (
        '{"iss":"https://abtc.example/AUS","vct":"urn:abtc:card:1",'
        '"iat":1894708800,"exp":2035324800,'
        '"status":{"status_list":{"idx":7,'
        '"uri":"https://abtc.example/AUS/status/1"}},'
        f'"cnf":{{"jwk":{{"kty":"EC","crv":"P-256","x":"{point["x"]}",'
        f'"y":"{point["y"]}"}}}},'
        '"document_number":"A1234567","family_name":"CITIZEN",'
        '"given_name":"JANE MARY","birthdate":"1980-02-29","nationality":"AUS",'
        '"passport":{"country":"AUS","number":"PA1234567"},"form":"app",'
        '"economies":["NZL","SGP"]}'
    )
    assert prepared() == ready
    assert prepared(iat=NOW + timedelta(microseconds=999_999)) == ready


def test_a_plastic_card_has_no_holder_key() -> None:
    """Otherwise it has the same members."""
    app, plastic = prepared().claims, prepared(PLASTIC).claims
    assert app.keys() - plastic.keys() == {"cnf"}
    assert plastic["form"] == "physical"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"holder_key": None}, "cnf"),
        ({"holder_key": ec.generate_private_key(ec.SECP384R1()).public_key()}, "cnf"),
        ({"status_uri": "https://abtc.example/NZL/status/1"}, "status"),
        ({"status_uri": f"{URL}/status/01"}, "status"),
        ({"status_uri": f"{URL}/status/"}, "status"),
        ({"status_uri": f"{URL}/overlay/NZL/1"}, "status"),
        ({"status_uri": f"{URL}/status/1\n"}, "status"),
        ({"status_index": -1}, "status"),
        ({"status_index": 2**17}, "status"),
        ({"exp": end_of_day(date(2034, 7, 1))}, "exp"),
        ({"exp": end_of_day(date(2034, 6, 29)) + SECOND}, "exp"),
        ({"exp": end_of_day(date(2034, 6, 29)).replace(microsecond=1)}, "exp"),
        ({"exp": end_of_day(date(2030, 1, 14))}, "exp"),
    ],
)
def test_what_a_card_may_not_be_is_refused(changes: Any, field: str) -> None:
    """Another's list, an index beyond it, an end that is not midnight."""
    with pytest.raises(ProfileError) as caught:
        prepared(**changes)
    assert caught.value.field == field


def test_what_the_scheme_rules_out_is_refused() -> None:
    """`prepare` asks the scheme at the moment of signing."""
    with pytest.raises(ProfileError, match="form"):
        prepared(replace(CARD, form="physical"))
    with pytest.raises(ProfileError, match="economies"):
        prepared(replace(CARD, economies=("AUS",)))
    with pytest.raises(ProfileError, match="cnf"):
        prepared(PLASTIC, holder_key=HOLDER_KEY)


def test_callers_mistakes_prepare_nothing() -> None:
    """A malformed key id and naive moments."""
    with pytest.raises(ValueError, match="key id"):
        prepared(key_id="a/b")
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(ValueError, match="no UTC offset"):
        prepared(iat=naive)
    with pytest.raises(ValueError, match="no UTC offset"):
        prepared(exp=naive)


def test_t5_the_last_day_of_the_passport_is_the_last_of_the_card() -> None:
    """One day more is refused above; this one is allowed."""
    assert prepared(exp=end_of_day(CARD.passport_expires_on)).claims["exp"]


# The holder's key


def test_a_phones_key_is_read() -> None:
    """Members that a wallet adds are not the card's business."""
    point = jwk(fixed_key("holder"))
    assert holder_key_from_jwk(point) == HOLDER_KEY
    assert holder_key_from_jwk({**point, "kid": "1", "use": "sig"}) == HOLDER_KEY


def test_j14_a_private_key_is_refused_by_name() -> None:
    """`d` means that the private key has left its phone."""
    for extra in ("secret", "", None):
        with pytest.raises(ProfileError, match="cnf: carries d, a private key"):
            holder_key_from_jwk({**jwk(fixed_key("holder")), "d": extra})


POINT = jwk(fixed_key("holder"))


@pytest.mark.parametrize(
    "offered",
    [
        None,
        [],
        "{}",
        {},
        {**POINT, "kty": "oct"},
        {**POINT, "crv": "P-384"},
        {**POINT, "crv": "secp256k1"},
        {**POINT, "y": POINT["x"]},
        {**POINT, "x": POINT["x"][:-1]},
        {**POINT, "x": POINT["x"] + "="},
        {**POINT, "x": POINT["x"] + "A"},
        {**POINT, "x": "A" * 42},
        {**POINT, "x": "A" * 43, "y": "A" * 43},
        {**POINT, "x": "\uff21" * 43},
        {**POINT, "x": "!" + POINT["x"][1:]},
        {**POINT, "x": 7},
        {name: POINT[name] for name in ("kty", "crv", "x")},
    ],
)
def test_j14_a_bad_public_key_is_refused(offered: object) -> None:
    """Off the curve, at infinity, 31 bytes, another curve, another kind."""
    with pytest.raises(ProfileError, match="cnf"):
        holder_key_from_jwk(offered)


# Linting


def with_claims(ready: Prepared, **changes: object) -> Prepared:
    return replace(ready, payload=canonical({**ready.claims, **changes}))


@pytest.mark.parametrize("card", [CARD, PLASTIC], ids=["app", "physical"])
def test_a_good_card_passes_the_lint(card: CardData) -> None:
    """Both forms, and without ever touching the issuer's key."""
    lint(prepared(card), now=NOW)
    lint(prepared(card), now=NOW + timedelta(days=30))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"family_name": "M\u00dcLLER"}, "card.malformed"),
        ({"family_name": "A" * 40}, "card.malformed"),
        ({"birthdate": "1980-02-30"}, "card.malformed"),
        ({"economies": ["SGP", "NZL"]}, "card.malformed"),
        ({"form": "physical"}, "card.malformed"),
        ({"iss": "https://abtc.example/AUS/"}, "card.malformed"),
        ({"status": {}}, "card.malformed"),
        ({"_sd": []}, "card.malformed"),
        (
            {
                "status": {
                    "status_list": {"idx": 7, "uri": "https://x.example/status/1"}
                }
            },
            "trust.binding",
        ),
        (
            {"status": {"status_list": {"idx": 2**30, "uri": f"{URL}/status/1"}}},
            "card.malformed",
        ),
        ({"exp": 1894708801 - 1}, "card.malformed"),
        ({"iat": 1894708800 + 120}, "time.not_yet"),
        ({"nbf": 1894708800 + 120}, "time.not_yet"),
        ({"cnf": {"jwk": {**POINT, "y": POINT["x"]}}}, "packing"),
        ({"zz": 1, "a": 1}, "packing"),
    ],
)
def test_a_card_the_verifier_would_not_accept_fails_the_lint(
    changes: dict[str, object], reason: str
) -> None:
    """The verifier itself judges, and its reason is handed on."""
    bad = with_claims(prepared(), **changes)
    with pytest.raises(LintError) as caught:
        lint(bad, now=NOW)
    assert caught.value.reason == reason


def test_an_ended_card_fails_the_lint() -> None:
    """At its last second it passes."""
    exp = end_of_day(CARD.passport_expires_on)
    lint(prepared(), now=exp - SECOND)
    with pytest.raises(LintError, match=r"time\.expired"):
        lint(prepared(), now=exp)
    with pytest.raises(ValueError, match="no UTC offset"):
        lint(prepared(), now=NOW.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        (b'{"kid": "a"}', b'{"iat":1}'),
        (b'{"kid":"a"}', b'{"iat":1,"iat":1}'),
        (b'{"kid":"a"}', b"[]"),
        (b'{"kid":"a"}', b'{"iat":"1"}'),
        (b'{"kid":""}', b'{"iat":1}'),
        (b"", b""),
    ],
)
def test_only_canonical_bytes_come_back_from_storage(
    header: bytes, payload: bytes
) -> None:
    """White space, repeated members, no object, no moment, no key id."""
    with pytest.raises(ValueError, match=r"canonical|without|Expecting"):
        Prepared(header=header, payload=payload)


# Signing


def test_a_credential_says_what_it_is_filed_under() -> None:
    """Everything but the text, which nothing may be filed under."""
    credential = signed()
    assert replace(credential, text="") == Credential(
        text="",
        key_id="AUS-card",
        document_number="A1234567",
        form="app",
        status_uri=f"{URL}/status/1",
        status_index=7,
        issued_at=NOW,
        expires_at=datetime(2034, 7, 1, tzinfo=UTC),
    )
    assert credential.text.startswith(prepared().signing_input + ".")


@dataclass
class CountingSigner:
    """Notes what it was asked to sign."""

    asked: list[bytes]
    key_id: str = "AUS-card"
    use: KeyUse = "card"

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        return SIGNER.public_key

    def sign(self, data: bytes) -> bytes:
        self.asked.append(data)
        return SIGNER.sign(data)


def test_i2_the_key_signs_the_linted_bytes_and_once() -> None:
    """The issuer's key sees one text; the lint has keys of its own."""
    signer = CountingSigner([])
    signed(signer=signer)
    assert signer.asked == [prepared().signing_input.encode()]


def test_r1_a_stored_intent_signs_after_a_crash() -> None:
    """The two byte strings are all that has to survive."""
    ready = prepared()
    stored = ready.header, ready.payload
    again = Prepared(header=stored[0], payload=stored[1])
    assert signed(again, now=NOW + timedelta(hours=3)).text == signed(ready).text


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"now": NOW - SECOND, "last_issued_at": None}, "the card is dated"),
        ({"last_issued_at": NOW + SECOND}, "a card was signed at"),
        ({"now": NOW - DAY, "last_issued_at": NOW - SECOND}, "a card was signed at"),
        ({"key": record(signs_from=NOW + SECOND)}, "signs from"),
        ({"key": record(signs_until=NOW)}, "signs from"),
        ({"now": NOW + DAY}, "signs from"),
    ],
)
def test_t7_a_wrong_clock_signs_nothing(changes: dict[str, Any], reason: str) -> None:
    """Before the last card, before its own date, outside the key's period."""
    signer = CountingSigner([])
    with pytest.raises(ClockError, match=reason):
        signed(signer=signer, **changes)
    assert signer.asked == []


@pytest.mark.parametrize(
    "changes",
    [
        {"last_issued_at": None},
        {"last_issued_at": NOW},
        {"now": NOW + DAY - SECOND},
        {"key": record(signs_from=NOW)},
        {"key": record(signs_until=NOW + SECOND)},
    ],
)
def test_t7_a_right_clock_signs(changes: dict[str, Any]) -> None:
    """The same edges from the other side."""
    assert signed(**changes).issued_at == NOW


def test_t7_a_moment_needs_an_offset() -> None:
    """A naive one is the caller's mistake."""
    with pytest.raises(ValueError, match="no UTC offset"):
        signed(now=NOW.replace(tzinfo=None))


def test_only_the_published_card_key_signs() -> None:
    """Another key, another id, a status key: nothing is signed."""
    status = FixedSigner.of("AUS", "status")
    another = FixedSigner(key_id="AUS-card", use="card", name="another")
    renamed = FixedSigner(key_id="AUS-card", use="status", name="AUS-card")
    for signer, key, reason in [
        (another, record(), "is not the one published"),
        (status, record(), "is not the one published"),
        (renamed, record(), "is not the one published"),
        (renamed, record(renamed), "is no card key"),
    ]:
        with pytest.raises(SigningError, match=reason):
            signed(signer=signer, key=key)
    with pytest.raises(SigningError, match="prepared for key AUS-2"):
        signed(prepared(key_id="AUS-2"))


def test_i2_what_fails_the_lint_is_not_signed() -> None:
    """Signing lints by itself; it cannot be forgotten."""
    signer = CountingSigner([])
    with pytest.raises(LintError):
        signed(with_claims(prepared(), family_name="jane"), signer=signer)
    assert signer.asked == []


@dataclass
class GarblingSigner(CountingSigner):
    """A hardware module with a bit stuck."""

    def sign(self, data: bytes) -> bytes:
        good = super().sign(data)
        return bytes([good[0] ^ 1]) + good[1:]


def test_h3_a_garbled_card_is_not_released() -> None:
    """The signature is checked before anybody sees the text."""
    with pytest.raises(SigningError, match="no signature of its own"):
        signed(signer=GarblingSigner([]))


def test_q10_what_does_not_survive_packing_is_not_released(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The very text that was signed is packed and unpacked, after its lint."""
    released = signed().text
    code, unpack = verifier.pack(released), verifier.unpack

    def lossy(qr_text: str) -> str:
        return unpack(qr_text) + ("~" if qr_text == code else "")

    monkeypatch.setattr(verifier, "unpack", lossy)
    lint(prepared(), now=NOW)
    with pytest.raises(LintError, match="packing: unpacking gives other bytes"):
        signed()


NAMES = st.from_regex(r"[A-Z]{1,8}( [A-Z]{1,8}){0,3}", fullmatch=True)
NUMBERS = st.from_regex(r"[A-Z0-9]{1,22}", fullmatch=True)
CODES = st.from_regex(r"[A-Z]{3}", fullmatch=True)


@st.composite
def cards(draw: st.DrawFn) -> CardData:
    """Anything that the profile and the scheme allow."""
    issuer = draw(st.sampled_from([*SCHEME.economies]))
    nationality = draw(CODES | st.sampled_from([*SCHEME.economies]))
    possible = SCHEME.destinations(issuer, nationality, NOW)
    economies = draw(st.sets(st.sampled_from(possible))) if possible else set()
    forms = sorted(SCHEME.issuance_mode(issuer, NOW) or {"app", "physical"})
    return CardData(
        issuer=issuer,
        document_number=draw(NUMBERS),
        family_name=draw(NAMES),
        given_name=draw(NAMES | st.just("")),
        birthdate=draw(st.dates(date(1900, 1, 1), NOW.date())),
        nationality=nationality,
        passport_country=draw(st.just(nationality) | CODES),
        passport_number=draw(NUMBERS),
        passport_expires_on=draw(st.dates(date(2031, 1, 1), date(2110, 1, 1))),
        form=draw(st.sampled_from(forms)),
        economies=tuple(sorted(economies)),
    )


@given(cards(), st.integers(0, 2**17 - 1), st.integers(0, 2**32 - 1))
def test_q10_every_card_survives_packing(
    card: CardData, index: int, number: int
) -> None:
    """Any card of the profile is signed, packed, unpacked, and reads the same."""
    url = SCHEME.economy(card.issuer).issuer_url
    signer = FixedSigner.of(card.issuer, "card")
    credential = sign(
        prepared(
            card,
            status_uri=f"{url}/status/{number}",
            status_index=index,
            exp=card_expiry(NOW.date(), 5, card.passport_expires_on),
        ),
        signer,
        key=KeyRecord.of(signer, issuer_url=url, signs_from=NOW),
        now=NOW,
        last_issued_at=None,
    )
    text = verifier.pack(credential.text)
    assert verifier.unpack(text) == credential.text
    claims = payload_of(credential.text)
    assert (claims["family_name"], claims["given_name"], claims["economies"]) == (
        card.family_name,
        card.given_name,
        list(card.economies),
    )


def payload_of(presentation: str) -> dict[str, Any]:
    payload = presentation.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    assert isinstance(claims, dict)
    return claims


# From the scheme file to the officer's answer


class Installation:
    """An economy's keys, documents and lists, made as a back office makes them."""

    def __init__(self, folder: Path, economy: str) -> None:
        self.economy = economy
        self.scheme = Scheme.load()
        self.url = self.scheme.economy(economy).issuer_url
        self.card_signer = self._signer(folder, "card")
        self.status_signer = self._signer(folder, "status")
        self.records = [
            KeyRecord.of(signer, issuer_url=self.url, signs_from=NOW - DAY)
            for signer in (self.card_signer, self.status_signer)
        ]

    def _signer(self, folder: Path, use: KeyUse) -> FileSigner:
        path = generate_key_file(
            folder, key_id=f"{self.economy}-{use}-1", use=use, passphrase=b"secret"
        )
        return FileSigner.load(path, passphrase=b"secret")

    def documents(self) -> dict[str, bytes]:
        status = status_token(
            StatusStates.of({}, capacity=64),
            uri=f"{self.url}/status/1",
            iat=NOW,
            exp=NOW + 7 * DAY,
            ttl=None,
            signer=self.status_signer,
        )
        keys = issuer_document(
            self.scheme, self.economy, keys=self.records, issued_at=NOW
        )
        policy = policy_document(self.scheme, self.economy, issued_at=NOW)
        return {
            f"{self.economy}/issuer.json": keys,
            f"{self.economy}/policy.json": policy,
            f"{self.economy}/status/1.jwt": status,
        }

    def overlay(self, over: str) -> dict[str, bytes]:
        token = overlay_token(
            OverlayStates.of({7: Overlay.AS_THE_CARD_SAYS}, capacity=64),
            uri=f"{self.url}/overlay/{over}/1",
            iat=NOW,
            exp=NOW + 7 * DAY,
            ttl=None,
            signer=self.status_signer,
        )
        return {f"{self.economy}/overlay/{over}/1.jwt": token}

    def issue(self, card: CardData, holder_key: object) -> Credential:
        key = holder_key_from_jwk(holder_key) if holder_key else None
        ready = prepare(
            card,
            scheme=self.scheme,
            key_id=self.card_signer.key_id,
            holder_key=key,
            status_uri=f"{self.url}/status/1",
            status_index=7,
            iat=NOW,
            exp=card_expiry(NOW.date(), 5, card.passport_expires_on),
        )
        lint(ready, now=NOW)
        return sign(
            ready, self.card_signer, key=self.records[0], now=NOW, last_issued_at=None
        )


@pytest.mark.parametrize(
    ("form", "destination", "reason"),
    [
        ("app", "SGP", "entry.cleared"),
        ("app", "NZL", "entry.cleared"),
        ("app", "JPN", "entry.not_cleared"),
        ("app", "USA", "entry.lane_only"),
        ("app", "RUS", "entry.form"),
        ("app", "KOR", "entry.not_required"),
        ("physical", "SGP", "entry.cleared"),
        ("physical", "JPN", "entry.not_cleared"),
        ("physical", "RUS", "entry.cleared"),
    ],
)
def test_a_card_issued_here_is_accepted_there(
    tmp_path: Path, form: Any, destination: str, reason: str
) -> None:
    """Scheme, keys, documents, card, phone, code, officer: the whole way."""
    here = Installation(tmp_path, "KOR")
    there = here if destination == "KOR" else Installation(tmp_path, destination)
    card = replace(
        CARD,
        issuer="KOR",
        nationality="KOR",
        form=form,
        economies=("NZL", "RUS", "SGP"),
    )
    if form == "app":
        phone = Phone()
        phone.receive(here.issue(card, phone.cnf_jwk()).text)
        shown = phone.show(NOW)
    else:
        shown = verifier.pack(here.issue(card, None).text)
    trust = verifier.Trust.from_documents(
        {
            "scheme.json": scheme_document(here.scheme, issued_at=NOW),
            **here.documents(),
            **there.documents(),
            **there.overlay("KOR"),
        },
        version=1,
        issued_at=NOW,
        expires_at=NOW + DAY,
    )
    assert trust.problems == ()
    decision = verifier.verify(
        shown,
        trust=trust,
        policy=verifier.Policy(economy=destination),
        expected_passport=None,
        expected_challenge=None,
        now=NOW + 5 * SECOND,
    )
    assert isinstance(decision, verifier.Accepted)
    assert decision.entitlement.entry.reason == reason
    assert decision.card.family_name == "CITIZEN"
    assert decision.evidence.economy == "KOR"


# Other readers


def test_another_library_verifies_what_a_phone_presents() -> None:
    """The SD-JWT package checks signature, proof, audience, nonce and digest."""
    phone = Phone()
    ready = prepared(holder_key=holder_key_from_jwk(phone.cnf_jwk()))
    phone.receive(signed(ready).text)
    key = JWK.from_json(json.dumps(jwk(fixed_key("AUS-card"))))
    for shown, audience, nonce in [
        (verifier.unpack(phone.show(NOW)), "urn:abtc:border", "iat.1894708800"),
        (verifier.unpack(phone.answer("c" * 22, NOW)), "urn:abtc:border", "c" * 22),
        (
            phone.present("https://air.example", "n-1", NOW),
            "https://air.example",
            "n-1",
        ),
    ]:
        read = SDJWTVerifier(
            shown,
            lambda issuer, header: key,
            expected_aud=audience,
            expected_nonce=nonce,
        )
        assert read.get_verified_payload() == ready.claims
        with pytest.raises(ValueError, match="nonce"):
            SDJWTVerifier(
                shown, lambda *_: key, expected_aud=audience, expected_nonce="other"
            )


def test_the_simulator_builds_the_same_card() -> None:
    """Two hands, one specification: the same bytes."""
    world = World()
    iat, exp = world.claims()["iat"], world.claims()["exp"]
    issued_at, ends_at = (
        datetime.fromtimestamp(int(str(at)), UTC) for at in (iat, exp)
    )
    economies = SCHEME.destinations("AUS", "AUS", issued_at)
    card = replace(CARD, economies=economies)
    ready = prepared(card, iat=issued_at, exp=ends_at)
    assert world.card().startswith(ready.signing_input + ".")
