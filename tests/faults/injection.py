"""Making system calls of a running process fail, for a while."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def failing(pid: int, calls: str, error: str) -> Iterator[None]:
    """Let these calls (``pwrite64,ftruncate``) of all threads fail with an error (``ENOSPC``)."""
    command = ["strace", "--follow-forks", f"--attach={pid}", "--output=/dev/null"]
    command += [f"--trace={calls}", f"--inject={calls}:error={error}"]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE)
    assert tracer.stderr is not None
    said = tracer.stderr.readline()
    try:
        assert b"attached" in said, said
        yield
    finally:
        tracer.terminate()
        tracer.communicate(timeout=30)
