"""A phone gets a proof of what its card gives on a journey, and nobody else does."""

import base64
import json
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from jwcrypto.jwk import JWK
from sd_jwt.verifier import SDJWTVerifier
from sqlalchemy import select

import verifier
from examples.desk.questions import Purpose, Question
from issuer.documents import issuer_document
from issuer.installation import EntryBasisProofs
from issuer.jws import new_private_key, public_jwk
from issuer.lists import (
    Overlay,
    OverlayStates,
    Status,
    StatusStates,
    overlay_token,
    status_token,
)
from issuer.store import AuditRow, Credential
from tests.examples.desk_scene import SINGAPORE, DeskScene, serving_desk
from tests.simulator import NOW, PUBLISHED, SCHEME, FixedSigner, World
from tests.wallet_api.scene import Scene, TestPhone, body_of, claims_of, serving
from wallet_api import cli
from wallet_api.cli import main
from wallet_api.config import VARIABLE
from wallet_api.dcql import is_query, journey
from wallet_api.here import NAME, Site
from wallet_api.holder_proof import EntryProof

DESK = "x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk"
NONCE = "n" * 43
DAY = date(2030, 1, 18)
PER_DAY = 3


class Known(verifier.TrustStore):
    """What the issuer's server believes; tests change it."""

    def __init__(self, trust: verifier.Trust) -> None:
        self.trust = trust

    def load(self) -> verifier.Trust:
        return self.trust


@dataclass(slots=True, kw_only=True)
class Basis:
    """A wallet's server that proves entry bases, and a phone with a card."""

    scene: Scene
    phone: TestPhone
    known: Known

    @property
    def site(self) -> Site:
        site: Site = self.scene.app.extensions[NAME]
        return site

    def publish(
        self,
        status: int | None = None,
        overlay: int | None = None,
        *,
        issued_at: datetime = NOW - PUBLISHED,
        exp: timedelta = timedelta(days=7),
        **changes: Any,
    ) -> None:
        """Publish what Australia and Singapore say of this card."""
        index = claims_of(self.phone.credential)["status"]["status_list"]["idx"]
        self.known.trust = trust_of(
            self.scene,
            {} if status is None else {index: Status(status)},
            {} if overlay is None else {index: Overlay(overlay)},
            issued_at=issued_at,
            exp=exp,
            **changes,
        )

    def proof(self, **changes: Any) -> EntryProof:
        """What a phone that asks gets."""
        answer = self.phone.basis(**changes)
        assert answer.status_code == 200, answer.json
        assert body_of(answer)["answer"] == "gives"
        return EntryProof.received(
            body_of(answer)["credential"],
            self.phone.fresh,
            destination="SGP",
            arrival=DAY,
        )

    def decide(
        self,
        proof: EntryProof,
        *disclose: str,
        passport: verifier.Passport | None = None,
        now: datetime | None = None,
    ) -> verifier.BasisDecision:
        """What a desk at Singapore decides."""
        now = now or self.scene.clock()
        return verifier.verify_entry_basis(
            proof.present(DESK, NONCE, now, disclose=disclose),
            trust=self.known.trust,
            policy=verifier.Policy(economy="SGP", audience=DESK),
            expected_arrival=DAY,
            expected_passport=passport,
            expected_nonce=NONCE,
            now=now,
        )


def trust_of(
    scene: Scene,
    status: dict[int, Status],
    overlay: dict[int, Overlay],
    *,
    issued_at: datetime,
    exp: timedelta,
    **changes: Any,
) -> verifier.Trust:
    signers = scene.office.office.signers
    keys = [signers.signer("AUS", use, now=NOW) for use in ("card", "status")]
    url, capacity = "https://abtc.example", SCHEME.economy("AUS").list_capacity
    times: dict[str, Any] = {
        "iat": issued_at,
        "exp": issued_at + exp,
        "ttl": timedelta(hours=12),
    }
    documents = {
        "AUS/issuer.json": issuer_document(
            SCHEME, "AUS", keys=[record for _, record in keys], issued_at=issued_at
        ),
        "AUS/status/1.jwt": status_token(
            StatusStates.of(status, capacity=capacity),
            uri=f"{url}/AUS/status/1", signer=keys[1][0], **times,
        ),
        "SGP/overlay/AUS/1.jwt": overlay_token(
            OverlayStates.of(overlay, capacity=capacity),
            uri=f"{url}/SGP/overlay/AUS/1",
            signer=FixedSigner.of("SGP", "status"), **times,
        ),
    }  # fmt: skip
    return World().trust(replace=documents, **changes)


