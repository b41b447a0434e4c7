"""The published JSON documents."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from issuer.documents import policy_document, scheme_document
from issuer.errors import LintError
from issuer.scheme import Scheme

ISSUED = datetime(2026, 11, 1, tzinfo=UTC)
SCHEME = Scheme.load()

SMALL = """
pair_rules = [
  { nationality = "!NZL", destination = "AUS", effect = "lane_only",
    mark = "reported", source = "guides", until = 2030-01-01T00:00:00+11:00 },
]
own_economy = [{ value = "not_required", mark = "assumed", source = "a test" }]

[economy.NZL]
name = "Aotearoa Māori"
issuer_url = "https://abtc.example/NZL"
membership = [{ value = "full", mark = "verified", source = "a test" }]

[economy.AUS]
name = "Australia"
issuer_url = "https://abtc.example/AUS"
membership = [{ value = "full", mark = "verified", source = "a test" }]
accepts_form = [
  { form = "app", value = true, from = 2023-05-01T00:00:00+08:00,
    mark = "verified", source = "a test" },
]
max_stay = [{ value = 3, unit = "months", mark = "verified", source = "a test" }]
lane = [{ airports = ["SYD"], mark = "reported", source = "a test" }]
exclusions = [
  { issuer = "NZL", nationality = "NZL", effect = "not_required",
    mark = "assumed", source = "a test" },
]
""".replace(",\n    ", ", ")
OPEN = {"from": None, "until": None}


def policy(code: str, scheme: Scheme = SCHEME) -> dict[str, Any]:
    document = json.loads(policy_document(scheme, code, issued_at=ISSUED))
    assert isinstance(document, dict)
    return document


def test_scheme_document_says_all_of_a_small_scheme() -> None:
    """The scheme document is exactly this for a scheme of two economies."""
    document = scheme_document(Scheme.from_toml(SMALL), issued_at=ISSUED)
    full = [{"value": "full", "mark": "verified", "source": "a test", **OPEN}]
    assert json.loads(document) == {
        "abtc": "scheme",
        "issued_at": "2026-11-01T00:00:00Z",
        "economies": [
            {
                "code": "AUS",
                "name": "Australia",
                "issuer": "https://abtc.example/AUS",
                "membership": full,
            },
            {
                "code": "NZL",
                "name": "Aotearoa Māori",
                "issuer": "https://abtc.example/NZL",
                "membership": full,
            },
        ],
        "pair_rules": [
            {
                "issuer": None,
                "nationality": "!NZL",
                "destination": "AUS",
                "effect": "lane_only",
                "from": None,
                "until": "2029-12-31T13:00:00Z",
                "mark": "reported",
                "source": "guides",
            }
        ],
        "own_economy": [
            {"value": "not_required", "mark": "assumed", "source": "a test", **OPEN}
        ],
    }


def test_policy_document_says_all_of_a_small_policy() -> None:
    """The policy document is exactly this, without a lane row that says too little."""
    sure = {"mark": "verified", "source": "a test"}
    assert policy("AUS", Scheme.from_toml(SMALL)) == {
        "abtc": "policy",
        "economy": "AUS",
        "issued_at": "2026-11-01T00:00:00Z",
        "accepts_form": [
            {
                "form": "app",
                "value": True,
                "from": "2023-04-30T16:00:00Z",
                "until": None,
                **sure,
            }
        ],
        "max_stay": [{"value": 3, "unit": "months", **OPEN, **sure}],
        "lane": [],
        "allowed_purposes": [],
        "min_passport_validity": [],
        "exclusions": [
            {
                "issuer": "NZL",
                "nationality": "NZL",
                "effect": "not_required",
                "mark": "assumed",
                "source": "a test",
                **OPEN,
            }
        ],
    }


def test_bytes_are_deterministic() -> None:
    """Equal schemes give equal bytes: sorted members, no white space, plain UTF-8."""
    document = scheme_document(Scheme.from_toml(SMALL), issued_at=ISSUED)
    assert document == scheme_document(Scheme.from_toml(SMALL), issued_at=ISSUED)
    assert document.startswith(b'{"abtc":"scheme","economies":[{"code":"AUS",')
    assert "Aotearoa Māori".encode() in document
    assert document.endswith(b"}")


def test_issued_at_is_written_in_utc_whole_seconds() -> None:
    """The moment of issue may come with any offset and fraction of a second."""
    tokyo = timezone(timedelta(hours=9))
    local = ISSUED.astimezone(tokyo) + timedelta(microseconds=999_999)
    assert scheme_document(SCHEME, issued_at=local) == scheme_document(
        SCHEME, issued_at=ISSUED
    )
    assert policy_document(SCHEME, "AUS", issued_at=local) == policy_document(
        SCHEME, "AUS", issued_at=ISSUED
    )


def test_packaged_scheme_is_published_whole() -> None:
    """All 21 economies, sorted by code, and every pair rule are published."""
    document = json.loads(scheme_document(SCHEME, issued_at=ISSUED))
    codes = [economy["code"] for economy in document["economies"]]
    assert len(codes) == 21
    assert codes == sorted(codes)
    assert len(document["pair_rules"]) == len(SCHEME.pair_rules)


def test_every_economy_has_a_policy() -> None:
    """A policy of each economy carries its own code and the same members."""
    members = policy("AUS").keys()
    for code in SCHEME.economies:
        assert policy(code)["economy"] == code
        assert policy(code).keys() == members


def test_policy_shows_what_changes_and_what_is_unknown() -> None:
    """CHN's app dates, IDN's passport demand and JPN's unknown lane are visible."""
    app = [row for row in policy("CHN")["accepts_form"] if row["form"] == "app"]
    assert [(row["value"], row["from"], row["until"]) for row in app] == [
        (False, None, "2023-04-30T16:00:00Z"),
        (True, "2023-04-30T16:00:00Z", None),
    ]
    (validity,) = policy("IDN")["min_passport_validity"]
    assert (validity["moment"], validity["value"], validity["unit"]) == (
        "entry",
        6,
        "months",
    )
    assert policy("JPN")["lane"] == []
    assert policy("AUS")["lane"][0]["needs_preclearance"] is False
    assert policy("AUS")["allowed_purposes"][0]["value"] == ["business", "non_business"]


