"""The exceptions that tagmates raises. Each message says what is wrong, where, and what to do about it."""


class TagmatesError(Exception):
    """Base of every error that tagmates raises on purpose; its message is one line for the user."""


class ConfigError(TagmatesError):
    """A setting, a task name or a combination of settings that cannot work."""


class DataError(TagmatesError):
    """A corpus, vector or input file that is missing, broken or contradicts itself."""


class ModelError(TagmatesError):
    """A model or run folder that is missing, truncated or not from tagmates."""


class TrainingError(TagmatesError):
    """A training that cannot go on: a loss that is not finite, or a disk that is full."""


class DiskError(TrainingError):
    """A file that cannot be written; files that were saved before are complete."""


class OutOfMemoryError(TrainingError):
    """There is less memory or address space than is needed."""


class NoLocksError(TagmatesError):
    """A folder whose file system has no file locks, so that other processes could write to it too."""


class OtherDataError(ConfigError):
    """A run folder whose run was begun on other data."""


class BusyError(ConfigError):
    """A folder in which another process is working at this moment."""
