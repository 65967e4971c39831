"""The data sets of a study."""

from tagmates.report.model import Report
from tagmates.report.tables.table import Row, Table, words


def data_table(report: Report) -> Table:
    """The sizes of the data sets (the paper's Table 1)."""
    return Table(
        name="data",
        section="data",
        title="The data",
        caption=(
            "Number of sentences, and of tokens per type (distinct lower-cased word), in the training split and in all "
            "splits; number of distinct labels; entropy of the training labels in nats."
        ),
        heads=("", "sentences, train", "all", "tokens per type, train", "all", "labels", "label entropy"),
        rows=tuple(
            Row(
                str(row["task"]),
                words(
                    f"{row['sentences_train']:,}",
                    f"{row['sentences_all']:,}",
                    f"{row['token_type_train']:.2f}",
                    f"{row['token_type_all']:.2f}",
                    f"{row['labels']:,}",
                    f"{row['label_entropy']:.2f}",
                ),
            )
            for row in report.statistics
        ),
        data=[dict(row) for row in report.statistics],
    )
