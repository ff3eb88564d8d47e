"""`degradation demo` as a person meets it."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

DEMO = (sys.executable, "-m", "degradation_operator.cli.main", "demo")


async def test_it_ends_well_and_says_so_in_plain_lines() -> None:
    process = await asyncio.create_subprocess_exec(*DEMO, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    async with asyncio.timeout(90):
        said, complaints = await process.communicate()
    assert process.returncode == 0, (said.decode(), complaints.decode())
    assert complaints == b""
    assert b"\x1b" not in said
    assert said.decode().rstrip().endswith("Every level and every answer was as it must be.")


def scratch_of(pid: int) -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"degradation-*-{pid}-*"))


@pytest.mark.parametrize(
    ("moment", "number", "code"),
    [
        ("starting Redis", signal.SIGINT, 130),
        ("starting Redis", signal.SIGTERM, 143),
        ("→ Redis stops", signal.SIGTERM, 143),
        ("→ Redis is back", signal.SIGINT, 130),
    ],
)
async def test_nothing_stays_behind_when_it_is_interrupted(
    moment: str, number: signal.Signals, code: int
) -> None:
    process = await asyncio.create_subprocess_exec(
        *DEMO,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        # Whoever runs the tests in the background lets them, and all they start, ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        while not (line := await process.stdout.readline()).decode().startswith(moment):
            assert line, "it ended"
        if moment.startswith("starting"):
            while not (family := psutil.Process(process.pid).children(recursive=True)):  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.02)
        else:
            family = psutil.Process(process.pid).children(recursive=True)
            assert len(family) >= 5
        process.send_signal(number)
        _, complaints = await process.communicate()
    assert process.returncode == code
    assert "Traceback" not in complaints.decode()
    assert [child for child in family if child.is_running()] == []
    assert scratch_of(process.pid) == []
