"""Record mail that passes two Postfix instances of one host, with the ledger of the far side.

Mirrors   postconf(5) content_filter and syslog_name: ``postfix`` hands every message to
          ``postfix-out``, which delivers it; both write to one log.
Gives     recorded/two-instances.log and .json: by_state of the users' mail, number of probes.
Limits    Needs what PrivatePostfix needs; there is no scanner between the two instances.
"""

import json
import shutil
from pathlib import Path

from tests.postfix import mail_queue
from tests.postfix.injection import Message, inject
from tests.postfix.lab import Lab
from tests.postfix.postfix_config import Settings
from tests.postfix.private_postfix import PrivatePostfix
from tests.postfix.world import running_world

RECORDED = Path(__file__).parent / "recorded"
ANNA = "anna@shop-one.test"
MIA = "mia@studio.test"
MAIL = (
    Message(ANNA, ("kim.1@gmail.test", "nouser.1@gmail.test")),
    Message(ANNA, ("ana.1@gmail.test", "bo.1@outlook.test", "full.1@corp.test")),
    Message(MIA, ("lee.1@outlook.test",), via="sendmail"),
    Message(MIA, ("mo.1@gmail.test", "no.1@gmail.test", "po.1@corp.test")),
    Message(MIA, ("spf.1@gmail.test", "qo.1@outlook.test")),
    Message("app@partner-app.test", ("nouser.2@gmail.test", "kim.2@corp.test")),
)
PROBED = ("kim.9@gmail.test", "nouser.9@gmail.test")


def main() -> None:
    """Record, and write both files."""
    with running_world() as world:
        settings = Settings(world.hosts(), world.transport())
        outer = Settings(world.hosts(), world.transport(), syslog_name="postfix-out")
        with PrivatePostfix(settings) as first, PrivatePostfix(outer) as last:
            last.stop()
            last.set_parameters(maillog_file=str(first.log), maillog_file_prefixes=str(first.root))
            last.start()
            first.set_parameters(content_filter=f"smtp:[127.0.0.1]:{last.port}")
            lab = Lab(last, world)
            for message in MAIL:
                lab.injected.append(inject(first, message))
            config = str(last.config_directory)
            last.command("sendmail", "-C", config, "-bv", "-f", ANNA, "--", *PROBED)
            mail_queue.settle(first)
            ledger = lab.ledger()
            first.stop()
            last.stop()
            shutil.copyfile(first.log, RECORDED / "two-instances.log")
    expected = ledger["expected"]
    assert isinstance(expected, dict)
    truth = {
        "by_state": expected["outbound"]["by_state"],
        "null_sender_accepted_by_far_side": expected["null_sender_accepted_by_far_side"],
        "probes": len(PROBED),
        "postfix_version": ledger["postfix_version"],
        "started": ledger["started"],
    }
    text = json.dumps(truth, indent=1, sort_keys=True) + "\n"
    (RECORDED / "two-instances.json").write_text(text)


if __name__ == "__main__":
    main()
