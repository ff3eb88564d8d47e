"""What goes wrong with a server of ours."""


class ServerError(Exception):
    """A server cannot be had: not installed, does not start, does not end. The message says how to mend it."""
