"""Building a snapshot: bad documents harm their own economy and nobody else."""

import json
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import product
from typing import Any

import pytest

import verifier
from tests.simulator import NOW, World, b64u, fixed_key, jwk, signature
from tests.verifier.zones import BACK_AT, ZONE

WORLD = World(economies=["AUS", "NZL", "SGP"])


def document(name: str) -> dict[str, Any]:
    found = json.loads(WORLD.documents()[name])
    assert isinstance(found, dict)
    return found


def reason(found: verifier.Decision) -> str:
    return "accepted" if isinstance(found, verifier.Accepted) else found.reason.value


def outcome(issuer: str, trust: verifier.Trust) -> str:
    return reason(WORLD.verify(WORLD.show(WORLD.card(issuer)), trust=trust))


def trust_with(name: str, content: dict[str, Any]) -> verifier.Trust:
    return WORLD.trust(replace={name: json.dumps(content).encode()})


def key_row(
    economy: str, use: str, name: str, *, kid: str | None = None
) -> dict[str, Any]:
    url = f"https://abtc.example/{economy}"
    kid = kid or f"{economy}-{use}"
    statement = f"ABTC1 key\n{url}\n{use}\n{kid}".encode()
    return {
        "kid": kid,
        "use": use,
        "jwk": jwk(fixed_key(name)),
        "from": "2029-01-15T12:00:00Z",
        "until": None,
        "proof": b64u(signature(fixed_key(name), statement)),
    }


def set_url(content: dict[str, Any]) -> None:
    content["issuer"] = "https://abtc.example/NZL"


def set_key(**changes: object) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        content["keys"][0].update(changes)

    return change


def take_foreign_key(content: dict[str, Any]) -> None:
    content["keys"].append(document("NZL/issuer.json")["keys"][0] | {"kid": "stolen"})


def take_foreign_key_as_it_is(content: dict[str, Any]) -> None:
    content["keys"].append(document("NZL/issuer.json")["keys"][0])


def one_key_for_both(content: dict[str, Any]) -> None:
    content["keys"] = [
        key_row("AUS", "card", "AUS-card"),
        key_row("AUS", "status", "AUS-card"),
    ]


def kid_twice(content: dict[str, Any]) -> None:
    content["keys"].append(content["keys"][0])


def proven_by_another(content: dict[str, Any]) -> None:
    content["keys"][0]["proof"] = document("NZL/issuer.json")["keys"][0]["proof"]


def other_economy(content: dict[str, Any]) -> None:
    content["economy"] = "NZL"


BAD_ISSUERS: dict[str, Callable[[dict[str, Any]], None]] = {
    "another's URL": set_url,
    "another's key": take_foreign_key,
    "another's key and id": take_foreign_key_as_it_is,
    "proof of another": proven_by_another,
    "one key for both uses": one_key_for_both,
    "kid twice": kid_twice,
    "another economy": other_economy,
    "no proof": set_key(proof=None),
    "private key": set_key(jwk=jwk(fixed_key("AUS-card")) | {"d": "AA"}),
    "bad key id": set_key(kid="a b"),
    "use": set_key(use="both"),
    "use a list": set_key(use=[]),
    "use an object": set_key(use={}),
    "no from": set_key(**{"from": None}),
    "bad moment": set_key(**{"from": "2029-01-15"}),
    "moment with an offset": set_key(**{"from": "2029-01-15T12:00:00+00:00"}),
    "moment in short": set_key(**{"from": "2029-1-15T12:00:00Z"}),
    "moment with other digits": set_key(**{"from": "202\u0669-01-15T12:00:00Z"}),
    "moment a number": set_key(**{"from": 1_863_172_800}),
    "until is from": set_key(until="2029-01-15T12:00:00Z"),
    "bad key id, proven": lambda content: content.update(
        keys=[key_row("AUS", "card", "AUS-card", kid="a b")]
    ),
    "use, proven": lambda content: content.update(
        keys=[key_row("AUS", "both", "AUS-card")]
    ),
    "kid of two keys": lambda content: content.update(
        keys=[
            key_row("AUS", "card", "AUS-card"),
            key_row("AUS", "card", "another key"),
        ]
    ),
    "rows are no objects": lambda content: content.update(keys=[7]),
    "until before from": set_key(until="2028-01-01T00:00:00Z"),
}


