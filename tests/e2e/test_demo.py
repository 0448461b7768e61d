"""``make demo`` on the bundled log."""

import subprocess
import sys
from pathlib import Path

from tests.corpus.bundled import BUNDLED
from tests.e2e.processes import ledger_by_state

DEMO = Path(__file__).resolve().parents[2] / "deploy" / "demo" / "demo.py"


def demo(*options: str) -> subprocess.CompletedProcess[str]:
    """Run it without a terminal."""
    return subprocess.run(
        [sys.executable, DEMO, *options],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )


def test_demo_prints_the_ledgers_figures_and_ends() -> None:
    done = demo()

    assert done.returncode == 0, done.stderr
    expected = ledger_by_state()
    shown = dict(line.split()[:2] for line in done.stdout.splitlines() if len(line.split()) >= 2)
    for state, count in expected.items():
        assert shown[state] == str(count), done.stdout
    assert shown["sent"] == str(BUNDLED.outbound["recipients"])
    for title in ("Outbound mail", "Top bounce reasons", "Outbound error events", "Servers"):
        assert f"== {title}" in done.stdout
    assert "550-5.7.26" in done.stdout


def test_demo_of_a_log_that_is_not_there() -> None:
    done = demo("--log", "/no/such/mail.log")

    assert done.returncode == 1
    assert "cannot be read" in done.stderr
