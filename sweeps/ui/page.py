"""The Pareto page as HTML: the live one, whose parts the server gives, and its twin, one file with all inside."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs

_FOLDER = Path(__file__).parent
STYLE, PLOTLY = "page.css", "plotly.js"
# plotly last: the page asks for its document while a browser still reads those megabytes
_SCRIPTS = ("words.js", "charts.js", "front.js", "tables.js", "difference.js", "server.js", "page.js", PLOTLY)
ASSETS = {STYLE: "text/css", **dict.fromkeys(_SCRIPTS, "text/javascript")}
"""Names of the page's parts -> their types."""


@cache
def asset(name: str) -> str:
    """Return the text of one of ``ASSETS``."""
    return str(get_plotlyjs()) if name == PLOTLY else (_FOLDER / name).read_text(encoding="utf-8")


def live_html() -> str:
    """Return the page that asks its server for ``pareto.json`` again and again; its parts lie in ``pareto/``."""
    head = f'<link rel="stylesheet" href="{_address(STYLE)}">'
    scripts = "".join(f'<script src="{_address(name)}"></script>\n' for name in _SCRIPTS)
    return _filled(head, scripts)


def _address(name: str) -> str:
    # another one for another content: browsers keep each for good
    return f"pareto/{name}?{hashlib.sha256(asset(name).encode()).hexdigest()[:16]}"


def static_html(document: Mapping[str, Any], importance: Mapping[str, Any]) -> str:
    """Return the page of a document with all inside: it opens without a server, and asks for nothing.

    What a page may load is said in it: no script but its own, whatever the document holds.
    """
    parts = [asset(name) for name in _SCRIPTS]
    allowed = " ".join(f"'sha256-{_digest(part)}'" for part in parts)
    policy = f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"
    head = f'<meta http-equiv="Content-Security-Policy" content="{policy}"><style>{asset(STYLE)}</style>'
    # </script> would end it
    told = {"document": document, "importance": importance}
    data = json.dumps(told, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    scripts = f'<script type="application/json" id="data">{data}</script>\n'
    return _filled(head, scripts + "".join(f"<script>{part}</script>\n" for part in parts))


def _filled(head: str, scripts: str) -> str:
    before, _, after = (_FOLDER / "page.html").read_text(encoding="utf-8").partition("<!-- head -->")
    between, _, end = after.partition("<!-- scripts -->")
    return before + head + between + scripts + end


@cache
def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
