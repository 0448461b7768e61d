"""``mailtally-agent parse`` and ``audit``: a whole log in, records or what they add up to out."""

import gc
import json
import sys
from collections.abc import Callable, Iterator
from typing import BinaryIO

from mailtally_agent.audit import Balance
from mailtally_agent.log_reader import LogReader
from mailtally_agent.record import Record
from mailtally_agent.record_json import JsonRecords
from mailtally_agent.source.lines import MAX_LINE_BYTES
from mailtally_agent.summary import Summary

# The records of one piece are made before they are used: few enough to stay in the CPU's cache.
_PIECE_BYTES = 16 * 1024


def write_records(stream: BinaryIO, reader: LogReader) -> int:
    """Write one JSON object a line; what could not be read is told on standard error.

    1 when the log does not say which daemon wrote its lines, else 0; so all of these functions.
    """
    objects = JsonRecords().objects

    def write(records: list[Record]) -> None:
        sys.stdout.writelines(f"{json.dumps(one)}\n" for one in objects(records))

    oversize = _read(stream, reader, write)
    sys.stdout.flush()
    print(
        f"lines={reader.lines} unparsed={reader.unparsed.total()} oversize={oversize}"
        f" open_messages={reader.open_messages}",
        file=sys.stderr,
    )
    _tell_unparsed(reader)
    return 1 if reader.problem() else 0


def write_summary(stream: BinaryIO, reader: LogReader) -> int:
    """Write the counts as one JSON object."""
    summary = Summary()
    oversize = _read(stream, reader, summary.add)
    print(json.dumps(summary.as_json(reader, oversize), indent=2))
    _tell_unparsed(reader)
    return 1 if reader.problem() else 0


def write_balance(stream: BinaryIO, reader: LogReader, limit: int) -> int:
    """Print the balance of a log, and up to limit messages that do not balance; 1 for one."""
    balance = Balance()
    oversize = _read(stream, reader, balance.add)
    states = balance.states()
    print(f"{balance.messages()} messages, {states.total()} recipients")
    for (direction, state), count in sorted(states.items()):
        print(f"{direction:<14}{state:<12}{count:>10}")
    wrong = balance.imbalances()
    unparsed = reader.unparsed.total() + oversize
    print(f"{len(wrong)} messages do not balance, {unparsed} lines unparsed")
    for message, why in wrong[:limit]:
        print(f"{message.instance} {message.queue_id}: {why}")
    if len(wrong) > limit:
        print(f"… and {len(wrong) - limit} more")
    _tell_unparsed(reader)
    return 1 if wrong or reader.problem() else 0


def _read(stream: BinaryIO, reader: LogReader, use: Callable[[list[Record]], None]) -> int:
    """Read to the end; lines that were too long to read."""
    oversize = 0
    # Nothing here refers back to itself; looking for cycles costs a tenth of the time.
    gc.disable()
    try:
        for lines in _pieces(stream):
            # No other line can be longer than a piece, which is shorter than the longest line.
            if len(lines[0]) > MAX_LINE_BYTES:
                oversize += 1
                del lines[0]
            use(reader.read(lines))
    finally:
        gc.enable()
    return oversize


def _pieces(stream: BinaryIO) -> Iterator[list[str]]:
    """Lines of a stream, some at a time; an endless line is cut to be counted, not kept."""
    rest = b""
    while piece := stream.read(_PIECE_BYTES):
        whole, end, tail = (rest + piece).rpartition(b"\n")
        if end:
            yield whole.decode("utf-8", "surrogateescape").split("\n")
            rest = tail
        else:
            rest = tail[: MAX_LINE_BYTES + 1]
    if rest:
        yield [rest.decode("utf-8", "surrogateescape")]


def _tell_unparsed(reader: LogReader) -> None:
    for daemon, count in reader.unparsed.most_common():
        print(f"unparsed {daemon}={count}", file=sys.stderr)
    if problem := reader.problem():
        print(problem, file=sys.stderr)
    for sample in reader.samples:
        print(f"unparsed sample: {sample!a}", file=sys.stderr)
