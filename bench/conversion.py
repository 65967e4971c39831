"""Sentences of each of the paper's tasks that come out of the published files as the paper's authors have them.

    python bench/conversion.py FROM PAPER [--mode authors|clean]

FROM is a folder as of ``tagmates data fetch --from``; PAPER has the authors' files as TASK/{train,dev,test}.conll.
Prints identical/made for each split, and the seconds that reading, converting, writing and comparing take.
"""

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

from tagmates.data.task import SPLITS
from tagmates.data.tasks import PAPER_SCHEMES
from tagmates.data.upstream.fetch import Prepared, fetch_tasks
from tagmates.data.upstream.sources import MODES


def sentences(path: Path) -> list[str]:
    """The lines of each sentence."""
    return path.read_text(encoding="utf-8").removesuffix("\n\n").split("\n\n")


def main() -> None:
    """Fetch every task from the copies and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("copies", type=Path)
    parser.add_argument("paper", type=Path)
    parser.add_argument("--mode", choices=MODES, default="authors")
    arguments = parser.parse_args()
    cells = Counter[bool]()
    with tempfile.TemporaryDirectory() as name:
        for task in PAPER_SCHEMES:
            start = time.process_time()
            (made,) = (
                event
                for event in fetch_tasks([task], Path(name), mode=arguments.mode, copies=arguments.copies)
                if isinstance(event, Prepared)
            )
            cells.update(number.equal for number in made.numbers)
            counts = []
            for split in SPLITS:
                ours, theirs = (sentences(folder / task / f"{split}.conll") for folder in (Path(name), arguments.paper))
                identical = (Counter(ours) & Counter(theirs)).total()
                counts.append(f"{split} {identical}/{len(ours)}")
            print(f"{task:10}{'  '.join(counts):55}{time.process_time() - start:5.1f} s", flush=True)
    print(f"{cells[True]} of {cells.total()} printed cells of Table 1 are equal")


if __name__ == "__main__":
    main()
