"""Kind `s3`: HeadBucket succeeds."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit, urlunsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from degradation_operator.api.names import Reason
from degradation_operator.api.targets import S3Target
from degradation_operator.engine.model import ProbeResult
from degradation_operator.probes.credentials import Credentials
from degradation_operator.probes.deadline import Deadline
from degradation_operator.probes.http import TOO_MANY_REQUESTS, Request, Response
from degradation_operator.probes.origin import Origin
from degradation_operator.probes.results import ProbeError, down, inconclusive

_FORBIDDEN: Final = inconclusive(
    Reason.AUTHENTICATION_FAILED,
    "the keys are refused, or may not list this bucket; see the Secret, its right s3:ListBucket, region, and the clock",
)
_ANONYMOUS: Final = inconclusive(
    Reason.AUTHENTICATION_FAILED,
    "the bucket is not open to everybody; give accessKeySecretRef and secretKeySecretRef in the policy",
)
_MALFORMED: Final = inconclusive(
    Reason.AUTHENTICATION_FAILED,
    "the store refuses the request's form or signature (HTTP 400); see region, bucket and pathStyle in the policy",
)
_NO_BUCKET: Final = inconclusive(
    Reason.NOT_FOUND, "there is no bucket of that name; see bucket, endpoint and pathStyle in the policy"
)
_ELSEWHERE: Final = inconclusive(
    Reason.NOT_FOUND,
    "the bucket is at another endpoint (the store redirects); see region, endpoint and pathStyle in the policy",
)


def bucket_url(target: S3Target) -> str:
    """The bucket's URL: in the path, or in the host name."""
    parts = urlsplit(target.endpoint)
    path = parts.path.rstrip("/")
    if target.path_style:
        return urlunsplit((parts.scheme, parts.netloc, f"{path}/{target.bucket}", "", ""))
    return urlunsplit((parts.scheme, f"{target.bucket}.{parts.netloc}", f"{path}/", "", ""))


class BucketCheck:
    """Asks for the bucket, signed by the keys where there are any."""

    kind: Final = "s3"

    def __init__(self, target: S3Target, credentials: Credentials) -> None:
        self._target = target
        self._credentials = credentials

    async def question(self, deadline: Deadline) -> BucketQuestion:
        """See `Check`."""
        target = self._target
        if target.access_key_secret_ref is None or target.secret_key_secret_ref is None:
            return BucketQuestion(bucket_url(target), signer=None)
        access_key = await self._credentials.text(target.access_key_secret_ref, deadline)
        secret_key = await self._credentials.text(target.secret_key_secret_ref, deadline)
        keys = ReadOnlyCredentials(access_key, secret_key, None)
        return BucketQuestion(bucket_url(target), signer=S3SigV4Auth(keys, "s3", target.region))


class BucketQuestion:
    """See `Question`. Each request is signed anew, for a signature holds the time."""

    def __init__(self, url: str, *, signer: S3SigV4Auth | None) -> None:
        self._url = url
        self._path = Origin.of(url).path
        self._signer = signer

    def request(self) -> Request:
        """See `Question`."""
        if self._signer is None:
            return Request("HEAD", self._path)
        signed = AWSRequest(method="HEAD", url=self._url)
        self._signer.add_auth(signed)
        return Request("HEAD", self._path, tuple(signed.headers.items()))

    def judge(self, response: Response) -> ProbeResult | None:
        """See `Question`."""
        match response.status:
            case 200:
                return None
            case 301 | 307 | 308:
                return _ELSEWHERE
            case 400:
                raise ProbeError(_MALFORMED)
            case 401 | 403:
                if self._signer is None:
                    return _ANONYMOUS
                raise ProbeError(_FORBIDDEN)
            case 404:
                return _NO_BUCKET
            case 429:
                return TOO_MANY_REQUESTS
            case status:
                return down(
                    Reason.BAD_ANSWER,
                    f"answered with HTTP status {status}, expected 200",
                    measured=str(status),
                    threshold="200",
                )
