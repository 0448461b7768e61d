"""A TOML file of equal entries (``[[rule]]``, ``[[reason]]``, ``[[provider]]``), checked.

Raises    RuleError with one line for each mistake: ``FILE:LINE: ID: key: message``.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from mailtally_collector.toml_lines import TomlError, key_lines, line_of, parse_toml, read_toml_text


class RuleError(Exception):
    """Rules, reasons or providers cannot be used; ``lines`` has one message for each mistake."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


class Entry(BaseModel):
    """What every entry has."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,79}$")


EntryT = TypeVar("EntryT", bound=Entry)


@dataclass(frozen=True, slots=True)
class Placed(Generic[EntryT]):
    """An entry, and where its keys stand."""

    value: EntryT
    file: Path
    lines: dict[str, int]

    def mistake(self, key: str, message: str) -> str:
        """Message about one key of the entry."""
        line = self.lines.get(key, self.lines.get("", 1))
        return f"{self.file}:{line}: {self.value.id}: {key}: {message}"


def read_entries(path: Path, table: str, model: type[EntryT]) -> list[Placed[EntryT]]:
    """Read all entries of the file in its order. Raises RuleError."""
    try:
        text = read_toml_text(path)
        raw = parse_toml(text)
    except TomlError as error:
        raise RuleError([f"{path}:{error.line}: file: {error.reason}"]) from None
    places = _entry_lines(text, table)
    mistakes = [
        f"{path}:{line_of(key, key_lines(text))}: {key}: unknown key; entries stand in [[{table}]]"
        for key in raw
        if key != table
    ]
    listed = raw.get(table, [])
    if not isinstance(listed, list):
        raise RuleError([f"{path}:1: {table}: write [[{table}]], with two brackets"])
    entries: list[Placed[EntryT]] = []
    for number, entry in enumerate(listed):
        lines = places[number] if number < len(places) else {}
        try:
            entries.append(Placed(model.model_validate(entry), path, lines))
        except ValidationError as error:
            name = entry.get("id", f"{table} {number + 1}") if isinstance(entry, dict) else table
            mistakes += [_mistake(path, lines, name, one, model) for one in error.errors()]
    if mistakes:
        raise RuleError(mistakes)
    return entries


def _entry_lines(text: str, table: str) -> list[dict[str, int]]:
    """Map, for each entry, the key to its line; the empty key to the entry's header."""
    header = re.compile(rf"\s*\[\[\s*{table}\s*\]\]")
    rows = text.splitlines()
    starts = [number for number, row in enumerate(rows) if header.match(row)]
    found = []
    for start, end in pairwise([*starts, len(rows)]):
        lines = key_lines("\n".join(rows[start + 1 : end]))
        found.append({key: line + start + 1 for key, line in lines.items()} | {"": start + 1})
    return found


def _mistake(
    path: Path, lines: dict[str, int], name: object, error: ErrorDetails, model: type[Entry]
) -> str:
    key = str(error["loc"][0]) if error["loc"] else ""
    message = error["msg"]
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, list(model.model_fields), n=1)
        message = "unknown key" + (f"; did you mean {near[0]}?" if near else "")
    line = lines.get(key, lines.get("", 1))
    return f"{path}:{line}: {name}: {key}: {message}"
