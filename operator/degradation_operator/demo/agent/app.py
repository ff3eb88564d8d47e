"""The shop's HTTP side."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from degradation import Agent, Level
from degradation.fastapi import DegradationMiddleware
from degradation_operator.demo.agent.clients import connect
from degradation_operator.demo.agent.settings import Settings
from degradation_operator.demo.agent.shop import Shop, Unavailable


class Movement(BaseModel):
    """Into stock, or out of it."""

    quantity: Annotated[int, Field(ge=-1000, le=1000)]


def application(settings: Settings, agent: Agent) -> FastAPI:
    """The shop, which follows `agent`."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with connect(settings) as clients:
            app.state.shop = Shop(agent, clients, model=settings.openai_model, bucket=settings.s3_bucket)
            yield

    app = FastAPI(lifespan=agent.lifespan_with(lifespan), title="shop")
    app.include_router(agent.router())
    app.add_middleware(DegradationMiddleware, agent=agent)

    def shop(request: Request) -> Shop:
        found: Shop = request.app.state.shop
        return found

    TheShop = Annotated[Shop, Depends(shop)]  # noqa: N806 - a type
    business = Depends(agent.require_feature("business"))

    def needs(feature: str) -> list[Any]:
        return [business, Depends(agent.require_feature(feature))]

    @app.get("/")
    async def page() -> dict[str, object]:
        """What a visitor sees: the shop, or in an emergency a page that says so."""
        if agent.level >= Level.EMERGENCY:
            return {"page": "status", "message": "The shop is closed for the moment. Please come back soon."}
        return {"page": "shop", "message": "Welcome."}

    @app.get("/healthz")
    async def alive() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/prices/{sku}", dependencies=[business])
    async def price(sku: str, shop: TheShop) -> dict[str, str]:
        found = await shop.price(sku)
        return {"sku": found.sku, "price": found.amount, "status": found.status, "source": found.source}

    @app.get("/recommendations/{sku}", dependencies=needs("recommendations"))
    async def recommendations(sku: str, shop: TheShop) -> list[str]:
        return await shop.recommend(sku)

    @app.get("/items", dependencies=needs("complex-queries"))
    async def search(text: str, shop: TheShop) -> list[str]:
        return await shop.search(text)

    @app.post("/items/{sku}/movements", dependencies=needs("stock-writes"))
    async def move(sku: str, movement: Movement, shop: TheShop) -> dict[str, object]:
        return {"sku": sku, "stock": await shop.move(sku, movement.quantity)}

    @app.put("/documents/{name}", dependencies=needs("document-upload"), status_code=201)
    async def upload(name: str, request: Request, shop: TheShop) -> Response:
        await shop.upload(name, await request.body())
        return Response(status_code=201)

    @app.exception_handler(Unavailable)
    async def unavailable(_request: Request, error: Exception) -> JSONResponse:
        problem = {"type": "about:blank", "title": "Service Unavailable", "status": 503, "detail": str(error)}
        return JSONResponse(problem, 503, {"Retry-After": "5"}, media_type="application/problem+json")

    @app.exception_handler(KeyError)
    async def unknown(_request: Request, error: Exception) -> JSONResponse:
        problem = {"type": "about:blank", "title": "Not Found", "status": 404, "detail": f"no item {error}"}
        return JSONResponse(problem, 404, media_type="application/problem+json")

    return app
