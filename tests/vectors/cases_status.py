"""Status lists: whose, how old, how broken, and what they say."""

import zlib
from typing import Any

from .book import Book, accepted, rejected, undecided
from .wire import Key, b64u, status_bytes, zlib_stored, zlib_zeros
from .world import (
    DROP,
    EXPIRES_AT,
    INDEX,
    ISSUED_AT,
    SIZE,
    card_key,
    issuer_json,
    issuer_keys,
    key_entry,
    overlay_token,
    shown_qr,
    shown_text,
    status_key,
    status_token,
    trust,
    url,
)

UNUSABLE = undecided("status.unusable")
NAME = "AUS/status/1.jwt"
OVERLAY = "SGP/overlay/AUS/1.jwt"


def listed(token: str) -> Any:
    return trust({NAME: token})


def at_index(idx: int, **changes: Any) -> str:
    """Return accept::app with another index."""
    status = {"status_list": {"idx": idx, "uri": f"{url('AUS')}/status/1"}}
    return shown_qr(status=status, **changes)


def said(book: Book) -> None:
    """S7: every value."""
    words = {1: "revoked", 2: "suspended", 3: "superseded"}
    for value, word in words.items():
        book.add(
            word,
            f"Only the issuer list differs from accept::app: {word}.",
            shown_qr(),
            rejected(f"status.{word}"),
            spec="8 step 10",
            threats="S7",
            trust=listed(status_token(values={INDEX: value})),
            importance="critical",
        )
    book.add(
        "old_phone",
        "The old phone of a card that has a new one: both "
        "stand in one list, and only this entry is 3.",
        at_index(203),
        rejected("status.superseded"),
        spec="8 step 10",
        threats="S12 S7",
    )
    book.add(
        "new_phone",
        "The new phone of the same card: its entry is 0.",
        at_index(INDEX),
        accepted(),
        spec="8 step 10",
        threats="S12",
    )
    for index, word in ((200, "revoked"), (202, "suspended")):
        book.add(
            f"neighbour_{word}",
            f"Only idx differs from accept::app: the neighbour is {word}.",
            at_index(index),
            rejected(f"status.{word}"),
            spec="6",
            threats="S5 S7",
            importance="critical",
        )
    for bits, value, expect in (
        (1, 0, accepted()),
        (1, 1, rejected("status.revoked")),
        (4, 0, accepted()),
        (4, 3, rejected("status.superseded")),
        (4, 4, undecided("status.unknown")),
        (4, 15, undecided("status.unknown")),
        (8, 0, accepted()),
        (8, 1, rejected("status.revoked")),
        (8, 2, rejected("status.suspended")),
        (8, 4, undecided("status.unknown")),
        (8, 128, undecided("status.unknown")),
        (8, 255, undecided("status.unknown")),
    ):
        token = status_token(values={INDEX: value}, bits=bits, size=300)
        book.add(
            f"bits_{bits}_value_{value}",
            f"The list has {bits} bits an entry; this entry says {value}.",
            shown_qr(),
            expect,
            spec="6",
            threats="S7",
            trust=listed(token),
        )


def draft_lists(book: Book) -> None:
    """S5: the two lists that the Token Status List draft publishes, in full."""
    published = {
        1: ("eNrbuRgAAhcBXQ", (1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1)),
        2: ("eNo76fITAAPfAgc", (1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3)),
    }
    words = ("valid", "revoked", "suspended", "superseded")
    for bits, (lst, values) in published.items():
        token = status_token(lst=lst, bits=bits)
        for index, value in enumerate(values):
            expect = rejected(f"status.{words[value]}") if value else accepted()
            book.add(
                f"draft_{bits}_bits_{index}",
                f"Entry {index} of the draft's list of {bits} bits.",
                at_index(index),
                expect,
                spec="6",
                threats="S5",
                trust=listed(token),
            )
        book.add(
            f"draft_{bits}_bits_end",
            f"The draft's list of {bits} bits has no entry {len(values)}.",
            at_index(len(values)),
            undecided("status.range"),
            spec="8 step 10",
            threats="S5 S4",
            trust=listed(token),
        )


