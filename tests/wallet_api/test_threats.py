"""Attacks on the wallet's server, by the numbers of area W, each against a real one."""

import gzip
import json
import secrets
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from issuer.errors import SettingsError
from issuer.jws import PrivateKey, b64u, canonical, new_private_key, public_jwk
from issuer.store import AuditRow, Offer, OfferState, Phone
from tests.soak import rounds
from tests.wallet_api.scene import (
    PRE_AUTHORIZED,
    Scene,
    TestPhone,
    address_in,
    body_of,
    jws,
)

THREADS = 50


def at_once(size: int, work: Any) -> list[TestResponse]:
    """Do the same with many threads, and return what each was answered."""
    with ThreadPoolExecutor(size) as pool:
        return [*pool.map(work, range(size))]


def tags(scene: Scene, beginning: str) -> list[str]:
    query = select(AuditRow.tag).where(AuditRow.tag.startswith(beginning))
    return scene.store.read(
        lambda session: [*session.scalars(query.order_by(AuditRow.seq))]
    )


def is_denied(answer: TestResponse, error: str, status: int = 400) -> bool:
    """Tell whether a refusal has its word, where it belongs, and is kept nowhere."""
    assert answer.headers["Cache-Control"] == "no-store"
    if status == 401:
        assert f'error="{error}"' in answer.headers["WWW-Authenticate"]
    return (answer.status_code, body_of(answer)["error"]) == (status, error)


# W1, W2, W3: codes


def test_w1_codes_have_256_bits_and_lie_nowhere(scene: Scene) -> None:
    offer = scene.offer(scene.cards.make("AUS"))
    code = scene.phone().code_of(offer)
    reference = address_in(offer.link).rpartition("/")[2]
    assert len(code) == len(reference) == 43  # of 6 bits each
    row = scene.store.read(lambda session: session.scalars(select(Offer)).one())
    assert code.encode() not in (row.code_hash, row.reference_hash)
    assert len(row.code_hash) == 32


def test_w1_who_guesses_is_told_to_wait(small: Scene) -> None:
    scene = Scene.of(small.office, per_address=5)
    phone = scene.phone()
    guess = secrets.token_urlsafe(32)
    answers = [phone.redeem(guess) for _ in range(6)]
    assert [each.status_code for each in answers] == [400] * 5 + [429]
    assert int(answers[-1].headers["Retry-After"]) == 12
    elsewhere = phone.client.get("/time", environ_base={"REMOTE_ADDR": "192.0.2.1"})
    assert elsewhere.status_code == 200
    scene.clock.passes(seconds=12)
    assert phone.redeem(guess).status_code == 400


def test_w1_all_together_are_told_to_wait(small: Scene) -> None:
    scene = Scene.of(small.office, overall=5)
    client = scene.app.test_client()
    found = [
        client.get("/time", environ_base={"REMOTE_ADDR": f"192.0.2.{n}"}).status_code
        for n in range(7)
    ]
    assert found == [200] * 5 + [429] * 2


@pytest.mark.parametrize(
    "guess", ["", "x", "\0", "é" * 40, "x" * 513, "%00", "' OR 1=1 --"]
)
def test_w1_a_guess_is_an_answer_and_no_fault(small: Scene, guess: str) -> None:
    answer = small.phone().redeem(guess)
    assert answer.status_code == 400
    assert body_of(answer)["error"] in ("invalid_grant", "invalid_request")


def test_w2_five_wrong_codes_and_the_offer_is_dead(scene: Scene) -> None:
    offer = scene.offer(scene.cards.make("AUS"))
    phone = scene.phone()
    code = phone.code_of(offer)
    for _ in range(5):
        assert is_denied(
            phone.redeem(code, _wrong(offer.one_time_code)), "invalid_grant"
        )
    assert is_denied(phone.redeem(code, offer.one_time_code), "invalid_grant")
    assert tags(scene, "offer:") == ["offer:made", "offer:dead"]


def _wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def test_w2_a_wrong_code_does_not_burn_the_offer(scene: Scene) -> None:
    offer = scene.offer(scene.cards.make("AUS"))
    phone = scene.phone()
    code = phone.code_of(offer)
    for _ in range(4):
        assert phone.redeem(code, _wrong(offer.one_time_code)).status_code == 400
    assert phone.redeem(code, offer.one_time_code).status_code == 200


def test_w2_wrong_codes_are_counted_over_a_restart(scene: Scene) -> None:
    offer = scene.offer(scene.cards.make("AUS"))
    code = scene.phone().code_of(offer)
    for _ in range(5):
        restarted = Scene.of(scene.office)
        restarted.phone().redeem(code, _wrong(offer.one_time_code))
    assert scene.phone().redeem(code, offer.one_time_code).status_code == 400