@pytest.mark.parametrize("change", BAD_ISSUERS.values(), ids=BAD_ISSUERS.keys())
def test_d10_d15_bad_issuer_documents(change: Callable[[dict[str, Any]], None]) -> None:
    """An economy that lies about keys or URL is refused; the others are unaffected."""
    content = document("AUS/issuer.json")
    change(content)
    trust = trust_with("AUS/issuer.json", content)
    assert trust.problems[0].document == "AUS/issuer.json"
    assert outcome("AUS", trust) == "trust.unknown_issuer"
    assert outcome("NZL", trust) == "accepted"


def test_a_key_outside_its_period() -> None:
    """A card dated before or after the key's period was not signed by the economy."""
    content = document("AUS/issuer.json")
    signed_at = NOW - timedelta(days=30)
    for start, until, expected in (
        (signed_at, None, "accepted"),
        (signed_at + timedelta(seconds=1), None, "trust.key_window"),
        (signed_at - timedelta(days=1), signed_at, "trust.key_window"),
        (signed_at - timedelta(days=1), signed_at + timedelta(seconds=1), "accepted"),
    ):
        for row in content["keys"]:
            if row["use"] == "card":
                row["from"] = f"{start:%Y-%m-%dT%H:%M:%SZ}"
                row["until"] = until and f"{until:%Y-%m-%dT%H:%M:%SZ}"
        assert outcome("AUS", trust_with("AUS/issuer.json", content)) == expected


def test_i2_test_issuers_are_never_green() -> None:
    """A card of a test issuer is called a test card, however good its signature."""
    content = document("AUS/issuer.json") | {"test": True}
    assert outcome("AUS", trust_with("AUS/issuer.json", content)) == "card.test"
    content["test"] = "no"
    trust = trust_with("AUS/issuer.json", content)
    assert outcome("AUS", trust) == "trust.unknown_issuer"


def test_i2_what_trains_admits_nobody_and_what_admits_trains_nobody() -> None:
    content = document("AUS/issuer.json") | {"test": True}
    trust = trust_with("AUS/issuer.json", content)
    training = trust.for_training()
    assert (trust.is_for_training, training.is_for_training) == (False, True)
    assert outcome("AUS", training) == "accepted"
    assert outcome("NZL", training) == "card.test"
    assert training.for_training() is training
    # What was seen in training is not remembered where it counts.
    assert outcome("AUS", trust) == "card.test"
    assert outcome("NZL", trust) == "accepted"


@pytest.mark.parametrize(
    "name",
    [
        "AUS/issuer.json.old",
        "AUS/status/1xjwt",
        "SGP/overlay/AUS/01.jwt",
        "AUS/../NZL/issuer.json",
        "aus/issuer.json",
        "AUS/status/01.jwt",
        "AUS/status/-1.jwt",
        "AUS\\issuer.json",
        "/AUS/issuer.json",
        "AUS/%2e%2e/x",
        "AUS/issuer.json\n",
        "x",
        "AUS/overlay/1.jwt",
        "AUS/overlay/nzl/1.jwt",
        "\u0410US/issuer.json",
        "scheme.json/",
    ],
)
def test_d8_names_outside_the_list(name: str) -> None:
    """A document of a foreign name is refused alone: it can stop nobody's border."""
    trust = WORLD.trust(replace={name: b"{}"})
    (problem,) = trust.problems
    assert problem.document == name
    assert problem.detail == "not the name of a trust document"
    assert outcome("AUS", trust) == "accepted"


