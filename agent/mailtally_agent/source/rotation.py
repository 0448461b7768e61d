"""The rotated siblings of a log file, oldest first.

Mirrors   logrotate's names: ``mail.log.1``, ``mail.log.2`` (the greater the older) and, with
          dateext, ``mail.log-20260301`` (the later the newer).
Limits    Compressed siblings are not read yet.
"""

import re

_NUMBERED = re.compile(r"\.(\d{1,6})")
_DATED = re.compile(r"[-.](\d{8}(?:[-T_]?\d{1,10})?)")


def siblings(file_name: str, names: list[str]) -> list[str]:
    """Names of one log, oldest first, file_name itself last (whether it exists or not).

    >>> siblings("mail.log", ["mail.log", "mail.log.1", "mail.log.10", "mail.err"])
    ['mail.log.10', 'mail.log.1', 'mail.log']
    """
    numbered: list[tuple[int, str]] = []
    dated: list[tuple[str, str]] = []
    for name in names:
        if not name.startswith(file_name):
            continue
        suffix = name[len(file_name) :]
        if match := _NUMBERED.fullmatch(suffix):
            numbered.append((-int(match[1]), name))
        elif match := _DATED.fullmatch(suffix):
            dated.append((match[1], name))
    ordered = [name for _, name in sorted(dated)] + [name for _, name in sorted(numbered)]
    return [*ordered, file_name]