def test_w2_and_l6_many_guessers_have_five_tries_together(scene: Scene) -> None:
    """32 at once, each with a key of its own, and the server restarts midway."""
    offer = scene.offer(scene.cards.make("AUS"))
    code = scene.phone().code_of(offer)
    wrong = _wrong(offer.one_time_code)
    half = rounds(64, 1_000) // 2

    def guess(server: Scene) -> int:
        return server.phone().redeem(code, wrong).status_code

    for _ in range(2):
        restarted = Scene.of(scene.office, per_address=10**6, overall=10**6)
        with ThreadPoolExecutor(32) as pool:
            assert {*pool.map(guess, [restarted] * half)} == {400}
    row = scene.store.read(lambda session: session.scalars(select(Offer)).one())
    assert (row.wrong, row.state) == (5, OfferState.DEAD)
    assert scene.phone().redeem(code, offer.one_time_code).status_code == 400


@pytest.mark.parametrize(
    "spelled", [lambda c: f"{c[:3]} {c[3:]}", lambda c: f" {c[:3]}-{c[3:]} ",
                lambda c: "".join(chr(ord(each) - 48 + 0xFF10) for each in c)]
)  # fmt: skip
def test_w2_spacing_and_width_are_no_other_code(small: Scene, spelled: Any) -> None:
    offer = small.offer(small.cards.make("AUS"))
    phone = small.phone()
    code = phone.code_of(offer)
    assert phone.redeem(code, spelled(offer.one_time_code)).status_code == 200


def test_w2_a_code_that_is_missing_or_too_much_is_no_try(scene: Scene) -> None:
    offer = scene.offer(scene.cards.make("AUS"))
    phone = scene.phone()
    code = phone.code_of(offer)
    for _ in range(6):
        assert is_denied(phone.redeem(code), "invalid_request")
    assert phone.redeem(code, offer.one_time_code).status_code == 200


def test_w3_one_of_fifty_phones_gets_the_card(scene: Scene) -> None:
    scene = Scene.of(scene.office, per_address=10**6)
    offer = scene.offer(scene.cards.make("AUS"))
    code = scene.phone().code_of(offer)
    answers = at_once(
        THREADS, lambda _: scene.phone().redeem(code, offer.one_time_code)
    )
    assert sorted(each.status_code for each in answers) == [200] + [400] * 49
    phones = scene.store.read(lambda session: session.scalars(select(Phone)).all())
    assert len(phones) == 1


def test_w3_an_offer_of_another_economy_is_none(scene: Scene) -> None:
    offer = scene.offer(scene.cards.make("AUS"))
    stranger = scene.phone("KOR")
    code = scene.phone().code_of(offer)
    assert is_denied(stranger.redeem(code, offer.one_time_code), "invalid_grant")
    reference = address_in(offer.link).rpartition("/")[2]
    assert stranger.client.get(f"/KOR/offer/{reference}").status_code == 404


# W4, W5: nonces and proofs of the card's key


def test_w4_a_nonce_is_used_once(scene: Scene) -> None:
    phone = scene.phone().accept(scene.offer(scene.cards.make("AUS")))
    proof = phone.proof(phone.nonce())
    assert phone.ask(proof).status_code == 200
    assert is_denied(phone.ask(proof), "invalid_nonce")


def test_w4_fifty_at_once_use_a_nonce_once(scene: Scene) -> None:
    scene = Scene.of(scene.office, per_address=10**6)
    phone = scene.phone().accept(scene.offer(scene.cards.make("AUS")))
    proof = phone.proof(phone.nonce())
    answers = at_once(THREADS, lambda _: phone.ask(proof))
    assert sorted(each.status_code for each in answers) == [200] + [400] * 49
    assert {body_of(each).get("error") for each in answers} == {None, "invalid_nonce"}


def test_w4_a_nonce_ends_and_cannot_be_forged(scene: Scene) -> None:
    phone = scene.phone().accept(scene.offer(scene.cards.make("AUS")))
    good = phone.nonce()
    expiry, random, mark = good.split(".")
    later = f"{int(expiry) + 60}.{random}.{mark}"
    elsewhere = scene.phone("KOR").nonce()
    for nonce in (later, elsewhere, f"{expiry}.x.{mark}", "", "x", "é", good + "A"):
        assert is_denied(phone.ask(phone.proof(nonce)), "invalid_nonce")
    scene.clock.passes(minutes=5)
    phone.renew()
    assert is_denied(phone.ask(phone.proof(good)), "invalid_nonce")


def test_w4_a_nonce_that_another_phone_used_is_used(scene: Scene) -> None:
    first = scene.phone().accept(scene.offer(scene.cards.make("AUS")))
    second = scene.phone().accept(scene.offer(scene.cards.make("AUS")))
    nonce = first.nonce()
    assert first.ask(first.proof(nonce)).status_code == 200
    assert is_denied(second.ask(second.proof(nonce)), "invalid_nonce")


ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
RSA = {"kty": "RSA", "n": b64u(b"\1" * 256), "e": "AQAB"}


