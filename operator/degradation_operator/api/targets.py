"""What a probe asks, one model per kind, and what an answer has to be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from degradation_operator.api.addresses import TLS, URL, Host, KeyRef, Port
from degradation_operator.api.base import Flag, Mistake, Model, Text, Whole

Kind = Literal["redis", "postgres", "openai", "http", "s3", "tcp"]


class RedisTarget(Model):
    """A Redis server; PING has to answer PONG. A replica that lost its master, or one still loading, is Down."""

    host: Host = Field(description="Host name or IP address.")
    port: Port = Field(default=6379, description="TCP port.")
    database: Annotated[Whole, Field(ge=0, le=65535)] = Field(
        default=0, description="Number of the database to select."
    )
    username: Annotated[Text, Field(min_length=1, max_length=253)] | None = Field(
        default=None, description="User of the access control list; without it the default user."
    )
    password_secret_ref: KeyRef | None = Field(default=None, description="Secret key with the password.")
    tls: TLS | None = Field(default=None, description="TLS; without it the connection is plain.")


class PostgresTarget(Model):
    """A PostgreSQL server; one statement on a warm connection has to answer.

    ReadOnly when `pg_is_in_recovery()` or `transaction_read_only`.
    """

    host: Host = Field(description="Host name or IP address.")
    port: Port = Field(default=5432, description="TCP port.")
    database: Annotated[Text, Field(min_length=1, max_length=63)] = Field(
        description="Name of the database to connect to."
    )
    username: Annotated[Text, Field(min_length=1, max_length=63)] | None = Field(
        default=None, description="User name; exactly one of username and usernameSecretRef."
    )
    username_secret_ref: KeyRef | None = Field(
        default=None,
        description="Secret key with the user name; exactly one of username and usernameSecretRef.",
    )
    password_secret_ref: KeyRef | None = Field(default=None, description="Secret key with the password.")
    tls: TLS | None = Field(default=None, description="TLS; without it the connection is plain.")

    def mistakes(self) -> Iterator[Mistake]:
        """Exactly one source of the user name."""
        if self.username and self.username_secret_ref:
            yield Mistake((), "only one of username and usernameSecretRef is allowed, not both")
        if not self.username and not self.username_secret_ref:
            yield Mistake((), "one of username and usernameSecretRef is required")


class OpenAITarget(Model):
    """An OpenAI-compatible API."""

    base_url: URL = Field(
        default="https://api.openai.com/v1", alias="baseURL", description="Where the API begins."
    )
    api_key_secret_ref: KeyRef | None = Field(default=None, description="Secret key with the API key.")
    check: Literal["Models", "Completion"] = Field(
        default="Models",
        description="Models lists the models, free of charge. Completion asks for one token: it costs, and "
        "sees an exhausted quota, which Models cannot; it needs model.",
    )
    model: Annotated[Text, Field(min_length=1, max_length=128)] | None = Field(
        default=None, description="The model that Completion asks."
    )
    tls: TLS | None = Field(default=None, description="Refines the TLS of an https URL.")

    def mistakes(self) -> Iterator[Mistake]:
        """A model for Completion and for nothing else; no TLS beside http."""
        if self.check == "Completion" and not self.model:
            yield Mistake(("model",), "model is required because check is Completion")
        if self.check == "Models" and self.model:
            yield Mistake(
                ("model",), "model has no effect with check Models; leave it out, or set check: Completion"
            )
        yield from _tls_beside_plain(self.tls, self.base_url)


class HTTPTarget(Model):
    """A URL that has to answer with an expected status; redirects are not followed."""

    url: URL = Field(description="The URL to ask.")
    method: Literal["GET", "HEAD"] = Field(default="GET", description="The method to ask with.")
    expect_status: Annotated[
        tuple[
            Annotated[Text, Field(min_length=3, max_length=7, pattern="^[1-5][0-9]{2}(-[1-5][0-9]{2})?$")],
            ...,
        ],
        Field(min_length=1, max_length=8),
    ] = Field(
        default=("200-399",), description='Statuses that mean Up: single ones ("204") and ranges ("200-299").'
    )
    tls: TLS | None = Field(default=None, description="Refines the TLS of an https URL.")

    @property
    def expected_ranges(self) -> tuple[tuple[int, int], ...]:
        """`expect_status` as pairs of the lowest and highest status, both included."""
        return tuple(_status_range(text) for text in self.expect_status)

    def expects(self, status: int) -> bool:
        """Whether an answer with this status means Up."""
        return any(low <= status <= high for low, high in self.expected_ranges)

    def mistakes(self) -> Iterator[Mistake]:
        """Ranges run upwards; no TLS beside http."""
        for index, (low, high) in enumerate(self.expected_ranges):
            if low > high:
                yield Mistake(("expectStatus", index), f"{low}-{high} runs backwards; write {high}-{low}")
        yield from _tls_beside_plain(self.tls, self.url)


class S3Target(Model):
    """A bucket of an S3-compatible store; HeadBucket has to succeed."""

    endpoint: URL = Field(description="URL of the store.")
    bucket: Annotated[Text, Field(min_length=3, max_length=63, pattern="^[a-z0-9][-a-z0-9._]*[a-z0-9]$")] = (
        Field(description="Name of the bucket.")
    )
    region: Annotated[Text, Field(min_length=1, max_length=64, pattern="^[-a-zA-Z0-9_]+$")] = Field(
        default="us-east-1", description="Region that requests are signed for."
    )
    access_key_secret_ref: KeyRef | None = Field(
        default=None, description="Secret key with the access key; without it requests are anonymous."
    )
    secret_key_secret_ref: KeyRef | None = Field(default=None, description="Secret key with the secret key.")
    path_style: Flag = Field(
        default=True, description="Address the bucket in the path (true) or in the host name (false)."
    )
    tls: TLS | None = Field(default=None, description="Refines the TLS of an https URL.")

    def mistakes(self) -> Iterator[Mistake]:
        """Both keys or none; no TLS beside http."""
        if bool(self.access_key_secret_ref) != bool(self.secret_key_secret_ref):
            yield Mistake(
                (),
                "accessKeySecretRef and secretKeySecretRef belong together; give both, or none to be anonymous",
            )
        yield from _tls_beside_plain(self.tls, self.endpoint)


class TCPTarget(Model):
    """A port that has to accept connections."""

    host: Host = Field(description="Host name or IP address.")
    port: Port = Field(description="TCP port.")
    tls: TLS | None = Field(default=None, description="TLS; without it accepting is enough.")


Target = RedisTarget | PostgresTarget | OpenAITarget | HTTPTarget | S3Target | TCPTarget


def _status_range(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    return int(low), int(high or low)


def _tls_beside_plain(tls: TLS | None, url: str) -> Iterator[Mistake]:
    if tls and url.startswith("http://"):
        yield Mistake(("tls",), "tls is not allowed beside an http:// URL; write https:// or leave tls out")
