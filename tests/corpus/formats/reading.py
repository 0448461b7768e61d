"""The committed logs of one traffic in many syslog formats, and how two readings are compared.

Gives     MADE, made_lines(); read(), a Reading; without_moments(), for logs whose daemon gave each
          line the moment of its reception.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

from mailtally.v1 import record_pb2 as pb
from mailtally_agent.direction import DirectionRules
from mailtally_agent.log_reader import LogReader
from mailtally_agent.syslog import epoch_us
from mailtally_agent.wire import encode

MADE = Path(__file__).parent / "made"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader made of a log: records, and how many lines it could not read, and why."""

    records: list[pb.Record]
    unparsed: dict[str, int]


def made_lines(name: str) -> list[str]:
    """Lines of a committed log, decoded as the agent does."""
    return split((MADE / f"{name}.log").read_bytes())


def split(log: bytes) -> list[str]:
    """Lines of a log, decoded as the agent does."""
    return log.decode("utf-8", "surrogateescape").split("\n")[:-1]


def read(lines: list[str], newest_us: int) -> Reading:
    """Read a whole log of a host that uses UTC; newest_us gives the year where there is none."""
    reader = LogReader(UTC, newest_us, DirectionRules([ip_network("127.0.0.1/32")]))
    return Reading([encode(record) for record in reader.read(lines)], dict(reader.unparsed))


def last_moment_us(rfc3339: list[str]) -> int:
    """Moment of the last line of a log whose lines say their year."""
    return epoch_us(datetime.fromisoformat(rfc3339[-1].partition(" ")[0]))


def without_moments(records: list[pb.Record]) -> list[pb.Record]:
    """The same records, all lines and arrivals at moment 0; hashes stay."""
    timeless = []
    for record in records:
        one = pb.Record()
        one.CopyFrom(record)
        one.key.time_us = one.message.first_line.time_us = one.message.arrival_us = 0
        timeless.append(one)
    return timeless
