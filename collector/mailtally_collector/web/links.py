"""Links in what servers replied: only https, shown whole, and nothing else is a link.

Gives     ``linked``: a text cut into plain pieces and links, for a template to write.
Limits    Brackets and points at the end belong to the sentence. A link with a user name, or whose
          host is not plain ASCII, stays text: it leads somewhere else than it seems to.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from mailtally_collector.web.words import visible

_LINK = re.compile(r"https://[!-~]{1,500}", re.IGNORECASE)
_ENDS = ".,;:!?'\")>]}"
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::\d{1,5})?", re.IGNORECASE)


class Piece(NamedTuple):
    """A piece of text; ``href`` empty when it is no link."""

    text: str
    href: str


def linked(reply: bytes | str) -> Iterator[Piece]:
    """Cut a reply into pieces, as it may be shown.

    >>> [piece.href for piece in linked("see https://a.example/x. Or http://b.example")]
    ['', 'https://a.example/x', '']
    """
    text = visible(reply)
    done = 0
    for match in _LINK.finditer(text):
        address = match[0].rstrip(_ENDS)
        if not _is_plain(address):
            continue
        if match.start() > done:
            yield Piece(text[done : match.start()], "")
        yield Piece(address, address)
        done = match.start() + len(address)
    if done < len(text):
        yield Piece(text[done:], "")


def _is_plain(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return bool(_HOST.fullmatch(parts.netloc)) and "\\" not in address