def bad_proofs(phone: TestPhone) -> dict[str, str]:
    """Proofs of the card's key, each wrong in one way."""
    now = int(phone.scene.clock().timestamp())
    own = public_jwk(phone.holder_key.public_key())
    other = public_jwk(new_private_key().public_key())
    secret = {**own, "d": b64u(b"\1" * 32)}
    curve = ec.generate_private_key(ec.SECP384R1()).public_key().public_numbers()
    p384 = {"kty": "EC", "crv": "P-384", "x": b64u(curve.x.to_bytes(48, "big")),
            "y": b64u(curve.y.to_bytes(48, "big"))}  # fmt: skip
    nonce = phone.nonce
    good = phone.proof(nonce())
    header, payload, signature = good.split(".")
    unsigned = b64u(canonical({"alg": "none", "typ": "openid4vci-proof+jwt",
                               "jwk": own}))  # fmt: skip
    return {
        "aud": phone.proof(nonce(), aud="http://localhost/KOR"),
        "aud with a slash": phone.proof(nonce(), aud=f"{phone.issuer}/"),
        "aud of many": phone.proof(nonce(), aud=[phone.issuer]),
        "no aud": phone.proof(nonce(), aud=None),
        "iss": phone.proof(nonce(), iss="wallet"),
        "typ": phone.proof(nonce(), header={"typ": "JWT"}),
        "typ of dpop": phone.proof(nonce(), header={"typ": "dpop+jwt"}),
        "no typ": phone.proof(nonce(), header={"typ": None}),
        "old": phone.proof(nonce(), iat=now - 301),
        "ahead": phone.proof(nonce(), iat=now + 61),
        "iat text": phone.proof(nonce(), iat=str(now)),
        "iat true": phone.proof(nonce(), iat=True),
        "iat float": phone.proof(nonce(), iat=now + 0.5),
        "no iat": phone.proof(nonce(), iat=None),
        "no nonce": phone.proof(nonce(), nonce=None),
        "nonce number": phone.proof(nonce(), nonce=1),
        "alg none": f"{unsigned}.{payload}.",
        "alg none signed": f"{unsigned}.{payload}.{signature}",
        "alg HS256": phone.proof(nonce(), header={"alg": "HS256"}),
        "private key": phone.proof(nonce(), header={"jwk": secret}),
        "other key": phone.proof(nonce(), header={"jwk": other}),
        "kid only": phone.proof(nonce(), header={"jwk": None, "kid": "k"}),
        "kid beside": phone.proof(nonce(), header={"kid": "k"}),
        "x5c": phone.proof(nonce(), header={"x5c": ["MIIB"]}),
        "jku": phone.proof(nonce(), header={"jku": "https://evil.example"}),
        "crit": phone.proof(nonce(), header={"crit": ["exp"]}),
        "RSA": phone.proof(nonce(), header={"jwk": RSA}),
        "P-384": phone.proof(nonce(), header={"jwk": p384}),
        "key text": phone.proof(nonce(), header={"jwk": "x"}),
        "cut": good[:-1],
        "padded": f"{good}=",
        # 64 bytes leave four bits of the last letter unused.
        "loose": good[:-1] + ALPHABET[ALPHABET.index(good[-1]) + 1],
        "two parts": f"{header}.{payload}",
        "four parts": f"{good}.AA",
        "empty": "",
        "long": "x" * 13_000,
    }


def test_w5_a_bad_proof_brings_no_card(scene: Scene) -> None:
    card = scene.cards.make("AUS")
    phone = scene.phone().accept(scene.offer(card))
    for name, proof in bad_proofs(phone).items():
        answer = phone.bound(
            "POST",
            "credential",
            {"credential_configuration_id": "AbtcCard", "proofs": {"jwt": [proof]}},
        )
        assert is_denied(answer, "invalid_proof"), name
    assert scene.cards.issues(card) == []


def test_w5_a_key_of_another_holders_card_is_refused(scene: Scene) -> None:
    victim = scene.phone().take(scene.offer(scene.cards.make("AUS")))
    thief = scene.phone().accept(scene.offer(scene.cards.make("AUS")))
    thief.holder_key = victim.holder_key
    assert is_denied(thief.ask(), "invalid_proof")