def indexes(book: Book) -> None:
    """S4: indexes at and beyond the end."""
    for idx, expect in (
        (0, accepted()),
        (SIZE - 1, accepted()),
        (SIZE, undecided("status.range")),
        (2**31, undecided("status.range")),
        (2**32, undecided("status.range")),
        (2**63, undecided("status.range")),
        (2**64 - 1, undecided("status.range")),
    ):
        book.add(
            f"idx_{idx}",
            f"Only idx differs from accept::app: {idx} of {SIZE}.",
            at_index(idx),
            expect,
            spec="8 step 10",
            threats="S4",
            importance="critical",
        )
    status = {"status_list": {"idx": 2**53 + 1, "uri": f"{url('AUS')}/status/1"}}
    book.add(
        "idx_text_2_53_1",
        "As text, idx may lie beyond 2^53.",
        shown_text(status=status),
        undecided("status.range"),
        spec="3.2",
        threats="S4 J10",
    )
    empty = status_token(lst=b64u(zlib_stored(b"")))
    book.add(
        "empty",
        "The list has no entry.",
        at_index(0),
        undecided("status.range"),
        spec="8 step 10",
        threats="S4",
        trust=listed(empty),
    )


def missing(book: Book) -> None:
    """S8: a list that is not there."""
    absent = undecided("status.missing")
    book.add(
        "missing",
        "Only the issuer list is missing.",
        shown_qr(),
        absent,
        spec="8 step 10",
        threats="S8",
        trust=trust({NAME: None}),
        importance="critical",
    )
    book.add(
        "missing_other",
        "The list of Australia is missing; New Zealand's card is not touched by that.",
        shown_qr("NZL"),
        accepted(),
        spec="8 step 10",
        threats="S8",
        trust=trust({NAME: None}),
    )
    status = {"status_list": {"idx": INDEX, "uri": f"{url('AUS')}/status/2"}}
    book.add(
        "missing_number",
        "Only the number of the list differs: nobody has it.",
        shown_qr(status=status),
        absent,
        spec="8 step 10",
        threats="S8",
    )
    second = status_token(sub=f"{url('AUS')}/status/2")
    overlay = overlay_token(sub=f"{url('SGP')}/overlay/AUS/2")
    book.add(
        "second_list",
        "The card stands in list 2, which is there.",
        shown_qr(status=status),
        accepted(),
        spec="8 step 10",
        trust=trust({"AUS/status/2.jwt": second, "SGP/overlay/AUS/2.jwt": overlay}),
    )
    zero = {"status_list": {"idx": INDEX, "uri": f"{url('AUS')}/status/0"}}
    book.add(
        "list_0",
        "The card stands in list 0, which is there.",
        shown_qr(status=zero),
        accepted(),
        spec="8 step 10",
        trust=trust(
            {
                "AUS/status/0.jwt": status_token(sub=f"{url('AUS')}/status/0"),
                "SGP/overlay/AUS/0.jwt": overlay_token(
                    sub=f"{url('SGP')}/overlay/AUS/0"
                ),
            }
        ),
    )


