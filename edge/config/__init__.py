"""One TOML file, validated at the start."""

from edge.config.digest import config_hash, message_hash
from edge.config.load import BadConfig, load_config
from edge.config.model import Config

__all__ = ["BadConfig", "Config", "config_hash", "load_config", "message_hash"]