def test_w5_a_phone_keeps_the_key_that_it_began_with(scene: Scene) -> None:
    phone = scene.phone().take(scene.offer(scene.cards.make("AUS")))
    phone.holder_key = new_private_key()
    assert is_denied(phone.ask(), "invalid_proof")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "invalid_credential_request"),
        ({"credential_configuration_id": 1}, "invalid_credential_request"),
        ({"credential_configuration_id": "Other"}, "unknown_credential_configuration"),
        ({"credential_identifier": "Other"}, "unknown_credential_identifier"),
        (
            {"credential_identifier": "AbtcCard",
             "credential_configuration_id": "AbtcCard"},
            "invalid_credential_request",
        ),
        ({"credential_configuration_id": "AbtcCard"}, "invalid_proof"),
        (
            {"credential_configuration_id": "AbtcCard",
             "proof": {"proof_type": "jwt", "jwt": "x"}},
            "invalid_proof",
        ),
        (
            {"credential_configuration_id": "AbtcCard", "proofs": {"jwt": []}},
            "invalid_proof",
        ),
        (
            {"credential_configuration_id": "AbtcCard", "proofs": {"jwt": ["a", "b"]}},
            "invalid_proof",
        ),
        (
            {"credential_configuration_id": "AbtcCard", "proofs": {"ldp_vp": ["a"]}},
            "invalid_proof",
        ),
        (
            {"credential_configuration_id": "AbtcCard", "proofs": {"jwt": ["a"]},
             "credential_response_encryption": {"enc": "A256GCM"}},
            "invalid_encryption_parameters",
        ),
    ],
)  # fmt: skip
def test_w5_a_malformed_request_has_its_word(
    small: Scene, body: object, error: str
) -> None:
    phone = small.phone().accept(small.offer(small.cards.make("AUS")))
    assert is_denied(phone.bound("POST", "credential", body), error)


# W6, W7, W8: tokens, and the proofs that come with them


def test_w6_a_stolen_token_opens_nothing(scene: Scene) -> None:
    victim = scene.phone().take(scene.offer(scene.cards.make("AUS")))
    thief = scene.phone()
    thief.access = victim.access
    stolen = thief.bound("GET", "holder/card")
    assert is_denied(stolen, "invalid_token", 401)
    thief.access = secrets.token_urlsafe(32)
    unknown = thief.bound("GET", "holder/card")
    assert stolen.data == unknown.data
    assert stolen.headers["WWW-Authenticate"] == unknown.headers["WWW-Authenticate"]
    thief.refresh = victim.refresh
    assert is_denied(thief.renew(), "invalid_grant")


def test_w6_a_token_is_good_in_its_economy_and_its_header(scene: Scene) -> None:
    phone = scene.phone().take(scene.offer(scene.cards.make("AUS")))
    phone.economy = "KOR"
    assert is_denied(phone.bound("GET", "holder/card"), "invalid_token", 401)
    assert is_denied(phone.renew(), "invalid_grant")
    phone.economy = "AUS"
    proof = phone.dpop("GET", "holder/card", token=phone.access)
    in_query = phone.client.get(
        f"/AUS/holder/card?access_token={phone.access}", headers={"DPoP": proof}
    )
    assert in_query.status_code == 401


def test_w6_what_belongs_to_another_looks_as_if_it_were_not(scene: Scene) -> None:
    one = scene.phone().take(scene.offer(scene.cards.make("AUS")))
    two = scene.phone().take(scene.offer(scene.cards.make("AUS")))
    two.notification, own = one.notification, two.notification
    theirs = two.tell()
    two.notification = "nothing"
    assert theirs.data == two.tell().data
    assert is_denied(theirs, "invalid_notification_id")
    two.notification = own
    assert [two.tell().status_code for _ in range(2)] == [204, 204]


def bad_dpops(phone: TestPhone, method: str, path: str, token: str | None) -> Any:
    """Proofs that are wrong in one way, for a request."""
    now = int(phone.scene.clock().timestamp())
    own = public_jwk(phone.key.public_key())

    def made(**given: Any) -> str:
        return phone.dpop(method, path, token=token, **given)

    yield "htm", made(htm="PUT")
    yield "htm case", made(htm=method.lower())
    yield "htu", made(htu="http://localhost/AUS/other")
    yield "htu query", made(htu=f"{phone.issuer}/{path}?a=b")
    yield "htu host", made(htu=f"http://evil.example/AUS/{path}")
    yield "no htu", made(htu=None)
    yield "no jti", made(jti=None)
    yield "empty jti", made(jti="")
    yield "long jti", made(jti="x" * 257)
    yield "old", made(iat=now - 301)
    yield "ahead", made(iat=now + 61)
    yield "iat text", made(iat=str(now))
    yield "typ", made(header={"typ": "JWT"})
    yield "alg", made(header={"alg": "none"})
    yield "kid", made(header={"kid": "k"})
    yield "private", made(header={"jwk": {**own, "d": "AQ"}})
    yield "other key", made(header={"jwk": public_jwk(new_private_key().public_key())})
    yield "of the card's kind", phone.proof("x")
    yield "two", f"{made()},{made()}"
    yield "none", ""
    if token is not None:
        yield "ath", made(ath=b64u(b"\0" * 32))
        yield "no ath", made(ath=None)


