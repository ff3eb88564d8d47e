"""From a dependency in a policy to its probe. A kind's client is imported when the first policy uses it."""

# ruff: noqa: PLC0415 - imports stand where a kind is used: clients take tens of MiB, and most policies use few.

from __future__ import annotations

from collections.abc import Callable

from degradation_operator.api.addresses import TLS
from degradation_operator.api.dependency import Dependency
from degradation_operator.api.targets import (
    HTTPTarget,
    OpenAITarget,
    PostgresTarget,
    RedisTarget,
    S3Target,
    TCPTarget,
)
from degradation_operator.ports import Secrets
from degradation_operator.probes.credentials import Credentials
from degradation_operator.probes.dial import Dialler
from degradation_operator.probes.guard import AddressGuard
from degradation_operator.probes.origin import Origin
from degradation_operator.probes.protocol import Probe
from degradation_operator.probes.resolve import Resolver
from degradation_operator.probes.results import Patience
from degradation_operator.probes.tls import TLSClient, TLSContexts
from degradation_operator.probes.warm import RENEW_AFTER, Connector, WarmProbe


class ProbeFactory:
    """Builds probes that share what can be shared: the guard, the resolver's threads, contexts of TLS.

    Args:
        secrets: Where Secrets and ConfigMaps are read.
        guard: Says which addresses may be reached.
        on_renewal_failure: Told the kind when a connection could not be renewed in the background.
        resolver: Looks names up; the system's by default.
        renew_after: Seconds until a warm connection is renewed.
    """

    def __init__(
        self,
        *,
        secrets: Secrets,
        guard: AddressGuard,
        on_renewal_failure: Callable[[str], None],
        resolver: Resolver | None = None,
        renew_after: float = RENEW_AFTER,
    ) -> None:
        self._secrets = secrets
        self._guard = guard
        self._on_renewal_failure = on_renewal_failure
        self._resolver = resolver if resolver is not None else Resolver()
        self._renew_after = renew_after
        self._contexts = TLSContexts()

    def build(self, dependency: Dependency, *, namespace: str) -> Probe:
        """A probe that did nothing yet.

        Args:
            dependency: What the policy says; valid.
            namespace: The policy's, whose Secrets and ConfigMaps it may refer to.
        """
        patience = Patience.of(dependency.probe.timeout_seconds, dependency.probe.slow_after_seconds)
        match dependency.probe.target:
            case TCPTarget() as tcp:
                from degradation_operator.probes.tcp import TCPProbe

                credentials = self._credentials(tcp.host, namespace, patience)
                return TCPProbe(self._dialler(credentials, tcp.port, tcp.tls), patience=patience)
            case RedisTarget() as redis:
                from degradation_operator.probes.redis import RedisConnector

                credentials = self._credentials(redis.host, namespace, patience)
                dialler = self._dialler(credentials, redis.port, redis.tls)
                return self._warm(RedisConnector(redis, dialler, credentials), patience)
            case PostgresTarget() as postgres:
                from degradation_operator.probes.postgres import PostgresConnector

                credentials = self._credentials(postgres.host, namespace, patience)
                dialler = self._dialler(credentials, postgres.port, postgres.tls)
                return self._warm(PostgresConnector(postgres, dialler, credentials), patience)
            case HTTPTarget() as http:
                from degradation_operator.probes.http import HTTPConnector, StatusCheck

                origin, dialler, _ = self._origin(http.url, http.tls, namespace, patience)
                return self._warm(HTTPConnector(origin, dialler, StatusCheck(http)), patience)
            case OpenAITarget() as openai:
                from degradation_operator.probes.http import HTTPConnector
                from degradation_operator.probes.openai import OpenAICheck

                origin, dialler, credentials = self._origin(openai.base_url, openai.tls, namespace, patience)
                return self._warm(HTTPConnector(origin, dialler, OpenAICheck(openai, credentials)), patience)
            case S3Target() as s3:
                from degradation_operator.probes.http import HTTPConnector
                from degradation_operator.probes.s3 import BucketCheck, bucket_url

                origin, dialler, credentials = self._origin(bucket_url(s3), s3.tls, namespace, patience)
                return self._warm(HTTPConnector(origin, dialler, BucketCheck(s3, credentials)), patience)

    def _warm(self, connector: Connector, patience: Patience) -> Probe:
        return WarmProbe(
            connector,
            patience=patience,
            on_renewal_failure=self._on_renewal_failure,
            renew_after=self._renew_after,
        )

    def _origin(
        self, url: str, tls: TLS | None, namespace: str, patience: Patience
    ) -> tuple[Origin, Dialler, Credentials]:
        """Whom a URL asks, and how that one is reached."""
        origin = Origin.of(url)
        if origin.secure and tls is None:
            tls = TLS()
        credentials = self._credentials(origin.host, namespace, patience)
        return origin, self._dialler(credentials, origin.port, tls), credentials

    def _dialler(self, credentials: Credentials, port: int, tls: TLS | None) -> Dialler:
        client = None
        if tls is not None:
            client = TLSClient(tls, credentials=credentials, contexts=self._contexts)
        return Dialler(
            credentials.host,
            port,
            patience=credentials.patience,
            guard=self._guard,
            resolver=self._resolver,
            tls=client,
        )

    def _credentials(self, host: str, namespace: str, patience: Patience) -> Credentials:
        return Credentials(self._secrets, namespace=namespace, host=host, patience=patience)
