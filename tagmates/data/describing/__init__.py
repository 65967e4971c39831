"""From files that nobody has described to the TOML of their tasks, for ``data init``."""
