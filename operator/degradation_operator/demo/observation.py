"""What the agent does at one moment, seen from outside, by its answers alone."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from types import TracebackType
from typing import Any, Final, Self

import httpx2

_REFUSED: Final = "refused"
_FAILED: Final = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the shop answers.

    A refusal is `refused` where the degradation level is the reason, `failed` where a dependency was tried.

    Attributes:
        page: `shop`, or `status` in an emergency.
        price: Where the price of an item that was asked for before comes from.
        new_price: Where that of an item never asked for comes from.
        recommendations: `given` where there are some.
        search: `found`.
        movement: `booked`: a write to the database.
        upload: `kept`: a document in S3.
    """

    page: str = "shop"
    price: str = "cache"
    new_price: str = "ai"
    recommendations: str = "given"
    search: str = "found"
    movement: str = "booked"
    upload: str = "kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One look: what the agent says of itself, and what it does."""

    level: int
    cause: str | None
    uploads_on: bool
    answers: Answers


class Watcher:
    """Asks an agent the same questions again and again, as its customers would."""

    def __init__(self, url: str) -> None:
        self._client = httpx2.AsyncClient(base_url=url, trust_env=False, timeout=5)
        self._new: Iterator[int] = count(2)

    async def look(self) -> Observation | None:
        """Look once.

        None where the agent does not answer, or where it took over another document meanwhile: such answers
        belong to no level.
        """
        try:
            before = await self._degradation()
            asked = (
                self._word("GET", "/", "page"),
                self._word("GET", "/prices/SKU-1", "source"),
                self._word("GET", f"/prices/SKU-{next(self._new)}", "source"),
                self._does("given", "GET", "/recommendations/SKU-1"),
                self._does("found", "GET", "/items?text=item"),
                self._does("booked", "POST", "/items/SKU-1/movements", json={"quantity": 1}),
                self._does("kept", "PUT", "/documents/invoice", content=b"an invoice"),
            )
            answers = Answers(**dict(zip(Answers.__slots__, await asyncio.gather(*asked), strict=True)))
            after = await self._degradation()
        except httpx2.HTTPError:
            return None
        if before["revision"] != after["revision"]:
            return None
        return Observation(
            level=after["level"],
            cause=after["cause"],
            uploads_on=after["features"].get("document-upload", True),
            answers=answers,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def _degradation(self) -> dict[str, Any]:
        response = await self._client.get("/degradation")
        response.raise_for_status()
        said: dict[str, Any] = response.json()
        return said

    async def _word(self, method: str, path: str, key: str) -> str:
        response = await self._client.request(method, path)
        return str(response.json()[key]) if response.is_success else _no(response)

    async def _does(self, well: str, method: str, path: str, **body: Any) -> str:
        response = await self._client.request(method, path, **body)
        return well if response.is_success else _no(response)


def _no(response: httpx2.Response) -> str:
    """What a refusal is: the level's decision, or the failure of something that was tried."""
    try:
        kind = response.json().get("type", "")
    except ValueError:
        kind = ""
    told_when = "Retry-After" in response.headers
    return (
        _REFUSED
        if response.status_code == 503 and kind.startswith("urn:degradation:") and told_when
        else _FAILED
    )
