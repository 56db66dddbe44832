"""A report's Markdown as one HTML file: its pictures and its style inside, no script, nothing from a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.6 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; display: block; overflow-x: auto; }
th, td { padding: .2rem .7rem; text-align: left; vertical-align: top; border-bottom: 1px solid #8884; }
code { overflow-wrap: anywhere; }
pre { padding: .7rem; overflow-x: auto; background: #8882; }
svg { max-width: 100%; height: auto; }
"""


def html(markdown: str, title: str, language: str, pictures: Mapping[str, str]) -> str:
    """Return the page of a report.

    Args:
        markdown: raw HTML in it is shown as text.
        pictures: name of a picture's file, as the Markdown has it -> its SVG.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")

    def image(_: RendererHTML, tokens: Sequence[Any], index: int, *__: object) -> str:
        return pictures.get(str(tokens[index].attrGet("src")), "")

    parser.add_render_rule("image", image)
    body = parser.render(markdown)
    return f"""<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><title>{escape(title)}</title>
<style>{_STYLE}</style></head><body>
{body}</body></html>
"""
