"""What a person sees of the demo: a live table on a terminal, plain lines elsewhere."""

from collections.abc import Sequence
from types import TracebackType
from typing import Final, Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from degradation.level import Level
from degradation_operator.demo.observation import Answers, Observation
from degradation_operator.demo.sequence import Result, Step

_COLOURS: Final = {1: "green", 2: "yellow", 3: "dark_orange", 4: "red", 5: "bold red"}


class View(Protocol):
    """Is told how the demo goes."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End showing."""

    def say(self, words: str) -> None:
        """Something that is not a step."""

    def begins(self, step: Step) -> None:
        """A step begins."""

    def looked(self, seen: Observation, seconds: float) -> None:
        """A look at the agent, so many seconds after the step began."""

    def ended(self, result: Result) -> None:
        """A step is over."""


def view_for(console: Console) -> View:
    """The one that suits where the words go."""
    return LiveView(console) if console.is_terminal else PlainView(console)


class PlainView:
    """One line for each thing that happens, and one for each change that is seen."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: Observation | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def say(self, words: str) -> None:
        """Print it."""
        self._line(words)

    def begins(self, step: Step) -> None:
        """Print its title."""
        self._line(f"→ {step.title}")
        self._last = None

    def looked(self, seen: Observation, seconds: float) -> None:
        """Print what differs from the last look."""
        if seen != self._last:
            self._line(f"  {seconds:5.1f} s  {level_text(seen.level)}  {deviations(seen.answers)}")
        self._last = seen

    def ended(self, result: Result) -> None:
        """Print how it went."""
        self._line(f"  {verdict(result)} after {result.seconds:.1f} s")

    def _line(self, words: str) -> None:
        self._console.print(words, markup=False, highlight=False, soft_wrap=True)


class LiveView:
    """A table that grows, with what is seen at this moment in its last row."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, refresh_per_second=10, transient=True)
        self._results: list[Result] = []
        self._step: Step | None = None
        self._now: tuple[Observation, float] | None = None

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def say(self, words: str) -> None:
        """Show it: alone before the first step, above the table afterwards."""
        if self._step is None and not self._results:
            self._live.update(Text(words), refresh=True)
        else:
            self._live.console.print(words, markup=False, highlight=False)

    def begins(self, step: Step) -> None:
        """Add a row."""
        self._step, self._now = step, None
        self._show()

    def looked(self, seen: Observation, seconds: float) -> None:
        """Bring the last row up to date."""
        self._now = seen, seconds
        self._show()

    def ended(self, result: Result) -> None:
        """Finish the last row."""
        self._results.append(result)
        self._step = None
        self._show()

    def _show(self) -> None:
        shown = results_table(self._results)
        if self._step is not None:
            level, cause, answers, seconds = "", "", "", ""
            if self._now is not None:
                seen, elapsed = self._now
                level, cause, answers = level_text(seen.level), seen.cause or "", deviations(seen.answers)
                seconds = f"{elapsed:.1f}"
            shown.add_row(Text(self._step.title), Text(level), Text(cause), Text(answers), seconds, "…")
        self._live.update(shown)


def results_table(results: Sequence[Result]) -> Table:
    """What happened, what the level was and why, what the agent answered, and after how many seconds."""
    table = Table(title="fault → level → behaviour")
    for heading in ("what happened", "level", "cause", "what the agent answers"):
        table.add_column(heading)
    table.add_column("seconds", justify="right")
    table.add_column("")
    for result in results:
        seen = result.seen
        table.add_row(
            Text(result.step.title),
            Text(level_text(seen.level), style=_COLOURS[seen.level])
            if seen is not None
            else Text("no answer"),
            Text((seen.cause or "") if seen is not None else ""),
            Text(f"{deviations(seen.answers)}{_noted(seen)}" if seen is not None else ""),
            f"{result.seconds:.1f}",
            Text("✓", style="green") if result.met else Text("✗", style="red"),
        )
    return table


def _noted(seen: Observation) -> str:
    """Where the level alone does not say it."""
    return f" ({_features(uploads_on=False)})" if seen.level < Level.EMERGENCY and not seen.uploads_on else ""


def level_text(level: int) -> str:
    """`2 DEGRADED`."""
    return f"{level} {Level(level).name}"


def deviations(answers: Answers) -> str:
    """What is not as it is when everything runs, in words."""
    well = Answers()
    if answers.page != well.page:
        return "a status page, everything else refused" if _all_refused(answers) else f"page: {answers.page}"
    differing: dict[str, list[str]] = {}
    for name in Answers.__slots__:
        if (answer := getattr(answers, name)) != getattr(well, name):
            differing.setdefault(answer, []).append(name.replace("_", " "))
    said = (f"{', '.join(names)}: {answer}" for answer, names in differing.items())
    return "; ".join(said) or "everything, prices from cache and AI"


def verdict(result: Result) -> str:
    """Whether it went as it must, and else what was expected and what was seen."""
    if result.met:
        return "as expected"
    expected, seen = result.step.expected, result.seen
    wanted = (
        f"level {expected.level}, {_features(uploads_on=expected.uploads_on)}, {deviations(expected.answers)}"
    )
    if seen is None:
        return f"NOT as expected: the agent gave no clear answer instead of {wanted}"
    found = f"level {seen.level} ({seen.cause}), {_features(uploads_on=seen.uploads_on)}, {deviations(seen.answers)}"
    return f"NOT as expected: {found}; wanted was {wanted}"


def _features(*, uploads_on: bool) -> str:
    return f"document-upload {'on' if uploads_on else 'off'}"


def _all_refused(answers: Answers) -> bool:
    return all(getattr(answers, name) == "refused" for name in Answers.__slots__ if name != "page")
