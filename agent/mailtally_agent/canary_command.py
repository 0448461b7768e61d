"""``mailtally-agent canary`` on the command line: options in, what became of lines, exit status."""

import argparse
import asyncio
import json
import signal
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime

import grpc

from mailtally_agent.canary import Probe, Report
from mailtally_agent.canary_lines import LogFile, Syslog
from mailtally_agent.canary_watch import Plan, Sink, Watch
from mailtally_agent.config import Config
from mailtally_agent.connection import Link, describe_error, read_material
from mailtally_agent.identity import IdentityError

EXIT_FINDING = 1


def run(config: Config, options: argparse.Namespace) -> int:
    """Write and look; 0 when every line came once, 1 when not or when it cannot be told."""
    if options.collector:
        config = replace(config, collectors=[options.collector])
    try:
        identity, _ = read_material(config)
        teller = _Teller(", ".join(config.collectors_of(identity)), is_quiet=options.json)
        server = identity.server if identity else config.server
        watch = Watch(server, _plan(options), _sink(config, options), teller)
        problem = asyncio.run(_run(config, watch))
    except IdentityError as error:
        problem = str(error)
    except OSError as error:
        problem = f"{error.filename}: {error.strerror}; see [collector.tls]"
    if problem:
        _complain(problem)
        return EXIT_FINDING
    report = watch.tally.report(watch.waiting)
    print(json.dumps(asdict(report)) if options.json else "\n".join(_text(report)))
    return 0 if watch.tally.is_well else EXIT_FINDING


async def _run(config: Config, watch: Watch) -> str:
    """Watch; what the collector refuses, "" when it does not."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with Link(config) as link:
        watching = asyncio.create_task(watch.run(await link.channel(), stopped))
        stopping = asyncio.create_task(stopped.wait())
        try:
            # A question that is under way does not hold up the end.
            await asyncio.wait({watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                watching.result()
        except grpc.aio.AioRpcError as error:
            return await link.explain(error)
        finally:
            for task in (watching, stopping):
                task.cancel()
            await asyncio.gather(watching, stopping, return_exceptions=True)
    return ""


def _plan(options: argparse.Namespace) -> Plan:
    return Plan(options.interval, 1 if options.once else options.count, options.timeout)


def _sink(config: Config, options: argparse.Namespace) -> Sink:
    if options.file is None:
        return Syslog(options.socket, _now)
    return LogFile(options.file, config.server, config.time_zone, _now)


def _now() -> datetime:
    return datetime.now(UTC).astimezone()


class _Teller:
    """Says what happens: a line for each probe on standard output, what is wrong on the other."""

    def __init__(self, collector: str, *, is_quiet: bool) -> None:
        self._collector = collector
        self._is_quiet = is_quiet

    def judged(self, probe: Probe) -> None:
        """A probe was seen, or its time is over."""
        if not probe.is_seen:
            _complain(
                f"{len(probe.missing)} of {len(probe.lines)} lines of {probe.queue_id} did not"
                f" come: {', '.join(probe.missing)}"
            )
        elif not self._is_quiet:
            print(
                f"{_now():%Y-%m-%d %H:%M:%S%z}  {probe.queue_id}"
                f"  {len(probe.lines)} lines after {probe.latency:.2f} s",
                flush=True,
            )

    def doubled(self, probe: Probe) -> None:
        """More lines were found than were written."""
        _complain(f"{probe.doubled} lines of {probe.queue_id} came twice")

    def unwritten(self, error: OSError) -> None:
        """Lines could not be written."""
        _complain(f"lines cannot be written: {error}; see --socket and --file")

    def away(self, error: grpc.aio.AioRpcError | None) -> None:
        """The collector does not answer; or, with None, does again."""
        if error is None:
            _complain(f"collector {self._collector} answers again")
        else:
            _complain(f"{describe_error(self._collector, error)} (asked again until it answers)")


def _text(report: Report) -> list[str]:
    counts = ("seen", "lost", "doubled", "unanswered", "unwritten", "waiting")
    lines = [f"{report.probes} probes, {report.lines} lines"]
    lines.append(", ".join(f"{getattr(report, name)} {name}" for name in counts))
    latencies = [f"{name} {one:.2f} s" for name, one in report.latency_seconds.items()]
    return [*lines, f"latency {', '.join(latencies)}"] if latencies else lines


def _complain(text: str) -> None:
    print(f"mailtally-agent canary: {text}", file=sys.stderr, flush=True)