BAD_SCHEMES: dict[str, Callable[[dict[str, Any]], object]] = {
    "another kind": lambda content: content.update(abtc="policy"),
    "economy twice": lambda content: content["economies"].append(
        content["economies"][0]
    ),
    "URL twice": lambda content: content["economies"][0].update(
        issuer=content["economies"][1]["issuer"]
    ),
    "bad code": lambda content: content["economies"][0].update(code="aus"),
    "bad URL": lambda content: content["economies"][0].update(issuer="http://x"),
    "bad membership": lambda content: content["economies"][0]["membership"][0].update(
        value="half"
    ),
    "overlap": lambda content: content["economies"][0].update(
        membership=content["economies"][0]["membership"] * 2
    ),
    "contradiction": lambda content: content["pair_rules"].append(
        content["pair_rules"][0] | {"effect": "normal"}
    ),
    "effect a list": lambda content: content["pair_rules"][0].update(effect=[]),
    "unknown effect": lambda content: content["pair_rules"][0].update(effect="maybe"),
    "bad nationality": lambda content: content["pair_rules"][0].update(
        nationality="!x"
    ),
    "nationality in small letters": lambda content: content["pair_rules"][0].update(
        nationality="chn"
    ),
    "nationality a number": lambda content: content["pair_rules"][0].update(
        nationality=7
    ),
    "economies a text": lambda content: content.update(economies="AUS"),
}


@pytest.mark.parametrize("change", BAD_SCHEMES.values(), ids=BAD_SCHEMES.keys())
def test_bad_schemes_are_unusable(change: Callable[[dict[str, Any]], object]) -> None:
    """Without a sound scheme there is nothing to decide from."""
    content = document("scheme.json")
    change(content)
    with pytest.raises(verifier.TrustError, match=r"scheme\.json"):
        trust_with("scheme.json", content)


@pytest.mark.parametrize(
    ("nationalities", "is_sound"),
    [
        (("CHN", "CHN"), False),
        (("CHN", "HKG"), True),
        (("!CHN", "!HKG"), False),
        (("!CHN", "HKG"), False),
        (("!CHN", "CHN"), True),
        (("HKG", "!CHN"), False),
        (("CHN", "!CHN"), True),
        ((None, "CHN"), True),
        ((None, None), False),
    ],
)
def test_rules_that_contradict(
    nationalities: tuple[str | None, str | None], is_sound: bool
) -> None:
    """Two rules of equal rank that can both apply must say the same."""
    content = document("scheme.json")
    content["pair_rules"] = [
        {"issuer": "AUS", "nationality": nationality, "effect": effect}
        for nationality, effect in zip(
            nationalities, ("lane_only", "normal"), strict=True
        )
    ]
    refused = pytest.raises(verifier.TrustError, match="contradict")
    with nullcontext() if is_sound else refused:
        trust_with("scheme.json", content)
    content["pair_rules"][0]["until"] = "2029-01-01T00:00:00Z"
    content["pair_rules"][1]["from"] = "2029-01-01T00:00:00Z"
    trust_with("scheme.json", content)


def test_scheme_missing_or_unreadable() -> None:
    """The message names the document."""
    with pytest.raises(verifier.TrustError, match=r"scheme\.json is missing"):
        WORLD.trust(without=["scheme.json"])
    with pytest.raises(verifier.TrustError, match=r"scheme\.json: .*too deep"):
        WORLD.trust(replace={"scheme.json": b"[" * 10**5})
    with pytest.raises(verifier.TrustError, match=r"scheme\.json: longer"):
        WORLD.trust(replace={"scheme.json": b" " * (2**20 + 1)})


BAD_POLICIES: dict[str, dict[str, Any]] = {
    "another economy": {"economy": "AUS"},
    "overlap": {"max_stay": [{"value": 1, "unit": "days"}] * 2},
    "bad unit": {"max_stay": [{"value": 1, "unit": "weeks"}]},
    "no days": {"max_stay": [{"value": 0, "unit": "days"}]},
    "1201 days": {"max_stay": [{"value": 1201, "unit": "days"}]},
    "form without value": {"accepts_form": [{"form": "app"}]},
    "purpose a number": {"allowed_purposes": [{"value": [7]}]},
    "rows are no objects": {"lane": [7]},
    "true days": {"max_stay": [{"value": True, "unit": "days"}]},
    "not a boolean": {"lane": [{"needs_preclearance": "no"}]},
    "purposes": {"allowed_purposes": [{"value": "business"}]},
    "contradiction": {
        "exclusions": [{"issuer": "CHN", "effect": "excluded"}] * 2
        + [{"issuer": "CHN", "effect": "normal"}]
    },
    "rows": {"accepts_form": {"form": "app"}},
}


