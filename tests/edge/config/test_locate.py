"""The line of a key is found however TOML writes it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config.locate import line_of

FILE = '''\
# [hold]
title = """
[hold]
frames = 1
"""
list = [
  1,  # [crop]
]

["hold"]
"frames" = 3
[ crop ] # frames = 1
size_px=60
[position]
nested = { frames = 3 }
[a.b]
c.d = 1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (["title"], 2),
        (["list"], 6),
        (["hold"], 10),
        (["hold", "frames"], 11),
        (["crop"], 12),
        (["crop", "size_px"], 13),
        (["position", "nested", "frames"], 15),
        (["a", "b"], 16),
        (["a", "b", "c", "d"], 17),
        (["crop", "frames"], None),
        (["title", "x"], None),
    ],
)
def test_the_line_where_a_statement_begins(path, line):
    assert line_of(FILE, path) == line


def test_a_file_without_a_last_newline():
    assert line_of("[hold]\nframes = 3", ["hold", "frames"]) == 2


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["", "# x = 1", 'a = """\nx = 1"""', "l = [\n1,\n]"]), max_size=6))
def test_what_stands_before_only_moves_it(before):
    # Numbered, so that no key comes twice.
    lines = [text.replace(" =", f"{i} =", 1) for i, text in enumerate(before)]
    text = "\n".join([*lines, "x = 1", "y = 2"])
    assert line_of(text, ["x"]) == text.split("\n").index("y = 2")
