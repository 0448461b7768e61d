"""Log lines as Postfix writes them, around text that strangers chose.

Gives     random hostile text, and the lines of each daemon that carry it, escaped as Postfix does.
Mirrors   msg_vprintf's limit of 2,000 bytes, printable() (control characters become ``?``), and
          quote_822_local() for addresses (info_log_address_format=external).
"""

from random import Random

STAMP = "Nov 23 20:42:58"
QUEUE_ID = "D1D1D1D1D1"
# Another message, which no text may touch.
BYSTANDER = "B1B1B1B1B1"
LIMIT_BYTES = 2_000
MX = "mx.example[192.0.2.1]:25"
MEASURES = "delay=1.3, delays=0.1/0.02/1/0.2"
FRAGMENTS = (
    f"]: {BYSTANDER}: removed",
    f"{BYSTANDER}: to=<v@b.example>, relay=none, {MEASURES}, dsn=2.0.0, status=sent (250 ok)",
    f"\nNov 23 20:42:58 mx1 postfix/qmgr[1]: {BYSTANDER}: removed\n",
    f">, relay={MX}, {MEASURES}, dsn=2.0.0, status=sent (250 ok)",
    f"queued as {BYSTANDER}",
    f"forwarded as {BYSTANDER}",
    f"sender non-delivery notification: {BYSTANDER}",
    f", orig_queue_id={BYSTANDER}, orig_client=x[192.0.2.9]",
    ", status=sent (",
    ">, orig_to=<",
    "status=expired, returned to sender",
    ", size=1, nrcpt=1 (queue active)",
    ", sasl_username=root",
    " (in reply to RCPT TO command)",
    "host x[192.0.2.1] said: 250 2.0.0 ok",
    "message repeated 9 times: [ x]",
    f"Queue-ID: {BYSTANDER}, Hits: 99,",
    "550 5.1.1 no",
    "\u2028",
    "\u202e",
    "\x0b\x0c\x1b[31m\x85",
    '"',
    "\\",
    '\\"',
    "'",
    "<",
    ">",
    ">, ",
    ", ",
    "@",
    "]",
    "]: ",
    ": ",
    "(",
    ")",
    "))",
    " ",
    "\u00e4\u65e5\U0001f4a9",
    "x" * 400,
)
SPECIALS = frozenset(' ()<>[]:;@\\,"') | {chr(code) for code in range(32)}


def hostile_text(rng: Random) -> str:
    """Some fragments and letters in any order."""
    count = rng.choice((0, 1, 2, 3, 5, 9))
    return "".join(
        rng.choice(FRAGMENTS) if rng.random() < 0.7 else rng.choice("abc019.-")
        for _ in range(count)
    )


def printable(text: str) -> str:
    """Control characters as Postfix logs them."""
    return "".join("?" if ord(one) < 32 or one == "\x7f" else one for one in text)


def hostile_address(rng: Random) -> str:
    """An address as logged: its local part quoted when it has to be."""
    local = printable(hostile_text(rng))[:200]
    if not local:
        return ""
    if not SPECIALS.isdisjoint(local) or local[0] == "." or local[-1] == "." or ".." in local:
        local = '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return local + rng.choice(("@b.example", "@example.test", ""))


def cut(text: str) -> str:
    """What the log keeps of a text: 2,000 bytes, as the agent decodes them."""
    return text.encode()[:LIMIT_BYTES].decode("utf-8", "surrogateescape")


def line(daemon: str, text: str) -> str:
    """A whole line of the log."""
    return f"{STAMP} mx1 postfix/{daemon}[7]: {cut(f'{QUEUE_ID}: {printable(text)}')}"
