"""The surface is what it is meant to be, and importing it loads nothing that an application may not have."""

import subprocess
import sys

import degradation

NAMES = {
    "Agent", "Level", "Change",
    "DegradationError", "Rejected", "FeatureDisabled", "BreakerOpen", "ConfigurationError", "DocumentError",
    "current_rejection",
}  # fmt: skip


def test_the_names_at_the_top() -> None:
    assert set(degradation.__all__) == NAMES
    assert all(hasattr(degradation, name) for name in NAMES)


def test_importing_is_light() -> None:
    heavy = "{'fastapi', 'starlette', 'asyncinotify', 'prometheus_client', 'pytest', 'pydantic', 'kopf'}"
    code = f"import sys, degradation; print(sorted({heavy} & set(sys.modules)))"

    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


def test_the_sdk_has_no_command_and_says_where_it_is() -> None:
    run = subprocess.run([sys.executable, "-m", "degradation"], capture_output=True, text=True, check=False)

    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert "install degradation-operator" in run.stderr
