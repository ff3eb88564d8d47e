"""What the shop does at each level."""

import json
import logging
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

import openai
from botocore.exceptions import BotoCoreError, ClientError

from degradation import Agent, Level
from degradation_operator.demo.agent.clients import CacheError, Clients, DatabaseError

log = logging.getLogger(__name__)

Source = Literal["cache", "ai", "database", "basic"]

_BASIC: Final = Decimal("19.90")
_MARGIN: Final = Decimal("1.20")


class Unavailable(Exception):  # noqa: N818 - it says what is the matter
    """A dependency failed, and there is nothing to fall back to."""


@dataclass(frozen=True, slots=True)
class Price:
    """What an item costs, and how that was found."""

    sku: str
    amount: str
    source: Source

    @property
    def status(self) -> Literal["ok", "degraded"]:
        """`degraded` where it was not found the best way."""
        return "ok" if self.source in {"cache", "ai"} else "degraded"


class Shop:
    """Prices, stock and documents: each asks the level, or a feature, how well it may do its work."""

    def __init__(self, agent: Agent, clients: Clients, *, model: str, bucket: str) -> None:
        self._agent = agent
        self._clients = clients
        self._model = model
        self._bucket = bucket
        self._calculated = agent.feature("ai-pricing", fallback=self._price_by_database)(self._price_by_ai)

    async def price(self, sku: str) -> Price:
        """The price of an item; there always is one."""
        if self._agent.level >= Level.LIMITED:
            return _basic_price(sku)
        caching = self._agent.enabled("cache")
        if caching and (kept := await self._kept_price(sku)) is not None:
            return kept
        try:
            price = await self._calculated(sku)
        except DatabaseError as error:
            log.warning("the basic price of %s: %s", sku, error)
            return _basic_price(sku)
        if caching and price.source == "ai":
            await self._keep(price)
        return price

    async def recommend(self, sku: str) -> list[str]:
        """Items that go well with one.

        Raises:
            Unavailable: The AI or the database failed.
        """
        try:
            rows = await self._clients.database.fetch("SELECT sku FROM items ORDER BY sku LIMIT 5")
            others = ", ".join(row["sku"] for row in rows)
            answer = await self._ask(f"What goes well with {sku}, of {others}? Answer with JSON.")
        except (DatabaseError, openai.OpenAIError) as error:
            raise Unavailable("no recommendations at present") from error
        return [str(item) for item in json.loads(answer)["items"]]

    async def search(self, text: str) -> list[str]:
        """Items whose name holds a text.

        Raises:
            Unavailable: The database failed.
        """
        try:
            rows = await self._clients.database.fetch(
                "SELECT sku FROM items WHERE name LIKE '%' || $1 || '%' ORDER BY sku LIMIT 20", text
            )
        except DatabaseError as error:
            raise Unavailable("the stock cannot be searched at present") from error
        return [row["sku"] for row in rows]

    async def move(self, sku: str, quantity: int) -> int:
        """Take an item into stock, or out of it; what is there afterwards.

        Raises:
            Unavailable: The database failed.
            KeyError: There is no such item.
        """
        try:
            rows = await self._clients.database.fetch(
                "UPDATE items SET stock = stock + $2 WHERE sku = $1 RETURNING stock", sku, quantity
            )
        except DatabaseError as error:
            raise Unavailable("the stock cannot be changed at present") from error
        if not rows:
            raise KeyError(sku)
        return int(rows[0]["stock"])

    async def upload(self, name: str, content: bytes) -> None:
        """Keep a document.

        Raises:
            Unavailable: The store failed.
        """
        try:
            await self._clients.s3.put_object(Bucket=self._bucket, Key=name, Body=content)
        except (BotoCoreError, ClientError, OSError) as error:
            raise Unavailable("documents cannot be kept at present") from error

    async def _kept_price(self, sku: str) -> Price | None:
        try:
            kept = await self._clients.cache.get(sku)
        except CacheError as error:
            log.warning("no cache for %s: %s", sku, error)
            return None
        return Price(sku, kept, "cache") if kept is not None else None

    async def _keep(self, price: Price) -> None:
        try:
            await self._clients.cache.put(price.sku, price.amount)
        except CacheError as error:
            log.warning("not kept: %s: %s", price.sku, error)

    async def _price_by_ai(self, sku: str) -> Price:
        listed = await self._list_price(sku)
        question = (
            f"The list price of {sku} is {listed}. Answer with the price that suits the season, as JSON."
        )
        try:
            said: dict[str, Any] = json.loads(await self._ask(question))
        except openai.OpenAIError as error:
            log.warning("no AI for the price of %s: %s", sku, error)
            return await self._price_by_database(sku)
        return Price(sku, str(said["price"]), "ai")

    async def _price_by_database(self, sku: str) -> Price:
        return Price(sku, str((await self._list_price(sku) * _MARGIN).quantize(Decimal("0.01"))), "database")

    async def _list_price(self, sku: str) -> Decimal:
        rows = await self._clients.database.fetch("SELECT list_price FROM items WHERE sku = $1", sku)
        if not rows:
            raise KeyError(sku)
        return Decimal(rows[0]["list_price"])

    async def _ask(self, question: str) -> str:
        completion = await self._clients.ai.chat.completions.create(
            model=self._model, messages=[{"role": "user", "content": question}]
        )
        return completion.choices[0].message.content or ""


def _basic_price(sku: str) -> Price:
    """A rule that needs nothing: one price for everything."""
    return Price(sku, str(_BASIC), "basic")
