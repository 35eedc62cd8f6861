"""The demo model's pictures: small PNG files of one fading colour."""

from __future__ import annotations

import base64
import struct
import zlib

SIZE_PIXELS = 64
_COLOURS = {"grey": (128, 128, 128), "blue": (64, 96, 224)}


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(colour: str) -> str:
    """Return a picture as base64.

    Args:
        colour: `grey` or `blue`.
    """
    red, green, blue = _COLOURS[colour]
    rows = b""
    for row in range(SIZE_PIXELS):
        light = 1 - row / (2 * SIZE_PIXELS)
        # Each row starts with its filter type: none.
        rows += b"\0" + bytes((int(red * light), int(green * light), int(blue * light))) * SIZE_PIXELS
    # Eight bits for each channel, true colour: https://www.w3.org/TR/png-3/#11IHDR
    header = struct.pack(">IIBBBBB", SIZE_PIXELS, SIZE_PIXELS, 8, 2, 0, 0, 0)
    whole = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")
    return base64.b64encode(whole).decode()
