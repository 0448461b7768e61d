"""``mailtally-agent parse --summary``: what the records of a log count up to (docs/records.md)."""

from collections.abc import Sequence
from typing import Any

from mailtally_agent.log_reader import LogReader
from mailtally_agent.record import Attempt, MessageAccepted, MessageChanged, MessageLink, Record

_AttemptKind = tuple[str, str, str]


class Summary:
    """Counts records; keeps nothing else of them."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.records = 0
        self.messages = 0
        self.recipients = 0
        self._attempts: dict[_AttemptKind, int] = {}
        self._changes: dict[str, int] = {}
        self._links: dict[str, int] = {}

    def add(self, records: Sequence[Record]) -> None:
        """Count records."""
        attempts = self._attempts
        self.records += len(records)
        for record in records:
            what = record.what
            if isinstance(what, Attempt):
                name = (what.delivery.status, what.direction, what.traffic_class)
                attempts[name] = attempts.get(name, 0) + 1
            elif isinstance(what, MessageAccepted):
                self.messages += 1
                self.recipients += what.recipient_count
            elif isinstance(what, MessageChanged):
                self._changes[what.change] = self._changes.get(what.change, 0) + 1
            elif isinstance(what, MessageLink):
                self._links[what.kind] = self._links.get(what.kind, 0) + 1

    def as_json(self, reader: LogReader, oversize: int) -> dict[str, Any]:
        """The counts, and what the reader could not use."""
        counts: dict[str, Any] = {"lines": reader.lines + oversize, "records": self.records}
        counts["attempts"] = sum(self._attempts.values())
        for place, name in enumerate(("status", "direction", "traffic_class")):
            counts[name] = {}
            for kind, count in sorted(self._attempts.items()):
                counts[name][kind[place]] = counts[name].get(kind[place], 0) + count
        return counts | {
            "attempts_by": [
                {"status": status, "direction": direction, "traffic_class": kind, "count": count}
                for (status, direction, kind), count in sorted(self._attempts.items())
            ],
            "messages": self.messages,
            "recipients": self.recipients,
            "changes": dict(sorted(self._changes.items())),
            "links": dict(sorted(self._links.items())),
            "open_messages": reader.open_messages,
            "unparsed": reader.unparsed.total() + oversize,
            "unparsed_by_daemon": dict(reader.unparsed.most_common()),
            "oversize": oversize,
            "syslog_losses": reader.losses,
            "problem": reader.problem(),
        }
