"""Trust data: unknown issuers, bad documents, economies that do not agree."""

from itertools import combinations
from typing import Any

from .book import Book, accepted, rejected, undecided
from .wire import Key, b64u, unb64u
from .world import (
    DROP,
    INDEX,
    always,
    card_key,
    issuer_json,
    issuer_keys,
    key_entry,
    pair_rule,
    policy_json,
    shown_qr,
    small_scheme,
    status_key,
    status_token,
    text_of,
    trust,
    url,
)
from .world import card as signed_card
from .world import proof as signed_proof

UNKNOWN = undecided("trust.unknown_issuer")
NAME = "AUS/issuer.json"


def with_issuer(document: str | None) -> Any:
    return trust({NAME: document})


def with_keys(*keys: dict[str, Any]) -> Any:
    return with_issuer(issuer_json("AUS", keys=list(keys)))


def issuers(book: Book) -> None:
    book.add(
        "issuer_absent",
        "Only the issuer document of Australia is absent.",
        shown_qr(),
        UNKNOWN,
        spec="8 step 4",
        trust=with_issuer(None),
    )
    book.add(
        "issuer_elsewhere",
        "iss is a URL that nobody has.",
        shown_qr(iss="https://other.example/AUS"),
        UNKNOWN,
        spec="8 step 4",
        threats="J16",
    )
    only_status = with_keys(issuer_keys("AUS")[1])
    book.add(
        "no_card_key",
        "Australia lists no card key any more.",
        shown_qr(),
        undecided("trust.unknown_key"),
        spec="8 step 4",
        trust=only_status,
    )
    book.add(
        "no_status_key",
        "Australia lists no status key any more.",
        shown_qr(),
        undecided("status.unusable"),
        spec="6",
        trust=with_keys(issuer_keys("AUS")[0]),
    )
    second = key_entry("AUS", "card", Key("abtc vector AUS card two"), "card-2")
    book.add(
        "second_card_key",
        "Australia lists a second card key; the first still counts.",
        shown_qr(),
        accepted(),
        spec="7.2",
        trust=with_keys(*issuer_keys("AUS"), second),
    )
    test = with_issuer(issuer_json("AUS", test=True))
    book.add(
        "test_issuer",
        "Only the test mark of the issuer differs.",
        shown_qr(),
        rejected("card.test"),
        spec="8 step 6",
        trust=test,
        importance="critical",
    )
    book.add(
        "test_false",
        "The issuer says that it is not a test issuer.",
        shown_qr(),
        accepted(),
        spec="7.2",
        trust=with_issuer(issuer_json("AUS", test=False)),
    )
    book.add(
        "issuer_member",
        "The issuer document has a member that nobody knows.",
        shown_qr(),
        accepted(),
        spec="7",
        trust=with_issuer(issuer_json("AUS", contact="x")),
    )


def bad_issuer_documents(book: Book) -> None:
    """A bad issuer document is treated as absent; others are unaffected."""
    good = issuer_json("AUS")
    documents = {
        "empty": "",
        "not_json": good[:-1],
        "junk": f"{good}x",
        "array": f"[{good}]",
        "duplicate": good.replace('{"abtc"', '{"economy":"AUS","abtc"', 1),
        "bom": f"\ufeff{good}",
        "float": issuer_json("AUS", note=1.5),
        "nan": issuer_json("AUS").replace('"abtc"', '"x":NaN,"abtc"', 1),
        "deep": issuer_json("AUS").replace(
            '"abtc"', f'"x":{"[" * 17 + "]" * 17},"abtc"', 1
        ),
        "surrogate": good.replace('"abtc"', '"x":"\\ud800","abtc"', 1),
        "kind_policy": issuer_json("AUS", abtc="policy"),
        "kind_missing": issuer_json("AUS", abtc=DROP),
        "economy_other": issuer_json("AUS", economy="NZL"),
        "economy_missing": issuer_json("AUS", economy=DROP),
        "issuer_other": issuer_json("AUS", issuer=url("NZL")),
        "issuer_slash": issuer_json("AUS", issuer=f"{url('AUS')}/"),
        "issuer_missing": issuer_json("AUS", issuer=DROP),
        "keys_missing": issuer_json("AUS", keys=DROP),
        "keys_map": issuer_json("AUS", keys={}),
        "test_text": issuer_json("AUS", test="false"),
        "of_other_economy": issuer_json("NZL"),
    }
    for name, document in documents.items():
        book.add(
            f"issuer_json_{name}",
            f"Only the issuer document of Australia is bad: {name}.",
            shown_qr(),
            UNKNOWN,
            spec="7",
            threats="D15",
            trust=with_issuer(document),
        )
    book.add(
        "issuer_json_bad_elsewhere",
        "The issuer document of Australia is bad; New "
        "Zealand's card is not touched by that.",
        shown_qr("NZL"),
        accepted(),
        spec="7",
        threats="S8",
        trust=with_issuer(good[:-1]),
    )


