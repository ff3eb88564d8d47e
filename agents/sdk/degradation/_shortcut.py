"""The wrapper of a gated function, written for that function's parameters.

A wrapper that takes `*args, **kwargs` packs and unpacks them on each call, and costs 3.3 to 3.8 times a bare
await (Python 3.11 to 3.13). One that has the function's own parameters costs 2.2 to 2.4 times. Such a one can
only be compiled from text, as the standard library does for dataclasses and named tuples.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from inspect import Parameter
from typing import Any, Final

__all__ = ["shortcut"]

# `{_}` stands for as many underscores as no parameter begins with.
_TEXT: Final = """
def make({_}gate, {_}function, {_}otherwise, {_}defaults):
    {kind}def call({parameters}):
        if {_}gate.open:
            {_}gate.on += 1
            return {wait}{_}function({arguments})
        return {wait}{_}otherwise({arguments})
    return call
"""


def shortcut(
    function: Callable[..., Any], gate: object, otherwise: Callable[..., Any], *, wait: bool
) -> Callable[..., Any]:
    """A function with the parameters, name and annotations of another.

    Args:
        function: Is called while the gate is open.
        gate: Has `open`, and `on`, which counts these calls.
        otherwise: Is called, with the same arguments, while it is not.
        wait: Whether both are coroutine functions, and the result is to be one.
    """
    parameters = _parameters(function)
    prefix = "_"
    while any(parameter.name.startswith(prefix) for parameter in parameters):
        prefix += "_"
    text = _TEXT.format(
        _=prefix,
        kind="async " if wait else "",
        wait="await " if wait else "",
        parameters=", ".join(_declared(parameters, prefix)),
        arguments=", ".join(map(_passed, parameters)),
    )
    namespace: dict[str, Any] = {}
    exec(compile(text, "<the gate of a feature>", "exec"), namespace)  # noqa: S102 - our text; of the function, only names that are identifiers
    call: Callable[..., Any] = namespace["make"](gate, function, otherwise, [p.default for p in parameters])
    functools.update_wrapper(call, function)
    return call


def _parameters(function: Callable[..., Any]) -> list[Parameter]:
    try:
        # Not what a decorated function says about the one it wraps, but what it takes itself.
        parameters = list(inspect.signature(function, follow_wrapped=False).parameters.values())
    except (TypeError, ValueError):  # written in C, without a signature
        parameters = []
    else:
        if all(parameter.name.isidentifier() for parameter in parameters):
            return parameters
    return [Parameter("args", Parameter.VAR_POSITIONAL), Parameter("kwargs", Parameter.VAR_KEYWORD)]


def _declared(parameters: list[Parameter], prefix: str) -> Iterator[str]:
    kind: Any = None
    for index, parameter in enumerate(parameters):
        if kind is Parameter.POSITIONAL_ONLY and parameter.kind is not kind:
            yield "/"
        if parameter.kind is Parameter.KEYWORD_ONLY and kind not in {
            Parameter.VAR_POSITIONAL,
            Parameter.KEYWORD_ONLY,
        }:
            yield "*"
        kind = parameter.kind
        default = "" if parameter.default is Parameter.empty else f"={prefix}defaults[{index}]"
        yield f"{_STARS.get(kind, '')}{parameter.name}{default}"
    if kind is Parameter.POSITIONAL_ONLY:
        yield "/"


def _passed(parameter: Parameter) -> str:
    if parameter.kind is Parameter.KEYWORD_ONLY:
        return f"{parameter.name}={parameter.name}"
    return f"{_STARS.get(parameter.kind, '')}{parameter.name}"


_STARS: Final[dict[Any, str]] = {Parameter.VAR_POSITIONAL: "*", Parameter.VAR_KEYWORD: "**"}
