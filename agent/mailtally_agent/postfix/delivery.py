"""Delivery-agent lines: ``to=<…>, relay=…, delay=…, delays=…, dsn=…, status=… (…)``.

Mirrors   postfix src/global/log_adhoc.c, the one function through which every delivery agent logs.
Gives     DeliveryLogged, or None when the text is not such a line.
Limits    Addresses and the text in parentheses are free text and may hold any of the field names:
          fields are read from the left, in Postfix's order, once. A line is cut at 2,000 bytes, so
          the closing parenthesis may be missing.
"""

import re
from functools import lru_cache

from mailtally_agent.postfix.address import bracketed_end
from mailtally_agent.postfix.event import DeliveryLogged

# The server's code stands right behind the phrase in which Postfix introduces the answer. The host
# name before it was checked by Postfix and holds neither spaces nor brackets (smtp_trouble.c).
_ANSWER = re.compile(
    r"(?:delivery temporarily suspended: )?"
    r"host [^\s\[]+\[[^\]\s]+\](?::\d+)? (?:said|refused to talk to me): ([2-5]\d\d)(?![0-9])"
)
_CODE_FIRST = re.compile(r"([2-5]\d\d)(?![0-9])")
_USUAL_STATUS = frozenset({"sent", "deferred", "bounced"})
_STATUS = re.compile(r"[A-Za-z-]+")


def parse_delivery(text: str) -> DeliveryLogged | None:
    """Read the text behind ``<queue id>: ``; None when it is not a whole delivery line."""
    end = bracketed_end(text, 4)
    if end < 0 or text[end : end + 3] != ">, ":
        return None
    recipient = text[4:end]
    rest = text[end + 3 :]
    orig_to = ""
    if rest.startswith("orig_to=<"):
        end = bracketed_end(rest, 9)
        if end < 0 or rest[end : end + 3] != ">, ":
            return None
        orig_to = rest[9:end]
        rest = rest[end + 3 :]
    if not rest.startswith("relay="):
        return None
    relay, _, rest = rest[6:].partition(", ")
    conn_use = 0
    field, _, rest = rest.partition(", ")
    try:
        if field.startswith("conn_use="):
            conn_use = int(field[9:])
            field, _, rest = rest.partition(", ")
        if not field.startswith("delay="):
            return None
        delay_us = _seconds_us(field[6:])
        field, _, rest = rest.partition(", ")
        pdelay_us, adelay_us, sdelay_us, xdelay_us = _delays_us(field)
    except (ValueError, OverflowError):
        return None
    field, _, rest = rest.partition(", ")
    if field.startswith("tls="):
        field, _, rest = rest.partition(", ")
    if not field.startswith("dsn=") or not rest.startswith("status="):
        return None
    enhanced_status = field[4:]
    status, parenthesis, reply_text = rest[7:].partition(" (")
    if status not in _USUAL_STATUS and not _STATUS.fullmatch(status):
        return None
    truncated = not reply_text.endswith(")")
    if not truncated:
        reply_text = reply_text[:-1]
    relay_host, relay_address, relay_port = _split_relay_cached(relay)
    return DeliveryLogged(
        recipient,
        orig_to,
        relay_host,
        relay_address,
        relay_port,
        conn_use,
        delay_us,
        pdelay_us,
        adelay_us,
        sdelay_us,
        xdelay_us,
        enhanced_status,
        status,
        reply_code(status, reply_text) if parenthesis else 0,
        reply_text,
        truncated,
    )


def split_relay(relay: str) -> tuple[str, str, int]:
    """Split ``host[address]:port`` into its three parts.

    Anything else (``none``, ``local``, ``host[/path/of/socket]``) is a host alone, port 0.

    >>> split_relay("mx.example.com[2001:db8::1]:25")
    ('mx.example.com', '2001:db8::1', 25)
    >>> split_relay("dovecot.example[private/lmtp]")
    ('dovecot.example[private/lmtp]', '', 0)
    """
    host, bracket, rest = relay.partition("[")
    address, separator, port = rest.partition("]:")
    if bracket and separator and port.isdecimal() and len(port) <= 5:
        return host, address, int(port)
    return relay, "", 0


def reply_code(status: str, reply_text: str) -> int:
    """The SMTP reply code in the text of a delivery line, 0 when no server answered.

    With ``status=sent`` the text is the server's reply itself; else Postfix says who answered.
    """
    match = _CODE_FIRST.match(reply_text) if status == "sent" else _ANSWER.match(reply_text)
    return int(match[1]) if match else 0


@lru_cache(maxsize=4096)
def _seconds_us(text: str) -> int:
    """Microseconds of a number like ``0.07``; ValueError, OverflowError unless >= 0 and finite."""
    microseconds = round(float(text) * 1_000_000)
    if microseconds < 0:
        raise ValueError(text)
    return microseconds


def _delays_us(field: str) -> tuple[int, int, int, int]:
    """Read ``delays=a/b/c/d``; ValueError unless there are four non-negative numbers."""
    if not field.startswith("delays="):
        raise ValueError(field)
    pdelay, adelay, sdelay, xdelay = field[7:].split("/")
    return _seconds_us(pdelay), _seconds_us(adelay), _seconds_us(sdelay), _seconds_us(xdelay)


_split_relay_cached = lru_cache(maxsize=4096)(split_relay)
