"""Which deliveries leave for another organisation (docs/decisions/0004-direction.md)."""

import ipaddress
from collections.abc import Iterable

from mailtally_agent.postfix.event import DeliveryLogged
from mailtally_agent.record import Direction

_LOCAL_AGENTS = frozenset({"local", "virtual", "pipe", "lmtp"})
# trivial-rewrite and the queue manager say this of recipients in our own domains.
_UNKNOWN_HERE = ("user unknown in ", "unknown user", "mail for ")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class DirectionRules:
    """Decides the direction of delivery lines from the hops that are our own."""

    def __init__(self, internal_next_hops: Iterable[Network]) -> None:
        """Take the networks of content filters and mail stores that are reached by SMTP."""
        self._networks = tuple(internal_next_hops)
        self._known: dict[str, Direction] = {"": Direction.OUTBOUND}

    def direction(self, delivery_agent: str, delivery: DeliveryLogged) -> Direction:
        """Direction of one delivery line."""
        if delivery_agent in _LOCAL_AGENTS:
            return Direction.LOCAL
        address = delivery.relay_address
        if not address and delivery.reply_text.lower().startswith(_UNKNOWN_HERE):
            return Direction.LOCAL
        known = self._known.get(address)
        if known is None:
            known = self._of_address(address)
            if len(self._known) < 100_000:
                self._known[address] = known
        return known

    def _of_address(self, address: str) -> Direction:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return Direction.OUTBOUND
        if any(parsed in network for network in self._networks):
            return Direction.INTERNAL_HOP
        return Direction.OUTBOUND
