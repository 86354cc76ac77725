"""The configuration: one TOML file to frozen values; all mistakes at once, each with its place and cure."""