def proves(scene: Scene, trust: verifier.Trust) -> Known:
    """Let a wallet's server prove entry bases by some trust data."""
    site: Site = scene.app.extensions[NAME]
    proofs = EntryBasisProofs(trust="store", hours=6, per_day=PER_DAY)
    wallet = site.settings.wallet.model_copy(update={"entry_basis": proofs})
    known = Known(trust)
    site.settings = replace(site.settings, wallet=wallet, trust=known)
    return known


@pytest.fixture
def basis(small: Scene) -> Basis:
    known = proves(small, World().trust())
    card = small.cards.make("AUS", approved=("SGP", "NZL"))
    made = Basis(scene=small, phone=small.phone().take(small.offer(card)), known=known)
    made.publish()
    return made


def passport_of(phone: TestPhone) -> verifier.Passport:
    known = claims_of(phone.credential)["passport"]
    return verifier.Passport(country=known["country"], number=known["number"])


# What a phone gets


def test_a_phone_proves_an_entry_basis(basis: Basis) -> None:
    """From the card on a phone to what a desk reads: real keys, tokens and lists."""
    found = basis.decide(
        basis.proof(), "stay_until", "passport_mark", passport=passport_of(basis.phone)
    )
    assert isinstance(found, verifier.BasisProven)
    told = found.basis
    assert (told.economy, told.destination, told.arrival) == ("AUS", "SGP", DAY)
    assert told.expires_at == NOW + timedelta(hours=6)
    assert told.data_as_of == NOW - PUBLISHED
    assert told.stay_until is not None
    assert told.is_passport_matched
    assert (told.form, told.passport_number_end) == (None, None)


def test_another_passport_is_found_out(basis: Basis) -> None:
    other = verifier.Passport(country="AUS", number="PA7654321")
    found = basis.decide(basis.proof(), "passport_mark", passport=other)
    assert isinstance(found, verifier.BasisRefused)
    assert found.reason is verifier.BasisFault.PASSPORT


def test_nothing_of_the_card_is_in_it(basis: Basis) -> None:
    """Whoever is shown all of it can find neither card, holder nor phone by it."""
    proof = basis.proof()
    text = "~".join([proof.token, *proof.disclosures.values()])
    card = claims_of(basis.phone.credential)
    told = json.dumps([claims_of(proof.token), *decoded(proof).values()])
    assert {*claims_of(proof.token)} == {
        "iss", "vct", "iat", "exp", "cnf", "destination", "arrival", "answer",
        "data_as_of", "_sd_alg", "_sd",
    }  # fmt: skip
    hidden = [
        card["document_number"], card["family_name"], card["given_name"],
        card["birthdate"], card["passport"]["number"], "NZL",
        public_jwk(basis.phone.holder_key.public_key())["x"],
        str(card["status"]["status_list"]["idx"]), "status",
    ]  # fmt: skip
    assert [each for each in hidden if each in told or each in text] == []


def decoded(proof: EntryProof) -> dict[str, Any]:
    return {
        name: json.loads(base64.urlsafe_b64decode(f"{each}=="))[2]
        for name, each in proof.disclosures.items()
    }


def test_two_proofs_have_nothing_in_common(basis: Basis) -> None:
    """So that two airlines cannot find that they saw one traveller."""
    first = basis.proof()
    basis.phone.fresh = new_private_key()
    second = basis.proof()
    assert not {*first.disclosures.values()} & {*second.disclosures.values()}
    ours, theirs = claims_of(first.token), claims_of(second.token)
    assert ours["cnf"] != theirs["cnf"]
    assert not {*ours["_sd"]} & {*theirs["_sd"]}
    marks = [decoded(each)["passport_mark"] for each in (first, second)]
    assert marks[0]["salt"] != marks[1]["salt"]
    assert marks[0]["scrypt"] != marks[1]["scrypt"]


