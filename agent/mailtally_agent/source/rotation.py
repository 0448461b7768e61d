"""The rotated siblings of a log file, oldest first.

Mirrors   logrotate's names: ``mail.log.1``, ``mail.log.2`` (the greater the older) and, with
          dateext, ``mail.log-20260301`` (the later the newer); each plain, or compressed with the
          packing's ending behind it.
Limits    While a file is being compressed it is there twice. The plain one counts, which is whole.
"""

import re

_PACKED = (".gz", ".bz2", ".xz", ".zst")
_NUMBERED = re.compile(r"\.(\d{1,6})")
_DATED = re.compile(r"[-.](\d{4}-?\d\d-?\d\d(?:[-T_.]?\d{1,10})?)")


def is_packed(name: str) -> bool:
    """Whether a file's name says that it is compressed."""
    return name.endswith(_PACKED)


def siblings(file_name: str, names: list[str]) -> list[str]:
    """Names of one log, oldest first, file_name itself last (whether it exists or not).

    >>> siblings("mail.log", ["mail.log", "mail.log.1", "mail.log.10.gz", "mail.err"])
    ['mail.log.10.gz', 'mail.log.1', 'mail.log']
    """
    numbered: dict[int, str] = {}
    dated: dict[str, str] = {}
    # Plain ones come last and win.
    for name in sorted(names, key=is_packed, reverse=True):
        if not name.startswith(file_name):
            continue
        suffix = name[len(file_name) :]
        for ending in _PACKED:
            suffix = suffix.removesuffix(ending)
        if match := _NUMBERED.fullmatch(suffix):
            numbered[-int(match[1])] = name
        elif match := _DATED.fullmatch(suffix):
            dated[match[1]] = name
    ordered = [dated[key] for key in sorted(dated)] + [numbered[key] for key in sorted(numbered)]
    return [*ordered, file_name]
