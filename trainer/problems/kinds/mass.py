"""``某物体的密度为 10 克/立方厘米，体积为 3 立方厘米，请计算该物体的质量。``"""

from __future__ import annotations

from decimal import Decimal
from random import Random

from trainer.problems.arithmetic import product
from trainer.problems.kind import Kind

_HIGHEST = 10


def draw(random: Random) -> tuple[str, str]:
    """Draw a density and a volume from 1 to 10."""
    return str(random.randint(1, _HIGHEST)), str(random.randint(1, _HIGHEST))


def solve(density: str, volume: str) -> str:
    """Return the mass in grams, a whole number."""
    return str(int(density) * int(volume))


def lines(density: str, volume: str) -> list[str]:
    """Return the product, worked out."""
    return product(Decimal(density), Decimal(volume))


KIND = Kind(
    name="mass",
    rows=100,
    problems=_HIGHEST**2,
    fields={"density": r"\d{1,15}", "volume": r"\d{1,15}"},
    questions={
        "zh": "某物体的密度为 {density} 克/立方厘米，体积为 {volume} 立方厘米，请计算该物体的质量。",
        "en": "An object has a density of {density} grams per cubic centimeter and a volume of {volume} cubic centimeters. "
        "What is its mass?",
    },
    solutions={"zh": "{result} 克", "en": "{result} grams"},
    draw=draw,
    solve=solve,
    lines=lines,
)
