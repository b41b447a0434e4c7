"""Proofs for one journey: what a desk believes, and what a phone shows of one."""

import hashlib
from typing import Any

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from . import world
from .book import MALFORMED, Book, passport
from .wire import Key, b64u, json_text, jws
from .world import DROP, HOLDER, NOW, card_key, changed, moment, status_key, url

PHONE = Key("abtc vector journey")
"""Made by the phone for this proof alone."""
CLIENT = "x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk"
NONCE = "n5q8Zk2WvT7pLx4cRb1mYd9sGh6jUf3eAo0iKtPwQzM"
TO = "SGP"
DAY = "2030-01-18"
IAT = NOW - 60
EXP = NOW + 6 * 3600
SALT = bytes(range(16))
HIDDEN = ("stay_until", "form", "passport", "passport_mark")
MARKED = "passport_mark"


def mark(text: str = "AUS:PA1234567", salt: bytes = SALT) -> dict[str, str]:
    """Return by what a passport is recognised, by another library's scrypt."""
    derived = Scrypt(salt=salt, length=32, n=2**14, r=8, p=1).derive(text.encode())
    return {"salt": b64u(salt), "scrypt": b64u(derived)}


VALUES: dict[str, Any] = {
    "stay_until": "2030-03-18",
    "form": "app",
    "passport": {"country": "AUS", "number_end": "567"},
    "passport_mark": mark(),
}


def disclosure(name: Any, value: Any, salt: Any = None) -> str:
    """Return the text of one; its salt is drawn from its name."""
    drawn = b64u(hashlib.sha256(f"salt {name}".encode()).digest()[:16])
    return b64u(json_text([drawn if salt is None else salt, name, value]).encode())


USUAL = {name: disclosure(name, value) for name, value in VALUES.items()}


def digest(text: str) -> str:
    return b64u(hashlib.sha256(text.encode()).digest())


def token(
    *,
    header: dict[str, Any] | None = None,
    key: Key | None = None,
    sd: list[str] | None = None,
    **changes: Any,
) -> str:
    """Return the issuer's JWT; ``sd`` are the disclosures that it has digests of."""
    texts = list(USUAL.values()) if sd is None else sd
    claims = {
        "iss": url("AUS"),
        "vct": "urn:abtc:entry-basis:1",
        "iat": IAT,
        "exp": EXP,
        "cnf": {"jwk": PHONE.jwk},
        "destination": TO,
        "arrival": DAY,
        "answer": "gives",
        "data_as_of": world.ISSUED_AT,
        "_sd_alg": "sha-256",
        "_sd": sorted(map(digest, texts)),
    }
    top = {"alg": "ES256", "kid": "status-1", "typ": "dc+sd-jwt"}
    signer = key or status_key("AUS")
    return jws(changed(top, header or {}), changed(claims, changes), signer)


def given(*names: str, **changes: Any) -> str:
    """Return a proof with these disclosures: what a phone has, or shows."""
    return "~".join([token(**changes), *(USUAL[name] for name in names), ""])


def bound(
    text: str,
    *,
    at: int = NOW,
    by: Key = PHONE,
    over: str | None = None,
    header: dict[str, Any] | None = None,
    **changes: Any,
) -> str:
    """Return it with the phone's proof; ``over`` is what that is made for instead."""
    covered = hashlib.sha256((text if over is None else over).encode()).digest()
    claims = {"iat": at, "aud": CLIENT, "nonce": NONCE, "sd_hash": b64u(covered)}
    head = {"alg": "ES256", "typ": "kb+jwt"}
    return text + jws(changed(head, header or {}), changed(claims, changes), by)


def proven(*names: str, matched: bool = False) -> dict[str, Any]:
    """Return what is expected of a good one that shows these."""
    shown = {name: VALUES[name] if name in names else None for name in HIDDEN[:3]}
    whose = {"outcome": "proven", "economy": "AUS", "destination": TO, "arrival": DAY}
    return whose | shown | {"passport_matched": matched}


