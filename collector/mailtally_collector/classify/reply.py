"""The reply of a mail server, made ready for matching.

Gives     ``read_reply``: any bytes of any length become a ``Reply``.
Frame     What Postfix writes around a reply ("host mx[192.0.2.1] said: ", "(in reply to RCPT TO
          command)") is taken off; the command is kept as ``stage``, and the host as ``relay_host``
          when none is given.
Mirrors   RFC 5321 section 4.2.1 (multi-line replies repeat their code), RFC 3463 (enhanced codes).
Hidden    Addresses become ``<address>``: words in them are their owner's, not the server's.
Limits    The first 2,048 characters are matched. Expressions are linear: a stranger wrote the text.
"""

import re
from dataclasses import dataclass

MATCHED_MAX = 2048

_FRAME = re.compile(
    r"^(?:delivery temporarily suspended: )?"
    r"(?:host ([^\s\[\]]{1,255})\[[0-9a-zA-Z.:%_-]{1,60}\](?::\d{1,5})? "
    r"(?:said|refused to talk to me): )?"
)
_COMMAND = re.compile(r" ?\(in reply to ([A-Za-z ]{1,40}?)(?: command)?\)$")
_LEADING_CODE = re.compile(r"^\W{0,3}([245]\d\d)(?=[\s:-]|$)")
_INNER_CODE = re.compile(r"(?<![\w.])([45]\d\d)[ -](?=[^\d])|(?<![\w.])([45]\d\d)[ -](?=[45]\.)")
_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)")
_LINK = re.compile(r"https://[^\s<>\"'()\[\]]{3,500}", re.IGNORECASE)
# Another mail server's words around the reply that it got: "Remote host said: 550 ...".
_WRAPPED = re.compile(
    r"^(?![245]\d\d[ -]).{0,300}?(?:said|returned|responded|because of|below|like our rcpt to"
    r"|host [^\s:]{1,255}(?: ?\[[^\]\s]{1,60}\])?): ?['\"\[<]?(?=[45]\d\d[ -])",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"<?[^\s<>()\[\],;:\"']{1,64}@[^\s<>()\[\],;:\"'/]{1,255}>?")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")
_VAGUE = (".0.0", ".7.0", ".7.1")


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply on one line in small letters, and who sent it; codes are empty when not given."""

    text: str
    reply_code: str = ""
    enhanced_status: str = ""
    stage: str = ""
    relay_host: str = ""
    recipient_domain: str = ""
    links: tuple[str, ...] = ()


def read_reply(
    text: bytes | str,
    *,
    reply_code: str = "",
    enhanced_status: str = "",
    relay_host: str = "",
    recipient_domain: str = "",
) -> Reply:
    r"""Take the frame off, join the lines, find codes and links. Never raises.

    >>> read_reply(b"host mx.test[192.0.2.7] said: 550-5.1.1 No\n550 5.1.1 such user").text
    '550-5.1.1 no such user'
    """
    if isinstance(text, bytes):
        text = text[: 4 * MATCHED_MAX].decode("utf-8", "replace")
    line = _SPACE.sub(" ", text[: 2 * MATCHED_MAX]).strip()
    frame = _FRAME.match(line)
    line = line[frame.end() :] if frame else line
    relay_host = relay_host or (frame.group(1) if frame else "") or ""
    command = _COMMAND.search(line[-80:])
    if command:
        line = line[: len(line) - len(command.group())]
    wrapped = _WRAPPED.match(line)
    line = _join(line[wrapped.end() :] if wrapped else line)
    links = tuple(link.rstrip(".,;:") for link in _LINK.findall(line))
    line = _ADDRESS.sub("<address>", line)[:MATCHED_MAX]
    found = _enhanced(line)
    return Reply(
        text=line.lower(),
        reply_code=_code(reply_code) or _code_in(line),
        enhanced_status=_closer(enhanced_status.strip(), found),
        stage=_stage(command.group(1)) if command else "",
        relay_host=relay_host.strip().strip(".").lower(),
        recipient_domain=recipient_domain.strip().strip(".").lower(),
        links=links,
    )


def _join(line: str) -> str:
    """Leave out the codes that later lines of the same reply repeat."""
    code = _LEADING_CODE.match(line)
    if not code:
        return line
    again = rf"(?<=\s){code.group(1)}[- ](?:[245]\.\d{{1,3}}\.\d{{1,3}} )?"
    return line[: code.end()] + re.sub(again, "", line[code.end() :])


def _code(given: str) -> str:
    given = given.strip()
    return given if len(given) == 3 and given.isascii() and given.isdigit() else ""


def _code_in(line: str) -> str:
    leading = _LEADING_CODE.match(line)
    if leading:
        return leading.group(1)
    inner = _INNER_CODE.search(line)
    return (inner.group(1) or inner.group(2)) if inner else ""


def _enhanced(line: str) -> str:
    found = _ENHANCED.search(line)
    return found.group(1) if found else ""


def _closer(given: str, found: str) -> str:
    """Prefer the code that was logged, unless it is a filler and the text has a better one."""
    given = given if _ENHANCED.fullmatch(given) else ""
    if found and (not given or (given.endswith(_VAGUE) and not found.endswith(_VAGUE))):
        return found
    return given


def _stage(command: str) -> str:
    """Name the phase of SMTP in which the reply came: connect, helo, mail, rcpt or data."""
    word = command.strip().lower()
    if "data" in word or "bdat" in word or "message" in word:
        return "data"
    stages = (("rcpt", "rcpt"), ("mail", "mail"), ("ehlo", "helo"), ("helo", "helo"))
    return next((stage for key, stage in stages if key in word), "connect")
