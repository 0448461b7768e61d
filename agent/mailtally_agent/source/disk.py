"""The file operations that reading a log and keeping a checkpoint need, and no others.

The reading code takes a Disk as an argument, so that it runs unchanged on a simulated one.
"""

import os
import stat
from typing import NamedTuple, Protocol

_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


class FileStat(NamedTuple):
    """What identifies and measures a file; mtime in microseconds since 1970."""

    device: int
    inode: int
    size: int
    mtime_us: int

    def same_file(self, other: "FileStat") -> bool:
        """Whether both are one file now; says nothing of the same moment earlier."""
        return (self.device, self.inode) == (other.device, other.inode)


class OpenFile(Protocol):
    """A file opened for reading."""

    def stat(self) -> FileStat:
        """Current size and identity."""

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to length bytes from offset; empty at the end."""

    def close(self) -> None:
        """Give the file back."""


class Disk(Protocol):
    """A file system. All methods raise OSError as the system does."""

    def names(self, directory: str) -> list[str]:
        """Names in a directory, unordered."""

    def stat(self, path: str) -> FileStat:
        """Stat a regular file."""

    def open(self, path: str) -> OpenFile:
        """Open a regular file for reading."""

    def read(self, path: str) -> bytes:
        """The content of a small file."""

    def replace(self, path: str, content: bytes) -> None:
        """Write a small file durably, all or nothing."""


class RealOpenFile:
    """An open file of the operating system."""

    def __init__(self, descriptor: int) -> None:
        """Own the descriptor."""
        self._descriptor = descriptor

    def stat(self) -> FileStat:
        """Current size and identity."""
        return _file_stat(os.fstat(self._descriptor))

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to length bytes from offset; empty at the end."""
        return os.pread(self._descriptor, length, offset)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._descriptor)


class RealDisk:
    """The operating system's files."""

    def names(self, directory: str) -> list[str]:
        """Names in a directory, unordered."""
        return os.listdir(directory or ".")

    def stat(self, path: str) -> FileStat:
        """Stat a regular file; OSError for anything else."""
        status = os.stat(path)
        _require_regular(status, path)
        return _file_stat(status)

    def open(self, path: str) -> RealOpenFile:
        """Open a regular file for reading; never waits on a pipe that somebody put in its place."""
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            _require_regular(os.fstat(descriptor), path)
        except OSError:
            os.close(descriptor)
            raise
        return RealOpenFile(descriptor)

    def read(self, path: str) -> bytes:
        """The content of a small file."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            return file.read()

    def replace(self, path: str, content: bytes) -> None:
        """Write, flush, rename, flush the directory: without the last the rename can be lost.

        A directory that was deleted while the agent runs is made again.
        """
        temporary = f"{path}.new"
        try:
            descriptor = os.open(temporary, _NEW, 0o600)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            descriptor = os.open(temporary, _NEW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        directory = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _file_stat(status: os.stat_result) -> FileStat:
    return FileStat(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns // 1000)


def _require_regular(status: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(f"not a regular file: {path}")
