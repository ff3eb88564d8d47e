"""What the README says is what happens: its files are the examples, its commands run."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from degradation_operator.demo.servers import RedisServer
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines() if line]


def ours(command: str, listen: int, folder: Path) -> list[str]:
    """A command of the README, with the Python that runs this test and a folder of its own."""
    words = shlex.split(command.replace("published", str(folder / "published")))
    program = {".venv/bin/degradation": [sys.executable, "-m", "degradation_operator.cli.main"]}
    words = [*program.get(words[0], [words[0]]), *words[1:]]
    return [*words, "--listen", f"127.0.0.1:{listen}"] if "run" in words else words


def test_the_files_shown_are_the_examples() -> None:
    assert blocks("yaml") == [(ROOT / "examples" / "minimal.yaml").read_text()]
    assert blocks("python") == [(ROOT / "examples" / "agent.py").read_text()]


def test_every_command_is_known_to_this_test() -> None:
    """`make demo` and `make test` are what continuous integration runs; the others are run below."""
    assert commands() == [
        "make demo",
        "make test",
        ".venv/bin/degradation run examples/minimal.yaml --dir published",
        ".venv/bin/degradation lint examples/minimal.yaml examples/retail.yaml",
        ".venv/bin/degradation simulate examples/minimal.yaml --down redis",
        "DEGRADATION_DIR=published .venv/bin/python examples/agent.py",
        '.venv/bin/degradation override shop --level 4 --for 30m --reason "database maintenance" --dir published',
        ".venv/bin/degradation override shop --clear --dir published",
    ]


async def test_the_commands_do_what_it_says(tmp_path: Path) -> None:
    run, lint, simulate, _, override, clear = commands()[2:]
    (tmp_path / "examples").mkdir()
    for name in ("minimal.yaml", "retail.yaml", "agent.py"):
        shutil.copy(ROOT / "examples" / name, tmp_path / "examples" / name)

    def ask(command: str) -> str:
        done = subprocess.run(
            ours(command, 0, tmp_path), cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True
        )
        return done.stdout

    assert ask(lint) == "Nothing found.\n"
    assert "DEGRADED" in ask(simulate)

    async with RedisServer(tmp_path / "redis") as redis:
        # The policy asks for the usual port; another Redis may have it on this machine.
        policy = tmp_path / "examples" / "minimal.yaml"
        policy.write_text(policy.read_text().replace("127.0.0.1}", f"127.0.0.1, port: {redis.port}}}"))
        with (tmp_path / "log").open("w") as log:
            operator = subprocess.Popen(ours(run, 0, tmp_path), cwd=tmp_path, stdout=log, stderr=log)
        output = tmp_path / "agent.out"
        try:
            await eventually((tmp_path / "published" / "degradation.json").exists, within=30)
            with output.open("w") as out:
                agent = subprocess.Popen(
                    [sys.executable, "examples/agent.py"],
                    cwd=tmp_path,
                    env=os.environ | {"DEGRADATION_DIR": str(tmp_path / "published")},
                    stdin=subprocess.PIPE,
                    stdout=out,
                    stderr=subprocess.DEVNULL,  # where the SDK logs, for want of a handler
                )
            try:
                await eventually(lambda: output.read_text() == "OPTIMAL - price of tea from the cache\n")
                await redis.stop()
                await eventually(
                    lambda: output.read_text().endswith("DEGRADED - price of tea from the database\n"),
                    within=30,
                )
                assert "level 4" in await asyncio.to_thread(ask, override)
                await eventually(lambda: "MINIMAL" in output.read_text())
                assert "taken back" in await asyncio.to_thread(ask, clear)
                await eventually(
                    lambda: output.read_text().endswith("DEGRADED - price of tea from the database\n")
                )
            finally:
                agent.communicate(b"\n", timeout=10)
            assert agent.returncode == 0
        finally:
            operator.terminate()
            assert operator.wait(10) == 0
