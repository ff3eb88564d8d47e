"""Follow a degradation level, and let features and breakers act on it."""
