"""Values of the contract in words: states, codes, addresses.

Limits    Enums of proto3 are open: a number that this version does not know is shown as a number.
"""

from enum import IntEnum

from mailtally_collector.terms import DeliveryState

STATE_STYLES = {
    DeliveryState.DELIVERED: "green",
    DeliveryState.BOUNCED: "red",
    DeliveryState.EXPIRED: "red",
    DeliveryState.PENDING: "yellow",
    DeliveryState.HELD: "yellow",
}


def term(kind: type[IntEnum], number: int) -> str:
    """The contract's word in lower case.

    >>> term(DeliveryState, 3), term(DeliveryState, 99)
    ('bounced', '99')
    """
    try:
        return kind(number).name.lower()
    except ValueError:
        return str(number)


def state_style(number: int) -> str:
    """The rich style of a delivery state; empty for most."""
    try:
        return STATE_STYLES.get(DeliveryState(number), "")
    except ValueError:
        return ""


def smtp_code(reply_code: int, enhanced_status: str) -> str | None:
    """Basic and enhanced code as servers write them; None when no server answered.

    >>> smtp_code(550, "5.7.26"), smtp_code(421, ""), smtp_code(0, "5.4.4")
    ('550-5.7.26', '421', None)
    """
    if not reply_code:
        return None
    return f"{reply_code}-{enhanced_status}" if enhanced_status else str(reply_code)


def domain_of(address: str) -> str | None:
    """What follows the last @, in lower case; None for the null sender and local names."""
    _, at, domain = address.rpartition("@")
    return domain.lower() if at and domain else None


def sender_shown(address: str) -> str:
    """An envelope sender for people: the null sender is ``<>``."""
    return address or "<>"


def endpoint(host: str, address: str, port: int) -> str:
    """``host[address]:port``, as Postfix writes it, as far as it is known; else a dash."""
    text = f"{host}[{address}]" if address else host
    return (f"{text}:{port}" if port else text) or "-"


def percent(part: int, whole: int) -> str:
    """One decimal; a dash when there is no whole."""
    return f"{100 * part / whole:.1f} %" if whole else "-"
