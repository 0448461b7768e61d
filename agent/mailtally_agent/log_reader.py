"""One log in, records out: header, daemon line and correlation for each line, in order.

No I/O and no clock: the same lines give the same records, however they are cut into chunks. The
whole state can be written down and taken up again (``state()``, ``restore()``).
"""

from collections import Counter
from collections.abc import Iterable
from datetime import tzinfo
from typing import Any, Final

from mailtally_agent.correlate import Correlator, Line
from mailtally_agent.direction import DirectionRules
from mailtally_agent.line_key import LineKeys
from mailtally_agent.open_message import OpenMessage
from mailtally_agent.postfix.program import parse_program
from mailtally_agent.postfix.queue_line import Parser, Unparsed, is_queue_id, parser_of
from mailtally_agent.record import Record
from mailtally_agent.syslog import TimeStamps, split_head

State = dict[str, Any]
# Instance, daemon and the parser of its lines.
Source = tuple[str, str, Parser]
_UNKNOWN: Final = ("", "", lambda _: None)
# Programs are named with their pid; a busy host has some thousand at a time.
_SOURCES_MAX = 20_000
_SAMPLES_MAX = 5
_SAMPLE_LENGTH = 400


class LogReader:
    """Reads the lines of one log."""

    def __init__(self, zone: tzinfo, newest_us: int, rules: DirectionRules) -> None:
        """Take the host's time zone and the moment that the log's first line is not much after."""
        self._stamps = TimeStamps(zone, newest_us)
        self._correlator = Correlator(rules)
        self._sources: dict[str, Source | None] = {}
        self._stamp_length = len("Mar  1 00:00:00 ")
        self.lines = 0
        self.unparsed: Counter[str] = Counter()
        self.samples: list[str] = []
        self.oldest_us: int | None = None

    @property
    def newest_us(self) -> int | None:
        """Moment of the last line that had one."""
        return self._stamps.last_us

    @property
    def open_messages(self) -> int:
        """Messages of which more lines are to be expected."""
        return len(self._correlator.open)

    def read(self, lines: Iterable[str]) -> list[Record]:
        """Records of these lines (without their line ends)."""
        records: list[Record] = []
        sources, opened, feed = self._sources, self._correlator.open, self._correlator.feed
        time_us = self._stamps.time_us
        for line in lines:
            self.lines += 1
            head, bracket, text = line.partition("]: ")
            # Time stamps of one length share the place of the origin; others miss here.
            origin = head[self._stamp_length :]
            source = sources.get(origin, _UNKNOWN)
            if source is _UNKNOWN:
                if not bracket or (parts := split_head(head)) is None:
                    if line:
                        self._count_unparsed("header", line)
                    continue
                self._stamp_length = len(parts[0]) + 1
                origin = parts[1]
                source = sources.get(origin, _UNKNOWN)
                if source is _UNKNOWN:
                    source = self._add_source(origin)
            if source is None:
                continue
            queue_id, colon, rest = text.partition(": ")
            if not colon:
                continue
            instance, daemon, parser = source
            slot = (instance, queue_id)
            if slot not in opened and not is_queue_id(queue_id):
                continue
            event = parser(rest)
            if event is None:
                continue
            if type(event) is Unparsed:
                self._count_unparsed(daemon, line)
                continue
            moment = time_us(head[: self._stamp_length - 1])
            if moment is None:
                self._count_unparsed("header", line)
                continue
            records += feed(Line(moment, origin, text), slot, daemon, event)
        if self.oldest_us is None:
            self.oldest_us = self._stamps.last_us
        return records

    def state(self) -> State:
        """Everything that later lines depend on, as plain values."""
        return {
            "last_us": self._stamps.last_us,
            "moment_us": self._correlator.keys.moment_us,
            "seen": sorted(self._correlator.keys.seen),
            "swept_us": self._correlator.swept_us,
            "open": [message.to_state() for message in self._correlator.open.values()],
        }

    def restore(self, state: State) -> None:
        """Take up where state() was called; ValueError, TypeError or KeyError if malformed."""
        opened = [OpenMessage.from_state(message) for message in state["open"]]
        self._stamps.last_us = state["last_us"]
        self._correlator.keys = LineKeys(state["moment_us"], frozenset(state["seen"]))
        self._correlator.swept_us = state["swept_us"]
        self._correlator.open = {(m.ref.instance, m.ref.queue_id): m for m in opened}

    def _add_source(self, origin: str) -> Source | None:
        program = parse_program(origin)
        parser = parser_of(program.daemon) if program else None
        source = (*program, parser) if program and parser else None
        if len(self._sources) >= _SOURCES_MAX:
            self._sources.clear()
        self._sources[origin] = source
        return source

    def _count_unparsed(self, daemon: str, line: str) -> None:
        self.unparsed[daemon] += 1
        if len(self.samples) < _SAMPLES_MAX:
            self.samples.append(line[:_SAMPLE_LENGTH])
