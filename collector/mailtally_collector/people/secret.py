"""Secrets that are drawn at random, and how programs show theirs.

Shape     Of an API token: ``mt_KEY_SECRET``. The key names it in public, 12 hexadecimal digits; of
          the secret, 43 characters of base64url, nothing but its hash is kept. It has 256 bits, so
          that a plain hash is enough.
"""

import hmac
import secrets
from hashlib import sha256

PREFIX = "mt"
SECRET_BYTES = 32
# What is longer is nothing of ours, and not worth a hash.
TEXT_MAX = 200


def new_secret() -> str:
    """Draw a secret for a cookie, a link or a token."""
    return secrets.token_urlsafe(SECRET_BYTES)


def hash_of(secret: str) -> bytes:
    """Return what the database keeps of a secret."""
    return sha256(secret[:TEXT_MAX].encode("utf-8", "replace")).digest()


def is_secret(secret: str, secret_hash: bytes) -> bool:
    """Whether it is the secret of that hash, in a time that does not tell how near it is."""
    return hmac.compare_digest(hash_of(secret), secret_hash)


def new_key() -> str:
    """Draw the public name of a token."""
    return secrets.token_hex(6)


def token_text(key: str, secret: str) -> str:
    """Return the token as its owner keeps it."""
    return f"{PREFIX}_{key}_{secret}"


def token_parts(text: str) -> tuple[str, str] | None:
    """Key and secret of a token; None for what is none.

    >>> token_parts("mt_0a1b_se_cret")
    ('0a1b', 'se_cret')
    >>> token_parts("Basic abc") is None
    True
    """
    prefix, _, rest = text.strip().partition("_")
    key, _, secret = rest.partition("_")
    return (key, secret) if prefix == PREFIX and key and secret and len(text) < TEXT_MAX else None
