"""Every test vector, through the front door of the verifier."""

import json
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

import verifier
from tests.vectors import build_vectors

DIRECTORY = Path(build_vectors.__file__).parent
FILES = sorted((DIRECTORY / "data").glob("*.json"))
DURATIONS = {
    "proof_age": "max_proof_age",
    "proof_ahead": "max_proof_ahead",
    "skew": "clock_skew",
    "clock_tolerance": "clock_tolerance",
    "trust_age": "max_trust_age",
    "list_age": "max_list_age",
}
"""The vectors' names of durations, and those of `verifier.Policy`."""
ANSWERS = {
    "yes": verifier.LaneAnswer.YES,
    "no": verifier.LaneAnswer.NO,
    "unknown": verifier.LaneAnswer.UNKNOWN,
    "visa_free": verifier.EntryAnswer.VISA_FREE,
    "not_by_this_card": verifier.EntryAnswer.NOT_BY_THIS_CARD,
    "cannot_tell": verifier.EntryAnswer.CANNOT_TELL,
}


def loaded(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def text(value: Any) -> str:
    """Return a text of a vector; a long run may be told as a repetition."""
    if isinstance(value, str):
        return value
    part, count = value["repeat"]
    run: str = value.get("before", "") + part * count + value.get("after", "")
    return run


VECTORS: dict[str, dict[str, Any]] = {
    vector["id"]: file["defaults"] | {"kind": "decision"} | vector
    for file in map(loaded, FILES)
    for vector in file["vectors"]
}
USUAL: dict[str, Any] = loaded(FILES[0])["defaults"]["trust"]


def of_kind(kind: str) -> pytest.MarkDecorator:
    names = [name for name, vector in VECTORS.items() if vector["kind"] == kind]
    return pytest.mark.parametrize("name", names)


@cache
def trust_of(spec: str) -> verifier.Trust:
    """Return one snapshot for all vectors that ask for the same one."""
    said = USUAL | json.loads(spec)
    documents = loaded(DIRECTORY / f"data/trust/{said['base']}.json") | said["set"]
    floor = said["time_floor"]
    return verifier.Trust.from_documents(
        {
            name: text(value).encode("utf-8", "surrogatepass")
            for name, value in documents.items()
            if value is not None
        },
        version=said["version"],
        issued_at=datetime.fromisoformat(said["issued_at"]),
        expires_at=datetime.fromisoformat(said["expires_at"]),
        time_floor=datetime.fromisoformat(floor) if floor else None,
    )


def policy_of(said: dict[str, Any]) -> verifier.Policy:
    values: dict[str, Any] = {
        DURATIONS.get(name, name): (
            timedelta(seconds=value) if name in DURATIONS else value
        )
        for name, value in said.items()
    }
    return verifier.Policy(**values)


def passport_of(said: dict[str, Any] | None) -> verifier.Passport | None:
    if said is None:
        return None
    ends = said.get("expires_on")
    return verifier.Passport(
        **said | {"expires_on": date.fromisoformat(ends) if ends else None}
    )


def presentation_of(vector: dict[str, Any]) -> str:
    said = vector["presentation"]
    if isinstance(said, dict) and "of" in said:
        return presentation_of(VECTORS[said["of"]])
    return text(said)


def decision_of(vector: dict[str, Any]) -> verifier.Decision:
    return verifier.verify(
        presentation_of(vector),
        trust=trust_of(json.dumps(vector["trust"])),
        policy=policy_of(vector["policy"]),
        expected_passport=passport_of(vector["passport"]),
        expected_challenge=vector["challenge"],
        now=datetime.fromisoformat(vector["now"]),
    )


def told(decision: verifier.Decision) -> dict[str, Any]:
    """Return a decision as vectors write it."""
    if isinstance(decision, verifier.Rejected):
        return {"outcome": "rejected", "reason": decision.reason.value}
    if isinstance(decision, verifier.Undecided):
        return {"outcome": "undecided", "reason": decision.reason.value}
    lane, entry = decision.entitlement.lane, decision.entitlement.entry
    stay = entry.stay_until
    words = {answer: word for word, answer in ANSWERS.items()}
    return {
        "outcome": "accepted",
        "lane": {"answer": words[lane.answer], "reason": lane.reason.value},
        "entry": {
            "answer": words[entry.answer],
            "reason": entry.reason.value,
            "stay_until": stay.isoformat() if stay else None,
        },
        "must_see": sorted(item.value for item in decision.must_see),
    }


@of_kind("decision")
def test_decision(name: str) -> None:
    """The answer is the vector's, and it is the same when the card is seen again."""
    vector = VECTORS[name]
    expected = dict(vector["expect"])
    if "must_see" in expected:
        expected["must_see"] = sorted(expected["must_see"])
    assert told(decision_of(vector)) == expected, vector["description"]
    assert told(decision_of(vector)) == expected, vector["description"]


@of_kind("roundtrip")
def test_roundtrip(name: str) -> None:
    """Text and code stand for each other, to the character."""
    vector = VECTORS[name]
    assert verifier.pack(text(vector["text"])) == text(vector["qr"])
    assert verifier.unpack(text(vector["qr"])) == text(vector["text"])


@of_kind("unpackable")
def test_unpackable(name: str) -> None:
    """No code is made for a text that would not come back from it."""
    with pytest.raises(verifier.PackingError):
        verifier.pack(text(VECTORS[name]["text"]))


@of_kind("ununpackable")
def test_ununpackable(name: str) -> None:
    """No text is made from what is not the packing of one."""
    with pytest.raises(verifier.PackingError):
        verifier.unpack(text(VECTORS[name]["qr"]))


@of_kind("answerable")
def test_answerable(name: str) -> None:
    """An officer's code and its challenge stand for each other, to the character."""
    vector = VECTORS[name]
    assert verifier.parse_challenge(text(vector["qr"])) == vector["challenge"]
    assert verifier.challenge_text(vector["challenge"]) == text(vector["qr"])


@of_kind("unanswerable")
def test_unanswerable(name: str) -> None:
    """What is not wholly an officer's code has no challenge."""
    assert verifier.parse_challenge(text(VECTORS[name]["qr"])) is None


@of_kind("journey")
def test_journey(name: str) -> None:
    """What a phone shared in the place of its card is believed for just its journey."""
    vector = VECTORS[name]
    found = verifier.verify_entry_basis(
        presentation_of(vector),
        trust=trust_of(json.dumps(vector["trust"])),
        policy=policy_of(vector["policy"]),
        expected_arrival=date.fromisoformat(vector["arrival"]),
        expected_passport=passport_of(vector["passport"]),
        expected_nonce=vector["nonce"],
        now=datetime.fromisoformat(vector["now"]),
    )
    assert told_of_journey(found) == vector["expect"], vector["description"]


def told_of_journey(found: verifier.BasisDecision) -> dict[str, Any]:
    """Return a decision about a journey as vectors write it."""
    if isinstance(found, verifier.BasisRefused):
        return {"outcome": "refused", "reason": found.reason.value}
    if isinstance(found, verifier.BasisUndecided):
        return {"outcome": "undecided", "reason": found.reason.value}
    basis = found.basis
    country, end = basis.passport_country, basis.passport_number_end
    return {
        "outcome": "proven",
        "economy": basis.economy,
        "destination": basis.destination,
        "arrival": basis.arrival.isoformat(),
        "stay_until": basis.stay_until and basis.stay_until.isoformat(),
        "form": basis.form,
        "passport": country and {"country": country, "number_end": end},
        "passport_matched": basis.is_passport_matched,
    }


@of_kind("unusable")
def test_unusable(name: str) -> None:
    """Trust data without a good scheme document is not used at all."""
    spec = json.dumps(VECTORS[name]["trust"])
    with pytest.raises(verifier.TrustError):
        trust_of(spec)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_schema(path: Path) -> None:
    """Every file says what the schema allows and nothing else."""
    schema = loaded(DIRECTORY / "schema.json")
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    errors = [
        f"{list(e.path)[:2]}: {e.message}" for e in validator.iter_errors(loaded(path))
    ]
    assert errors == []


def test_defaults_are_one() -> None:
    """Every file begins with the same defaults."""
    assert all(
        loaded(path)["defaults"] == loaded(FILES[0])["defaults"] for path in FILES
    )


def test_every_reason_is_reached() -> None:
    """Each reason code is the answer of some vector, but that which needs memory."""
    expected = [v["expect"] for v in VECTORS.values() if v["kind"] == "decision"]
    reached = {e["reason"] for e in expected if "reason" in e}
    for part in ("lane", "entry"):
        reached |= {e[part]["reason"] for e in expected if part in e}
    enums = (
        verifier.RejectReason,
        verifier.UndecidedReason,
        verifier.EntryReason,
        verifier.LaneReason,
    )
    codes = {reason.value for enum in enums for reason in enum}
    assert reached == codes - {verifier.UndecidedReason.PROOF_REPEAT.value}


def test_every_reason_of_journeys_is_reached() -> None:
    """Each code that a desk's log may have is the answer of some vector."""
    expected = [v["expect"] for v in VECTORS.values() if v["kind"] == "journey"]
    codes = {each.value for each in (*verifier.BasisFault, *verifier.BasisDoubt)}
    assert {e["reason"] for e in expected if "reason" in e} == codes


def test_every_threat_is_named() -> None:
    """Each attack that data can express has a vector."""
    stateful = {"Q6", "Q8", "S6", "S9", "S10", "S11"}
    listed = {f"J{n}" for n in range(1, 17)} | {f"K{n}" for n in range(1, 15)}
    listed |= {f"Q{n}" for n in range(1, 11)} | {f"T{n}" for n in range(1, 8)}
    listed |= {f"S{n}" for n in range(1, 14)} | {"D9", "D10"}
    named = {threat for vector in VECTORS.values() for threat in vector["threats"]}
    assert named >= listed - stateful


def test_the_generator_writes_these_files(capsys: pytest.CaptureFixture[str]) -> None:
    """Vectors and worked example are what the generator says."""
    status = build_vectors.main(["--check"])
    assert (status, capsys.readouterr().err) == (0, "")
