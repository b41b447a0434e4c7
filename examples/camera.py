"""Photograph a screen or a card the way a hand-held camera does.

Every degradation has its own name and does nothing at its default, so a test
can add one at a time; :data:`CASUAL` combines what an ordinary counter shows.
The same arguments give the same pixels: ``seed`` is the only source of chance.

The order follows the light: the scene in perspective, the lens (``blur``,
``motion``), the display's own grid as the sensor samples it, the lamps
(``shade``, ``glare``), the sensor (``noise``) and the file (``jpeg``).
"""

import io
import math
from typing import Final, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

Pixels = NDArray[np.float32]
"""Height x width x 3, linear enough for this purpose, 0 to 255."""
Matrix = NDArray[np.float64]
"""A 3 x 3 homography."""
Background = Literal["desk", "cloth", "plain"]
"""What lies behind the thing photographed."""


class Conditions(TypedDict):
    """What can go wrong at once; the keywords of :func:`photograph`."""

    tilt: float
    turn: float
    blur: float
    motion: float
    noise: float
    glare: float
    screen_grid: float
    shade: float
    jpeg: int | None
    background: Background


CASUAL: Final[Conditions] = {
    "tilt": 9.0,
    "turn": 4.0,
    "blur": 0.7,
    "motion": 1.0,
    "noise": 0.02,
    "glare": 0.25,
    "screen_grid": 0.06,
    "shade": 0.3,
    "jpeg": 85,
    "background": "desk",
}
"""A hurried hand at a lit counter; codes of 2.5 or more pixels a module read."""

_OVERSAMPLE = 1.25
"""Picture pixels kept for each camera pixel before the warp."""
_BEZEL = 0.035
"""Width of a phone's frame, as a part of its screen's width."""
_DESK_COLOURS: Final[dict[Background, tuple[int, int, int]]] = {
    "desk": (139, 115, 92),
    "cloth": (92, 104, 116),
    "plain": (176, 176, 172),
}


def photograph(
    picture: Image.Image,
    *,
    width: int,
    seed: int,
    frame: tuple[int, int] = (1280, 960),
    aim: tuple[float, float] = (0.5, 0.5),
    phone: bool = False,
    tilt: float = 0.0,
    turn: float = 0.0,
    blur: float = 0.0,
    motion: float = 0.0,
    noise: float = 0.0,
    glare: float = 0.0,
    screen_grid: float = 0.0,
    shade: float = 0.0,
    jpeg: int | None = None,
    background: Background = "plain",
) -> Image.Image:
    """Take one picture of ``picture`` and return what the camera stores.

    Args:
        picture: What is shown; an alpha channel, such as the rounded corners
            of a card, lets the background through.
        width: Camera pixels that the width of ``picture`` covers where the
            camera aims: the distance. What falls outside the frame is cut.
        seed: Chooses directions, spots, texture and noise; 0 or more.
        frame: Width and height of the photo, in pixels.
        aim: The point of ``picture`` at the centre of the photo, as parts of
            its width and height.
        phone: Surround the picture with a phone held in a hand.
        tilt: Degrees that the picture leans away from the camera, 0 to 60,
            in a direction drawn from the seed.
        turn: Largest turn in the plane, in degrees, either way.
        blur: Standard deviation of the defocus, in camera pixels.
        motion: Length of the shake during exposure, in camera pixels.
        noise: Standard deviation of the sensor noise at mid grey, as a part
            of full scale.
        glare: Strength of a reflected lamp, 0 to 1 (white in its middle).
        screen_grid: Depth of the display's red, green and blue stripes and
            of the moiré they cause, 0 to 1.
        shade: Loss of light from the brightest to the darkest corner, 0 to 1.
        jpeg: Quality of the JPEG file, 1 to 95; ``None`` stores without loss.
        background: The surface behind.

    Returns:
        An RGB picture of size ``frame``.

    Raises:
        ValueError: ``width`` or ``seed`` is out of bounds, or a value is so
            large that Pillow or numpy refuses it.

    Not simulated: rolling shutter, lens distortion, depth of field.
    """
    if width < 1:
        raise ValueError("the picture must be at least one camera pixel wide")
    rng = np.random.default_rng(seed)
    warp = _projection(
        picture.size, width, frame=frame, aim=aim, tilt=tilt, turn=turn, rng=rng
    )
    scene = _scene(
        picture, width, frame=frame, warp=warp, phone=phone, ground=background, rng=rng
    )
    pixels = _exposed(scene, blur, motion, rng)
    if screen_grid:
        pixels *= _display_grid(picture.size, frame, warp, screen_grid)
    pixels = _lit(pixels, shade, glare, rng)
    return _stored(_sensed(pixels, noise, rng), jpeg)