def test_w7_a_bad_proof_opens_no_protected_address(scene: Scene) -> None:
    phone = scene.phone().take(scene.offer(scene.cards.make("AUS")))
    bad = bad_dpops(phone, "GET", "holder/card", phone.access)
    for name, proof in bad:
        answer = phone.bound("GET", "holder/card", headers={"DPoP": proof})
        assert is_denied(answer, "invalid_dpop_proof", 401), name
        assert 'algs="ES256"' in answer.headers["WWW-Authenticate"]


def test_w7_a_bad_proof_gets_no_token(scene: Scene) -> None:
    offer = scene.offer(scene.cards.make("AUS"))
    phone = scene.phone()
    code = phone.code_of(offer)
    fields = {"grant_type": PRE_AUTHORIZED, "pre-authorized_code": code,
              "tx_code": offer.one_time_code}  # fmt: skip
    for name, proof in bad_dpops(phone, "POST", "token", None):
        answer = phone.client.post(
            "/AUS/token", data=fields, headers={"DPoP": proof} if proof else {}
        )
        assert is_denied(answer, "invalid_dpop_proof"), name
    assert phone.redeem(code, offer.one_time_code).status_code == 200


def test_w7_a_proof_is_used_once(scene: Scene) -> None:
    phone = scene.phone().take(scene.offer(scene.cards.make("AUS")))
    proof = {"DPoP": phone.dpop("GET", "holder/card", token=phone.access)}
    assert phone.bound("GET", "holder/card", headers=proof).status_code == 200
    again = phone.bound("GET", "holder/card", headers=proof)
    assert is_denied(again, "invalid_dpop_proof", 401)
    dpop = phone.dpop("POST", "token")
    fields = {"grant_type": "refresh_token", "refresh_token": phone.refresh}
    assert phone.token(dpop=dpop, **fields).status_code == 200
    assert is_denied(phone.token(dpop=dpop, **fields), "invalid_dpop_proof")


def test_w7_fifty_at_once_use_a_proof_once(scene: Scene) -> None:
    scene = Scene.of(scene.office, per_address=10**6)
    phone = scene.phone().take(scene.offer(scene.cards.make("AUS")))
    proof = {"DPoP": phone.dpop("GET", "holder/card", token=phone.access)}
    answers = at_once(
        THREADS, lambda _: phone.bound("GET", "holder/card", headers=proof)
    )
    assert sorted(each.status_code for each in answers) == [200] + [401] * 49


def test_w7_no_header_says_where_the_server_is(scene: Scene) -> None:
    phone = scene.phone().take(scene.offer(scene.cards.make("AUS")))
    forged = phone.dpop("GET", "holder/card", token=phone.access,
                        htu="http://127.0.0.1/AUS/holder/card")  # fmt: skip
    answer = phone.bound(
        "GET", "holder/card", headers={"DPoP": forged, "Host": "127.0.0.1"}
    )
    assert is_denied(answer, "invalid_dpop_proof", 401)
    foreign = phone.bound("GET", "holder/card", headers={"Host": "evil.example"})
    assert foreign.status_code == 400
    spoofed = phone.bound(
        "GET", "holder/card", headers={"X-Forwarded-Host": "evil.example"}
    )
    assert spoofed.status_code == 200


def test_w7_a_proof_can_be_made_to_carry_a_nonce_of_the_server(scene: Scene) -> None:
    """Asking for it burns nothing: the code, the token and the offer stay good."""
    scene = Scene.of(scene.office, dpop_nonce=True)
    offer = scene.offer(scene.cards.make("AUS"))
    phone = scene.phone()
    code = phone.code_of(offer)
    asked = phone.redeem(code, offer.one_time_code)
    assert is_denied(asked, "use_dpop_nonce")
    nonce = asked.headers["DPoP-Nonce"]
    fields = {"grant_type": PRE_AUTHORIZED, "pre-authorized_code": code,
              "tx_code": offer.one_time_code}  # fmt: skip
    for wrong in ("x", 1, f"{nonce}A"):
        dpop = phone.dpop("POST", "token", nonce=wrong)
        assert is_denied(phone.token(dpop=dpop, **fields), "use_dpop_nonce")
    answer = phone.token(dpop=phone.dpop("POST", "token", nonce=nonce), **fields)
    phone.access = body_of(answer)["access_token"]
    without = phone.bound("GET", "holder/preview")
    assert is_denied(without, "use_dpop_nonce", 401)
    proof = phone.dpop("GET", "holder/preview", token=phone.access, nonce=nonce)
    good = phone.bound("GET", "holder/preview", headers={"DPoP": proof})
    assert good.status_code == 200
    scene.clock.passes(minutes=10)
    late = phone.dpop("POST", "token", nonce=nonce)
    assert is_denied(phone.token(dpop=late, **fields), "use_dpop_nonce")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Basic", ""])
def test_w8_a_bound_token_is_no_bearers(scene: Scene, scheme: str) -> None:
    phone = scene.phone().take(scene.offer(scene.cards.make("AUS")))
    given = {"Authorization": f"{scheme} {phone.access}".strip()}
    assert phone.bound("GET", "holder/card", headers=given).status_code == 401


