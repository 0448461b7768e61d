"""Make the logs of ``made/`` anew: one piece of the bundled log in every syslog format.

Gives     made/*.log, made/README.md.
Limits    Needs what daemons.py needs; takes some seconds.
"""

import subprocess
import tempfile
from pathlib import Path

from tests.corpus.bundled import BUNDLED
from tests.corpus.formats.daemons import through_journald, through_rsyslogd
from tests.corpus.formats.journal_outputs import AS_TEXT, FEW_FIELDS
from tests.corpus.formats.part import representative
from tests.corpus.formats.reading import MADE

OF_EACH_SHAPE = 2
README = """\
# One traffic, many formats

`postlogd.log` is a part of the bundled log (`tests/corpus/real/mail.log`): {lines} lines, whole
messages. The other files are what real syslog daemons wrote when they were sent the same lines over
their datagram sockets, as Postfix sends them:

- `rsyslog-*.log`: {rsyslogd}, with the configurations of `rsyslog_config.py`; the sender's
  time stamps are kept
- `journal-*.log`: journalctl of {journald}, with the options of `journal_outputs.py`; a journal
  has the moment of the reception

Made by `make corpus-formats` as root.
"""


def main() -> None:
    """Choose the part, send it through the daemons, write what they made of it."""
    whole = BUNDLED.log.read_bytes().decode("utf-8", "surrogateescape").split("\n")[:-1]
    part = representative(whole, of_each_shape=OF_EACH_SHAPE)
    log = "".join(f"{line}\n" for line in part).encode("utf-8", "surrogateescape")
    with tempfile.TemporaryDirectory(prefix="mailtally-formats-") as folder:
        formats = {
            "postlogd": log,
            **through_rsyslogd(log, Path(folder)),
            **through_journald(log, Path(folder), FEW_FIELDS | AS_TEXT),
        }
    for path in MADE.glob("*.log"):
        path.unlink()
    for name, content in formats.items():
        (MADE / f"{name}.log").write_bytes(content)
    readme = README.format(
        lines=len(part), rsyslogd=_version("rsyslogd", "-v"), journald=_version("journalctl")
    )
    (MADE / "README.md").write_text(readme)


def _version(program: str, option: str = "--version") -> str:
    """Name and version as the program says them: ``rsyslogd 8.2302.0``."""
    done = subprocess.run([program, option], capture_output=True, text=True, check=True)
    return " ".join(done.stdout.split()[:2])


if __name__ == "__main__":
    main()
