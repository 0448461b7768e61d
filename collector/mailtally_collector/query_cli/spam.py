"""What a spam filter thought of a message, as part of a record for programs and for people."""

from mailtally.v1 import record_pb2
from mailtally_collector.query_cli.export import Record

NAMES = ("spam_score", "spam_required", "spam_scanner", "spam_verdict")


def spam_record(told: record_pb2.SpamScore) -> Record:
    """Keys NAMES; None for what is not known."""
    return {
        "spam_score": told.score if told.HasField("score") else None,
        "spam_required": told.required if told.HasField("required") else None,
        "spam_scanner": told.scanner or None,
        "spam_verdict": told.verdict or None,
    }


def spam_shown(told: record_pb2.SpamScore) -> str:
    """The number, or a dash: no score is not a score of 0.

    >>> spam_shown(record_pb2.SpamScore(score=0)), spam_shown(record_pb2.SpamScore(scanner="x"))
    ('0', '-')
    """
    return f"{told.score:g}" if told.HasField("score") else "-"
