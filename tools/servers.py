"""Have the servers that the integration tests need: Redis with TLS, PostgreSQL, versitygw."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from system import Missing, install

VERSITYGW = "v1.8.0"
PROGRESS_EVERY = 10.0  # seconds
GO = (1, 21)  # From it on Go fetches the newer toolchain that a module asks for.


def main() -> None:
    """Have each, or say in one line what is missing."""
    if not redis_speaks_tls():
        install("redis-server", why="a redis-server that speaks TLS is missing")
    if shutil.which("postgres") is None and not list(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        install("postgresql", why="PostgreSQL's server is missing")
    have_versitygw()


def redis_speaks_tls() -> bool:
    """Ask it with a configuration that no server accepts: what it complains about first tells."""
    if shutil.which("redis-server") is None:
        return False
    asked = subprocess.run(
        ["redis-server", "-"],
        input="tls-port 0\nno-such-line 1\n",
        capture_output=True,
        text=True,
        check=False,
    )
    return "no-such-line" in asked.stdout + asked.stderr


def have_versitygw() -> None:
    """Build it into a cache, once for each version."""
    target = cache() / f"versitygw-{VERSITYGW}" / "versitygw"
    if shutil.which("versitygw") is not None or target.exists():
        return
    go = find_go()
    print(
        f"== building versitygw {VERSITYGW}, an S3 server, into {target.parent} (once; some minutes)",
        flush=True,
    )
    building = target.parent.with_name(f"{target.parent.name}-{os.getpid()}")
    environment = (
        {"GOTOOLCHAIN": "auto"} | dict(os.environ) | {"GOBIN": str(building), "GOFLAGS": "-trimpath"}
    )
    module = f"github.com/versity/versitygw/cmd/versitygw@{VERSITYGW}"
    if not build(go, module, environment):
        raise Missing(f"versitygw could not be built: GOTOOLCHAIN=auto go install {module}")
    target.parent.mkdir(exist_ok=True)
    (building / "versitygw").replace(target)
    building.rmdir()


def build(go: str, module: str, environment: "dict[str, str]") -> bool:
    """Fetch and compile a module; of Go's many lines show how far it is, and the last ones where it fails."""
    said = []
    begun = time.monotonic()
    shown = begun
    with subprocess.Popen(
        [go, "install", "-v", module], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None  # noqa: S101 - a pipe was asked for
        for line in process.stderr:
            said.append(line)
            if time.monotonic() - shown > PROGRESS_EVERY:
                shown = time.monotonic()
                print(f"   {len(said)} modules and packages after {shown - begun:.0f} s", flush=True)
    if process.returncode != 0:
        sys.stderr.write("".join(said[-20:]))
    return process.returncode == 0


def find_go() -> str:
    """A Go that is new enough."""
    for candidate in (
        shutil.which("go"),
        "/usr/local/go/bin/go",
        *map(str, Path("/usr/lib").glob("go-*/bin/go")),
    ):
        if candidate is not None and Path(candidate).exists():
            said = subprocess.run([candidate, "version"], capture_output=True, text=True, check=False).stdout
            version = re.search(r"go(\d+)\.(\d+)", said)
            if version is not None and (int(version[1]), int(version[2])) >= GO:
                return candidate
    raise Missing(
        "Go 1.21 or newer is missing (it builds versitygw, an S3 server that verifies signatures): "
        "apt-get install golang-go (Debian 13, Ubuntu 24.04 or newer)"
    )


def cache() -> Path:
    """Outside the repository: other clones find it too."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "degradation"


if __name__ == "__main__":
    try:
        main()
    except Missing as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
