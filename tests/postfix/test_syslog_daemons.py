"""The real rsyslogd and systemd-journald, fed with Postfix's lines: what they write, we read.

Beside lines of the bundled log they get some that no run of the lab holds: another instance, a
service with a name of its own, and replies with what daemons like to change.
"""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from mailtally.v1 import record_pb2 as pb
from mailtally_agent.canary_lines import INSTANCE, lines_of
from mailtally_agent.origins import NAMELESS
from tests.corpus.formats.daemons import through_journald, through_rsyslogd
from tests.corpus.formats.journal_outputs import ALL_FIELDS, AS_TEXT
from tests.corpus.formats.part import representative
from tests.corpus.formats.reading import (
    Reading,
    last_moment_us,
    made_lines,
    read,
    split,
    without_moments,
)

TO = "to=<b@b.example>, relay=mx.b.example[192.0.2.1]:25, delay=1, delays=0/0/1/0, dsn=5.7.1"
BOUNCED = f"{TO}, status=bounced (host mx.b.example[192.0.2.1] said: 550 5.7.1"
REPLIES = (
    "Z\u00fcrich \u65e5\u672c (in reply to DATA))",
    # C1 control characters are valid UTF-8: Postfix lets them pass.
    "next\u0085line \u009b31m (in reply to DATA))",
    # What rsyslogd writes for a tab, and what ends our header.
    "#011 %m {\\} ]: [x] 'y' (in reply to DATA))",
    # Postfix cuts long lines.
    f"{'x' * 1_000} {'y' * 800}",
    # … cut where a word ends.
    f"{'x' * 1_000} {'z' * 800} ",
)
OTHER_INSTANCE = [
    "postfix-out/submission/smtpd[20001]: 5A5A5A5A5A: client=c.example[192.0.2.9]",
    "postfix-out/cleanup[20002]: 5A5A5A5A5A: message-id=<1@a.example>",
    "postfix-out/qmgr[20003]: 5A5A5A5A5A: from=<a@a.example>, size=321, nrcpt=5 (queue active)",
    *(f"postfix-out/smtp[20004]: 5A5A5A5A5A: {BOUNCED} {reply}" for reply in REPLIES),
    "postfix-out/qmgr[20003]: 5A5A5A5A5A: removed",
]
CANARY = [f"{INSTANCE}/{line.daemon}[20005]: {line.text}" for line in lines_of("0123456789ABCDEF")]
PRINTABLE_ONLY = "journal-short-printable-only"
OUTPUTS = {**ALL_FIELDS, **AS_TEXT, PRINTABLE_ONLY: "--output=short"}

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# Of lines whose moments are compared with none.
NEWEST_US = 0

Written = dict[str, list[str]]


@pytest.fixture(scope="module")
def sent() -> list[str]:
    """Lines as postlogd writes them."""
    bundled = representative(made_lines("postlogd"), of_each_shape=1)
    head = bundled[-1][: len("Nov 23 23:28:17 mx1 ")]
    return [*bundled, *(head + line for line in OTHER_INSTANCE + CANARY)]


@pytest.fixture(scope="module")
def written(sent: list[str]) -> Written:
    """Lines that the daemons wrote, by format."""
    log = "".join(f"{line}\n" for line in sent).encode("utf-8", "surrogateescape")
    with TemporaryDirectory(prefix="mailtally-formats-") as folder:
        logs = through_rsyslogd(log, Path(folder)) | through_journald(log, Path(folder), OUTPUTS)
    return {name: split(content) for name, content in logs.items()}


@pytest.fixture(scope="module")
def expected(sent: list[str], written: Written) -> Reading:
    """What postlogd's own lines say, in the year that rsyslogd takes for theirs."""
    return read(sent, last_moment_us(written["rsyslog-rfc3339"]))


def reading(written: Written, name: str) -> Reading:
    clock = "rsyslog-rfc3339" if name.startswith("rsyslog") else "journal-short-iso"
    return read(written[name], last_moment_us(written[clock]))


def bounced_replies(records: list[pb.Record]) -> list[str]:
    return [
        record.attempt.reply_text.decode()
        for record in records
        if record.HasField("attempt") and record.message.instance == "postfix-out"
    ]


def test_reader_understands_what_was_sent(expected: Reading) -> None:
    assert expected.unparsed == {}
    replies = bounced_replies(expected.records)
    assert [reply.partition("550 5.7.1 ")[2] for reply in replies] == [
        reply.removesuffix(")") for reply in REPLIES
    ]


@pytest.mark.parametrize(
    "name",
    [
        "rsyslog-traditional",
        "rsyslog-rfc3339",
        "rsyslog-rfc5424-syslogtag",
        "rsyslog-rfc5424-slash",
    ],
)
def test_rsyslogd_gives_the_same_records(written: Written, expected: Reading, name: str) -> None:
    assert reading(written, name) == expected


def test_rsyslogd_without_the_daemon_is_refused_loudly(written: Written, sent: list[str]) -> None:
    refused = reading(written, "rsyslog-rfc5424-nameless")

    assert len(written["rsyslog-rfc5424-nameless"]) == len(sent)
    # Nobody but Postfix is known by half a name.
    assert refused == Reading([], {NAMELESS: len(sent) - len(CANARY)})


@pytest.mark.parametrize(
    "name",
    [
        "journal-json",
        "journal-short",
        "journal-short-precise",
        "journal-short-iso",
        "journal-short-iso-precise",
    ],
)
def test_journald_gives_the_same_records(written: Written, sent: list[str], name: str) -> None:
    found = reading(written, name)

    # journald takes blanks off the end of a line, and we report what the log says.
    expected = read([line.rstrip(" ") for line in sent], NEWEST_US)
    assert without_moments(found.records) == without_moments(expected.records)
    assert found.unparsed == {}


def test_journalctl_format_that_is_not_read_is_counted(written: Written) -> None:
    name = "journal-short-full"
    assert reading(written, name) == Reading([], {"header": len(written[name])})


def test_journalctl_hides_lines_with_control_characters_unless_told_to_show_all(
    written: Written, sent: list[str]
) -> None:
    hidden = [line for line in written[PRINTABLE_ONLY] if line.endswith("B blob data]")]

    assert len(hidden) == sum(CONTROL.search(line) is not None for line in sent) == 2
    assert not any("blob data" in line for line in written["journal-short"])
    assert reading(written, PRINTABLE_ONLY).unparsed == {"smtp": 2}
