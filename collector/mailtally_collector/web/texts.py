"""All sentences of the pages, in one file for each language: ``texts/en.toml``.

Gives     ``Texts``: sentences by dotted name, in templates as ``t("summary.sent")``, with names in
          braces replaced. A name without a sentence is an error at once, not an empty place.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "texts"


class Texts:
    """The sentences of one language."""

    def __init__(self, language: str = "en") -> None:
        """Read them. Raises OSError for a language that is not there."""
        with (FOLDER / f"{language}.toml").open("rb") as file:
            self.language = language
            self.by_name = dict(_flat("", tomllib.load(file)))

    def __call__(self, name: str, /, **values: object) -> str:
        """The sentence of that name. Raises KeyError for one that is not there."""
        sentence = self.by_name[name]
        return sentence.format_map(values) if values else sentence

    def get(self, name: str, default: str) -> str:
        """The sentence of that name, or the default."""
        return self.by_name.get(name, default)


def _flat(prefix: str, table: Mapping[str, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in table.items():
        name = f"{prefix}{key}"
        found += [(name, value)] if isinstance(value, str) else _flat(f"{name}.", value)
    return found
