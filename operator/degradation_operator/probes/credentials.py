"""Reads what a policy refers to, for one dependency."""

from __future__ import annotations

from typing import Final

from degradation_operator.api.addresses import KeyRef
from degradation_operator.api.names import Reason
from degradation_operator.ports import SecretError, SecretKey, Secrets
from degradation_operator.probes.deadline import Deadline
from degradation_operator.probes.results import Patience, ProbeError, inconclusive

_TOO_LATE: Final = inconclusive(
    Reason.SECRET_MISSING,
    "a Secret or ConfigMap could not be read in time; see that the operator reaches the place it reads them from",
)


class Credentials:
    """Secrets of one namespace, for one host.

    Args:
        secrets: Where they are read.
        namespace: The policy's.
        host: Where they will be sent.
        patience: How long reading one may take: `timeout`.
    """

    def __init__(self, secrets: Secrets, *, namespace: str, host: str, patience: Patience) -> None:
        self._secrets = secrets
        self._namespace = namespace
        self.host: Final = host
        self.patience: Final = patience

    async def secret(self, ref: KeyRef, deadline: Deadline) -> bytes:
        """The value of a Secret's key.

        Raises:
            ProbeError: It cannot be used; the result says why.
        """
        return await self._read(SecretKey("Secret", self._namespace, ref.name, ref.key), deadline)

    async def text(self, ref: KeyRef, deadline: Deadline) -> str:
        """The value of a Secret's key as text that protocols can carry.

        Raises:
            ProbeError: It cannot be used, is no text, or holds line breaks or other control characters.
        """
        value = await self.secret(ref, deadline)
        try:
            text = value.decode()
        except UnicodeDecodeError:
            text = ""
        if not text.isprintable() or not text:
            raise ProbeError(
                inconclusive(
                    Reason.AUTHENTICATION_FAILED,
                    f"key {ref.key} of Secret {ref.name} is empty, or holds a line break or bytes that are no "
                    "text; write the value alone",
                )
            )
        return text

    async def config(self, ref: KeyRef, deadline: Deadline) -> bytes:
        """The value of a ConfigMap's key.

        Raises:
            ProbeError: It cannot be used; the result says why.
        """
        return await self._read(SecretKey("ConfigMap", self._namespace, ref.name, ref.key), deadline)

    async def _read(self, key: SecretKey, deadline: Deadline) -> bytes:
        deadline.expect_within(self.patience.timeout, _TOO_LATE)
        try:
            return await self._secrets.read(key, host=self.host)
        except SecretError as error:
            raise ProbeError(inconclusive(error.reason, error.message)) from None
