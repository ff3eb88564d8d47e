"""Kind `openai`: an OpenAI-compatible API lists its models, or completes one token."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from degradation_operator.api.names import Reason
from degradation_operator.api.targets import OpenAITarget
from degradation_operator.engine.model import ProbeResult
from degradation_operator.probes.credentials import Credentials
from degradation_operator.probes.deadline import Deadline
from degradation_operator.probes.http import TOO_MANY_REQUESTS, Request, Response
from degradation_operator.probes.origin import Origin
from degradation_operator.probes.results import ProbeError, down, inconclusive

_NO_QUOTA: Final = down(Reason.THROTTLED, "the quota is exhausted, or nothing is paid")
_KEY_REFUSED: Final = inconclusive(
    Reason.AUTHENTICATION_FAILED,
    "the API key is refused, or may not do this; see apiKeySecretRef in the policy, and the Secret",
)
_NOT_FOUND: Final = inconclusive(
    Reason.NOT_FOUND,
    "the API answers, and knows no such path or model (HTTP 404); see baseURL and model in the policy",
)
_QUESTION_REFUSED: Final = inconclusive(
    Reason.BAD_ANSWER,
    "the API answers, and refuses what the probe asks (HTTP 400); name another model, or set check: Models",
)


class OpenAICheck:
    """Asks with the API key as a bearer token."""

    kind: Final = "openai"

    def __init__(self, target: OpenAITarget, credentials: Credentials) -> None:
        self._target = target
        self._credentials = credentials

    async def question(self, deadline: Deadline) -> OpenAIQuestion:
        """See `Check`."""
        target = self._target
        headers = []
        if target.api_key_secret_ref is not None:
            key = await self._credentials.text(target.api_key_secret_ref, deadline)
            headers.append(("Authorization", f"Bearer {key}"))
        base = Origin.of(target.base_url).path.rstrip("/")
        if target.check == "Models":
            return OpenAIQuestion(Request("GET", f"{base}/models", tuple(headers)), completes=False)
        headers.append(("Content-Type", "application/json"))
        body = {
            "model": target.model,
            "messages": [{"role": "user", "content": "ping"}],
            # Not max_completion_tokens, which most compatible servers do not know.
            "max_tokens": 1,
        }
        return OpenAIQuestion(
            Request("POST", f"{base}/chat/completions", tuple(headers), json.dumps(body).encode()),
            completes=True,
        )


@dataclass(frozen=True, slots=True)
class OpenAIQuestion:
    """See `Question`."""

    asked: Request
    completes: bool

    def __repr__(self) -> str:
        """Without the request, which holds the key."""
        return f"OpenAIQuestion(completes={self.completes})"

    def request(self) -> Request:
        """See `Question`."""
        return self.asked

    def judge(self, response: Response) -> ProbeResult | None:
        """See `Question`."""
        match response.status:
            case 200:
                return None
            case 401 | 403:
                raise ProbeError(_KEY_REFUSED)
            case 404:
                return _NOT_FOUND
            case 400 | 422 if self.completes:
                return _QUESTION_REFUSED
            case 402 if self.completes:
                return _NO_QUOTA
            case 429:
                exhausted = self.completes and _error_code(response.body) == "insufficient_quota"
                return _NO_QUOTA if exhausted else TOO_MANY_REQUESTS
            case status:
                return down(
                    Reason.BAD_ANSWER,
                    f"answered with HTTP status {status}, expected 200",
                    measured=str(status),
                    threshold="200",
                )


def _error_code(body: bytes) -> object:
    """The error's code, or its type where it has none; None where the body says nothing of the kind."""
    try:
        error = json.loads(body)["error"]
        return error.get("code") or error.get("type")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
