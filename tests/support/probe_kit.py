"""What tests of probes share: probes of a policy's dependency, Secrets in memory, and one look at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from degradation_operator.api.dependency import Dependency
from degradation_operator.api.names import Reason
from degradation_operator.demo.servers import OpenAIServer, PostgresServer, RedisServer, S3Server
from degradation_operator.demo.servers.server import Server
from degradation_operator.engine.model import Outcome, ProbeResult
from degradation_operator.ports import SecretError, SecretKey
from degradation_operator.probes.attempt import Attempt, start_attempt
from degradation_operator.probes.factory import ProbeFactory
from degradation_operator.probes.guard import AddressGuard
from degradation_operator.probes.protocol import Probe
from degradation_operator.probes.resolve import Resolver

NAMESPACE = "retail"
KINDS = ("redis", "postgres", "openai", "http", "s3", "tcp")
Seen = tuple[Outcome, Reason]


class MemorySecrets:
    """Secrets and ConfigMaps in memory, by their key alone."""

    def __init__(self, values: Mapping[str, str | bytes | SecretError] | None = None) -> None:
        self.values = dict(values or {})
        self.read_for: deque[tuple[SecretKey, str]] = deque(maxlen=100)

    async def read(self, ref: SecretKey, *, host: str) -> bytes:
        self.read_for.append((ref, host))
        value = self.values.get(ref.key, SecretError(Reason.SECRET_MISSING, f"create Secret {ref.name}"))
        if isinstance(value, SecretError):
            raise value
        return value.encode() if isinstance(value, str) else value


@dataclass
class Place:
    """Where and what to probe: a target of a kind, and the Secrets that it needs."""

    kind: str
    target: dict[str, Any]
    secrets: dict[str, str | bytes | SecretError] = field(default_factory=dict)

    def but(self, **changes: Any) -> Place:
        """With other values in the target."""
        return Place(self.kind, {**self.target, **changes}, dict(self.secrets))


def ref(key: str) -> dict[str, str]:
    """A reference to a key of MemorySecrets."""
    return {"name": "credentials", "key": key}


def place(
    kind: str, server: Server, *, host: str | None = None, port: int | None = None, secure: bool = False
) -> Place:
    """A server as a target, perhaps by another host or port that leads to it."""
    host, port = host or server.host, port or server.port
    address = {"host": host, "port": port}
    tls: dict[str, Any] = {"tls": {"caConfigMapRef": ref("authority")}} if secure else {}
    url = f"{'https' if secure else 'http'}://{host}:{port}"
    match kind, server:
        case "redis", RedisServer():
            if server.password is None:
                return Place(kind, {**address, **tls})
            target = {**address, **tls, "passwordSecretRef": ref("password")}
            return Place(kind, target, {"password": server.password})
        case "postgres", PostgresServer():
            target = {
                **address,
                **tls,
                "database": server.database,
                "username": server.user,
                "passwordSecretRef": ref("password"),
            }
            return Place(kind, target, {"password": server.password})
        case "openai", OpenAIServer():
            target = {"baseURL": f"{url}/v1", **tls, "apiKeySecretRef": ref("key")}
            return Place(kind, target, {"key": server.api_key})
        case "http", OpenAIServer():
            return Place(kind, {"url": f"{url}/v1/models", **tls, "expectStatus": ["401"]})
        case "s3", S3Server():
            target = {
                "endpoint": url,
                **tls,
                "bucket": server.bucket,
                "accessKeySecretRef": ref("accessKey"),
                "secretKeySecretRef": ref("secretKey"),
            }
            return Place(kind, target, {"accessKey": server.access_key, "secretKey": server.secret_key})
        case "tcp", _:
            return Place(kind, {**address, **tls})
        case _:
            raise ValueError(kind)


def bare(kind: str, port: int, *, secure: bool = False) -> Place:
    """A port of this machine as a target that needs no Secret, whatever is behind it."""
    tls: dict[str, Any] = {"tls": {"caConfigMapRef": ref("authority")}} if secure else {}
    address = {"host": "127.0.0.1", "port": port}
    url = f"{'https' if secure else 'http'}://127.0.0.1:{port}"
    targets: dict[str, dict[str, Any]] = {
        "redis": address,
        "postgres": {**address, "database": "d", "username": "u"},
        "openai": {"baseURL": url},
        "http": {"url": url},
        "s3": {"endpoint": url, "bucket": "documents"},
        "tcp": address,
    }
    return Place(kind, {**targets[kind], **tls})


def server_fixture(kind: str, *, secure: bool = False) -> str:
    """The fixture with a server of a kind."""
    server = {"http": "openai", "tcp": "redis"}.get(kind, kind)
    return f"{server}{'_tls' if secure else ''}_server"


def dependency(where: Place, *, timeout: str = "1s", slow_after: str | None = None) -> Dependency:
    """A dependency in a policy."""
    probe: dict[str, Any] = {"interval": "1m", "timeout": timeout, where.kind: where.target}
    if slow_after is not None:
        probe["slowAfter"] = slow_after
    return Dependency.model_validate({"name": "dependency", "probe": probe})


class Workshop:
    """Builds probes of places, and remembers what they report."""

    def __init__(
        self,
        *,
        guard: AddressGuard | None = None,
        resolver: Resolver | None = None,
        renew_after: float = 30.0,
        lateness: Callable[[float], float] = lambda _since: 0.0,
    ) -> None:
        self.secrets = MemorySecrets()
        self.renewal_failures: list[str] = []
        self.lateness = lateness
        self._probes: list[Probe] = []
        self._factory = ProbeFactory(
            secrets=self.secrets,
            guard=guard if guard is not None else AddressGuard(allow_loopback=True),
            on_renewal_failure=self.renewal_failures.append,
            resolver=resolver,
            renew_after=renew_after,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        for probe in self._probes:
            await probe.aclose()
            probe.abort()
        await settled()

    def probe(self, where: Place, *, timeout: str = "1s", slow_after: str | None = None) -> Probe:
        """A probe of a place; closed in the end."""
        self.secrets.values.update(where.secrets)
        probe = self._factory.build(
            dependency(where, timeout=timeout, slow_after=slow_after), namespace=NAMESPACE
        )
        self._probes.append(probe)
        return probe

    async def look(self, probe: Probe) -> ProbeResult:
        """One attempt's result."""
        return await Look(probe, self.lateness).result

    async def see(self, probe: Probe) -> Seen:
        """One attempt's outcome and reason."""
        result = await self.look(probe)
        return result.outcome, result.reason

    async def until_seen(self, probe: Probe, expected: Seen, *, within: float = 10.0) -> None:
        """Look again and again until that is seen, with a deadline in seconds."""
        async with asyncio.timeout(within):
            while await self.see(probe) != expected:  # noqa: ASYNC110 - looking is the only way to know
                await asyncio.sleep(0.01)


class Look:
    """One attempt, and its result when it comes; a second one would be an error."""

    def __init__(self, probe: Probe, lateness: Callable[[float], float] = lambda _since: 0.0) -> None:
        self.result: asyncio.Future[ProbeResult] = asyncio.get_running_loop().create_future()
        self.attempt: Attempt = start_attempt(probe, on_result=self.result.set_result, lateness=lateness)


async def settled() -> None:
    """Let what is ready run: callbacks, and those that they bring."""
    for _ in range(10):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool], *, within: float = 5.0) -> None:
    """Wait for a condition, with a deadline in seconds."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - what it waits for raises no event here
            await asyncio.sleep(0.005)
