"""Generated text for the tiny base model: passages with questions, sums, and problems asked in words.

Three things are generated here, all from a ``random.Random`` that the caller seeds:

* ``passage``: facts about people and one question, in SQuAD v1.1's structure (the *base ability*);
* ``operation``: sums such as ``12 + 35 = 47``, which pretraining shows bare and as an instruction ``12 + 35 = ?``;
* ``problem``: the same sums asked in words, as contest JSONL ``{"problem", "solution"}`` (the *task*), none of whose
  sentences pretraining shows.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

LIMIT = 30
"""Operands lie in [0, LIMIT); results therefore in [0, 2 * LIMIT)."""

NAMES = (
    "tom anna bill mary jack lucy paul rose mike jane carl emma fred ella hugo iris ivan kate leo nina omar ruth sam "
    "zoe"
).split()
ADJECTIVES = (
    "red blue green old new small big stone wooden quiet royal silver golden north south upper lower cold warm bright "
    "dark happy iron grand"
).split()
PLACES = "valley harbor village castle bridge river island forest market garden tower hill".split()
JOBS = "teacher doctor baker driver singer painter farmer sailor lawyer nurse pilot guard".split()
THINGS = "car house boat bike horse lamp clock chair piano camera kite drum".split()
FOODS = "soup bread cheese salad rice cake tea coffee fish pasta honey pie".split()
ITEMS = "apples pears books coins pens eggs cards stamps shells toys cups nuts".split()
ZH_NAMES = "小明 小红 小刚 小丽 小华 小芳 小军 小美".split()
ZH_ITEMS = "苹果 铅笔 糖果 邮票 贝壳 气球 饼干 卡片".split()
ZH_GAINS = "又买了 又得到".split()
ZH_LOSSES = "吃掉了 送走了".split()
GAINS = "buys finds gets".split()
LOSSES = "loses sells eats".split()

KINDS = ("zh_expression", "en_expression", "zh_story", "en_story")
"""Kinds of problem, each measured by itself."""


@dataclass(frozen=True)
class Fact:
    """One sentence about a person, a question about it and the answer, a literal span of the sentence."""

    sentence: str
    question: str
    answer: str


@dataclass(frozen=True)
class Problem:
    """One contest problem; ``solution`` is an expression with its value, as the contest writes it."""

    kind: str
    problem: str
    solution: str


def _phrase(rng: random.Random, nouns: list[str]) -> str:
    return " ".join([*rng.sample(ADJECTIVES, rng.choice((0, 1, 1, 2))), rng.choice(nouns)])


def passage(rng: random.Random, facts: int) -> list[Fact]:
    """Draw ``facts`` facts of different kinds about one person; joined by spaces they are the passage."""
    name = rng.choice(NAMES)
    return [_fact(rng, name, kind) for kind in rng.sample(range(7), facts)]


def _fact(rng: random.Random, name: str, kind: int) -> Fact:
    if kind < 4:
        nouns, verb, question = (
            (PLACES, "lives in", f"where does {name} live ?"),
            (JOBS, "works as", f"what does {name} work as ?"),
            (THINGS, "owns", f"what does {name} own ?"),
            (FOODS, "likes", f"what does {name} like ?"),
        )[kind]
        answer = _phrase(rng, nouns)
        return Fact(f"{name} {verb} {answer} .", question, answer)
    item, count = rng.choice(ITEMS), str(rng.randrange(2 * LIMIT))
    verb, base = (("has", "have"), ("buys", "buy"), ("finds", "find"))[kind - 4]
    return Fact(f"{name} {verb} {count} {item} .", f"how many {item} does {name} {base} ?", count)


def operation(rng: random.Random) -> tuple[int, str, int, int]:
    """Draw ``(a, op, b, result)`` with ``op`` in ``+ -`` and a result that is not negative."""
    a, b = rng.randrange(LIMIT), rng.randrange(LIMIT)
    if rng.random() < 0.5:
        return a, "+", b, a + b
    return max(a, b), "-", min(a, b), abs(a - b)


def problem(rng: random.Random, kind: str | None = None) -> Problem:
    """Draw one problem, of ``kind`` if it is given, else of any kind with equal chance."""
    kind = kind or rng.choice(KINDS)
    a, op, b, result = operation(rng)
    solution = f"{a} {op} {b} = {result}"
    if kind == "zh_expression":
        return Problem(kind, f"计算 {a} {op} {b} 等于多少？", solution)
    if kind == "en_expression":
        words = {"+": "plus", "-": "minus"}
        return Problem(kind, f"What is {a} {words[op]} {b}?", solution)
    if kind == "zh_story":
        name, item = rng.choice(ZH_NAMES), rng.choice(ZH_ITEMS)
        verb = rng.choice(ZH_GAINS if op == "+" else ZH_LOSSES)
        return Problem(kind, f"{name}有 {a} 个{item}，{verb} {b} 个，现在有多少个？", solution)
    name, item = rng.choice(NAMES), rng.choice(ITEMS)
    verb = rng.choice(GAINS if op == "+" else LOSSES)
    text = f"{name} has {a} {item}. {name} {verb} {b} of them. How many {item} does {name} have now?"
    return Problem(kind, text, solution)
