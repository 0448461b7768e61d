"""What spam filters log of a message: amavis, rspamd, spamd.

Gives     SpamScored, or None for their other lines.
Mirrors   amavisd-new's default log template (``Passed CLEAN …, Queue-ID: Q, … Hits: -1.9``; a dash
          is no score), rspamd's rspamd_task_write_log (``qid: <Q>, … [3.20/15.00]``) and spamd's
          ``result:`` line, which names the message by its Message-ID alone.
Limits    Senders and Message-IDs in these lines are free text: fields are read from the left, in
          the filter's order. A site with its own log template may go without scores.
"""

import re
from collections.abc import Callable
from typing import Final

from mailtally_agent.postfix.address import ADDRESS
from mailtally_agent.postfix.event import SpamScored

_NUMBER = r"-?\d{1,6}(?:\.\d{1,6})?"
_AMAVIS = re.compile(
    r"\([\w-]{1,40}\) (?:Passed|Blocked) (?P<verdict>[A-Z][A-Z-]{0,30})[^<]*+"
    rf"<{ADDRESS}> -> <{ADDRESS}>(?:,<{ADDRESS}>)*+(?:, quarantine: [^,]*+)?"
    r", Queue-ID: (?P<queue_id>[0-9A-Za-z]{6,30})(?:, (?:Resent-)?Message-ID: <[^>]*+>)*+"
    rf"(?:, mail_id: [^,]*+)?, Hits: (?P<score>-|{_NUMBER})(?:,|$)",
    re.DOTALL,
)
_RSPAMD = re.compile(
    r"<[^>]{0,40}>; task; rspamd_task_write_log: id: <(?P<message_id>[^>]*)>,"
    r" qid: <(?P<queue_id>[0-9A-Za-z]{6,30})>, .*?"
    r"\([\w-]{1,40}: [TFS] \((?P<verdict>[a-z ]{1,30})\):"
    rf" \[(?P<score>{_NUMBER})/(?P<required>{_NUMBER})\]",
    re.DOTALL,
)
_SPAMD = re.compile(
    rf"spamd: result: (?P<verdict>[Y.]) (?P<score>{_NUMBER}) - .*?"
    rf"\brequired_score=(?P<required>{_NUMBER}),.*?"
    r"\bmid=(?P<message_id><[^>]*>),",
    re.DOTALL,
)
_SPAMD_VERDICT = {"Y": "spam", ".": "clean"}
SpamParser = Callable[[str], SpamScored | None]


def parse_amavis(text: str) -> SpamScored | None:
    """Read a line of amavis (the text behind ``amavis[pid]: ``)."""
    match = _AMAVIS.match(text)
    if match is None:
        return None
    score = None if match["score"] == "-" else float(match["score"])
    return SpamScored("amavis", score, None, match["verdict"], match["queue_id"], "")


def parse_rspamd(text: str) -> SpamScored | None:
    """Read a line of rspamd (the text behind ``rspamd[pid]: ``)."""
    match = _RSPAMD.match(text)
    if match is None:
        return None
    return SpamScored(
        "rspamd",
        float(match["score"]),
        float(match["required"]),
        match["verdict"],
        match["queue_id"],
        f"<{match['message_id']}>",
    )


def parse_spamd(text: str) -> SpamScored | None:
    """Read a line of SpamAssassin's spamd (the text behind ``spamd[pid]: ``)."""
    match = _SPAMD.match(text)
    if match is None:
        return None
    return SpamScored(
        "spamassassin",
        float(match["score"]),
        float(match["required"]),
        _SPAMD_VERDICT[match["verdict"]],
        "",
        match["message_id"],
    )


SPAM_PARSERS: Final[dict[str, SpamParser]] = {
    "amavis": parse_amavis,
    "amavisd": parse_amavis,
    "rspamd": parse_rspamd,
    "spamd": parse_spamd,
}
