"""What a machine can measure on a photograph for a card; the only importer of OpenCV.

Every measure is a number beside what the standard for such photographs asks for, and
ends in one of three ways: good, *needs a look*, or not measured.  None of them refuses
a photograph and none certifies one: an officer sees the picture with the measures.

The cascades that find faces and eyes come with OpenCV (Viola and Jones); they know no
names, keep nothing, and miss faces that are turned, covered or badly lit.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from issuer.intake.uploads import PORTRAIT_RATIO

if TYPE_CHECKING:
    from cv2.typing import MatLike

NAMES: Final = (
    "face",
    "one_face",
    "size",
    "centring",
    "eyes",
    "tilt",
    "sharpness",
    "exposure",
    "background",
    "colour",
)
"""In the order in which they are told."""
_HEIGHT: Final = 640
"""Pixels to which a picture is brought before it is measured: all are alike then."""
_FACE_WIDTH: Final = 200
_SIZE: Final = (0.42, 0.80)
"""Of the picture's height, what the cascade's square may have: it reaches from the
forehead to the chin, and the whole head shall have 70 to 80 % (ICAO Doc 9303)."""
_OFF_CENTRE: Final = 0.08
"""Of the width."""
_MIDDLE: Final = (0.38, 0.66)
"""Of the height, where the middle of the face may be."""
_TILT: Final = 8.0
"""Degrees between the eyes."""
_SHARP: Final = 45.0
"""Variance of the Laplacian of the face at 200 pixels."""
_LIGHT: Final = (70.0, 205.0)
"""Mean of the face's grey, 0 to 255."""
_CLIPPED: Final = 0.12
"""Share of the face that is black or white."""
_UNEVEN: Final = 22.0
"""Deviation of the background's grey."""
_DARK: Final = 110.0
_GREY: Final = 6.0
"""Mean chroma (CIELAB) under which a picture has no colours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One thing that was measured."""

    name: str
    value: float | None
    """As the documentation says for each; None: it could not be measured."""
    is_good: bool | None
    """None: not measured; False: an officer should look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What was measured on one photograph."""

    measures: tuple[Measure, ...]

    @property
    def needs_look(self) -> bool:
        """Tell whether anything is not plainly good."""
        return any(each.is_good is not True for each in self.measures)

    def as_json(self) -> dict[str, Any]:
        """Return what is kept with the application."""
        return {"measures": [asdict(each) for each in self.measures]}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    """The part that the card would show, brought to one height."""

    colours: "MatLike"
    grey: "MatLike"
    faces: Sequence[tuple[int, int, int, int]]
    """Left, top, width and height of each, the largest first."""


def measure(portrait: bytes) -> Measures:
    """Measure a photograph.

    Args:
        portrait: As `issuer.intake.uploads.read_portrait` has written it: a JPEG of
            bounded size.  Never give it what a stranger has sent.

    Returns:
        One measure for each of `NAMES`; all of them not measured where OpenCV is not
        installed (extra ``portal``).

    Not checked: whose face it is, whether it is one, its expression, glasses, covers,
    shadows, or when it was taken.
    """
    try:
        import cv2  # noqa: PLC0415  # an extra, and 60 MB in memory
    except ImportError:
        return Measures(measures=tuple(_unknown(name) for name in NAMES))
    try:
        found = {each.name: each for each in _all(_read(portrait))}
    except cv2.error:
        found = {}
    return Measures(measures=tuple(found.get(name, _unknown(name)) for name in NAMES))


def _unknown(name: str) -> Measure:
    return Measure(name=name, value=None, is_good=None)


