r"""Grading of calculations: by numbers, never by strings alone.

**Where the answer is.** In the first of these that there is:

1. what the first ``\boxed{...}`` holds;
2. the first line with ``答案是``, ``答案为``, ``答案:``, ``answer is``, ``answer:`` or, at its start, ``####``, and
   then a digit: the end of an answer that was worked out step by step;
3. the first line with a digit: a base model that has answered rambles on below.

In 2 and 3 it is the first number after the last mark that a number follows, the marks being ``=``, ``≈``, ``:``,
``为``, ``是``, ``等于``, ``is``, ``are`` and ``equals``; without such a mark it is the last number. A result that
another number follows with but a blank between ends the answer, as in ``= 840.83 7310.69 + 12 = 7``: the rest rambles.

**What a number is.** Sign (ASCII or Unicode), digits (thousands may be separated by commas), decimals, and ``e3`` or
``×10^3``; or two whole numbers with a ``/`` and no blank between. Calculations such as ``7 + 5``, ``2^10`` or ``7√5``
and lists such as ``-3, 9`` are no numbers, so an echoed question is no answer. Units and text around a number do not
count, nor do 万 and 亿. A percent sign is a unit: ``61.1%`` is 61.1 and, for a key without the sign, also 0.611.

In ``\boxed{7\sqrt{5}}`` or ``\boxed{(1, -2)}`` every number is compared, and the text between them must be the same.

**When two numbers are equal.** The contest's keys are exact or have 16 to 28 digits, which nobody asks for: a rounded
or cut-off answer is right. It must lie within 1e-6 of the key, relatively, so that six digits are shown to be known,
and within less than one unit of its own or the key's last written digit, whichever is coarser, so that 26643500 is not
26643502.5384. Relative errors up to 1e-14 are the noise of the binary numbers that some keys were computed with
(21.240000000000002). Signs count.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext

_RELATIVE, _NOISE = Decimal("1e-6"), Decimal("1e-14")
_CONTEXT = Context(prec=100, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])  # hostile numbers become NaN or infinite
_LONGEST = 20_000  # characters read of a text: more than any answer, few enough for every expression below

# after NFKC and _plain; every run of whitespace is one blank
_DIGITS = r"(?>\d+/\d+(?!\d|\.\d)|(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d*)?|\.\d+)"
_EXPONENT = r"(?:[eE](?P<e>[-+]?\d+)|\ ?[*x×]\ ?10\ ?\^\ ?[{(]?(?P<ten>[-+]?\d+)[})]?)"
_NUMBER = rf"(?P<sign>[-+]\ ?)?(?P<digits>{_DIGITS}){_EXPONENT}?(?P<percent>\ ?%)?"
_ANONYMOUS = re.sub(r"\?P<\w+>", "?:", _NUMBER)
_TERM = rf"(?:\(\ ?)?{_ANONYMOUS}(?:\ ?\))?"
_CALCULATION = re.compile(
    rf"(?<![A-Za-z0-9_.^√)-]){_TERM}(?:\ ?[-+*/x×÷^]\ ?{_TERM})*(?P<unfinished>\ ?[\^√π]|,\ ?-?\d)?"
)
_ONE = re.compile(rf"(?:\(\ ?)?{_NUMBER}(?:\ ?\))?")
_IN_BOX = re.compile(rf"(?<![A-Za-z0-9_.]){_NUMBER}")
_MARK = re.compile(r"=|≈|(?<!\d):|(?<!因)为|是|等于|\b(?:is|are|equals)\b")
_FINAL = re.compile(r"(?:答案\ ?[是为:]|\b[Aa]nswer\ ?(?:is|:)|^####).*\d")

_MINUS = dict.fromkeys(map(ord, "−–—‐"), "-") | {ord("，"): ";", ord("⁄"): "/"}
_SUPERSCRIPT = re.compile("[⁺⁻⁰¹²³⁴-⁹]+")
_LATEX = [
    (re.compile(pattern), plain)
    for pattern, plain in (
        (r"\\[dt]?frac ?\{ ?(-?\d+) ?\}\{ ?(\d+) ?\}", r" \1/\2"),
        (r"\\[dt]?frac ?(\d) ?(\d)", r" \1/\2"),
        (r"\{,\}", ","),
        (r"\\%", "%"),
        (r"\\sqrt", "√"),
        (r"\\pi\b", "π"),
        (r"\\(?:cdot|times)", "×"),
        (r"\\approx", "≈"),
        (r"\\(?:left|right|[!,;:]|(?:text|mbox|mathrm)\{[^{}]*\})|\^ ?\{?\\circ ?\}?|[°$]", ""),
        (r"[^\S\n]+", " "),
    )
]


@dataclass(frozen=True)
class Number:
    """A number as it was written.

    Attributes:
        value: finite; its exponent is that of the last digit written, unless it is a fraction.
        percent: whether a percent sign followed.
    """

    value: Decimal
    percent: bool


@dataclass(frozen=True)
class Answer:
    """The numbers of an answer; more than one only where it was boxed.

    Attributes:
        between: the text before, between and after the numbers, without blanks and braces.
    """

    numbers: tuple[Number, ...]
    between: tuple[str, ...]


def is_correct(prediction: str, solution: str) -> bool:
    """Whether the prediction's answer is the solution's; a text without one is never right, nor can it be met."""
    with localcontext(_CONTEXT):
        given, key = answer(prediction), answer(solution)
        if given is None or key is None or given.between != key.between:
            return False
        return all(_meets(number, expected) for number, expected in zip(given.numbers, key.numbers, strict=True))


def answer(text: str) -> Answer | None:
    """Return the answer that a text gives, by the rule of this module's docstring; None where it gives none."""
    text = text[:_LONGEST]
    if (boxed := _boxed(text)) is not None:
        return _boxed_answer(_plain(boxed))
    lines = [line for line in _plain(text).split("\n") if re.search(r"\d", line)]
    if not lines:
        return None
    found = _result(next(filter(_FINAL.search, lines), lines[0]))
    return None if found is None else Answer((found,), ("", ""))