def test_a_library_of_others_verifies_it(basis: Basis) -> None:
    """RFC 9901 as somebody else reads it, key binding and one disclosure included."""
    proof = basis.proof()
    shown = proof.present(DESK, NONCE, basis.scene.clock(), disclose=["form"])
    signer, record = basis.scene.office.office.signers.signer("AUS", "status", now=NOW)
    key = JWK(**public_jwk(signer.public_key))
    read = SDJWTVerifier(shown, lambda *_: key, DESK, NONCE).get_verified_payload()
    assert (read["destination"], read["arrival"]) == ("SGP", "2030-01-18")
    assert (read["form"], "passport" in read) == ("app", False)
    assert record.use == "status"


# Not given


@pytest.mark.parametrize("overlay", [1, 2])
def test_a_card_that_gives_none_gets_no_proof(basis: Basis, overlay: int) -> None:
    """And its holder reads no reason, as nobody does."""
    basis.publish(overlay=overlay)
    assert body_of(basis.phone.basis()) == {"answer": "does_not_give"}


def test_a_destination_that_has_not_cleared_gets_no_proof(basis: Basis) -> None:
    assert body_of(basis.phone.basis("KOR"))["answer"] != "gives"


@pytest.mark.parametrize("arrival", ["2030-01-14", "2031-01-17", "2034-12-31"])
def test_a_day_that_nobody_can_speak_for_gets_no_proof(
    basis: Basis, arrival: str
) -> None:
    """Days that are over, and days after the lists' or the card's end."""
    assert "credential" not in body_of(basis.phone.basis(arrival=arrival))


def test_a_published_end_of_the_card_counts(basis: Basis) -> None:
    """The lists decide, also where the office's own records say something else."""
    basis.publish(status=1)
    assert body_of(basis.phone.basis()) == {"answer": "does_not_give"}


def test_a_card_that_the_office_has_suspended_gets_no_proof(basis: Basis) -> None:
    """Before the lists say so."""
    assert basis.phone.bound("POST", "holder/suspend", {}).status_code == 204
    answer = basis.phone.basis()
    assert answer.status_code == 409
    assert body_of(answer)["code"] == "credential.not_valid"


def test_s4_old_lists_answer_nothing(basis: Basis) -> None:
    basis.publish(issued_at=NOW - timedelta(days=4))
    assert body_of(basis.phone.basis()) == {"answer": "no_answer"}


# For how long


def test_it_ends_with_the_data_that_it_rests_on(basis: Basis) -> None:
    """A proof is no way to keep an answer alive that its lists could not."""
    basis.publish(exp=timedelta(hours=6))
    answer = basis.phone.basis(arrival="2030-01-15")
    claims = claims_of(body_of(answer)["credential"])
    assert claims["exp"] == int((NOW + timedelta(hours=5)).timestamp())
    basis.publish(exp=timedelta(hours=3))  # not until the evening of the day there
    answer = basis.phone.basis(arrival="2030-01-15")
    assert body_of(answer) == {"answer": "no_answer"}


def test_it_ends_with_old_age_of_the_lists(basis: Basis) -> None:
    """Lists that are nearly too old leave a proof as little as they have left."""
    basis.publish(issued_at=NOW - timedelta(days=3) + timedelta(hours=1))
    ends = basis.decide(basis.proof())
    assert isinstance(ends, verifier.BasisProven)
    assert ends.basis.expires_at == NOW + timedelta(hours=1)


def test_t1_a_desk_refuses_it_when_it_has_ended(basis: Basis) -> None:
    proof, ends = basis.proof(), NOW + timedelta(hours=6)
    found = basis.decide(proof, now=ends)
    assert isinstance(found, verifier.BasisRefused)
    assert found.reason is verifier.BasisFault.EXPIRED


# Attacks


