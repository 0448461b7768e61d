"""A real Postfix of one's own: made in a temporary folder, run, asked, stopped, removed.

Mirrors   postfix(1), postconf(1); the log is written by postlogd(8) to ``maillog_file``.
Gives     PrivatePostfix, a context manager; PostfixUnavailable, which names what is missing.
Limits    Needs root, the postfix package, and the right to make mount and UTS namespaces: each
          command runs in its own, where the host is called mx1 and /etc/hosts, nsswitch.conf and
          passwd are the private ones. The system's own files and Postfix are not touched.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.postfix.postfix_config import (
    HOST_NAME,
    MAILBOX_UID,
    Settings,
    write_configuration,
)

# $0 host name, $1 folder; the rest is the command.
PRIVATE_VIEW = """\
set -e
printf %s "$0" >/proc/sys/kernel/hostname
for name in hosts nsswitch.conf passwd; do mount --bind "$1/view/$name" "/etc/$name"; done
shift
exec "$@"
"""
STOP_SECONDS = 10.0


class PostfixUnavailable(RuntimeError):  # noqa: N818  a state of the machine, not a mistake
    """This machine cannot run a private Postfix; the text says why."""


class PrivatePostfix:
    """One Postfix instance. ``port`` is its smtpd on 127.0.0.1, ``log`` its mail log."""

    def __init__(self, settings: Settings) -> None:
        require_postfix()
        # Delivery agents give up root, so the way to the folder must be open to all.
        self.root = Path(tempfile.mkdtemp(prefix="mailtally-postfix-"))
        self.root.chmod(0o755)
        self.settings = settings
        self.log = self.root / "mail.log"
        self.config_directory = self.root / "etc"
        self.queue_directory = self.root / "queue"
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]

    def __enter__(self) -> Self:
        """Start; clean up when that fails."""
        try:
            write_configuration(self.root, self.settings, self.port)
            shutil.chown(self.root / "data", "postfix")
            os.chown(self.root / "vmail", MAILBOX_UID, MAILBOX_UID)
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop and remove the folder."""
        try:
            self.stop()
        finally:
            shutil.rmtree(self.root)

    def start(self) -> None:
        """Start and wait until smtpd's port answers."""
        self.command("postfix", "-c", str(self.config_directory), "start")
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection,
            ):
                connection.recv(512)
                connection.sendall(b"QUIT\r\n")
                connection.recv(512)
                return
            time.sleep(0.05)
        raise PostfixUnavailable(f"smtpd did not come up:\n{self.log.read_text()[-2000:]}")

    def stop(self) -> None:
        """Stop, and end by their ids whichever of the instance's processes remain."""
        if self.processes():
            self.command("postfix", "-c", str(self.config_directory), "stop", check=False)
        deadline = time.monotonic() + STOP_SECONDS
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        for process_id in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL)

    def set_parameters(self, **parameters: str) -> None:
        """Change main.cf (postconf -e); reload if running."""
        assignments = [f"{name}={value}" for name, value in parameters.items()]
        config = str(self.config_directory)
        self.command("postconf", "-c", config, "-e", *assignments)
        if not self.processes():
            return
        self.command("postfix", "-c", config, "reload")
        # master restarts qmgr asynchronously; a flush sent meanwhile would reach the old one.
        time.sleep(1.5)

    def command(
        self, *argv: str, stdin: bytes = b"", check: bool = True
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command in the private view; CalledProcessError carries its output."""
        view = ("unshare", "--mount", "--uts", "sh", "-c", PRIVATE_VIEW)
        host_label = HOST_NAME.partition(".")[0]
        return subprocess.run(
            [*view, host_label, str(self.root), *argv],
            input=stdin,
            capture_output=True,
            check=check,
            timeout=60,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TZ": self.settings.time_zone},
        )

    def processes(self) -> list[int]:
        """Ids of this instance's daemons: all of them work in the queue directory."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (entry / "cwd").readlink() == self.queue_directory:
                    found.append(int(entry.name))
        return found


def require_postfix() -> None:
    """Raise PostfixUnavailable unless this machine can run a private Postfix."""
    if os.geteuid() != 0:
        raise PostfixUnavailable("a private Postfix needs root: master(8) starts as root")
    for program in ("postfix", "postqueue", "postsuper", "sendmail", "unshare", "mount"):
        if shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
            raise PostfixUnavailable(f"{program} is not installed (apt install postfix util-linux)")
    trial = subprocess.run(
        ["unshare", "--mount", "--uts", "true"], capture_output=True, text=True, check=False
    )
    if trial.returncode != 0:
        raise PostfixUnavailable(f"no right to make namespaces: {trial.stderr.strip()}")


def postfix_version() -> str:
    """``mail_version`` of the installed Postfix, such as 3.7.11."""
    done = subprocess.run(
        ["/usr/sbin/postconf", "-d", "-h", "mail_version"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