def test_w8_a_scheme_is_read_without_case_and_a_proof_is_needed(scene: Scene) -> None:
    phone = scene.phone().take(scene.offer(scene.cards.make("AUS")))
    for scheme in ("dpop", "DPOP"):
        given = {"Authorization": f"{scheme} {phone.access}"}
        assert phone.bound("GET", "holder/card", headers=given).status_code == 200
    bare = phone.client.get(
        "/AUS/holder/card", headers={"Authorization": f"DPoP {phone.access}"}
    )
    assert is_denied(bare, "invalid_dpop_proof", 401)
    nothing = phone.client.get("/AUS/holder/card")
    assert nothing.status_code == 401
    assert nothing.headers["WWW-Authenticate"] == 'DPoP algs="ES256"'


# W9, attestations: who says that a key cannot leave its phone


def attesting(scene: Scene, folder: Path) -> tuple[Scene, PrivateKey]:
    """A server that gives cards of AUS to attested keys only, and who attests."""
    attester = new_private_key()
    keys = {"keys": [{**public_jwk(attester.public_key()), "kid": "maker-1"}]}
    (folder / "attesters.json").write_text(json.dumps(keys))
    return Scene.of(scene.office, attesters={"AUS": "attesters.json"}), attester


def attest(
    phone: TestPhone, attester: PrivateKey, nonce: str, /, **changed: Any
) -> str:
    header = {"alg": "ES256", "typ": "key-attestation+jwt", "kid": "maker-1"}
    now = int(phone.scene.clock().timestamp())
    claims = {
        "iat": now - 3_600,
        "exp": now + 3_600,
        "nonce": nonce,
        "attested_keys": [public_jwk(phone.holder_key.public_key())],
        **{name: each for name, each in changed.items() if name not in header},
    }
    return jws(
        attester,
        {**header, **{name: changed[name] for name in header if name in changed}},
        {name: each for name, each in claims.items() if each is not None},
    )


def test_w9_only_an_attested_key_gets_a_card(small: Scene, tmp_path: Path) -> None:
    scene, attester = attesting(small, tmp_path)
    card = scene.cards.make("AUS")
    phone = scene.phone().accept(scene.offer(card))
    now = int(scene.clock().timestamp())
    others = [public_jwk(new_private_key().public_key())]
    changes: tuple[dict[str, Any], ...] = (
        {"kid": "maker-2"}, {"typ": "JWT"}, {"alg": "none"},
        {"attested_keys": others}, {"attested_keys": []}, {"attested_keys": None},
        {"attested_keys": [{"kty": "EC"}, "x"]},
        {"exp": now}, {"exp": None}, {"exp": True}, {"iat": now + 61}, {"iat": None},
        {"nonce": "other"}, {"nonce": None},
    )  # fmt: skip
    for changed in changes:
        nonce = phone.nonce()
        said = attest(phone, attester, nonce, **changed)
        proof = phone.proof(nonce, header={"key_attestation": said})
        assert is_denied(phone.ask(proof), "invalid_proof"), changed
    assert is_denied(phone.ask(), "invalid_proof")
    nonce = phone.nonce()
    stranger = attest(phone, new_private_key(), nonce)
    proof = phone.proof(nonce, header={"key_attestation": stranger})
    assert is_denied(phone.ask(proof), "invalid_proof")
    for odd in ("", "x", 1, None, "x" * 9_000):
        proof = phone.proof(nonce, header={"key_attestation": odd})
        assert is_denied(phone.ask(proof), "invalid_proof")
    proof = phone.proof(
        nonce, header={"key_attestation": attest(phone, attester, nonce)}
    )
    assert phone.ask(proof).status_code == 200
    # An attester can say it each time, and take its word back.
    assert is_denied(phone.ask(), "invalid_proof")


def test_w9_metadata_says_that_attestations_are_asked_for(
    small: Scene, tmp_path: Path
) -> None:
    scene, _ = attesting(small, tmp_path)
    for economy, asked in (("AUS", True), ("KOR", False)):
        path = f"/.well-known/openid-credential-issuer/{economy}"
        metadata = body_of(scene.app.test_client().get(path))
        configuration = metadata["credential_configurations_supported"]["AbtcCard"]
        types = configuration["proof_types_supported"]["jwt"]
        assert ("key_attestations_required" in types) == asked


