"""Which message a link means: windows, Message-IDs, servers and ties."""

from dataclasses import replace
from itertools import permutations

import pytest

from mailtally_collector.lineage import (
    HOP_AFTER_US,
    HOP_BEFORE_US,
    Incoming,
    Kin,
    choose_child,
    choose_origin,
)
from mailtally_collector.terms import LinkKind

HOUR = 3_600_000_000
LINK_US = 100 * HOUR
PARENT = Kin(
    id=1,
    server="mx1",
    instance="postfix",
    first_us=LINK_US - 50 * HOUR,
    first_hash=1,
    origin_seen=True,
    arrival_us=LINK_US - 50 * HOUR,
    ended_us=None,
    sender_id=7,
    message_id=b"<1@example.com>",
)
NEXT = replace(PARENT, id=2, first_us=LINK_US, first_hash=2, arrival_us=LINK_US)
FAR = replace(NEXT, server="relay")
NAMELESS = replace(PARENT, message_id=b"<>")
IN_MID_LIFE = replace(PARENT, origin_seen=False, arrival_us=LINK_US)


def is_hop(child: Kin, parent: Kin = PARENT) -> bool:
    return choose_child(LinkKind.HOP, LINK_US, parent, [child]) is child


@pytest.mark.parametrize(
    ("child", "parent"),
    [
        (NEXT, PARENT),
        (FAR, PARENT),
        (replace(NEXT, instance="postfix-out"), PARENT),
        (replace(FAR, first_us=LINK_US - HOP_BEFORE_US), PARENT),
        (replace(FAR, first_us=LINK_US + HOP_AFTER_US), PARENT),
        (replace(FAR, sender_id=8), PARENT),
        (NEXT, NAMELESS),
        (replace(NEXT, sender_id=None), NAMELESS),
        (replace(NEXT, message_id=b""), PARENT),
        (replace(NEXT, first_us=LINK_US - 2_000_000), IN_MID_LIFE),
        (replace(FAR, first_us=LINK_US - 60_000_000), replace(PARENT, arrival_us=LINK_US)),
    ],
)
def test_what_can_be_the_next_hop(child: Kin, parent: Kin) -> None:
    assert is_hop(child, parent)


@pytest.mark.parametrize(
    ("child", "parent"),
    [
        (replace(NEXT, id=1), PARENT),
        (replace(FAR, first_us=LINK_US - HOP_BEFORE_US - 1), PARENT),
        (replace(FAR, first_us=LINK_US + HOP_AFTER_US + 1), PARENT),
        (replace(NEXT, message_id=b"<2@example.com>"), PARENT),
        (replace(FAR, message_id=b"<2@example.com>"), PARENT),
        (FAR, NAMELESS),
        (replace(FAR, message_id=b"<>"), NAMELESS),
        (replace(FAR, message_id=b""), PARENT),
        (replace(NEXT, sender_id=8), NAMELESS),
        (replace(NEXT, first_us=LINK_US - 1), replace(PARENT, arrival_us=LINK_US)),
        (replace(NEXT, first_us=LINK_US - 2_000_001), IN_MID_LIFE),
    ],
)
def test_what_cannot_be_the_next_hop(child: Kin, parent: Kin) -> None:
    assert not is_hop(child, parent)


def test_the_nearest_begin_wins_then_the_own_server_then_what_the_logs_say() -> None:
    best_first = [
        NEXT,
        replace(NEXT, id=9, instance="postfix-out"),
        replace(FAR, id=8, first_hash=3),
        replace(FAR, id=7, first_hash=3, server="relay2"),
        replace(FAR, id=6, instance="other"),
        replace(NEXT, id=5, first_us=LINK_US - 5),
        replace(NEXT, id=4, first_us=LINK_US + 5),
        replace(FAR, id=3, first_us=LINK_US + 6),
    ]
    for one, other in permutations(best_first, 2):
        better = min(one, other, key=best_first.index)
        assert choose_child(LinkKind.HOP, LINK_US, PARENT, [one, other]) is better


@pytest.mark.parametrize("kind", [LinkKind.NOTIFICATION, LinkKind.FORWARD, LinkKind.REQUEUE])
def test_other_links_stay_on_their_instance(kind: LinkKind) -> None:
    assert choose_child(kind, LINK_US, PARENT, [FAR]) is None
    assert choose_child(kind, LINK_US, PARENT, [replace(NEXT, instance="other")]) is None
    other_id = replace(NEXT, message_id=b"<2@example.com>", sender_id=8)
    assert choose_child(kind, LINK_US, PARENT, [FAR, other_id]) is other_id
    long_ago = replace(NEXT, first_us=LINK_US - HOUR, arrival_us=LINK_US - HOUR)
    assert choose_child(kind, LINK_US, PARENT, [long_ago]) is long_ago
    ended = replace(long_ago, ended_us=LINK_US - 1)
    assert choose_child(kind, LINK_US, PARENT, [ended]) is None


def test_a_kind_of_a_newer_contract_leads_nowhere() -> None:
    assert choose_child(99, LINK_US, PARENT, [NEXT, FAR]) is None


def test_what_our_own_postfix_says_outranks_a_next_hop() -> None:
    hop = Incoming(LinkKind.HOP, 1, 1, "mx1", 1)
    forward = Incoming(LinkKind.FORWARD, 2, 2, "mx1", 2)
    later = Incoming(LinkKind.HOP, 2, 1, "mx1", 3)
    copied = Incoming(LinkKind.HOP, 1, 1, "mx0", 4)
    for shuffled in permutations([hop, forward, later, copied]):
        assert choose_origin("mx1", shuffled) is forward
    for shuffled in permutations([hop, later, copied]):
        assert choose_origin("mx1", shuffled) is hop
        assert choose_origin("relay", shuffled) is copied
    assert choose_origin("mx1", []) is None
