"""The line that an operator pastes on a mail host to enrol its agent.

Shape     ``mailtally1.`` and base64url, without padding, of: SHA-256 of the authority's certificate
          (32 bytes), the secret (32 bytes), the addresses (HOST:PORT, separated by commas, ASCII),
          and the CRC-32 of all that (4 bytes), which finds a line that was pasted in part.
"""

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from zlib import crc32

PREFIX = "mailtally1."
SECRET_BYTES = 32


def token(pin: bytes, secret: bytes, addresses: Sequence[str]) -> str:
    """Return the line."""
    content = pin + secret + ",".join(addresses).encode("ascii")
    content += crc32(content).to_bytes(4, "big")
    return PREFIX + urlsafe_b64encode(content).decode("ascii").rstrip("=")
