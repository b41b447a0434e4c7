"""The simulated camera: repeatable, and each degradation does what its name says."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from examples.camera import CASUAL, photograph

BOARD = Image.fromarray(
    (np.indices((200, 200)).sum(axis=0) // 10 % 2 * 255).astype(np.uint8)
).convert("RGB")


def taken(
    seed: int = 1, **conditions: object
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    photo = photograph(
        BOARD,
        width=200,
        seed=seed,
        frame=(320, 240),
        **conditions,  # type: ignore[arg-type]  # names come from the parameters below
    )
    assert photo.size == (320, 240)
    return np.asarray(photo)


def test_same_seed_same_pixels() -> None:
    """A photo can be taken again exactly; another seed gives another photo."""
    assert np.array_equal(taken(3, **CASUAL), taken(3, **CASUAL))
    assert not np.array_equal(taken(3, **CASUAL), taken(4, **CASUAL))


def test_nothing_is_degraded_by_default() -> None:
    """Without conditions the middle of the photo is the picture."""
    seen = taken()[20:220, 60:260, 0]
    shown = np.asarray(BOARD.convert("L"))
    assert np.mean(np.abs(seen.astype(int) - shown.astype(int))) < 25


@pytest.mark.parametrize(
    "condition",
    [
        {"tilt": 30.0},
        {"turn": 20.0},
        {"blur": 2.0},
        {"motion": 4.0},
        {"noise": 0.05},
        {"glare": 0.8},
        {"screen_grid": 0.3},
        {"shade": 0.5},
        {"jpeg": 20},
        {"background": "desk"},
        {"phone": True},
    ],
)
def test_every_condition_shows(condition: dict[str, object]) -> None:
    """Each condition alone changes the photo."""
    changed: dict[str, Any] = dict(condition)
    assert not np.array_equal(taken(), taken(**changed))


def test_impossible_distance() -> None:
    """A picture less than a pixel wide cannot be photographed."""
    with pytest.raises(ValueError, match="one camera pixel"):
        photograph(BOARD, width=0, seed=1)
