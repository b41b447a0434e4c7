"""QR codes for screens and cards: the right size, whole quiet zones."""

import numpy as np
import pytest

from issuer.plastic import qr_image, qr_version
from issuer.plastic.codes import qr_side
from tests.simulator import World

WORLD = World(economies=["AUS"])
APP = WORLD.show(WORLD.card())
PRINTED = WORLD.show(WORLD.card(form="physical"))
WORST = WORLD.show(
    WORLD.card(family_name="M" * 39, given_name="W" * 39, nationality="GBR")
)


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


def test_the_side_of_a_code_is_that_of_its_picture() -> None:
    """What is reckoned with before drawing is what is drawn."""
    for level in ("L", "M", "Q", "H"):
        side = qr_side(PRINTED, level)
        picture = qr_image(PRINTED, module_pixels=1, error_correction=level)
        assert picture.size == (side, side)