def whose(book: Book) -> None:
    """S1: a list of another name, key or kind; S13 for overlays."""
    unsigned = status_token().rsplit(".", 1)[0] + "."
    tokens: dict[str, str] = {
        "sub_other_number": status_token(sub=f"{url('AUS')}/status/2"),
        "sub_other_economy": status_token(sub=f"{url('NZL')}/status/1"),
        "sub_overlay": status_token(sub=f"{url('AUS')}/overlay/AUS/1"),
        "sub_slash": status_token(sub=f"{url('AUS')}/status/1/"),
        "sub_missing": status_token(sub=DROP),
        "sub_list": status_token(sub=[f"{url('AUS')}/status/1"]),
        "by_other_economy": status_token(signer="NZL"),
        "by_card_key": status_token(signer=card_key("AUS")),
        "by_card_key_kid": status_token(
            signer=card_key("AUS"), header={"kid": "card-1"}
        ),
        "by_nobody": status_token(signer=Key("abtc vector attacker")),
        "kid_unknown": status_token(header={"kid": "status-2"}),
        "kid_missing": status_token(header={"kid": DROP}),
        "alg_none": status_token(header={"alg": "none"}),
        "unsigned": unsigned,
        "header_member": status_token(header={"jwk": status_key("AUS").jwk}),
        "header_crit": status_token(header={"crit": []}),
        "of_other_economy": status_token("NZL"),
        "overlay_as_list": overlay_token("AUS", "NZL"),
        "four_parts": status_token() + ".AAAA",
        "tilde": status_token() + "~",
        "newline": status_token() + "\n",
        "padding": status_token() + "==",
        "empty_text": "",
        "json": "{}",
    }
    for name, token in tokens.items():
        critical = "critical" if name.startswith("by_") else "normal"
        book.add(
            f"list_{name}",
            f"Only the issuer list differs: {name}.",
            shown_qr(),
            UNUSABLE,
            spec="6",
            threats="S1",
            trust=listed(token),
            importance=critical,
        )
    keys = [
        *issuer_keys("AUS"),
        key_entry("AUS", "status", Key("abtc vector AUS status two"), "status-2"),
    ]
    document = issuer_json("AUS", keys=keys)
    token = status_token(
        signer=Key("abtc vector AUS status two"), header={"kid": "status-2"}
    )
    book.add(
        "list_second_key",
        "The list is signed by a second status key of Australia.",
        shown_qr(),
        accepted(),
        spec="6",
        threats="S1",
        trust=trust({NAME: token, "AUS/issuer.json": document}),
    )


def claims(book: Book) -> None:
    """S2 and S3: claims of the token."""
    bad: dict[str, dict[str, Any]] = {
        "ttl_0": {"ttl": 0},
        "ttl_negative": {"ttl": -1},
        "ttl_text": {"ttl": "43200"},
        "ttl_true": {"ttl": True},
        "ttl_float": {"ttl": 1.5},
        "ttl_null": {"ttl": None},
        "iat_missing": {"iat": DROP},
        "exp_missing": {"exp": DROP},
        "iat_text": {"iat": str(ISSUED_AT)},
        "exp_text": {"exp": str(EXPIRES_AT)},
        "exp_before_iat": {"iat": ISSUED_AT, "exp": ISSUED_AT},
        "exp_2100": {"exp": 4_102_444_801},
        "no_list": {"status_list": DROP},
        "list_array": {"status_list": []},
        "bits_0": {"bits": 0, "lst": "eNo76fITAAPfAgc"},
        "bits_3": {"bits": 3, "lst": "eNo76fITAAPfAgc"},
        "bits_16": {"bits": 16, "lst": "eNo76fITAAPfAgc"},
        "bits_text": {"bits": "1", "lst": "eNo76fITAAPfAgc"},
        "bits_true": {"bits": True, "lst": "eNo76fITAAPfAgc"},
        "bits_null": {"bits": None, "lst": "eNo76fITAAPfAgc"},
    }
    for name, change in bad.items():
        threat = "S3" if name.startswith(("bits", "list", "no_")) else "S2"
        book.add(
            f"token_{name}",
            f"Only a claim of the issuer list differs: {name}.",
            at_index(2),
            UNUSABLE,
            spec="6",
            threats=threat,
            trust=listed(status_token(**change)),
        )
    good: dict[str, dict[str, Any]] = {
        "ttl_1": {"ttl": 1},
        "ttl_86401": {"ttl": 86_401},
        "ttl_large": {"ttl": 10**12},
        "ttl_missing": {"ttl": DROP},
        "member": {"aggregation_uri": "https://x.example"},
    }
    for name, change in good.items():
        book.add(
            f"token_{name}",
            f"Only a claim of the issuer list differs: {name}.",
            shown_qr(),
            accepted(),
            spec="6",
            threats="S2",
            trust=listed(status_token(**change)),
        )


