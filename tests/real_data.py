"""The paper's data and tables, which are not part of the repository; ``needs_real_data`` skips tests without them."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "shared"
DATA = FOLDER / "data"
PAPER = DATA / "paper"
UPSTREAM = DATA / "upstream"
PUBLISHED = FOLDER / "paper" / "published.json"
needs_real_data = pytest.mark.skipif(not DATA.is_dir(), reason="the study's data are not here")
