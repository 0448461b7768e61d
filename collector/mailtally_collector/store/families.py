"""Messages that belong together, for those who may only touch all of them or none.

Gives     ``families``: sets of messages that links join, from some of their members.
Why       Where a link leads says how its parent is counted, and what its child is; so neither may
          go before the other.
"""

from collections.abc import Collection, Iterable

from mailtally_collector.store.sql import Sql


def families(sql: Sql, message_ids: Collection[int]) -> list[set[int]]:
    """Return the whole family of each of these messages, each family once."""
    heads = {one: one for one in message_ids}
    frontier = set(message_ids)
    while frontier:
        edges = _links(sql, frontier)
        met = {one for edge in edges for one in edge} - heads.keys()
        heads |= {one: one for one in met}
        for one, other in edges:
            heads[_head(heads, one)] = _head(heads, other)
        frontier = met
    members: dict[int, set[int]] = {}
    for one in heads:
        members.setdefault(_head(heads, one), set()).add(one)
    return list(members.values())


def _links(sql: Sql, message_ids: Iterable[int]) -> list[tuple[int, int]]:
    """Return (parent, child) of all links from and to these messages."""
    wanted = [(one,) for one in message_ids]
    found = sql.find("message_link", ("parent_id", "child_id"), ("parent_id",), wanted)
    found += sql.find("message_link", ("parent_id", "child_id"), ("child_id",), wanted)
    return [(parent, child) for parent, child in found if child is not None]


def _head(heads: dict[int, int], one: int) -> int:
    while heads[one] != one:
        heads[one] = heads[heads[one]]
        one = heads[one]
    return one
