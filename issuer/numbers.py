"""Numbers that people read aloud: of applications and of card documents.

Both begin with letters of the economy, go on with random characters that nobody takes
for each other (no 0 and O, 1 and I, 2 and Z, 5 and S, 8 and B, U, D or Q), and end with
one that is computed from the others and from the economy's code: a character that was
read or typed wrongly shows, and so do two that changed places.

A document number has 9 characters, which is what the machine-readable lines of a card
have room for (ICAO Doc 9303, part 5); an application number has 12, so that neither is
ever taken for the other.
"""

import secrets
from collections.abc import Callable, Sequence
from typing import Final

ALPHABET: Final = "34679ACEFGHJKLMNPRTVWXY"
"""23 of them: with a prime number of characters one check character finds every single
wrong character and every two that changed places."""
DOCUMENT_LENGTH: Final = 9
APPLICATION_LENGTH: Final = 12

_DOCUMENT_PREFIX: Final = 2
_APPLICATION_PREFIX: Final = 3

_Choice = Callable[[Sequence[str]], str]


def draw_document_number(economy: str, *, choose: _Choice = secrets.choice) -> str:
    """Draw the number of a card document: 148 million for each economy.

    Args:
        economy: Alpha-3 code of the issuer; the number begins with its first two
            letters.
        choose: Source of uniformly random characters.

    Returns:
        9 of ``A-Z0-9``.

    Not checked: that it was never drawn before; the database's table of credentials
    refuses a number that it has.
    """
    return _draw(economy, _DOCUMENT_PREFIX, DOCUMENT_LENGTH, choose)


def draw_application_number(economy: str, *, choose: _Choice = secrets.choice) -> str:
    """Draw the number of an application: 78 thousand million for each economy.

    As `draw_document_number`, but 12 characters, of which the first three are the code.
    """
    return _draw(economy, _APPLICATION_PREFIX, APPLICATION_LENGTH, choose)


def is_document_number(number: str, economy: str) -> bool:
    """Tell whether an economy's document may have this number."""
    return _is_good(number, economy, _DOCUMENT_PREFIX, DOCUMENT_LENGTH)


def is_application_number(number: str, economy: str) -> bool:
    """Tell whether an economy's application may have this number."""
    return _is_good(number, economy, _APPLICATION_PREFIX, APPLICATION_LENGTH)


def _draw(economy: str, prefix: int, length: int, choose: _Choice) -> str:
    drawn = "".join(choose(ALPHABET) for _ in range(length - prefix - 1))
    return economy[:prefix] + drawn + _check_character(economy, drawn)


def _is_good(number: str, economy: str, prefix: int, length: int) -> bool:
    drawn = number[prefix:-1]
    return (
        len(number) == length
        and number[:prefix] == economy[:prefix]
        and all(character in ALPHABET for character in drawn)
        and number[-1] == _check_character(economy, drawn)
    )


def _check_character(economy: str, drawn: str) -> str:
    # The whole code counts, so that the numbers of two economies with the same first
    # letters differ.
    values = [ord(letter) for letter in economy] + [*map(ALPHABET.index, drawn)]
    total = sum(weight * value for weight, value in enumerate(values, start=2))
    return ALPHABET[total % len(ALPHABET)]
