"""``mailtally-agent parse`` and ``audit``: a whole log in, records or their balance out."""

import ipaddress
import json
import sys
from collections.abc import Iterator
from datetime import tzinfo
from typing import BinaryIO

from mailtally_agent.audit import Balance
from mailtally_agent.direction import DirectionRules
from mailtally_agent.log_reader import NAMELESS, TEMPLATE_ADVICE, LogReader
from mailtally_agent.source.log_file import CHUNK_BYTES, MAX_LINE_BYTES
from mailtally_agent.wire import as_json


def parse_stream(
    stream: BinaryIO, *, zone: tzinfo, newest_us: int, internal_next_hops: list[str], write: bool
) -> int:
    """Read to the end; counts go to standard error. Always 0. ValueError for a bad network."""
    rules = DirectionRules(ipaddress.ip_network(text) for text in internal_next_hops)
    reader = LogReader(zone, newest_us, rules)
    records = oversize = 0
    for lines in _chunks(stream):
        whole = [line for line in lines if len(line) <= MAX_LINE_BYTES]
        oversize += len(lines) - len(whole)
        found = reader.read(whole)
        records += len(found)
        if write:
            sys.stdout.writelines(f"{json.dumps(as_json(record))}\n" for record in found)
    sys.stdout.flush()
    print(
        f"lines={reader.lines} records={records} unparsed={reader.unparsed.total()}"
        f" oversize={oversize} open_messages={reader.open_messages}",
        file=sys.stderr,
    )
    for daemon, count in reader.unparsed.most_common():
        print(f"unparsed {daemon}={count}", file=sys.stderr)
    if reader.unparsed["header"] == reader.lines > 0 or reader.unparsed[NAMELESS]:
        print(TEMPLATE_ADVICE, file=sys.stderr)
    for sample in reader.samples:
        print(f"unparsed sample: {sample!a}", file=sys.stderr)
    return 0


def audit_stream(
    stream: BinaryIO, *, zone: tzinfo, newest_us: int, internal_next_hops: list[str], limit: int
) -> int:
    """Print the balance of a log, and up to limit messages that do not balance.

    1 when there is one, else 0. ValueError for a bad network.
    """
    rules = DirectionRules(ipaddress.ip_network(text) for text in internal_next_hops)
    reader = LogReader(zone, newest_us, rules)
    balance = Balance()
    for lines in _chunks(stream):
        balance.add(reader.read([line for line in lines if len(line) <= MAX_LINE_BYTES]))
    states = balance.states()
    print(f"{balance.messages()} messages, {states.total()} recipients")
    for (direction, state), count in sorted(states.items()):
        print(f"{direction:<14}{state:<12}{count:>10}")
    wrong = balance.imbalances()
    print(f"{len(wrong)} messages do not balance, {reader.unparsed.total()} lines unparsed")
    for imbalance in wrong[:limit]:
        ref = imbalance.message
        print(f"{ref.instance} {ref.queue_id}: {imbalance.why}")
    if len(wrong) > limit:
        print(f"… and {len(wrong) - limit} more")
    return 1 if wrong else 0


def _chunks(stream: BinaryIO) -> Iterator[list[str]]:
    """Lines of a stream, some at a time; an endless line is cut to be counted, not kept."""
    rest = b""
    while chunk := stream.read(CHUNK_BYTES):
        whole, end, tail = (rest + chunk).rpartition(b"\n")
        if end:
            yield whole.decode("utf-8", "surrogateescape").split("\n")
            rest = tail
        else:
            rest = tail[: MAX_LINE_BYTES + 1]
    if rest:
        yield [rest.decode("utf-8", "surrogateescape")]
