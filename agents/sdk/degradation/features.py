"""Feature gates: the flags that decorated functions look at, and the decorators."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Generic, ParamSpec, Protocol, TypeVar, cast, overload

from degradation._errors import FeatureDisabled, Rejected
from degradation._shortcut import shortcut

__all__ = ["Admit", "Gate", "OrElse", "OrElseAwait", "current_rejection", "gated"]

P = ParamSpec("P")
R = TypeVar("R")
T_co = TypeVar("T_co", covariant=True)
F = TypeVar("F", bound=Callable[..., Any])

_rejection: Final[ContextVar[Rejected | None]] = ContextVar("degradation_rejection", default=None)


def current_rejection() -> Rejected | None:
    """Inside a fallback: why the call was not made. Elsewhere None."""
    return _rejection.get()


class Gate:
    """One feature's flag and counts.

    Plain attributes, because a gate that is open has to cost next to nothing. `+= 1` on one can lose a count
    to another thread at worst.

    Attributes:
        name: The feature's.
        open: On beyond doubt: calls pass without a further question.
        on: Calls that were made.
        fallback: Calls that a fallback answered.
        refused: Calls that raised FeatureDisabled.
    """

    __slots__ = ("fallback", "name", "on", "open", "refused")

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self.open = False
        self.on = 0
        self.fallback = 0
        self.refused = 0


Admit = Callable[[Gate], FeatureDisabled | None]
"""What a gate that is not open asks: None lets the call through."""


class OrElse(Protocol, Generic[P, T_co]):
    """A decorator whose fallback is a plain function."""

    @overload
    def __call__(
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> Callable[P, Coroutine[Any, Any, R | T_co]]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Callable[P, R | T_co]: ...


class OrElseAwait(Protocol, Generic[P, T_co]):
    """A decorator whose fallback is a coroutine function: for coroutine functions only."""

    def __call__(
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> Callable[P, Coroutine[Any, Any, R | T_co]]:
        """Decorate a coroutine function."""
        ...


def gated(function: F, gate: Gate, admit: Admit, fallback: Callable[..., Any] | None) -> F:
    """The function behind its gate.

    Args:
        function: A coroutine function or a plain one.
        gate: Its feature's.
        admit: Is asked while the gate is not open.
        fallback: Answers in its place, with the same arguments; None: FeatureDisabled is raised.

    Raises:
        TypeError: The function is none that can be gated, or the fallback does not fit it.
    """
    _check(function, fallback)
    if _is_coroutine_function(function):

        async def wait(*args: Any, **kwargs: Any) -> Any:
            rejection = admit(gate)
            if rejection is None:
                gate.on += 1
                return await function(*args, **kwargs)
            with _falling_back(gate, rejection, fallback) as answer:
                result = answer(*args, **kwargs)
                return await result if inspect.isawaitable(result) else result

        return cast("F", shortcut(function, gate, wait, wait=True))

    def otherwise(*args: Any, **kwargs: Any) -> Any:
        rejection = admit(gate)
        if rejection is None:
            gate.on += 1
            return function(*args, **kwargs)
        with _falling_back(gate, rejection, fallback) as answer:
            return answer(*args, **kwargs)

    return cast("F", shortcut(function, gate, otherwise, wait=False))


@contextmanager
def _falling_back(
    gate: Gate, rejection: FeatureDisabled, fallback: Callable[..., Any] | None
) -> Iterator[Callable[..., Any]]:
    """The fallback; while it runs, `current_rejection()` is this one. Without a fallback it is raised."""
    if fallback is None:
        gate.refused += 1
        raise rejection
    gate.fallback += 1
    token = _rejection.set(rejection)
    try:
        yield fallback
    finally:
        _rejection.reset(token)


def _check(function: Callable[..., Any], fallback: Callable[..., Any] | None) -> None:
    name = getattr(function, "__qualname__", repr(function))
    if isinstance(function, staticmethod | classmethod):
        raise TypeError(f"put the decorator below @{type(function).__name__}, next to the function")
    for which, candidate in (("", function), ("the fallback of ", fallback)):
        if inspect.isgeneratorfunction(candidate) or inspect.isasyncgenfunction(candidate):
            raise TypeError(
                f"{which}{name} is a generator function: it runs piece by piece, so there is no moment at which to "
                "decide; decorate a function that is called once"
            )
    if fallback is not None and _is_coroutine_function(fallback) and not _is_coroutine_function(function):
        raise TypeError(f"{name} is a plain function, so its fallback has to be one too")


def _is_coroutine_function(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - an object may be called by a coroutine method
    )
