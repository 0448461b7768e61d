"""New rules: verdicts of stored templates follow, deliveries are not touched, totals are exact."""

import asyncio
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mailtally.v1 import record_pb2 as pb
from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.classify.rule_set import shipped_rules
from mailtally_collector.store.dialect import writing
from mailtally_collector.store.location import Location
from mailtally_collector.store.reclassify import count_old, reclassify_some
from tests.integration.collector.conftest import NewLocation, collector
from tests.integration.collector.reports import accepted, attempt, ref
from tests.integration.collector.tables import Tables

COLLECTOR = Path(sys.executable).parent / "mailtally-collector"
RULES = """
[[rule]]
id = "own.quota"
reason = "recipient.mailbox_full"
pattern = 'xyzzy (?:1|2|3)[0-9]? quota'
examples = ["552 xyzzy 12 quota"]

[[rule]]
id = "own.gone"
reason = "recipient.user_unknown"
pattern = 'xyzzy [4-9][0-9]? gone'
provider = "google"
examples = [{ text = "550 xyzzy 77 gone", domain = "gmail.com" }]
"""
DOMAINS = (b"gmail.com", b"example.net", b"yahoo.com", b"example.org")
BY_REASON = (
    "SELECT reason, provider, rule_id, rule_set, COUNT(*) FROM delivery"
    " JOIN reply_template ON reply_template.id = reply_template_id GROUP BY 1, 2, 3, 4 ORDER BY 1"
)


def failures(deliveries: int) -> Iterator[list[pb.Record]]:
    """Batches of refused mail: 120 wordings to four domains, in an order of chance."""
    chance = random.Random(4)  # noqa: S311 - no secret
    line = 0
    for first in range(0, deliveries, 1000):
        message = ref(f"4REC{first:06}", first, line := line + 1)
        records = [accepted(message, first, line := line + 1, recipients=1000)]
        for number in range(1000):
            word = chance.choice(("quota", "gone", "plugh"))
            text = (
                f"host mx.test[192.0.2.25] said: 550 xyzzy {chance.randrange(40)} {word}".encode()
            )
            to = b"u%d@%s" % (number, chance.choice(DOMAINS))
            failed = attempt(
                message,
                first + chance.random(),
                line := line + 1,
                pb.ATTEMPT_OUTCOME_BOUNCED,
                to=to,
                text=text,
                enhanced_status="",
            )
            records.append(failed)
        yield records


def imported(location: Location, rules: CurrentRules, deliveries: int) -> Tables:
    tables = Tables(location, rules)
    for batch in failures(deliveries):
        tables.store(batch)
    return tables


def by_reason(tables: Tables) -> list[tuple[object, ...]]:
    return tables.sql.run(BY_REASON).fetchall()


def operator_rules(folder: Path, text: str = RULES) -> CurrentRules:
    folder.mkdir()
    (folder / "own.toml").write_text(text)
    return CurrentRules(folder)


def deliveries_of(tables: Tables) -> list[tuple[object, ...]]:
    return tables.sql.run("SELECT * FROM delivery ORDER BY message_id, number").fetchall()


def test_totals_equal_those_of_an_import_with_the_new_rules(tmp_path: Path) -> None:
    """100,000 deliveries; only templates are judged again."""
    new = operator_rules(tmp_path / "rules.d")
    old = imported(tmp_path / "old.db", CurrentRules(None), 100_000)
    before, untouched = by_reason(old), deliveries_of(old)
    sql = old.sql
    steps = []
    with writing(old.database):
        templates = count_old(sql, new.rules)
        while some := reclassify_some(sql, new.rules, most=100):
            steps.append(some)
    afresh = imported(tmp_path / "new.db", new, 100_000)

    assert sum(steps) == templates <= 40 * 3 * len(DOMAINS)
    assert by_reason(old) == by_reason(afresh) != before
    assert sum(int(str(row[-1])) for row in by_reason(old)) == 100_000
    assert deliveries_of(old) == untouched
    assert {row[2] for row in by_reason(old)} == {"own.quota", "own.gone", ""}


def test_an_older_reply_of_the_same_kind_decides(tmp_path: Path, new_location: NewLocation) -> None:
    """The verdict is about the earliest reply, in whatever order replies come in."""
    rules = operator_rules(
        tmp_path / "rules.d", RULES.replace("xyzzy (?:1|2|3)[0-9]? quota", "192.0.2.1 ")
    )
    found = []
    for order in ((1, 2), (2, 1)):
        with new_location() as location, closing(Tables(location, rules)) as tables:
            for at in order:
                message = ref(f"4OLD{at}", at, at * 10)
                text = b"552 host 192.0.2.%d is full of xyzzy" % at
                failed = attempt(message, at, at * 10 + 2, pb.ATTEMPT_OUTCOME_BOUNCED, text=text)
                tables.store([accepted(message, at, at * 10 + 1), failed])
            found.append(by_reason(tables))
    assert found[0] == found[1]
    assert [row[2] for row in found[0]] == ["own.quota"]


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    new = operator_rules(tmp_path / "rules.d")
    tables = imported(tmp_path / "c.db", CurrentRules(None), 2_000)
    sql = tables.sql
    with writing(tables.database):
        first = reclassify_some(sql, new.rules, most=50)
        left = count_old(sql, new.rules)
    config = tmp_path / "collector.toml"
    config.write_text(f'[rules]\nfolder = "{tmp_path}/rules.d"\n')
    done = subprocess.run(
        [COLLECTOR, "reclassify", "--config", config, "--database", tmp_path / "c.db"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert first == 50
    assert done.stdout == f"{left} replies judged again by rule set {new.rules.digest}\n"
    assert f"{left}/{left}" in done.stderr


async def test_a_running_collector_follows_its_folder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A new file, a broken one, and none: without a restart."""
    database, folder = tmp_path / "c.db", tmp_path / "rules.d"
    imported(database, CurrentRules(None), 1_000).close()
    config = tmp_path / "collector.toml"
    config.write_text(f'[rules]\nfolder = "{folder}"\n')
    async with collector(database, config):
        digest = operator_rules(folder).rules.digest
        await until(lambda: rule_sets(database) == {digest})
        (folder / "own.toml").write_text("[[rule]]\n")
        refused = f"rule file not used: {folder}/own.toml:1:"
        await until(lambda: refused in caplog.text)
        assert rule_sets(database) == {digest}
        (folder / "own.toml").unlink()
        await until(lambda: rule_sets(database) == {shipped_rules().digest})


def rule_sets(database: Path) -> set[object]:
    with closing(Tables(database)) as tables:
        return {row[3] for row in by_reason(tables)}


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - another thread makes it hold
            await asyncio.sleep(0.1)