def _meets(number: Number, key: Number) -> bool:
    if _equal(number.value, key.value):
        return True
    if number.percent == key.percent:
        return False
    return _equal(number.value.scaleb(-2 * number.percent), key.value.scaleb(-2 * key.percent))


def _equal(value: Decimal, key: Decimal) -> bool:
    error = abs(value - key)
    unit = Decimal(1).scaleb(max(_exponent(value), _exponent(key)))
    return error <= _RELATIVE * abs(key) and (error < unit or error <= _NOISE * abs(key))


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)  # finite, so no letter
    return exponent


def _plain(text: str) -> str:
    r"""Write signs, powers and the LaTeX of simple numbers in one way; lines stay."""
    text = _SUPERSCRIPT.sub(lambda match: "^" + unicodedata.normalize("NFKC", match[0]), text)
    text = unicodedata.normalize("NFKC", text.translate(_MINUS)).translate(_MINUS)
    for pattern, plain in _LATEX:
        text = pattern.sub(plain, text)
    return text


def _boxed(text: str) -> str | None:
    start = re.search(r"\\(?:boxed|fbox) ?\{", text)
    if start is None:
        return None
    depth = 1
    for i in range(start.end(), len(text)):
        depth += (text[i] == "{") - (text[i] == "}")
        if not depth:
            return text[start.end() : i]
    return None


def _boxed_answer(content: str) -> Answer | None:
    numbers, between, end = [], [], 0
    content = content.rpartition("=")[2].rstrip(". ")
    for match in _IN_BOX.finditer(content):
        if (number := _number(match)) is None:
            return None
        numbers.append(number)
        between.append(content[end : match.start()])
        end = match.end()
    between.append(content[end:])
    return Answer(tuple(numbers), tuple(re.sub(r"[\s{}]", "", part) for part in between)) if numbers else None


def _result(line: str) -> Number | None:
    marks = [match.end() for match in _MARK.finditer(line)]
    result = None
    for start, end in zip([0, *marks], [*marks, len(line)], strict=True):
        found = list(_CALCULATION.finditer(line, start, end))
        if not found:
            continue
        chosen = found[0] if start else found[-1]
        result = None if chosen["unfinished"] else _number(_ONE.fullmatch(chosen[0]))
        if start and len(found) > 1 and line[found[0].end() : found[1].start()] == " ":
            break
    return result


def _number(match: re.Match[str] | None) -> Number | None:
    if match is None:
        return None
    numerator, _, denominator = match["digits"].partition("/")
    exponent = match["e"] or match["ten"] or "0"
    value = _CONTEXT.create_decimal(f"{match['sign'] or ''}{numerator}e{exponent}".replace(" ", "").replace(",", ""))
    if denominator:
        value = _CONTEXT.divide(value, Decimal(denominator))
    return Number(value, percent=bool(match["percent"])) if value.is_finite() else None
