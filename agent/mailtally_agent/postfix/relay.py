"""The next hop of a delivery: ``relay=mx.example.com[192.0.2.1]:25``.

Mirrors   postfix src/global/log_adhoc.c (``relay=``, ``delay=``, ``delays=``) and
          src/smtp/smtp_connect.c, which names a hop ``host[address]:port``.
"""

import re
from functools import lru_cache
from typing import NamedTuple

_SECONDS = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?")


class Relay(NamedTuple):
    """Host name, address without brackets and port; a field of another shape is a host alone."""

    host: str
    address: str
    port: int


@lru_cache(maxsize=4096)
def split_relay(relay: str) -> Relay:
    """Split ``host[address]:port`` into its three parts.

    Anything else (``none``, ``local``, ``host[/path/of/socket]``) is a host alone, port 0.

    >>> split_relay("mx.example.com[2001:db8::1]:25")
    Relay(host='mx.example.com', address='2001:db8::1', port=25)
    >>> split_relay("dovecot.example[private/lmtp]")
    Relay(host='dovecot.example[private/lmtp]', address='', port=0)
    """
    host, bracket, rest = relay.partition("[")
    address, separator, port = rest.partition("]:")
    if bracket and separator and port.isdecimal() and len(port) <= 5:
        return Relay(host, address, int(port))
    return Relay(relay, "", 0)


@lru_cache(maxsize=4096)
def seconds_us(text: str) -> int:
    """Microseconds of a number of seconds like ``0.07``; 0 for what is none."""
    return round(float(text) * 1_000_000) if _SECONDS.fullmatch(text) else 0
