"""The logs that the configuration names."""

from mailtally_agent.config import Config
from mailtally_agent.reading import LogOptions
from mailtally_agent.source.disk import Disk


def configured_logs(config: Config, disk: Disk) -> tuple[LogOptions, ...]:
    """Each log that is followed, in the order of the configuration."""
    logs = [LogOptions.of_file(disk, str(path)) for path in config.logs]
    if config.journal is not None:
        logs.append(LogOptions.of_journal(config.journal))
    return tuple(logs)
