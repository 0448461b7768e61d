"""What the agent takes while nothing happens, beside what is published of others: ``make bench``.

What      An agent that follows a quiet log, connected to a collector: resident memory, and CPU time
          as a share of one core over a minute.
Bars      60 MiB and 1 % of a core. Exit status 1 when one is missed.
Beside    Figures that users of other log shippers published; they are of other machines and loads.
"""

import argparse
import atexit
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.resources import cpu_share, resident_mib
from tests.e2e.processes import Agent, Collector, bundled_log, end_all

MEMORY_MIB_MAX = 60.0
CPU_SHARE_MAX = 0.01
SETTLE_SECONDS = 5.0
PUBLISHED = (
    ("Fluent Bit", "25 MiB", "vectordotdev/vector#22036"),
    ("Vector", "150 MiB", "vectordotdev/vector#22036"),
    ("Filebeat", "25 to 70 MB", "elastic/beats#26342"),
)


def idle(folder: Path, seconds: float) -> tuple[float, float]:
    """Memory in MiB and share of a core of an agent with nothing to do."""
    collector = Collector(folder)
    collector.start()
    agent = Agent(folder, collector.address, bundled_log(folder))
    agent.start()
    time.sleep(SETTLE_SECONDS)
    assert agent.process is not None
    share = cpu_share(agent.process.pid, seconds)
    memory = resident_mib(agent.process.pid)
    assert '"connected": true' in (agent.state / "status.json").read_text()
    agent.end()
    collector.end()
    return memory, share


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (default 60)")
    options = parser.parse_args()
    atexit.register(end_all)
    with tempfile.TemporaryDirectory(prefix="idle-") as name:
        memory, share = idle(Path(name), options.seconds)
    print(f"{'following a quiet log':<24}{'memory':>14}{'of a core':>12}")
    print(f"{'mailtally-agent':<24}{f'{memory:.1f} MiB':>14}{share:>12.2%}")
    for name, figure, source in PUBLISHED:
        print(f"{name:<24}{figure:>14}{'':>12}  published: {source}")
    missed = memory > MEMORY_MIB_MAX or share > CPU_SHARE_MAX
    print(f"bars: {MEMORY_MIB_MAX:.0f} MiB, {CPU_SHARE_MAX:.0%}: {'MISSED' if missed else 'kept'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
