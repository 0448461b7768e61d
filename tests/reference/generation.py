"""A message as the reference reader knows it: everything that lines have told of it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Object = dict[str, Any]
_FINAL = {
    "sent": "delivered",
    "bounced": "bounced",
    "deliverable": "delivered",
    "undeliverable": "bounced",
    "undeliverable-but-not-cached": "bounced",
}


@dataclass(slots=True)
class Known:
    """One recipient: what was last heard, and how often it was tried."""

    state: str = ""
    attempts: int = 0


@dataclass(slots=True, eq=False)
class Generation:
    """One life of a queue id."""

    instance: str
    queue_id: str
    arrival: datetime
    traffic_class: str = "mail"
    origin_seen: bool = False
    envelope_sender: str | None = None
    size_bytes: int | None = None
    recipient_count: int | None = None
    message_id: str = ""
    client: dict[str, str] | None = None
    submit_uid: int | None = None
    spam_score: Object | None = None
    expired: bool = False
    tries: list[datetime] = field(default_factory=list)
    recipients: dict[tuple[str, str], Known] = field(default_factory=dict)
    links: list[Object] = field(default_factory=list)

    def become(self, traffic_class: str) -> None:
        """Take a class on, unless there is a better one already."""
        if self.traffic_class == "mail":
            self.traffic_class = traffic_class

    def tried(self, name: tuple[str, str], time: datetime, daemon: str, status: str) -> int:
        """Note an attempt; how many that makes for this recipient."""
        known = self.recipients.setdefault(name, Known())
        known.attempts += 1
        self.tries.append(time)
        if known.state not in {"delivered", "bounced"}:
            discarded = daemon == "discard"
            known.state = "discarded" if discarded else _FINAL.get(status, "")
        return known.attempts

    def described(self) -> Object:
        """The fields that attempts and ends have in common (docs/records.md)."""
        client = self.client or {}
        return {
            "instance": self.instance,
            "queue_id": self.queue_id,
            "arrival": shown(self.arrival),
            "origin_seen": self.origin_seen,
            "envelope_sender": self.envelope_sender,
            "size_bytes": self.size_bytes,
            "recipient_count": self.recipient_count,
            "message_id": self.message_id or None,
            "client_name": client.get("name"),
            "client_address": client.get("address"),
            "sasl_method": client.get("method"),
            "sasl_username": client.get("user"),
            "submit_uid": self.submit_uid,
            "spam_score": self.spam_score,
        }

    def ended(self, time: datetime, change: str) -> Object:
        """What is told when it leaves the queue."""
        rest = "expired" if self.expired else {"completed": "unknown"}.get(change, change)
        states = [known.state or rest for known in self.recipients.values()]
        states += [rest] * ((self.recipient_count or 0) - len(states))
        return {
            "kind": "message_end",
            "time": shown(time),
            **self.described(),
            "change": change,
            "traffic_class": self.traffic_class,
            "recipients": {state: states.count(state) for state in states},
            "attempts": len(self.tries),
            "first_try": shown(self.tries[0]) if self.tries else None,
            "last_try": shown(self.tries[-1]) if self.tries else None,
            "links": list(self.links),
            "imbalance": self._unbalanced(rest, states),
        }

    def _unbalanced(self, rest: str, states: list[str]) -> bool:
        if self.recipient_count is None:
            return bool(states)
        untried = self.recipient_count > len(self.recipients)
        return rest == "unknown" and (untried or "unknown" in states)


def shown(time: datetime) -> str:
    """RFC 3339 with microseconds."""
    return time.isoformat(timespec="microseconds")
