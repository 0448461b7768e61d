"""A look at old logs before they are imported: whether they can be read, and which comes first.

Gives     survey(): the logs in the order of their first lines, and what cannot be imported.
Limits    Traditional time stamps have no year. The first line of a file has the latest year in
          which it is not after the file's last change (of gzip, the older of the file's date and
          the one packed with it), or the year that is given.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import tzinfo

from mailtally_agent.line_format import canonical
from mailtally_agent.source.disk import Disk, FileStat, OpenFile
from mailtally_agent.source.lines import CHUNK_BYTES
from mailtally_agent.source.old_files import OldLog
from mailtally_agent.source.place import HEAD_BYTES
from mailtally_agent.source.unpack import DamagedError, PackingError, Unpacked
from mailtally_agent.syslog import TimeStamps, split_head

# Archives and images date their files 1970 or 1980 when they do not keep the date: it says nothing.
_DATED_US = 631_152_000 * 1_000_000  # 1990


@dataclass(frozen=True, slots=True)
class Survey:
    """What there is to import.

    logs      in the order of their first lines
    skipped   one text for each file that holds nothing new; the others are imported
    problems  one text for each file that cannot be imported; nothing should be
    """

    logs: list[OldLog]
    skipped: list[str]
    problems: list[str]


def survey(
    disk: Disk,
    paths: Iterable[str],
    zone: tzinfo,
    latest_us: Callable[[int | None], int],
    opened: ExitStack,
) -> Survey:
    """Look at each file; those of the result stay open until ``opened`` is closed.

    latest_us   moment that the first line of a file can not lie much after, from the moment of the
                file's last change (None when nothing tells it)
    """
    found = Survey([], [], [])
    seen: list[FileStat] = []
    for path in paths:
        try:
            file = disk.open(path)
            opened.callback(file.close)
            status = file.stat()
            if any(status.same_file(other) for other in seen):
                found.skipped.append(f"{shown(path)}: named twice")
                continue
            seen.append(status)
            log = _look_at(path, file, status, zone, latest_us)
        except PackingError as error:
            found.problems.append(f"{shown(path)}: {error}")
        except OSError as error:
            found.problems.append(f"{shown(path)}: {error.strerror or 'not a regular file'}")
        else:
            if log is None:
                found.skipped.append(f"{shown(path)}: empty")
            elif isinstance(log, str):
                found.problems.append(f"{shown(path)}: {log}")
            else:
                found.logs.append(log)
    # What began in the same second was changed last where the lines go on.
    found.logs.sort(key=lambda log: (log.first_us is None, log.first_us, log.changed_us))
    return found


def shown(path: str) -> str:
    """A path as it may be written to a terminal."""
    return path if path.isprintable() else ascii(path)


def _look_at(
    path: str,
    file: OpenFile,
    status: FileStat,
    zone: tzinfo,
    latest_us: Callable[[int | None], int],
) -> OldLog | str | None:
    """Find the first line; a text why that cannot be a log, None when it is empty."""
    unpacked = Unpacked(file, status.size)
    start, damaged = b"", False
    try:
        while len(start) < CHUNK_BYTES and (data := unpacked.read(CHUNK_BYTES - len(start))):
            start += data
    except DamagedError:
        damaged = True
    if not start and not damaged:
        return None
    dates = [us for us in (status.mtime_us, unpacked.packed_us) if us >= _DATED_US]
    lines = start.decode("utf-8", "surrogateescape").split("\n")
    first_us = _first_moment_us(lines, zone, latest_us(min(dates, default=None)))
    if first_us is None and not damaged:
        return "no line with a time stamp at its beginning; is it a mail log?"
    identity = start[:HEAD_BYTES].partition(b"\n")[0]
    if unpacked.packing:
        identity += b"\0%d" % status.size
    return OldLog(path, file, status.size, status.mtime_us, identity, first_us)


def _first_moment_us(lines: Sequence[str], zone: tzinfo, newest_us: int) -> int | None:
    """Moment of the first line that has a time stamp."""
    stamps = TimeStamps(zone, newest_us)
    for line in lines:
        text = canonical(line) or line if line[:1] in {"{", "<"} else line
        parts = split_head(text.partition("]: ")[0])
        if parts is not None and (moment := stamps.time_us(parts[0])) is not None:
            return moment
    return None