def refused(code: str) -> dict[str, Any]:
    return {"outcome": "refused", "reason": f"basis.{code}"}


def doubted(code: str) -> dict[str, Any]:
    return {"outcome": "undecided", "reason": f"basis.{code}"}


def add(
    book: Book, name: str, description: str, text: Any, expect: Any, **more: Any
) -> None:
    """Add a vector; unless told, the desk is Singapore's and read the passport."""
    policy = {"economy": TO, "audience": CLIENT} | more.pop("policy", {})
    book.vectors.append(
        {
            "id": f"journey::{name}",
            "kind": "journey",
            "threats": more.pop("threats", "").split(),
            "description": description,
            "spec": more.pop("spec"),
            "importance": more.pop("importance", "normal"),
            "now": moment(more.pop("now", NOW)),
            "presentation": text,
            "trust": more.pop("trust", world.trust()),
            "policy": policy,
            "passport": more.pop("passport", passport()),
            "arrival": more.pop("arrival", DAY),
            "nonce": more.pop("nonce", NONCE),
            "expect": expect,
        }
    )
    assert not more, more


def good(book: Book) -> None:
    whole = given(*HIDDEN)
    everything = proven(*HIDDEN, matched=True)
    spec = {"spec": "13"}
    add(book, "whole", "A proof that shows all, to a desk that read the passport.",
        bound(whole), everything, **spec)  # fmt: skip
    add(book, "mark", "Of what can be kept back only the mark is shown.",
        bound(given(MARKED)), proven(matched=True), **spec)  # fmt: skip
    add(book, "nothing", "All that can be kept back is, and no passport was read.",
        bound(given()), proven(), passport=None, **spec)  # fmt: skip
    add(book, "stay", "The last day of a stay is shown, and nothing else.",
        bound(given("stay_until")), proven("stay_until"), passport=None,
        **spec)  # fmt: skip
    add(book, "unread", "No passport was read: what is shown of it is for people.",
        bound(whole), proven(*HIDDEN), passport=None, **spec)  # fmt: skip
    add(book, "order", "The disclosures stand in another order, and are bound so.",
        bound(given(*HIDDEN[::-1])), everything, **spec)  # fmt: skip
    decoys = token(sd=[*USUAL.values(), *(f"decoy {n}" for n in range(4))])
    add(book, "decoys", "Four digests more, which no disclosure is of.",
        bound("~".join([decoys, *USUAL.values(), ""])), everything, **spec)  # fmt: skip
    add(book, "bare", "A proof of which nothing can be shown.",
        bound(f"{token(sd=[])}~"), proven(), passport=None, **spec)  # fmt: skip
    physical = disclosure("form", "physical")
    add(book, "physical", "The form is physical.",
        bound(f"{token(sd=[physical])}~{physical}~"),
        proven() | {"form": "physical"}, passport=None, **spec)  # fmt: skip
    times(book, whole, everything)


