"""Revisions, changes and times of the document."""

from __future__ import annotations

from dataclasses import replace

import pytest

from degradation.document import Document, render
from degradation.level import Level
from degradation_operator.api.names import Reason
from degradation_operator.api.override import Override
from degradation_operator.engine.document import MAX_LEAP, change_key, compose_document, next_revision
from degradation_operator.engine.evaluate import evaluate
from degradation_operator.engine.explanation import explain
from degradation_operator.engine.model import Outcome, ProbeResult
from degradation_operator.engine.seed import seed
from degradation_operator.engine.status import compose_event, compose_status
from tests.support.golden import assert_golden

from .machine import EPOCH, Machine, at, retail

MILLISECONDS = 1795464000000  # of EPOCH


@pytest.mark.parametrize(
    ("document", "status", "revision"),
    [
        (None, None, MILLISECONDS),
        (7, None, 8),
        (None, 7, 8),
        (7, 5, 8),
        (5, 7, 8),
        (2**52, 7, 8),  # garbage
        (2**53, None, MILLISECONDS),
        (-1, None, MILLISECONDS),
        (7 + MAX_LEAP, 7, 7 + MAX_LEAP + 1),
        (7 + MAX_LEAP + 1, 7, 8),
        (7, 8 + MAX_LEAP, 8),
    ],
)
def test_the_next_revision(document: int | None, status: int | None, revision: int) -> None:
    assert next_revision(document, status, wall=EPOCH) == revision


def compose(machine: Machine, previous: Document | None = None) -> Document:
    verdict = machine.decision.verdict
    assert verdict is not None
    return compose_document(
        "retail/retail",
        "8f0c",
        machine.spec,
        machine.decision,
        verdict,
        cause=explain(machine.spec, machine.decision, verdict).cause,
        revision=1 if previous is None else previous.revision + 1,
        previous=previous,
        now=at(machine.time).wall,
    )


def test_a_document_and_its_status_whole() -> None:
    machine = Machine(retail()).healthy()
    first = compose(machine)
    machine.feed(60, redis="down down", postgres="slow slow").feed(70, redis="up up")
    document = compose(machine, first)
    verdict = machine.decision.verdict
    assert verdict is not None
    explanation = explain(machine.spec, machine.decision, verdict)
    before = compose_status(machine.decision, verdict, explanation, first, generation=3, previous=None)
    status = compose_status(machine.decision, verdict, explanation, document, generation=3, previous=before)
    assert_golden("engine/document.json", render(document) + "\n")
    assert_golden(
        "engine/status.json", status.model_dump_json(by_alias=True, exclude_none=True, indent=1) + "\n"
    )


def test_what_has_not_changed_keeps_its_times() -> None:
    machine = Machine(retail()).healthy()
    first = compose(machine)
    second = compose(machine.feed(10, redis="down down"), first)
    third = compose(machine.feed(20, openai="down down"), second)
    assert (second.since, second.previous_level) == ("2026-11-23T20:00:10.000Z", 1)
    assert (third.since, third.previous_level) == ("2026-11-23T20:00:20.000Z", 2)
    assert {n: d.since for n, d in third.dependencies.items()} == {
        "redis": "2026-11-23T20:00:10.000Z",
        "openai": "2026-11-23T20:00:20.000Z",
        "postgres": "2026-11-23T20:00:00.000Z",
        "s3": "2026-11-23T20:00:00.000Z",
    }


def test_only_what_readers_act_on_is_a_change() -> None:
    machine = Machine(retail()).healthy()
    document = compose(machine)
    same = replace(document, revision=9, since="later", cause="other words", previous_level=None, term=4)
    assert change_key(same) == change_key(document)
    others = [
        replace(document, level=document.level.__class__(2)),
        replace(document, ramp_over=1.0),
        replace(document, stale_after=1.0),
        replace(document, retry_after=1.0),
        replace(document, features={}),
        replace(document, dependencies={}),
        replace(document, breakers={}) if document.breakers else replace(document, uid="other"),
    ]
    assert all(change_key(other) != change_key(document) for other in others)


