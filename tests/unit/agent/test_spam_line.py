"""Spam scores from the lines of amavis, rspamd and spamd."""

import pytest

from mailtally_agent.record import Record, SpamScore
from mailtally_agent.wire import encode
from tests.unit.agent.test_traps import new_reader

AMAVIS = (
    "amavis[3002]: (03002-72) Passed CLEAN {{RelayedOutbound}}, ORIGINATING LOCAL"
    " [192.0.2.9]:35015 [192.0.2.9] <{sender}> -> <c@d>,<e@f>, Queue-ID: A1B2C3, Message-ID:"
    " <1@a>, mail_id: 1d43ecd1345e, Hits: {hits}, size: 828, queued_as: B1B2C3, 1135 ms"
)
RSPAMD = (
    "rspamd[88]: <0a1b2c>; task; rspamd_task_write_log: id: <1@a>, qid: <A1B2C3>, ip: 192.0.2.9,"
    " user: u@b, from: <a@b>, (default: F (add header): [7.20/15.00] [BAYES_SPAM(5.10)[99.9%]]),"
    " len: 828, time: 12.1ms, dns req: 9, digest: <ff>, rcpts: <c@d>, mime_rcpts: <c@d>"
)
SPAMD = (
    "spamd[77]: spamd: result: Y 8 - BAYES_99,URIBL_BLACK scantime=0.5,size=828,user=nobody,uid=99,"
    "required_score=5.0,rhost=localhost,raddr=127.0.0.1,rport=48000,mid=<1@a>,bayes=1.0,autolearn=no"
)


def scores(*lines: str) -> list[Record]:
    """Records of scores for message A1B2C3, whose Message-ID is <1@a>."""
    reader = new_reader()
    reader.read(["Nov 23 20:42:00 mx1 postfix/cleanup[1]: A1B2C3: message-id=<1@a>"])
    return reader.read([f"Nov 23 20:42:01 mx1 {line}" for line in lines])


@pytest.mark.parametrize(
    ("line", "score"),
    [
        (AMAVIS.format(sender="a@b", hits="-1.9"), ("amavis", -1.9, None, "CLEAN")),
        (AMAVIS.format(sender="a@b", hits="-"), ("amavis", None, None, "CLEAN")),
        (RSPAMD, ("rspamd", 7.2, 15.0, "add header")),
        (SPAMD, ("spamassassin", 8.0, 5.0, "spam")),
    ],
)
def test_score_belongs_to_the_message_that_the_filter_names(
    line: str, score: tuple[str, float | None, float | None, str]
) -> None:
    (record,) = scores(line)

    assert record.what == SpamScore(*score)
    assert record.message.queue_id == "A1B2C3"
    assert encode(record).spam_score.HasField("score") is (score[1] is not None)


@pytest.mark.parametrize(
    "line",
    [
        AMAVIS.format(sender="a@b", hits="-1.9").replace("A1B2C3", "F1B2C3"),
        AMAVIS.format(sender="a@b", hits="high"),
        SPAMD.replace("<1@a>", "<2@a>"),
        "amavis[3002]: (03002-72) Checking: xyz",
        "spamd[77]: spamd: connection from localhost [127.0.0.1]:1 to port 783",
        "rspamd[88]: <0a1b2c>; proxy; rspamd_message_parse: loaded message",
    ],
)
def test_other_lines_and_other_messages_say_nothing(line: str) -> None:
    assert scores(line) == []


def test_sender_forges_no_score() -> None:
    sender = '"x> -> <y@z>, Queue-ID: F1B2C3, Hits: 99, "@a.example'

    (record,) = scores(AMAVIS.format(sender=sender, hits="1.5"))

    assert record.message.queue_id == "A1B2C3"
    assert encode(record).spam_score.score == 1.5
