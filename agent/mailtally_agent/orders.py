"""What the collector orders, off the contract's types, and what is answered."""

from mailtally.v1 import ingest_pb2 as pb
from mailtally_agent.collecting import Result
from mailtally_agent.schedule import Mode, Settings

_MODE = {
    pb.COLLECTION_CONTINUOUS: Mode.CONTINUOUS,
    pb.COLLECTION_INTERVAL: Mode.INTERVAL,
    pb.COLLECTION_OFF: Mode.OFF,
}
INTERVAL_MIN, INTERVAL_MAX = 3_600, 86_400


def decode_settings(settings: pb.Settings) -> Settings:
    """Settings of the wire; a way of collecting that this version does not know is continuous."""
    mode = _MODE.get(settings.collection, Mode.CONTINUOUS)
    seconds = 0
    if mode is Mode.INTERVAL:
        seconds = min(max(settings.interval_seconds, INTERVAL_MIN), INTERVAL_MAX)
    return Settings(settings.revision, mode, seconds)


def encode_result(result: Result) -> pb.CommandResult:
    """How far a command is."""
    return pb.CommandResult(
        id=result.command_id, done=result.done, error=result.error, records_sent=result.records
    )
