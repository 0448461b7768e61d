"""The programs that write a log, as they appear in it.

Gives     Origins: the Origin of each ``<host> <program>[<pid>``, made when it is first met.
Limits    A program that is not Postfix's has the name of a filter whose scores are read, SYSLOG,
          NAMELESS (Postfix by its name, but a template dropped the daemon's), or nothing to say.
"""

import re
from typing import Final

from mailtally_agent.correlate import Correlator
from mailtally_agent.origin import NO_SHAPES, Origin
from mailtally_agent.postfix.program import parse_program
from mailtally_agent.spam_line import SPAM_PARSERS
from mailtally_agent.transition import TRANSITIONS

SYSLOG: Final = "syslog"
# Counted instead of a daemon when the log does not say which one wrote a line.
NAMELESS: Final = "daemon missing"
_FOREIGN: Final = "foreign"
_SYSLOG_DAEMON = re.compile(r" (?:systemd-journald|rsyslogd|syslog-ng)\[")
# Of these programs nothing but their shapes is of interest, and they write a third of a log.
_SILENT: Final = frozenset({_FOREIGN, "smtpd", "qmqpd", "cleanup", "pickup", "bounce", "postsuper"})
# Programs are named with their pid; a busy host has some thousand at a time.
_ORIGINS_MAX = 20_000


class Origins:
    """The origins met so far."""

    def __init__(self, correlator: Correlator) -> None:
        """Start with none; their messages are the correlator's."""
        self._correlator = correlator
        self.by_name: dict[str, Origin] = {}

    def get(self, name: str) -> Origin:
        """The origin of that name, which may be new."""
        return self.by_name.get(name) or self.add(name)

    def add(self, name: str) -> Origin:
        """Make an origin."""
        program = parse_program(name)
        if program is None:
            instance, daemon, shapes = "", _other_program(name), NO_SHAPES
        else:
            instance, daemon = program
            shapes = TRANSITIONS.get(daemon, NO_SHAPES)
        silent = daemon in _SILENT or (program is not None and not shapes)
        opened = self._correlator.instance(instance)
        origin = Origin(name, instance, daemon, shapes, opened, silent=silent)
        if len(self.by_name) >= _ORIGINS_MAX:
            self.by_name.clear()
        self.by_name[name] = origin
        return origin


def _other_program(name: str) -> str:
    """What to make of a program that is not known as one of Postfix's daemons."""
    if _SYSLOG_DAEMON.search(name):
        return SYSLOG
    program = name.partition(" ")[2].partition("[")[0]
    if program in SPAM_PARSERS:
        return program
    return NAMELESS if program.startswith("postfix") and "/" not in program else _FOREIGN
