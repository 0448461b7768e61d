"""``make comparison``: run every tool and write docs/comparison.md."""

from tests.comparison.document import DOCUMENT, whole

DOCUMENT.write_text(whole())
