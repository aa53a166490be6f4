"""A real PostgreSQL for tests: in a folder of its own, on a socket of its own, killed at will."""

from __future__ import annotations

import contextlib
import glob
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

_START_S = 30.0
_USER = "cosmic"
# Whoever starts it, it must not be root. Debian's package makes the first one.
_UNPRIVILEGED = ("postgres", "nobody")


def find_program(name: str) -> str | None:
    """Path of one of PostgreSQL's programs; Debian keeps them apart from the others."""
    found = shutil.which(name)
    return found or next(iter(sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))[::-1]), None)


def why_not() -> str:
    """Why there is no PostgreSQL here; empty where there is one."""
    if find_spec("psycopg") is None:
        return "needs psycopg (the extra server)"
    missing = [name for name in ("postgres", "initdb") if find_program(name) is None]
    return f"needs PostgreSQL: no {' and no '.join(missing)} here" if missing else ""


class Postgres:
    """One server; `start`, `kill` and `start` again keep its data.

    Parameters
    ----------
    durable : bool
        Wait for the disk, as a real one does; without, tests are quicker, and a killed process
        loses nothing all the same.
    data, wal : Path, optional
        Empty folders for its data and its log, such as disks of their own; they are given to the
        server's user.
    segment_mb : int
        Size of a file of its log, in MiB.
    **settings : str
        More of its settings.
    """

    def __init__(
        self,
        durable: bool = False,
        data: Path | None = None,
        wal: Path | None = None,
        segment_mb: int = 16,
        **settings: str,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="cosmic-edge-postgres-"))
        self._settings = settings
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self._account = _account()
        self._data = data or self.folder / "data"
        for owned in (self.folder, data, wal):
            if owned is not None and self._account is not None:
                os.chown(owned, self._account.pw_uid, self._account.pw_gid)
        self._run(
            *("initdb", "-D", str(self._data), "-U", _USER, "-A", "trust"),
            *("-E", "UTF8", "--locale", "C", "--no-sync", f"--wal-segsize={segment_mb}"),
            *([f"--waldir={wal}"] if wal is not None else []),
        )
        self.start()

    @property
    def log(self) -> str:
        """What it has said since its first start."""
        return (self.folder / "log").read_text(errors="replace")

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        return self._process is not None and self._process.poll() is None

    def url(self, database: str, user: str = _USER, password: str = "") -> str:
        """Where a database is."""
        secret = f":{quote(password, safe='')}" if password else ""
        port = f"&port={self._settings['port']}" if "port" in self._settings else ""
        return f"postgresql://{user}{secret}@/{database}?host={self.folder}{port}"

    def start(self) -> None:
        """Start, and return once it takes connections."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "fsync": "on" if self._durable else "off",
            "recovery_init_sync_method": "syncfs",
            **self._settings,
        }
        options = [f"-c{name}={value}" for name, value in settings.items()]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._as_user("postgres"), "-D", str(self._data), *options],
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )
        import psycopg

        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise RuntimeError(f"PostgreSQL did not start: {self.log[-500:]}")

    def kill(self) -> None:
        """End all of it at once, as a power cut does."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        # The backends are sessions of their own; they end when they see that it is gone.
        time.sleep(0.1)

    def freeze(self) -> None:
        """Stop it and all its children where they stand; connections stay open."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal_all(signal.SIGCONT)

    def restart(self) -> None:
        """End it in order, whoever is connected, and start it again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._process.wait(20)
        self.start()

    def _signal_all(self, number: signal.Signals) -> None:
        assert self._process is not None
        parent = self._process.pid
        # The parent first: it must start no new ones meanwhile.
        os.kill(parent, number)
        listing = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        for child in map(int, listing.split()):
            with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
                os.kill(child, number)

    def stop(self) -> None:
        """End it and remove what it kept."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def create(self) -> str:
        """Make an empty database; its URL."""
        name = f"test{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove a database that `create` made."""
        from psycopg.conninfo import conninfo_to_dict

        name = conninfo_to_dict(url)["dbname"]
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Ask as the server's owner."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def reload_access(self, lines: str) -> None:
        """Put rules before those of pg_hba.conf."""
        rules = self._data / "pg_hba.conf"
        rules.write_text(f"{lines}\n{rules.read_text()}")
        self.execute("SELECT pg_reload_conf()")
        time.sleep(0.2)

    def own(self, folder: Path) -> Path:
        """Make a folder that the server may write."""
        folder.mkdir()
        if self._account is not None:
            os.chown(folder, self._account.pw_uid, self._account.pw_gid)
            for parent in folder.parents[:-1]:
                if str(parent).startswith(tempfile.gettempdir() + os.sep):
                    parent.chmod(0o755)
        return folder

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [*self._as_user(program), *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
        )
        assert done.returncode == 0, done.stderr

    def _as_user(self, program: str) -> list[str]:
        path = find_program(program)
        assert path is not None
        wrapper = shutil.which("setpriv")
        if wrapper is None:
            assert self._account is None, "setpriv is needed to start PostgreSQL as root"
            return [path]
        who = []
        if self._account is not None:
            uid, gid = self._account.pw_uid, self._account.pw_gid
            who = [f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
        return [wrapper, *who, "--pdeathsig", "KILL", path]


def _account() -> pwd.struct_passwd | None:
    """Whom to become; None: nobody else."""
    if os.geteuid() != 0:
        return None
    for name in _UNPRIVILEGED:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("PostgreSQL refuses root, and there is no user postgres or nobody")
