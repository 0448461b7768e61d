"""Runs one command of a compared tool and gives what it printed.

Limits    The environment is fixed (locale C, UTC), so that reports read alike on every machine.
"""

import subprocess
from pathlib import Path

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": "/"}


def report(command: list[str | Path], stdin: bytes = b"", **environment: str) -> str:
    """Standard output as text; CalledProcessError when the command fails."""
    done = subprocess.run(
        command, input=stdin, capture_output=True, check=True, env=ENVIRONMENT | environment
    )
    return done.stdout.decode("latin-1")


def package_version(package: str) -> str:
    """Version of an installed Debian package."""
    return report(["dpkg-query", "-W", "-f", "${Version}", package]).strip()
