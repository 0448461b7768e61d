"""Syslog headers: forms, years and clocks that are set back."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from mailtally_agent.syslog import TimeStamps, epoch_us, split_head

BERLIN = ZoneInfo("Europe/Berlin")


def moment_us(text: str) -> int:
    return epoch_us(datetime.fromisoformat(text))


def times(reader: TimeStamps, *stamps: str) -> list[str]:
    """UTC moments of these time stamps, in order."""
    moments = []
    for stamp in stamps:
        time_us = reader.time_us(stamp)
        assert time_us is not None
        moments.append(datetime.fromtimestamp(time_us / 1e6, UTC).isoformat())
    return moments


@pytest.mark.parametrize("stamp", ["Mar  1 09:05:07", "Mar 1 09:05:07", "2026-03-01T09:05:07Z"])
def test_head_is_split_behind_the_time_stamp(stamp: str) -> None:
    assert split_head(f"{stamp} mx1 postfix/smtp[99") == (stamp, "mx1 postfix/smtp[99")


@pytest.mark.parametrize("head", ["", "x", "Mar 1", "1", "mx1 postfix/smtp[99", "\udcff\udcfe"])
def test_other_heads_are_none(head: str) -> None:
    assert split_head(head) is None


@pytest.mark.parametrize(
    "stamp",
    [
        "Mar  1 09:05:07",
        "Mar 01 09:05:07",
        "Mar 1 09:05:07",
        "2026-03-01T09:05:07Z",
        "2026-03-01T10:05:07.000000+01:00",
        "2026-03-01T09:05:07+0000",
        "2026 Mar  1 09:05:07",
        "2026 Mar 01 09:05:07.000",
        "Mar  1 2026 09:05:07",
    ],
)
def test_03_all_forms_of_a_time_stamp_give_the_same_moment(stamp: str) -> None:
    reader = TimeStamps(ZoneInfo("UTC"), moment_us("2026-03-02T00:00:00Z"))

    assert times(reader, stamp) == ["2026-03-01T09:05:07+00:00"]


def test_03_year_and_fraction_that_a_stamp_gives_are_taken() -> None:
    reader = TimeStamps(ZoneInfo("UTC"), moment_us("2026-03-02T00:00:00Z"))

    (time,) = times(reader, "2013 Jun 12 06:35:24.123")

    assert time == "2013-06-12T06:35:24.123000+00:00"


def test_01_year_turns_within_a_log() -> None:
    reader = TimeStamps(ZoneInfo("UTC"), moment_us("2027-01-02T00:00:00Z"))

    assert times(reader, "Dec 31 23:59:59", "Jan  1 00:00:00") == [
        "2026-12-31T23:59:59+00:00",
        "2027-01-01T00:00:00+00:00",
    ]


def test_01_first_line_is_not_after_the_files_last_change() -> None:
    reader = TimeStamps(ZoneInfo("UTC"), moment_us("2026-06-01T00:00:00Z"))

    assert times(reader, "Jun  3 00:00:00") == ["2025-06-03T00:00:00+00:00"]


def test_01_leap_day_is_in_a_leap_year() -> None:
    reader = TimeStamps(ZoneInfo("UTC"), moment_us("2028-03-01T00:00:00Z"))

    assert times(reader, "Feb 29 12:00:00") == ["2028-02-29T12:00:00+00:00"]


def test_02_hour_that_a_clock_shows_twice_is_told_apart_by_order() -> None:
    reader = TimeStamps(BERLIN, moment_us("2026-10-26T00:00:00Z"))

    assert times(
        reader, "Oct 25 01:59:59", "Oct 25 02:00:01", "Oct 25 02:59:59", "Oct 25 02:00:00"
    ) == [
        "2026-10-24T23:59:59+00:00",
        "2026-10-25T00:00:01+00:00",
        "2026-10-25T00:59:59+00:00",
        "2026-10-25T01:00:00+00:00",
    ]


@pytest.mark.parametrize(
    "stamp",
    [
        "",
        "Foo  1 09:05:07",
        "Mar 41 09:05:07",
        "2026-03-01T09:05:07",
        "2026-13-01T09:05:07Z",
        "Mar  1 09:05",
        "2026 Feb 29 09:05:07",
        "0000 Mar  1 09:05:07",
    ],
)
def test_other_stamps_are_none(stamp: str) -> None:
    assert TimeStamps(ZoneInfo("UTC"), moment_us("2026-03-02T00:00:00Z")).time_us(stamp) is None


def test_minute_cache_refuses_seconds_that_are_no_number() -> None:
    reader = TimeStamps(ZoneInfo("UTC"), moment_us("2026-03-02T00:00:00Z"))

    assert reader.time_us("Mar  1 09:05:07") is not None
    assert reader.time_us("Mar  1 09:05:xx") is None


def test_next_file_in_another_year_begins_there() -> None:
    reader = TimeStamps(UTC, moment_us("2022-03-01T09:05:09+00:00"))
    assert times(reader, "Mar  1 09:05:07") == ["2022-03-01T09:05:07+00:00"]

    reader.lie_near(moment_us("2024-03-01T09:05:07+00:00"))

    assert times(reader, "Mar  1 09:05:07", "Mar  1 09:05:08", "Feb  1 00:00:00") == [
        "2024-03-01T09:05:07+00:00",
        "2024-03-01T09:05:08+00:00",
        "2024-02-01T00:00:00+00:00",
    ]


def test_next_file_in_the_hour_that_comes_twice_goes_on_from_the_last_line() -> None:
    reader = TimeStamps(BERLIN, moment_us("2026-10-25T02:00:00+00:00"))
    assert times(reader, "Oct 25 02:59:59") == ["2026-10-25T00:59:59+00:00"]

    reader.lie_near(moment_us("2026-10-25T00:00:01+00:00"))

    assert times(reader, "Oct 25 02:00:01") == ["2026-10-25T01:00:01+00:00"]
