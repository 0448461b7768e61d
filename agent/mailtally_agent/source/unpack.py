"""The bytes of a file that may be compressed, from its beginning on.

Gives     Unpacked: text of a plain file, of gzip (RFC 1952), bzip2, xz and zstd (RFC 8878); which
          of them it is, its first bytes tell, not its name. Several compressed pieces may follow
          each other, as pigz, pbzip2 and ``cat`` write them.
Limits    What comes out is bounded at each step, however much a piece unpacks to. Files in other
          packings are refused by name.
"""

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import NamedTuple, Protocol

from mailtally_agent.source.disk import OpenFile

# Small, so that damage costs little of the good text before it.
_PIECE_BYTES = 16 * 1024
# xz -9 needs 65 MiB.
_XZ_MEMORY_BYTES = 192 * 1024 * 1024
# What the command zstd unpacks without being told.
_ZSTD_WINDOW_BYTES = 128 * 1024 * 1024
_ZSTD_STEP_BYTES = 128
_MTIME = slice(4, 8)


class DamagedError(Exception):
    """The file cannot be read on; at or soon behind this byte of it."""

    def __init__(self, byte: int, why: str) -> None:
        """Keep both."""
        super().__init__(f"damaged at byte {byte}: {why}")
        self.byte = byte
        self.why = why


class PackingError(Exception):
    """The file is packed in a way that is not read here; the text says what to do."""


class _Decoder(Protocol):
    """Unpacks one compressed piece; bz2 and lzma have it so."""

    @property
    def eof(self) -> bool:
        """Whether the piece is over."""

    @property
    def needs_input(self) -> bool:
        """Whether more can come out without more going in."""

    @property
    def unused_data(self) -> bytes:
        """What follows the piece."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Unpack up to max_length bytes."""


class _Gunzip:
    """zlib's decoder in the manner of the others."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)


def _unxz() -> _Decoder:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES)


class _Unzstd:
    """zstandard's decoder in the manner of the others.

    It unpacks all that it is given, and four bytes can make 128 KiB: it is given little at a time.
    """

    def __init__(self) -> None:
        # A host whose logs are packed otherwise does without.
        import zstandard  # noqa: PLC0415

        self._error = zstandard.ZstdError
        self._zstd = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES).decompressobj()
        self._raw = self._text = b""

    @property
    def eof(self) -> bool:
        return self._zstd.eof and not self._text

    @property
    def needs_input(self) -> bool:
        return not self._raw and not self._text

    @property
    def unused_data(self) -> bytes:
        return self._zstd.unused_data + self._raw

    def decompress(self, data: bytes, max_length: int) -> bytes:
        self._raw += data
        try:
            while self._raw and not self._text and not self._zstd.eof:
                few, self._raw = self._raw[:_ZSTD_STEP_BYTES], self._raw[_ZSTD_STEP_BYTES:]
                self._text = self._zstd.decompress(few)
        except self._error as error:
            raise OSError(str(error)) from error
        text, self._text = self._text[:max_length], self._text[max_length:]
        return text


class _Packing(NamedTuple):
    name: str
    magic: bytes
    decoder: Callable[[], _Decoder]


_PACKINGS = (
    _Packing("gzip", b"\x1f\x8b", _Gunzip),
    _Packing("bzip2", b"BZh", bz2.BZ2Decompressor),
    _Packing("xz", b"\xfd7zXZ\0", _unxz),
    _Packing("zstd", b"\x28\xb5\x2f\xfd", _Unzstd),
)
_OTHERS = {
    b"\x04\x22\x4d\x18": "lz4; unpack it first: lz4 -d FILE",
    b"\x1f\x9d": "compress (.Z); unpack it first: gzip -d FILE",
    b"PK\x03\x04": "zip; unpack it first",
    b"7z\xbc\xaf\x27\x1c": "7-Zip; unpack it first",
    b"\x5d\x00\x00": "lzma; unpack it first: xz -d FILE",
}
_MAGIC_BYTES = 8


class Unpacked:
    """The text of one file, once; several of them may read the same open file."""

    def __init__(self, file: OpenFile, size: int) -> None:
        """Begin at the beginning; size as it was when the file was first looked at.

        Raises PackingError, and OSError from the disk.
        """
        start = file.read_at(0, _MAGIC_BYTES)
        for magic, name in _OTHERS.items():
            if start.startswith(magic):
                raise PackingError(f"it is packed by {name}")
        self._file = file
        self._size = size
        self._packing = next((one for one in _PACKINGS if start.startswith(one.magic)), None)
        # Bytes of the file that were taken from it.
        self.taken = 0
        self._rest = b""
        self._decoder = self._packing.decoder() if self._packing else None
        self.packed_us = 0
        if self._packing and self._packing.name == "gzip":
            self.packed_us = int.from_bytes(start[_MTIME], "little") * 1_000_000

    @property
    def packing(self) -> str:
        """Name of the packing; empty for plain text."""
        return self._packing.name if self._packing else ""

    def read(self, limit: int) -> bytes:
        """Up to limit bytes; empty at the end. Raises DamagedError, and OSError from the disk."""
        if self._packing is None:
            data = self._raw(limit)
            if not data and self.taken < self._size:
                raise DamagedError(self.taken, "it became shorter while it was read")
            return data
        while self._decoder is not None or self._begin_piece(self._packing):
            data = self._unpack(limit)
            if data:
                return data
        return b""

    def _unpack(self, limit: int) -> bytes:
        """Go a step on in the present piece; its end is noted."""
        decoder = self._decoder
        assert decoder is not None  # noqa: S101 - read() looks
        raw = b""
        if decoder.needs_input:
            raw, self._rest = self._rest or self._raw(_PIECE_BYTES), b""
            if not raw:
                raise DamagedError(self.taken, f"it ends in the middle of its {self.packing} data")
        try:
            data = decoder.decompress(raw, limit)
        except (zlib.error, lzma.LZMAError, OSError) as error:
            raise DamagedError(self.taken - len(raw), f"{self.packing}: {error}") from error
        if decoder.eof:
            self._rest = decoder.unused_data
            self._decoder = None
        return data

    def _begin_piece(self, packing: _Packing) -> bool:
        """Begin the next piece, behind zeros that fill up a block; False when there is none."""
        start = self._rest.lstrip(b"\0")
        while len(start) < len(packing.magic) and (more := self._raw(_PIECE_BYTES)):
            start = (start + more).lstrip(b"\0")
        if not start:
            return False
        if not start.startswith(packing.magic):
            raise DamagedError(
                self.taken - len(start), f"something else follows the {self.packing} data"
            )
        self._rest = start
        self._decoder = packing.decoder()
        return True

    def _raw(self, limit: int) -> bytes:
        data = self._file.read_at(self.taken, limit)
        self.taken += len(data)
        return data
