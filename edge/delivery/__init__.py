"""Outbox and uplink: what was made is delivered."""
