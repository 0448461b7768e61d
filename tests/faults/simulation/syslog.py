"""What happens to the log of one machine: its syslog daemon writes, logrotate rotates.

Gives     ``Syslog``, which holds the file open as rsyslog does until it is told to open it anew;
          ``Rotation``, whose ways are generators of small steps: between two of them anything may
          happen.
"""

import bz2
import gzip
import lzma
import os.path
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import zstandard

from tests.faults.simulation.disk import Disk, Inode
from tests.faults.simulation.ledger import Ledger, Line

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": lambda data: gzip.compress(data, mtime=0),
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.compress,
}
_UNPACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".xz": lzma.decompress,
    ".zst": lambda data: zstandard.decompress(data, max_output_size=10_000_000),
}


class Syslog:
    """Writes lines to the file at ``path``."""

    def __init__(self, disk: Disk, path: str, ledger: Ledger) -> None:
        self._disk = disk
        self._ledger = ledger
        self._path = path
        self._rest: tuple[Line, bytes] | None = None
        self._torn = b""
        self._file = self._open()

    def write(self, line: Line, part: float = 1.0) -> None:
        """Write a line, or only a part of it; the rest is written before the next line."""
        self.complete()
        whole = line.text + b"\n"
        if self._torn:
            line.sure = False
            self._ledger.glues.append((self._torn, line))
            self._torn = b""
        end = len(whole) if part >= 1.0 else max(1, int(len(whole) * part))
        self._disk.write(self._file, whole[:end])
        if end < len(whole):
            self._rest = (line, whole[end:])
        else:
            line.written = True

    def complete(self) -> None:
        """Write what is left of a line."""
        if self._rest is not None:
            (line, rest), self._rest = self._rest, None
            self._disk.write(self._file, rest)
            line.written = True

    def doubt(self) -> None:
        """What is left of a line comes into another file than its beginning."""
        if self._rest is not None:
            self._rest[0].sure = False

    def reopen(self) -> None:
        """Open the file of that name, a new one if there is none."""
        self.complete()
        self._disk.release(self._file)
        self._file = self._open()

    def restart(self) -> None:
        """Begin again after a power cut."""
        if self._rest is not None:
            self._rest[0].sure = False
            self._rest = None
        self._file = self._open()
        self._torn = bytes(self._file.data[self._file.data.rfind(b"\n") + 1 :])

    def flush(self) -> None:
        """Let what was written reach the medium by itself."""
        self._disk.sync(self._file)

    def _open(self) -> Inode:
        inode = self._disk.find(self._path) or self._disk.create(self._path)
        self._disk.hold(inode)
        return inode


class Rotation:
    """Rotates a log.

    keep        rotated files that are kept
    dated       mail.log-20260301… instead of mail.log.1
    packing     ".gz", ".bz2", ".xz", ".zst" or "" for none; the newest stays as it is
    """

    def __init__(
        self,
        disk: Disk,
        syslog: Syslog,
        path: str,
        ledger: Ledger,
        clock: Callable[[], int],
        *,
        keep: int,
        dated: bool,
        packing: str,
    ) -> None:
        self._disk = disk
        self._syslog = syslog
        self._path = path
        self._ledger = ledger
        self._clock = clock
        self._keep = keep
        self._dated = dated
        self._packing = packing
        self.deleted = 0

    def by_renaming(self) -> Iterator[None]:
        """Rename, make a new file, have it opened."""
        yield from self._make_room()
        name = self._new_name()
        if self._disk.find(name) is None and self._disk.find(self._path) is not None:
            self._disk.rename(self._path, name)
            yield
            if self._disk.find(self._path) is None:
                self._disk.create(self._path)
            yield
        self._syslog.reopen()
        yield from self._tidy()

    def by_copying(self) -> Iterator[None]:
        """Copy the file, cut it; lines that are written in between may be lost."""
        yield from self._make_room()
        log = self._disk.find(self._path)
        name = self._new_name()
        if log is None or self._disk.find(name) is not None:
            return
        copied = bytes(log.data)
        self._disk.write(self._disk.create(name), copied)
        before = len(self._ledger.lines)
        self._syslog.doubt()
        yield
        for line in self._ledger.lines[before:]:
            line.sure = False
        self._syslog.doubt()
        self._disk.truncate(log)
        yield
        yield from self._tidy()

    def delete_oldest(self) -> Iterator[None]:
        """Delete the oldest rotated file."""
        rotated = self._rotated()
        if rotated:
            self._delete(rotated[-1])
        yield

    def truncate(self) -> Iterator[None]:
        """Empty the log in its place, as ``: > mail.log`` does."""
        log = self._disk.find(self._path)
        if log is not None:
            self._doubt(log)
            self._disk.truncate(log)
        yield

    def replace(self) -> Iterator[None]:
        """Delete the log and let the daemon make a new one; its inode number comes again."""
        log = self._disk.find(self._path)
        if log is not None:
            self._syslog.complete()
            self._delete(self._path)
            yield
            self._doubt(log)
        self._syslog.reopen()
        yield

    def texts(self) -> Counter[bytes]:
        """All whole lines that the log and its rotated files hold, and how often each."""
        found: Counter[bytes] = Counter()
        for path in [self._path, *self._rotated()]:
            inode = self._disk.find(path)
            if inode is not None:
                found.update(_unpacked(path, bytes(inode.data)).split(b"\n")[:-1])
        return found

    def _doubt(self, log: Inode) -> None:
        """An agent that did not begin to read it can never know that there was such a file."""
        self._syslog.doubt()
        texts = Counter(bytes(log.data).split(b"\n"))
        self._ledger.doubt_unless(Counter(), texts)

    def _delete(self, path: str) -> None:
        self.deleted += 1
        self._disk.unlink(path)

    def _rotated(self) -> list[str]:
        """Rotated files, newest first."""
        folder = os.path.dirname(self._path)
        rotated = [path for path in self._disk.paths(folder) if path.startswith(self._path)]
        rotated = [path for path in rotated if path != self._path]
        if self._dated:
            return sorted(rotated, reverse=True)
        return sorted(rotated, key=lambda path: int(path[len(self._path) + 1 :].split(".")[0]))

    def _make_room(self) -> Iterator[None]:
        if self._dated:
            return
        for path in reversed(self._rotated()):
            number, dot, packing = path[len(self._path) + 1 :].partition(".")
            self._disk.rename(path, f"{self._path}.{int(number) + 1}{dot}{packing}")
            yield

    def _new_name(self) -> str:
        if not self._dated:
            return f"{self._path}.1"
        moment = _EPOCH + timedelta(microseconds=self._clock())
        return f"{self._path}-{moment:%Y%m%d-%H%M%S}"

    def _tidy(self) -> Iterator[None]:
        """Pack all but the newest, delete what is too many."""
        for path in self._rotated()[self._keep :]:
            self._delete(path)
            yield
        if not self._packing:
            return
        for path in self._rotated()[1:]:
            if path.endswith(tuple(_PACK)):
                continue
            plain = self._disk.find(path)
            if plain is not None:
                packed = self._disk.create(path + self._packing)
                data = _PACK[self._packing](bytes(plain.data))
                self._disk.write(packed, data[: len(data) // 2])
                yield
                self._disk.write(packed, data[len(data) // 2 :])
                packed.mtime_us = plain.mtime_us
                yield
                self._disk.unlink(path)
                yield


def _unpacked(path: str, data: bytes) -> bytes:
    for ending, unpack in _UNPACK.items():
        if path.endswith(ending):
            try:
                return unpack(data)
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zstandard.ZstdError):
                return b""
    return data
