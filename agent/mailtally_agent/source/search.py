"""Which of a log's files holds a place.

How       Newest files first: one that is renamed meanwhile grows older, and is met on the way.
          Plain files cost a look at two spots. A compressed one costs a look at its beginning, and
          when that fits it is unpacked up to the place, one step at each turn.
"""

from collections.abc import Generator, Sequence
from typing import NamedTuple

from mailtally_agent.source.disk import Disk
from mailtally_agent.source.growing_file import GrowingFile
from mailtally_agent.source.lines import LogCounts
from mailtally_agent.source.log_folder import Sibling
from mailtally_agent.source.place import HEAD_BYTES, Place
from mailtally_agent.source.unpack import DamagedError
from mailtally_agent.source.unpacked_lines import Seen, UnpackedLines

Lines = GrowingFile | UnpackedLines


class Hit(NamedTuple):
    """Number of the file that holds the place, and its lines from there on.

    Without lines none holds it, and file is the number of the newest that begins alike, or None.
    """

    file: int | None
    lines: Lines | None


def search(
    disk: Disk, files: Sequence[Sibling], place: Place | None, counts: LogCounts
) -> Generator[None, None, Hit]:
    """Look for the place in these files, given oldest first; None is nowhere. Raises OSError.

    FileNotFoundError: a file went meanwhile, perhaps because it was rotated. Look anew.
    """
    alike: list[int] = []
    if place is None:
        return Hit(None, None)
    for number in reversed(range(len(files))):
        look = _look_unpacked if files[number].packed else _look
        seen, lines = yield from look(disk, files[number], place, counts)
        if seen is Seen.HERE:
            return Hit(number, lines)
        if seen is Seen.BEGINS_ALIKE:
            alike.append(number)
        yield
    return Hit(max(alike, default=None), None)


Looked = tuple[Seen, Lines | None]


def _look(
    disk: Disk, sibling: Sibling, place: Place, counts: LogCounts
) -> Generator[None, None, Looked]:
    """Whether a plain file holds the place."""
    yield from ()
    file = disk.open(sibling.path)
    try:
        lines = GrowingFile.behind(file, place, counts)
        if lines is not None:
            return Seen.HERE, lines
        alike = place.begins(file.read_at(0, HEAD_BYTES))
    except OSError:
        file.close()
        raise
    file.close()
    return (Seen.BEGINS_ALIKE if alike else Seen.NOT_HERE), None


def _look_unpacked(
    disk: Disk, sibling: Sibling, place: Place, counts: LogCounts
) -> Generator[None, None, Looked]:
    """Whether a compressed file holds the place."""
    file = disk.open(sibling.path)
    try:
        lines = UnpackedLines(file, file.stat().size, counts)
        seen = yield from lines.seek(place)
        if seen is Seen.HERE:
            return seen, lines
    except DamagedError:
        seen = Seen.NOT_HERE
    except (OSError, GeneratorExit):
        file.close()
        raise
    file.close()
    return seen, None


def begins_alike(disk: Disk, sibling: Sibling, place: Place) -> bool:
    """Whether a compressed file begins as that of the place does. Raises OSError."""
    file = disk.open(sibling.path)
    try:
        next(UnpackedLines(file, file.stat().size, LogCounts()).seek(place))
    except StopIteration as end:
        return end.value is not Seen.NOT_HERE
    except DamagedError:
        return False
    else:
        return True
    finally:
        file.close()
