"""Which deliveries leave for another organisation (docs/decisions/0004-direction.md)."""

import ipaddress
import re
from collections.abc import Iterable

from mailtally_agent.postfix.event import DeliveryLogged
from mailtally_agent.postfix.relay import split_relay
from mailtally_agent.terms import Direction

_MAIL_STORES = frozenset({"local", "virtual", "pipe", "lmtp"})
# trivial-rewrite and the queue manager say this of recipients in our own domains.
_UNKNOWN_HERE = ("user unknown in ", "unknown user", "mail for ")
_QUEUED = "queued as "
_KNOWN_MAX = 20_000

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_NUMERIC = re.compile(r"[0-9.:/]+|.*/.*|.*:.*")


def direction_rules(next_hops: Iterable[str]) -> "DirectionRules":
    """Rules from addresses, networks and names, as settings give them; ValueError for neither."""
    networks, names = [], []
    for text in next_hops:
        if _NAME.fullmatch(text) and not _NUMERIC.fullmatch(text):
            names.append(text)
        else:
            networks.append(ipaddress.ip_network(text))
    return DirectionRules(networks, names)


class DirectionRules:
    """Decides the direction of delivery lines from the hops that are our own."""

    def __init__(self, networks: Iterable[Network], names: Iterable[str] = ()) -> None:
        """Take what is reached at our own: addresses, and names of hosts or pipe transports."""
        self._networks = tuple(networks)
        self._names = frozenset(name.lower() for name in names)
        # What lies behind the relays that were met; no relay is no hop.
        self.hops: dict[str, Direction] = {}

    def direction(self, delivery_agent: str, delivery: DeliveryLogged) -> Direction:
        """Direction of one delivery line."""
        relay = delivery.relay
        hop = self.hops.get(relay) or self._hop(relay)
        if delivery_agent == "smtp" and relay != "none":
            return hop
        if delivery_agent in _MAIL_STORES:
            filtered = hop is Direction.INTERNAL_HOP and (
                delivery_agent == "pipe" or _QUEUED in delivery.tail
            )
            return Direction.INTERNAL_HOP if filtered else Direction.LOCAL
        if relay == "none" and delivery.tail.lower().startswith(_UNKNOWN_HERE):
            return Direction.LOCAL
        return hop

    def _hop(self, relay: str) -> Direction:
        """What lies behind a relay, were it reached by SMTP."""
        host, address, _ = split_relay(relay)
        ours = host.lower() in self._names
        if address and not ours:
            try:
                parsed = ipaddress.ip_address(address)
            except ValueError:
                pass
            else:
                ours = any(parsed in network for network in self._networks)
        direction = Direction.INTERNAL_HOP if ours else Direction.OUTBOUND
        if len(self.hops) >= _KNOWN_MAX:
            self.hops.clear()
        self.hops[relay] = direction
        return direction
