"""A verdict as part of a record for programs, and as words for people."""

from mailtally.v1 import query_pb2
from mailtally_collector.query_cli.export import Record

NAMES = (
    "reason",
    "category",
    "severity",
    "owner",
    "provider",
    "filter",
    "title",
    "advice",
    "advice_customer",
    "doc",
    "rule",
    "basis",
    "unknown",
)


def verdict_record(verdict: query_pb2.Verdict) -> Record:
    """Keys NAMES; None for what is not known."""
    return {name: getattr(verdict, name) or None for name in NAMES[:-1]} | {
        "unknown": verdict.unknown
    }


def advice_shown(verdict: query_pb2.Verdict) -> str:
    """What happened and what to do, in one line; a dash without a verdict."""
    return f"{verdict.title}. {verdict.advice}" if verdict.title else "-"