def bad_keys(book: Book) -> None:
    """J14 and D15: one bad key, and the document is refused as a whole."""
    card, status = issuer_keys("AUS")
    key = card_key("AUS")
    x, y = key.point
    cases: dict[str, Any] = {
        "off_curve": {"jwk": key.jwk | {"y": b64u(y[:31] + bytes([y[31] ^ 1]))}},
        "infinity": {"jwk": key.jwk | {"x": b64u(bytes(32)), "y": b64u(bytes(32))}},
        "x_31": {"jwk": key.jwk | {"x": b64u(x[1:])}},
        "private": {"jwk": key.jwk | {"d": b64u(key.number.to_bytes(32))}},
        "oct": {"jwk": {"kty": "oct", "k": b64u(x)}},
        "p384": {"jwk": key.jwk | {"crv": "P-384"}},
        "jwk_missing": {"jwk": DROP},
        "kid_missing": {"kid": DROP},
        "kid_slash": {"kid": "card/1"},
        "use_both": {"use": "sig"},
        "use_missing": {"use": DROP},
        "from_missing": {"from": DROP},
        "from_null": {"from": None},
        "from_date": {"from": "2029-01-01"},
        "from_offset": {"from": "2029-01-01T00:00:00+00:00"},
        "from_integer": {"from": 1_861_920_000},
        "until_text": {"until": "never"},
        "proof_missing": {"proof": DROP},
        "proof_wrong": {"proof": b64u(key.sign("ABTC1 key"))},
        "proof_63": {"proof": b64u(unb64u(card["proof"])[:63])},
        "proof_padding": {"proof": card["proof"] + "=="},
        "proof_use": {"proof": key_entry("AUS", "status", key, "card-1")["proof"]},
        "proof_kid": {"proof": key_entry("AUS", "card", key, "card-2")["proof"]},
        "proof_issuer": {"proof": key_entry("NZL", "card", key)["proof"]},
        "proof_by_status_key": {
            "proof": key_entry("AUS", "card", status_key("AUS"))["proof"]
        },
    }
    for name, change in cases.items():
        entry = {k: v for k, v in (card | change).items() if v is not DROP}
        threats = "D10" if name.startswith("proof") else "J14 D15"
        book.add(
            f"key_{name}",
            f"Only the card key's entry of Australia differs: {name}.",
            shown_qr(),
            UNKNOWN,
            spec="7.2",
            threats=threats,
            trust=with_keys(entry, status),
            importance="critical",
        )
    other = Key("abtc vector AUS card two")
    repeated = {
        "kid_twice": (card, status, key_entry("AUS", "card", other)),
        "kid_both_uses": (
            card,
            key_entry("AUS", "status", status_key("AUS"), "card-1"),
        ),
        "key_twice": (card, status, key_entry("AUS", "card", key, "card-2")),
        "key_both_uses": (card, key_entry("AUS", "status", key)),
        "entry_twice": (card, status, card),
    }
    for name, keys in repeated.items():
        book.add(
            f"key_{name}",
            f"A kid or a key occurs twice in the issuer document: {name}.",
            shown_qr(),
            UNKNOWN,
            spec="7.2",
            threats="D15",
            trust=with_keys(*keys),
        )
    book.add(
        "key_until_open",
        "until of the keys is absent.",
        shown_qr(),
        accepted(),
        spec="7.2",
        trust=with_keys(key_entry("AUS", "card", key, until=DROP), status),
    )


ELEMENTS = ("path", "key", "iss", "uri", "list")
"""What must name one economy (D9)."""


