"""Which part of which document applies when: each rule by itself, in time that is only a number."""

from dataclasses import replace
from typing import Any

import pytest

from degradation.document import BreakerEntry, Document, State
from degradation.following import Following, share_of
from degradation.level import Level
from degradation.view import View
from tests.support.documents import document

INITIAL = View(level=Level.OPTIMAL)
HALF = Following(view=INITIAL, share=0.5)  # with the documents' ramp of 10 s, its turn is after 5 s


class Play:
    """A following core and what came of it."""

    def __init__(self, following: Following = HALF) -> None:
        self.following = following
        self.changes: list[set[str]] = []
        self.refusals: list[str] = []

    def at(self, now: float, given: Document | None = None, source: Any = "directory") -> View:
        step = self.following.tick(now) if given is None else self.following.receive(given, source, now)
        self.following = step.following
        self.changes += [set(change.changed) for change in step.changes]
        self.refusals += [step.refusal.reason] if step.refusal else []
        return self.following.view


def test_the_first_document_applies_at_once_whatever_its_ramp() -> None:
    play = Play(replace(HALF, view=View(level=Level.EMERGENCY)))
    first = document(
        7,
        2,
        states={"redis": State.DOWN},
        features={"cache": False, "ocr": True},
        breakers={"redis": BreakerEntry()},
    )

    assert play.at(100.0, first) == View(
        level=Level.DEGRADED,
        features={"cache": False, "ocr": True},
        dependencies={"redis": State.DOWN},
        breakers={"redis": BreakerEntry()},
        policy="shop/shop",
        revision=7,
        since="since 7",
        cause="cause 7",
        retry_after=30.0,
        source="directory",
    )
    assert play.changes == [{"level", "features.ocr", "dependencies.redis", "breakers.redis"}]
    assert play.following.next_due(100.0) is None


def test_worse_applies_at_once_and_better_in_turn_as_two_changes() -> None:
    play = Play()
    play.at(0.0, document(1, 3, states={"db": State.DOWN}, features={"cache": True, "ocr": False}))
    play.changes.clear()

    view = play.at(
        10.0,
        document(2, 2, states={"db": State.SLOW}, features={"cache": False, "ocr": True}, retry_after=9.0),
    )

    assert (view.level, view.features, view.dependencies) == (
        3,
        {"cache": False, "ocr": False},
        {"db": State.DOWN},
    )
    assert (view.revision, view.pending_revision, view.retry_after) == (1, 2, 9.0)
    assert (view.since, view.cause) == ("since 1", "cause 1")  # of the level that applies
    assert play.following.next_due(10.0) == 15.0

    assert play.at(14.999) == view

    view = play.at(15.0)
    assert (view.level, view.features, view.dependencies) == (
        2,
        {"cache": False, "ocr": True},
        {"db": State.SLOW},
    )
    assert (view.revision, view.pending_revision, view.since, view.cause) == (2, None, "since 2", "cause 2")
    assert play.changes == [{"features.cache"}, {"level", "features.ocr", "dependencies.db"}]
    assert play.following.pending == ()


@pytest.mark.parametrize(
    ("documents", "levels"),
    [
        pytest.param([(0, 4), (10, 1)], [(14.9, 4), (15, 1)], id="waits its turn"),
        pytest.param([(0, 4), (10, 1), (12, 1)], [(14.9, 4), (15, 1)], id="repeated: the first one counts"),
        pytest.param([(0, 4), (10, 1), (12, 4)], [(15, 4), (99, 4)], id="taken back"),
        pytest.param([(0, 4), (10, 1), (12, 5)], [(12, 5), (99, 5)], id="worse than before"),
        pytest.param(
            [(0, 4), (10, 1), (12, 3)], [(15, 4), (16.9, 4), (17, 3), (99, 3)], id="taken back in part"
        ),
        pytest.param(
            [(0, 4), (10, 3), (12, 1)], [(15, 3), (16.9, 3), (17, 1)], id="improves further: beside it"
        ),
        pytest.param(
            [(0, 4), (10, 2), (11, 1), (12, 2)], [(15, 2), (99, 2)], id="back to what waits already"
        ),
        pytest.param([(0, 4), (10, 2), (15, 4)], [(15, 4), (99, 4)], id="due, then worse in the same moment"),
        pytest.param(
            [(0, 4), (10, 2), (13, 3), (14, 2)], [(18, 3), (19, 2)], id="taken back and brought anew"
        ),
    ],
)
def test_a_level_over_time(documents: list[tuple[float, int]], levels: list[tuple[float, int]]) -> None:
    play = Play()
    for revision, (now, level) in enumerate(documents, 1):
        play.at(now, document(revision, level))

    assert [(now, int(play.at(now).level)) for now, _ in levels] == levels