def _projection(
    size: tuple[int, int],
    width: int,
    *,
    frame: tuple[int, int],
    aim: tuple[float, float],
    tilt: float,
    turn: float,
    rng: np.random.Generator,
) -> Matrix:
    """Map camera pixels to pixels of the picture."""
    focal = math.hypot(*frame)
    lean = _rotation(math.radians(tilt), rng.uniform(0, 2 * math.pi))
    roll = math.radians(turn) * rng.uniform(-1, 1)
    cos, sin = math.cos(roll), math.sin(roll)
    axes = lean[:, :2] @ np.array([[cos, -sin], [sin, cos]])
    lens = np.diag([focal, focal, 1.0]) @ np.column_stack([axes, [0, 0, focal]])
    scale = width / size[0]
    shift = [-scale * size[0] * aim[0], -scale * size[1] * aim[1]]
    place = np.array([[scale, 0, shift[0]], [0, scale, shift[1]], [0, 0, 1]])
    centre = np.array([[1, 0, frame[0] / 2], [0, 1, frame[1] / 2], [0, 0, 1]])
    inverse = np.linalg.inv(centre @ lens @ place)
    return np.asarray(inverse / inverse[2, 2])


def _rotation(angle: float, direction: float) -> Matrix:
    """Turn by ``angle`` about an axis lying in the picture (Rodrigues)."""
    x, y = math.cos(direction), math.sin(direction)
    cross = np.array([[0, 0, y], [0, 0, -x], [-y, x, 0]])
    rotation = np.eye(3) + math.sin(angle) * cross
    return np.asarray(rotation + (1 - math.cos(angle)) * cross @ cross)


def _scene(
    picture: Image.Image,
    width: int,
    *,
    frame: tuple[int, int],
    warp: Matrix,
    phone: bool,
    ground: Background,
    rng: np.random.Generator,
) -> Image.Image:
    """The picture in perspective over its shadow on the background."""
    scale = min(1.0, _OVERSAMPLE * width / picture.width)
    prop = _shrunk(picture, scale)
    margin = 0
    if phone:
        prop, margin = _held_phone(prop)
    zoom = prop.width - 2 * margin
    to_prop = np.diag([zoom / picture.width, zoom / picture.width, 1.0])
    to_prop[:2, 2] = margin
    seen = _warped(prop, to_prop @ warp, frame)
    scene = _surface(frame, ground, rng)
    scene = Image.composite(Image.new("RGB", frame), scene, _shadow(seen, width))
    scene.paste(seen, mask=seen.getchannel("A"))
    return scene


def _shrunk(picture: Image.Image, scale: float) -> Image.Image:
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.convert("RGBA").resize(size, Image.Resampling.LANCZOS)


def _warped(prop: Image.Image, warp: Matrix, frame: tuple[int, int]) -> Image.Image:
    # A clear rim lets the edge of the prop blend instead of ending in steps.
    rimmed = Image.new("RGBA", (prop.width + 4, prop.height + 4))
    rimmed.paste(prop, (2, 2))
    shifted = np.array([[1, 0, 2], [0, 1, 2], [0, 0, 1]]) @ warp
    data = (shifted / shifted[2, 2]).ravel()[:8].tolist()
    method, filtering = Image.Transform.PERSPECTIVE, Image.Resampling.BICUBIC
    return rimmed.transform(frame, method, data, filtering)


