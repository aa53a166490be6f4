"""The native recording: a folder of segments."""
