"""Outbox and uplink: what was made is delivered."""

from edge.delivery.address import BrokerAddress
from edge.delivery.inspect import OutboxSummary, look_at_outbox
from edge.delivery.link import UplinkStats
from edge.delivery.outbox import KEEP, Keep, Outbox, OutboxCounts, OutboxFull
from edge.delivery.uplink import Uplink
from edge.delivery.writer import OutboxWriter, WriterCounts

__all__ = [
    "KEEP",
    "BrokerAddress",
    "Keep",
    "Outbox",
    "OutboxCounts",
    "OutboxFull",
    "OutboxSummary",
    "OutboxWriter",
    "Uplink",
    "UplinkStats",
    "WriterCounts",
    "look_at_outbox",
]
