"""Verdicts onto the wire's types, in the words of the rules in force."""

from mailtally.v1 import query_pb2
from mailtally_collector.classify.classify import Judged, worded
from mailtally_collector.classify.reply import read_reply
from mailtally_collector.classify.rule_set import RuleSet


def encode_verdict(
    judged: Judged | None,
    rules: RuleSet,
    reply_text: bytes,
    reply_code: int,
    enhanced_status: str,
    *,
    gave_up: bool = False,
) -> query_pb2.Verdict | None:
    """Say what was judged of a reply; None, which the wire leaves unset, when nothing was."""
    if judged is None:
        return None
    reply = read_reply(
        reply_text, reply_code=str(reply_code or ""), enhanced_status=enhanced_status
    )
    return query_pb2.Verdict(**worded(judged, reply, rules, gave_up=gave_up).record())
