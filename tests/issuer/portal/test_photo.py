"""What is measured on photographs: each fault is noticed, and no other is claimed."""

from collections.abc import Callable

import pytest
from PIL import Image

from issuer.intake.uploads import read_portrait
from issuer.portal.photo import NAMES, Measures, measure
from tests.issuer.portal import faces

FAULTS: dict[str, tuple[Callable[[], Image.Image], set[str]]] = {
    "good": (faces.face, set()),
    "far away": (lambda: faces.face(scale=0.5), {"size"}),
    "at the edge": (lambda: faces.face(shift=(110, 0)), {"centring", "background"}),
    "leaning": (lambda: faces.tilted(faces.face(), 12), {"tilt"}),
    "not sharp": (lambda: faces.blurred(faces.face(), 14), {"sharpness"}),
    "dark": (
        lambda: faces.darker(faces.face(), 0.25),
        {"exposure", "sharpness", "background", "colour"},
    ),
    "glaring": (lambda: faces.darker(faces.face(), 1.7), {"exposure"}),
    "grey": (lambda: faces.grey(faces.face()), {"colour"}),
    "without eyes": (lambda: faces.face(eyes=False), {"eyes"}),
    "at a dark wall": (faces.half_dark_wall, {"background"}),
    "two people": (faces.two, {"one_face", "size", "centring"}),
}


def doubts(found: Measures) -> set[str]:
    return {each.name for each in found.measures if each.is_good is False}


def unknown(found: Measures) -> set[str]:
    return {each.name for each in found.measures if each.is_good is None}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_is_noticed_and_nothing_else(name: str) -> None:
    made, expected = FAULTS[name]
    found = measure(read_portrait(faces.jpeg(made()), filename="x").upload.content)
    assert doubts(found) == expected, found
    assert [each.name for each in found.measures] == list(NAMES)
    assert found.needs_look == bool(expected)


def test_without_a_face_nothing_of_one_is_claimed() -> None:
    """What could not be measured is neither good nor bad."""
    found = measure(faces.jpeg(Image.new("RGB", faces.SIZE, (230, 232, 234))))
    assert "face" in doubts(found)
    assert unknown(found) == set(NAMES) - {"face", "background", "colour"}
    assert found.needs_look


def test_eyes_that_are_not_found_leave_the_tilt_open() -> None:
    found = measure(faces.jpeg(faces.face(eyes=False)))
    assert "tilt" in unknown(found)


@pytest.mark.parametrize("content", [b"", b"x", faces.jpeg(faces.face())[:500]])
def test_what_is_no_picture_is_not_measured(content: bytes) -> None:
    """Uploads never get so far; nothing would break if one did."""
    assert unknown(measure(content)) == set(NAMES)


def test_the_same_picture_measures_the_same_at_any_size() -> None:
    large = faces.face().resize((2478, 3186))
    assert doubts(measure(faces.jpeg(large))) == set()
