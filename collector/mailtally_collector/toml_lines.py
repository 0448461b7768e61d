"""Where a key stands in a TOML text: tomllib does not say, and people want to know.

Limits    Reads headers and keys line by line. A line of a multi-line string that looks like one can
          mislead it; only the line number of a message would be wrong then.
"""

import re

_HEADER = re.compile(r"\s*\[\[?\s*([^\]]+?)\s*\]")
_KEY = re.compile(r"""\s*([A-Za-z0-9_."'-]+(?:\s*\.\s*[A-Za-z0-9_"'-]+)*)\s*=""")


def key_lines(text: str) -> dict[str, int]:
    r"""Map each dotted key and table of the text to the number of its line, from 1.

    >>> key_lines('[listen]\naddress = "x"')
    {'listen': 1, 'listen.address': 2}
    """
    lines: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        key = _KEY.match(line)
        if header:
            table = _bare(header.group(1))
            lines.setdefault(table, number)
        elif key:
            name = _bare(key.group(1))
            lines.setdefault(f"{table}.{name}" if table else name, number)
    return lines


def line_of(key: str, lines: dict[str, int]) -> int:
    """Line of the key, or of the innermost table around it that the text names, or 1."""
    while key and key not in lines:
        key = key.rpartition(".")[0]
    return lines.get(key, 1)


def _bare(key: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in key.split("."))
