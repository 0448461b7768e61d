"""How often somebody may try passwords.

Theory    Failures are counted for a while: of a network for one name, of a network for all names,
          and of a name from all networks. The last alone would let strangers keep the owner out,
          so it does not hold for networks from which the name was let in before. Names that nobody
          has count like others.
Limits    In the memory of one collector, and for so many networks and names as KEPT; what was
          counted longest ago is forgotten first.
"""

import ipaddress
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from threading import Lock

from mailtally_collector.durations import MINUTE_US

WINDOW_US = 15 * MINUTE_US
PAIR_MAX, NETWORK_MAX, NAME_MAX = 5, 30, 100
KEPT = 20_000


class Throttle:
    """Counts failures; ``clock`` gives microseconds."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._failures: OrderedDict[Hashable, deque[int]] = OrderedDict()
        self._welcome: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lock = Lock()

    def wait_us(self, name: str, address: str) -> int:
        """How long nobody may try this name from there; 0 for not at all."""
        network = network_of(address)
        with self._lock:
            limits = [((name, network), PAIR_MAX), (("", network), NETWORK_MAX)]
            if (name, network) not in self._welcome:
                limits.append(((name, ""), NAME_MAX))
            return max(self._wait_us(key, most) for key, most in limits)

    def failed(self, name: str, address: str) -> None:
        """Count a failure."""
        network = network_of(address)
        with self._lock:
            for key in ((name, network), ("", network), (name, "")):
                times = self._failures.setdefault(key, deque(maxlen=NAME_MAX))
                times.append(self._clock())
                self._failures.move_to_end(key)
            while len(self._failures) > KEPT:
                self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Forget failures of that name from there, and let it in from there in future."""
        pair = (name, network_of(address))
        with self._lock:
            self._failures.pop(pair, None)
            self._welcome[pair] = None
            self._welcome.move_to_end(pair)
            while len(self._welcome) > KEPT:
                self._welcome.popitem(last=False)

    def _wait_us(self, key: Hashable, most: int) -> int:
        times = self._failures.get(key)
        if not times or len(times) < most:
            return 0
        return max(0, times[-most] + WINDOW_US - self._clock())


def network_of(address: str) -> str:
    """Return what one party is likely to hold: an IPv4 address, or 64 bits of an IPv6 one.

    >>> network_of("192.0.2.1"), network_of("2001:db8::1"), network_of("::ffff:192.0.2.1")
    ('192.0.2.1', '2001:db8::/64', '192.0.2.1')
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed), 64), strict=False))
    return str(parsed)