def test_a_better_value_with_a_shorter_ramp_overtakes_and_the_one_before_is_skipped() -> None:
    play = Play()
    play.at(0.0, document(1, 4))
    play.at(10.0, document(2, 3))  # due at 15
    play.at(11.0, document(3, 2, ramp_over=2.0))  # due at 12

    assert play.at(12.0).level == 2
    assert play.following.pending == ()
    assert play.at(15.0).level == 2


def test_the_ramp_is_that_of_the_document_that_brought_the_value_first() -> None:
    play = Play()
    play.at(0.0, document(1, 4))
    play.at(10.0, document(2, 1))  # due at 15
    play.at(11.0, document(3, 1, ramp_over=2.0))

    assert [len(play.following.pending), play.at(14.9).level, play.at(15.0).level] == [1, 4, 1]


def test_a_ramp_of_nothing_is_over_at_once() -> None:
    play = Play()
    play.at(0.0, document(1, 4))

    view = play.at(1.0, document(2, 1, ramp_over=0.0))

    assert (view.level, view.revision, view.pending_revision) == (1, 2, None)
    assert play.changes == [{"level"}, {"level"}]


def test_what_vanishes_goes_to_neutral_in_turn_and_is_then_forgotten() -> None:
    play = Play()
    play.at(
        0.0, document(1, states={"db": State.DOWN, "s3": State.UP}, features={"cache": False, "ocr": True})
    )

    view = play.at(10.0, document(2))
    assert (view.features, view.dependencies) == ({"cache": False}, {"db": State.DOWN})

    view = play.at(15.0)
    assert (view.features, view.dependencies) == ({}, {})
    assert play.changes[-1] == {"features.cache", "dependencies.db"}


def test_a_document_applied_whole_by_being_taken_back_is_the_revision() -> None:
    play = Play()
    play.at(0.0, document(1, 2))
    play.at(1.0, document(2, 1))

    view = play.at(2.0, document(3, 2))

    assert (view.revision, view.pending_revision) == (3, None)


def test_settings_of_a_breaker_apply_at_once_with_what_is_worse() -> None:
    play = Play()
    play.at(0.0, document(1, breakers={"db": BreakerEntry(), "s3": BreakerEntry()}))
    play.changes.clear()

    view = play.at(1.0, document(2, 2, breakers={"db": BreakerEntry(failure_threshold=2)}))

    assert view.breakers == {"db": BreakerEntry(failure_threshold=2)}
    assert play.changes == [{"level", "breakers.db"}]  # s3 keeps its last known settings


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param(document(4), "older", id="older"),
        pytest.param(document(9, policy="shop/other"), "other-policy", id="another name"),
        pytest.param(document(9, uid="left"), "other-policy", id="a uid that was left"),
        pytest.param(document(5 + 2**40 + 1), "revision", id="too far ahead"),
    ],
)
def test_refused_and_the_last_good_one_stays(given: Document, reason: str) -> None:
    play = Play()
    play.at(0.0, document(8, uid="left"))
    before = play.at(1.0, document(5, 3))

    assert play.at(2.0, given) == before
    assert play.refusals == [reason]
    assert play.following.document == document(5, 3)


def test_the_furthest_step_that_is_not_garbage() -> None:
    play = Play()
    play.at(0.0, document(5))

    assert play.at(1.0, document(5 + 2**40)).revision == 5 + 2**40


def test_another_uid_starts_anew_at_once_and_what_waited_is_gone() -> None:
    play = Play()
    play.at(0.0, document(50, 5, features={"cache": False}))
    play.at(1.0, document(51, 1))

    view = play.at(2.0, document(3, 2, uid="anew"))

    assert (view.level, view.features, view.revision, view.pending_revision) == (2, {}, 3, None)
    assert play.following.next_due(2.0) is None


def test_the_memory_of_left_policies_is_bounded() -> None:
    play = Play()
    for number in range(1000):
        play.at(float(number), document(1, uid=f"uid-{number}"))

    assert len(play.following.left) == 64
    play.at(1000.0, document(1, uid="uid-998"))
    assert play.refusals == ["other-policy"]


