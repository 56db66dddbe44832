from __future__ import annotations

import json
import re
from typing import Any

from sweeps.ui.page import ASSETS, asset, live_html, static_html

HOSTILE = "</script><script>alert(1)</script>"
NOTHING: dict[str, Any] = {"rung": None, "trials": 0, "objectives": []}


def test_static_page_loads_nothing_from_elsewhere() -> None:
    tags = re.findall(r"<(?:script|link|img|iframe)\b[^>]*>", static_html({}, NOTHING))
    assert tags
    assert not [tag for tag in tags if "src=" in tag or ("href=" in tag and 'href="data:,"' not in tag)]


def test_static_page_holds_its_document_whatever_is_in_it() -> None:
    text = static_html({"sweep": HOSTILE}, NOTHING)
    assert HOSTILE not in text
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, flags=re.DOTALL)
    assert json.loads(data)["document"] == {"sweep": HOSTILE}


def test_live_page_names_its_parts_by_their_content() -> None:
    named = re.findall(r'(?:src|href)="pareto/([\w.]+)\?\w{16}"', live_html())
    assert sorted(named) == sorted(ASSETS)


def test_graphics_stand_out_from_the_ground_in_light_and_dark() -> None:
    # https://www.w3.org/TR/WCAG22/#non-text-contrast
    schemes = re.findall(r"--ground: #.*?\}|--ground: #.*?font:", asset("page.css"), flags=re.DOTALL)
    assert len(schemes) == 2
    for scheme in schemes:
        colors = dict(re.findall(r"--(\w+): (#\w{6})", scheme))
        ground = luminance(colors.pop("ground"))
        # lines of a grid, and what lies behind controls, say nothing
        for name in colors.keys() - {"line", "raised"}:
            darker, lighter = sorted((luminance(colors[name]), ground))
            assert (lighter + 0.05) / (darker + 0.05) >= 3, name


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_both_languages_say_the_same_things() -> None:
    words = asset("words.js")
    english, chinese = (
        words[words.index("en: {") : words.index("zh: {")],
        words[words.index("zh: {") : words.index("};")],
    )
    keys = [set(re.findall(r"(?<![\w\"])(\w+): \"", part)) for part in (english, chinese)]
    assert len(keys[0]) > 60
    assert keys[0] == keys[1]


def test_page_says_only_what_there_are_words_for() -> None:
    scripts = "".join(asset(name) for name in ASSETS if name.endswith(".js") and name != "plotly.js")
    used = set(re.findall(r'data-say="(\w+)"', live_html())) | set(re.findall(r'Words\.say\("(\w+)"', scripts))
    assert len(used) > 50
    assert used <= set(re.findall(r"(?<![\w\"])(\w+): \"", asset("words.js")))
