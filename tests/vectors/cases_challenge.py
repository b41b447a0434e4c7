"""The officer's code: what is a challenge to be answered, and what is not."""

from .book import Book

CHALLENGE = "kZ2mV4pQ9xT1bN7cW5rY8A"
"""22 characters: 128 bits."""
TEXT = f"ABTCQ1:{CHALLENGE}"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def good(book: Book) -> None:
    for name, challenge in {
        "22": CHALLENGE,
        "23": f"{CHALLENGE}b",
        "86": "Aa0_-" * 17 + "z",
        "alphabet": ALPHABET,
        "signs": "-_" * 11,
        "digits": "0123456789012345678901",
        # Not the canonical spelling of any bytes: a challenge is text, and is not read.
        "unused_bits": "kZ2mV4pQ9xT1bN7cW5rY8B",
        "prefix_inside": f"ABTCQ1{CHALLENGE}",
    }.items():
        book.add_challenge(
            name, f"An officer's code that is answered ({name}).", challenge
        )


def bad(book: Book) -> None:
    for name, text in {
        "empty": "",
        "prefix_alone": "ABTCQ1:",
        "short": TEXT[:-1],
        "long": "ABTCQ1:" + "Aa0_-" * 17 + "zz",
        "no_prefix": CHALLENGE,
        "lower_prefix": f"abtcq1:{CHALLENGE}",
        "mixed_prefix": f"AbtcQ1:{CHALLENGE}",
        "doubled_prefix": f"ABTCQ1:{TEXT}",
        "other_version": f"ABTCQ2:{CHALLENGE}",
        "longer_version": f"ABTCQ11:{CHALLENGE}",
        "no_version": f"ABTCQ:{CHALLENGE}",
        "card_prefix": f"ABTC1:{CHALLENGE}",
        "no_colon": f"ABTCQ1{CHALLENGE}",
        "full_width_colon": f"ABTCQ1\uff1a{CHALLENGE}",
        "cyrillic": f"\u0410BTCQ1:{CHALLENGE}",
        "space_before": f" {TEXT}",
        "space_inside": f"ABTCQ1: {CHALLENGE}",
        "space_after": f"{TEXT} ",
        "newline_after": f"{TEXT}\n",
        "return_after": f"{TEXT}\r",
        "line_before": f"x\n{TEXT}",
        "line_after": f"{TEXT}\nx",
        "bom": f"\ufeff{TEXT}",
        "nul": f"{TEXT}\0",
        "base64": f"ABTCQ1:{CHALLENGE[:-2]}+/",
        "padded": f"{TEXT}==",
        "full_stop": f"ABTCQ1:iat.{CHALLENGE}",
        "tilde": f"{TEXT}~",
        "letter": f"ABTCQ1:{CHALLENGE[:-1]}\u00e9",
        "digit": f"ABTCQ1:{CHALLENGE[:-1]}\u0661",
        "query": f"{TEXT}?aud=urn:abtc:border",
        "link": f"https://abtc.example/wallet/#{TEXT}",
        "uri": f"abtc:{TEXT}",
        "offer": "openid-credential-offer://?credential_offer_uri=https%3A%2F%2Fx",
        "request": f"openid4vp://?client_id=x&nonce={CHALLENGE}",
        "json": f'{{"nonce":"{CHALLENGE}"}}',
        "wifi": "WIFI:S:airport;T:WPA;P:secret;;",
        "huge": {"before": "ABTCQ1:", "repeat": ["A", 100_000]},
    }.items():
        book.add_no_challenge(name, f"No officer's code ({name}).", text)


def build() -> Book:
    book = Book("challenge")
    good(book)
    bad(book)
    return book