def test_w4_a_nonce_counts_once(basis: Basis) -> None:
    nonce = basis.phone.nonce()
    first = basis.phone.basis(proof=basis.phone.fresh_proof(nonce))
    again = basis.phone.basis(proof=basis.phone.fresh_proof(nonce))
    assert (first.status_code, again.status_code) == (200, 409)
    assert body_of(again)["code"] == "nonce.invalid"


@pytest.mark.parametrize(
    "claims", [{"aud": "https://other.example/AUS"}, {"iat": 1}, {"iss": "phone"}]
)
def test_w5_a_bad_proof_of_the_new_key_is_refused(
    basis: Basis, claims: dict[str, Any]
) -> None:
    answer = basis.phone.basis(proof=basis.phone.fresh_proof(**claims))
    assert answer.status_code == 400
    assert body_of(answer)["code"] == "request.invalid"


def test_w5_the_cards_own_key_is_not_taken(basis: Basis) -> None:
    """Everybody it was ever shown to would know the holder again."""
    basis.phone.fresh = basis.phone.holder_key
    assert basis.phone.basis().status_code == 400


def test_w6_another_phones_card_is_not_proven(basis: Basis) -> None:
    """A stolen token proves nothing without the card's key, nor another's card."""
    scene = basis.scene
    other = scene.phone().take(scene.offer(scene.cards.make("AUS", approved=["SGP"])))
    answer = basis.phone.basis(presentation=other.show())
    assert (answer.status_code, body_of(answer)["code"]) == (409, "card.other")
    thief = basis.phone.show(key=new_private_key())
    assert "credential" not in body_of(basis.phone.basis(presentation=thief))


def test_w6_a_token_is_needed(basis: Basis) -> None:
    headers = {"Authorization": "DPoP wrong"}
    body = {"presentation": "x", "proof": "x", "destination": "SGP"}
    assert (
        basis.phone.bound(
            "POST", "holder/entry-basis", body, headers=headers
        ).status_code
        == 401
    )


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "urn:abtc:border"},
        {"at": NOW - timedelta(minutes=1)},
        {"nonce": "something-else-altogether"},
    ],
)
def test_k4_a_code_of_another_use_proves_nothing(
    basis: Basis, claims: dict[str, Any]
) -> None:
    """What was shown at a border, or some time ago, is not shown to the issuer."""
    answer = basis.phone.basis(presentation=basis.phone.show(**claims))
    assert "credential" not in body_of(answer)


@pytest.mark.parametrize(
    "changes",
    [
        {"presentation": None},
        {"presentation": "x"},
        {"presentation": "a.bnVsbA.c~"},
        {"presentation": "a.e30.c~"},
        {"presentation": 7},
        {"proof": None},
        {"proof": "x"},
        {"destination": "sgp"},
        {"destination": ["SGP"]},
        {"arrival": "2030-02-30"},
        {"arrival": "20300118"},
        {"arrival": None},
        {"economy": "SGP"},
    ],
)
def test_w12_a_malformed_question_is_refused(
    basis: Basis, changes: dict[str, Any]
) -> None:
    answer = basis.phone.basis(**changes)
    assert answer.status_code == 400, answer.json


def test_a_card_asks_so_often_and_no_more(basis: Basis) -> None:
    """In a day, from whichever process; then again."""
    for _ in range(PER_DAY):
        assert basis.phone.basis().status_code == 200
    answer = basis.phone.basis()
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "3600"
    basis.scene.clock.passes(days=1, seconds=1)
    basis.phone.renew()
    assert basis.phone.basis().status_code == 200


# What the issuer keeps


def test_the_log_does_not_know_where_or_when(basis: Basis) -> None:
    """That a phone asked, and nothing by which somebody's travels could be read."""
    basis.proof()
    rows = basis.scene.store.read(
        lambda session: session.scalars(
            select(AuditRow).where(AuditRow.tag == "phone:basis_asked")
        ).all()
    )
    (row,) = rows
    assert {*json.loads(row.fields)} == {"card", "phone"}
    assert "SGP" not in row.fields + row.reason + row.subject
    assert "2030-01-18" not in row.fields + row.reason + row.subject


