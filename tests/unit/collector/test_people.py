"""What people are made of: passwords, names, secrets, and how often somebody may try."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtally_collector.durations import MINUTE_US
from mailtally_collector.people.naming import domain_name, domain_names, person_name
from mailtally_collector.people.password import fault_of, hashed, matches
from mailtally_collector.people.rights import token_viewer, viewer_of
from mailtally_collector.people.secret import hash_of, is_secret, token_parts, token_text
from mailtally_collector.people.throttle import (
    NAME_MAX,
    NETWORK_MAX,
    PAIR_MAX,
    WINDOW_US,
    Throttle,
    network_of,
)
from mailtally_collector.query.scope import Scope
from mailtally_collector.store.people import PersonRow
from mailtally_collector.store.sign_ins import TokenRow
from mailtally_collector.web.doorkeeper import local_path
from mailtally_collector.web.viewer import Role

DOMAINS = ("a.example", "b.example", "c.example")


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now_us = 1_000_000_000_000_000

    def __call__(self) -> int:
        return self.now_us


def test_a_password_is_kept_as_argon2id_and_compared() -> None:
    kept = hashed("ni\u006e\u0303o and more words")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,")
    assert matches(kept, "ni\u00f1o and more words")
    assert not matches(kept, "nino and more words")
    assert not matches("", "nobody has this password")
    assert not matches("no hash", "x")
    assert hashed("same words again") != hashed("same words again")


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        *(("elevenchars", "password.short"), ("x" * 1_001, "password.long")),
        *(("abababababab", "password.simple"), ("Ann.Longname", "password.simple")),
        *(("twelve chars", ""), ("пароль из слов", "")),
    ],
)
def test_simple_passwords_are_not_taken(password: str, fault: str) -> None:
    assert fault_of(password, "ann.longname@example.com") == fault


@pytest.mark.parametrize(
    ("text", "name"),
    [
        *(("Ex.Example.", "ex.example"), ("bücher.example", "xn--bcher-kva.example")),
        *(("XN--BCHER-KVA.example", "xn--bcher-kva.example"), ("_dmarc.x", "_dmarc.x")),
        *(("straße.example", None), ("a b", None), ("", None), (".", None), ("a..b", None)),
        *(("-a.example", None), ("a" * 64, None), ("a\x00b", None), ("*.example", None)),
        *(("\u202ea.example", None), ("a@b.example", None), (".".join(["a"] * 130), None)),
    ],
)
def test_a_domain_is_kept_as_servers_compare_it(text: str, name: str | None) -> None:
    assert domain_name(text) == name


@given(st.text())
def test_any_text_is_a_name_or_none(text: str) -> None:
    for name in (person_name(text), domain_name(text), *domain_names(text)[0]):
        assert name is None or (name.isascii() and name == name.lower() and name.isprintable())


@given(st.text(max_size=60))
def test_only_tokens_are_tokens(text: str) -> None:
    parts = token_parts(text)
    assert parts is None or token_text(*parts) == text.strip()


def test_a_secret_is_only_itself() -> None:
    assert is_secret("abc", hash_of("abc"))
    assert not is_secret("abx", hash_of("abc"))
    assert not is_secret("\udcff", hash_of("abc"))


def test_a_pair_of_name_and_network_is_stopped_for_a_while() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for _ in range(PAIR_MAX):
        assert throttle.wait_us("ann", "192.0.2.1") == 0
        throttle.failed("ann", "192.0.2.1")
        clock.now_us += MINUTE_US
    assert throttle.wait_us("ann", "192.0.2.1") == WINDOW_US - PAIR_MAX * MINUTE_US
    assert throttle.wait_us("ann", "198.51.100.1") == 0
    assert throttle.wait_us("bob", "192.0.2.1") == 0
    clock.now_us += WINDOW_US - PAIR_MAX * MINUTE_US
    assert throttle.wait_us("ann", "192.0.2.1") == 0


def test_success_forgets_failures_of_the_pair_only() -> None:
    throttle = Throttle(Clock())
    for number in range(NETWORK_MAX):
        throttle.failed(f"name{number % 10}", "192.0.2.1")
    throttle.succeeded("name1", "192.0.2.1")
    assert throttle.wait_us("name1", "192.0.2.1") == WINDOW_US
    assert throttle.wait_us("name1", "192.0.2.2") == 0


def test_guesses_from_everywhere_stop_strangers_and_not_the_owner() -> None:
    throttle = Throttle(Clock())
    throttle.succeeded("ann", "203.0.113.7")
    for number in range(NAME_MAX):
        throttle.failed("ann", f"192.0.2.{number}")
    assert throttle.wait_us("ann", "198.51.100.1") == WINDOW_US
    assert throttle.wait_us("ann", "203.0.113.7") == 0
    assert throttle.wait_us("bob", "198.51.100.1") == 0


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_sixty_four_bits_of_ipv6_are_one_network(address: ipaddress.IPv6Address, rest: int) -> None:
    if address.ipv4_mapped is None:
        beside = ipaddress.IPv6Address(int(address) >> 64 << 64 | rest)
        if beside.ipv4_mapped is None:
            assert network_of(str(address)) == network_of(str(beside))


def person(role: str, domains: tuple[str, ...]) -> PersonRow:
    return PersonRow(1, "ann", role, domains, "x", "", 0, 0, 0)


def token(role: str, domains: tuple[str, ...]) -> TokenRow:
    return TokenRow("k", b"", "t", role, domains, 0, 0, 0)


sets = st.sets(st.sampled_from(DOMAINS)).map(lambda found: tuple(sorted(found)))
roles = st.sampled_from([role.value for role in Role])


@given(role=roles, own=sets, limit=roles, narrowed=sets)
def test_a_token_never_sees_more_than_its_person(
    role: str, own: tuple[str, ...], limit: str, narrowed: tuple[str, ...]
) -> None:
    owner = viewer_of(person(role, own))
    viewer = token_viewer(person(role, own), token(limit, narrowed))
    ranks = ["customer", "support", "admin"]
    assert ranks.index(viewer.role.value) == min(ranks.index(role), ranks.index(limit))
    for name in (*(one.encode() for one in DOMAINS), b"other.example", None):
        assert owner.scope.sees(name) or not viewer.scope.sees(name)
    if role == "customer":
        expected = set(own) & set(narrowed) if narrowed else set(own)
        assert viewer.scope == Scope.of(name.encode() for name in expected)
    elif limit == "customer":
        assert viewer.scope == Scope.of(name.encode() for name in narrowed)


@given(st.text())
def test_after_signing_in_one_stays_here(text: str) -> None:
    for target in (text, f"/{text}", f"//{text}", f"/\\{text}"):
        path = local_path(target)
        assert path.startswith("/")
        assert not path.startswith(("//", "/\\"))
        assert path.isascii()
        assert path.isprintable()
