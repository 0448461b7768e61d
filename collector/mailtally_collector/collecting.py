"""How logs are collected: the values that settings may have.

Gives     ``Collecting``, and ``interval_fault``: why an interval cannot be set.
"""

from dataclasses import dataclass

CONTINUOUS = 0
INTERVAL_MIN, INTERVAL_MAX = 3_600, 86_400
# What a request to collect now may be; the numbers are those of CollectState in the contract.
WAITING, READING, DONE, NOT_CONNECTED, FAILED, TIMED_OUT = range(1, 7)
UNDER_WAY = (WAITING, READING)


@dataclass(frozen=True, slots=True)
class Collecting:
    """Settings of the fleet or of a server; ``changed_us`` 0 and ``changed_by`` "" by default."""

    enabled: bool = True
    interval_seconds: int = CONTINUOUS
    revision: int = 1
    changed_us: int = 0
    changed_by: str = ""


DEFAULT = Collecting()


def interval_fault(seconds: int) -> str:
    """Say why logs cannot be collected at that interval; "" when they can."""
    if seconds == CONTINUOUS or INTERVAL_MIN <= seconds <= INTERVAL_MAX:
        return ""
    return (
        f"interval_seconds: {seconds} is neither 0 (continuously) nor {INTERVAL_MIN} to"
        f" {INTERVAL_MAX} (every 1 h to every 24 h)"
    )