def _read(portrait: bytes) -> _Picture:
    import cv2  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    whole = cv2.imdecode(np.frombuffer(portrait, np.uint8), cv2.IMREAD_COLOR)
    if whole is None:
        raise cv2.error("not decoded")
    height, width = whole.shape[:2]
    across, down = PORTRAIT_RATIO
    cut_width = min(width, height * across // down)
    cut_height = min(height, cut_width * down // across)
    left, top = (width - cut_width) // 2, (height - cut_height) // 2
    part = whole[top : top + cut_height, left : left + cut_width]
    size = (_HEIGHT * across // down, _HEIGHT)
    colours = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY)
    return _Picture(colours=colours, grey=grey, faces=_faces(grey))


def _faces(grey: "MatLike") -> list[tuple[int, int, int, int]]:
    found = _cascade("haarcascade_frontalface_default.xml").detectMultiScale(
        grey, scaleFactor=1.1, minNeighbors=6, minSize=(_HEIGHT // 8, _HEIGHT // 8)
    )
    faces = [(int(x), int(y), int(w), int(h)) for x, y, w, h in found]
    return sorted(faces, key=lambda each: each[2], reverse=True)


def _cascade(name: str) -> Any:
    # One for each call: they keep state, and pages are served by several threads.
    import cv2  # noqa: PLC0415

    folder = Path(cv2.__file__).with_name("data")
    return cv2.CascadeClassifier(str(folder / name))


def _all(picture: _Picture) -> Iterator[Measure]:
    count = len(picture.faces)
    yield Measure(name="face", value=float(count), is_good=count > 0)
    yield from _background(picture)
    yield from _colour(picture)
    if not picture.faces:
        return
    yield Measure(name="one_face", value=float(count), is_good=count == 1)
    face = picture.faces[0]
    yield from _place(picture, face)
    yield from _eyes(picture, face)
    yield from _light(picture, face)


def _place(picture: _Picture, face: tuple[int, int, int, int]) -> Iterator[Measure]:
    height, width = picture.grey.shape[:2]
    x, y, across, down = face
    size = down / height
    yield _within("size", size, _SIZE)
    off = abs(x + across / 2 - width / 2) / width
    middle = (y + down / 2) / height
    is_good = off <= _OFF_CENTRE and _MIDDLE[0] <= middle <= _MIDDLE[1]
    yield Measure(name="centring", value=round(off, 3), is_good=is_good)


def _eyes(picture: _Picture, face: tuple[int, int, int, int]) -> Iterator[Measure]:
    x, y, across, down = face
    upper = picture.grey[y + down // 6 : y + down * 6 // 10, x : x + across]
    found = _cascade("haarcascade_eye.xml").detectMultiScale(
        upper, scaleFactor=1.05, minNeighbors=5, minSize=(across // 9, across // 9)
    )
    eyes = [(ex + ew / 2, ey + eh / 2, ew) for ex, ey, ew, eh in found]
    left = max((e for e in eyes if e[0] < across / 2), key=lambda e: e[2], default=None)
    right = max(
        (e for e in eyes if e[0] >= across / 2), key=lambda e: e[2], default=None
    )
    count = (left is not None) + (right is not None)
    yield Measure(name="eyes", value=float(count), is_good=count == 2)
    if left is None or right is None:
        return
    angle = abs(math.degrees(math.atan2(right[1] - left[1], right[0] - left[0])))
    yield Measure(name="tilt", value=round(angle, 1), is_good=angle <= _TILT)


def _light(picture: _Picture, face: tuple[int, int, int, int]) -> Iterator[Measure]:
    import cv2  # noqa: PLC0415

    x, y, across, down = face
    part = picture.grey[y : y + down, x : x + across]
    small = cv2.resize(part, (_FACE_WIDTH, _FACE_WIDTH), interpolation=cv2.INTER_AREA)
    sharp = float(cv2.Laplacian(small, cv2.CV_64F).var())
    yield Measure(name="sharpness", value=round(sharp, 1), is_good=sharp >= _SHARP)
    mean = float(small.mean())
    clipped = float(((small < 12) | (small > 250)).mean())
    is_good = _LIGHT[0] <= mean <= _LIGHT[1] and clipped <= _CLIPPED
    yield Measure(name="exposure", value=round(mean, 1), is_good=is_good)


def _background(picture: _Picture) -> Iterator[Measure]:
    """Measure the strips left and right of the head, above the shoulders."""
    height, width = picture.grey.shape[:2]
    down, across = height * 2 // 5, width // 9
    left, right = picture.grey[:down, :across], picture.grey[:down, width - across :]
    means = float(left.mean()), float(right.mean())
    uneven = max(float(left.std()), float(right.std()), abs(means[0] - means[1]))
    is_good = uneven <= _UNEVEN and min(means) >= _DARK
    yield Measure(name="background", value=round(uneven, 1), is_good=is_good)


def _colour(picture: _Picture) -> Iterator[Measure]:
    import cv2  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    height, width = picture.grey.shape[:2]
    x, y, across, down = picture.faces[0] if picture.faces else (0, 0, width, height)
    part = picture.colours[y : y + down, x : x + across]
    lab = cv2.cvtColor(part, cv2.COLOR_BGR2LAB).astype(np.float32)
    value = float(np.hypot(lab[..., 1] - 128, lab[..., 2] - 128).mean())
    yield Measure(name="colour", value=round(value, 1), is_good=value >= _GREY)


def _within(name: str, value: float, bounds: tuple[float, float]) -> Measure:
    return Measure(
        name=name, value=round(value, 3), is_good=bounds[0] <= value <= bounds[1]
    )
