"""The agent starts without what only enrolment and trouble need."""

import subprocess
import sys


def test_a_start_imports_no_cryptography() -> None:
    code = "import sys, mailtally_agent.daemon, mailtally_agent.check; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    heavy = {"cryptography", "peewee", "pydantic", "mailtally_agent.tls_trouble"}
    assert heavy.isdisjoint(done.stdout.split())
