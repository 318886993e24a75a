"""Mutations of encoded pictures."""

from __future__ import annotations

import random
import struct
import zlib

from providers.pictures.png import SIGNATURE

#: Maximum number of mutations of one picture, and length of a copied or removed piece, bytes.
_MAX_MUTATIONS, _MAX_PIECE_BYTES = 6, 64
#: Values at which decoders' arithmetic may go wrong.
_EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF)


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Return a damaged copy; the checksums of a PNG are mostly corrected, so that its decoder looks further."""
    damaged = bytearray(data)
    for _ in range(chance.randint(1, _MAX_MUTATIONS)):
        if not damaged:
            break
        chance.choice(_MUTATIONS)(damaged, chance.randrange(len(damaged)), chance)
    if damaged.startswith(SIGNATURE) and chance.random() < 0.8:  # noqa: PLR2004  mostly
        _correct_checksums(damaged)
    return bytes(damaged)


def _flip(data: bytearray, at: int, chance: random.Random) -> None:
    data[at] ^= 1 << chance.randrange(8)


def _replace(data: bytearray, at: int, chance: random.Random) -> None:
    data[at] = chance.randrange(256)


def _edge(data: bytearray, at: int, chance: random.Random) -> None:
    size, order = chance.choice((1, 2, 4)), chance.choice(("big", "little"))
    value = chance.choice(_EDGES) & (1 << 8 * size) - 1
    data[at : at + size] = value.to_bytes(size, "big" if order == "big" else "little")


def _cut(data: bytearray, at: int, _: random.Random) -> None:
    del data[at:]


def _remove(data: bytearray, at: int, chance: random.Random) -> None:
    del data[at : at + chance.randint(1, _MAX_PIECE_BYTES)]


def _repeat(data: bytearray, at: int, chance: random.Random) -> None:
    piece = data[at : at + chance.randint(1, _MAX_PIECE_BYTES)]
    data[at:at] = piece * chance.randint(1, 8)


def _move(data: bytearray, at: int, chance: random.Random) -> None:
    piece = data[at : at + chance.randint(1, _MAX_PIECE_BYTES)]
    to = chance.randrange(len(data))
    data[to : to + len(piece)] = piece


_MUTATIONS = (_flip, _flip, _replace, _replace, _edge, _edge, _cut, _remove, _repeat, _move)


def _correct_checksums(data: bytearray) -> None:
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            return
        data[end : end + 4] = struct.pack(">I", zlib.crc32(data[at + 4 : end]))
        at = end + 4
