"""An honest agent beside 2,000 half-open streams and 200 silent sockets, and bombs.

What      A collector process, plaintext and with certificates; the strangers are a process of their
          own and, with certificates, have one. Everything shares the machine.
Shown     How long acknowledgements take alone and beside them (p50, p99); how many connections
          are open; how much memory the collector takes more, beside them and for bombs.
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from tests.faults.abuse import (
    abused,
    acknowledged_ms,
    bombs,
    established,
    forget_peak,
    memory_kib,
    p99,
    throw,
)
from tests.faults.guarded import Guarded, guarded

BAR_MS, BAR_MIB = 100, 16


def main() -> int:
    """Print the figures; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=2_000)
    parser.add_argument("--sockets", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--unpacked", type=int, default=512, help="MiB in a compressed message")
    options = parser.parse_args()
    good = True
    for secure in (False, True):
        with tempfile.TemporaryDirectory() as folder, guarded(Path(folder), secure=secure) as one:
            print("with certificates" if secure else "plaintext")
            good &= _waits(one, options)
            good &= _memory(one, options.unpacked)
    return 0 if good else 1


def _waits(one: Guarded, options: argparse.Namespace) -> bool:
    async def measured() -> list[float]:
        return await acknowledged_ms(one.address, options.seconds, "mx1", one.honest)

    asyncio.run(acknowledged_ms(one.address, 2, "mx1", one.honest))
    alone = asyncio.run(measured())
    before = memory_kib(one.pid, "VmRSS")
    forget_peak(one.pid)
    with abused(one.address, options.streams, options.sockets, one.stranger):
        beside = asyncio.run(measured())
        connections = established(one.port)
    more_mib = (memory_kib(one.pid, "VmHWM") - before) / 1_024
    for name, waits in (("alone", alone), ("beside them", beside)):
        print(f"  {name}: p50 {waits[len(waits) // 2]:.1f} ms, p99 {p99(waits):.1f} ms")
    over = p99(beside) - p99(alone)
    print(f"  {connections} connections, {more_mib:.1f} MiB more, p99 {over:+.1f} ms")
    return over < BAR_MS


def _memory(one: Guarded, unpacked_mib: int) -> bool:
    before = memory_kib(one.pid, "VmRSS")
    forget_peak(one.pid)
    for name, bomb in bombs(unpacked_mib * 1024 * 1024).items():
        began = time.perf_counter()
        codes = {asyncio.run(throw(one.address, name, bomb, "mx1", one.honest)) for _ in range(5)}
        more_mib = (memory_kib(one.pid, "VmHWM") - before) / 1_024
        took = (time.perf_counter() - began) / 5
        print(
            f"  {name}: {', '.join(code.name for code in codes)}; {more_mib:.1f} MiB, {took:.2f} s"
        )
    return more_mib <= BAR_MIB


if __name__ == "__main__":
    raise SystemExit(main())