def broken(book: Book) -> None:
    """S3: streams that are cut, continued, of another kind, or too long."""
    data = status_bytes({200: 1, 202: 2, 203: 3}, size=SIZE)
    good = zlib_stored(data)
    raw = good[2:-4]
    dictionary = bytes([0x78, 0x20]) + zlib.adler32(b"abtc").to_bytes(4) + good[2:]
    gzip = (
        b"\x1f\x8b\x08"
        + bytes(7)
        + raw
        + zlib.crc32(data).to_bytes(4, "little")
        + len(data).to_bytes(4, "little")
    )
    assert (dictionary[0] << 8 | dictionary[1]) % 31 == 0
    cases = {
        "cut": good[:40],
        "checksum_cut": good[:-1],
        "checksum_missing": good[:-4],
        "checksum_wrong": good[:-1] + bytes([good[-1] ^ 1]),
        "junk": good + b"\0",
        "second_stream": good + good,
        "dictionary": dictionary,
        "raw": raw,
        "gzip": gzip,
        "header_wrong": b"\x78\x02" + good[2:],
        "window_wrong": b"\x88\x1c" + good[2:],
        "block_type_3": b"\x78\x01\x07" + good[3:],
        "plain": data,
        "nothing": b"",
    }
    for name, stream in cases.items():
        book.add(
            f"stream_{name}",
            f"Only the zlib stream of the issuer list differs: {name}.",
            shown_qr(),
            UNUSABLE,
            spec="6",
            threats="S3",
            trust=listed(status_token(lst=b64u(stream))),
        )
    entries: dict[str, dict[str, Any]] = {
        "padding": {"bits": 2, "lst": b64u(good) + "="},
        "standard": {"bits": 2, "lst": b64u(good) + "+/"},
        "missing": {"bits": 2},
        "bits_missing": {"lst": b64u(good)},
    }
    for name, entry in entries.items():
        book.add(
            f"lst_{name}",
            f"Only status_list of the issuer list differs: {name}.",
            shown_qr(),
            UNUSABLE,
            spec="6",
            threats="S3 J9",
            trust=listed(status_token(status_list=entry)),
        )
    for size, expect in ((262_144, accepted()), (262_145, UNUSABLE)):
        token = status_token(lst=b64u(zlib_zeros(size)))
        book.add(
            f"inflated_{size}",
            f"The issuer list of 2 bits inflates to {size:,} bytes.",
            shown_qr(),
            expect,
            spec="6",
            threats="S3",
            trust=listed(token),
        )


def overlays(book: Book) -> None:
    """S13: overlays that are not the destination's own."""
    answer = accepted("entry.overlay_missing")
    tokens = {
        "by_issuer": overlay_token(values={INDEX: 3}, signer="AUS"),
        "by_other": overlay_token(values={INDEX: 3}, signer="NZL"),
        "by_card_key": overlay_token(values={INDEX: 3}, signer=card_key("SGP")),
        "of_other_list": overlay_token(sub=f"{url('SGP')}/overlay/AUS/2"),
        "of_other_issuer": overlay_token(sub=f"{url('SGP')}/overlay/NZL/1"),
        "of_other_destination": overlay_token(sub=f"{url('NZL')}/overlay/AUS/1"),
        "other_destination": overlay_token("NZL", values={INDEX: 3}),
        "issuer_list": status_token(),
        "broken": overlay_token(lst="eNo76fITAAPfAg"),
        "ttl_0": overlay_token(ttl=0),
    }
    for name, token in tokens.items():
        book.add(
            f"overlay_{name}",
            f"Only the overlay differs: {name}; it is ignored.",
            shown_qr(),
            answer,
            spec="9 row 7",
            threats="S13",
            trust=trust({OVERLAY: token}),
            importance="critical",
        )
    book.add(
        "overlay_of_another_grants_nothing",
        "Not cleared by the card; the issuer "
        "publishes an overlay for itself, which is nobody's business here.",
        shown_qr(economies=["NZL"]),
        accepted("entry.not_cleared"),
        spec="9 row 9",
        threats="S13",
        trust=trust({"AUS/overlay/AUS/1.jwt": overlay_token("AUS", "AUS", {INDEX: 3})}),
    )
    book.add(
        "overlay_valid_on_revoked",
        "The overlay grants, but the issuer revoked.",
        shown_qr(),
        rejected("status.revoked"),
        spec="8 step 10",
        threats="S13",
        trust=trust(
            {
                OVERLAY: overlay_token(values={INDEX: 3}),
                NAME: status_token(values={INDEX: 1}),
            }
        ),
    )


def build() -> Book:
    book = Book("status")
    for part in (said, draft_lists, indexes, missing, whose, claims, broken, overlays):
        part(book)
    return book
