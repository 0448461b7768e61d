"""A database filled the real way: lines → the agent's reader → the wire → the collector's store."""

import hashlib
from collections.abc import Sequence
from datetime import UTC
from ipaddress import ip_network
from pathlib import Path

from peewee import Database

from mailtally.v1 import record_pb2
from mailtally_agent import __version__
from mailtally_agent.direction import DirectionRules
from mailtally_agent.log_reader import LogReader
from mailtally_agent.wire import encode
from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.durations import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from mailtally_collector.ingest_codec import decode_record
from mailtally_collector.records import AgentReport, AgentState, Gap, Sample, SourceReport
from mailtally_collector.store.agent_reports import note_connected, store_report
from mailtally_collector.store.database import migrate, open_for_writing
from mailtally_collector.store.dialect import sql_for, writing
from mailtally_collector.store.servers import greet, store_agent_state
from mailtally_collector.store.write_batch import Batch, BatchStore
from mailtally_collector.terms import GapCause
from tests.web.log_lines import HOSTILE_TEXTS, NOW, SERVERS, Mail

NOW_US = round(NOW.timestamp() * SECOND_US)
RECORDS_AT_ONCE = 2_000
GAPPED = SERVERS[2]


def store_lines(path: Path, mail: Mail) -> None:
    """Store what agents would have reported of these lines, and what they say of themselves."""
    migrate(path)
    database = open_for_writing(path)
    batches = BatchStore(database, CurrentRules(None))
    with database.connection_context():
        sql_for(database).run("PRAGMA synchronous = off")
        for server, lines in mail.by_server():
            records = read(lines)
            for at in range(0, len(records), RECORDS_AT_ONCE):
                decoded = [decode_record(one, NOW_US) for one in records[at : at + RECORDS_AT_ONCE]]
                token = hashlib.sha256(f"{server} {at}".encode()).digest()[:16]
                batch = Batch(server, decoded, token, NOW_US, [])
                batches.prepare([batch])
                with writing(database):
                    batches.store([batch])
                batches.settle()
            _told(database, batches, server, len(lines))


def read(lines: Sequence[str]) -> list[record_pb2.Record]:
    """What an agent makes of lines, as it goes over the wire."""
    reader = LogReader(UTC, NOW_US, DirectionRules([ip_network("127.0.0.1/32")]))
    sent = [encode(record).SerializeToString() for record in reader.read(lines)]
    return [record_pb2.Record.FromString(one) for one in sent]


def _told(database: Database, batches: BatchStore, server: str, lines: int) -> None:
    """The agent's own words, with hostile samples; one server has a gap."""
    is_behind = server == SERVERS[1]
    state = AgentState(
        newest_line_us=NOW_US - (42 * SECOND_US if is_behind else 2 * SECOND_US),
        oldest_line_us=NOW_US - 31 * DAY_US,
        lines_read=lines,
        lines_unparsed=len(HOSTILE_TEXTS),
        lines_oversize=0,
        backlog_bytes=81_920 if is_behind else 0,
        open_messages=3,
        gaps=1 if server == GAPPED else 0,
    )
    samples = [
        Sample("postfix/smtp", text.encode("utf-8", "surrogateescape")) for text in HOSTILE_TEXTS
    ]
    source = SourceReport("/var/log/mail.log", state.newest_line_us, state.backlog_bytes, "")
    report = AgentReport(1_200, state.oldest_line_us, 1, 0, samples, [], [source])
    with writing(database):
        sql = sql_for(database)
        greet(sql, server, __version__, b"", NOW_US)
        note_connected(sql, server, 1, NOW_US - HOUR_US)
        store_agent_state(sql, server, state, NOW_US)
        store_report(sql, server, report, NOW_US)
    if server == GAPPED:
        begin_us = NOW_US - 5 * DAY_US
        gap = Gap(
            gap_hash=77,
            from_us=begin_us,
            to_us=begin_us + 50 * MINUTE_US,
            cause=GapCause.ROTATED_AWAY,
            certain=True,
            lost_lines=0,
            source="mail.log",
        )
        with writing(database):
            batches.store([Batch(server, [], b"gap".ljust(16), NOW_US, [gap])])
