"""Follow a degradation level, and let features act on it.

The names below are all there is at the top; the rest lives in `degradation.document`, `.fastapi` and
`.testing`.
"""

from __future__ import annotations

from degradation._errors import (
    BreakerOpen,
    ConfigurationError,
    DegradationError,
    DocumentError,
    FeatureDisabled,
    Rejected,
)
from degradation.agent import Agent
from degradation.features import current_rejection
from degradation.level import Level
from degradation.view import Change

__all__ = [
    "Agent",
    "BreakerOpen",
    "Change",
    "ConfigurationError",
    "DegradationError",
    "DocumentError",
    "FeatureDisabled",
    "Level",
    "Rejected",
    "current_rejection",
]