def test_no_credential_is_recorded(basis: Basis) -> None:
    """It is no card: it has no index in a list, and there is nothing to revoke."""
    rows = select(Credential.id)
    before = basis.scene.store.read(lambda session: session.scalars(rows).all())
    basis.proof()
    after = basis.scene.store.read(lambda session: session.scalars(rows).all())
    assert after == before


# Where it is not offered


def test_a_wallet_without_it_says_so(small: Scene) -> None:
    phone = small.phone().take(small.offer(small.cards.make("AUS")))
    answer = phone.basis()
    assert answer.status_code == 409
    assert body_of(answer)["code"] == "entry_basis.closed"


def test_d1_without_trust_data_it_is_later(basis: Basis) -> None:
    """Also where the store is damaged; no answer is made up."""
    empty = verifier.TrustStore(basis.scene.office.office.installation.folder / "no")
    basis.site.settings = replace(basis.site.settings, trust=empty)
    answer = basis.phone.basis()
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "60"


# The wallet for testers


@pytest.mark.enable_socket
def test_a_tester_shares_a_proof_with_a_desk(
    small: Scene,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The command says what is shared, and the desk reads its line."""
    monkeypatch.setenv(VARIABLE, "correct horse")
    monkeypatch.setattr(cli, "_now", lambda: NOW)
    file, root = tmp_path / "wallet.json", tmp_path / "root.pem"
    with serving(small) as scene, serving_desk(Purpose.JOURNEY) as desk:
        proves(scene, desk.world.trust())
        root.write_bytes(desk.root.public_bytes(Encoding.PEM))
        made = scene.offer(scene.cards.make("AUS", approved=["SGP"]))
        accept = ["accept", "--file", str(file), "--yes", made.link]
        assert main([*accept, "--code", str(made.one_time_code)]) == 0
        desk.desk.trust = lambda: trust_of(
            scene, {}, {}, issued_at=NOW - PUBLISHED, exp=timedelta(days=7)
        )
        proves(scene, desk.desk.trust())
        asked = desk.desk.book.open(journey_of(desk), NOW)
        present = ["present", "--file", str(file), "--root", str(root), "--yes"]
        assert main([*present, desk.desk.link(asked)]) == 0
        told = capsys.readouterr().out
        assert "whether your card gives an entry basis for SGP on 2030-01-18" in told
        assert "the answer, with stay_until, passport_mark, and nothing else" in told
        assert "ABTC gives an entry basis for Singapore" in desk.page(asked)


def journey_of(desk: DeskScene) -> Question:
    return Question(
        purpose=Purpose.JOURNEY,
        destination=SINGAPORE,
        passport=verifier.Passport(country="AUS", number="PA0000001"),
        arrival=DAY,
    )


@pytest.mark.parametrize(
    ("claims", "is_asked"),
    [
        ([("destination", ["SGP"]), ("arrival", ["2030-01-18"])], True),
        ([("destination", ["SGP"])], False),
        ([("destination", ["SGP", "JPN"]), ("arrival", ["2030-01-18"])], False),
        ([("destination", ["SGP"]), ("arrival", ["18 January"])], False),
        ([("destination", ["SGP"]), ("arrival", ["2030-02-30"])], False),
        ([("destination", [True]), ("arrival", ["2030-01-18"])], False),
        ([("destination", ["SGP"]), ("arrival", ["2030-01-18"]),
          ("family_name", None)], False),
    ],
)  # fmt: skip
def test_a_question_names_one_journey(
    claims: list[tuple[str, list[Any] | None]], is_asked: bool
) -> None:
    """Or the phone would have to choose what to tell a stranger."""
    asked = [
        {"path": [name], **({} if values is None else {"values": values})}
        for name, values in claims
    ]
    kind = {"vct_values": ["urn:abtc:entry-basis:1"]}
    one = {"id": "a", "format": "dc+sd-jwt", "meta": kind, "claims": asked}
    query = {"credentials": [one]}
    assert is_query(query)
    if is_asked:
        found = journey(query)
        assert found is not None
        assert (found.destination, found.arrival, found.wanted) == ("SGP", DAY, ())
    else:
        with pytest.raises(ValueError, match=r"."):
            journey(query)