@pytest.mark.parametrize("changes", BAD_POLICIES.values(), ids=BAD_POLICIES.keys())
def test_bad_policies_leave_the_card_and_not_the_entry(changes: dict[str, Any]) -> None:
    """Without a sound policy the card is still answered, and entry cannot be told."""
    content = document("SGP/policy.json") | changes
    trust = trust_with("SGP/policy.json", content)
    assert [problem.document for problem in trust.problems] == ["SGP/policy.json"]
    found = WORLD.verify(WORLD.show(WORLD.card()), trust=trust)
    assert isinstance(found, verifier.Accepted)
    assert found.entitlement.entry.reason == "entry.rules_missing"
    assert found.entitlement.lane.reason == "lane.rules_missing"


LONG_LISTS: dict[str, Callable[[int], dict[str, Any]]] = {
    "exclusions": lambda count: {
        "exclusions": [
            {"issuer": f"X{chr(65 + row % 26)}X", "effect": "lane_only"}
            for row in range(count)
        ]
    },
    "lane": lambda count: {
        "lane": [
            {
                "needs_preclearance": True,
                "from": f"{NOW + timedelta(days=row):%Y-%m-%dT%H:%M:%SZ}",
                "until": f"{NOW + timedelta(days=row + 1):%Y-%m-%dT%H:%M:%SZ}",
            }
            for row in range(count)
        ]
    },
}


@pytest.mark.parametrize("rows", LONG_LISTS.values(), ids=LONG_LISTS.keys())
def test_d4_long_lists_are_refused_at_once(
    rows: Callable[[int], dict[str, Any]],
) -> None:
    """Rows are compared pair by pair, so a document cannot have ten thousand."""
    content = document("SGP/policy.json")
    assert trust_with("SGP/policy.json", content | rows(512)).problems == ()
    for count in (513, 9000):
        started = time.thread_time()
        trust = trust_with("SGP/policy.json", content | rows(count))
        assert time.thread_time() - started < 1
        assert "more than 512" in trust.problems[0].detail


GOOD_POLICIES: dict[str, dict[str, Any]] = {
    "1200 days": {"max_stay": [{"value": 1200, "unit": "days"}]},
    "later row first": {
        "lane": [
            {"needs_preclearance": True, "from": "2029-01-01T00:00:00Z"},
            {"needs_preclearance": False, "until": "2029-01-01T00:00:00Z"},
        ]
    },
    "earlier row first": {
        "lane": [
            {"needs_preclearance": False, "until": "2029-01-01T00:00:00Z"},
            {"needs_preclearance": True, "from": "2029-01-01T00:00:00Z"},
        ]
    },
    "unknown members": {"colour": ["red"], "lane": []},
}


@pytest.mark.parametrize("changes", GOOD_POLICIES.values(), ids=GOOD_POLICIES.keys())
def test_policies_at_the_limits(changes: dict[str, Any]) -> None:
    """The longest stay and rows that touch are sound, in any order."""
    content = document("SGP/policy.json") | changes
    assert trust_with("SGP/policy.json", content).problems == ()


def test_the_longest_document() -> None:
    """A document has at most 1,048,576 bytes."""
    good = WORLD.documents()["SGP/policy.json"]
    for size, expected in ((2**20, []), (2**20 + 1, ["longer than 1 MiB"])):
        trust = WORLD.trust(replace={"SGP/policy.json": good.ljust(size)})
        assert [problem.detail for problem in trust.problems] == expected


def test_purposes_are_handed_on() -> None:
    """Allowed purposes are told if they are known, and otherwise none are."""
    for rows, expected in (
        ([{"value": ["business"]}], ("business",)),
        ([{"value": ["business"], "until": "2029-01-01T00:00:00Z"}], ()),
        ([], ()),
    ):
        content = document("SGP/policy.json") | {"allowed_purposes": rows}
        found = WORLD.verify(
            WORLD.show(WORLD.card()), trust=trust_with("SGP/policy.json", content)
        )
        assert isinstance(found, verifier.Accepted)
        assert found.entitlement.purposes == expected


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"issuer": "AUS"}, {"nationality": "CHN"}),
        ({"issuer": "AUS"}, {"destination": "SGP"}),
        ({"nationality": "!CHN"}, {"destination": "SGP"}),
    ],
)
def test_rules_of_other_keys_that_contradict(
    first: dict[str, str], second: dict[str, str]
) -> None:
    """Rules that name different keys can apply together too, in either order."""
    content = document("scheme.json")
    for pair in ((first, second), (second, first)):
        content["pair_rules"] = [
            rule | {"effect": effect}
            for rule, effect in zip(pair, ("lane_only", "normal"), strict=True)
        ]
        with pytest.raises(verifier.TrustError, match="contradict"):
            trust_with("scheme.json", content)


