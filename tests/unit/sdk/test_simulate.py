"""`simulate`, and the pytest fixture."""

from contextlib import suppress

import pytest

from degradation import Agent, Change
from degradation.document import State
from degradation.testing import simulate
from degradation.testing._pytest import Simulate


def test_it_lies_on_top_and_is_gone_afterwards() -> None:
    agent, heard = Agent.disconnected(), list[Change]()
    agent.on_change(heard.append)
    before = agent.view

    with simulate(agent, level=4, down={"redis"}, off={"stock-writes"}, stale=True):
        assert (agent.level, agent.status, agent.view.source) == (4, "Stale", "simulated")
        assert (agent.dependency("redis").state, agent.dependency("redis").known) == (State.DOWN, True)
        assert (agent.enabled("stock-writes"), agent.enabled("other")) == (False, True)

    assert (agent.view, agent.status) == (before, "NotReady")
    both = frozenset({"level", "dependencies.redis", "features.stock-writes"})
    assert [(int(c.old.level), int(c.new.level), c.changed) for c in heard] == [(1, 4, both), (4, 1, both)]


def test_it_nests_and_restores_also_after_a_failure() -> None:
    agent = Agent.disconnected(2)

    with simulate(agent, level=3, off={"a"}):
        with suppress(LookupError), simulate(agent, off={"b"}):
            assert (agent.level, agent.enabled("a"), agent.enabled("b")) == (3, False, False)
            raise LookupError
        assert (agent.level, agent.enabled("a"), agent.enabled("b")) == (3, False, True)
        with simulate(agent, level=5):
            assert agent.level == 5
    assert agent.level == 2


def test_gates_follow_it() -> None:
    agent = Agent.disconnected()

    @agent.feature("cache", fallback=lambda: "off")
    def cached() -> str:
        return "on"

    with simulate(agent, off={"cache"}):
        assert cached() == "off"
    assert cached() == "on"


def test_coroutine_listeners_are_awaited_where_no_loop_runs() -> None:
    agent, heard = Agent.disconnected(), list[int]()

    @agent.on_change
    async def note(change: Change) -> None:
        heard.append(int(change.new.level))

    with simulate(agent, level=3):
        assert heard == [3]
    assert heard == [3, 1]


def test_mistakes() -> None:
    agent = Agent.disconnected()
    with pytest.raises(ValueError, match="9 is not a valid Level"), simulate(agent, level=9):
        pass
    with pytest.raises(TypeError, match=r'write off=\{"cache"\}'), simulate(agent, off="cache"):
        pass
    assert agent.level == 1


_AGENT = Agent.disconnected()


def test_the_fixture_holds_until_the_test_ends(degradation_simulate: Simulate) -> None:
    assert degradation_simulate(_AGENT, level=4).level == 4
    assert degradation_simulate(_AGENT, down={"redis"}).level == 4


def test_and_no_longer() -> None:
    assert _AGENT.level == 1
