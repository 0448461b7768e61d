"""One log in, records out: header, daemon line and correlation for each line, in order.

No I/O and no clock: the same lines give the same records, however they are cut into chunks. The
whole state can be written down and taken up again (``state()``, ``restore()``).
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import tzinfo
from itertools import repeat
from typing import Any, NamedTuple

from mailtally_agent.correlate import Correlator
from mailtally_agent.direction import DirectionRules
from mailtally_agent.line_format import canonical
from mailtally_agent.line_key import Occurrences
from mailtally_agent.message import Message
from mailtally_agent.origin import Origin
from mailtally_agent.origins import NAMELESS, SYSLOG, Origins
from mailtally_agent.postfix.event import TlsLine
from mailtally_agent.postfix.queue_line import is_queue_id
from mailtally_agent.record import Record, SpamScore
from mailtally_agent.spam_line import SPAM_PARSERS
from mailtally_agent.syslog import TimeStamps, split_head
from mailtally_agent.transition import REMARKS

State = dict[str, Any]
_SYSLOG_SELF = re.compile(r" (?:rsyslogd|syslogd|syslog-ng)(?:-\d+)?: ")
# journald's rate limit, rsyslog's of imuxsock and imjournal.
_LOSS = re.compile(
    r"Suppressed (?P<suppressed>\d{1,18}) messages from (?P<unit>\S*)"
    r"|(?P<lost>\d{1,18}) messages lost|lost (?P<gone>\d{1,18}) messages from"
    r"|begin to drop messages"
)
# journald's limit is one of a unit: what others lost is no mail.
_OTHER_UNIT = re.compile(r"(?!.*postfix).*\.(?:service|scope|slice)")
# What journalctl without --all shows of a line with control characters.
_HIDDEN = re.compile(r"\[\S+ blob data\]")
_REPEATED = re.compile(r"message repeated (\d{1,9}) times: \[ ?(.*)\]", re.DOTALL)
_REPEATED_MAX = 1_000
TEMPLATE_ADVICE = (
    "no line that says which Postfix daemon wrote it; set your syslog daemon to its traditional or"
    " RFC 3339 file template (rsyslog: RSYSLOG_FileFormat), or RFC 5424 with"
    ' parser.permitSlashInProgramName="on"'
)
_new = tuple.__new__


class Loss(NamedTuple):
    """A line in which the syslog daemon says that it threw lines away.

    moment_us   of the line; 0 when it has none
    lost_lines  how many; 0 when it does not say
    """

    moment_us: int
    lost_lines: int
    line: str


_SAMPLES_MAX = 5
_SAMPLE_LENGTH = 400


class LogReader:
    """Reads the lines of one log."""

    def __init__(self, zone: tzinfo, newest_us: int, rules: DirectionRules) -> None:
        """Take the host's time zone and the moment that the log's first line is not much after."""
        self._zone = zone
        self._rules = rules
        self.begin_anew(newest_us)
        self._stamp_length = len("Mar  1 00:00:00 ")
        self.lines = 0
        self.unparsed: Counter[str] = Counter()
        self.samples: list[str] = []
        # Which daemon wrote each of them.
        self.sample_daemons: list[str] = []
        # How often the syslog daemon said that it threw lines away, and what was not taken yet.
        self.losses = 0
        self._new_losses: list[Loss] = []
        # Moments of the first and the last line that had one, whatever they say.
        self.oldest_us: int | None = None
        self.last_line_us: int | None = None

    @property
    def newest_us(self) -> int | None:
        """Moment of the last line about a message."""
        return self._stamps.last_us

    def begin_anew(self, newest_us: int) -> None:
        """The lines to come do not follow those before: some may come a second time.

        What is known of the lines before would number equal lines on, and give them other keys.
        """
        self._stamps = TimeStamps(self._zone, newest_us)
        self._correlator = Correlator(self._rules)
        self._origins = Origins(self._correlator)

    @property
    def open_messages(self) -> int:
        """Messages of which more lines are to be expected."""
        return sum(map(len, self._correlator.open.values()))

    def oldest_open(self, count: int) -> list[Message]:
        """So many of these, those that arrived first."""
        return self._correlator.oldest(count)

    def lie_near(self, moment_us: int) -> None:
        """The lines to come lie near that moment: another file may begin in another year."""
        self._stamps.lie_near(moment_us)

    def problem(self) -> str:
        """Why figures of this log mean nothing, and what to do; empty when they mean something."""
        if self.unparsed["header"] == self.lines > 0 or self.unparsed[NAMELESS]:
            return TEMPLATE_ADVICE
        return ""

    def read(self, lines: Sequence[str]) -> list[Record]:
        """Records of these lines (without their line ends)."""
        self.lines += len(lines)
        if self.oldest_us is None:
            self.oldest_us = self.first_moment_us(lines)
        self._read_lines(lines)
        self.last_line_us = self.first_moment_us(reversed(lines)) or self.last_line_us
        return self._correlator.take_records()

    def take_losses(self) -> list[Loss]:
        """What the syslog daemon says was lost, since the last call."""
        losses, self._new_losses = self._new_losses, []
        return losses

    def first_moment_us(self, lines: Iterable[str]) -> int | None:
        """Moment of the first of these lines that has one; it is not read by that."""
        for line in lines:
            text = canonical(line) or line if line[:1] in {"{", "<"} else line
            parts = split_head(text.partition("]: ")[0])
            if parts is not None and (moment := self._stamps.peek_us(parts[0])) is not None:
                return moment
        return None

    def _read_lines(self, lines: Iterable[str]) -> None:
        """The loop in which the agent spends its time."""
        correlator, origins = self._correlator, self._origins.by_name
        skip, stamp, moment = self._stamp_length, "", None
        for line in lines:
            head, _, text = line.partition("]: ")
            # Time stamps of one length share the place of the origin; others miss here.
            origin = origins.get(head[skip:])
            if origin is None:
                head, text, origin = self._look_up(line)
                skip = self._stamp_length
                if origin is None:
                    continue
            queue_id, _, rest = text.partition(": ")
            shape = rest[:4]
            transition = origin.shapes.get(shape)
            if transition is None or not (queue_id in origin.opened or is_queue_id(queue_id)):
                if origin.silent:
                    continue
                if shape == "TLSv":
                    origin.begin_tls(_new(TlsLine, (queue_id, rest)))
                else:
                    self._read_other(line, head, text, origin)
                continue
            if stamp != head[: skip - 1]:
                stamp = head[: skip - 1]
                moment = self._moment(stamp)
            if moment is None:
                self._count_unparsed("header", line)
            elif not transition(correlator, origin, queue_id, rest, (moment, origin.name, text)):
                self._count_unparsed(origin.daemon, line)

    def _moment(self, stamp: str) -> int | None:
        """Microseconds since 1970 of a time stamp; None when it is none."""
        moment = self._stamps.time_us(stamp)
        if moment is not None:
            if self.oldest_us is None or moment < self.oldest_us:
                self.oldest_us = moment
            self._correlator.sweep(moment)
        return moment

    def state(self) -> State:
        """Everything that later lines depend on, as plain values."""
        moment_us, seen = self._correlator.occurrences.state()
        opened = self._correlator.open.values()
        return {
            "last_us": self._stamps.last_us,
            "oldest_us": self.oldest_us,
            "last_line_us": self.last_line_us,
            "moment_us": moment_us,
            "seen": seen,
            "swept_us": self._correlator.swept_us,
            "open": [message.to_state() for each in opened for message in each.values()],
            "tls": [
                (origin.name, origin.tls_user, *origin.tls)
                for origin in self._origins.by_name.values()
                if origin.tls is not None
            ],
        }

    def restore(self, state: State) -> None:
        """Take up where state() was called; ValueError, TypeError or KeyError if malformed."""
        messages = [Message.from_state(message) for message in state["open"]]
        self._stamps.last_us = state["last_us"]
        self.oldest_us, self.last_line_us = state["oldest_us"], state["last_line_us"]
        self._correlator.occurrences = Occurrences(state["moment_us"], dict(state["seen"]))
        self._correlator.swept_us = state["swept_us"]
        for message in messages:
            self._correlator.instance(message.instance)[message.queue_id] = message
        for name, user, subject, rest in state["tls"]:
            origin = self._origins.add(name)
            origin.begin_tls(TlsLine(subject, rest))
            origin.tls_user = user

    def _look_up(self, line: str) -> tuple[str, str, Origin | None]:
        """Head, text and origin of a line whose origin was not met at that place."""
        if line[:1] in {"{", "<"}:
            line = canonical(line) or line
        head, bracket, text = line.partition("]: ")
        parts = split_head(head) if bracket else None
        if parts is None:
            if _SYSLOG_SELF.search(head):
                self._count_losses(line, line)
            elif line:
                self._count_unparsed("header", line)
            return "", "", None
        self._stamp_length = len(parts[0]) + 1
        return head, text, self._origins.get(parts[1])

    def _read_other(self, line: str, head: str, text: str, origin: Origin) -> None:
        """Read a line that is no shape of its daemon's lines about messages."""
        subject, colon, rest = text.partition(": ")
        if text.startswith("message repeated "):
            self._read_repeated(head, text)
        elif origin.daemon == SYSLOG:
            self._count_losses(line, text)
        elif origin.daemon in SPAM_PARSERS:
            self._read_score(head, text, origin)
        elif (
            origin.daemon == NAMELESS
            or _HIDDEN.fullmatch(text)
            or (colon and is_queue_id(subject) and not rest.startswith(REMARKS))
        ):
            self._count_unparsed(origin.daemon, line)

    def _read_score(self, head: str, text: str, origin: Origin) -> None:
        """Read what a spam filter says of a message."""
        scored = SPAM_PARSERS[origin.daemon](text)
        message = self._correlator.find(scored.queue_id, scored.message_id) if scored else None
        moment = self._moment(head[: self._stamp_length - 1]) if message else None
        if scored and message and moment is not None:
            score = SpamScore(scored.scanner, scored.score, scored.required, scored.verdict)
            self._correlator.report_on(message, (moment, origin.name, text), score)

    def _read_repeated(self, head: str, text: str) -> None:
        """Read ``message repeated 3 times: [ <text>]``, as rsyslog abridges equal lines."""
        match = _REPEATED.fullmatch(text)
        if match is None or match[2].startswith("message repeated "):
            return
        count = min(int(match[1]), _REPEATED_MAX)
        self._read_lines(repeat(f"{head}]: {match[2]}", count))

    def _count_losses(self, line: str, text: str) -> None:
        match = _LOSS.search(text)
        if match is None or _OTHER_UNIT.fullmatch(match["unit"] or ""):
            return
        self.losses += 1
        count = int(match["suppressed"] or match["lost"] or match["gone"] or 0)
        self._new_losses.append(Loss(self.first_moment_us([line]) or 0, count, line))

    def _count_unparsed(self, daemon: str, line: str) -> None:
        self.unparsed[daemon] += 1
        if len(self.samples) < _SAMPLES_MAX:
            self.samples.append(line[:_SAMPLE_LENGTH])
            self.sample_daemons.append(daemon)
