"""The written contract: what goes to disk and to the server."""
