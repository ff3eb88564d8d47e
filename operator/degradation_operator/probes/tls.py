"""TLS of a probe: which authorities count, and what a handshake that failed means."""

from __future__ import annotations

import ssl
from collections import OrderedDict
from typing import Final

from degradation_operator.api.addresses import TLS
from degradation_operator.api.names import Reason
from degradation_operator.engine.model import ProbeResult
from degradation_operator.probes.credentials import Credentials
from degradation_operator.probes.deadline import Deadline
from degradation_operator.probes.results import CLOSED, ProbeError, down, inconclusive

_EXPIRED: Final = 10  # X509_V_ERR_CERT_HAS_EXPIRED
_NOT_YET_VALID: Final = 9
_OTHER_NAME: Final = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, …_IP_ADDRESS_MISMATCH

_BROKEN_AUTHORITIES: Final = inconclusive(
    Reason.TLS_FAILED,
    "the authorities of tls are no PEM certificates; put whole certificates there, each from BEGIN CERTIFICATE "
    "to END CERTIFICATE",
)
_NO_TLS: Final = down(
    Reason.BAD_ANSWER, "answered something that is not TLS; if it never speaks TLS, take tls (or https) away"
)

_NO_TLS_REASONS: Final = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "RECORD_LAYER_FAILURE", "BAD_RECORD_TYPE"}
)


class TLSContexts:
    """Contexts by authorities, kept: making one reads and parses every certificate.

    They hold no names and no secrets, so that dependencies with the same authorities share one.

    Args:
        most: How many are kept; the one that was not used for longest goes first.
    """

    def __init__(self, *, most: int = 128) -> None:
        self._most = most
        self._contexts: OrderedDict[tuple[bytes | None, bool], ssl.SSLContext] = OrderedDict()

    def context(self, authorities: bytes | None, *, verify: bool = True) -> ssl.SSLContext:
        """A context that trusts these authorities (PEM), or without any the system's.

        Raises:
            ProbeError: They are no certificates.
        """
        key = (authorities, verify)
        context = self._contexts.get(key)
        if context is None:
            context = self._contexts[key] = _context(authorities, verify=verify)
            if len(self._contexts) > self._most:
                self._contexts.popitem(last=False)
        self._contexts.move_to_end(key)
        return context


class TLSClient:
    """TLS of one dependency.

    Args:
        tls: What the policy says.
        credentials: Reads the authorities. Its host is the name to expect where the policy gives none.
        contexts: Shared by all.
    """

    def __init__(self, tls: TLS, *, credentials: Credentials, contexts: TLSContexts) -> None:
        self._tls = tls
        self._credentials = credentials
        self._contexts = contexts
        self.server_name: Final = (tls.server_name or credentials.host).rstrip(".")

    async def context(self, deadline: Deadline) -> ssl.SSLContext:
        """The context by the authorities as they are now.

        Raises:
            ProbeError: They are missing, or broken.
        """
        return self._contexts.context(
            await self._authorities(deadline), verify=not self._tls.insecure_skip_verify
        )

    async def _authorities(self, deadline: Deadline) -> bytes | None:
        if self._tls.ca_secret_ref is not None:
            return await self._credentials.secret(self._tls.ca_secret_ref, deadline)
        if self._tls.ca_config_map_ref is not None:
            return await self._credentials.config(self._tls.ca_config_map_ref, deadline)
        return None


def _context(authorities: bytes | None, *, verify: bool) -> ssl.SSLContext:
    if authorities is None:
        context = ssl.create_default_context()
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            # Bundles carry names in any language beside the certificates.
            context.load_verify_locations(cadata=authorities.decode("ascii", "ignore"))
        except (ssl.SSLError, ValueError):
            raise ProbeError(_BROKEN_AUTHORITIES) from None
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def failed_handshake(error: ssl.SSLError) -> ProbeResult:
    """What it means that TLS failed.

    The table of results knows two cases: a name or an authority that does not fit is our configuration, an
    expired certificate is their failure. Beside them: who speaks TLS and turns us down by an alert (no common
    version, a client certificate wanted) is there, and it is for people to say who has to change; an answer
    that is no TLS is garbage, and an end in the middle is an end in the middle.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return _distrusted(error.verify_code)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return CLOSED
    reason = error.reason or ""
    if "ALERT_INTERNAL_ERROR" in reason:
        return down(Reason.TLS_FAILED, "TLS failed: the server reports an internal error")
    if reason in _NO_TLS_REASONS:
        return _NO_TLS
    if "CERTIFICATE_REQUIRED" in reason:
        return inconclusive(
            Reason.TLS_FAILED,
            "the server wants a client certificate, which probes have none of; probe a port that wants none",
        )
    words = reason.lower().replace("_", " ") or "no reason given"
    return inconclusive(
        Reason.TLS_FAILED, f"TLS failed ({words}); see which TLS versions, ciphers and names the server takes"
    )


def _distrusted(code: int) -> ProbeResult:
    if code == _EXPIRED:
        return down(Reason.TLS_FAILED, "the server's certificate has expired")
    if code == _NOT_YET_VALID:
        return inconclusive(
            Reason.TLS_FAILED,
            "the server's certificate is not valid yet; compare the clocks of both machines",
        )
    if code in _OTHER_NAME:
        return inconclusive(
            Reason.TLS_FAILED,
            "the server's certificate is for another name; set tls.serverName to a name that it carries",
        )
    return inconclusive(
        Reason.TLS_FAILED,
        "the server's certificate is not from a trusted authority; give its authority by tls.caSecretRef or "
        "tls.caConfigMapRef",
    )
