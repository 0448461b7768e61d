"""Records as they travel: what two ways of reading must agree on."""

from collections.abc import Iterable

from mailtally_agent.record import Record
from mailtally_agent.wire import encode


def wired(records: Iterable[Record]) -> list[bytes]:
    """Each record's bytes on the wire; equal bytes, equal reports."""
    return [encode(record).SerializeToString(deterministic=True) for record in records]
