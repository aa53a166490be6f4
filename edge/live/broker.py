"""Where a session's broker is, by its configuration."""

from __future__ import annotations

from edge.config.model import Config
from edge.delivery import BrokerAddress


def broker_address(config: Config) -> BrokerAddress:
    """Address with the user name, password file and authority the configuration names."""
    settings = config.broker
    return BrokerAddress.parse(
        settings.url,
        username=settings.username,
        password_file=settings.password_file,
        ca_file=settings.ca_file,
    )
