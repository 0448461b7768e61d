"""Page tokens: where the next page begins, bound to the question that the first page answered.

Limits    The digest keeps a token from being used with another question or after it was damaged.
          It is no secret and protects nothing: who makes up a token sees what a filter shows too.
"""

import binascii
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import blake2b

from mailtally_collector.query.filters import QueryError

LAYOUT = struct.Struct(">qqqqq8s")


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of a page, by what it is sorted by, and the range that the first page used."""

    value: int
    message_id: int
    number: int
    start_us: int
    end_us: int


def encode(cursor: Cursor, *question: object) -> str:
    """Make the token; the question is values whose repr() tells all of it: filter, scope, order."""
    numbers = (cursor.value, cursor.message_id, cursor.number, cursor.start_us, cursor.end_us)
    return urlsafe_b64encode(LAYOUT.pack(*numbers, _digest(cursor, question))).decode()


def decode(token: str, *question: object) -> Cursor:
    """Read a token. Raises QueryError when it is damaged or was given for another question."""
    try:
        raw = urlsafe_b64decode(token.encode())
        *numbers, digest = LAYOUT.unpack(raw)
    except (binascii.Error, struct.error, ValueError):
        raise QueryError("the page token is damaged; begin again with the first page") from None
    cursor = Cursor(*numbers)
    if digest != _digest(cursor, question) or urlsafe_b64encode(raw).decode() != token:
        raise QueryError(
            "the page token was given for another filter, order or caller, or is damaged; begin"
            " again with the first page"
        )
    return cursor


def _digest(cursor: Cursor, question: tuple[object, ...]) -> bytes:
    return blake2b(
        repr((cursor, question)).encode("utf-8", "backslashreplace"), digest_size=8
    ).digest()
