"""What the holder has in the hand: readable by a camera and by a person."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from PIL import Image

from tests.simulator import World
from verifier.scan import read_codes
from wallet_api.pictures import (
    CARD,
    SCREEN,
    CardFace,
    Theme,
    card_back,
    card_front,
    phone_screen,
    qr_image,
    qr_version,
)

WORLD = World(economies=["AUS"])
APP = WORLD.show(WORLD.card())
PRINTED = WORLD.show(WORLD.card(form="physical"))
WORST = WORLD.show(
    WORLD.card(family_name="M" * 39, given_name="W" * 39, nationality="GBR")
)
FACE = CardFace(
    economy_name="Papua New Guinea",
    family_name="CITIZEN",
    given_name="JANE MARY",
    birthdate=date(1984, 9, 30),
    nationality="PNG",
    document_number="PN700001",
    passport_number="A1234567",
    expires_on=date(2031, 9, 30),
    economies=("AUS", "JPN", "SGP"),
    cleared_as_of=date(2026, 9, 30),
    sex="F",
)
FULL = replace(
    FACE,
    family_name="W" * 39,
    given_name="M" * 39,
    document_number="W" * 22,
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


@pytest.mark.parametrize("face", [FACE, FULL])
@pytest.mark.parametrize("lines", [(), ("I<UTOD231458907<<<<<<<<<<<<<<<",) * 3])
def test_the_printed_code_reads(face: CardFace, lines: tuple[str, ...]) -> None:
    """The code on the card is read at 600, 300 and 150 dpi, beside any other print."""
    back = card_back(face, PRINTED, mrz_lines=lines)
    assert back.size == CARD
    for dpi in (600, 300, 150):
        size = (CARD[0] * dpi // 600, CARD[1] * dpi // 600)
        assert codes(back.resize(size, Image.Resampling.LANCZOS)) == (PRINTED,)


def test_nothing_runs_into_the_code() -> None:
    """However many economies there are, the white around the code stays white."""
    empty, full = (
        np.asarray(card_back(replace(FULL, economies=economies), PRINTED))
        for economies in ((), FULL.economies)
    )
    right = CARD[0] - empty.shape[0]  # the code is a square at the right edge
    assert np.array_equal(empty[:, right + 80 :], full[:, right + 80 :])


def test_a_card_without_economies_says_nothing_of_them() -> None:
    """A transitional member's card has an empty reverse, but for number and code."""
    none = np.asarray(card_back(replace(FACE, economies=()), PRINTED))
    some = np.asarray(card_back(FACE, PRINTED))
    assert not np.array_equal(none, some)
    assert np.ptp(none[300:1200, 100:700]) < 60


@pytest.mark.parametrize("face", [FACE, FULL, replace(FACE, given_name="", sex=None)])
def test_the_front_keeps_its_margin(face: CardFace) -> None:
    """Long names shrink: no print reaches the edge of the card."""
    front = np.asarray(card_front(face).convert("L"))
    assert front.shape == (CARD[1], CARD[0])
    assert front[300:1200, CARD[0] - 60 : CARD[0] - 10].min() > 150


def test_no_verdict_on_the_phone() -> None:
    """No picture of a phone has green in it: only a scan says that a card is good."""
    screen = np.asarray(phone_screen(FACE, APP)).astype(int)
    red, green, blue = screen[..., 0], screen[..., 1], screen[..., 2]
    assert not np.any((green > red + 40) & (green > blue + 40))


def test_versions_are_within_the_bars() -> None:
    """Rotating codes take at most 12-L, printed ones 10-L, the longest names 14-L."""
    assert qr_version(APP) <= 12
    assert qr_version(PRINTED) <= 10
    assert qr_version(WORST) <= 14


def test_alphanumeric_and_other_texts() -> None:
    """QR text is packed at 5.5 bits a character, other text at 8."""
    assert qr_version("A" * 25) == 1
    assert qr_version("a" * 25) == 2
    assert qr_version("A" * 20, "M") == 1
    assert qr_version("A" * 21, "M") == 2


def test_quiet_zone_and_size() -> None:
    """The picture of a code has exactly the modules and the margin asked for."""
    picture = qr_image("A", module_pixels=3, quiet_zone=4)
    assert picture.size == (87, 87)
    pixels = np.asarray(picture)
    assert pixels[:12].min() == 255
    assert pixels[12, 12] == 0


@pytest.mark.parametrize(
    "arguments",
    [{"module_pixels": 0}, {"module_pixels": 1, "quiet_zone": -1}],
)
def test_impossible_pictures(arguments: dict[str, int]) -> None:
    """A code without pixels, or of more text than any code holds, is refused."""
    with pytest.raises(ValueError, match="must be"):
        qr_image("A", **arguments)  # type: ignore[arg-type]  # numbers all
    for text in ("", "A" * 4297, "\ud800"):
        with pytest.raises(ValueError, match=r"."):
            qr_version(text)


def test_impossible_cards() -> None:
    """Four machine-readable lines, or one too long, do not fit on a card."""
    for lines in (("",) * 4, ("A" * 31,)):
        with pytest.raises(ValueError, match="30 characters"):
            card_back(FACE, PRINTED, mrz_lines=lines)
