"""Whatever a source brings: a document is whole or refused, and the last good one stays."""

import json
import re
from typing import Any

import pytest

from degradation._runner import Runner
from degradation.document import (
    BreakerEntry,
    Document,
    Mode,
    Override,
    SlidingWindowEntry,
    State,
    parse,
    render,
)
from degradation.following import Following
from degradation.level import Level
from degradation.view import Change, View
from tests.support.documents import document

WHOLE = document(
    1_795_464_245_041,
    2,
    term=7,
    previous_level=Level.OPTIMAL,
    override=Override(level=Level.DEGRADED, reason="drill", until="2026-11-23T21:00:00Z"),
    states={"redis": State.DOWN},
    features={"cache": False},
    breakers={
        "redis": BreakerEntry(
            call_timeout=1.5, sliding_window=SlidingWindowEntry(duration=60.0, slow_call_duration=0.5)
        )
    },
)
GOOD = document(1_795_464_245_040, 4, features={"cache": True})


class Followed:
    """A runner that has a good document."""

    def __init__(self) -> None:
        self.view = View(level=Level.OPTIMAL)
        self.runner = Runner(Following(view=self.view), self._publish, lambda: 0.0)
        self.runner.received(render(GOOD).encode(), "directory")
        self.good = self.view

    def _publish(self, view: View, _changes: tuple[Change, ...]) -> None:
        self.view = view

    def refused(self, raw: bytes) -> dict[str, int]:
        """Why this was refused, and how often; fails if it changed what applies."""
        self.runner.received(raw, "directory")
        assert self.view == self.good
        return {reason: count for reason, count in self.runner.refusals.items() if count}


def test_truncated_at_every_byte() -> None:
    text = render(WHOLE).encode()
    followed = Followed()

    for length in range(len(text)):
        assert followed.refused(text[:length]) == {"unparsable": length + 1}


def test_longer_than_64_kib() -> None:
    long = render(document(1_795_464_245_041, cause="x" * 65 * 1024)).encode()

    assert Followed().refused(long) == {"too-large": 1}


def _leaves(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    below = (
        [leaf for key, entry in value.items() for leaf in _leaves(entry, (*path, key))]
        if isinstance(value, dict)
        else []
    )
    return [path, *below] if path else below


# For people and shells: agents take the level's own name and capacity.
NOT_READ = {("name",), ("capacity",)}


@pytest.mark.parametrize(
    "path", [leaf for leaf in _leaves(json.loads(render(WHOLE))) if leaf not in NOT_READ], ids=".".join
)
def test_a_wrong_type_of_any_field(path: tuple[str, ...]) -> None:
    key = path[-1]
    # An object is right for some, whatever it holds: unknown keys are ignored.
    other: Any = {"breakers": {"a": 1}, "halfOpen": 7, "redis": 7}.get(key, {"a": []})
    wrongs: tuple[Any, ...] = ([], "nonsense", -1.5, other)
    for wrong in wrongs:
        whole = json.loads(render(WHOLE))
        parent = whole
        for step in path[:-1]:
            parent = parent[step]
        if isinstance(wrong, str) and isinstance(parent[key], str):
            continue
        parent[key] = wrong

        reasons = Followed().refused(json.dumps(whole).encode())

        assert reasons == {"unparsable": 1}, wrong


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "unparsable"),
        (b"[]", "unparsable"),
        (b"\xff\xfe", "unparsable"),
        (b"[" * 60_000, "unparsable"),
        (b'{"version": NaN}', "unparsable"),
        (b"9" * 60_000, "unparsable"),
        (render(WHOLE).replace('"version":1', '"version":2').encode(), "version"),
        (render(WHOLE).replace('"level":2', '"level":0').encode(), "level"),
        (render(WHOLE).replace('"level":2', '"level":6').encode(), "level"),
        (render(document(2**52 + 1)).encode(), "revision"),
        (render(document(0)).encode(), "revision"),
        (render(document(-5)).encode(), "revision"),
        (render(document(GOOD.revision + 2**40 + 1)).encode(), "revision"),
        (render(document(GOOD.revision - 1)).encode(), "older"),
        (render(document(GOOD.revision + 1, policy="shop/other")).encode(), "other-policy"),
    ],
    ids=lambda value: value[:24] if isinstance(value, bytes) else value,
)
def test_refused_for_a_reason(raw: bytes, reason: str) -> None:
    assert Followed().refused(raw) == {reason: 1}


def _told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The paths of unknown values that were logged."""
    found = (re.search("document says (.*): .* does not know", r.getMessage()) for r in caplog.records)
    return [match[1] for match in found if match]


def test_unknown_keys_and_words_do_not_refuse(caplog: pytest.LogCaptureFixture) -> None:
    newer = json.loads(render(WHOLE))
    newer |= {"level": 5, "mode": "Rehearse", "tomorrow": {"x": [1]}}
    newer["dependencies"]["redis"] |= {"state": "Frozen", "blame": 3}
    newer["breakers"]["redis"] |= {"mode": "Gentle", "jitter": True}
    newer["breakers"]["redis"]["halfOpen"]["more"] = 1
    followed = Followed()

    for further in range(3):
        newer["revision"] += further
        followed.runner.received(json.dumps(newer).encode(), "directory")

    assert (followed.view.level, followed.view.dependencies) == (Level.EMERGENCY, {"redis": State.UP})
    assert followed.view.breakers["redis"].mode == "Auto"
    following = followed.runner.following
    assert following.document is not None
    assert following.document.mode is Mode.ENFORCE
    assert _told(caplog) == [
        "mode",
        "dependencies.redis.state",
        "breakers.redis.mode",
    ]


def test_a_refusal_is_counted_each_time_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    followed = Followed()
    caplog.clear()
    for raw in (b"{", b"{", b"[]", b"{"):
        followed.refused(raw)

    assert followed.runner.refusals["unparsable"] == 4
    assert len(caplog.records) == 3
    assert "the last good one stays" in caplog.text


@pytest.mark.parametrize("given", [WHOLE, GOOD, document()])
def test_what_is_rendered_reads_back_the_same(given: Document) -> None:
    assert parse(render(given)) == given
