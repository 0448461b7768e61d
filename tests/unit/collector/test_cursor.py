"""Page tokens: theirs only, whole only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtally_collector.query.cursor import Cursor, decode, encode
from mailtally_collector.query.filters import Filter, QueryError

ASKED = Filter(servers=("mx1",), domain="example.com")
CURSOR = Cursor(value=1_790_000_000_000_000, message_id=77, number=3, start_us=1, end_us=2)


def test_a_token_brings_its_cursor_back() -> None:
    assert decode(encode(CURSOR, ASKED), ASKED) == CURSOR


def test_a_token_of_another_filter_is_refused() -> None:
    with pytest.raises(QueryError, match="another filter"):
        decode(encode(CURSOR, ASKED), Filter(servers=("mx1",), domain="example.org"))


@given(position=st.integers(0, 53), letter=st.sampled_from("Aa0_-=é\0"))
def test_a_changed_token_is_refused(position: int, letter: str) -> None:
    token = encode(CURSOR, ASKED)
    changed = token[:position] + letter + token[position + 1 :]
    if changed != token:
        with pytest.raises(QueryError):
            decode(changed, ASKED)


@given(st.text())
def test_no_text_is_anything_but_refused(text: str) -> None:
    with pytest.raises(QueryError):
        decode(text, ASKED)
