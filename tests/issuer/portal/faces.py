"""Drawn faces of nobody, shaded enough for a machine to take them for one."""

import io

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter

SIZE = (826, 1062)


def face(
    *,
    background: tuple[int, int, int] = (232, 234, 236),
    scale: float = 1.0,
    shift: tuple[int, int] = (0, 0),
    eyes: bool = True,
) -> Image.Image:
    """Draw a face in front of a plain wall, as large as a card wants it."""
    picture = Image.new("RGB", SIZE, background)
    layer = Image.new("RGBA", SIZE, (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    skin, shade, hair = (222, 178, 150, 255), (188, 138, 112, 255), (58, 42, 34, 255)
    cx, cy = SIZE[0] // 2, int(SIZE[1] * 0.50)
    draw.ellipse((cx - 420, cy + 330, cx + 420, cy + 1100), fill=(52, 66, 92, 255))
    draw.rectangle((cx - 95, cy + 240, cx + 95, cy + 420), fill=shade)
    draw.ellipse((cx - 275, cy - 385, cx + 275, cy + 180), fill=hair)
    draw.ellipse((cx - 235, cy - 290, cx + 235, cy + 345), fill=skin)
    draw.ellipse((cx - 215, cy - 30, cx - 60, cy + 160), fill=(208, 160, 132, 255))
    draw.ellipse((cx + 60, cy - 30, cx + 215, cy + 160), fill=(208, 160, 132, 255))
    for side in (-1, 1):
        ex = cx + side * 105
        draw.ellipse((ex - 75, cy - 100, ex + 75, cy + 15), fill=shade)
        draw.rounded_rectangle((ex - 70, cy - 125, ex + 70, cy - 100), 12, fill=hair)
        if eyes:
            white = (244, 242, 238, 255)
            draw.ellipse((ex - 52, cy - 72, ex + 52, cy - 16), fill=white)
            draw.ellipse((ex - 28, cy - 72, ex + 28, cy - 16), fill=(70, 48, 36, 255))
            draw.ellipse((ex - 14, cy - 58, ex + 14, cy - 30), fill=(12, 10, 10, 255))
            draw.ellipse((ex + 4, cy - 56, ex + 14, cy - 46), fill=(255, 255, 255, 255))
            draw.arc((ex - 56, cy - 80, ex + 56, cy - 4), 190, 350, fill=hair, width=8)
    draw.polygon(
        (
            (cx - 18, cy - 40),
            (cx + 18, cy - 40),
            (cx + 42, cy + 95),
            (cx - 42, cy + 95),
        ),
        fill=(214, 168, 140, 255),
    )
    for side in (-1, 1):
        nx = cx + side * 24
        draw.ellipse((nx - 14, cy + 84, nx + 14, cy + 104), fill=(120, 76, 60, 255))
    draw.ellipse((cx - 92, cy + 165, cx + 92, cy + 225), fill=(170, 84, 80, 255))
    draw.line((cx - 88, cy + 195, cx + 88, cy + 195), fill=(110, 50, 48, 255), width=7)
    layer = layer.filter(ImageFilter.GaussianBlur(3))
    if scale != 1.0:
        small = layer.resize((int(SIZE[0] * scale), int(SIZE[1] * scale)))
        layer = Image.new("RGBA", SIZE, (0, 0, 0, 0))
        layer.paste(
            small, ((SIZE[0] - small.width) // 2, (SIZE[1] - small.height) // 2)
        )
    layer = ImageChops.offset(layer, *shift) if shift != (0, 0) else layer
    picture.paste(layer, (0, 0), layer)
    return picture


def jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=92)
    return out.getvalue()


def png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def tilted(picture: Image.Image, degrees: float) -> Image.Image:
    corner = picture.getpixel((5, 5))
    return picture.rotate(degrees, resample=Image.Resampling.BICUBIC, fillcolor=corner)


def darker(picture: Image.Image, factor: float) -> Image.Image:
    return ImageEnhance.Brightness(picture).enhance(factor)


def blurred(picture: Image.Image, radius: float) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(radius))


def grey(picture: Image.Image) -> Image.Image:
    return picture.convert("L").convert("RGB")


def two() -> Image.Image:
    """Two heads in one picture."""
    one = face(scale=0.55).crop((180, 200, 646, 800))
    picture = Image.new("RGB", SIZE, (232, 234, 236))
    for left in (0, 413):
        picture.paste(one.resize((413, 532)), (left, 260))
    return picture


def half_dark_wall() -> Image.Image:
    picture = face()
    wall = Image.new("RGB", SIZE, (232, 234, 236))
    ImageDraw.Draw(wall).rectangle((0, 0, 120, SIZE[1]), fill=(60, 70, 60))
    return ImageChops.darker(picture, wall)
