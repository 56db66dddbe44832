"""``某物体的密度为 10 克/立方厘米，体积为 3 立方厘米，请计算该物体的质量。``

A product of two whole numbers, as an area is.
"""

from __future__ import annotations

from trainer.problems.draws import two_wholes
from trainer.problems.kind import NATURAL, Kind
from trainer.problems.kinds.areas import lines, solve

_HIGHEST = 10


KIND = Kind(
    name="mass",
    rows=100,
    problems=_HIGHEST**2,
    fields={"density": NATURAL, "volume": NATURAL},
    questions={
        "zh": "某物体的密度为 {density} 克/立方厘米，体积为 {volume} 立方厘米，请计算该物体的质量。",
        "en": "An object has a density of {density} grams per cubic centimeter and a volume of {volume} cubic "
        "centimeters. What is its mass?",
    },
    solutions={"zh": "{result} 克", "en": "{result} grams"},
    draw=two_wholes(_HIGHEST),
    solve=solve,
    lines=lines,
)