def _held_phone(screen: Image.Image) -> tuple[Image.Image, int]:
    """Add the frame of a phone and the hand around it; return the margin too."""
    unit = screen.width * _BEZEL
    margin = round(5 * unit)
    size = (screen.width + 2 * margin, screen.height + 2 * margin)
    held = Image.new("RGBA", size)
    _draw_fingers(held, margin, unit)
    draw = ImageDraw.Draw(held)
    for inset, colour in ((1.0, (70, 72, 76)), (0.75, (18, 19, 21))):
        edge = margin - inset * unit
        box = (edge, edge, size[0] - edge, size[1] - edge)
        draw.rounded_rectangle(box, radius=3 * unit, fill=colour)
    corners = Image.new("L", screen.size)
    corner_box = (0, 0, screen.width - 1, screen.height - 1)
    ImageDraw.Draw(corners).rounded_rectangle(corner_box, 2.4 * unit, fill=255)
    held.paste(
        screen, (margin, margin), ImageChops.multiply(corners, screen.getchannel("A"))
    )
    _draw_thumb(held, margin, unit)
    return held, margin


def _draw_fingers(held: Image.Image, margin: int, unit: float) -> None:
    """Draw the tips that reach round the right edge."""
    right = held.width - margin
    for finger in range(4):
        top = held.height * 0.36 + finger * 5.2 * unit
        _draw_tip(
            held, (right - 3 * unit, top, right + 3.2 * unit, top + 4.6 * unit), unit
        )


def _draw_thumb(held: Image.Image, margin: int, unit: float) -> None:
    """Draw the thumb that lies on the left edge, clear of the screen's middle."""
    top = held.height * 0.62
    _draw_tip(held, (-4 * unit, top, margin + 0.4 * unit, top + 9 * unit), unit)


def _draw_tip(
    held: Image.Image, box: tuple[float, float, float, float], unit: float
) -> None:
    """One rounded finger, darker towards its rim."""
    radius = (box[3] - box[1]) / 2
    layer = Image.new("RGBA", held.size)
    draw = ImageDraw.Draw(layer)
    draw.rounded_rectangle(box, radius, fill=(166, 118, 94, 255))
    light = (
        box[0],
        box[1] + radius * 0.25,
        box[2] - radius * 0.3,
        box[3] - radius * 0.6,
    )
    shine = Image.new("L", held.size)
    ImageDraw.Draw(shine).rounded_rectangle(light, radius * 0.6, fill=255)
    shine = ImageChops.multiply(
        shine.filter(ImageFilter.GaussianBlur(unit)), layer.getchannel("A")
    )
    layer.paste((206, 160, 134), mask=shine)
    held.alpha_composite(layer)


