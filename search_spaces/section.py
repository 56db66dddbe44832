"""The base of all models of a sweep file: strict, frozen, and with errors worded for whoever wrote the file."""

from __future__ import annotations

import math
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ModelWrapValidatorHandler,
    PlainValidator,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from search_spaces.names import unknown

Location: TypeAlias = tuple[str | int, ...]
"""Keys and list indices from the file's top to a value."""

Problem: TypeAlias = tuple[Location, str]
"""Where something is wrong, and what is wrong and what was expected."""

_WORDED = "worded"
_EXPECTED = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text (put it in quotes if it is)",
    "tuple_type": "a list",
    "dict_type": "keys with values",
    "model_type": "keys with values",
    "model_attributes_type": "keys with values",
    "invalid_key": "text as a key (put it in quotes)",
    "greater_than": "a number > {gt}",
    "greater_than_equal": "a number >= {ge}",
    "less_than": "a number < {lt}",
    "less_than_equal": "a number <= {le}",
    "too_short": "at least {min_length} of them",
}


class Section(BaseModel):
    """Keys of a sweep file that belong together: no others are allowed, and nothing is converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _word_errors(cls, data: Any, handler: ModelWrapValidatorHandler[BaseModel]) -> Any:
        try:
            return handler(data)
        except ValidationError as error:
            raise ValidationError.from_exception_data(cls.__name__, [_worded(e, cls) for e in error.errors()]) from None


def _worded(error: ErrorDetails, model: type[BaseModel]) -> InitErrorDetails:
    location, kind, context = error["loc"], error["type"], error.get("ctx", {})
    if kind == "union_tag_invalid":
        location += (context["discriminator"].strip("'"),)
        tags = context["expected_tags"].replace("'", "").split(", ")
        message = unknown("value", str(context["tag"]), tags)
    elif kind == "union_tag_not_found":
        location += (context["discriminator"].strip("'"),)
        message = f"is missing; expected the key {context['discriminator']} here"
    elif kind == "extra_forbidden":
        message = unknown("key", str(location[-1]), model.model_fields)
    elif kind == "literal_error":
        choices = context["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        message = unknown("value", str(error["input"]), choices)
    elif kind == "missing":
        message = f"is missing; expected the key {str(location[-1])!r} here"
    elif kind == "value_error":
        message = str(context["error"])
    elif kind in _EXPECTED:
        message = f"expected {_EXPECTED[kind].format(**context)}, got {shown(error['input'])}"
    else:
        message = error["msg"]
    return InitErrorDetails(type=PydanticCustomError(_WORDED, "{text}", {"text": message}), loc=location, input=None)


def shown(value: object) -> str:
    """Return ``value`` as the file has it, cut where it is long."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def problems(error: ValidationError) -> list[Problem]:
    """Return what pydantic found; the places may hold tags of unions, which the file does not have."""
    return [(details["loc"], details["msg"]) for details in error.errors()]


def _scalar(value: object) -> object:
    if (value is not None and not isinstance(value, (str, int, float))) or (
        isinstance(value, float) and not math.isfinite(value)
    ):
        raise ValueError(f"expected text (in quotes), a finite number, true, false or null, got {shown(value)}")
    return value


def _setting(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return [_scalar(item) for item in value]
    return _scalar(value)


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


Scalar = Annotated[bool | int | float | str | None, PlainValidator(_scalar)]
"""One value of YAML's: text, a finite number, true, false or null."""

Setting = Annotated[bool | int | float | str | list[Any] | None, PlainValidator(_setting)]
"""A scalar or a list of scalars."""

Item = TypeVar("Item")
Items = Annotated[tuple[Item, ...], BeforeValidator(_as_tuple)]
"""A list of the file's, kept as a tuple."""
