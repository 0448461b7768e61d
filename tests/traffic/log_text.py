"""Texts of log lines, written as Postfix writes them (the part behind the queue id).

Mirrors   postfix src/global/log_adhoc.c, opened.c, mail_queue.h, src/smtpd/smtpd.c,
          src/cleanup/cleanup_message.c, src/util/msg_syslog.c, printable.c, quote_822_local.c.
"""

import re

TEXT_MAX = 2_000
# is_822_dot_string(): what a local part may hold without quotes.
_DOT_STRING = re.compile(
    r'[^\x00-\x20\x7f()<>@,;:\\"\[\].]+(?:\.[^\x00-\x20\x7f()<>@,;:\\"\[\].]+)*'
)
_TO_QUOTE = re.compile(r'(["\\\r])')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def external(address: str) -> str:
    """An address as info_log_address_format=external shows it: the local part quoted if need be."""
    local, at, domain = address.rpartition("@")
    if not at:
        local, domain = address, ""
    if not address or _DOT_STRING.fullmatch(local):
        return address
    return f'"{_TO_QUOTE.sub(lambda one: chr(92) + one[1], local)}"{at}{domain}'


def logged(text: str) -> str:
    """A text as it reaches the log: control characters masked, cut at 2,000 bytes."""
    masked = _CONTROL.sub("?", text).encode()
    return masked[:TEXT_MAX].decode("utf-8", "surrogateescape")


def active(sender: str, size: int, recipient_count: int) -> str:
    """The queue manager opens a queue file (sender as it is shown)."""
    return f"from=<{sender}>, size={size}, nrcpt={recipient_count} (queue active)"


def delivery(
    recipient: str,
    orig_to: str,
    *,
    relay: str,
    conn_use: int = 0,
    delays: tuple[str, str] = ("0.1", "0.01/0.02/0.03/0.04"),
    tls: str = "",
    dsn: str,
    status: str,
    reply: str,
) -> str:
    """One attempt (addresses as they are shown); delays are the whole and its four parts."""
    return (
        f"to=<{recipient}>"
        + (f", orig_to=<{orig_to}>" if orig_to else "")
        + f", relay={relay}"
        + (f", conn_use={conn_use}" if conn_use else "")
        + f", delay={delays[0]}, delays={delays[1]}"
        + (f", tls={tls}" if tls else "")
        + f", dsn={dsn}, status={status} ({reply})"
    )
