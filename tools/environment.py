"""Make `.venv` hold exactly what `requirements/dev.txt` pins, and this repository's distributions.

Does nothing where that is so already: a stamp in it remembers what it was made from.
"""

import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path

from system import Missing, install

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
REQUIREMENTS = ROOT / "requirements" / "dev.txt"
DISTRIBUTIONS = (ROOT / "agents" / "sdk", ROOT / "operator")


def main() -> None:
    """Bring it up to date."""
    wanted = fingerprint()
    stamp = ENVIRONMENT / "stamp"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    python = ENVIRONMENT / "bin" / "python"
    if not works(python):
        print(f"== making the environment .venv with Python {sys.version.split()[0]}", flush=True)
        ensure_venv()
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    number = REQUIREMENTS.read_text().count("==")
    print(f"== installing {number} pinned packages into .venv (once; a minute or two)", flush=True)
    follow([*pip, "install", "--require-hashes", "--requirement", str(REQUIREMENTS)], number)
    print("== installing this repository's distributions into .venv", flush=True)
    editable = [argument for path in DISTRIBUTIONS for argument in ("--editable", str(path))]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-build-isolation", *editable], check=True)
    stamp.write_text(wanted)


def fingerprint() -> str:
    """What the environment depends on."""
    digest = hashlib.sha256()
    for path in (REQUIREMENTS, *(distribution / "pyproject.toml" for distribution in DISTRIBUTIONS)):
        digest.update(path.read_bytes())
    return f"{sys.version_info[:2]} {ROOT} {digest.hexdigest()}\n"


def works(python: Path) -> bool:
    """Whether there is an environment already, of the same Python."""
    if not python.exists():
        return False
    version = "import pip, sys; print(sys.version_info[:2])"
    asked = subprocess.run([str(python), "-c", version], capture_output=True, text=True, check=False)
    return asked.returncode == 0 and asked.stdout.strip() == str(sys.version_info[:2])


def ensure_venv() -> None:
    """Debian takes `venv` apart: its half that installs pip is a package of its own."""
    if importlib.util.find_spec("ensurepip") is None:
        install("python3-venv", why="Python's venv module is missing")


def follow(command: "list[str]", number: int) -> None:
    """Run pip; of its many lines show how far it is, and all of them where it fails."""
    said = []
    begun = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        for line in process.stdout:
            said.append(line)
            if line.startswith(("Collecting", "Requirement already satisfied")):
                begun += 1
                if begun % 20 == 0:
                    print(f"   {begun} of {number} fetched", flush=True)
            elif line.startswith("Installing collected"):
                print("   unpacking", flush=True)
    if process.returncode != 0:
        sys.stderr.write("".join(said[-40:]))
        raise Missing("pip could not install what requirements/dev.txt pins; its last words are above")


if __name__ == "__main__":
    try:
        main()
    except Missing as error:
        sys.exit(str(error))
    except subprocess.CalledProcessError as error:
        sys.exit(f"{' '.join(error.cmd)} ended with {error.returncode}")
    except KeyboardInterrupt:
        sys.exit(130)
