"""A PDF file whose pages are pictures, each exactly as large as a card.

The pictures are those of the PNG files, byte for byte: what was compressed once is
taken over as it is, without loss and without a second time of computing.  Libraries at
hand would either compress anew, with loss, or round the size of the page to pixels.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Final

_POINTS_PER_MM: Final = 72 / 25.4
_HEADER: Final = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"


def pdf_of(pages: Sequence[bytes], *, width: float, height: float) -> bytes:
    """Put PNG pictures on pages, one each, without margin.

    Equal pages give equal bytes: there is no date and no random identifier inside.

    Args:
        pages: PNG files, 8-bit RGB without interlacing, as Pillow writes them.
        width: Of each page, in millimetres.
        height: The same.

    Raises:
        ValueError: A page is no such file.

    Source: ISO 32000-1, 7.4.4 (predictors), 8.9.5 (images).
    """
    box = (width * _POINTS_PER_MM, height * _POINTS_PER_MM)
    kids = " ".join(f"{3 + 3 * place} 0 R" for place in range(len(pages)))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>".encode(),
    ]
    for place, page in enumerate(pages):
        objects += _page(page, box, number=3 + 3 * place)
    return _join(objects)


def _page(png: bytes, box: tuple[float, float], *, number: int) -> Iterator[bytes]:
    """Yield the page, what it draws, and the picture: three objects from ``number``."""
    wide, high = (f"{side:.4f}" for side in box)
    yield (
        f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {wide} {high}]/Contents"
        f" {number + 1} 0 R/Resources<</XObject<</I {number + 2} 0 R>>>>>>"
    ).encode()
    yield _stream("", f"q {wide} 0 0 {high} 0 0 cm /I Do Q".encode())
    columns, rows, data = _read_png(png)
    yield _stream(
        f"/Type/XObject/Subtype/Image/Width {columns}/Height {rows}"
        "/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/FlateDecode"
        f"/DecodeParms<</Predictor 15/Colors 3/Columns {columns}>>",
        data,
    )


def _stream(entries: str, data: bytes) -> bytes:
    head = f"<<{entries}/Length {len(data)}>>\nstream\n".encode()
    return head + data + b"\nendstream"


def _read_png(png: bytes) -> tuple[int, int, bytes]:
    """Return width, height and the compressed rows."""
    chunks = list(_chunks(png))
    if not chunks or chunks[0][0] != b"IHDR":
        raise ValueError("not a PNG picture")
    columns, rows, *kind = struct.unpack(">IIBBBBB", chunks[0][1])
    if kind != [8, 2, 0, 0, 0]:
        raise ValueError("not an 8-bit RGB picture without interlacing")
    return columns, rows, b"".join(data for name, data in chunks if name == b"IDAT")


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 8
    while place + 8 <= len(png):
        length, name = struct.unpack_from(">I4s", png, place)
        yield name, png[place + 8 : place + 8 + length]
        place += 12 + length


def _join(objects: Sequence[bytes]) -> bytes:
    """Number the objects from 1 and say where each begins."""
    file = bytearray(_HEADER)
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(file))
        file += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start = len(file)
    file += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    file += b"".join(b"%010d 00000 n \n" % place for place in places)
    file += b"trailer\n<</Size %d/Root 1 0 R>>\n" % (len(objects) + 1)
    file += b"startxref\n%d\n%%%%EOF\n" % start
    return bytes(file)