def test_an_economy_that_the_scheme_does_not_name() -> None:
    """Documents of a stranger are refused, one by one."""
    documents = WORLD.documents()
    strange = {
        "XYZ/issuer.json": documents["AUS/issuer.json"],
        "XYZ/status/1.jwt": documents["AUS/status/1.jwt"],
        "XYZ/policy.json": documents["SGP/policy.json"].replace(b"SGP", b"XYZ"),
    }
    trust = WORLD.trust(replace=strange)
    assert {problem.document for problem in trust.problems} == set(strange)
    assert outcome("AUS", trust) == "accepted"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"issued_at": NOW.replace(tzinfo=None)}, "aware"),
        ({"expires_at": NOW.replace(tzinfo=None)}, "aware"),
        ({"time_floor": NOW.replace(tzinfo=None)}, "aware"),
        ({"expires_at": NOW - timedelta(hours=1)}, "not after"),
    ],
)
def test_moments_of_a_snapshot(changes: dict[str, Any], message: str) -> None:
    """A snapshot has a beginning and a later end, both with a zone."""
    with pytest.raises(verifier.TrustError, match=message):
        WORLD.trust(**changes)


FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
SECOND = timedelta(seconds=1)
ENDLESS: Any = dict.fromkeys(
    [
        "clock_skew",
        "clock_tolerance",
        "max_list_age",
        "max_proof_age",
        "max_proof_ahead",
        "max_trust_age",
    ],
    timedelta.max,
)


@pytest.mark.parametrize("hours", [-12, 0, 14])
@pytest.mark.parametrize(
    ("start", "end"), [(FIRST, FIRST + SECOND), (LAST - SECOND, LAST), (FIRST, LAST)]
)
def test_moments_at_the_ends_of_time(
    start: datetime, end: datetime, hours: int
) -> None:
    """What cannot be reckoned with is refused; anything else gets an answer."""
    zone = timezone(timedelta(hours=hours))
    start, end = start.replace(tzinfo=zone), end.replace(tzinfo=zone)
    shown = WORLD.show(WORLD.card())
    trusts = [WORLD.trust()]
    with suppress(verifier.TrustError):
        trusts.append(WORLD.trust(issued_at=start, expires_at=end))
    for trust, now in product(trusts, (start, end)):
        found = WORLD.verify(shown, now=now, trust=trust)
        assert reason(found) != "accepted"
        endless = WORLD.verify(shown, now=now, trust=trust, **ENDLESS)
        verifier.ReplayGuard(verifier.Policy(economy="SGP")).check(endless)


@pytest.mark.parametrize("zone", [UTC, ZONE])
@pytest.mark.parametrize(
    ("changes", "policy", "expected"),
    [
        ({}, {"max_trust_age": timedelta(hours=2)}, "accepted"),
        ({}, {"max_trust_age": timedelta(hours=2, seconds=-1)}, "trust.stale"),
        ({"expires_at": timedelta(seconds=1)}, {}, "accepted"),
        ({"expires_at": timedelta(0)}, {}, "trust.stale"),
        ({"time_floor": timedelta(minutes=5)}, {}, "accepted"),
        ({"time_floor": timedelta(minutes=5, seconds=1)}, {}, "time.clock"),
    ],
)
def test_t3_clocks_go_back(
    changes: dict[str, timedelta],
    policy: dict[str, Any],
    expected: str,
    zone: tzinfo,
) -> None:
    """The hour that the clocks repeat counts, in whatever zone moments are given."""
    world = World(now=BACK_AT + timedelta(minutes=30), economies=["AUS", "SGP"])
    moments = {"issued_at": -timedelta(hours=2), **changes}
    local: dict[str, Any] = {
        name: (world.now + offset).astimezone(zone) for name, offset in moments.items()
    }
    trust = world.trust(
        **local,
        replace={
            "AUS/status/1.jwt": world.list_token(
                "AUS/status/1.jwt", iat=world.now - timedelta(hours=2)
            )
        },
    )
    found = world.verify(
        world.show(world.card()),
        trust=trust,
        now=world.now.astimezone(zone),
        **policy,
    )
    assert reason(found) == expected


