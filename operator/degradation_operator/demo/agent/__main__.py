"""`python -m degradation_operator.demo.agent SETTINGS.json`: serve the shop until told to end."""

import sys
from pathlib import Path

import uvicorn

from degradation import Agent
from degradation_operator.demo.agent.app import application
from degradation_operator.demo.agent.settings import Settings


def main(path: Path) -> None:
    """Serve."""
    settings = Settings.read(path)
    uvicorn.run(
        application(settings, Agent.from_environment()),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
