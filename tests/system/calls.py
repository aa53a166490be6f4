"""Commands in this process, and what they must not touch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

Call = Callable[..., tuple[int, str, str]]


def stored(folder: Path) -> dict[str, str]:
    """Every file below a folder, by its content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def check_refused(
    call: Call, arguments: str, code: int, words: str, given: Path, out: Path
) -> None:
    """See that a command line is refused in one line that says `words`."""
    before = stored(given)
    filled = [part.replace("IN", str(given)).replace("OUT", str(out)) for part in arguments.split()]
    returned, printed, said = call(*filled)
    assert said.count("\n") == 1, said
    assert said.startswith("cosmic-edge: ")
    assert "Traceback" not in said
    assert "internal error" not in said
    assert words in said
    assert returned == code
    assert printed == ""
    assert stored(given) == before