def test_every_document_of_a_full_size_is_usable() -> None:
    """The longest lists and URL that the scheme takes are within the verifier's."""
    url = "https://abtc.example/".ljust(170, "a")
    rows = ", ".join(
        f'{{ value = 1200, unit = "days", from = {1000 + year}-01-01T00:00:00Z, '
        f"until = {1001 + year}-01-01T00:00:00Z, "
        'mark = "verified", source = "a test" }'
        for year in range(512)
    )
    text = SMALL.replace("https://abtc.example/AUS", url).replace(
        'max_stay = [{ value = 3, unit = "months", mark = "verified", source = "a test"'
        " }]",
        f"max_stay = [{rows}]",
    )
    scheme = Scheme.from_toml(text)
    assert len(policy("AUS", scheme)["max_stay"]) == 512
    assert url.encode() in scheme_document(scheme, issued_at=ISSUED)


def test_a_document_the_verifier_could_not_use_is_not_published() -> None:
    """Each is judged by the verifier as it would be on a device; here, for its size."""
    long = "a" * 2**20
    policy_only = Scheme.from_toml(
        SMALL.replace(
            'value = 3, unit = "months", mark = "verified", source = "a test"',
            f'value = 3, unit = "months", mark = "verified", source = "{long}"',
        )
    )
    scheme_document(policy_only, issued_at=ISSUED)
    with pytest.raises(LintError, match=r"trust: AUS/policy\.json: longer than 1 MiB"):
        policy_document(policy_only, "AUS", issued_at=ISSUED)
    whole = Scheme.from_toml(SMALL.replace('"guides"', f'"{long}"'))
    with pytest.raises(LintError, match=r"trust: scheme\.json: longer than 1 MiB"):
        scheme_document(whole, issued_at=ISSUED)
    with pytest.raises(LintError, match=r"trust: scheme\.json: longer than 1 MiB"):
        policy_document(whole, "NZL", issued_at=ISSUED)


def test_callers_mistakes_are_refused() -> None:
    """A naive moment and a code outside the scheme build no document."""
    naive = ISSUED.replace(tzinfo=None)
    with pytest.raises(ValueError, match="no UTC offset"):
        scheme_document(SCHEME, issued_at=naive)
    with pytest.raises(ValueError, match="no UTC offset"):
        policy_document(SCHEME, "AUS", issued_at=naive)
    with pytest.raises(ValueError, match="'MAC' is no economy"):
        policy_document(SCHEME, "MAC", issued_at=ISSUED)
