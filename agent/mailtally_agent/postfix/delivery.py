"""Delivery-agent lines: ``to=<…>, relay=…, delay=…, delays=…, dsn=…, status=… (…)``.

Mirrors   postfix src/global/log_adhoc.c, the one function through which every delivery agent logs.
Gives     DeliveryLogged, or None when the text is not such a line.
Limits    Addresses and the text in parentheses are free text and may hold any of the field names:
          fields are read from the left, in Postfix's order, once. A line is cut at 2,000 bytes, so
          the closing parenthesis may be missing. Where addresses are not quoted (before Postfix
          3.5, or info_log_address_format=internal) an address can end like one of these fields;
          the first reading that is whole is taken, and marked.
"""

import re

from mailtally_agent.postfix.address import ADDRESS
from mailtally_agent.postfix.event import DeliveryLogged

_FIELDS = r"relay=([^,]*+), ([^()]*?, dsn=[^,]*+), status=([A-Za-z-]++)(?: \((.*))?"
_LINE = re.compile(rf"to=<({ADDRESS})>, (?:orig_to=<({ADDRESS})>, )?{_FIELDS}", re.DOTALL)
# Reluctant: the address ends at the first ``>`` behind which everything else follows.
_UNQUOTED = re.compile(rf"to=<(.*?)>, (?:orig_to=<(.*?)>, )?{_FIELDS}", re.DOTALL)
# An unquoted line is read at the cost of its length squared; Postfix logs 2,000 bytes at most.
_UNQUOTED_MAX = 4_096
_new = tuple.__new__


def parse_delivery(text: str) -> DeliveryLogged | None:
    """Read the text behind ``<queue id>: ``; None when it is not a whole delivery line.

    An address without quotes and brackets ends at the first bracket, and what follows up to the
    status is Postfix's own: such a line, as most are, is only cut at its separators.
    """
    recipient, _, rest = text.partition(">, relay=")
    if ">" in recipient or '"' in recipient:
        return _parse_strictly(text)
    fields, _, rest = rest.partition(", status=")
    relay, _, measures = fields.partition(", ")
    status, parenthesis, tail = rest.partition(" (")
    if not parenthesis or ", dsn=" not in measures or not status.isalpha():
        return _parse_strictly(text)
    return _new(DeliveryLogged, (recipient[4:], "", relay, measures, status, tail, False))


def _parse_strictly(text: str) -> DeliveryLogged | None:
    """Read a line whose addresses are quoted, or two, or not quoted where they should be."""
    match = _LINE.fullmatch(text)
    unquoted = match is None
    if match is None:
        match = _UNQUOTED.fullmatch(text, 0, _UNQUOTED_MAX)
        if match is None:
            return None
    return _new(DeliveryLogged, (*match.groups(""), unquoted))
