"""The smallest application: it follows its level and asks before it uses the cache."""

from degradation import Agent

agent = Agent.from_environment()  # DEGRADATION_DIR says where the document is


@agent.feature("cache", fallback=lambda sku: f"price of {sku} from the database")
def price(sku: str) -> str:
    return f"price of {sku} from the cache"


with agent:
    print(agent.level.name, "-", price("tea"), flush=True)
    agent.on_change(lambda change: print(change.new.level.name, "-", price("tea"), flush=True))
    input()
