"""How the agent is doing, as the collector is told."""

from mailtally.v1 import ingest_pb2 as pb
from mailtally_agent.collecting import Collecting
from mailtally_agent.harvest import Harvest

OPEN_MESSAGES_MAX = 20


def agent_status(harvest: Harvest, collecting: Collecting | None, now_us: int) -> pb.AgentStatus:
    """Put the message together. Raises OSError when the log cannot be looked at."""
    reader, counts = harvest.reader, harvest.log_file.counts
    samples = zip(reader.sample_daemons, reader.samples, strict=True)
    return pb.AgentStatus(
        time_us=now_us,
        newest_line_us=reader.newest_us or 0,
        lines_read=reader.lines,
        lines_unparsed=reader.unparsed.total(),
        lines_oversize=counts.oversize,
        backlog_bytes=harvest.log_file.backlog_bytes(),
        open_messages=reader.open_messages,
        gaps=counts.gaps + reader.losses,
        oldest_line_us=reader.oldest_us or 0,
        settings_revision=collecting.revision if collecting else 0,
        next_collection_us=collecting.next_us if collecting else 0,
        unparsed_samples=[
            pb.UnparsedSample(daemon=daemon, line=line.encode("utf-8", "surrogateescape"))
            for daemon, line in samples
        ],
        oldest_open_messages=[
            pb.OpenMessage(
                instance=message.instance,
                queue_id=message.queue_id,
                arrival_us=message.arrival_us,
            )
            for message in reader.oldest_open(OPEN_MESSAGES_MAX)
        ],
    )
