"""Says in a person's words what pydantic found: where, what is wrong, what would be right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from degradation_operator.api.base import MISTAKES
from degradation_operator.api.problems import Problem, listed, shortened, shown

_Loc = tuple[str | int, ...]

_PATTERNS: Final = (
    # (what the pattern contains, what it wants)
    (r"(\.[a-z0-9]", "a DNS name: lower-case letters, digits and '-', in parts that '.' separates"),
    (
        "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        "a DNS label: lower-case letters, digits and '-', with a letter or digit at both ends",
    ),
    ("[1-5][0-9]{2}", 'a status such as "204" or a range such as "200-299"'),
    (r"^\.?[-_", "the key of a Secret or ConfigMap: letters, digits, '-', '_' and '.'"),
    ("^[a-z0-9][-a-z0-9._]*", "the name of a bucket: lower-case letters, digits, '-', '.' and '_'"),
    ("^[-a-zA-Z0-9_]+$", "the name of a region: letters, digits, '-' and '_'"),
)


def problems_of(error: ValidationError, raw: object, model: type[BaseModel]) -> tuple[Problem, ...]:
    """All that is wrong, each thing once, in the order in which pydantic met it.

    Args:
        error: What validating `raw` by `model` raised.
        raw: What a person wrote.
        model: What it should have been.
    """
    found = [
        problem for details in error.errors(include_url=False) for problem in _problems(details, raw, model)
    ]
    return tuple(dict.fromkeys(found))


def path_of(loc: Sequence[str | int], raw: object) -> str:
    """A path as a person would write it: `spec.dependencies[redis].probe`; unnamed items by their index."""
    path, value = "", raw
    for key in loc:
        value = _step(value, key)
        if isinstance(key, int):
            name = value.get("name") if isinstance(value, dict) else None
            path += f"[{shortened(name) if isinstance(name, str) and name else key}]"
        else:
            path += f".{shortened(key)}" if path else shortened(key)
    return path


def _problems(details: ErrorDetails, raw: object, model: type[BaseModel]) -> Iterator[Problem]:
    loc = details["loc"]
    context = details.get("ctx", {})
    value = _value(raw, loc)
    if details["type"] == MISTAKES:
        for mistake in context["mistakes"]:
            yield Problem(path_of((*loc, *mistake.at), raw), mistake.message)
    elif details["type"] == "too_short" and isinstance(value, list) and len(value) >= context["min_length"]:
        return  # its items are wrong, and reported; pydantic counts only the right ones
    elif details["type"] == "extra_forbidden":
        yield Problem(path_of(loc, raw), _unknown_key(str(loc[-1]), _model_at(model, loc[:-1])))
    else:
        message = _message(details["type"], context, details["msg"]) + _hint(details["type"], loc, model)
        yield Problem(path_of(loc, raw), message + _echo(details["type"], loc, value))


def _message(kind: str, context: Mapping[str, Any], message: str) -> str:
    """What would be right."""
    match kind:
        case "missing":
            return "is required"
        case "string_type":
            return "must be a text"
        case "int_type" | "int_from_float" | "int_parsing" | "int_parsing_size":
            return "must be a whole number"
        case "bool_type" | "bool_parsing":
            return "must be true or false"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "must be an object"
        case "tuple_type" | "list_type":
            return "must be a list"
        case "enum" | "literal_error":
            return f"must be {context['expected'].replace(chr(39), '')}"
        case "string_pattern_mismatch":
            wanted = (words for part, words in _PATTERNS if part in context["pattern"])
            return f"must be {next(wanted, 'of another form')}"
        case "string_too_long":
            return f"must have at most {context['max_length']} characters"
        case "string_too_short":
            return _at_least(context["min_length"], "character")
        case "too_long":
            return f"must have at most {context['max_length']} entries, not {context['actual_length']}"
        case "too_short":
            return _at_least(context["min_length"], "entry", "entries")
        case "greater_than_equal":
            return f"must be at least {context['ge']}"
        case "less_than_equal":
            return f"must be at most {context['le']}"
        case "string_unicode":
            return "must be a text of valid characters"
        case "recursion_loop":
            return "must not contain itself"
        case _:
            # Errors of our own types carry whole sentences.
            return message


def _hint(kind: str, loc: _Loc, model: type[BaseModel]) -> str:
    """What would be right, where the model has to be asked."""
    if kind == "model_type" and (meant := _model_at(model, loc)):
        return f"; its keys are {listed(_keys(meant))}"
    if kind == "missing" and (parent := _model_at(model, loc[:-1])):
        annotation = _fields(parent)[str(loc[-1])].annotation
        if get_origin(annotation) is Literal:
            return f"; write {get_args(annotation)[0]}"
    return ""


def _at_least(number: int, one: str, many: str | None = None) -> str:
    return f"must have at least {number} {one if number == 1 else many or one + 's'}"


_ECHOED: Final = {
    "string_type", "int_type", "int_from_float", "bool_type", "enum", "literal_error",
    "string_pattern_mismatch", "greater_than_equal", "less_than_equal", "duration", "timestamp", "host",
}  # fmt: skip


def _echo(kind: str, loc: _Loc, value: object) -> str:
    """What was written instead, where that helps and cannot be a secret in the wrong place."""
    if kind not in _ECHOED or any("SecretRef" in str(key) for key in loc):
        return ""
    if kind == "string_type":
        return _not_text(value)
    if kind == "host" and isinstance(value, str) and "@" in value:
        return ""
    if isinstance(value, str) and kind in {"int_type", "int_from_float"} and _is_number(value):
        return f", not the text {shown(value)}: take the quotes away"
    if isinstance(value, str) and kind == "bool_type":
        return f", not the text {shown(value)}"
    if isinstance(value, bool) and kind in {"enum", "literal_error", "duration"}:
        return f", not {shown(value)}: YAML reads on, off, yes and no as true or false"
    if isinstance(value, int | float) and kind == "duration":
        return f", not {shown(value)}: add a unit"
    if isinstance(value, str | int | float):
        return f", not {shown(value)}"
    return f", not {_kind(value)}"


def _not_text(value: object) -> str:
    if isinstance(value, bool):
        return f", not {shown(value)}: put it in quotes, YAML reads on, off, yes and no as true or false"
    if isinstance(value, int | float):
        return f", not the number {shown(value)}: put it in quotes"
    return f", not {_kind(value)}"


def _is_number(text: str) -> bool:
    return text.isascii() and text.strip().isdigit()


def _kind(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    return "something else"


def _unknown_key(key: str, model: type[BaseModel] | None) -> str:
    known = [] if model is None else _keys(model)
    close = [name for name in known if name.lower() == key.replace("_", "").replace("-", "").lower()]
    close = close or get_close_matches(key, known, n=1)
    if close:
        return f"is not a known key; did you mean {close[0]}?"
    return f"is not a known key; known are {listed(known)}"


def _model_at(model: type[BaseModel], loc: _Loc) -> type[BaseModel] | None:
    """The model that a path leads to; None where it leads to something else."""
    here: type[BaseModel] | None = model
    for key in loc:
        if here is None or isinstance(key, int):
            continue
        fields = _fields(here)
        here = _model_in(fields[key].annotation) if key in fields else None
    return here


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _keys(model: type[BaseModel]) -> list[str]:
    return list(_fields(model))


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := _model_in(part))), None)


def _value(raw: object, loc: _Loc) -> object:
    for key in loc:
        raw = _step(raw, key)
    return raw


def _step(value: object, key: str | int) -> object:
    if isinstance(value, dict):
        return value.get(key)
    if isinstance(value, list | tuple) and isinstance(key, int) and key < len(value):
        return value[key]
    return None
