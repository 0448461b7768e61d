"""A TOML file whose values are asked for by key, and whose problems are reported by line."""

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any


class ConfigError(Exception):
    """The configuration cannot be used; one line of text for each problem."""

    def __init__(self, problems: list[str]) -> None:
        """Keep the problems, ``file:line: key: what is wrong`` each."""
        super().__init__("\n".join(problems))
        self.problems = problems


class SettingsFile:
    """The values of one file. Ask for every key that exists, then call finish()."""

    def __init__(self, path: Path, text: str, tables: dict[str, Any]) -> None:
        """Use read() instead."""
        self._path = path
        self._text = text
        self._values = dict(_flatten(tables))
        self._asked: list[str] = []
        self._problems: list[tuple[int, str]] = []

    @classmethod
    def read(cls, path: Path) -> "SettingsFile":
        """Read a file; raises ConfigError when it is missing, unreadable or not TOML."""
        try:
            text = path.read_text(encoding="utf-8")
            return cls(path, text, tomllib.loads(text))
        except OSError as error:
            raise ConfigError([f"{path}: {error.strerror}"]) from error
        except UnicodeDecodeError as error:
            raise ConfigError([f"{path}: not UTF-8 text: {error.reason}"]) from error
        except tomllib.TOMLDecodeError as error:
            line = re.search(r"line (\d+)", str(error))
            number = line[1] if line else str(text.count("\n") + 1)
            raise ConfigError([f"{path}:{number}: {error}"]) from error

    def text(self, key: str, *, default: str) -> str:
        """A string."""
        value = self._get(key, default)
        if isinstance(value, str):
            return value
        self.problem(key, f"expected text in quotes, got {value!r}")
        return default

    def path(self, key: str, *, default: str) -> Path:
        """A file name."""
        return Path(self.text(key, default=default))

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self._get(key, default)
        if isinstance(value, bool):
            return value
        self.problem(key, f"expected true or false, got {value!r}")
        return default

    def integer(self, key: str, *, default: int, low: int, high: int) -> int:
        """A whole number from low to high."""
        value = self._get(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.problem(key, f"expected a whole number from {low} to {high}, got {value!r}")
        return default

    def choice(self, key: str, *, default: str, choices: tuple[str, ...]) -> str:
        """One of some words."""
        value = self.text(key, default=default)
        if value in choices:
            return value
        self.problem(key, f"expected one of {', '.join(choices)}, got {value!r}")
        return default

    def texts(self, key: str, *, default: list[str]) -> list[str]:
        """A list of strings."""
        value = self._get(key, default)
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
        self.problem(key, f"expected a list of texts, got {value!r}")
        return default

    def one_or_more_texts(self, key: str, *, default: list[str]) -> list[str]:
        """A string, or a list of strings."""
        value = self._get(key, default)
        if isinstance(value, str):
            return [value]
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
        self.problem(key, f"expected text in quotes or a list of texts, got {value!r}")
        return default

    def flag_or_texts(self, key: str, *, default: bool) -> bool | list[str]:
        """True or false, or a list of strings."""
        value = self._get(key, default)
        if isinstance(value, bool):
            return value
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
        self.problem(key, f"expected true, false or a list of texts, got {value!r}")
        return default

    def problem(self, key: str, what: str) -> None:
        """Note what is wrong with a key."""
        line = self._line_of(key)
        where = f"{self._path}:{line}" if line else f"{self._path}"
        self._problems.append((line, f"{where}: {key}: {what}"))

    def finish(self) -> None:
        """Raise ConfigError if anything was wrong or a key was given that nobody asked for."""
        for key in self._values:
            if key not in self._asked:
                near = difflib.get_close_matches(key, self._asked, n=1, cutoff=0.5)
                hint = f"; did you mean {near[0]}?" if near else ""
                self.problem(key, f"no such setting{hint}")
        if self._problems:
            raise ConfigError([text for _, text in sorted(self._problems)])

    def _get(self, key: str, default: Any) -> Any:
        self._asked.append(key)
        return self._values.get(key, default)

    def _line_of(self, key: str) -> int:
        """Number of the line that sets a key, else of its table, else 0."""
        table, _, name = key.rpartition(".")
        current, table_line = "", 0
        for number, line in enumerate(self._text.splitlines(), 1):
            header = re.fullmatch(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?", line)
            if header:
                current = header[1]
                table_line = number if current == table else table_line
            set_key = re.match(r"\s*([\w.\"-]+)\s*=", line)
            if set_key:
                full = f"{current}.{set_key[1]}" if current else set_key[1]
                if full.replace('"', "") == key or (current == table and set_key[1] == name):
                    return number
        return table_line


def _flatten(tables: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Dotted keys and their values; ``[a.b]`` with ``c = 1`` gives ``("a.b.c", 1)``."""
    flat: list[tuple[str, Any]] = []
    for name, value in tables.items():
        if isinstance(value, dict):
            flat += _flatten(value, f"{prefix}{name}.")
        else:
            flat.append((f"{prefix}{name}", value))
    return flat
