"""Where a run's token comes from: it was given, or a login gets it."""

from __future__ import annotations

from collections.abc import Callable

from edge.credo_uplink.secret import PASSWORD_VARIABLE, TOKEN_VARIABLE, Secret
from edge.errors import BadUse, CosmicEdgeError


class RunKeys:
    """The token of a run; got by a login where none was given, once more where it is refused.

    Parameters
    ----------
    token : Secret or None
    login : callable or None
        Gets a token; None where no user and password are known.
    password : Secret or None
        What `login` uses, to be hidden.
    """

    def __init__(
        self,
        token: Secret | None,
        login: Callable[[], Secret] | None = None,
        password: Secret | None = None,
    ) -> None:
        self._token = token
        self._login = login
        self._password = password

    def token(self) -> Secret:
        """The token to use now.

        Raises
        ------
        BadUse
            There is none, and no user to log in.
        edge.errors.Failed
            The login fails.
        """
        if self._token is None:
            if self._login is None:
                raise BadUse(
                    f"no token: give --token-file or {TOKEN_VARIABLE}, or --user with a password "
                    f"in --password-file or {PASSWORD_VARIABLE}; `cosmic-edge credo login` writes "
                    "a token file"
                )
            self._token = self._login()
        return self._token

    def hide_in(self, text: str) -> str:
        """Blot token and password out of what a server says."""
        for secret in (self._token, self._password):
            text = text if secret is None else secret.hide_in(text)
        return text

    def renew(self) -> bool:
        """Log in anew after a refusal; False where that can't be done."""
        if self._login is None:
            return False
        try:
            self._token = self._login()
        except CosmicEdgeError:
            return False
        return True
