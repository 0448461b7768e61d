"""Addresses in angle brackets, as Postfix logs them: ``to=<user@example.com>``.

Mirrors   info_log_address_format=external (default since Postfix 3.5): a local part with specials
          is quoted (RFC 5321 section 4.1.2), so that ``>`` inside quotes does not end it.
Limits    Before 3.5, or with the internal format, the quotes are absent and an address that holds
          ``>`` cannot be told from the text behind it.
"""

import re

# What stands between the brackets. Possessive: hostile quotes must not make it run back and forth.
ADDRESS = r'[^">]*+(?:"(?:[^"\\]|\\.)*+"[^">]*+)*+'
_BRACKETED = re.compile(ADDRESS + ">", re.DOTALL)


def bracketed_end(text: str, start: int) -> int:
    """Index of the ``>`` that ends the address beginning at start; -1 when there is none.

    >>> bracketed_end('to=<"a> b"@c>, relay=', 4)
    12
    """
    match = _BRACKETED.match(text, start)
    return match.end() - 1 if match else text.find(">", start)
