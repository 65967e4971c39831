"""What is wrong with the data of tasks, for ``data check``."""
