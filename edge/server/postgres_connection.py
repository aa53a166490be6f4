"""Connections to PostgreSQL: what is asked of each, and what may be said about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import psycopg
from psycopg import conninfo

from edge.errors import BadUse, Failed
from edge.server.store import StoreRefusedError, StoreUnavailableError
from edge.server.upkeep import Answered, Ask
from edge.server.watchdog import Watchdog

OLDEST_VERSION = 15
Connected: TypeAlias = psycopg.Connection[tuple[object, ...]]

# A database that is gone without a word must be noticed while the rigs still hold what they sent.
_PATIENCE = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
    "application_name": "cosmic-edge",
}
# A collector asks by key alone. Plans are made while tables are small, and kept when they are not:
# it must not be one that reads a whole table. What was acknowledged must be on the disk, whatever
# the database's own setting, and a stuck collector must not hold the others up for ever, nor one
# that is gone (which a server on Windows can't look after).
_SESSION = """SELECT
    set_config('enable_seqscan', 'off', false), set_config('enable_hashjoin', 'off', false),
    set_config('enable_mergejoin', 'off', false), set_config('timezone', 'UTC', false),
    set_config('default_transaction_isolation', 'read committed', false),
    set_config('lock_timeout', '30s', false),
    set_config('idle_in_transaction_session_timeout', '60s', false),
    set_config('client_connection_check_interval',
        CASE WHEN version() ~ 'Visual|mingw' THEN '0' ELSE '10s' END, false),
    set_config('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false),
    current_schema()"""
# A failed login has no SQLSTATE: libpq gives words alone. Those of a server that speaks another
# language are not among these, and are waited for like all that passes.
_HOPELESS = (
    *("authentication failed", "no password supplied", "no pg_hba.conf entry"),
    *("does not exist", "not permitted to log in", "permission denied for database"),
    *("Name or service not known", "certificate verify failed", "does not support SSL"),
    *("invalid sslmode", "invalid port number"),
)
_DATA, _CONSTRAINT, _LIMIT = "22", "23", "54"
_PASSING = frozenset({"08", "25", "40", "53", "55", "57", "58"})
_CHECK_VIOLATION = "23514"
_CLASH = frozenset({"40001", "40P01", "23505"})
_ADVICE = {
    "42501": "this user may not; use the one the collector has",
    "25006": "a standby, or set to take no changes",
    "55P03": "another session holds what is needed; try again",
}


class Address:
    """Where a database is, and how it is named to a person: without its password.

    Parameters
    ----------
    url : str
        As libpq takes it.

    Raises
    ------
    edge.errors.BadUse
        It is none.
    """

    def __init__(self, url: str) -> None:
        try:
            parts = conninfo.conninfo_to_dict(url)
            sound = _sound(parts)
        except psycopg.Error:
            sound = False
        if not sound:
            # Not in libpq's own words, which may quote the password.
            raise BadUse(
                "database: this is no PostgreSQL URL; give postgresql://user@host:port/name and "
                "write special characters as %XX"
            )
        self._secrets = [str(parts[key]) for key in ("password", "sslpassword") if parts.get(key)]
        self._conninfo = conninfo.make_conninfo(url, **{**_PATIENCE, **parts})
        self._name = self.hide(_named(parts))
        self._single = "," not in str(parts.get("host") or "")

    def __str__(self) -> str:
        return self._name

    __repr__ = __str__

    def hide(self, text: str) -> str:
        """Return a text in one line and without this address's secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return " ".join(text.split())

    def without_secrets(self) -> tuple[str, str]:
        """For another program's arguments, which anybody can read: the address, the password.

        Raises
        ------
        edge.errors.BadUse
            There is a secret that can't be handed over in another way.
        """
        parts: dict[str, Any] = conninfo.conninfo_to_dict(self._conninfo)
        if parts.pop("sslpassword", None):
            raise BadUse(f"database {self}: a key with a password can't be used for this")
        password = str(parts.pop("password", "") or "")
        return conninfo.make_conninfo("", **parts), password

    def connect(self, watchdog: Watchdog) -> Connected:
        """Connect, ready for work, in autocommit mode.

        Parameters
        ----------
        watchdog : Watchdog
            Bounds the wait for the first answer on the connection.

        Raises
        ------
        edge.server.store.StoreUnavailableError
            Nobody answers, or not now.
        edge.server.store.StoreRefusedError
            It says that there is no such database or login.
        edge.errors.Failed
            It is no database to work with.
        """
        connection: Connected | None = None
        try:
            connection = psycopg.connect(self._conninfo, autocommit=True, client_encoding="utf8")
            with watchdog.over(connection.fileno()):
                row = connection.execute(_SESSION).fetchone()
            self._check(connection, None if row is None else row[-1])
        except psycopg.Error as error:
            if connection is None:
                raise self._away(error) from None
            connection.close()
            raise StoreUnavailableError(
                f"database {self}: {watchdog.said or self.words(error)}"
            ) from None
        except Failed:
            assert connection is not None  # noqa: S101 - it was asked
            connection.close()
            raise
        return connection

    def _away(self, error: psycopg.Error) -> StoreUnavailableError:
        """Tell what waiting may mend from what it won't; of several servers one may come back."""
        line = f"database {self}: {self.words(error)}"
        if self._single and any(word in str(error) for word in _HOPELESS):
            return StoreRefusedError(line)
        return StoreUnavailableError(line)

    def _check(self, connection: Connected, schema: object) -> None:
        if connection.info.server_version < OLDEST_VERSION * 10_000:
            raise Failed(
                f"database {self}: PostgreSQL {version(connection)} is too old, "
                f"{OLDEST_VERSION} or newer is needed"
            )
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise Failed(
                f"database {self} has the encoding {encoding}: make one with "
                "createdb --template template0 --encoding UTF8"
            )
        if schema is None:
            raise Failed(
                f"database {self}: there is no schema that this user may use; as its owner: "
                "GRANT USAGE, CREATE ON SCHEMA public TO …"
            )

    def words(self, error: psycopg.Error) -> str:
        """What happened, in one line."""
        said = error.diag.message_primary or str(error) or type(error).__name__
        return self.hide(said)

    def advice(self, error: psycopg.Error) -> str:
        """What happened and, where that is known, what it comes from, in one line."""
        known = _ADVICE.get(error.sqlstate or "")
        return self.words(error) + (f" ({known})" if known else "")


def _sound(parts: Mapping[str, Any]) -> bool:
    """Whether no part looks like a piece of a password whose @, : or / was not written as %XX."""
    ports = str(parts.get("port") or "0").split(",")
    places = str(parts.get("host") or "").split(",")
    if not all(port.isdecimal() for port in ports):
        return False
    if any("@" in place and not place.startswith("@") for place in places):
        return False
    return not set("@:/") & set(str(parts.get("dbname") or ""))


def _named(parts: Mapping[str, Any]) -> str:
    """Write what of an address is no secret as a URL."""
    host = str(parts.get("host") or "")
    user = f"{parts['user']}@" if parts.get("user") else ""
    port = f":{parts['port']}" if parts.get("port") else ""
    name = parts.get("dbname") or ""
    if host.startswith("/"):
        return f"postgresql://{user}{port}/{name}?host={host}"
    return f"postgresql://{user}{host}{port}/{name}"


def asker(connection: Connected) -> Ask:
    """Let the statements both engines share ask PostgreSQL."""

    def ask(statement: str, parameters: Mapping[str, Any]) -> Answered:
        marks = {name: f"%({name})s" for name in parameters}
        return connection.execute(statement.format(**marks).encode(), parameters or None)

    return ask


def version(connection: Connected) -> str:
    """Version of the server, such as 15.4."""
    return connection.info.parameter_status("server_version").split()[0]  # type: ignore[union-attr]


def setting(connection: Connected, name: str) -> str:
    """Value of one of the server's settings."""
    row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    return str(row[0]) if row else ""


def passes(error: psycopg.Error, connection: Connected) -> bool:
    """Whether the same may work later: a connection lost, a full disk, a shutdown."""
    if connection.broken or connection.closed:
        return True
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)  # the network's, not the server's
    return error.sqlstate[:2] in _PASSING


def clashed(error: psycopg.Error) -> bool:
    """Whether another transaction was in the way: the same at once again will do."""
    return error.sqlstate in _CLASH or _lost_its_partition(error)


def unstorable(error: Exception) -> bool:
    """Whether the fault lies in what was to be stored."""
    if isinstance(error, psycopg.Error):
        if error.sqlstate is None:
            return isinstance(error, psycopg.DataError)
        known = error.sqlstate[:2] in (_DATA, _CONSTRAINT, _LIMIT)
        return known and not _lost_its_partition(error)
    return isinstance(error, UnicodeError | OverflowError)


def _lost_its_partition(error: psycopg.Error) -> bool:
    """Whether a month's table was made while its row went to the default partition."""
    return error.sqlstate == _CHECK_VIOLATION and error.diag.constraint_name is None
