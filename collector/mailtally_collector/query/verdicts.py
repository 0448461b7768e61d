"""What is stored of verdicts, as columns to select and values to read."""

from typing import Any

from mailtally_collector.classify.classify import Judged
from mailtally_collector.store.models import ReplyTemplate

VERDICT_COLUMNS = (
    ReplyTemplate.reason,
    ReplyTemplate.severity,
    ReplyTemplate.basis,
    ReplyTemplate.provider,
    ReplyTemplate.mail_filter,
    ReplyTemplate.rule_id,
)


def judged(row: tuple[Any, ...]) -> Judged | None:
    """Read what VERDICT_COLUMNS gave; None for a delivery without a reply."""
    return Judged(*row) if row[0] is not None else None
