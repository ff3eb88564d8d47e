"""The SDK's wheel alone, with the two packages it depends on, is all that an application needs."""

import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

SDK = Path(__file__).parents[3] / "agents" / "sdk"

FOLLOW = """
import asyncio, sys
sys.path[:0] = sys.argv[2:]
from prometheus_client import CollectorRegistry, generate_latest
from degradation import Agent
from degradation.testing import simulate

async def main():
    registry = CollectorRegistry()
    async with Agent(sys.argv[1], registry=registry) as agent:
        assert agent.level == 3, agent
        assert b"degradation_agent_level 3.0" in generate_latest(registry)
        with simulate(agent, level=5):
            assert not agent.enabled("cache")

asyncio.run(main())
try:
    Agent.disconnected().router()
except Exception as error:
    print(error)
ours = {"pydantic", "kopf", "degradation_operator", "kubernetes", "fastapi", "starlette", "pytest"}
print(sorted(ours & {name.partition(".")[0] for name in sys.modules}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    build = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(build)]
    subprocess.run(command, cwd=SDK, check=True, capture_output=True, timeout=120)
    (found,) = build.glob("*.whl")
    return found


def _dependencies(into: Path) -> Path:
    """A folder with the SDK's dependencies as they are installed here, and nothing else."""
    for name in ("prometheus-client", "asyncinotify"):
        for file in distribution(name).files or ():
            if file.parts[0].startswith("..") or file.suffix == ".pyc":
                continue
            (into / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(str(file.locate()), into / file)
    return into


def test_it_works_alone(wheel: Path, tmp_path: Path) -> None:
    sdk, dependencies, directory = (tmp_path / name for name in ("sdk", "dependencies", "directory"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(sdk)
    directory.mkdir()
    document = '{"version":1,"policy":"a/b","uid":"u","revision":1,"level":3,"since":"now"}'
    (directory / "degradation.json").write_text(document)
    paths = [str(directory), str(sdk), str(_dependencies(dependencies))]

    # -I and -S: neither this environment's packages nor the working tree can be imported.
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", FOLLOW, *paths],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert run.stderr == "" or "level 3" in run.stderr, run.stderr
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["FastAPI is not installed: install degradation[fastapi]", "[]"]


def test_it_holds_the_package_and_its_types_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    assert {name.partition("/")[0] for name in names} == {"degradation", "degradation-0.1.0.dist-info"}
    assert "degradation/py.typed" in names
