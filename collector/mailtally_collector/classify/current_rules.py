"""The rules in force: the shipped ones with the operator's folder, read again when it changes.

Broken    A file that cannot be used counts as it last could be used (at the start: not at all);
          ``mistakes`` says file, line and reason until it is mended. Nothing here raises.
Threads   ``rules`` is replaced as a whole, so any thread may read it at any moment.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from mailtally_collector.classify.operator_file import OperatorFile, read_operator_file
from mailtally_collector.classify.operator_rules import with_operator_files
from mailtally_collector.classify.rule_set import RuleSet, shipped_rules
from mailtally_collector.classify.toml_entries import RuleError
from mailtally_collector.toml_lines import TomlError, read_toml_text

logger = logging.getLogger(__name__)

OPERATOR_FOLDER = Path("/etc/mailtally/rules.d")
_Fingerprint = tuple[tuple[str, int, int, int], ...]


class CurrentRules:
    """Rules of one folder of ``*.toml`` files; the folder need not exist."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._good: dict[Path, OperatorFile] = {}
        self._fingerprint: _Fingerprint | None = None
        self.rules: RuleSet = shipped_rules()
        self.mistakes: tuple[str, ...] = ()
        self.reload()

    def reload(self) -> bool:
        """Read the folder when it changed since; whether other rules are in force now."""
        fingerprint = self._look()
        if fingerprint == self._fingerprint:
            return False
        self._fingerprint = fingerprint
        before = self.rules.digest
        mistakes: list[str] = []
        files = [self._read(Path(name), mistakes) for name, *_ in fingerprint]
        self._merge([file for file in files if file], mistakes)
        self.mistakes = tuple(mistakes)
        for mistake in mistakes:
            logger.error("rule file not used: %s", mistake)
        if self.rules.digest != before:
            logger.info("rules=%d digest=%s", len(self.rules.rules), self.rules.digest)
        return self.rules.digest != before

    def _look(self) -> _Fingerprint:
        if self._folder is None:
            return ()
        found = []
        for path in sorted(self._folder.glob("*.toml")):
            try:
                status = path.stat()
            except OSError:
                found.append((str(path), 0, 0, 0))
            else:
                found.append((str(path), status.st_ino, status.st_mtime_ns, status.st_size))
        return tuple(found)

    def _read(self, path: Path, mistakes: list[str]) -> OperatorFile | None:
        shipped, known = shipped_rules(), self._good.get(path)
        try:
            if known and known.text == read_toml_text(path):
                return known
            return read_operator_file(path, shipped.reasons, shipped.providers.titles)
        except TomlError as error:
            mistakes.append(f"{path}:{error.line}: file: {error.reason}")
        except RuleError as error:
            mistakes += error.lines
        return known

    def _merge(self, files: Sequence[OperatorFile], mistakes: list[str]) -> None:
        """Add file by file; one that does not fit to those before it counts as it last did."""
        taken: list[OperatorFile] = []
        rules = shipped_rules()
        for file in files:
            for candidate in (file, self._good.get(file.path)):
                if candidate is None:
                    continue
                try:
                    rules = with_operator_files(shipped_rules(), [*taken, candidate])
                except RuleError as error:
                    mistakes += [line for line in error.lines if line not in mistakes]
                else:
                    taken.append(candidate)
                    break
        self._good = {file.path: file for file in taken}
        self.rules = rules
