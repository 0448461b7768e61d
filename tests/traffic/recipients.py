"""Recipients of generated mail."""

from tests.traffic.family import Family
from tests.traffic.truth import DISCARDED, LOCAL, OUTBOUND, Recipient

_ROUTES = (OUTBOUND,) * 6 + (LOCAL, DISCARDED, "unknown here")


def draw_recipients(family: Family) -> list[Recipient]:
    """One to five recipients; an address may come twice, by way of two aliases."""
    names, random = family.names, family.random
    drawn: list[Recipient] = []
    for _ in range(random.choice((1, 1, 1, 2, 3, 5))):
        address, orig_to = names.address(), ""
        if drawn and family.chance(1 / 6):
            address = drawn[-1].address
            orig_to = names.address()
        elif family.chance(1 / 6):
            orig_to = names.address()
        drawn.append(Recipient(address, orig_to, random.choice(_ROUTES)))
    return drawn
