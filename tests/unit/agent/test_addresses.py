"""Which of several collectors an agent reports to."""

from collections import Counter

from mailtally_agent.addresses import Addresses

THREE = ["a:1", "b:1", "c:1"]


def test_a_fleet_is_spread_over_its_collectors() -> None:
    firsts = Counter(Addresses(THREE, f"mx{number}").current for number in range(300))

    assert set(firsts) == set(THREE)
    assert max(firsts.values()) < 150


def test_addresses_that_do_no_good_are_left_in_turn() -> None:
    addresses = Addresses(THREE, "mx1")
    tried = []
    for _ in range(6):
        tried.append(addresses.current)
        addresses.ended(did_good=False)

    assert sorted(tried[:3]) == THREE
    assert tried[3:] == tried[:3]


def test_after_a_good_session_the_first_is_tried_again() -> None:
    addresses = Addresses(THREE, "mx1")
    first = addresses.current
    addresses.ended(did_good=False)
    second = addresses.current
    addresses.ended(did_good=True)

    assert addresses.current == first != second
