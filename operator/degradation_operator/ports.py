"""What the core asks of the place where it runs: a cluster, or a directory. Nothing else asks where it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol

from degradation_operator.api.names import Reason


class SecretError(Exception):
    """A Secret (or a ConfigMap with authorities) could not be used.

    Args:
        reason: `SecretMissing`, `SecretForbidden` or `SecretNotAllowed`.
        message: What is wrong and what to do about it; never any content of a secret.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason: Final = reason
        self.message: Final = message


@dataclass(frozen=True, slots=True)
class SecretKey:
    """One value in a Secret or ConfigMap of the policy's own namespace."""

    kind: Literal["Secret", "ConfigMap"]
    namespace: str
    name: str
    key: str


class Secrets(Protocol):
    """Reads what policies refer to."""

    async def read(self, ref: SecretKey, *, host: str) -> bytes:
        """The value of one key.

        Args:
            ref: Which one.
            host: The host that it will be sent to, as the policy names it. A Secret must be allowed there; a
                ConfigMap holds only authorities and is sent nowhere.

        Raises:
            SecretError: It is missing, may not be read, or may not be sent there.
        """
        ...
