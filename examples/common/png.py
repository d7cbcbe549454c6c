"""Writes 8-bit grey PNG pictures with the standard library alone."""
import struct
import zlib


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def save(path, picture):
    """picture: uint8 [H, W]."""
    height, width = picture.shape
    rows = b"".join(b"\0" + row.tobytes() for row in picture)          # filter 0 before each row
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)     # 8 bits, grey
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n")
        f.write(_chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 9)) + _chunk(b"IEND", b""))
