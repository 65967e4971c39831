"""The exceptions that tagmates raises. Each message says what is wrong, where, and what to do about it."""


class TagmatesError(Exception):
    """Base of every error that tagmates raises on purpose; its message is one line for the user.

    ```python
    import tagmates

    try:
        study = tagmates.Study.open("none.toml")
    except tagmates.TagmatesError as error:
        print(error)
    ```
    """


class ConfigError(TagmatesError):
    """A setting, a task name or a combination of settings that cannot work.

    ```python
    import tagmates

    tagger = tagmates.Tagger.from_pretrained("en")
    try:
        tagger.tag("Otters sleep .", tasks=["nre"])
    except tagmates.ConfigError as error:
        print(error)
    ```
    """


class DataError(TagmatesError):
    """A corpus, vector or input file that is missing, broken or contradicts itself.

    ```python
    import tagmates

    try:
        tagmates.train(tagmates.RunConfig(tasks=("ner",)), data="no/such/folder")
    except tagmates.DataError as error:
        print(error)
    ```
    """


class ModelError(TagmatesError):
    """A model or run folder that is missing, truncated or not from tagmates.

    ```python
    import tagmates

    try:
        tagger = tagmates.Tagger.from_pretrained("runs/none")
    except tagmates.ModelError as error:
        print(error)
    ```
    """


class TrainingError(TagmatesError):
    """Work that cannot continue: a loss is not finite, a disk cannot be written, or there is too little memory.

    ```python
    import tagmates

    settings = tagmates.TrainingSettings(learning_rate=1e30, max_epochs=3)
    config = tagmates.RunConfig(tasks=("upos",), sharing="stl", vectors="random", training=settings)
    try:
        tagmates.train(config, preset="paper")
    except tagmates.TrainingError as error:
        print(error)
    ```
    """


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
