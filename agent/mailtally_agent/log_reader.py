"""One log in, records out: header, daemon line and correlation for each line, in order.

No I/O and no clock: the same lines give the same records, however they are cut into chunks. The
whole state can be written down and taken up again (``state()``, ``restore()``).
"""

from collections import Counter
from collections.abc import Iterable
from datetime import tzinfo
from typing import Any

from mailtally_agent.correlate import Correlator
from mailtally_agent.direction import DirectionRules
from mailtally_agent.line_key import LineKeys
from mailtally_agent.open_message import OpenMessage
from mailtally_agent.postfix.program import Program, parse_program
from mailtally_agent.postfix.queue_line import Unparsed, parse_queue_line
from mailtally_agent.record import Record
from mailtally_agent.syslog import SyslogReader

State = dict[str, Any]
# Programs are named with their pid; a busy host has some thousand at a time.
_ORIGINS_MAX = 20_000
_SAMPLES_MAX = 5
_SAMPLE_LENGTH = 400


class LogReader:
    """Reads the lines of one log."""

    def __init__(self, zone: tzinfo, newest_us: int, rules: DirectionRules) -> None:
        """Take the host's time zone and the moment that the log's first line is not much after."""
        self._syslog = SyslogReader(zone, newest_us)
        self._keys = LineKeys()
        self._correlator = Correlator(rules)
        self._programs: dict[str, Program | None] = {}
        self.lines = 0
        self.unparsed: Counter[str] = Counter()
        self.samples: list[str] = []
        self.oldest_us: int | None = None

    @property
    def newest_us(self) -> int | None:
        """Moment of the last line that had one."""
        return self._syslog.last_us

    @property
    def open_messages(self) -> int:
        """Messages of which more lines are to be expected."""
        return len(self._correlator.open)

    def read(self, lines: Iterable[str]) -> list[Record]:
        """Records of these lines (without their line ends)."""
        records: list[Record] = []
        programs = self._programs
        for line in lines:
            self.lines += 1
            parts = self._syslog.read(line)
            if parts is None:
                if line:
                    self._count_unparsed("header", line)
                continue
            time_us, origin, text = parts
            try:
                program = programs[origin]
            except KeyError:
                program = self._program(origin)
            if program is None:
                continue
            parsed = parse_queue_line(program.daemon, text)
            if parsed is None:
                continue
            if isinstance(parsed, Unparsed):
                self._count_unparsed(program.daemon, line)
                continue
            key = self._keys.key(time_us, origin, text)
            records.extend(self._correlator.feed(key, program, *parsed))
        if self.oldest_us is None:
            self.oldest_us = self._syslog.last_us
        return records

    def state(self) -> State:
        """Everything that later lines depend on, as plain values."""
        return {
            "last_us": self._syslog.last_us,
            "moment_us": self._keys.moment_us,
            "seen": sorted(self._keys.seen),
            "swept_us": self._correlator.swept_us,
            "open": [message.to_state() for message in self._correlator.open.values()],
        }

    def restore(self, state: State) -> None:
        """Take up where state() was called; ValueError, TypeError or KeyError if malformed."""
        opened = [OpenMessage.from_state(message) for message in state["open"]]
        self._syslog.last_us = state["last_us"]
        self._keys = LineKeys(state["moment_us"], frozenset(state["seen"]))
        self._correlator.swept_us = state["swept_us"]
        self._correlator.open = {(m.ref.instance, m.ref.queue_id): m for m in opened}

    def _program(self, origin: str) -> Program | None:
        if len(self._programs) >= _ORIGINS_MAX:
            self._programs.clear()
        program = self._programs[origin] = parse_program(origin)
        return program

    def _count_unparsed(self, daemon: str, line: str) -> None:
        self.unparsed[daemon] += 1
        if len(self.samples) < _SAMPLES_MAX:
            self.samples.append(line[:_SAMPLE_LENGTH])
