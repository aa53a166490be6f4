"""The rules of the field, each in a file with its source; facts as read from public code."""