def economies(book: Book) -> None:
    """D9: one or two of five things name New Zealand instead of Australia.

    ``path`` is the name under which the card key and the status key are
    distributed, ``key`` signs the card, ``uri`` is in the card, ``list`` is
    the status key that signs the list under that URI.
    """
    answers = {
        "path": UNKNOWN,
        "key": rejected("signature.invalid"),
        "iss": rejected("signature.invalid"),
        "uri": rejected("trust.binding"),
        "list": undecided("status.unusable"),
    }
    order = ("path", "key", "iss", "uri", "list")
    for size in (1, 2):
        for named in combinations(ELEMENTS, size):
            first = min(named, key=order.index)
            expect = answers[first]
            if named == ("key", "iss"):
                expect = rejected("trust.binding")
            book.add(
                f"economies_{'_'.join(named)}",
                "All of path, card key, iss, URI and "
                f"status key name Australia, but for {' and '.join(named)}: New "
                "Zealand.",
                *mixed(named, expect),
                spec="8",
                threats="D9",
                importance="critical",
                trust=mixed_trust(named),
            )
    book.add(
        "economies_sub",
        "Only sub of the list names New Zealand.",
        shown_qr(),
        undecided("status.unusable"),
        spec="6",
        threats="D9 S1",
        trust=trust({"AUS/status/1.jwt": status_token(sub=f"{url('NZL')}/status/1")}),
    )
    book.add(
        "economies_all",
        "All five name New Zealand.",
        shown_qr("NZL"),
        accepted(),
        spec="8",
        threats="D9",
    )
    for name, uri in (
        ("number_zeros", f"{url('AUS')}/status/01"),
        ("number_sign", f"{url('AUS')}/status/-1"),
        ("number_word", f"{url('AUS')}/status/one"),
        ("number_absent", f"{url('AUS')}/status"),
        ("deeper", f"{url('AUS')}/status/1/1"),
        ("overlay", f"{url('AUS')}/overlay/AUS/1"),
        ("look_alike", "https://abtc.example/AUSX/status/1"),
        ("host", "https://abtc.example.test/AUS/status/1"),
    ):
        status = {"status_list": {"idx": INDEX, "uri": uri}}
        book.add(
            f"uri_{name}",
            f"Only the status URI differs from accept::app: {name}.",
            shown_qr(status=status),
            rejected("trust.binding"),
            spec="8 step 7",
            threats="D9",
            importance="critical",
        )


