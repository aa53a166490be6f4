"""Many simulated rigs at once, for load and for rehearsing: the device's own outbox and courier."""
