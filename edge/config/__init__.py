"""One TOML file, validated at the start."""
