"""The demo's story and what is said of it."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from degradation_operator.demo.observation import Answers, Observation
from degradation_operator.demo.policy import placed, policy_text
from degradation_operator.demo.sequence import STEPS, WELL, Expectation, Result, Step, nothing
from degradation_operator.demo.servers.openai_app import answer
from degradation_operator.demo.views import LiveView, PlainView, deviations, results_table, verdict, view_for

ROOT = Path(__file__).parents[3]

OPTIMAL = Observation(level=1, cause=None, uploads_on=True, answers=Answers())
BYPASSED = Observation(
    level=2,
    cause="redis is Down: connection refused (2 of 2 probes)",
    uploads_on=True,
    answers=Answers(price="database", new_price="database"),
)
REDIS = STEPS[0]


def test_the_policy_is_the_published_example() -> None:
    assert policy_text() == (ROOT / "examples" / "demo.yaml").read_text()


def test_the_levels_are_those_that_were_promised() -> None:
    assert [step.expected.level for step in STEPS] == [2, 1, 3, 1, 4, 4, 5, 1, 1, 1]
    assert [step.expected.uploads_on for step in STEPS[-2:]] == [False, True]


def test_addresses_replace_the_examples_and_nothing_else() -> None:
    text = placed(
        policy_text(), {"redis": {"host": "127.0.0.1", "port": 7}, "openai": {"baseURL": "http://x"}}
    )
    expected = yaml.safe_load(policy_text())
    redis, openai, *_ = expected["spec"]["dependencies"]
    redis["probe"]["redis"]["port"] = 7
    openai["probe"]["openai"]["baseURL"] = "http://x"
    assert yaml.safe_load(text) == expected


@pytest.mark.parametrize(
    ("seen", "met"),
    [
        (BYPASSED, True),
        (OPTIMAL, False),
        (replace(BYPASSED, level=3), False),
        (replace(BYPASSED, cause="openai is Down"), False),
        (replace(BYPASSED, cause=None), False),
        (replace(BYPASSED, uploads_on=False), False),
        (replace(BYPASSED, answers=Answers(price="database")), False),
    ],
)
def test_an_expectation_is_met_by_nothing_else(seen: Observation, met: bool) -> None:
    assert REDIS.expected.met_by(seen) is met


def test_no_cause_is_expected_when_all_is_well() -> None:
    assert WELL.met_by(OPTIMAL)
    assert not WELL.met_by(replace(OPTIMAL, cause="override"))


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (Answers(), "everything, prices from cache and AI"),
        (Answers(upload="refused"), "upload: refused"),
        (
            Answers(price="basic", new_price="basic", search="refused"),
            "price, new price: basic; search: refused",
        ),
        (STEPS[6].expected.answers, "a status page, everything else refused"),
        (replace(STEPS[6].expected.answers, upload="failed"), "page: status"),
    ],
)
def test_answers_in_words(answers: Answers, words: str) -> None:
    assert deviations(answers) == words


def result(seen: Observation | None, *, met: bool) -> Result:
    return Result(step=REDIS, seen=seen, seconds=0.42, met=met)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (result(BYPASSED, met=True), "as expected"),
        (
            result(OPTIMAL, met=False),
            (
                "NOT as expected: level 1 (None), document-upload on, everything, prices from cache and AI; "
                "wanted was level 2, document-upload on, price, new price: database"
            ),
        ),
        (
            result(None, met=False),
            (
                "NOT as expected: the agent gave no clear answer instead of "
                "level 2, document-upload on, price, new price: database"
            ),
        ),
    ],
)
def test_verdicts(given: Result, words: str) -> None:
    assert verdict(given) == words


def tell(console: Console) -> str:
    """A short story; what is on the console afterwards."""
    with view_for(console) as view, console.capture() as capture:
        view.say("starting")
        view.begins(REDIS)
        view.looked(OPTIMAL, 0.1)
        view.looked(OPTIMAL, 0.2)
        view.looked(BYPASSED, 0.4)
        view.ended(result(BYPASSED, met=True))
    return capture.get()


def test_without_a_terminal_each_change_is_a_line() -> None:
    assert isinstance(view_for(Console(force_terminal=False)), PlainView)
    assert tell(Console(width=80, force_terminal=False)) == (
        "starting\n"
        "→ Redis stops\n"
        "    0.1 s  1 OPTIMAL  everything, prices from cache and AI\n"
        "    0.4 s  2 DEGRADED  price, new price: database\n"
        "  as expected after 0.4 s\n"
    )


def test_results_as_a_table() -> None:
    console = Console(width=160, force_terminal=False)
    upload_off = replace(OPTIMAL, uploads_on=False, answers=Answers(upload="refused"))
    step = Step(title="S3 stops", act=nothing, expected=Expectation(level=1))
    with console.capture() as capture:
        console.print(
            results_table(
                [
                    result(BYPASSED, met=True),
                    Result(step=step, seen=upload_off, seconds=1.0, met=False),
                    result(None, met=False),
                ]
            )
        )
    rows = [[cell.strip() for cell in line.strip("│\n").split("│")] for line in capture.get().splitlines()]
    assert rows[4:7] == [
        ["Redis stops", "2 DEGRADED", BYPASSED.cause, "price, new price: database", "0.4", "✓"],
        ["S3 stops", "1 OPTIMAL", "", "upload: refused (document-upload off)", "1.0", "✗"],
        ["Redis stops", "no answer", "", "", "0.4", "✗"],
    ]


def test_on_a_terminal_a_table_grows() -> None:
    shown = StringIO()
    with view_for(Console(width=160, force_terminal=True, file=shown)) as view:
        assert isinstance(view, LiveView)
        view.say("starting")
        view.begins(REDIS)
        view.looked(BYPASSED, 0.4)
        view._live.refresh()
        view.ended(result(BYPASSED, met=True))
        view._live.refresh()
        view.say("between steps")
    for words in ("starting", "2 DEGRADED", "price, new price: database", "…", "✓", "between steps"):
        assert words in shown.getvalue()


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("The list price of SKU-7 is 100.00.", '{"price": "104.06"}'),
        ("hello", "You said: hello"),
    ],
)
def test_the_model_answers_the_same_question_the_same(prompt: str, said: str) -> None:
    assert answer(prompt) == said


def test_the_model_moves_a_price_by_a_tenth_at_most() -> None:
    for cents in range(100, 10_000, 99):
        price = cents / 100
        moved = float(yaml.safe_load(answer(f"The price of SKU-1 is {price:.2f}."))["price"])
        assert 0.899 * price <= moved <= 1.101 * price
