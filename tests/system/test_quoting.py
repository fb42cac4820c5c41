"""Commands that are shown can be pasted into the shell of the system."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsrife.system.quoting import command_line, quoted


@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8")), min_size=1))
def test_sh_reads_the_words_that_were_meant(words):
    assert shlex.split(command_line(words, windows=False)) == words


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        (r"C:\films\in.mkv", r"C:\films\in.mkv"),
        (r"C:\my films\in.mkv", r'"C:\my films\in.mkv"'),
        ("50%", "50%"),
        ("a&b", '"a&b"'),
        ("(1).mkv", '"(1).mkv"'),
        ("日本.mkv", "日本.mkv"),
        ("", '""'),
    ],
)
def test_windows_takes_double_quotes_and_leaves_backslashes(word, shown):
    assert quoted(word, windows=True) == shown
