"""What the holder has in the hand: readable by a camera and by a person."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from PIL import Image

from tests.simulator import World
from verifier.scan import read_codes
from wallet_api.pictures import (
    SCREEN,
    CardFace,
    Theme,
    phone_screen,
)

WORLD = World(economies=["AUS"])
APP = WORLD.show(WORLD.card())
FACE = CardFace(
    economy_name="Papua New Guinea",
    family_name="CITIZEN",
    given_name="JANE MARY",
    passport_number="A1234567",
    expires_on=date(2031, 9, 30),
    economies=("AUS", "JPN", "SGP"),
    cleared_as_of=date(2026, 9, 30),
)
FULL = replace(
    FACE,
    family_name="W" * 39,
    given_name="M" * 39,
    passport_number="W" * 22,
    economies=tuple(f"WW{letter}" for letter in "ABCDEFGHIJKLMNOPQRSTU"),
)


def codes(picture: Image.Image) -> tuple[str, ...]:
    return read_codes(np.asarray(picture))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("face", [FACE, FULL])
def test_the_screen_reads(theme: Theme, face: CardFace) -> None:
    """The code on the screen is read in both themes, also a phone's width away."""
    screen = phone_screen(face, APP, theme=theme)
    assert screen.size == SCREEN
    assert codes(screen) == (APP,)
    assert codes(screen.resize((270, 585))) == (APP,)


def test_the_code_is_black_on_white_in_the_dark() -> None:
    """A dark theme leaves the code and its quiet zone as they are."""
    light, dark = (
        np.asarray(phone_screen(FACE, APP, theme=t)) for t in ("light", "dark")
    )
    panel = (slice(400, 1270), slice(100, 980))
    assert np.array_equal(light[panel], dark[panel])
    assert not np.array_equal(light[1500:], dark[1500:])


def test_no_verdict_on_the_phone() -> None:
    """No picture of a phone has green in it: only a scan says that a card is good."""
    screen = np.asarray(phone_screen(FACE, APP)).astype(int)
    red, green, blue = screen[..., 0], screen[..., 1], screen[..., 2]
    assert not np.any((green > red + 40) & (green > blue + 40))


def test_a_code_too_large_for_the_screen_is_refused() -> None:
    """Modules smaller than a pixel are no code; nor is no text."""
    for text in ("", "a" * 3000):
        with pytest.raises(ValueError, match=r"."):
            phone_screen(FACE, text)
