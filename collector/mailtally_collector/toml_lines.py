"""TOML texts, and where a key stands in one: tomllib does not say, and people want to know.

Limits    Reads headers and keys line by line. A line of a multi-line string that looks like one can
          mislead it; only the line number of a message would be wrong then.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

_HEADER = re.compile(r"\s*\[\[?\s*([^\]]+?)\s*\]")
_KEY = re.compile(r"""\s*([A-Za-z0-9_."'-]+(?:\s*\.\s*[A-Za-z0-9_"'-]+)*)\s*=""")


class TomlError(Exception):
    """A file is no TOML, or cannot be read; ``line`` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


def read_toml_text(path: Path) -> str:
    """Read a file as UTF-8. Raises TomlError."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise TomlError(1, f"is not UTF-8: {error.reason}") from None
    except OSError as error:
        raise TomlError(1, f"cannot be read: {error.strerror}") from None


def parse_toml(text: str) -> dict[str, Any]:
    """Parse a text. Raises TomlError with the line of the mistake."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", str(error))
        number = int(place.group(1)) if place and place.group(1) else len(text.splitlines()) or 1
        reason = str(error).removesuffix(place.group()) if place else str(error)
        raise TomlError(number, f"is not TOML: {reason}") from None


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