def mixed(named: tuple[str, ...], expect: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    iss = url("NZL" if "iss" in named else "AUS")
    uri = f"{url('NZL' if 'uri' in named else 'AUS')}/status/1"
    key = card_key("NZL" if "key" in named else "AUS")
    status = {"status_list": {"idx": INDEX, "uri": uri}}
    issued = signed_card(iss=iss, status=status, key=key)
    return text_of(issued, signed_proof(issued)), expect


def mixed_trust(named: tuple[str, ...]) -> Any:
    documents: dict[str, str | None] = {}
    if "path" in named:
        documents |= {NAME: None, "NZL/issuer.json": issuer_json("AUS")}
    if "list" in named:
        name = "NZL" if "uri" in named else "AUS"
        documents[f"{name}/status/1.jwt"] = status_token(name, signer="NZL")
    return trust(documents)


def foreign_keys(book: Book) -> None:
    """D10: Australia lists what belongs to New Zealand."""
    card, status = issuer_keys("AUS")
    theirs = issuer_keys("NZL")[0]
    made_up = key_entry("AUS", "card", card_key("NZL"), "card-2")
    made_up["proof"] = key_entry("AUS", "card", card_key("AUS"), "card-2")["proof"]
    documents = {
        "key_copied": issuer_json(
            "AUS", keys=[card, status, theirs | {"kid": "card-2"}]
        ),
        "key_proof_by_own": issuer_json("AUS", keys=[card, status, made_up]),
        "keys_alone": issuer_json("AUS", keys=issuer_keys("NZL")),
        "url": issuer_json("AUS", issuer=url("NZL")),
        "url_and_keys": issuer_json("AUS", issuer=url("NZL"), keys=issuer_keys("NZL")),
        "code": issuer_json("AUS", economy="NZL"),
        "all": issuer_json("NZL"),
    }
    for name, document in documents.items():
        data = with_issuer(document)
        book.add(
            f"claims_{name}",
            f"Australia lists New Zealand's {name}: its document is refused.",
            shown_qr(),
            UNKNOWN,
            spec="7.2",
            threats="D10",
            trust=data,
            importance="critical",
        )
        book.add(
            f"claims_{name}_other",
            f"Australia lists New Zealand's {name}: New "
            "Zealand's card is not touched by that.",
            shown_qr("NZL"),
            accepted(),
            spec="7.2",
            threats="D10",
            trust=data,
            importance="critical",
        )
    crossed = signed_card(key=card_key("NZL"), header={"kid": "card-2"})
    book.add(
        "claims_key_used",
        "Australia lists New Zealand's key, and a card of Australia is signed with it.",
        text_of(crossed, signed_proof(crossed)),
        UNKNOWN,
        spec="7.2",
        threats="D10",
        trust=with_issuer(documents["key_copied"]),
        importance="critical",
    )


def schemes(book: Book) -> None:
    """The scheme document, readable and not."""
    absent = trust({"scheme.json": None})
    book.add_unusable("scheme_absent", "There is no scheme document.", absent, "7")
    good = small_scheme()
    contradiction = [
        pair_rule("AUS", None, "NZL", effect) for effect in ("excluded", "lane_only")
    ]
    documents = {
        "empty": "",
        "cut": good[:-1],
        "duplicate": good.replace('{"abtc"', '{"pair_rules":[],"abtc"', 1),
        "kind": small_scheme(abtc="issuer"),
        "kind_missing": small_scheme(abtc=DROP),
        "economies_missing": good.replace('"economies"', '"economy"', 1),
        "contradiction": small_scheme(pair_rules=contradiction),
        "effect_unknown": small_scheme(
            pair_rules=[pair_rule("TWN", None, "CHN", "welcome")]
        ),
        "same_url": small_scheme({"NZL": {"issuer": url("AUS")}}),
        "same_code": small_scheme({"NZL": {"code": "AUS"}}),
    }
    for name, document in documents.items():
        book.add_unusable(
            f"scheme_{name}",
            f"The scheme document cannot be read or contradicts itself: {name}.",
            trust({"scheme.json": document}, "small"),
            "7",
        )
    book.add(
        "scheme_member",
        "The scheme document has a member that nobody knows.",
        shown_qr(),
        accepted(),
        spec="7",
        trust=trust({"scheme.json": small_scheme(note=1)}, "small"),
    )
    moved = small_scheme({"AUS": {"issuer": "https://new.example/AUS"}})
    book.add(
        "scheme_moved",
        "The scheme gives Australia another URL than its own "
        "document: the document is refused.",
        shown_qr(),
        UNKNOWN,
        spec="7.2",
        threats="D10",
        trust=trust({"scheme.json": moved}, "small"),
    )


def policies(book: Book) -> None:
    """A bad policy document is treated as absent."""
    gone = accepted("entry.rules_missing", "lane.rules_missing")
    good = policy_json("SGP")
    two = [always(value=60, unit="days"), always(value=90, unit="days")]
    forms = [always(form="app", value=True), always(form="app", value=False)]
    documents = {
        "absent": None,
        "cut": good[:-1],
        "kind": policy_json("SGP", abtc="issuer"),
        "economy_other": policy_json("SGP", economy="AUS"),
        "of_other": policy_json("AUS"),
        "duplicate": good.replace('{"abtc"', '{"lane":[],"abtc"', 1),
        "stay_twice": policy_json("SGP", max_stay=two),
        "form_twice": policy_json("SGP", accepts_form=forms),
        "stay_text": policy_json("SGP", max_stay=[always(value="60", unit="days")]),
        "stay_unit": policy_json("SGP", max_stay=[always(value=60, unit="weeks")]),
        "stay_negative": policy_json("SGP", max_stay=[always(value=-1, unit="days")]),
        "form_text": policy_json(
            "SGP", accepts_form=[always(form="app", value="true")]
        ),
        "lane_integer": policy_json("SGP", lane=[always(needs_preclearance=0)]),
        "lane_map": policy_json("SGP", lane={}),
    }
    for name, document in documents.items():
        book.add(
            f"policy_{name}",
            f"Only the policy document of Singapore cannot be used: {name}.",
            shown_qr(),
            gone,
            spec="9",
            threats="D15",
            trust=trust({"SGP/policy.json": document}),
        )
    book.add(
        "policy_of_other_bad",
        "The policy of Japan is bad; Singapore's answer is not touched by that.",
        shown_qr(),
        accepted(),
        spec="7",
        trust=trust({"JPN/policy.json": "x"}),
    )


def build() -> Book:
    book = Book("trust")
    for part in (
        issuers,
        bad_issuer_documents,
        bad_keys,
        economies,
        foreign_keys,
        schemes,
        policies,
    ):
        part(book)
    return book