def test_events_tell_of_level_and_override_only() -> None:
    machine = Machine(retail()).healthy()
    documents = [compose(machine)]
    documents.append(compose(machine.feed(10, s3="down down"), documents[-1]))
    documents.append(compose(machine.feed(20, redis="down down"), documents[-1]))
    machine.override = Override(level=5, reason="drill", until=at(100).wall)
    documents.append(compose(machine.feed(30), documents[-1]))
    documents.append(compose(machine.feed(100), documents[-1]))
    documents.append(compose(machine.feed(110, redis="up up").feed(140), documents[-1]))
    events = [compose_event(a, b) for a, b in zip([None, *documents], documents, strict=False)]
    assert [e and (e.name, e.reason, e.type, e.note) for e in events] == [
        None,
        None,
        (
            "8f0c-3",
            "LevelWorsened",
            "Warning",
            "from level 1 (OPTIMAL) to level 2 (DEGRADED): redis is Down: connection refused (2 of 2 probes)",
        ),
        (
            "8f0c-4",
            "OverrideStarted",
            "Normal",
            "level 5 (EMERGENCY): set by hand until 2026-11-23T20:01:40Z: drill",
        ),
        (
            "8f0c-5",
            "OverrideEnded",
            "Normal",
            "override ended; level 2 (DEGRADED): redis is Down: connection refused (2 of 2 probes)",
        ),
        ("8f0c-6", "LevelImproved", "Normal", "from level 2 (DEGRADED) to level 1 (OPTIMAL)"),
    ]


def test_a_start_keeps_what_was_measured() -> None:
    machine = Machine(retail()).healthy().feed(10, postgres="slow slow")
    document = compose(machine)
    verdict = machine.decision.verdict
    assert verdict is not None
    before = explain(machine.spec, machine.decision, verdict)
    status = compose_status(machine.decision, verdict, before, document, generation=1, previous=None)
    after = Machine(machine.spec, seed(document, status, at(500)), time=500).feed().decision
    assert after.verdict is not None
    assert explain(machine.spec, after, after.verdict) == before


def test_figures_and_words_that_are_too_long_are_cut() -> None:
    long = ProbeResult(
        outcome=Outcome.DOWN,
        reason=Reason.BAD_ANSWER,
        message="x" * 256,
        measured="503",
        threshold="200-299, " * 9,
    )
    machine = Machine(retail()).healthy()
    results = [("redis", long), ("redis", long)]
    machine.decision = evaluate(machine.spec, results, machine.decision, at(1))
    document = replace(
        compose(machine), cause="y" * 300, since="0001-01-01T00:00:00+14:00", previous_level=Level(1)
    )
    verdict = machine.decision.verdict
    assert verdict is not None
    explanation = explain(machine.spec, machine.decision, verdict)
    old = compose_status(
        machine.decision, verdict, explanation, compose(machine), generation=1, previous=None
    )
    old = old.model_copy(update={"level": 1, "revision": 0})
    status = compose_status(machine.decision, verdict, explanation, document, generation=1, previous=old)
    assert status.cause is not None
    assert status.cause.threshold is not None
    assert (len(status.cause.message), len(status.cause.threshold), status.since) == (256, 64, None)
    assert seed(document, status, at(5)).level_since == at(5).wall


def test_a_start_goes_on_from_what_was_published() -> None:
    """Held states come from the document, present ones from a status of the same revision."""
    machine = Machine(retail()).healthy().feed(10, redis="down down", openai="unknown unknown")
    first = compose(machine)
    machine.feed(20, redis="up up")
    verdict = machine.decision.verdict
    assert verdict is not None
    status = compose_status(
        machine.decision,
        verdict,
        explain(machine.spec, machine.decision, verdict),
        first,
        generation=1,
        previous=None,
    )
    after = Machine(machine.spec, seed(first, status, at(500)), time=500).feed()
    assert (after.level, after.states["redis"], after.held["redis"]) == (2, "Up", "Down")
    assert after.decision.dependencies["openai"].standing.unknown is not None
    assert (after.feed(529.9).level, after.feed(530).level) == (2, 1)
    # A status of another revision is not believed: what the document holds counts as present.
    stale = status.model_copy(update={"revision": 99})
    after = Machine(machine.spec, seed(first, stale, at(500)), time=500).feed()
    assert (after.level, after.states["redis"], after.feed(1000).level) == (2, "Down", 2)
    # Without a document the status is believed, without both nothing is known.
    assert Machine(machine.spec, seed(None, status, at(500)), time=500).feed().states["redis"] == "Up"
    assert Machine(machine.spec, seed(None, None, at(500)), time=500).feed().level is None