def times(book: Book, whole: str, everything: Any) -> None:
    """Both sides of each bound."""
    for name, text, now, expect in (
        ("last_second", bound(whole, at=EXP - 1), EXP - 1, everything),
        ("ended", bound(whole, at=EXP), EXP, refused("expired")),
        ("ahead_60", bound(given(*HIDDEN, iat=NOW + 60)), NOW, everything),
        ("ahead_61", bound(given(*HIDDEN, iat=NOW + 61)), NOW, doubted("not_yet")),
        ("life_72h", bound(given(*HIDDEN, exp=IAT + 259_200)), NOW, everything),
        ("life_longer", bound(given(*HIDDEN, exp=IAT + 259_201)), NOW,
         refused("malformed")),
        ("proof_45", bound(whole, at=NOW - 45), NOW, everything),
        ("proof_46", bound(whole, at=NOW - 46), NOW, doubted("proof_stale")),
        ("proof_ahead_15", bound(whole, at=NOW + 15), NOW, everything),
        ("proof_ahead_16", bound(whole, at=NOW + 16), NOW, doubted("proof_ahead")),
    ):  # fmt: skip
        add(book, name, f"At one side of a bound ({name}).", text, expect, now=now,
            spec="13", threats="T1" if "proof" not in name else "K3")  # fmt: skip
    year = NOW - 366 * world.DAY - 15 * world.DAY
    old = given(*HIDDEN, iat=year, exp=year + 3600, data_as_of=year)
    add(book, "key_window", "Signed before its key might sign.", bound(old),
        refused("key_window"), spec="13, step 6")  # fmt: skip
    late = world.trust(time_floor=moment(NOW + 301))
    add(book, "clock", "The clock is behind what the trust data says.", bound(whole),
        doubted("clock"), trust=late, spec="13, step 2", threats="T4")  # fmt: skip
    week: dict[str, Any] = {
        "issued_at": moment(NOW - 604_801),
        "time_floor": moment(NOW - 604_801),
    }
    add(book, "trust_stale", "The trust data is older than a week.", bound(whole),
        doubted("trust_stale"), trust=world.trust(**week), spec="13, step 3",
        threats="T5")  # fmt: skip


def another_question(book: Book) -> None:
    """What is good, and was not made for this."""
    text = bound(given(*HIDDEN))
    for name, description, code, step, more in (
        ("destination", "The desk asks about another destination.", "destination", 8,
         {"policy": {"economy": "JPN"}}),
        ("day_after", "The desk asks about the day after.", "arrival", 8,
         {"arrival": "2030-01-19"}),
        ("day_before", "The desk asks about the day before.", "arrival", 8,
         {"arrival": "2030-01-17"}),
        ("nonce", "The desk's request has another nonce.", "nonce", 7,
         {"nonce": NONCE[::-1]}),
        ("audience", "Another desk asks.", "audience", 7,
         {"policy": {"audience": f"{CLIENT[:-1]}A"}}),
        ("passport", "The traveller has another passport.", "passport", 9,
         {"passport": passport(number="PA7654321")}),
        ("passport_country", "The passport is another state's, of that number.",
         "passport", 9, {"passport": passport(country="NZL")}),
    ):  # fmt: skip
        add(book, f"other_{name}", description, text, refused(code),
            spec=f"13, step {step}", threats="K4", importance="critical",
            **more)  # fmt: skip
    like = passport(number="XX9999567")
    add(book, "like_passport", "Another passport, whose number ends alike.",
        bound(given(MARKED)), refused("passport"), passport=like, spec="13, step 9",
        importance="critical")  # fmt: skip
    for name, shown in (("end_alone", ("passport",)), ("unshown", ())):
        add(book, name, "A passport was read, and the phone kept the mark back.",
            bound(given(*shown)), doubted("passport_unshown"),
            spec="13, step 9")  # fmt: skip


def another_signer(book: Book) -> None:
    whole = given(*HIDDEN)
    for name, description, text, expect, step in (
        ("copy", "It is shown without the phone's proof.", whole,
         refused("proof_missing"), 7),
        ("other_phone", "Another phone made the proof.", bound(whole, by=HOLDER),
         refused("device"), 7),
        ("border_proof", "The proof was made for a border.",
         bound(whole, aud="urn:abtc:border"), refused("audience"), 7),
        ("other_issuer_key", "Another economy's status key signed it.",
         bound(given(*HIDDEN, key=status_key("NZL"))), refused("signature"), 4),
        ("card_key", "The issuer's card key signed it, under the name of the other.",
         bound(given(*HIDDEN, key=card_key("AUS"))), refused("signature"), 4),
        ("card_key_named", "The issuer's card key signed it, under its own name.",
         bound(given(*HIDDEN, key=card_key("AUS"), header={"kid": "card-1"})),
         doubted("unknown_key"), 3),
        ("unknown_key", "The trust data has no key of that name.",
         bound(given(*HIDDEN, header={"kid": "status-9"})), doubted("unknown_key"), 3),
        ("unknown_issuer", "The trust data has no such issuer.",
         bound(given(*HIDDEN, iss=url("ZZZ"))), doubted("unknown_issuer"), 3),
    ):  # fmt: skip
        add(book, name, description, text, expect, spec=f"13, step {step}",
            threats="K1 K2" if step == 7 else "J12", importance="critical")  # fmt: skip
    test = world.trust({"AUS/issuer.json": world.issuer_json("AUS", test=True)})
    add(book, "test_issuer", "The issuer is for tests.", bound(whole), refused("test"),
        trust=test, spec="13, step 5")  # fmt: skip


