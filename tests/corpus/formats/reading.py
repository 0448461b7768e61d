"""The committed logs of one traffic in many syslog formats, and how two readings are compared.

Gives     MADE, made_lines(); read(), a Reading; without_moments(), for logs whose daemon gave each
          line the moment of its reception.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

from mailtally_agent.direction import DirectionRules
from mailtally_agent.log_reader import LogReader
from mailtally_agent.record import Record
from mailtally_agent.syslog import epoch_us

MADE = Path(__file__).parent / "made"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader made of a log: records, and how many lines it could not read, and why."""

    records: list[Record]
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
    return Reading(reader.read(lines), dict(reader.unparsed))


def last_moment_us(rfc3339: list[str]) -> int:
    """Moment of the last line of a log whose lines say their year."""
    return epoch_us(datetime.fromisoformat(rfc3339[-1].partition(" ")[0]))


def without_moments(records: list[Record]) -> list[Record]:
    """The same records, all lines and arrivals at moment 0; hashes stay."""
    return [
        record._replace(
            key=record.key._replace(time_us=0),
            message=record.message._replace(
                first_line=record.message.first_line._replace(time_us=0), arrival_us=0
            ),
        )
        for record in records
    ]
