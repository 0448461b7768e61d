"""Whether the agent of a server is connected, at whatever collector.

Limits    The stream of a collector that was killed counts as open until nothing was heard of the
          agent for HEARD_US; agents tell how they do every few seconds.
"""

HEARD_US = 30_000_000


def gone_since(last_seen_us: int, connected_us: int | None, left_us: int | None) -> int:
    """When the agent was lost, perhaps in the future: ask whether it is past; 0 for long ago.

    The arguments are columns of server and agent_report, None where there is no such row.
    """
    if not connected_us:
        return 0
    return left_us or max(last_seen_us, connected_us) + HEARD_US
