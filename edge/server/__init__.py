"""The server's end: MQTT in, database out."""
