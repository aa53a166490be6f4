"""How many hits a second go from an outbox through a broker into the database, all encrypted."""
