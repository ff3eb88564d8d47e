"""The command `degradation`: one file per command."""
