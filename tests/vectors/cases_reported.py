"""Lists of reported passports: whose, how old, how broken, and whom they name."""

from typing import Any

from .book import Book, accepted, passport, rejected, undecided
from .wire import b64u
from .world import (
    DAY,
    DROP,
    ISSUED_AT,
    NOW,
    PASSPORT,
    SALT,
    Signed,
    card,
    card_key,
    issuer_json,
    passport_entry,
    passports_token,
    proof,
    qr_of,
    shown_qr,
    shown_text,
    status_token,
    trust,
    url,
)

NAME = "AUS/passports.jwt"
REPORTED = rejected("passport.reported")
ENTRY = passport_entry(PASSPORT)
LOW, HIGH = bytes(6), b"\xff" * 6
NEXT = (int.from_bytes(ENTRY) ^ 1).to_bytes(6)


def named(**changes: Any) -> str:
    """Return the list of AUS that names the usual passport."""
    return passports_token(passports=[PASSPORT], **changes)


def listed(token: str, **others: str | None) -> Any:
    return trust({NAME: token, **others})


def entries(*each: bytes) -> str:
    return passports_token(body={"lst": b64u(b"".join(each))})


def salted(salt: bytes) -> dict[str, Any]:
    """Return members of a list whose entry is right under that salt."""
    return {"salt": b64u(salt), "lst": b64u(passport_entry(PASSPORT, salt))}


def add(book: Book, name: str, description: str, token: str, expect: Any) -> None:
    """Add the usual card with this list of AUS; no passport was read."""
    book.add(
        name,
        description,
        shown_qr(),
        expect,
        spec="6.1, 8 step 12",
        trust=listed(token),
        threats="S3" if name.startswith("broken") else "",
        importance="critical",
    )


def said(book: Book) -> None:
    """Whom a list names."""
    add(book, "listed", "The list names the passport of this card.", named(), REPORTED)
    add(
        book,
        "others_only",
        "The list names the next number, and this number of another birth date.",
        passports_token(),
        accepted(),
    )
    add(
        book, "nobody", "The list names nobody.", passports_token(passports=[]),
        accepted(),
    )  # fmt: skip
    for name, each in (
        ("first", [ENTRY, HIGH]),
        ("last", [LOW, ENTRY]),
        ("between", [LOW, ENTRY, HIGH]),
    ):
        text = f"The entry of this passport is the {name} one of several."
        add(book, f"entry_{name}", text, entries(*each), REPORTED)
    add(
        book,
        "entry_off",
        "Entries before and after that of this passport, and one that differs from it "
        "in its last bit.",
        entries(LOW, NEXT, HIGH),
        accepted(),
    )
    add(
        book,
        "other_salt",
        "The entry is right under another salt than the list has.",
        named(body={"salt": b64u(SALT[::-1])}),
        accepted(),
    )
    add(
        book,
        "members",
        "The list has no ttl, and two members that nobody knows.",
        named(ttl=DROP, new=[], body={"new": 1}),
        REPORTED,
    )


def shown(book: Book) -> None:
    """What is looked for is the card's passport, however it is shown."""
    plastic = card(plastic=True)
    cases: dict[str, tuple[str, Any]] = {
        "read": (shown_qr(), passport(birthdate="850314")),
        "text": (shown_text(), None),
        "physical": (qr_of(plastic, None), None),
    }
    for name, (presentation, read) in cases.items():
        book.add(
            f"listed_{name}",
            f"As reported::listed, with one more thing that is right: {name}.",
            presentation,
            REPORTED,
            spec="8 step 12",
            trust=listed(named()),
            passport=read,
            importance="critical",
        )


def whose(book: Book) -> None:
    """D9: an economy reports what it has issued, and nobody else does."""
    cases: dict[str, tuple[str, str]] = {
        "signed_by_another": ("signed by another's key", named(signer="NZL")),
        "card_key": ("signed by the card key", named(signer=card_key("AUS"))),
        "kid_card": ("of the card key's kid", named(header={"kid": "card-1"})),
        "kid_unknown": ("of an unknown kid", named(header={"kid": "status-2"})),
        "sub_another": ("with another's sub", named(sub=f"{url('NZL')}/passports")),
        "sub_status": ("with a list's sub", named(sub=f"{url('AUS')}/status/1")),
        "sub_slash": ("with a slash too many", named(sub=f"{url('AUS')}/passports/")),
        "sub_absent": ("without sub", named(sub=DROP)),
        "typ_status": ("with a list's typ", named(header={"typ": "statuslist+jwt"})),
        "typ_jwt": ("with typ JWT", named(header={"typ": "JWT"})),
        "typ_absent": ("without typ", named(header={"typ": DROP})),
        "alg_none": ("with alg none", named(header={"alg": "none"})),
        "crit": ("with a header member more", named(header={"crit": ["exp"]})),
        "status_list": ("that is a status list", status_token()),
        "unsigned": ("whose signature is cut off", named().rpartition(".")[0] + "."),
    }
    for name, (what, token) in cases.items():
        book.add(
            f"whose_{name}",
            f"As reported::listed, but the list is one {what}: not checked.",
            shown_qr(),
            accepted(),
            spec="6.1",
            threats="S1 D9",
            trust=listed(token),
            importance="critical",
        )
    book.add(
        "whose_in_place_of_status",
        "A list of passports under the name of the status list.",
        shown_qr(),
        undecided("status.unusable"),
        spec="6",
        threats="S1",
        trust=trust({"AUS/status/1.jwt": named(sub=f"{url('AUS')}/status/1")}),
        importance="critical",
    )