def other_disclosures(book: Book) -> None:
    """Somebody on the way shows more, less, or something else."""
    shown = given("stay_until", MARKED)
    issued, stay, marked = shown.split("~")[:3]
    for name, description, text in (
        ("more", "A disclosure was added on the way.", given(*HIDDEN)),
        ("less", "A disclosure was taken out on the way.", f"{issued}~{marked}~"),
        ("swapped", "Two disclosures changed places on the way.",
         f"{issued}~{marked}~{stay}~"),
    ):  # fmt: skip
        add(book, f"shown_{name}", description, bound(text, over=shown),
            refused("binding"), spec="13, step 7", threats="K2",
            importance="critical")  # fmt: skip
    later = disclosure("stay_until", "2031-03-18")
    for name, description, texts in (
        ("tampered", "A later day stands in a disclosure.", [later]),
        ("foreign", "A disclosure that the issuer did not make.",
         [disclosure("form", "app", "x" * 22)]),
        ("twice", "The same disclosure twice.", [stay, stay]),
        ("padded", "A disclosure is padded.", [f"{stay}="]),
        ("empty", "A disclosure is empty.", [""]),
        ("nine", "Nine disclosures.", [stay] * 9),
    ):  # fmt: skip
        add(book, f"disclosure_{name}", description,
            bound("~".join([issued, *texts, ""])), refused("malformed"), passport=None,
            spec="13, step 1", threats="J8", importance="critical")  # fmt: skip
    for name, made in {
        "of_open_claim": [disclosure("destination", "JPN")],
        "of_nothing_known": [disclosure("name", "JANE")],
        "same_claim": [disclosure("form", "app", s * 22) for s in "ab"],
        "array": [b64u(json_text(["a" * 22, "app"]).encode())],
        "four": [b64u(json_text(["a" * 22, "form", "app", 1]).encode())],
        "short_salt": [disclosure("form", "app", "a" * 21)],
        "salt_number": [disclosure("form", "app", 7)],
        "form": [disclosure("form", "watch")],
        "stay": [disclosure("stay_until", "2030-3-18")],
        "end": [disclosure("passport", {"country": "AUS", "number_end": "4567"})],
        "mark_salt": [disclosure(MARKED, mark(salt=SALT + b"x"))],
        "mark_more": [disclosure(MARKED, mark() | {"n": 2})],
    }.items():
        text = "~".join([token(sd=made), *made, ""])
        add(book, f"made_{name}", f"The issuer itself made a bad disclosure ({name}).",
            bound(text), refused("malformed"), passport=None, spec="13, step 1",
            threats="J8")  # fmt: skip


