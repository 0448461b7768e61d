"""A file system in memory, with what a power cut leaves of it, and the system calls to reach it.

Gives     ``Disk``: the files of one machine, as its syslog daemon and logrotate use them; ``cut``
          is a power cut.  ``SystemCalls``: what the module ``os`` is to one process on it.
Theory    Names and contents are in memory first. What was written reaches the medium when it is
          synced, or by itself, some of it: of the changes of names a part from the front (a
          journal keeps their order), of an appended file a part from the front, perhaps followed
          by zeros (the new size was kept, the data not). A file that is replaced by one that was
          not synced may be left empty.
          An inode number is used again at once, as ext4 does.
Limits    Folders are there when a file is in them. No links, no permissions but ``refuses``.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from random import Random
from types import TracebackType
from typing import Any, NamedTuple, Self

ZEROS_MAX = 400


@dataclass(slots=True, eq=False)
class Inode:
    """A file; ``synced`` is what the medium holds for sure. ``users`` counts names and openings."""

    number: int
    data: bytearray = field(default_factory=bytearray)
    synced: bytes = b""
    mtime_us: int = 0
    users: int = 0


class Status(NamedTuple):
    """What is asked of stat."""

    st_dev: int
    st_ino: int
    st_size: int
    st_mtime_ns: int
    st_mode: int
    st_uid: int = 0
    st_gid: int = 0
    st_nlink: int = 1


# Paths with the file that has the name from now on, None for no file.
Change = dict[str, Inode | None]


class Disk:
    """The files of one machine. ``clock`` gives microseconds since 1970."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._names: dict[str, Inode] = {}
        self._kept: dict[str, Inode] = {}
        self._changes: list[Change] = []
        self._numbers: set[int] = set()
        # Paths below this answer with the error, or writing there does.
        self.refuses: dict[str, int] = {}
        self.refuses_writing: dict[str, int] = {}

    def paths(self, folder: str) -> list[str]:
        """Paths of the files in a folder."""
        return [path for path in self._names if os.path.dirname(path) == folder]

    def find(self, path: str) -> Inode | None:
        """The file of that name."""
        return self._names.get(path)

    def create(self, path: str) -> Inode:
        """Make an empty file; the one that had the name loses it."""
        inode = Inode(self._free_number(), mtime_us=self._clock(), users=1)
        was = self._names.get(path)
        self._names[path] = inode
        self._changes.append({path: inode})
        if was is not None:
            self._release(was)
        return inode

    def rename(self, path: str, to: str) -> None:
        """Give a file another name; the one that had it loses it."""
        inode = self._names.pop(path)
        was = self._names.get(to)
        self._names[to] = inode
        self._changes.append({path: None, to: inode})
        if was is not None:
            self._release(was)

    def unlink(self, path: str) -> None:
        """Take a name away."""
        self._changes.append({path: None})
        self._release(self._names.pop(path))

    def write(self, inode: Inode, data: bytes) -> None:
        """Append."""
        inode.data += data
        inode.mtime_us = self._clock()

    def truncate(self, inode: Inode) -> None:
        """Cut to nothing."""
        inode.data.clear()
        inode.mtime_us = self._clock()

    def sync(self, inode: Inode) -> None:
        """Have the content on the medium."""
        inode.synced = bytes(inode.data)

    def sync_names(self) -> None:
        """Have the names on the medium."""
        self._keep(len(self._changes))

    def hold(self, inode: Inode) -> None:
        """Count an opening."""
        inode.users += 1

    def release(self, inode: Inode) -> None:
        """Count that an opening is over."""
        self._release(inode)

    def cut(self, random: Random) -> None:
        """Cut the power; whoever held a file has to open it again."""
        self._keep(random.randint(0, len(self._changes)))
        left = {id(inode): inode for inode in self._kept.values()}
        self._numbers = {inode.number for inode in left.values()}
        for inode in left.values():
            inode.data = bytearray(_left_of(inode, random))
            inode.synced = bytes(inode.data)
            inode.users = sum(one is inode for one in self._kept.values())
        self._names = dict(self._kept)

    def _keep(self, count: int) -> None:
        """Have so many changes of names on the medium; forget the others."""
        for change in self._changes[:count]:
            for path, inode in change.items():
                if inode is None:
                    del self._kept[path]
                else:
                    self._kept[path] = inode
        self._changes.clear()

    def _release(self, inode: Inode) -> None:
        inode.users -= 1
        if inode.users == 0:
            self._numbers.discard(inode.number)

    def _free_number(self) -> int:
        number = 12
        while number in self._numbers:
            number += 1
        self._numbers.add(number)
        return number


def _left_of(inode: Inode, random: Random) -> bytes:
    """What the medium holds of a file after a power cut."""
    data, synced = bytes(inode.data), inode.synced
    if not data.startswith(synced):
        return random.choice((synced, b"", data))
    kept = random.randint(len(synced), len(data))
    zeros = random.choice((0, 0, random.randint(0, ZEROS_MAX)))
    return data[:kept] + bytes(min(zeros, len(data) - kept))


