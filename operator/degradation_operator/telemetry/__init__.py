"""Metrics, logs, and the HTTP server that shows them."""
