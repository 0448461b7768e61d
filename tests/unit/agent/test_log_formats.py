"""The same traffic gives the same records, whichever syslog daemon and template wrote the log.

The logs were written by real daemons (tests/corpus/formats); test_syslog_daemons.py runs them.
"""

from collections import Counter

from mailtally_agent.origins import NAMELESS
from mailtally_agent.postfix.program import DAEMONS
from tests.corpus.bundled import BUNDLED
from tests.corpus.formats.reading import (
    Reading,
    last_moment_us,
    made_lines,
    read,
    split,
    without_moments,
)

# rsyslogd added the year of the making to time stamps that have none; so do we.
NEWEST_US = last_moment_us(made_lines("rsyslog-rfc3339"))
LINES = made_lines("postlogd")
POSTLOGD = read(LINES, NEWEST_US)


def made(name: str) -> Reading:
    return read(made_lines(name), last_moment_us(made_lines("journal-short-iso")))


def is_same_but_moments(reading: Reading) -> None:
    assert without_moments(reading.records) == without_moments(POSTLOGD.records)
    assert reading.unparsed == POSTLOGD.unparsed


def test_postlogd_part_is_whole_messages_of_the_bundled_log() -> None:
    whole = split(BUNDLED.log.read_bytes())
    queue_ids = {record.message.queue_id for record in POSTLOGD.records}
    expected = [r for r in read(whole, NEWEST_US).records if r.message.queue_id in queue_ids]

    assert POSTLOGD.records == expected
    assert daemons(LINES) == daemons(whole)
    assert not Counter(LINES) - Counter(whole)


def daemons(lines: list[str]) -> set[str]:
    found = {line.partition("[")[0].rpartition("/")[2] for line in lines}
    assert found <= DAEMONS
    return found


def test_postlogd_has_what_can_go_wrong() -> None:
    replies = [r.attempt.reply_text.decode() for r in POSTLOGD.records if r.HasField("attempt")]

    assert len(POSTLOGD.records) > 300
    assert POSTLOGD.unparsed == {}
    assert any("\u2028" in reply and "\u202e" in reply for reply in replies)
    assert any(len(line) > 2_000 for line in LINES)


def test_rsyslog_traditional() -> None:
    assert read(made_lines("rsyslog-traditional"), NEWEST_US) == POSTLOGD


def test_rsyslog_rfc3339() -> None:
    assert read(made_lines("rsyslog-rfc3339"), NEWEST_US) == POSTLOGD


def test_rsyslog_rfc5424_without_the_daemon_is_refused_loudly() -> None:
    reading = read(made_lines("rsyslog-rfc5424-nameless"), NEWEST_US)

    assert reading == Reading([], {NAMELESS: len(LINES)})


def test_rsyslog_rfc5424_with_the_daemon_from_syslogtag() -> None:
    assert read(made_lines("rsyslog-rfc5424-syslogtag"), NEWEST_US) == POSTLOGD


def test_rsyslog_rfc5424_with_slash_permitted_in_program_names() -> None:
    assert read(made_lines("rsyslog-rfc5424-slash"), NEWEST_US) == POSTLOGD


def test_journal_json() -> None:
    is_same_but_moments(made("journal-json"))


def test_journal_short() -> None:
    is_same_but_moments(made("journal-short"))


def test_journal_short_precise() -> None:
    is_same_but_moments(made("journal-short-precise"))


def test_journal_short_iso() -> None:
    is_same_but_moments(made("journal-short-iso"))


def test_journal_short_iso_precise() -> None:
    is_same_but_moments(made("journal-short-iso-precise"))


def test_journal_moments_are_those_of_the_reception() -> None:
    def seconds(name: str) -> list[int]:
        return [record.key.time_us // 1_000_000 for record in made(name).records]

    assert seconds("journal-short-iso") == seconds("journal-short") == seconds("journal-json")
    assert made("journal-short-iso-precise").records == made("journal-json").records


def test_journal_short_full_is_counted_as_unread() -> None:
    assert made("journal-short-full") == Reading([], {"header": len(LINES)})
