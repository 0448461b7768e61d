"""Lengths of time in microseconds, the unit of every moment here."""

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
QUARTER_US = 15 * MINUTE_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
