"""Rotation of a log by the real logrotate, with a daemon that reopens when it is told to."""

import os
import subprocess
from pathlib import Path

from tests.faults.ledger.log_writer import LogWriter

DEADLINE_SECONDS = 20
CONFIG = """{log} {{
    rotate {rotate}
    missingok
    nodateext
    {options}
    postrotate
        touch {flag}
        n=0
        while [ -e {flag} ] && [ $n -lt 1000 ]; do n=$((n+1)); sleep 0.01; done
    endscript
}}
"""
PACKINGS = ("nocompress", "compress", "compress\n    delaycompress")
ROTATE = 60


def rotate(writer: LogWriter, options: str) -> None:
    """Rotate now; ``options`` as in logrotate's configuration."""
    log = writer.path
    folder = log.parent.parent
    flag, state, config = folder / "reopen", folder / "rotation.state", folder / "rotation.conf"
    if os.geteuid() == 0:
        options += "\n    su root root"
    config.write_text(CONFIG.format(log=log, rotate=ROTATE, options=options, flag=flag))
    config.chmod(0o600)
    process = subprocess.Popen(
        ["logrotate", "--force", "--state", state, config],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while process.poll() is None:
        _reopen_when_told(writer, flag)
        try:
            process.wait(0.005)
        except subprocess.TimeoutExpired:
            continue
    said, _ = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 0, said


def _reopen_when_told(writer: LogWriter, flag: Path) -> None:
    if flag.exists():
        writer.reopen()
        flag.unlink()
