"""``journalctl`` as a child process whose output is read without waiting.

Mirrors   journalctl(1): ``--follow`` waits for entries, and ends when nobody reads its output any
          more, so that it does not outlive us however we end. By itself it also leaves out what is
          older than the last start of the host; ``--merge`` shows that.
Gives     Journalctl: bytes of the output, and why it ended.
Limits    Fields of more than 4,096 bytes are null in the output (no ``--all``): Postfix cuts lines
          at 2,000, and nobody's long line takes memory.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

_MACHINE_ID = Path("/etc/machine-id")
_SAID_BYTES = 2_000
_PIPE_BYTES = 64 * 1024
_FIELDS = "MESSAGE,SYSLOG_IDENTIFIER,SYSLOG_PID,_PID,_HOSTNAME,_SOURCE_REALTIME_TIMESTAMP"
# journald's own line about lines that it dropped: SD_MESSAGE_JOURNAL_DROPPED of sd-messages.h. Of
# journald's transport, so that nobody else can write it.
_DROPPED = ("MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e", "_TRANSPORT=driver")


@dataclass(frozen=True, slots=True)
class JournalOptions:
    """Which entries of which journal.

    units      names of systemd units; empty for whatever logs with the facility mail
    directory  folder of journal files; None for the host's own
    """

    units: tuple[str, ...] = ()
    directory: str | None = None

    @property
    def name(self) -> str:
        """Names the log in status and checkpoint."""
        return " ".join(["journal", *self.units, *filter(None, [self.directory])])

    def arguments(self) -> list[str]:
        """What journalctl is called with to select the entries, and shown of them."""
        arguments = ["--output=json", "--no-pager", "--merge", f"--output-fields={_FIELDS}"]
        if self.directory is not None:
            arguments.append(f"--directory={self.directory}")
        units = [f"_SYSTEMD_UNIT={unit}" for unit in self.units]
        here = self._machine()
        return [*arguments, "SYSLOG_FACILITY=2", *units, *here, "+", *_DROPPED, *here]

    def _machine(self) -> list[str]:
        """Of the host's own journals none that other hosts sent here, which --merge has too."""
        if self.directory is not None:
            return []
        try:
            machine = _MACHINE_ID.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return []
        return [f"_MACHINE_ID={machine}"] if machine else []


class Journalctl:
    """A running journalctl."""

    def __init__(self, options: JournalOptions, *more: str) -> None:
        """Start it. Raises OSError, FileNotFoundError when the host has none."""
        self._process = subprocess.Popen(  # noqa: S603 - no shell
            ["journalctl", *more, *options.arguments()],  # noqa: S607 - where the system has it
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C", "SYSTEMD_COLORS": "0"},
            start_new_session=True,
        )
        stdout, stderr = self._process.stdout, self._process.stderr
        if stdout is None or stderr is None:
            raise OSError("journalctl has no pipes")
        self._output, self._errors = stdout.fileno(), stderr.fileno()
        for descriptor in (self._output, self._errors):
            os.set_blocking(descriptor, False)
        self._said = b""
        self._ended = False

    def read(self, limit: int) -> bytes:
        """What it wrote meanwhile, at most limit bytes and perhaps nothing."""
        parts: list[bytes] = []
        while limit > 0 and (data := self._read_pipe(self._output, min(limit, _PIPE_BYTES))):
            parts.append(data)
            limit -= len(data)
        return b"".join(parts)

    def said(self) -> str:
        """What it complains of."""
        while data := self._read_pipe(self._errors, _PIPE_BYTES):
            self._said = (self._said + data)[:_SAID_BYTES]
        return self._said.decode("ascii", "replace")

    def ended(self) -> str | None:
        """How it ended, when it did and all of its output was read; None while it runs."""
        if not self._ended or (status := self._process.poll()) is None:
            return None
        if said := " ".join(self.said().split()):
            return f"journalctl: {said}"
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        return f"journalctl ended with {how}"

    def close(self) -> None:
        """End it, and take its status, so that nothing of it is left."""
        self._process.kill()
        self._process.communicate()

    def _read_pipe(self, descriptor: int, limit: int) -> bytes:
        """Bytes that are there; none when there are none, or no more will come."""
        try:
            data = os.read(descriptor, limit)
        except BlockingIOError:
            return b""
        self._ended = self._ended or (descriptor == self._output and not data)
        return data
