"""The loop on the device: a frame in, a hit out, to the server."""

__version__ = "0.1.0"
