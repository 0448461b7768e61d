"""One log in, records out: header, daemon line and correlation for each line, in order.

No I/O and no clock: the same lines give the same records, however they are cut into chunks. The
whole state can be written down and taken up again (``state()``, ``restore()``).
"""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import tzinfo
from typing import Any, Final

from mailtally_agent.correlate import Correlator, Line
from mailtally_agent.direction import DirectionRules
from mailtally_agent.line_format import canonical
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
_SYSLOG: Final = ("", "syslog", lambda _: None)
_SYSLOG_DAEMON = re.compile(r" (?:systemd-journald|rsyslogd|syslog-ng)\[")
_SYSLOG_SELF = re.compile(r" (?:rsyslogd|syslogd|syslog-ng)(?:-\d+)?: ")
# journald-rate-limit, rsyslog's imjournal and its own rate limit.
_LOSS = re.compile(r"Suppressed \d+ messages from |\d+ messages lost|begin to drop messages")
_REPEATED = re.compile(r"message repeated (\d{1,9}) times: \[ ?(.*)\]", re.DOTALL)
_REPEATED_MAX = 1_000
# Programs are named with their pid; a busy host has some thousand at a time.
_SOURCES_MAX = 20_000
# Counted instead of a daemon when the log does not say which one wrote a line.
NAMELESS = "daemon missing"
TEMPLATE_ADVICE = (
    "no line that says which Postfix daemon wrote it; set your syslog daemon to its traditional or"
    " RFC 3339 file template (rsyslog: RSYSLOG_FileFormat), not to RSYSLOG_SyslogProtocol23Format"
)
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
        # How often the syslog daemon said that it threw lines away.
        self.losses = 0
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
            head, _, text = line.partition("]: ")
            # Time stamps of one length share the place of the origin; others miss here.
            origin = head[self._stamp_length :]
            source = sources.get(origin, _UNKNOWN)
            if source is _UNKNOWN:
                head, origin, text, source = self._look_up(line)
            if source is None:
                continue
            if source is _SYSLOG:
                self._count_losses(text)
                continue
            queue_id, colon, rest = text.partition(": ")
            if not colon:
                continue
            instance, daemon, parser = source
            slot = (instance, queue_id)
            if slot not in opened and not is_queue_id(queue_id):
                if text.startswith("message repeated "):
                    records += self._read_repeated(head, text)
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

    def _look_up(self, line: str) -> tuple[str, str, str, Source | None]:
        """Head, origin, text and source of a line whose origin was not met at that place."""
        if line[:1] in {"{", "<"}:
            line = canonical(line) or line
        head, bracket, text = line.partition("]: ")
        parts = split_head(head) if bracket else None
        if parts is None:
            if _SYSLOG_SELF.search(head):
                self._count_losses(line)
            elif line:
                self._count_unparsed("header", line)
            return "", "", "", None
        self._stamp_length = len(parts[0]) + 1
        origin = parts[1]
        source = self._sources.get(origin, _UNKNOWN)
        return head, origin, text, self._add_source(origin) if source is _UNKNOWN else source

    def _add_source(self, origin: str) -> Source | None:
        program = parse_program(origin)
        if program is None:
            source = _SYSLOG if _SYSLOG_DAEMON.search(origin) else _nameless(origin)
        else:
            parser = parser_of(program.daemon)
            source = (*program, parser) if parser else None
        if len(self._sources) >= _SOURCES_MAX:
            self._sources.clear()
        self._sources[origin] = source
        return source

    def _read_repeated(self, head: str, text: str) -> list[Record]:
        """Records of ``message repeated 3 times: [ <text>]``, as rsyslog abridges equal lines."""
        match = _REPEATED.fullmatch(text)
        if match is None or match[2].startswith("message repeated "):
            return []
        count = min(int(match[1]), _REPEATED_MAX)
        records = self.read([f"{head}]: {match[2]}"] * count)
        self.lines -= count
        return records

    def _count_losses(self, text: str) -> None:
        if _LOSS.search(text):
            self.losses += 1

    def _count_unparsed(self, daemon: str, line: str) -> None:
        self.unparsed[daemon] += 1
        if len(self.samples) < _SAMPLES_MAX:
            self.samples.append(line[:_SAMPLE_LENGTH])


def _nameless(origin: str) -> Source | None:
    """Source whose lines are counted: Postfix by its name, but a template dropped the daemon's."""
    name = origin.partition(" ")[2].partition("[")[0]
    return (name, NAMELESS, Unparsed) if name.startswith("postfix") and "/" not in name else None
