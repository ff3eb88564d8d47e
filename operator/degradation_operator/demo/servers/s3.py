"""An S3 server."""

import importlib.util
import os
import secrets
import sys
from pathlib import Path
from typing import Any, Final

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

from degradation_operator.demo.servers.errors import ServerError
from degradation_operator.demo.servers.server import Command, Server, find_program
from degradation_operator.demo.servers.tls import Tls


class S3Server(Server):
    """An S3 server with one bucket: versitygw from PATH or from the project's cache, else moto's server.

    versitygw verifies signatures and keeps its objects over a stop; moto does neither.
    """

    name = "s3"

    def __init__(self, directory: Path, *, tls: Tls | None = None) -> None:
        """Nothing runs yet.

        Args:
            directory: Of its own.
            tls: Speak TLS, and nothing else.
        """
        super().__init__(directory)
        self.tls = tls
        self.bucket: Final = "documents"
        self.region: Final = "us-east-1"
        self.access_key: Final = f"AK{secrets.token_hex(8).upper()}"
        self.secret_key: Final = secrets.token_urlsafe(24)
        self._versitygw = find_program("versitygw", *_cached())

    @property
    def endpoint(self) -> str:
        """Its address as a URL; buckets are paths."""
        return f"{'http' if self.tls is None else 'https'}://{self.host}:{self.port}"

    @property
    def verifies_signatures(self) -> bool:
        """Whether wrong keys are refused."""
        return self._versitygw is not None

    def client(self) -> Any:
        """A client as a context manager (`async with server.client() as s3`) that tries once."""
        return get_session().create_client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            verify=str(self.tls.authority) if self.tls is not None else None,
            config=AioConfig(
                connect_timeout=1,
                read_timeout=5,
                retries={"total_max_attempts": 1, "mode": "standard"},
                s3={"addressing_style": "path"},
            ),
        )

    async def _prepare(self) -> Command:
        if self._versitygw is not None:
            return self._gateway(self._versitygw)
        if importlib.util.find_spec("moto") is not None:
            return self._moto()
        raise ServerError(
            "no S3 server: put versitygw on PATH, or pip install 'moto[s3]' flask flask-cors (as degradation-operator[demo] does)"
        )

    def _gateway(self, program: Path) -> Command:
        objects, metadata = self.directory / "objects", self.directory / "metadata"
        objects.mkdir(exist_ok=True)
        metadata.mkdir(exist_ok=True)
        tls = (
            ["--cert", str(self.tls.certificate), "--key", str(self.tls.key)] if self.tls is not None else []
        )
        return Command(
            # Metadata beside the objects: not every file system has extended attributes.
            arguments=[
                *(str(program), "--port", f"{self.host}:{self.port}", "--region", self.region, "--quiet"),
                *(*tls, "posix", "--sidecar", str(metadata), str(objects)),
            ],
            environment={"ROOT_ACCESS_KEY": self.access_key, "ROOT_SECRET_KEY": self.secret_key},
        )

    def _moto(self) -> Command:
        tls = ["-s", "-c", str(self.tls.certificate), "-k", str(self.tls.key)] if self.tls is not None else []
        return Command(
            arguments=[sys.executable, "-m", "moto.server", "-H", self.host, "-p", str(self.port), *tls]
        )

    async def _answers(self) -> bool:
        async with self.client() as s3:
            await s3.list_buckets()
        return True

    async def _started(self) -> None:
        async with self.client() as s3:
            buckets = (await s3.list_buckets())["Buckets"]
            if self.bucket not in {bucket["Name"] for bucket in buckets}:
                await s3.create_bucket(Bucket=self.bucket)


def _cached() -> list[Path]:
    """Where `make test` puts the versitygw that it builds, the newest version first."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return sorted((cache / "degradation").glob("versitygw-*/versitygw"), reverse=True)