def other_claims(book: Book) -> None:
    claims: dict[str, dict[str, Any]] = {
        "more": {"sub": "somebody"},
        "status": {
            "status": {"status_list": {"idx": 1, "uri": f"{url('AUS')}/status/1"}}
        },
        "no_day": {"arrival": DROP},
        "no_cnf": {"cnf": DROP},
        "card": {"vct": "urn:abtc:card:1"},
        "answer": {"answer": "does_not_give"},
        "lower_case": {"destination": "sgp"},
        "no_such_day": {"arrival": "2030-02-30"},
        "day_and_time": {"arrival": "2030-01-18T00:00:00Z"},
        "fraction": {"exp": EXP + 0.5},
        "text_time": {"iat": str(IAT)},
        "data_ahead": {"data_as_of": IAT + 1},
        "ends_first": {"exp": IAT},
        "other_hash": {"_sd_alg": "sha-512"},
        "digest_twice": {"_sd": [digest(USUAL["form"])] * 2},
        "digest_short": {"_sd": ["AAAA"]},
        "cnf_more": {"cnf": {"jwk": PHONE.jwk, "kid": "x"}},
        "issuer_http": {"iss": "http://abtc.example/AUS"},
    }
    for name, changes in claims.items():
        add(book, f"claim_{name}", f"A claim is not as it must be ({name}).",
            bound(given(**changes)), refused("malformed"), passport=None,
            spec="13, step 1", threats="J7" if name == "card" else "J6")  # fmt: skip
    headers: dict[str, dict[str, Any]] = {
        "none": {"alg": "none"},
        "es384": {"alg": "ES384"},
        "type": {"typ": "JWT"},
        "no_kid": {"kid": DROP},
        "crit": {"crit": ["exp"]},
        "jwk": {"jwk": PHONE.jwk},
    }
    for name, header in headers.items():
        add(book, f"header_{name}", f"The header is not as it must be ({name}).",
            bound(given(header=header)), refused("malformed"), passport=None,
            spec="13, step 1", threats="J1 J4")  # fmt: skip
        if name != "no_kid":
            add(book, f"proof_{name}", f"The phone's header is another one ({name}).",
                bound(given(), header=header), refused("malformed"), passport=None,
                spec="13, step 7", threats="J1 J4")  # fmt: skip
    issued = world.card()
    add(book, "a_card", "A card is shown in the place of a proof.",
        world.text_of(issued, world.proof(issued, aud=CLIENT, nonce=NONCE)),
        refused("malformed"), spec="13, step 1", threats="J7")  # fmt: skip
    book.add("as_card", "A proof is shown in the place of a card.",
             bound(given(*HIDDEN)), MALFORMED, spec="8, step 1",
             threats="J7", importance="critical")  # fmt: skip
    long = {"before": "a" * 8_000, "repeat": ["A", 193]}
    add(book, "long", "More than 8,192 characters.", long, refused("malformed"),
        spec="13, step 1", threats="J13")  # fmt: skip


def on_phones(book: Book) -> None:
    """What a phone shows of what it was given, and what it does not take."""
    whole = given(*HIDDEN)

    def add_phone(name: str, kind: str, description: str, **more: Any) -> None:
        known = {"credential": whole, "holder": PHONE.jwk, "destination": TO}
        known |= {"arrival": DAY, "hidden": [], "spec": "13"}
        book.add_wire(name, kind, description, **(known | more))

    for name, hidden in {
        "show_none": (), "show_one": ("stay_until",), "show_all": HIDDEN,
        "show_usual": ("stay_until", MARKED), "show_other_order": HIDDEN[::-1],
    }.items():  # fmt: skip
        kept = [each for each in HIDDEN if each in hidden]
        add_phone(name, "showable", f"What a desk asks for is shown, no more ({name}).",
                  hidden=list(hidden), shown=given(*kept))  # fmt: skip
    for name, changed_to in {
        "take_other_key": {"credential": given(*HIDDEN, cnf={"jwk": HOLDER.jwk})},
        "take_other_place": {"destination": "JPN"},
        "take_other_day": {"arrival": "2030-01-19"},
        "take_bound": {"credential": bound(whole)},
        "take_card": {"credential": f"{world.card(holder=PHONE).text}~"},
        "take_text": {"credential": "a.b~"},
    }.items():
        add_phone(name, "unshowable", f"A phone does not take this ({name}).",
                  **changed_to)  # fmt: skip


def build() -> Book:
    book = Book("journey")
    for part in (good, another_question, another_signer, other_disclosures,
                 other_claims, on_phones):  # fmt: skip
        part(book)
    return book