def test_w9_what_nobody_can_check_counts_for_nothing(small: Scene) -> None:
    """No attester is known: neither of keys, nor of wallets."""
    offer = small.offer(small.cards.make("AUS"))
    phone = small.phone()
    code = phone.code_of(offer)
    for name in ("OAuth-Client-Attestation", "OAuth-Client-Attestation-PoP"):
        answer = phone.client.post(
            "/AUS/token",
            data={"grant_type": PRE_AUTHORIZED, "pre-authorized_code": code,
                  "tx_code": offer.one_time_code},
            headers={"DPoP": phone.dpop("POST", "token"), name: "x.y.z"},
        )  # fmt: skip
        assert is_denied(answer, "invalid_client")
    phone.redeem(code, offer.one_time_code)
    nonce = phone.nonce()
    said = attest(phone, new_private_key(), nonce)
    proof = phone.proof(nonce, header={"key_attestation": said})
    assert is_denied(phone.ask(proof), "invalid_proof")


@pytest.mark.parametrize("text", ["", "{}", '{"keys": []}', '{"keys": [{"kid": "a"}]}'])
def test_w9_a_file_without_attesters_is_no_file(
    small: Scene, tmp_path: Path, text: str
) -> None:
    (tmp_path / "attesters.json").write_text(text)
    with pytest.raises(SettingsError, match="JWK set"):
        Scene.of(small.office, attesters={"AUS": "attesters.json"})


# W10, W11, W12, W13


def test_w10_whose_card_it_is_shows_before_the_holder_says_yes(scene: Scene) -> None:
    card = scene.cards.make("AUS")
    phone = scene.phone().accept(scene.offer(card))
    preview = body_of(phone.bound("GET", "holder/preview"))
    assert preview["issuer_name"] == "Australia"
    assert preview["holder"]["family_name"] == "CITIZEN"
    assert preview["passport"]["number_end"] == "001"
    assert "PA0000001" not in json.dumps(preview)
    assert scene.cards.issues(card) == []


def test_w10_the_link_alone_opens_nothing(scene: Scene) -> None:
    """The one-time code is in no link, and in no answer about the offer."""
    offer = scene.offer(scene.cards.make("AUS"))
    phone = scene.phone()
    assert offer.one_time_code not in offer.link + offer.wallet_link
    assert is_denied(phone.redeem(phone.code_of(offer)), "invalid_request")


URLS = ("http://127.0.0.1:9/", "http://169.254.169.254/", "file:///etc/passwd",
        "https://evil.example/")  # fmt: skip


