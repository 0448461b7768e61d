"""How the agent is doing, as the collector is told."""

from mailtally.v1 import ingest_pb2 as pb
from mailtally_agent.collecting import Collecting
from mailtally_agent.harvest import Harvest
from mailtally_agent.reading import Reading

OPEN_MESSAGES_MAX = 20


def agent_status(harvest: Harvest, collecting: Collecting | None, now_us: int) -> pb.AgentStatus:
    """Put the message together."""
    totals = harvest.totals()
    return pb.AgentStatus(
        time_us=now_us,
        newest_line_us=totals.newest_us or 0,
        lines_read=totals.lines,
        lines_unparsed=totals.unparsed.total(),
        lines_oversize=totals.oversize,
        backlog_bytes=harvest.backlog_bytes(),
        open_messages=totals.open_messages,
        gaps=totals.gaps + totals.losses,
        # What is told to be read stays so. Nothing stands for it before something is stored.
        oldest_line_us=(totals.oldest_us or 0) if harvest.is_held else 0,
        settings_revision=collecting.revision if collecting else 0,
        next_collection_us=collecting.next_us if collecting else 0,
        unparsed_samples=[
            pb.UnparsedSample(daemon=daemon, line=line.encode("utf-8", "surrogateescape"))
            for daemon, line in totals.samples
        ],
        oldest_open_messages=[
            pb.OpenMessage(
                instance=message.instance,
                queue_id=message.queue_id,
                arrival_us=message.arrival_us,
            )
            for message in harvest.oldest_open(OPEN_MESSAGES_MAX)
        ],
        sources=[_source(reading) for reading in harvest.readings],
    )


def _source(reading: Reading) -> pb.SourceStatus:
    return pb.SourceStatus(
        name=reading.name,
        newest_line_us=reading.reader.newest_us or 0,
        backlog_bytes=reading.backlog_bytes(),
        problem="" if reading.problem is None else str(reading.problem),
    )
