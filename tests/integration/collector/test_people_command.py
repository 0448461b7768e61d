"""``mailtally-collector people``: what it does, what it says, and how it ends."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mailtally_collector.cli import app
from mailtally_collector.people.password import matches
from mailtally_collector.people.secret import hash_of
from mailtally_collector.store.location import Location
from mailtally_collector.store.people import linked_person, person_named
from tests.integration.collector.site import HASH, PASSWORD, add_person, writing

LATE_US = 1_000_000


class People:
    """The command, on one database."""

    def __init__(self, location: Location) -> None:
        self._database = str(location) if isinstance(location, Path) else location.uri

    def __call__(self, *arguments: str, typed: str = "") -> Any:
        whole = ["people", *arguments, "--database", self._database]
        return CliRunner().invoke(app, whole, input=typed)


@pytest.fixture
def people(location: Location) -> People:
    return People(location)


def test_links_are_for_one_person_each_and_replace_one_another(
    people: People, location: Location
) -> None:
    assert people("list").stdout.startswith("Nobody yet: ")
    first = people("setup-link")
    assert first.exit_code == 0
    assert first.stdout.startswith("http://127.0.0.1:8792/setup/")
    secret = first.stdout.strip().rpartition("/")[2]
    with writing(location) as transact:
        assert transact(lambda sql: linked_person(sql, hash_of(secret), LATE_US)) == 0
        people("setup-link")
        assert transact(lambda sql: linked_person(sql, hash_of(secret), LATE_US)) is None
        added = json.loads(people("add", "Ann", "--role", "admin", "--json").stdout)
        assert added["name"] == "ann"
        refused = people("setup-link")
        assert (refused.exit_code, "there are people already" in refused.stderr) == (1, True)
        again = json.loads(people("setup-link", "ANN", "--json").stdout)
        for link, expected in ((added["link"], None), (again["link"], 1)):
            key = hash_of(link.rpartition("/")[2])
            found = transact(partial(linked_person, secret_hash=key, now_us=LATE_US))
            assert found == expected


def test_people_are_added_listed_changed_and_disabled(people: People, location: Location) -> None:
    with writing(location) as transact:
        transact(lambda sql: add_person(sql, "root", "admin"))
    domains = ("--domain", "One.Example", "--domain", "bücher.example")
    assert people("add", "cat", "--role", "customer", *domains).exit_code == 0
    assert people("add", "CAT", "--role", "support").exit_code == 1
    found = {one["name"]: one for one in json.loads(people("list", "--json").stdout)["people"]}
    assert found["cat"]["domains"] == ["one.example", "xn--bcher-kva.example"]
    assert (found["cat"]["state"], found["root"]["state"]) == ("no password", "good")
    assert people("change", "cat", "--role", "support").exit_code == 0
    assert people("disable", "cat").exit_code == 0
    line = next(line for line in people("list").stdout.splitlines() if line.startswith("cat"))
    assert line.split()[:3] == ["cat", "support", "disabled"]
    refused = people("setup-link", "cat")
    assert refused.exit_code == 1
    assert people("enable", "cat").exit_code == 0
    for arguments in (("disable", "root"), ("change", "root", "--role", "support")):
        refused = people(*arguments)
        assert (refused.exit_code, "only administrator" in refused.stderr) == (1, True)
    for arguments in (("disable", "eve"), ("enable", "eve"), ("passwd", "eve")):
        refused = people(*arguments, typed=f"{PASSWORD}\n")
        assert (refused.exit_code, "nobody of the name eve" in refused.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "a b", "--role", "admin"), "cannot be a name"),
        (("add", "x", "--role", "customer"), "would see nothing"),
        (("add", "x", "--role", "admin", "--domain", "a.example"), "is for customers"),
        (("add", "x", "--role", "customer", "--domain", "straße.example"), "is no domain"),
        (("add", "x", "--role", "king"), "--role"),
    ],
)
def test_what_cannot_be_is_said(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    refused = People(tmp_path / "c.db")(*arguments)
    assert (refused.exit_code, words in refused.stderr) == (2, True)


def test_a_password_is_read_from_stdin_and_signs_out(people: People, location: Location) -> None:
    with writing(location) as transact:
        transact(lambda sql: add_person(sql, "ann", "admin"))
        transact(
            lambda sql: sql.run(
                "INSERT INTO web_session (key_hash, person_id, created_us, seen_us, expires_us)"
                " VALUES (?, 1, 1, 1, 1)",
                (b"x",),
            )
        )
        refused = people("passwd", "ann", typed="short\n")
        assert (refused.exit_code, "too short" in refused.stderr) == (2, True)
        before = transact(lambda sql: person_named(sql, "ann"))
        assert before is not None
        assert before.password == HASH
        assert people("passwd", "ann", typed="quite another one\n").exit_code == 0
        after = transact(lambda sql: person_named(sql, "ann"))
        assert after is not None
        assert matches(after.password, "quite another one")
        assert transact(lambda sql: sql.run("SELECT * FROM web_session").fetchall()) == []
