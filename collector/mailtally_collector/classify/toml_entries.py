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

_HEADER = re.compile(r"\s*\[\[\s*([a-z_]+)\s*\]\]")


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

    @property
    def place(self) -> str:
        """File and line of the entry."""
        return f"{self.file}:{self.lines.get('', 1)}"

    def mistake(self, key: str, message: str) -> str:
        """Message about one key of the entry."""
        line = self.lines.get(key, self.lines.get("", 1))
        return f"{self.file}:{line}: {self.value.id}: {key}: {message}"


def read_entries(path: Path, table: str, model: type[EntryT]) -> list[Placed[EntryT]]:
    """Read all entries of a file that holds one table, in its order. Raises RuleError."""
    return TomlEntries(path, (table,)).of(table, model)


class TomlEntries:
    """The entries of one file. Raises RuleError when it is no TOML or holds other tables."""

    def __init__(self, path: Path, tables: Sequence[str]) -> None:
        self._path = path
        try:
            self.text = read_toml_text(path)
            self._raw = parse_toml(self.text)
        except TomlError as error:
            raise RuleError([f"{path}:{error.line}: file: {error.reason}"]) from None
        known = " and ".join(f"[[{table}]]" for table in tables)
        others = [key for key in self._raw if key not in tables]
        lines = key_lines(self.text) if others else {}
        mistakes = [
            f"{path}:{line_of(key, lines)}: {key}: unknown key; entries stand in {known}"
            for key in others
        ]
        mistakes += [
            f"{path}:1: {table}: write [[{table}]], with two brackets"
            for table in tables
            if not isinstance(self._raw.get(table, []), list)
        ]
        if mistakes:
            raise RuleError(mistakes)

    def of(self, table: str, model: type[EntryT]) -> list[Placed[EntryT]]:
        """Read the entries of one table in their order. Raises RuleError."""
        places = _entry_lines(self.text, table)
        mistakes: list[str] = []
        entries: list[Placed[EntryT]] = []
        for number, entry in enumerate(self._raw.get(table, [])):
            lines = places[number] if number < len(places) else {}
            try:
                entries.append(Placed(model.model_validate(entry), self._path, lines))
            except ValidationError as error:
                name = (
                    entry.get("id", f"{table} {number + 1}") if isinstance(entry, dict) else table
                )
                mistakes += [
                    _mistake(self._path, lines, name, one, model) for one in error.errors()
                ]
        if mistakes:
            raise RuleError(mistakes)
        return entries


def _entry_lines(text: str, table: str) -> list[dict[str, int]]:
    """Map, for each entry, the key to its line; the empty key to the entry's header."""
    rows = text.splitlines()
    starts = [number for number, row in enumerate(rows) if _HEADER.match(row)]
    found = []
    for start, end in pairwise([*starts, len(rows)]):
        header = _HEADER.match(rows[start])
        if not header or header.group(1) != table:
            continue
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
