"""What became of generated mail: decided by the generator, never read from a log."""

from collections import Counter
from dataclasses import dataclass, field

MAIL, NOTIFICATION, PROBE, FORWARD = "mail", "notification", "probe", "forward"
OUTBOUND, LOCAL, INTERNAL_HOP = "outbound", "local", "internal_hop"
DELIVERED, BOUNCED, DISCARDED = "delivered", "bounced", "discarded"
FINAL = frozenset({DELIVERED, BOUNCED, DISCARDED})


@dataclass(slots=True)
class Recipient:
    """An accepted recipient.

    route      where its deliveries lead: to another organisation, or to the part of this host
    direction  the same, once it was tried
    state      one of FINAL, or empty while nothing final is known
    """

    address: str
    orig_to: str
    route: str
    direction: str = OUTBOUND
    state: str = ""
    attempts: int = 0


@dataclass(slots=True)
class Tried:
    """One attempt; tls is the trust of its connection's session, empty without one."""

    address: str
    orig_to: str
    status: str
    direction: str
    reply: str
    conn_use: int
    tls: str


@dataclass(slots=True)
class Truth:
    """One message.

    accepted     whether it reached the queue
    scored       whether a filter told what it thinks of it
    ended        completed, removed, requeued; empty while it is on this host
    open_state   state of the recipients without a final one
    links        kind and queue id of the messages that it led to
    """

    instance: str
    queue_id: str
    sender: str
    size: int
    traffic_class: str
    recipients: list[Recipient]
    message_id: str = ""
    sasl_username: str = ""
    accepted: bool = False
    scored: bool = False
    ended: str = ""
    open_state: str = "pending"
    attempts: list[Tried] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)

    def waiting(self) -> list[Recipient]:
        """Recipients without a final state."""
        return [one for one in self.recipients if not one.state]

    def states(self) -> Counter[tuple[str, str]]:
        """Recipients by direction and state; nothing of a message that never was in the queue."""
        if not self.accepted:
            return Counter()
        return Counter((one.direction, one.state or self.open_state) for one in self.recipients)
