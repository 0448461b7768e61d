"""The lab itself, against a real Postfix: its ledger tells the truth, and it cleans up."""

from collections import Counter
from pathlib import Path

import pytest

from tests.postfix.injection import Message
from tests.postfix.lab import Lab
from tests.postfix.postfix_config import Settings
from tests.postfix.private_postfix import PostfixUnavailable, PrivatePostfix
from tests.postfix.world import World

ANNA = "anna@shop-one.test"
MAIL = (
    Message(ANNA, ("kim.1@gmail.test", "nouser.1@gmail.test")),
    Message(ANNA, ("spf.1@gmail.test",), via="sendmail"),
    Message(ANNA, ("grey.1@corp.test",)),
    Message(ANNA, ("full.1@corp.test", "ok.1@corp.test")),
    Message(ANNA, ("full.2@corp.test",)),
    Message(ANNA, ("full.3@corp.test",)),
    Message("mia@studio.test", ("far.1@down.test", "who.1@nodns.test")),
    Message("mia@studio.test", ('"x> , relay=none, status=sent (y"@corp.test',)),
    Message("mia@studio.test", ("liar.1@outlook.test", "bidi.1@outlook.test")),
    Message("app@partner-app.test", ("unknown.1@outlook.test",), via="sendmail"),
    Message("app@partner-app.test", ("drop.1@flaky.test",)),
    Message("mia@studio.test", ("team@mx1.mailtally.test", "anna@shop-one.test")),
)


def states(lab: Lab) -> dict[str, str]:
    return {
        one.destination.recipient: one.state for _, entries in lab.outcomes() for one in entries
    }


def runs(process_id: int) -> bool:
    """Whether the process exists and is more than an entry that init has yet to reap."""
    try:
        stat = Path(f"/proc/{process_id}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(") ")[2][0] != "Z"


def test_every_recipient_ends_as_far_side_and_queue_say(lab: Lab) -> None:
    lab.send(MAIL)
    lab.settle()
    lab.flush()
    lab.hold(ANNA, "full.2@corp.test")
    lab.delete(ANNA, "full.3@corp.test")

    assert states(lab) == {
        "kim.1@gmail.test": "delivered",
        "nouser.1@gmail.test": "bounced",
        "spf.1@gmail.test": "bounced",
        "grey.1@corp.test": "delivered",
        "full.1@corp.test": "pending",
        "ok.1@corp.test": "delivered",
        "full.2@corp.test": "held",
        "full.3@corp.test": "removed",
        "far.1@down.test": "pending",
        "who.1@nodns.test": "bounced",
        '"x> , relay=none, status=sent (y"@corp.test': "delivered",
        "liar.1@outlook.test": "bounced",
        "bidi.1@outlook.test": "bounced",
        "unknown.1@outlook.test": "bounced",
        "drop.1@flaky.test": "pending",
        "team@mx1.mailtally.test": "delivered",
        "fwd.1@gmail.test": "delivered",
        "fwd.2@outlook.test": "delivered",
        "anna@shop-one.test": "delivered",
    }
    expected = lab.ledger()["expected"]
    assert isinstance(expected, dict)
    assert expected["outbound"]["by_state"] == {
        "bounced": 6,
        "delivered": 4,
        "held": 1,
        "pending": 3,
        "removed": 1,
    }
    assert expected["forward"] == {"delivered": 2}
    # The queue holds exactly what the ledger calls pending or held.
    assert {
        (queued.queue_name, recipient) for queued in lab.settle() for recipient in queued.recipients
    } == {
        ("deferred", "full.1@corp.test"),
        ("deferred", "far.1@down.test"),
        ("deferred", "drop.1@flaky.test"),
        ("hold", "full.2@corp.test"),
    }
    # The far side accepted each delivered recipient once, and one notification for its senders.
    accepted = Counter(answer.recipient for answer in lab.world.ledger if answer.accepted)
    assert accepted == {
        "kim.1@gmail.test": 1,
        "grey.1@corp.test": 1,
        "ok.1@corp.test": 1,
        '"x> , relay=none, status=sent (y"@corp.test': 1,
        "fwd.1@gmail.test": 1,
        "fwd.2@outlook.test": 1,
        "app@partner-app.test": 1,
    }


def test_deferred_mail_expires_once_its_lifetime_is_over(lab: Lab) -> None:
    lab.send([Message(ANNA, ("full.1@corp.test", "ok.1@corp.test"))])
    lab.expire()

    assert states(lab) == {"full.1@corp.test": "expired", "ok.1@corp.test": "delivered"}
    assert lab.settle() == []


def test_log_is_written_by_postlogd_under_the_chosen_name(world: World) -> None:
    settings = Settings(
        world.hosts(), world.transport(), syslog_name="postfix-out", enable_long_queue_ids=True
    )
    with PrivatePostfix(settings) as postfix:
        lab = Lab(postfix, world)
        lab.send([Message(ANNA, ("kim.1@gmail.test",))])
        lab.settle()
        lines = lab.log.read_text().splitlines()
        queue_id = lab.injected[0].queue_id

    assert queue_id is not None
    assert len(queue_id) >= 12
    assert any(
        " mx1 postfix-out/smtp[" in line and f"]: {queue_id}: to=<kim.1@gmail.test>, " in line
        for line in lines
    )


def test_stop_leaves_no_process_and_no_file_even_after_a_failure(world: World) -> None:
    def fail_inside() -> None:
        with PrivatePostfix(Settings(world.hosts(), world.transport())) as postfix:
            roots.append(postfix.root)
            running.extend(postfix.processes())
            raise LookupError("a test's own failure")

    roots: list[Path] = []
    running: list[int] = []
    with pytest.raises(LookupError):
        fail_inside()

    assert running
    assert [process_id for process_id in running if runs(process_id)] == []
    assert [root for root in roots if root.exists()] == []


def test_missing_postfix_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)

    with pytest.raises(PostfixUnavailable, match="postfix is not installed"):
        PrivatePostfix(Settings())
