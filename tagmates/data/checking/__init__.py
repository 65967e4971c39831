"""Check the data of tasks for mistakes, for ``data check``."""