def _surface(
    frame: tuple[int, int], background: Background, rng: np.random.Generator
) -> Image.Image:
    """A flat colour with the texture of wood, of cloth, or none."""
    base = np.array(_DESK_COLOURS[background], np.float32)
    grain = np.zeros((frame[1], frame[0]), np.float32)
    if background == "desk":
        grain += 9 * _waves((7, 90), frame, rng) + 5 * _waves((16, 340), frame, rng)
    elif background == "cloth":
        grain += 4 * _waves((frame[0] // 3, frame[1] // 3), frame, rng)
    return _picture(base + grain[:, :, None])


def _waves(
    cells: tuple[int, int], frame: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Smooth noise of the given number of cells across and down."""
    coarse = rng.standard_normal((cells[1], cells[0]), dtype=np.float32)
    return np.asarray(Image.fromarray(coarse).resize(frame, Image.Resampling.BICUBIC))


def _shadow(seen: Image.Image, width: int) -> Image.Image:
    """How dark the background is: soft, below and to the right of the prop."""
    reach = max(2, width // 40)
    shape = seen.getchannel("A").reduce(4)
    cast = Image.new("L", shape.size)
    cast.paste(shape.point(lambda alpha: alpha * 0.55), (reach // 4, reach // 3))
    soft = cast.filter(ImageFilter.GaussianBlur(reach / 4))
    return soft.resize(seen.size, Image.Resampling.BILINEAR)


def _exposed(
    scene: Image.Image, blur: float, motion: float, rng: np.random.Generator
) -> Pixels:
    """What the lens throws on the sensor while the shutter is open."""
    if blur:
        scene = scene.filter(ImageFilter.GaussianBlur(blur))
    pixels = np.array(scene, np.float32)
    direction = rng.uniform(0, math.pi)
    if not motion:
        return pixels
    steps = np.linspace(-motion / 2, motion / 2, 2 + math.ceil(motion))
    moved = [_moved(pixels, step, direction) for step in steps]
    return np.asarray(np.mean(moved, axis=0, dtype=np.float32))


def _moved(pixels: Pixels, step: float, direction: float) -> NDArray[np.uint8]:
    """Shift by a part of a pixel; the border repeats."""
    rim = 1 + math.ceil(abs(step))
    padded = np.pad(pixels.astype(np.uint8), ((rim, rim), (rim, rim), (0, 0)), "edge")
    across, down = step * math.cos(direction), step * math.sin(direction)
    height, width = pixels.shape[:2]
    method, filtering = Image.Transform.AFFINE, Image.Resampling.BILINEAR
    data = (1, 0, rim + across, 0, 1, rim + down)
    moved = Image.fromarray(padded).transform((width, height), method, data, filtering)
    return np.asarray(moved)


def _display_grid(
    size: tuple[int, int], frame: tuple[int, int], warp: Matrix, depth: float
) -> Pixels:
    """Sample the display's colour stripes and rows once a camera pixel.

    Sampling without a filter is what aliases the grid into moiré.
    """
    x, y = np.meshgrid(
        np.arange(frame[0], dtype=np.float32) + 0.5,
        np.arange(frame[1], dtype=np.float32) + 0.5,
        sparse=True,
    )
    (a, b, c), (d, e, f), (g, h, i) = warp.astype(np.float32)
    distance = g * x + h * y + i
    across, down = (a * x + b * y + c) / distance, (d * x + e * y + f) / distance
    shown = (across > 0) & (across < size[0]) & (down > 0) & (down < size[1])
    turn = np.float32(2 * math.pi)
    rows = 0.5 * np.cos(turn * down)
    stripes = [np.cos(turn * (across - third / np.float32(3))) for third in range(3)]
    grid = np.stack([stripe + rows for stripe in stripes], axis=-1)
    return np.where(shown[:, :, None], 1 + depth * grid, np.float32(1))


def _lit(
    pixels: Pixels, shade: float, glare: float, rng: np.random.Generator
) -> Pixels:
    """Light that falls off to one side, and a lamp mirrored in the surface."""
    height, width = pixels.shape[:2]
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle = rng.uniform(0, 2 * math.pi)
    slope = (x * math.cos(angle) + y * math.sin(angle)) / math.sqrt(2)
    light = 1 - shade * (0.5 + 0.5 * slope)
    lamp = glare * _lamp(x * width / height, y, rng)
    lit = pixels * light[:, :, None].astype(np.float32)
    return lit + (255 - lit) * lamp[:, :, None].astype(np.float32)


def _lamp(
    x: NDArray[np.float64], y: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """A soft ellipse, from nearly round to a streak, somewhere near the middle."""
    left, top = rng.uniform(-0.5, 0.5, 2)
    angle = rng.uniform(0, math.pi)
    long, short = rng.uniform(0.4, 0.9), rng.uniform(0.1, 0.3)
    along = (x - left) * math.cos(angle) + (y - top) * math.sin(angle)
    beside = (y - top) * math.cos(angle) - (x - left) * math.sin(angle)
    return np.asarray(np.exp(-((along / long) ** 2) - (beside / short) ** 2))


def _sensed(pixels: Pixels, noise: float, rng: np.random.Generator) -> Pixels:
    """Add shot noise, stronger where it is bright, over a floor."""
    if not noise:
        return pixels
    drawn = rng.standard_normal(pixels.shape, dtype=np.float32)
    spread = np.sqrt(np.clip(pixels, 0, 255) / np.float32(255) + np.float32(0.5))
    sensed: Pixels = pixels + np.float32(255 * noise) * spread * drawn
    return sensed


def _stored(pixels: Pixels, quality: int | None) -> Image.Image:
    photo = _picture(pixels)
    if quality is None:
        return photo
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=quality)
    return Image.open(file, formats=("JPEG",)).convert("RGB")


def _picture(pixels: Pixels) -> Image.Image:
    return Image.fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8))
