"""Decides the degradation level of applications from the health of their dependencies."""