def whom(book: Book) -> None:
    """D9: the list of the economy that has issued the passport is looked at."""
    abroad = card("NZL", passport={"country": "AUS", "number": "PA1234567"})
    theirs = card("AUS", passport={"country": "NZL", "number": "PA1234567"})
    german = card(passport={"country": "DEU", "number": "PA1234567"})
    of_nzl = "NZL|PA1234567|1985-03-14"
    both = passports_token(passports=[PASSPORT, of_nzl])
    foreign = passports_token("NZL", passports=[PASSPORT])
    real = passports_token("NZL", passports=[of_nzl])
    cases: dict[str, tuple[str, Signed, dict[str, str | None], Any]] = {
        "card_of_another": (
            "Card of NZL, passport of AUS, which AUS has reported.",
            abroad, {NAME: named()}, REPORTED,
        ),
        "passport_of_another": (
            "Card of AUS, passport of NZL: AUS reports this number of both.",
            theirs, {NAME: both}, accepted(),
        ),
        "passport_of_another_reported": (
            "As before, and NZL reports it too.",
            theirs, {NAME: both, "NZL/passports.jwt": real}, REPORTED,
        ),
        "reported_by_another": (
            "Card and passport of AUS, which NZL lists as one of AUS.",
            card(), {"NZL/passports.jwt": foreign}, accepted(),
        ),
        "no_economy": (
            "A passport of nobody in the scheme; AUS lists its number.",
            german, {NAME: named()}, accepted(),
        ),
        "test_issuer": (
            "Card of NZL, passport of AUS, which is a test issuer here.",
            abroad,
            {NAME: named(), "AUS/issuer.json": issuer_json("AUS", test=True)},
            accepted(),
        ),
        "without_keys": (
            "Card of NZL, passport of AUS, whose keys are not there.",
            abroad, {NAME: named(), "AUS/issuer.json": None}, accepted(),
        ),
    }  # fmt: skip
    for name, (description, issued, documents, expect) in cases.items():
        book.add(
            f"whom_{name}",
            description,
            qr_of(issued, proof(issued)),
            expect,
            spec="8 step 12",
            threats="D9",
            trust=trust(documents),
            importance="critical",
        )


def age(book: Book) -> None:
    """S2: a list that is too old is as none."""
    old = NOW - 3 * DAY
    cases = {
        "3_days": (named(iat=old), REPORTED),
        "3_days_1": (named(iat=old - 1), accepted()),
        "exp_at_now": (named(exp=NOW), accepted()),
        "exp_after_now": (named(exp=NOW + 1), REPORTED),
        "ahead_300": (named(iat=ISSUED_AT + 300), REPORTED),
        "ahead_301": (named(iat=ISSUED_AT + 301), accepted()),
        "exp_at_iat": (named(exp=ISSUED_AT), accepted()),
        "iat_absent": (named(iat=DROP), accepted()),
        "iat_text": (named(iat=str(ISSUED_AT)), accepted()),
        "exp_absent": (named(exp=DROP), accepted()),
        "ttl_0": (named(ttl=0), accepted()),
        "before_key": (named(iat=1_861_919_999), accepted()),
    }
    for name, (token, expect) in cases.items():
        book.add(
            f"age_{name}",
            f"As reported::listed, but the dates of the list differ: {name}.",
            shown_qr(),
            expect,
            spec="6.1, 8 step 12",
            threats="S2",
            trust=listed(token),
            importance="critical",
        )


def broken(book: Book) -> None:
    """S3: what is no list is as none."""
    changes: dict[str, dict[str, Any]] = {
        "kdf_absent": {"kdf": DROP},
        "kdf_slower": {"kdf": "scrypt-1073741824-8-1"},
        "kdf_other": {"kdf": "sha-256"},
        "kdf_number": {"kdf": 4096},
        "salt_absent": {"salt": DROP},
        "salt_empty": salted(b""),
        "salt_15": salted(SALT[:15]),
        "salt_17": salted(SALT + b"x"),
        "salt_padded": {"salt": f"{b64u(SALT)}=="},
        "salt_number": {"salt": 1},
        "lst_absent": {"lst": DROP},
        "lst_number": {"lst": 1},
        "lst_array": {"lst": [b64u(ENTRY)]},
        "lst_cut": {"lst": b64u(LOW + ENTRY[:5])},
        "lst_byte_more": {"lst": b64u(ENTRY + b"\xff")},
        "lst_twice": {"lst": b64u(ENTRY + ENTRY)},
        "lst_descending": {"lst": b64u(HIGH + ENTRY)},
        "lst_end_descending": {"lst": b64u(LOW + ENTRY + NEXT[:5] + b"\x00")},
        "lst_plus": {"lst": "++++++++"},
    }
    for name, body in changes.items():
        text = f"As reported::listed, but the list is broken: {name}. Not checked."
        add(book, f"broken_{name}", text, named(body=body), accepted())
    for name, value in {"absent": DROP, "null": None, "array": [], "text": "x"}.items():
        text = f"As reported::listed, but the member passports is {name}. Not checked."
        add(book, f"broken_member_{name}", text, named(member=value), accepted())


def build() -> Book:
    book = Book("reported")
    for part in (said, shown, whose, whom, age, broken):
        part(book)
    return book
