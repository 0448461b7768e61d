"""The files of one log that are there at present."""

import os.path
from collections.abc import Sequence
from typing import NamedTuple

from mailtally_agent.source.disk import Disk, FileStat
from mailtally_agent.source.rotation import is_packed, siblings

# Which file has which name; what changes when a log is rotated.
Listing = frozenset[tuple[str, int, int]]


class Sibling(NamedTuple):
    """One file of a log."""

    path: str
    status: FileStat

    @property
    def packed(self) -> bool:
        """Whether it is compressed, by its name."""
        return is_packed(self.path)


class LogFolder:
    """Where a log lies with its siblings."""

    def __init__(self, disk: Disk, path: str) -> None:
        """Of the log at that path."""
        self._disk = disk
        self.path = path

    def files(self) -> list[Sibling]:
        """Those that exist, oldest first. Raises OSError."""
        directory, name = os.path.split(self.path)
        found = []
        for sibling in siblings(name, self._disk.names(directory)):
            path = os.path.join(directory, sibling)
            try:
                found.append(Sibling(path, self._disk.stat(path)))
            except FileNotFoundError:
                continue
        return found


def listing(files: Sequence[Sibling]) -> Listing:
    """Names and identities."""
    return frozenset((file.path, file.status.device, file.status.inode) for file in files)