def test_share_of_a_pod() -> None:
    assert share_of("pod-a") == 0x9BB860B4A6E4ACF9 / 2**64  # as `printf pod-a | sha256sum` begins

    shares = [share_of(f"pod-{number}") for number in range(2000)]

    assert all(0 <= share <= 1 for share in shares)
    assert len(set(shares)) == 2000
    assert [sum(tenth / 10 <= s < (tenth + 1) / 10 for s in shares) > 150 for tenth in range(10)] == [
        True
    ] * 10


class TestStatus:
    def test_not_ready_before_a_document(self) -> None:
        assert HALF.status(1e9) == "NotReady"
        assert HALF.delete(0.0).following.status(1e9) == "NotReady"
        assert HALF.confirm("heartbeat", 0.0).following.status(1e9) == "NotReady"

    def test_never_stale_where_nothing_confirms(self) -> None:
        play = Play()
        play.at(0.0, document(1, stale_after=60.0))

        assert play.following.status(1e9) == "Ready"
        assert play.following.next_due(0.0) is None

    def test_stale_when_the_heartbeat_stops_and_ready_when_it_returns(self) -> None:
        play = Play()
        play.at(0.0, document(1, stale_after=60.0))
        beating = play.following.confirm("heartbeat", 10.0).following

        assert beating.confirmation == "heartbeat"
        assert beating.next_due(10.0) == 70.0
        assert (beating.status(69.9), beating.status(70.0)) == ("Ready", "Stale")
        assert beating.next_due(70.0) is None
        assert beating.confirm("heartbeat", 80.0).following.status(80.0) == "Ready"

    def test_a_directory_alone_confirms_nothing(self) -> None:
        play = Play()
        play.at(0.0, document(1, stale_after=60.0))
        play.following = play.following.confirm("heartbeat", 0.0).following
        play.at(59.0, document(2, stale_after=60.0))
        play.at(59.0, document(2, stale_after=60.0))

        assert play.following.status(60.0) == "Stale"

    def test_documents_of_the_api_confirm(self) -> None:
        play = Play(replace(HALF, confirmation="watch"))
        play.at(0.0, document(1, stale_after=60.0), "api")
        play.at(50.0, document(1, stale_after=60.0), "api")

        assert (play.following.status(109.9), play.following.status(110.0)) == ("Ready", "Stale")

    def test_a_heartbeat_beside_a_watch_confirms_nothing(self) -> None:
        play = Play(replace(HALF, confirmation="watch"))
        play.at(0.0, document(1, stale_after=60.0), "api")
        play.following = play.following.confirm("heartbeat", 50.0).following

        assert play.following.confirmation == "watch"
        assert play.following.status(60.0) == "Stale"

    def test_the_environment_rules_over_the_document(self) -> None:
        play = Play(replace(HALF, confirmation="watch", stale_after=5.0))
        play.at(0.0, document(1, stale_after=60.0), "api")

        assert play.following.status(5.0) == "Stale"

    def test_orphaned_ten_seconds_after_a_deletion(self) -> None:
        play = Play()
        view = play.at(0.0, document(1, 4))
        orphan = play.following.delete(10.0).following.delete(15.0).following

        assert orphan.next_due(10.0) == 20.0
        assert (orphan.status(19.9), orphan.status(20.0)) == ("Ready", "Orphaned")
        assert orphan.view == view

    @pytest.mark.parametrize(
        ("back", "source", "status"),
        [
            (document(1, 4), "api", "Ready"),
            (document(2, 4), "api", "Ready"),
            (document(2, 4), "directory", "Ready"),
            (document(1, 4), "directory", "Orphaned"),  # may be what the kubelet had left
            (document(9, 4, policy="shop/other"), "api", "Orphaned"),
        ],
    )
    def test_what_counts_as_return(self, back: Document, source: Any, status: str) -> None:
        play = Play()
        play.at(0.0, document(1, 4))
        play.following = play.following.delete(1.0).following
        play.at(30.0, back, source)

        assert play.following.status(30.0) == status


def test_what_applies_does_not_depend_on_anybodys_timer() -> None:
    punctual, late = Play(), Play()
    for play in (punctual, late):
        play.at(0.0, document(1, 4))
        play.at(10.0, document(2, 3))
        play.at(11.0, document(3, 1))
    for tenth in range(110, 300):
        punctual.at(tenth / 10)

    assert late.at(30.0) == punctual.at(30.0)
    assert late.changes[-1] == {"level"}
