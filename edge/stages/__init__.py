"""What depends on the order of frames: vetoes, hold, accounts. One stage, one file."""
