from __future__ import annotations

from html import unescape

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from sweeps.report.markdown import block, code, plain, table

TEXT = st.text(st.characters(exclude_categories=["C"]) | st.sampled_from("|`*_<>[]()\\&#-"), min_size=1).filter(
    lambda text: text.split() and text == " ".join(text.split())
)
PARSER = MarkdownIt("commonmark", {"html": False}).enable("table")


def cell(markdown: str) -> str:
    """What a reader sees of a table's only cell."""
    page = PARSER.render(table(["head"], [[markdown]]))
    assert page.count("<td>") == 1
    return unescape(page.partition("<td>")[2].partition("</td>")[0])


@given(TEXT)
def test_plain_text_is_shown_as_it_is(text: str) -> None:
    assert cell(plain(text)) == text


@given(TEXT)
def test_code_is_shown_as_it_is(text: str) -> None:
    assert cell(code(text)) == f"<code>{text}</code>"


@given(TEXT)
def test_block_is_shown_as_it_is(text: str) -> None:
    assert unescape(PARSER.render(block(text))) == f"<pre><code>{text}\n</code></pre>\n"
