"""The logs that are compared, and how many delivery attempts each holds.

Gives     Sample; all_samples(), which writes extracts and constructed logs to a folder.
Limits    ``origin`` says what a sample is: real, extract (real lines, alone) or constructed.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.comparison.record_two_instances import RECORDED
from tests.corpus.bundled import BUNDLED
from tests.corpus.formats.reading import MADE

TWO_INSTANCES = RECORDED / "two-instances.log"
TRADITIONAL = MADE / "rsyslog-traditional.log"
ATTEMPT = re.compile(rb"(?m)^.*\]: [0-9A-Za-z]{6,}: to=<.*\n")
OF_SMTP = re.compile(rb"/smtp\[\d+\]: ")


@dataclass(frozen=True, slots=True)
class Sample:
    """A log. ``attempts`` and ``of_smtp`` are counted in its traditional form."""

    what: str
    origin: str
    log: Path
    attempts: int
    of_smtp: int
    syslog_name: str = "postfix"


def all_samples(folder: Path) -> list[Sample]:
    """Every sample, in the order of the table."""
    bundled = BUNDLED.log.read_bytes()
    out = b"".join(re.findall(rb"(?m)^.* postfix-out/.*\n", TWO_INSTANCES.read_bytes()))
    tls = bundled.replace(b", dsn=", b", tls=may, dsn=")
    fractions = (MADE / "rsyslog-rfc3339.log").read_bytes()
    fractions = re.sub(rb"(?m)^(\S{19})(?=[+-])", rb"\1.123456", fractions)
    made = {"quoted": _attempts(bundled, b': to=<"'), "use": _attempts(bundled, b", conn_use=")}
    made |= {"out": out, "tls": tls, "fractions": fractions}
    logs = {name: folder / f"{name}.log" for name in made}
    for name, content in made.items():
        logs[name].write_bytes(content)
    forms = TRADITIONAL.read_bytes()
    return [
        _sample("the bundled log", "real", BUNDLED.log, bundled),
        _sample("attempts with `conn_use=`", "extract", logs["use"], made["use"]),
        _sample("attempts to quoted addresses", "extract", logs["quoted"], made["quoted"]),
        _sample("`syslog_name = postfix-out`", "extract", logs["out"], out, "postfix-out"),
        _sample("`tls=` (snapshots of Postfix 3.12)", "constructed", logs["tls"], tls),
        _sample("rsyslog, traditional form", "real", TRADITIONAL, forms),
        _sample("rsyslog, RFC 3339, whole seconds", "real", MADE / "rsyslog-rfc3339.log", forms),
        _sample("RFC 3339, microseconds", "constructed", logs["fractions"], forms),
        _sample("rsyslog, RFC 5424", "real", MADE / "rsyslog-rfc5424-slash.log", forms),
        _sample(
            "rsyslog, RFC 5424 without the daemon",
            "real",
            MADE / "rsyslog-rfc5424-nameless.log",
            forms,
        ),
    ]


def _sample(
    what: str, origin: str, log: Path, traditional: bytes, syslog_name: str = "postfix"
) -> Sample:
    lines = ATTEMPT.findall(traditional)
    of_smtp = sum(bool(OF_SMTP.search(line)) for line in lines)
    return Sample(what, origin, log, len(lines), of_smtp, syslog_name)


def _attempts(log: bytes, holding: bytes) -> bytes:
    return b"".join(line for line in ATTEMPT.findall(log) if holding in line)
