"""Users of a mosquitto broker: its password file, changed whole or not at all.

Hashes are made by mosquitto's own mosquitto_passwd. It gets the password in a file that nobody
else can read: on its command line every user of the computer would see it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

from edge.errors import BadUse, Failed

_PROGRAM = "mosquitto_passwd"
_GROUP = "mosquitto"
_PASSWORD_BYTES = 24
RELOAD = "systemctl reload mosquitto (or kill -HUP its process)"
"""How a broker takes a changed file without letting go of its clients."""


class PasswordFile:
    """A file of mosquitto's option ``password_file``.

    Parameters
    ----------
    path : Path
        It may be missing: nobody is let in yet.

    Raises
    ------
    edge.errors.Failed
        It can't be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = Path(os.path.realpath(path))
        try:
            text = self._path.read_text() if self._path.exists() else ""
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "no text"
            raise Failed(f"password file {path} can't be read: {why}") from None
        self._lines = text.splitlines()

    def __contains__(self, user: str) -> bool:
        return any(_user(line) == user for line in self._lines)

    def let_in(self, user: str, password: str) -> None:
        """Add a user, or give it another password.

        Raises
        ------
        edge.errors.BadUse
            There is no mosquitto_passwd.
        edge.errors.Failed
            The file can't be written; it is as it was.
        """
        line = _hashed(user, password)
        self._write([one for one in self._lines if _user(one) != user] + [line])

    def lock_out(self, user: str) -> bool:
        """Remove a user; returns whether there was one.

        Raises
        ------
        edge.errors.Failed
            The file can't be written; it is as it was.
        """
        if user not in self:
            return False
        self._write([one for one in self._lines if _user(one) != user])
        return True

    def _write(self, lines: list[str]) -> None:
        part = self._path.with_name(self._path.name + ".part")
        try:
            part.unlink(missing_ok=True)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.writelines(f"{line}\n" for line in lines)
                self._give_to_broker(file.fileno())
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            raise Failed(
                f"password file {self._path} can't be written: {error.strerror}; are you root?"
            ) from None
        self._lines = lines

    def _give_to_broker(self, descriptor: int) -> None:
        """Keep owner and rights; the broker reads it as a user of its own."""
        if self._path.exists():
            found = self._path.stat()
            os.fchown(descriptor, found.st_uid, found.st_gid)
            os.fchmod(descriptor, found.st_mode & 0o777)
        elif os.geteuid() == 0:
            with contextlib.suppress(LookupError):
                shutil.chown(f"/dev/fd/{descriptor}", group=_GROUP)
                os.fchmod(descriptor, 0o640)


def new_password() -> str:
    """Make a password that nobody has to remember."""
    return secrets.token_urlsafe(_PASSWORD_BYTES)


def write_secret(path: Path, secret: str) -> None:
    """Write a secret to a new file that only its owner can read.

    Raises
    ------
    edge.errors.BadUse
        There is such a file.
    edge.errors.Failed
        It can't be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{secret}\n")
    except FileExistsError:
        raise BadUse(f"{path} is there already: name a new file with --hand-over") from None
    except OSError as error:
        raise Failed(f"{path}: can't be written ({error.strerror})") from None


def _user(line: str) -> str:
    return line.partition(":")[0]


def _hashed(user: str, password: str) -> str:
    program = shutil.which(_PROGRAM)
    if program is None:
        raise BadUse(f"this needs {_PROGRAM}, which comes with the broker: apt install mosquitto")
    with tempfile.TemporaryDirectory(prefix="cosmic-edge-password-") as folder:
        plain = Path(folder, "plain")  # the folder is ours alone
        plain.write_text(f"{user}:{password}\n")
        done = subprocess.run(  # noqa: S603 - found by its name, our own arguments
            [program, "-U", str(plain)], check=False, capture_output=True, text=True
        )
        line = plain.read_text().strip()
    if done.returncode or not line.startswith(f"{user}:$") or password in line:
        raise Failed(f"{_PROGRAM} made no hash: {done.stderr.strip() or 'it said nothing'}")
    return line