class SystemCalls:
    """What ``os`` is to one process. ``entering`` is told the name of each call, and may raise."""

    O_RDONLY, O_WRONLY, O_RDWR = os.O_RDONLY, os.O_WRONLY, os.O_RDWR
    O_CREAT, O_TRUNC, O_EXCL, O_APPEND = os.O_CREAT, os.O_TRUNC, os.O_EXCL, os.O_APPEND
    O_CLOEXEC, O_NONBLOCK = os.O_CLOEXEC, os.O_NONBLOCK
    O_DIRECTORY, O_NOFOLLOW = os.O_DIRECTORY, os.O_NOFOLLOW
    path = os.path

    def __init__(self, disk: Disk, entering: Callable[[str], None]) -> None:
        self._disk = disk
        self._entering = entering
        self._open: dict[int, Inode | None] = {}

    def exit(self) -> None:
        """The process ends; the system closes its files."""
        for inode in self._open.values():
            if inode is not None:
                self._disk.release(inode)
        self._open.clear()

    def vanish(self) -> None:
        """The machine lost its power, and nothing is open any more."""
        self._open.clear()

    def listdir(self, folder: str) -> list[str]:
        """Names in a folder."""
        self._enter("listdir", folder)
        return [os.path.basename(path) for path in self._disk.paths(folder)]

    def stat(self, path: str, *, follow_symlinks: bool = True) -> Status:
        """Stat a file by name."""
        del follow_symlinks
        self._enter("stat", path)
        return _status(self._find(path))

    lstat = stat

    def fstat(self, descriptor: int) -> Status:
        """Stat an open file."""
        self._entering("fstat")
        return _status(self._inode(descriptor))

    def open(self, path: str, flags: int, mode: int = 0o777) -> int:
        """Open a file or a folder."""
        del mode
        self._enter("open", path, writing=bool(flags & (os.O_WRONLY | os.O_RDWR)))
        inode: Inode | None = None
        if not flags & os.O_DIRECTORY:
            inode = self._disk.find(path)
            if inode is None and flags & os.O_CREAT:
                inode = self._disk.create(path)
            elif inode is None:
                inode = self._find(path)
            elif flags & os.O_TRUNC:
                self._disk.truncate(inode)
            self._disk.hold(inode)
        descriptor = min(set(range(3, len(self._open) + 4)) - set(self._open))
        self._open[descriptor] = inode
        return descriptor

    def close(self, descriptor: int) -> None:
        """Close it."""
        inode = self._open.pop(descriptor)
        if inode is not None:
            self._disk.release(inode)

    def pread(self, descriptor: int, length: int, offset: int) -> bytes:
        """Read at an offset."""
        self._entering("pread")
        return bytes(self._inode(descriptor).data[offset : offset + length])

    def write(self, descriptor: int, data: bytes) -> int:
        """Append."""
        inode = self._inode(descriptor)
        # The process may be killed between the one half and the other.
        for half in (data[: len(data) // 2], data[len(data) // 2 :]):
            self._enter("write", self._path_of(inode), writing=True)
            self._disk.write(inode, half)
        return len(data)

    def fsync(self, descriptor: int) -> None:
        """Have a file or folder on the medium."""
        self._entering("fsync")
        inode = self._open[descriptor]
        if inode is None:
            self._disk.sync_names()
        else:
            self._disk.sync(inode)

    def replace(self, path: str, to: str) -> None:
        """Rename a file over another."""
        self._enter("rename", to, writing=True)
        self._find(path)
        self._disk.rename(path, to)

    def unlink(self, path: str) -> None:
        """Take a name away."""
        self._enter("unlink", path, writing=True)
        self._find(path)
        self._disk.unlink(path)

    def fdopen(self, descriptor: int, mode: str) -> "File":
        """Return a file object."""
        del mode
        return File(self, descriptor)

    def size(self, descriptor: int) -> int:
        """Bytes in an open file."""
        return len(self._inode(descriptor).data)

    def _find(self, path: str) -> Inode:
        inode = self._disk.find(path)
        if inode is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return inode

    def _inode(self, descriptor: int) -> Inode:
        inode = self._open.get(descriptor)
        if inode is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return inode

    def _path_of(self, inode: Inode) -> str:
        names = (path for path, one in self._disk._names.items() if one is inode)  # noqa: SLF001
        return next(names, "")

    def _enter(self, name: str, path: str, *, writing: bool = False) -> None:
        self._entering(name)
        refusals = [self._disk.refuses] + [self._disk.refuses_writing] * writing
        for refused in refusals:
            for folder, number in refused.items():
                if path.startswith(folder):
                    raise OSError(number, os.strerror(number), path)


class File:
    """A file object over a descriptor."""

    def __init__(self, calls: SystemCalls, descriptor: int) -> None:
        self._calls = calls
        self._descriptor = descriptor

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: object, where: TracebackType | None
    ) -> None:
        self._calls.close(self._descriptor)

    def read(self) -> bytes:
        """All of it."""
        return self._calls.pread(self._descriptor, self._calls.size(self._descriptor), 0)

    def write(self, data: bytes) -> int:
        """Append."""
        return self._calls.write(self._descriptor, data)

    def flush(self) -> None:
        """Nothing is buffered."""

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor


def _status(inode: Inode) -> Status:
    return Status(
        st_dev=1,
        st_ino=inode.number,
        st_size=len(inode.data),
        st_mtime_ns=inode.mtime_us * 1_000,
        st_mode=stat.S_IFREG | 0o640,
    )


_current: ContextVar[SystemCalls] = ContextVar("calls of the process that runs")


@contextmanager
def running_as(calls: SystemCalls) -> Iterator[None]:
    """Let the tasks begun in the block make their system calls as this process."""
    token = _current.set(calls)
    try:
        yield
    finally:
        _current.reset(token)


class CurrentCalls:
    """Stands for the module ``os``: whatever is asked of it, the process that runs is asked."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_current.get(), name)
