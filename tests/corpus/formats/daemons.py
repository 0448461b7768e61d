"""The real rsyslogd and systemd-journald, each fed with a log and asked for what it wrote.

Gives     through_rsyslogd(), through_journald(): the bytes that each format's log holds;
          beside_journald(), for what is to be read while journald writes.
How       Each runs in mount, UTS and PID namespaces that end with it: the host is called mx1, /run
          and the journal's settings are private, the sockets are the daemons' own (/dev/log is a
          symbolic link to journald's; rsyslogd is told a path). The system's own are not touched.
Limits    Needs root, the right to make namespaces, and the packages rsyslog and systemd.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.corpus.formats.rsyslog_config import CONFIGURATIONS

ROOT = Path(__file__).resolve().parents[3]
TIMEOUT_SECONDS = 30
# $0 Python, $1 folder, $2 lines to come; every file of a run gets all of them.
RSYSLOGD = """\
printf mx1 >/proc/sys/kernel/hostname
cd "$1"
rsyslogd -n -f rsyslog.conf -i "$1/pid" &
daemon=$!
until [ -S log ]; do kill -0 $daemon; sleep 0.05; done
(cd - >/dev/null && "$0" -m tests.corpus.formats.replay "$1/log")
for file in *.log; do
    until [ "$(wc -l <"$file")" -ge "$2" ]; do kill -0 $daemon; sleep 0.05; done
done
kill $daemon
wait $daemon
"""
# $1 folder.
_START_JOURNALD = """\
printf mx1 >/proc/sys/kernel/hostname
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /etc/systemd
cp "$1/journald.conf" /etc/systemd/
mount --bind "$1/machine-id" /etc/machine-id
/lib/systemd/systemd-journald &
daemon=$!
socket=/run/systemd/journal/dev-log
until [ -S $socket ]; do kill -0 $daemon; sleep 0.05; done
"""
# $0 Python, $1 folder, then name and journalctl's options in turn.
JOURNALD = f"""\
{_START_JOURNALD}
"$0" -m tests.corpus.formats.replay $socket --own-pids
journalctl --sync
folder=$1
shift
while [ $# -gt 0 ]; do
    # shellcheck disable=SC2086
    journalctl --directory=/run/log/journal --quiet $2 SYSLOG_FACILITY=2 >"$folder/$1.log"
    shift 2
done
kill $daemon
"""
# $0 Python, $1 folder, $2 module.
BESIDE_JOURNALD = f"""\
{_START_JOURNALD}
"$0" -m "$2"
"""
JOURNALD_CONF = """\
[Journal]
Storage=volatile
RateLimitIntervalSec=0
ReadKMsg=no
Audit=no
ForwardToSyslog=no
"""
MACHINE_ID = "6d61696c74616c6c79206d6163686965\n"


def through_rsyslogd(log: bytes, folder: Path) -> dict[str, bytes]:
    """What rsyslogd writes of the log with each template, by the template's name here."""
    written: dict[str, bytes] = {}
    for name, configuration in CONFIGURATIONS.items():
        run = folder / name
        run.mkdir()
        (run / "rsyslog.conf").write_text(configuration.replace("@folder@", str(run)))
        _run(RSYSLOGD, log, str(run), str(log.count(b"\n")))
        written |= _logs(run)
    return written


def through_journald(log: bytes, folder: Path, outputs: Mapping[str, str]) -> dict[str, bytes]:
    """What ``journalctl`` prints of the log with each of these options."""
    run = _journald_folder(folder)
    _run(JOURNALD, log, str(run), *(word for item in outputs.items() for word in item))
    return _logs(run)


def beside_journald(folder: Path, module: str) -> None:
    """Run a module of ours, which sees the journal as the host's; RuntimeError when it fails."""
    _run(BESIDE_JOURNALD, b"", str(_journald_folder(folder)), module)


def _journald_folder(folder: Path) -> Path:
    run = folder / "journald"
    run.mkdir()
    (run / "journald.conf").write_text(JOURNALD_CONF)
    (run / "machine-id").write_text(MACHINE_ID)
    return run


def _run(script: str, log: bytes, *arguments: str) -> None:
    """Run a script in the private view; RuntimeError with what it said when it fails or hangs."""
    view = ("unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc")
    try:
        subprocess.run(
            [*view, "sh", "-ec", script, sys.executable, *arguments],
            input=log,
            capture_output=True,
            check=True,
            cwd=ROOT,
            timeout=TIMEOUT_SECONDS,
            env={
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                "PYTHONPATH": os.pathsep.join(sys.path),
                "TZ": "UTC",
                "LC_ALL": "C",
            },
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = (error.stderr or b"").decode(errors="replace")
        raise RuntimeError(f"{type(error).__name__}: {said}") from error


def _logs(run: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted(run.glob("*.log"))}
