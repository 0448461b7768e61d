"""Compressed files: what is in them comes out, and damage is told where it is."""

import bz2
import gzip
import lzma
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from mailtally_agent.source.disk import RealDisk
from mailtally_agent.source.unpack import DamagedError, PackingError, Unpacked

# Text that does not pack to nothing: 400 KB.
TEXT = b"".join(b"%d %d\n" % (n, n * n * 7919 % 1_000_003) for n in range(30_000))
PACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    # As the command does.
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
}
PACKED = [name for name in PACK if name]


def unpacked(folder: Path, content: bytes) -> Unpacked:
    path = folder / "a-name-that-tells-nothing"
    path.write_bytes(content)
    return Unpacked(RealDisk().open(str(path)), len(content))


def read(unpacked: Unpacked, limit: int = 10_000) -> bytes:
    content = read_into([], unpacked, limit)
    assert unpacked.read(limit) == b""
    return content


def read_into(parts: list[bytes], unpacked: Unpacked, limit: int = 10_000) -> bytes:
    """All of it; parts keep what came before damage."""
    while data := unpacked.read(limit):
        assert len(data) <= limit
        parts.append(data)
    return b"".join(parts)


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("limit", [100, 70_001, 10_000_000])
def test_content_is_told_by_its_first_bytes(packing: str, limit: int, tmp_path: Path) -> None:
    content = PACK[packing](TEXT)
    one = unpacked(tmp_path, content)

    assert (one.packing, read(one, limit)) == (packing, TEXT)
    assert one.taken == len(content)


@pytest.mark.parametrize("packing", PACK)
def test_empty_file(packing: str, tmp_path: Path) -> None:
    assert read(unpacked(tmp_path, PACK[packing](b""))) == b""


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("zeros", [0, 512, 40_000])
def test_pieces_that_follow_each_other(packing: str, zeros: int, tmp_path: Path) -> None:
    pack = PACK[packing]
    content = pack(TEXT) + b"\0" * zeros + pack(b"") + pack(b"more\n") + b"\0" * zeros

    assert read(unpacked(tmp_path, content)) == TEXT + b"more\n"


def test_moment_of_packing_is_gzips_alone(tmp_path: Path) -> None:
    assert unpacked(tmp_path, gzip.compress(TEXT, mtime=1_700_000_000)).packed_us == 17 * 10**14
    assert unpacked(tmp_path, gzip.compress(TEXT, mtime=0)).packed_us == 0
    assert unpacked(tmp_path, bz2.compress(TEXT)).packed_us == 0


@pytest.mark.parametrize("packing", PACKED)
def test_file_that_ends_too_early(packing: str, tmp_path: Path) -> None:
    content = PACK[packing](TEXT)
    cut = len(content) * 2 // 3
    one = unpacked(tmp_path, content[:cut])
    parts: list[bytes] = []

    with pytest.raises(DamagedError, match="ends in the middle") as damaged:
        read_into(parts, one, 1_000)

    assert damaged.value.byte == cut
    before = b"".join(parts)
    assert TEXT.startswith(before)
    # bzip2 gives whole blocks of 900 kB, zstd of 128 KiB, xz of any size.
    assert before or packing in {"bzip2", "xz", "zstd"}


@pytest.mark.parametrize("packing", PACKED)
def test_flipped_bits_are_damage_at_or_before_the_place_told(packing: str, tmp_path: Path) -> None:
    generator = random.Random(7)  # noqa: S311 - repeatable
    whole = PACK[packing](TEXT)
    for _ in range(20):
        content = bytearray(whole)
        at = generator.randrange(40, len(content) - 20)
        content[at] ^= 1 << generator.randrange(8)
        one = unpacked(tmp_path, bytes(content))
        with pytest.raises(DamagedError) as damaged:
            read(one)
        assert damaged.value.byte <= len(content)


def test_something_else_behind_the_pieces_is_damage(tmp_path: Path) -> None:
    content = gzip.compress(TEXT)
    one = unpacked(tmp_path, content + b"hello")
    parts: list[bytes] = []

    with pytest.raises(DamagedError, match="something else follows") as damaged:
        read_into(parts, one)

    assert (b"".join(parts), damaged.value.byte) == (TEXT, len(content))


def test_file_that_shrinks_while_it_is_read(tmp_path: Path) -> None:
    one = unpacked(tmp_path, TEXT)
    one.read(1_000)
    (tmp_path / "a-name-that-tells-nothing").write_bytes(b"new\n")

    with pytest.raises(DamagedError, match="shorter"):
        one.read(1_000)


@pytest.mark.parametrize("packing", PACKED)
def test_little_that_unpacks_to_much_takes_little_memory(packing: str, tmp_path: Path) -> None:
    one = unpacked(tmp_path, PACK[packing](b"\0" * 200_000_000))
    tracemalloc.start()
    length = 0
    while data := one.read(100_000):
        length += len(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert length == 200_000_000
    # xz keeps a dictionary of 8 MiB.
    assert peak < 10_000_000


@pytest.mark.parametrize(
    ("start", "advice"),
    [
        (b"\x04\x22\x4d\x18", r"lz4 -d FILE"),
        (b"\x1f\x9d\x90", r"gzip -d FILE"),
        (b"PK\x03\x04", "zip"),
    ],
)
def test_other_packings_are_refused_with_what_to_do(
    start: bytes, advice: str, tmp_path: Path
) -> None:
    with pytest.raises(PackingError, match=advice):
        unpacked(tmp_path, start)
