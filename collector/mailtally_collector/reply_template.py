r"""What a reply says, without what differs from message to message.

Gives     ``reply_template``: replies with the same cause give the same template, so that causes can
          be counted and a verdict can be given once for all replies of its kind.
Frame     Postfix's own words around a reply ("host mx.example[192.0.2.1] said: ...",
          "(in reply to RCPT TO command)") are left out; the relay is stored beside the reply.
Limits    Text beyond 4 KiB is ignored. Each expression is linear in the text: no repetition stands
          inside another one, because a stranger writes the text.
"""

import ipaddress
import re

TEXT_MAX_BYTES = 4096

_CAUSE = re.compile(
    rb"^(?:delivery temporarily suspended: )?"
    rb"(?:host [^\s\[\]]{1,255}\[[0-9A-Za-z.:%_-]{1,60}\](?::\d{1,5})? "
    rb"(?:said|refused to talk to me): )?"
)
_COMMAND = re.compile(rb" ?\(in reply to [A-Za-z ]{1,40} ?[a-z]{0,10}\)$")
# A multi-line reply repeats its code: "550-5.7.26 ... 550 5.7.26 ...".
_CONTINUATION = re.compile(rb"(?<=\s)[245]\d\d[- ](?:[245]\.\d{1,3}\.\d{1,3} )?")
_SPACE = re.compile(rb"\s+")
_QUEUED_AS = re.compile(
    rb"\b((?:queued as|queue id|queueid[:=]|msgid[:=]) ?)[^\s,;()]{1,200}", re.IGNORECASE
)
_URL_QUERY = re.compile(rb"(https?://[^\s?#<>]{1,500})[?#][^\s<>]*", re.IGNORECASE)
_URL = re.compile(rb"https?://[^\s<>]+", re.IGNORECASE)
_ADDRESS = re.compile(rb"<?[^\s<>()\[\],;:@\"']{1,64}@[^\s<>()\[\],;:@\"']{1,255}>?")
_QUOTED_ADDRESS = re.compile(rb"<?\"[^\"\n]{1,128}\"@[^\s<>()\[\],;:@\"']{1,255}>?")
_HOST = re.compile(rb"[0-9A-Za-z._-]{1,255}\[[0-9A-Fa-f.:]{3,45}\](?::\d{1,5})?")
_NAME = re.compile(rb"((?:name=|\bmail for ))[^\s\[\]<>]{1,255}(?= type=| loops back)")
_USER = re.compile(rb"(unknown user: )\"[^\"]{1,255}\"")
_TIME = re.compile(rb"(?:\b\d{4}-\d\d-\d\d[T ])?(?<![:\d])\d\d:\d\d:\d\d(?:\.\d{1,9})?Z?(?![:\w])")
_IPV6 = re.compile(rb"(?<![0-9A-Za-z:.])[0-9A-Fa-f:]{2,45}(?![0-9A-Za-z])")
_IPV4 = re.compile(rb"(?<![\w.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\w]|\.\d)")
_WORD = re.compile(rb"[0-9A-Za-z_+/-]{5,}={0,2}(?:\.\d{1,6}(?![0-9A-Za-z.]))?")
_HEX = re.compile(rb"[0-9A-Fa-f]{16,}")


def reply_template(text: bytes) -> bytes:
    """Replace what differs by ``<address>``, ``<host>``, ``<ip>``, ``<time>`` and ``<id>``.

    >>> reply_template(b"host mx.test[192.0.2.7] said: 550 5.1.1 <bob@test>: unknown")
    b'550 5.1.1 <address>: unknown'
    """
    text = _SPACE.sub(b" ", text[:TEXT_MAX_BYTES]).strip()
    text = _CAUSE.sub(b"", text, count=1)
    text = _COMMAND.sub(b"", text)
    text = _CONTINUATION.sub(b"", text)
    text = _URL_QUERY.sub(rb"\1", text)
    return _outside_urls(text).strip()


def _outside_urls(text: bytes) -> bytes:
    """Normalise what lies between URLs; a URL's host and path tell the cause and are kept."""
    parts = []
    position = 0
    for url in _URL.finditer(text):
        parts += [_normalise(text[position : url.start()]), url.group()]
        position = url.end()
    return b"".join([*parts, _normalise(text[position:])])


def _normalise(text: bytes) -> bytes:
    text = _QUOTED_ADDRESS.sub(b"<address>", text)
    text = _ADDRESS.sub(b"<address>", text)
    text = _QUEUED_AS.sub(rb"\1<id>", text)
    text = _HOST.sub(b"<host>", text)
    text = _NAME.sub(rb"\1<host>", text)
    text = _USER.sub(rb"\1<address>", text)
    text = _TIME.sub(b"<time>", text)
    text = _IPV6.sub(_ip_or_word, text)
    text = _IPV4.sub(b"<ip>", text)
    return _WORD.sub(_id_or_word, text)


def _ip_or_word(match: re.Match[bytes]) -> bytes:
    try:
        ipaddress.IPv6Address(match.group().decode("ascii"))
    except ValueError:
        return match.group()
    return b"<ip>"


def _id_or_word(match: re.Match[bytes]) -> bytes:
    """Whether a word is an id: digits only from 5 on, mixed with letters from 8 on, long hex."""
    word = match.group()
    letters_and_digits = any(48 <= byte <= 57 for byte in word)
    if word.isdigit() or _HEX.fullmatch(word):
        return b"<id>"
    if letters_and_digits and len(word) >= 8 and not _is_compound(word):
        return b"<id>"
    return word


def _is_compound(word: bytes) -> bool:
    """Whether the word is made of words and short numbers, such as ``see/RFC-5321``."""
    return all(
        part.isalpha() or (part.isdigit() and len(part) < 5)
        for part in re.split(rb"[_=+/.-]", word)
        if part
    )