def test_a_snapshot_cannot_be_changed() -> None:
    """Neither the snapshot nor the caller's dict changes what it believes."""
    documents = WORLD.documents()
    trust = verifier.Trust.from_documents(
        documents, version=1, issued_at=NOW, expires_at=NOW + timedelta(days=1)
    )
    documents.clear()
    assert outcome("AUS", trust) == "accepted"
    with pytest.raises(AttributeError):
        trust.version = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("offset", "expected"),
    [(0, "accepted"), (300, "accepted"), (301, "status.unusable")],
)
def test_lists_from_the_future_are_unusable(offset: int, expected: str) -> None:
    """A list dated more than 5 minutes after its trust data was not carried by it."""
    issued_at = NOW - timedelta(hours=1)
    token = WORLD.list_token(
        "AUS/status/1.jwt", iat=issued_at + timedelta(seconds=offset)
    )
    trust = WORLD.trust(replace={"AUS/status/1.jwt": token})
    assert outcome("AUS", trust) == expected


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"economy": "sgp"}, "economy"),
        ({"economy": "SG"}, "economy"),
        ({"audience": ""}, "audience"),
        ({"audience": "two words"}, "audience"),
        ({"max_proof_age": timedelta(seconds=-1)}, "negative"),
        ({"max_list_age": timedelta(seconds=-1)}, "negative"),
    ],
)
def test_contradictory_policies(policy: dict[str, Any], message: str) -> None:
    """A policy that makes no sense cannot be made."""
    with pytest.raises(verifier.PolicyError, match=message):
        verifier.Policy(**{"economy": "SGP", **policy})


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("max_proof_age", "proof.stale"),
        ("max_proof_ahead", "proof.ahead"),
        ("max_trust_age", "trust.stale"),
        ("max_list_age", "status.stale"),
        ("clock_skew", "time.not_yet"),
        ("clock_tolerance", "time.clock"),
    ],
)
def test_every_limit_of_the_policy_is_read(field: str, expected: str) -> None:
    """Each limit, at its edge, decides; one second less, and it no longer holds."""
    second = timedelta(seconds=1)
    limit = timedelta(seconds=30)
    card = WORLD.card()
    trust, now, at = WORLD.trust(), NOW, NOW
    if field == "max_proof_age":
        at = NOW - limit
    elif field == "max_proof_ahead":
        at = NOW + limit
    elif field == "clock_skew":
        card = WORLD.card(iat=int((NOW + limit).timestamp()))
    elif field == "clock_tolerance":
        trust = WORLD.trust(time_floor=NOW + limit)
    else:
        limit = timedelta(hours=1)
    shown = WORLD.show(card, at=at)
    for allowed, found in ((limit, "accepted"), (limit - second, expected)):
        decision = WORLD.verify(
            shown, trust=trust, now=now, **dict[str, Any]({field: allowed})
        )
        is_accepted = isinstance(decision, verifier.Accepted)
        assert (
            "accepted" if is_accepted else decision.reason.value  # type: ignore[union-attr]
        ) == found


@pytest.mark.parametrize("count", [512, 513])
def test_d4_lists_beyond_the_512th(count: int) -> None:
    """So many lists of one economy are read; the next is refused, and it alone."""
    names = [f"AUS/status/{number}.jwt" for number in range(1, count + 1)]
    documents = WORLD.documents()
    more = [name for name in names if name not in documents]
    token = documents["AUS/status/1.jwt"]
    trust = WORLD.trust(replace=dict.fromkeys(more, token))
    details = [problem.detail for problem in trust.problems]
    assert details.count("sub is another address") == 511
    assert details.count("more than 512 lists of one economy") == count - 512
