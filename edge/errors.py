"""What a user is told when something is wrong: one line and an exit code."""

from __future__ import annotations


class CosmicEdgeError(Exception):
    """A fault with one clear line: what, where, what to do.

    The command line prints ``str(error)`` and ends with `exit_code`; a traceback is a defect.
    """

    exit_code = 1


class Failed(CosmicEdgeError):
    """The work could not be done: an unreadable file, a full disk, a broker that refuses."""

    exit_code = 1


class BadUse(CosmicEdgeError):
    """The request itself is wrong: an unknown URL, option, key or unit."""

    exit_code = 2
