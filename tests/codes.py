"""What a camera reads from a picture: QR codes, as every reader of ours."""

import zxingcpp
from PIL import Image

_QR = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)


def read_qr(picture: Image.Image) -> list[str]:
    """Return the texts of the QR codes; other kinds appear in their noise by chance."""
    return [each.text for each in zxingcpp.read_barcodes(picture, formats=_QR)]
