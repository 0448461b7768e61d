"""The collector process: wires the parts, runs until it is told to stop.

Start     1. Bring the database to this version.  2. Read the rules and the authority.  3. Bind the
          ports.  4. Start the writer, the timetable, the services and the dashboard.
Stop      1. Health says not serving.  2. Streams end: agents' after the acknowledgement of what was
          read, those of new events at once.  3. The writer commits what it has.  4. Exit.
"""

import asyncio
import gc
import logging
import signal
import time
from pathlib import Path
from random import SystemRandom

from grpc_health.v1 import health

from mailtally.v1 import control_pb2, control_pb2_grpc, ingest_pb2, query_pb2, query_pb2_grpc
from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.config import Config
from mailtally_collector.control_desk import ControlDesk
from mailtally_collector.control_service import ControlService
from mailtally_collector.dashboard import Dashboard
from mailtally_collector.doors import Doors
from mailtally_collector.identity.ledger import DatabaseLedger
from mailtally_collector.ingest import IngestService
from mailtally_collector.ingest_limits import report_handler
from mailtally_collector.jobs import jobs_of
from mailtally_collector.people.callers import Callers
from mailtally_collector.presence import Presence
from mailtally_collector.query_service import QueryService
from mailtally_collector.rule_watch import RuleWatch
from mailtally_collector.serving import add_health, add_reflection
from mailtally_collector.store.database import (
    close_reading,
    migrate,
    open_for_reading,
    partitioned_at,
)
from mailtally_collector.store.schema_version import DatabaseRefusedError
from mailtally_collector.store.store import Store
from mailtally_collector.timetable import Timetable

logger = logging.getLogger(__name__)

STOP_SECONDS = 5
# Records and rows make no cycles: looking for some among them took a quarter of the time.
COLLECTIONS = (700_000, 10, 50)
SERVICES = (
    ingest_pb2.DESCRIPTOR.services_by_name["IngestService"].full_name,
    query_pb2.DESCRIPTOR.services_by_name["QueryService"].full_name,
    control_pb2.DESCRIPTOR.services_by_name["ControlService"].full_name,
)


class DatabaseLostError(DatabaseRefusedError):
    """The database file must not be used any more; the message says why."""


def now_us() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1_000


async def run(
    config: Config, port_file: Path | None = None, web_port_file: Path | None = None
) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises DatabaseRefusedError, also later, PortError, AuthorityError, or OSError for a file.
    """
    gc.set_threshold(*COLLECTIONS)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(config, stop, port_file, web_port_file)


async def serve(
    config: Config,
    stop: asyncio.Event,
    port_file: Path | None = None,
    web_port_file: Path | None = None,
) -> None:
    """Serve until ``stop`` is set; the ports go to these files when they are listened on."""
    location = config.storage.database
    for name in await asyncio.to_thread(migrate, location):
        logger.info("migration applied name=%s", name)
    presence = Presence()
    rules = await asyncio.to_thread(CurrentRules, config.rules.folder)
    lost: list[str] = []
    loop = asyncio.get_running_loop()

    def end(reason: str) -> None:
        """Stop when the database must not be used any more; the writer says why."""
        lost.append(reason)
        loop.call_soon_threadsafe(stop.set)

    store = Store(location, now_us, rules, end)
    rule_watch = RuleWatch(rules, store)
    reader = open_for_reading(location)
    jobs = jobs_of(
        *(config, store.transact, reader, SystemRandom()),
        partitioned=partitioned_at(location),
        sweep=store.sweep,
    )
    timetable = Timetable(jobs, store.transact, now_us)
    callers = Callers(reader, store.transact, now_us)
    desk = ControlDesk(reader, store.transact, presence, now_us, callers)
    doors = Doors(config, DatabaseLedger(reader, store.transact, now_us), now_us)
    ingest = IngestService(
        store, presence, desk.watch, now_us, streams=doors.streams, admission=doors.admission
    )
    query = QueryService(
        *(location, presence, now_us, rules), callers=callers, agent_of=doors.admission.agent_of
    )
    serving = await _offer(doors, config, ingest, query, desk.service)
    address = doors.listen()
    dashboard = Dashboard(config, presence, rules, now_us, store.transact)
    for part in (store, rule_watch, timetable):
        part.start()
    try:
        await desk.watch.start()
        await doors.start()
        await asyncio.to_thread(dashboard.start)
        _write_port(web_port_file, f":{dashboard.port}")
        _write_port(port_file, address)
        logger.info("listening address=%s database=%s", address, location)
        await stop.wait()
        logger.info("stopping address=%s", address)
        await serving.enter_graceful_shutdown()
        web_ends = asyncio.create_task(asyncio.to_thread(dashboard.stop))
        for service in (ingest, query, desk.service):
            service.stop()
        await doors.stop(STOP_SECONDS)
        await web_ends
    finally:
        await desk.close()
        for end_of in (dashboard.stop, callers.close, timetable.stop, rule_watch.stop, store.close):
            await asyncio.to_thread(end_of)
        close_reading(reader)
        query.close()
    logger.info("stopped address=%s", address)
    if lost:
        raise DatabaseLostError(lost[0])


async def _offer(
    doors: Doors,
    config: Config,
    ingest: IngestService,
    query: QueryService,
    control: ControlService,
) -> health.aio.HealthServicer:
    doors.server.add_generic_rpc_handlers((report_handler(ingest),))
    for server in (doors.server, doors.for_people):
        query_pb2_grpc.add_QueryServiceServicer_to_server(query, server)
        control_pb2_grpc.add_ControlServiceServicer_to_server(control, server)
    if config.listen.reflection:
        add_reflection(doors.server, SERVICES)
    return await add_health(doors.server, SERVICES)


def _write_port(file: Path | None, address: str) -> None:
    """Write the port in one step, so that who waits for the file never reads half of it."""
    if file is None:
        return
    partial = file.with_name(file.name + ".part")
    partial.write_text(address.rpartition(":")[2] + "\n", encoding="ascii")
    partial.replace(file)
