"""How many attempts of each log every tool reads, and whether it tells what it does not read."""

from tests.comparison import logwatch, markdown
from tests.comparison.mailtally import Mailtally
from tests.comparison.mtail import Mtail
from tests.comparison.pflogsumm import Pflogsumm
from tests.comparison.samples import Sample

HEAD = (
    "log",
    "origin",
    "attempts (of smtp)",
    "mailtally",
    "pflogsumm",
    "pflogsumm, option",
    "logwatch",
    "logwatch, settings",
    "mtail (smtp)",
)


def sample_table(samples: list[Sample]) -> str:
    """One row for each log."""
    return markdown.table(HEAD, [_row(sample) for sample in samples], left=2)


def _row(sample: Sample) -> list[markdown.Cell]:
    ours = Mailtally(sample.log)
    installed = logwatch.as_installed(sample.log)
    settings = logwatch.with_settings(sample.log, "postfix(?:-out)?")
    return [
        sample.what,
        sample.origin,
        f"{sample.attempts} ({sample.of_smtp})",
        _told(ours.attempts, sample, told=ours.told),
        Pflogsumm(sample.log).attempts,
        Pflogsumm(sample.log, f"--syslog-name={sample.syslog_name}").attempts,
        _told(installed.attempts, sample, told=installed.told),
        _told(settings.attempts, sample, told=settings.told),
        Mtail(sample.log).attempts,
    ]


def _told(read: int, sample: Sample, *, told: bool) -> str:
    return f"{read} ‡" if read < sample.attempts and told else str(read)
