"""Record a real Postfix run: its log, and the truth about it that was not read from the log.

Gives     OUTDIR/mail.log, OUTDIR/ledger.json, OUTDIR/README.md.
Limits    Needs what PrivatePostfix needs; takes about two minutes.
"""

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.postfix.injection import Message, Refused
from tests.postfix.lab import Lab
from tests.postfix.postfix_config import Settings
from tests.postfix.private_postfix import PrivatePostfix
from tests.postfix.story import APP, first_half, second_half
from tests.postfix.world import running_world

NOTES = (
    "class forward: child of a local alias (team, lost); counted in expected.forward alone.",
    "class forward-parent, local, null-sender: counted in expected.not_outbound alone.",
    "attempts is null at down, busy, refuse, flaky (suspended destinations) and nodns (nobody).",
    "refuse.test greets with 554; smtp_skip_5xx_greeting makes that a temporary failure.",
    "Three recipients were refused by smtpd (NOQUEUE: reject); those messages do not exist.",
    "First half: short queue ids; after the restart: long queue ids.",
    "queue_id is what smtpd answered to the client; null for sendmail.",
)
README = """\
# A recorded run of Postfix {version}

`mail.log` is the log of a private Postfix {version}, exactly as its postlogd(8) wrote it:
traditional time stamps, `TZ=UTC`, host `mx1`,
{started} to {ended}.
`ledger.json` is the truth about the same run and was made without reading that log: from what
was injected, what the scripted far side answered (servers on 127.0.2.0/24; 127.0.0.1 is only
ever the submitting client), and what `postqueue -j` listed at the end.
It holds {messages} messages; `expected.outbound` gives the
figures that a reader of the log must arrive at. No address, domain or host in it is real.
Made by `python tests/postfix/make_corpus.py tests/corpus/real` as root, with the
postfix package installed.
"""


def record(lab: Lab, pace_seconds: float, rest_seconds: float) -> None:
    """Live the story; what each step is for stands beside it."""
    lab.send(first_half(), pace_seconds)
    lab.delete("parents@school.test", "full.60@corp.test")
    time.sleep(rest_seconds)
    lab.flush()  # greylisted mail passes
    lab.delete("parents@school.test", "full.61@outlook.test")
    lab.expire()  # full, down, busy, refuse and flaky give up
    lab.postfix.stop()
    lab.postfix.set_parameters(enable_long_queue_ids="yes")
    lab.postfix.start()
    lab.send(second_half(), pace_seconds)
    for local_part in ("nobody", "no.one", "former"):
        try:
            lab.send([Message("info@shop-one.test", (f"{local_part}@bistro.test",))])
        except Refused:
            continue
        raise AssertionError(f"smtpd took a message for {local_part}@bistro.test")
    lab.hold("desk@clinic.test", "full.90@corp.test")
    time.sleep(rest_seconds)
    lab.flush()
    lab.delete("desk@clinic.test", "full.91@corp.test")
    lab.force_expire(APP, "full.92@corp.test")
    time.sleep(rest_seconds)
    lab.flush()


def write(lab: Lab, folder: Path) -> dict[str, object]:
    """Write the three files; Postfix is stopped, so the log is complete."""
    ledger = lab.ledger(NOTES)
    lab.postfix.stop()
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(lab.log, folder / "mail.log")
    text = json.dumps(ledger, indent=1, sort_keys=True) + "\n"
    (folder / "ledger.json").write_text(text)
    facts = {"version": ledger["postfix_version"], "messages": len(lab.injected)}
    times = {"started": ledger["started"], "ended": ledger["ended"]}
    (folder / "README.md").write_text(README.format(**facts, **times))
    return ledger


def main() -> None:
    """Read the command line and record."""
    parser = argparse.ArgumentParser(description="Record a real Postfix run and its ledger.")
    parser.add_argument("folder", type=Path, metavar="OUTDIR")
    parser.add_argument("--pace", type=float, default=0.1, help="seconds between messages")
    parser.add_argument("--rest", type=float, default=5.0, help="seconds before each retry")
    options = parser.parse_args()
    with running_world() as world:
        settings = Settings(hosts=world.hosts(), transport=world.transport())
        with PrivatePostfix(settings) as postfix:
            lab = Lab(postfix, world)
            record(lab, options.pace, options.rest)
            ledger = write(lab, options.folder)
    sys.stdout.write(json.dumps(ledger["expected"], indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
