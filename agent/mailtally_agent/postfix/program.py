"""The program field of a log line: ``<host> <syslog_name>[/<service>…]/<daemon>[<pid>``.

Mirrors   postfix src/global/mail_task.c: the daemon stands behind the last slash. The part before
          the first slash is the instance's syslog_name, which every master.cf entry can extend
          (``postfix/submission/smtpd``).
"""

import re
from typing import NamedTuple

# Whatever an administrator sets as syslog_name; no spaces, no bytes outside ASCII.
_INSTANCE = re.compile(r"[!-.0-~]{1,200}")

# Every program of Postfix that logs about mail in its queue.
DAEMONS = frozenset(
    {
        "anvil",
        "bounce",
        "cleanup",
        "discard",
        "dnsblog",
        "error",
        "flush",
        "lmtp",
        "local",
        "master",
        "nqmgr",
        "oqmgr",
        "pickup",
        "pipe",
        "postdrop",
        "postfix-script",
        "postlog",
        "postlogd",
        "postqueue",
        "postscreen",
        "postsuper",
        "proxymap",
        "qmgr",
        "qmqpd",
        "retry",
        "scache",
        "sendmail",
        "showq",
        "smtp",
        "smtpd",
        "spawn",
        "tlsmgr",
        "tlsproxy",
        "trivial-rewrite",
        "verify",
        "virtual",
    }
)


class Program(NamedTuple):
    """Who logged a line: ``postfix``, ``smtp``."""

    instance: str
    daemon: str


def parse_program(origin: str) -> Program | None:
    """Program of ``mx1 postfix/smtp[99`` (no closing bracket); None when it is not Postfix's.

    >>> parse_program("mx1 postfix-out/submission/smtpd[4711")
    Program(instance='postfix-out', daemon='smtpd')
    """
    _, _, name = origin.partition(" ")
    name, bracket, _ = name.partition("[")
    instance, slash, rest = name.partition("/")
    daemon = rest.rpartition("/")[2]
    if not bracket or not slash or not _INSTANCE.fullmatch(instance) or daemon not in DAEMONS:
        return None
    return Program(instance, daemon)
