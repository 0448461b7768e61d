"""What the reference reader tells of a delivery line's own fields."""

import re
from decimal import Decimal

from tests.reference.generation import Object
from tests.reference.shapes import ANSWER, PHASE, QUEUE_ID, RELAY

_UNKNOWN_HERE = ("user unknown in ", "unknown user", "mail for ")
_FORWARDED = re.compile(rf"forwarded as (?P<child>{QUEUE_ID})\)?")
_QUEUED = re.compile(rf".*queued as (?P<child>{QUEUE_ID})\)*", re.DOTALL)
# What follows an address: twice in a line, and where it ends depends on quotes.
_OTHER_FIELDS = re.compile(r">, relay=[^,]*, (?:conn_use=\d+, )?delay=")
_OWN_ADDRESS = "127.0.0.1"


def told(line: re.Match[str]) -> Object:
    """The fields that depend on nothing but the line."""
    relay = RELAY.fullmatch(line["relay"])
    tail = line["tail"]
    text = tail.removesuffix(")")
    return {
        "recipient": line["recipient"],
        "orig_to": line["orig_to"] or "",
        "recipient_ambiguous": len(_OTHER_FIELDS.findall(line.string)) > 1,
        "relay_host": relay["host"] if relay else line["relay"],
        "relay_address": relay["address"] if relay else "",
        "relay_port": int(relay["port"]) if relay else 0,
        "status": line["status"],
        "enhanced_status": line["dsn"],
        "reply_code": _code(line["status"], text),
        "reply_text": text,
        "reply_truncated": not tail.endswith(")"),
        "reply_phase": _phase(line["status"], text),
        "conn_use": int(line["conn_use"] or 0),
        "tls_policy": line["tls"] or "",
        **{
            f"{name}_us": int(Decimal(line[name]) * 1_000_000)
            for name in ("delay", "pdelay", "adelay", "sdelay", "xdelay")
        },
    }


def direction(daemon: str, fields: Object) -> str:
    """Where the attempt leads (docs/decisions/0004-direction.md), with the default settings."""
    ours = fields["relay_address"] == _OWN_ADDRESS
    text = fields["reply_text"]
    if daemon == "lmtp" and ours and "queued as " in text:
        return "internal_hop"
    if daemon in {"local", "virtual", "pipe", "lmtp"}:
        return "local"
    if fields["relay_host"] == "none":
        return "local" if text.lower().startswith(_UNKNOWN_HERE) else "outbound"
    return "internal_hop" if ours else "outbound"


def link(fields: Object, towards: str) -> Object | None:
    """The message that a successful attempt led to."""
    if fields["status"] != "sent":
        return None
    expression = _FORWARDED if towards == "local" else _QUEUED
    match = expression.fullmatch(fields["reply_text"])
    kind = "forward" if towards == "local" else "hop"
    return {"kind": kind, "queue_id": match["child"]} if match else None


def _code(status: str, text: str) -> int:
    if status == "sent":
        return int(text[:3]) if re.match(r"[2-5]\d\d(?!\d)", text) else 0
    answer = ANSWER.fullmatch(text)
    return int(answer["code"]) if answer else 0


def _phase(status: str, text: str) -> str:
    match = PHASE.fullmatch(text) if status != "sent" else None
    return match["phase"] if match else ""
