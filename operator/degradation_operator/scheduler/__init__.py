"""When each probe runs, and running it."""
