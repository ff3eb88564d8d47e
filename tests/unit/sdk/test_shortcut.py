"""A gated function takes exactly what the function takes."""

import inspect
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import pytest

from degradation._shortcut import shortcut
from degradation.features import Gate

SENTINEL = object()


def plain(a: Any, b: Any = 2) -> Any:
    return a, b


def positional(a: Any, b: Any = SENTINEL, /) -> Any:
    return a, b


def mixed(a: Any, /, b: Any, *rest: Any, c: Any = 3, d: Any, **more: Any) -> Any:
    return a, b, rest, c, d, more


def keywords(*, a: Any, b: Any = 2) -> Any:
    return a, b


def positional_then_keywords(a: Any, /, *, b: Any) -> Any:
    return a, b


def none() -> Any:
    return ()


def clashing(_gate: Any, __function: Any, ___otherwise: Any = 1, gate: Any = 2) -> Any:
    return _gate, __function, ___otherwise, gate


def everything(*args: Any, **kwargs: Any) -> Any:
    return args, kwargs


@wraps(plain)
def wrapped(*args: Any, **kwargs: Any) -> Any:
    return args, kwargs


class Method:
    def it(self, a: Any, b: Any = 2) -> Any:
        return a, b


CALLS: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = [
    (plain, (1,), {}),
    (plain, (1, 5), {}),
    (plain, (), {"b": 5, "a": 1}),
    (positional, (1,), {}),
    (mixed, (1, 2), {"d": 4}),
    (mixed, (1, 2, 3, 4), {"d": 4, "c": 0, "e": 5, "a": 7}),
    (keywords, (), {"a": 1}),
    (positional_then_keywords, (1,), {"b": 2}),
    (none, (), {}),
    (clashing, (1, 2), {"gate": 9}),
    (everything, (1, 2), {"a": 1}),
    (wrapped, (1, 2, 3), {"z": 1}),
    (partial(mixed, 1, d=4), (2,), {}),
    (Method().it, (1,), {}),
    (dict, ([("a", 1)],), {"b": 2}),
    (max, (1, 2), {}),
]


@pytest.mark.parametrize(("function", "args", "kwargs"), CALLS)
@pytest.mark.parametrize("is_open", [True, False])
def test_it_passes_on_what_it_is_given(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], is_open: bool
) -> None:
    gate = Gate("x")
    gate.open = is_open
    call = shortcut(function, gate, lambda *a, **k: ("otherwise", function(*a, **k)), wait=False)

    expected = function(*args, **kwargs)
    assert call(*args, **kwargs) == (expected if is_open else ("otherwise", expected))
    assert gate.on == int(is_open)


@pytest.mark.parametrize(
    "function", [plain, positional, mixed, keywords, positional_then_keywords, none, clashing, wrapped]
)
def test_it_refuses_what_the_function_refuses_and_says_the_same(function: Callable[..., Any]) -> None:
    gate = Gate("x")
    gate.open = True
    call = shortcut(function, gate, function, wait=False)

    assert inspect.signature(call) == inspect.signature(function)
    assert (call.__name__, call.__module__) == (function.__name__, function.__module__)
    if function is not wrapped:
        with pytest.raises(TypeError) as theirs:
            function(*range(9), y=1, z=1)
        with pytest.raises(TypeError) as ours:
            call(*range(9), y=1, z=1)
        assert str(ours.value).partition("() ")[2] == str(theirs.value).partition("() ")[2]
