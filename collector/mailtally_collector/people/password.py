"""Passwords: which are taken, and how they are kept and compared.

Cost      argon2id with 64 MiB and three passes, some 50 ms of a core: callers bound how many are
          compared at once.
"""

import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LENGTH_MIN, LENGTH_MAX = 12, 1_000
DIFFERENT_MIN = 5

_hasher = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
# Compared where there is no other, so that an answer takes as long as for people who exist.
NOBODY = _hasher.hash("nobody has this password")


def fault_of(password: str, name: str) -> str:
    """Why the password cannot be taken, as a name in texts/; empty when it can."""
    if len(password) < LENGTH_MIN:
        return "password.short"
    if len(password) > LENGTH_MAX:
        return "password.long"
    if len(set(password)) < DIFFERENT_MIN or password.casefold() in name.casefold():
        return "password.simple"
    return ""


def hashed(password: str) -> str:
    """Return what is kept of a password."""
    return _hasher.hash(_composed(password))


def matches(kept: str, password: str) -> bool:
    """Whether it is the password; "" is nobody's, and compared as long as any other."""
    try:
        _hasher.verify(kept or NOBODY, _composed(password[:LENGTH_MAX]))
    except (VerificationError, InvalidHashError):
        return False
    return bool(kept)


def is_outdated(kept: str) -> bool:
    """Whether it was hashed with less effort than is made today."""
    return _hasher.check_needs_rehash(kept)


def _composed(password: str) -> bytes:
    """One form for all keyboards: they differ in how they write é."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "replace")
