"""D9 for all 21 economies: whatever names another economy is of no use, in any pair.

In each round every economy A is given what belongs to the economy that comes so many
places after it, so twenty rounds are all 420 pairs.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

import verifier
from tests.simulator import NOW, SCHEME, World, fixed_key
from tests.verifier.tuf_repository import Repository

WORLD = World()
CODES = tuple(SCHEME.economies)
ROUNDS = range(1, len(CODES))
TRUST = WORLD.trust()
Pairs = dict[str, str]


def pairs(places: int) -> Pairs:
    return {a: CODES[(n + places) % len(CODES)] for n, a in enumerate(CODES)}


def uri(economy: str) -> str:
    return f"{SCHEME.economy(economy).issuer_url}/status/1"


def reason(card: str, trust: verifier.Trust) -> str:
    found = WORLD.verify(WORLD.show(card), trust=trust)
    return "accepted" if isinstance(found, verifier.Accepted) else found.reason.value


def card_of(economy: str, **changes: object) -> str:
    return WORLD.card(economy, form="physical", **changes)  # type: ignore[arg-type]


def test_every_economy_is_itself() -> None:
    """The same cards and documents, each under its own name, are accepted."""
    assert {reason(card_of(each), TRUST) for each in CODES} == {"accepted"}


CARDS: dict[str, Callable[[str, str], str]] = {
    "signed by another": lambda a, b: card_of(a, key=fixed_key(f"{b}-card")),
    "key of another": lambda a, b: card_of(
        a, key=fixed_key(f"{b}-card"), header={"kid": f"{b}-card"}
    ),
    "issuer of another": lambda a, b: card_of(a, iss=SCHEME.economy(b).issuer_url),
    "list of another": lambda a, b: card_of(
        a, status={"status_list": {"idx": 7, "uri": uri(b)}}
    ),
    "list in another's folder": lambda a, b: card_of(
        a,
        status={
            "status_list": {
                "idx": 7,
                "uri": f"{SCHEME.economy(b).issuer_url}/overlay/{a}/1",
            }
        },
    ),
}


@pytest.mark.parametrize("kind", CARDS)
def test_d9_cards_of_two_economies(kind: str) -> None:
    """A card whose parts name two economies is rejected, or its key is unknown."""
    expected = {
        "signed by another": "signature.invalid",
        "key of another": "trust.unknown_key",
        "issuer of another": "trust.unknown_key",
    }.get(kind, "trust.binding")
    for places in ROUNDS:
        found = {reason(CARDS[kind](a, b), TRUST) for a, b in pairs(places).items()}
        assert found == {expected}


DOCUMENTS: dict[str, Callable[[str, str], tuple[str, bytes, str]]] = {
    # of A and another economy B: name, content, and what is then said of A's card
    "trust entry": lambda a, b: (
        f"{a}/issuer.json",
        WORLD.documents()[f"{b}/issuer.json"],
        "trust.unknown_issuer",
    ),
    "list": lambda a, b: (
        f"{a}/status/1.jwt",
        WORLD.list_token(f"{b}/status/1.jwt"),
        "status.unusable",
    ),
    "list's address": lambda a, b: (
        f"{a}/status/1.jwt",
        WORLD.list_token(f"{a}/status/1.jwt", sub=uri(b)),
        "status.unusable",
    ),
    "list's key": lambda a, b: (
        f"{a}/status/1.jwt",
        WORLD.list_token(
            f"{a}/status/1.jwt",
            key=fixed_key(f"{b}-status"),
            header={"kid": f"{b}-status"},
        ),
        "status.unusable",
    ),
    "list's key, ours by name": lambda a, b: (
        f"{a}/status/1.jwt",
        WORLD.list_token(f"{a}/status/1.jwt", key=fixed_key(f"{b}-status")),
        "status.unusable",
    ),
}


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_d9_d10_documents_of_another_economy(kind: str) -> None:
    """What is distributed under one economy's name and names another is refused."""
    for places in ROUNDS:
        changes = [DOCUMENTS[kind](a, b) for a, b in pairs(places).items()]
        trust = WORLD.trust(replace={name: data for name, data, _ in changes})
        refused = {problem.document for problem in trust.problems}
        assert refused >= {name for name, _, _ in changes}
        for economy, (_, _, expected) in zip(CODES, changes, strict=True):
            assert reason(card_of(economy), trust) == expected


def test_s13_overlays_of_others() -> None:
    """No economy can grant or withdraw a clearance at another."""
    world = World()
    for destination in CODES:
        world.set_overlay(1, destination=destination)
    withdrawn = world.documents()
    for places in ROUNDS:
        b = pairs(places)["SGP"]
        forged = {
            "SGP/overlay/AUS/1.jwt": WORLD.list_token(
                "SGP/overlay/AUS/1.jwt", key=fixed_key(f"{b}-status")
            )
        }
        moved = {"SGP/overlay/AUS/1.jwt": withdrawn[f"{b}/overlay/AUS/1.jwt"]}
        for replace in (forged, moved):
            found = WORLD.verify(
                WORLD.show(card_of("AUS")), trust=WORLD.trust(replace=replace)
            )
            assert isinstance(found, verifier.Accepted)
            assert found.entitlement.entry.reason == "entry.overlay_missing"


def test_d6_d8_d9_paths_of_others(tmp_path: Path) -> None:
    """A role that signs names of all the others changes nothing for any of them."""
    documents = WORLD.documents()
    repository = Repository(tmp_path / "mirror", documents)
    for a in CODES:
        own = [name for name in documents if name.startswith(f"{a}/")]
        foreign = [f"{b}/status/{CODES.index(a) + 2}.jwt" for b in CODES if b != a]
        for name in foreign:
            repository.documents[name] = repository.documents[f"{a}/issuer.json"]
        repository.listed[a] = [*own, *foreign]
    repository.publish()
    store = verifier.TrustStore(tmp_path / "store")
    report = store.sync(repository.folder, root=repository.first_root, now=NOW)
    assert len(report.problems) == 420
    assert {reason(card_of(each), store.load()) for each in CODES} == {"accepted"}
