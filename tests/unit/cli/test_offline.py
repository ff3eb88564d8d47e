"""`degradation lint` and `degradation simulate`, as they are called."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from degradation_operator.cli.main import run
from tests.support.bad_texts import BAD_TEXTS
from tests.support.golden import assert_golden
from tests.support.policies import Case, base, changed, refused

EXAMPLES = Path(__file__).parents[3] / "examples"

# Valid, and full of what cannot be meant.
POINTLESS = changed(
    base(),
    {
        "spec.dependencies.0.probe.redis.host": "redis",
        "spec.dependencies.0.impact": {"readOnly": 2, "down": 2},
        "spec.dependencies.1.probe.interval": "1m",
        "spec.dependencies.1.recoveryTimeObjective": "1m",
        "spec.rules.1": {"name": "never", "level": 5, "allOf": [{"dependency": "port", "states": ["Slow"]}]},
        "spec.rules.2": {"name": "weak", "level": 2, "anyOf": [{"dependency": "redis", "states": ["Down"]}]},
        "spec.features.2": {"name": "page"},
    },
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _write(policy: object, name: str = "shop.yaml") -> str:
    Path(name).write_text(yaml.safe_dump(policy), encoding="utf-8")
    return name


def test_the_examples_are_clean(capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(file) for file in sorted(EXAMPLES.glob("*.yaml"))]
    assert len(files) >= 3
    assert run(["lint", *files]) == 0
    assert capsys.readouterr() == ("Nothing found.\n", "")
    assert run(["lint", "-o", "json", *files]) == 0
    assert json.loads(capsys.readouterr().out) == {"findings": []}


def test_lint_as_json_and_as_text(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = changed(base(), {"metadata.name": "other", "spec.configMapName": "shop-degradation"})
    broken = changed(base(), {"spec.mode": "Off"})
    Path("several.yaml").write_text(yaml.safe_dump_all([base(), other, broken]), encoding="utf-8")
    files = [_write(POINTLESS), _write({"kind": "Secret"}, "secret.yaml"), "several.yaml"]
    assert run(["lint", "-o", "json", *files]) == 1
    out, err = capsys.readouterr()
    assert_golden("lint.json", out)
    assert err == ""
    assert run(["lint", *files]) == 1
    findings = json.loads(out)["findings"]
    assert capsys.readouterr().out.splitlines() == [
        f"{finding['file']}: {finding['path']}: {finding['message']}"
        if finding["path"]
        else f"{finding['file']}: {finding['message']}"
        for finding in findings
    ]


@pytest.mark.parametrize("case", refused(), ids=lambda case: case.name)
def test_a_bad_policy_is_a_finding_and_no_traceback(
    case: Case, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _write(case.policy)
    assert run(["lint", "-o", "json", file]) == 1
    out, err = capsys.readouterr()
    (finding,) = json.loads(out)["findings"]
    assert (finding["file"], finding["path"], err) == (file, case.path, "")
    assert case.message in finding["message"]
    assert run(["simulate", file]) == 1
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"Error: {file}: {finding['path']}: {finding['message']}\n")


@pytest.mark.parametrize("name", BAD_TEXTS)
def test_a_bad_text_is_a_finding_and_no_traceback(
    name: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, message = BAD_TEXTS[name]
    Path("bad.yaml").write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    assert run(["lint", "bad.yaml"]) == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith(f"bad.yaml: {message if 'surrogate' not in name else 'is no UTF-8 text'}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Usage: degradation"),
        (["lnt"], "There is no command 'lnt'. Did you mean lint?"),
        (["frobnicate"], "There is no command 'frobnicate'. There are run, demo, lint, simulate, override."),
        (["lint"], "Missing argument 'FILE...'"),
        (["lint", "missing.yaml"], "File 'missing.yaml' does not exist"),
        (["lint", "."], "File '.' is a directory"),
        (["lint", "-o", "xml", "shop.yaml"], "'xml' is not 'json'"),
        (["simulate"], "Missing argument 'FILE'"),
        (["simulate", "shop.yaml", "--down", "rediss"], "no dependency 'rediss'. Did you mean redis?"),
        (["simulate", "shop.yaml", "--down", "xyz"], "no dependency 'xyz'. There are redis, db, ai, web, store, port."),
        (["simulate", "shop.yaml", "--down", "db", "--slow", "db"], "db cannot be both Down and Slow."),
        (["simulate", "two.yaml"], "two.yaml holds 2 policies (shop, other); this command takes one"),
    ],
)  # fmt: skip
def test_wrong_usage(
    arguments: list[str], message: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(base())
    two = [base(), changed(base(), {"metadata.name": "other"})]
    Path("two.yaml").write_text(yaml.safe_dump_all(two), encoding="utf-8")
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err


SIMULATIONS = {
    "all-up": [],
    "redis-down": ["--down", "redis"],
    "everything": ["--down", "redis", "--down", "s3", "--read-only", "postgres", "--slow", "openai"],
}


@pytest.mark.parametrize("name", SIMULATIONS)
def test_simulate(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for output in ("json", "txt"):
        options = ["-o", "json"] if output == "json" else []
        assert run(["simulate", str(EXAMPLES / "retail.yaml"), *SIMULATIONS[name], *options]) == 0
        out, err = capsys.readouterr()
        assert_golden(f"simulate/{name}.{output}", out)
        assert err == ""


@pytest.mark.parametrize(
    ("options", "level", "off"),
    [
        (["--down", "redis"], 2, {"cache", "ai-pricing"}),
        (["--down", "openai"], 3, {"ai-pricing", "ai-ocr", "recommendations"}),
        (["--slow", "postgres"], 4, {"ai-pricing", "ai-ocr", "recommendations", "complex-queries", "stock-writes"}),
        (["--read-only", "postgres"], 4, {"ai-pricing", "ai-ocr", "recommendations", "complex-queries", "stock-writes"}),
        (["--down", "postgres"], 5, {"ai-pricing", "ai-ocr", "recommendations", "complex-queries", "stock-writes", "document-upload", "business"}),
        (["--down", "s3"], 1, {"document-upload"}),
        (["--down", "redis", "--down", "redis", "--slow", "s3"], 2, {"cache", "ai-pricing"}),
    ],
)  # fmt: skip
def test_the_levels_of_the_reference_application(
    options: list[str], level: int, off: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["simulate", str(EXAMPLES / "retail.yaml"), *options, "-o", "json"]) == 0
    simulated = json.loads(capsys.readouterr().out)
    assert list(simulated) == ["level", "name", "capacity", "cause", "features", "dependencies"]
    assert (simulated["level"], {name for name, on in simulated["features"].items() if not on}) == (
        level,
        off,
    )


def test_simulate_says_what_observe_means(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _write(changed(base(), {"spec.mode": "Observe"}))
    assert run(["simulate", file, "--down", "db"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("5 EMERGENCY, 10 % of the normal capacity")
    assert (
        lines[-1] == "The policy is in mode Observe: this would be the level; what is published is level 1."
    )
    assert run(["simulate", file, "--down", "db", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["level"] == 5


def test_the_version_and_help_import_no_command() -> None:
    script = (
        "import sys; from degradation_operator.cli.main import run; code = run(sys.argv[1:]);"
        "print(sorted(name for name in sys.modules if name in ('pydantic', 'yaml', 'redis', 'asyncpg')))"
    )
    for argument, first in (
        ("--version", "0.1.0"),
        ("--help", "Usage: degradation [OPTIONS] COMMAND [ARGS]..."),
    ):
        done = subprocess.run(
            [sys.executable, "-c", script, argument], capture_output=True, text=True, check=True, timeout=60
        )
        assert (done.stdout.splitlines()[0], done.stdout.splitlines()[-1]) == (first, "[]")


def test_an_interrupt_is_quiet(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("degradation_operator.cli.lint.read", interrupted)
    assert run(["lint", _write(base())]) == 130
    out, err = capsys.readouterr()
    assert (out, err.strip()) == ("", "")


def test_as_a_program(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("spec: [", encoding="utf-8")
    program = Path(sys.executable).with_name("degradation")
    for arguments, code in ((["lint", str(bad)], 1), (["simulate", str(bad)], 1), (["lint", "no.yaml"], 2)):
        done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == code
        assert "Traceback" not in done.stdout + done.stderr
