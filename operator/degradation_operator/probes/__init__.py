"""One attempt at a time: is this dependency there, and how does it answer."""
