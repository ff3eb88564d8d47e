"""The demo's application: a small shop that uses all four dependencies and follows the level."""