def test_w11_no_address_of_a_phone_is_ever_fetched(
    small: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def refuse(*given: object, **_: object) -> None:
        asked.append(given)
        raise OSError

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    phone = small.phone().accept(small.offer(small.cards.make("AUS")))
    for url in URLS:
        for member in ("jku", "x5u", "kid", "iss"):
            phone.ask(phone.proof(phone.nonce(), header={member: url}))
        phone.token(grant_type=PRE_AUTHORIZED, redirect_uri=url, client_id=url)
        body = {"credential_configuration_id": "AbtcCard", "credential_offer_uri": url,
                "proofs": {"jwt": [phone.proof(phone.nonce(), aud=url)]}}  # fmt: skip
        phone.bound("POST", "credential", body)
        phone.client.get(f"/AUS/offer/{url}")
    assert asked == []


def test_w12_what_is_too_much_is_refused(small: Scene) -> None:
    phone = small.phone().accept(small.offer(small.cards.make("AUS")))
    large = "x" * 40_000
    many = "&".join(f"f{n}=1" for n in range(1_000))
    deep = "[" * 5_000
    packed = gzip.compress(b"{}" * 1_000)
    for path in ("token", "credential", "deferred", "notification", "nonce", "lost",
                 "counter", "holder/move"):  # fmt: skip
        for data, kind in (
            (large, "application/json"),
            (many, "application/x-www-form-urlencoded"),
            (deep, "application/json"),
            (packed, "application/json"),
            ('{"a":1,"a":2}', "application/json"),
            ('{"a":NaN}', "application/json"),
            ('{"a":"\\ud800"}', "application/json"),
            (b"\xff\xfe", "application/json"),
            ("", "text/plain"),
        ):
            answer = phone.client.post(
                f"/AUS/{path}",
                data=data,
                content_type=kind,
                headers={
                    "Authorization": f"DPoP {phone.access}",
                    "DPoP": phone.dpop("POST", path, token=phone.access),
                    **({"Content-Encoding": "gzip"} if data is packed else {}),
                },
            )
            assert answer.status_code in {200, 400, 401, 413}, (path, data[:20])
            if data is large:
                assert answer.status_code in {200, 413}


def test_w12_a_parameter_that_comes_twice_is_refused(small: Scene) -> None:
    phone = small.phone()
    twice = "grant_type=refresh_token&refresh_token=a&refresh_token=b"
    answer = phone.client.post(
        "/AUS/token",
        data=twice,
        content_type="application/x-www-form-urlencoded",
        headers={"DPoP": phone.dpop("POST", "token")},
    )
    assert is_denied(answer, "invalid_request")


def test_unknown_members_are_ignored_by_the_standard_and_refused_by_us(
    scene: Scene,
) -> None:
    offer = scene.offer(scene.cards.make("AUS"))
    phone = scene.phone()
    fields = {"grant_type": PRE_AUTHORIZED, "resource": "x", "user_pin": "1",
              "pre-authorized_code": phone.code_of(offer),
              "tx_code": offer.one_time_code}  # fmt: skip
    answer = phone.token(**fields)
    assert answer.status_code == 200
    phone.access = body_of(answer)["access_token"]
    body = {"credential_configuration_id": "AbtcCard", "more": 1,
            "proofs": {"jwt": [phone.proof(phone.nonce())]}}  # fmt: skip
    assert phone.bound("POST", "credential", body).status_code == 200
    for path in ("holder/move", "holder/stay", "holder/remove", "holder/suspend",
                 "holder/decline"):  # fmt: skip
        assert phone.bound("POST", path, {"more": 1}).status_code == 400
    assert phone.client.post("/AUS/lost", json={"more": 1}).status_code == 400


def test_w13_no_answer_of_the_api_is_kept_anywhere(scene: Scene) -> None:
    offer = scene.offer(scene.cards.make("AUS"))
    phone = scene.phone()
    answers = [
        phone.client.get(f"/AUS/offer/{address_in(offer.link).rpartition('/')[2]}"),
        phone.redeem(phone.code_of(offer), offer.one_time_code),
        phone.client.post("/AUS/nonce"),
        phone.ask(),
        phone.tell(),
        phone.bound("GET", "holder/card"),
        phone.bound("GET", "holder/devices"),
        phone.bound("POST", "holder/move", {}),
        phone.redeem("x"),
        phone.client.get("/AUS/holder/card"),
        phone.client.get("/nowhere"),
        phone.client.put("/AUS/token"),
        phone.client.get("/.well-known/openid-credential-issuer/AUS"),
    ]
    assert {each.headers["Cache-Control"] for each in answers} == {"no-store"}
    assert {each.headers["X-Content-Type-Options"] for each in answers} == {"nosniff"}
    assert 500 not in {each.status_code for each in answers}


# W15: the card is taken by another phone


def test_w15_a_move_is_guessed_five_times_and_no_more(scene: Scene) -> None:
    phone = scene.phone().take(scene.offer(scene.cards.make("AUS")))
    moved = body_of(phone.bound("POST", "holder/move", {}))
    thief = scene.phone()
    code = thief.code_of(moved["offer"])
    for _ in range(5):
        assert thief.redeem(code, _wrong(moved["tx_code"])).status_code == 400
    assert thief.redeem(code, moved["tx_code"]).status_code == 400
    assert phone.card()["credential"]["state"] == "valid"


def test_w15_one_binding_lives_and_the_holder_sees_it(scene: Scene) -> None:
    card = scene.cards.make("AUS")
    holder = scene.phone().take(scene.offer(card))
    scene.phone().take(scene.offer(card))
    live = [each for each in scene.cards.credentials(card) if each.state == "valid"]
    assert len(live) == 1
    assert holder.card()["credential"]["state"] == "superseded"
    rows = tags(scene, "credential:supersede")
    assert rows == ["credential:supersede"]


def test_w15_fifty_phones_at_once_leave_one_binding(scene: Scene) -> None:
    """Offers follow each other; whoever asks last, one credential lives."""
    scene = Scene.of(scene.office, per_address=10**6)
    card = scene.cards.make("AUS")
    first = scene.phone().take(scene.offer(card))
    second = scene.phone().accept(scene.offer(card))
    phones = [first, second] * 10
    at_once(20, lambda n: phones[n].ask())
    live = [each for each in scene.cards.credentials(card) if each.state == "valid"]
    assert len(live) == 1
    assert (
        live[0].holder_key
        == canonical(public_jwk(second.holder_key.public_key())).decode()
    )


def test_w15_taking_over_is_in_the_log(scene: Scene) -> None:
    card = scene.cards.make("AUS")
    scene.phone().take(scene.offer(card))

    def rows(session: Session) -> list[str]:
        return [*session.scalars(select(AuditRow.tag).order_by(AuditRow.seq))]

    assert {"offer:made", "offer:redeemed", "issue:signed"} <= {*scene.store.read(rows)}


def test_w8_a_proof_of_one_kind_is_none_of_the_other(scene: Scene) -> None:
    phone = scene.phone().accept(scene.offer(scene.cards.make("AUS")))
    dpop = jws(
        phone.holder_key,
        {"alg": "ES256", "typ": "dpop+jwt",
         "jwk": public_jwk(phone.holder_key.public_key())},
        {"aud": phone.issuer, "nonce": phone.nonce(), "jti": "x", "htm": "POST",
         "htu": f"{phone.issuer}/credential",
         "iat": int(scene.clock().timestamp())},
    )  # fmt: skip
    assert is_denied(phone.ask(dpop), "invalid_proof")
