"""Where frames come from, chosen by URL."""
