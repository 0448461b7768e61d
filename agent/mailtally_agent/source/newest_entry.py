"""Whether the entry of the journal that was the newest when this was asked has been given.

How       A second journalctl, asked for one entry; while it runs, and until that entry comes, the
          cursors of the entries given are compared with it.
"""

import re

from mailtally_agent.source.journalctl import Journalctl, JournalOptions

# A message cannot contain it: quotes in it are written with a backslash.
CURSOR = re.compile(rb'"__CURSOR"\s*:\s*"([^"\\]{1,500})"')
_ENTRY_BYTES = 64 * 1024


class NewestEntry:
    """Asked again and again until it is so; then it may be asked anew."""

    def __init__(self, options: JournalOptions) -> None:
        """Of these entries."""
        self._options = options
        self._asked: Journalctl | None = None
        self._answer = b""
        self._given: set[str] = set()
        self._awaited: str | None = None

    def was_given(self, last: str) -> bool:
        """Whether it was; last is the cursor of the last entry given, empty for none.

        Raises OSError when that cannot be asked.
        """
        if self._awaited is None:
            if self._asked is None:
                self._asked = Journalctl(self._options, "--lines=1")
                self._given = {last}
                return False
            self._answer += self._asked.read(_ENTRY_BYTES)
            if self._asked.ended() is None:
                return False
            match = CURSOR.search(self._answer)
            self._awaited = match[1].decode("ascii", "replace") if match else last
        if self._awaited != last and self._awaited not in self._given:
            return False
        self.forget()
        return True

    @property
    def answered(self) -> bool:
        """Whether it is known which entry that is."""
        return self._awaited is not None

    def note(self, cursor: str) -> None:
        """An entry was given."""
        if self._asked is not None and self._awaited in {None, cursor}:
            self._given.add(cursor)

    def forget(self) -> None:
        """Ask anew when asked again."""
        if self._asked is not None:
            self._asked.close()
        self._asked = None
        self._awaited = None
        self._answer = b""
        self._given = set()
