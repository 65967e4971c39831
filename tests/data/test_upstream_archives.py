"""tagmates.data.upstream.archives: members of downloaded archives, also of malicious ones."""

import bz2
import errno
import gzip
import io
import lzma
import os
import resource
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from strategies import tried

from tagmates.data.upstream.archives import extract_member
from tagmates.errors import DataError, DiskError

TEXT = b"She\tPRON\nreads\tVERB\n\n" * 500
MEMBER = "corpus/train.conll"
LIMIT = 100_000
MEMORY = 10_000_000  # of which xz takes eight
BIG = bytes(12_000_000)

PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "tar": bytes,
    "tar.gz": gzip.compress,
    "tar.bz2": bz2.compress,
    "tar.xz": lzma.compress,
}


def tar(*members: tuple[str, bytes] | tarfile.TarInfo, format: int = tarfile.PAX_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=format) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                archive.addfile(info(member[0], size=len(member[1])), io.BytesIO(member[1]))
    return file.getvalue()


def info(name: str, **values: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    for key, value in values.items():
        setattr(made, key, value)
    return made


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packing) as archive:
        for name, content in members:
            archive.writestr(name, content, packing)
    return file.getvalue()


def every(*members: tuple[str, bytes]) -> list[bytes]:
    """These members in every kind of archive."""
    return [*(pack(tar(*members)) for pack in PACKINGS.values()), zipped(*members)]


def extract(folder: Path, archive: bytes, member: str = MEMBER, limit: int = LIMIT) -> bytes:
    """The content that is written; nothing may be written if there is an error."""
    source, target = folder / "archive", folder / "out" / "train.conll"
    source.write_bytes(archive)
    target.unlink(missing_ok=True)
    try:
        extract_member(source, member, target, limit=limit)
    except DataError as error:
        assert str(error).startswith(f"{source}: ")
        assert str(error).isprintable()
        assert not target.exists()
        raise
    assert {file.name for file in target.parent.iterdir()} == {"train.conll", ".train.conll.lock"}
    return target.read_bytes()


def refused(folder: Path, archive: bytes, words: str, **settings: int) -> None:
    with pytest.raises(DataError) as caught:
        extract(folder, archive, **settings)
    assert words in str(caught.value)


def test_a_member_comes_out_of_every_kind_of_archive(tmp_path: Path) -> None:
    members = (("corpus/README", b"read me"), (MEMBER, TEXT), ("corpus/dev.conll", os.urandom(LIMIT)))
    archives = [*every(*members), zipped(*members, packing=zipfile.ZIP_STORED)]
    for format in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT):
        archives += [pack(tar(*members, format=format)) for pack in PACKINGS.values()]
    for archive in archives:
        assert extract(tmp_path, archive) == TEXT
        assert extract(tmp_path, archive, "corpus/README") == b"read me"
        assert extract(tmp_path, archive, limit=len(TEXT)) == TEXT


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_and_foreign_names(tmp_path: Path, format: int) -> None:
    name = "Wörter/" + "långt " * 60 + "/ملف.conll"
    assert extract(tmp_path, gzip.compress(tar((name, TEXT), format=format)), name) == TEXT
    assert extract(tmp_path, zipped((name, TEXT)), name) == TEXT


def test_a_name_may_be_written_in_several_ways(tmp_path: Path) -> None:
    for archive in every((f"./{MEMBER}", TEXT)):
        assert extract(tmp_path, archive) == TEXT


@pytest.mark.parametrize("name", ["PK/train", "BZh9/train", "ustar", "07070"])
def test_a_name_that_looks_like_a_packing(tmp_path: Path, name: str) -> None:
    for archive in every((name, TEXT)):
        assert extract(tmp_path, archive, name) == TEXT


def test_a_bare_name_may_stand_in_any_folder_but_only_in_one(tmp_path: Path) -> None:
    for archive in every(("other", b"no"), ("a/b/text", TEXT)):
        assert extract(tmp_path, archive, "text") == TEXT
    with pytest.raises(DataError, match="holds 'text' twice"):
        extract(tmp_path, tar(("a/text", TEXT), ("b/text", TEXT)), "text")


def test_an_empty_member_is_an_empty_file(tmp_path: Path) -> None:
    for archive in every((MEMBER, b"")):
        assert extract(tmp_path, archive) == b""


def test_a_link_elsewhere_does_not_matter(tmp_path: Path) -> None:
    link = info("docs", type=tarfile.SYMTYPE, linkname="corpus")
    assert extract(tmp_path, tar((MEMBER, TEXT), link)) == TEXT


def test_a_missing_member(tmp_path: Path) -> None:
    for archive in [*every(("corpus/test.conll", TEXT), ("other/train.conll", TEXT)), *every()]:
        with pytest.raises(DataError):  # a tar of nothing but its end is as good as none
            extract(tmp_path, archive)
    refused(tmp_path, tar(("corpus/test.conll", TEXT)), "does not hold 'corpus/train.conll'; take another copy")


def test_a_member_that_is_there_twice(tmp_path: Path) -> None:
    for pack in PACKINGS.values():
        refused(tmp_path, pack(tar((MEMBER, TEXT), (f"./{MEMBER}", b"other"))), "holds 'corpus/train.conll' twice")
    refused(tmp_path, zipped((MEMBER, TEXT), (f"./{MEMBER}", b"other")), "twice")


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "corpus/../../evil",
        "/etc/evil",
        "..\\evil",
        "C:\\evil",
        "\\\\host\\evil",
        "//host/evil",
        "a/..",
        "..",
    ],
)
def test_names_that_lead_out_of_the_folder(tmp_path: Path, name: str) -> None:
    for archive in every((MEMBER, TEXT), (name, b"evil")):
        refused(tmp_path, archive, f"it holds the name {name!r}, which points outside of its folder")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.parametrize("name", [MEMBER, "corpus", "./corpus/"])
def test_links_on_the_way(tmp_path: Path, kind: bytes, name: str) -> None:
    link = info(name, type=kind, linkname="/etc/passwd")
    refused(tmp_path, tar(link, (MEMBER, TEXT)), "it holds a link on the way to 'corpus/train.conll'")
    refused(tmp_path, tar((MEMBER, TEXT), link), "it holds a link on the way")


@pytest.mark.parametrize("kind", [tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_members_that_are_no_files(tmp_path: Path, kind: bytes) -> None:
    refused(tmp_path, tar(info(MEMBER, type=kind)), "is not an ordinary file")


@pytest.mark.parametrize(("mode", "words"), [(0o120777, "a link on the way"), (0o010644, "not an ordinary file")])
def test_links_and_pipes_in_a_zip(tmp_path: Path, mode: int, words: str) -> None:
    link = zipfile.ZipInfo(MEMBER)
    link.create_system, link.external_attr = 3, mode << 16
    refused(tmp_path, zipped((link, b"/etc/passwd")), words)
    refused(tmp_path, zipped((f"{MEMBER}/", b"")), "not an ordinary file")


def test_a_member_larger_than_the_limit(tmp_path: Path) -> None:
    for archive in every((MEMBER, TEXT)):
        words = f"'corpus/train.conll' has {len(TEXT):,} bytes in it, more than {len(TEXT) - 1:,}"
        refused(tmp_path, archive, words, limit=len(TEXT) - 1)


def traced(call: Callable[[], object]) -> int:
    """The most memory in use at a time, in bytes."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("packing", ["tar.gz", "tar.bz2", "tar.xz"])
def test_a_thousandfold_blow_up(tmp_path: Path, packing: str) -> None:
    pack = PACKINGS[packing]
    for members in ([(MEMBER, BIG)], [("before", BIG), (MEMBER, TEXT)], [(MEMBER, TEXT), ("after", BIG)]):
        archive = pack(tar(*members))
        assert len(BIG) > 900 * len(archive)
        words = "more than 100,000" if members[0][1] is BIG and len(members) == 1 else "it unpacks to more than"
        assert traced(lambda packed=archive, words=words: refused(tmp_path, packed, words)) < MEMORY
    refused(tmp_path, pack(tar((MEMBER, TEXT)) + BIG), "it unpacks to more than")


def test_a_blow_up_in_a_zip(tmp_path: Path) -> None:
    archive = zipped((MEMBER, BIG))
    refused(tmp_path, archive, "has 12,000,000 bytes in it, more than 100,000")
    lying = archive.replace(struct.pack("<L", len(BIG)), struct.pack("<L", 1000))
    assert traced(lambda: refused(tmp_path, lying, "Bad CRC-32")) < MEMORY
    assert extract(tmp_path, zipped((MEMBER, TEXT), ("other", BIG))) == TEXT  # which is not unpacked


def test_sizes_in_a_zip_that_are_too_large(tmp_path: Path) -> None:
    lying = zipped((MEMBER, TEXT)).replace(struct.pack("<L", len(TEXT)), struct.pack("<L", len(TEXT) + 1))
    refused(tmp_path, lying, "in it is not the stated one")


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packings_of_a_zip_that_cannot_be_bounded(tmp_path: Path, packing: int) -> None:
    refused(tmp_path, zipped((MEMBER, TEXT), packing=packing), "is compressed with an unusual method")


def test_an_encrypted_zip(tmp_path: Path) -> None:
    archive = bytearray(zipped((MEMBER, TEXT)))
    for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        archive[archive.index(signature) + flags] |= 1
    refused(tmp_path, bytes(archive), "is encrypted, password required")


@pytest.mark.parametrize("packing", ["tar.gz", "tar.bz2", "tar.xz", "zip"])
def test_an_archive_that_is_cut_off(tmp_path: Path, packing: str) -> None:
    content = os.urandom(20_000)  # which does not pack
    archive = zipped((MEMBER, content)) if packing == "zip" else PACKINGS[packing](tar((MEMBER, content)))
    for length in (0, 1, 2, 6, 100, len(archive) // 2, len(archive) - 1):
        refused(tmp_path, archive[:length], "")


def test_a_tar_that_is_cut_off(tmp_path: Path) -> None:
    archive = tar((MEMBER, TEXT))
    for length in (0, 1, 511, 512, 513, 512 + len(TEXT) - 1):
        refused(tmp_path, archive[:length], "")
    refused(tmp_path, archive[: 512 + len(TEXT) - 1], "it ends in the middle of 'corpus/train.conll'")
    assert extract(tmp_path, archive[: 512 + -(-len(TEXT) // 512) * 512]) == TEXT  # only its end is missing


@settings(max_examples=tried(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.integers(0, 4), place=st.integers(0), value=st.integers(1, 255))
def test_one_wrong_byte_is_found_or_does_not_matter(tmp_path: Path, kind: int, place: int, value: int) -> None:
    """A plain tar has no checksum of its content; the others have one."""
    archive = bytearray(every(("a", b"before"), (MEMBER, TEXT[:100]), ("b", b"after"))[kind])
    archive[place % len(archive)] ^= value
    try:
        found = extract(tmp_path, bytes(archive))
    except DataError:
        return
    assert found == TEXT[:100] or (kind == 0 and len(found) == 100)


MAGIC = st.sampled_from([b"", b"PK\3\4", b"PK\5\6" + bytes(18), b"\x1f\x8b\x08\0", b"BZh91AY&SY", b"\xfd7zXZ\0"])


@settings(max_examples=tried(200), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(magic=MAGIC, data=st.binary(max_size=2000), packing=st.sampled_from(sorted(PACKINGS)))
@example(b"", b"", "tar")
@example(b"", bytes(10240), "tar.gz")
def test_arbitrary_bytes_are_refused(tmp_path: Path, magic: bytes, data: bytes, packing: str) -> None:
    refused(tmp_path, PACKINGS[packing](magic + data), "take another copy")


HEADER = tarfile.TarInfo(MEMBER).tobuf(tarfile.USTAR_FORMAT)
TYPES = st.sampled_from([*b"0123456789SLKxgXVZ\0"])


@settings(max_examples=tried(300), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    blocks=st.lists(
        st.tuples(
            TYPES, st.binary(max_size=12), st.binary(max_size=600) | st.text("0123456789 =\nsizepath.GNU", max_size=99)
        ),
        max_size=6,
    )
)
def test_arbitrary_headers_with_right_checksums(tmp_path: Path, blocks: list[tuple[int, bytes, bytes | str]]) -> None:
    archive = b""
    for kind, size, data in blocks:
        content = data if isinstance(data, bytes) else data.encode()
        archive += header(kind, size.ljust(12, b"\0") if size else b"%011o\0" % len(content))
        archive += content + bytes(-len(content) % 512)
    with suppress(DataError):
        extract(tmp_path, archive + bytes(1024))


def header(kind: int, size: bytes, name: str = MEMBER) -> bytes:
    block = bytearray(tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT)[:512])
    block[124:136] = size
    block[156] = kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def number(value: int) -> bytes:
    """A size in the way that knows no bound."""
    return tarfile.TarInfo._create_header({"size": value}, tarfile.GNU_FORMAT, "ascii", "strict")[124:136]  # type: ignore[attr-defined, no-any-return]


def pax(**values: str) -> bytes:
    """An extended header of these settings."""
    content = b""
    for key, value in values.items():
        rest = f" {key}={value}\n".encode()
        length = len(rest) + len(str(len(rest) + len(str(len(rest)))))
        content += str(length).encode() + rest
    return header(ord("x"), b"%011o\0" % len(content)) + content + bytes(-len(content) % 512)


LIES = {
    "of less than nothing, CVE-2025-8194": header(ord("0"), number(-512)),
    "of less than nothing again": header(ord("0"), number(-1024)),
    "a header of less than nothing": header(ord("x"), number(-512)),
    "a name of 2**60 bytes": header(ord("L"), number(2**60)),
    "settings of 2**33 bytes": header(ord("x"), number(2**33)),
    "a member of 2**62 bytes": header(ord("0"), number(2**62)),
    "a setting of less than nothing": pax(size="-512"),
    "a setting of many digits": pax(size="9" * 90),
    "minus that": pax(size="-" + "9" * 90),
    "another name": pax(path="../evil"),
    "a map of what is sparse": pax(**{"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}),
    "another kind of map": pax(**{"GNU.sparse.map": "0,1,5"}),
    "an old kind": header(ord("S"), b"%011o\0" % len(TEXT)),
    "digits without end, CVE-2024-6232": header(ord("x"), b"%011o\0" % 12288) + b"1" * 12288,
}


@pytest.mark.parametrize("lie", LIES)
def test_headers_that_lie(tmp_path: Path, lie: str) -> None:
    for pack in PACKINGS.values():
        archive = pack(LIES[lie] + tar((MEMBER, TEXT)))
        assert traced(lambda archive=archive: refused(tmp_path, archive, "take another copy")) < MEMORY


@pytest.mark.parametrize("kind", [ord("x"), ord("g"), ord("L"), ord("0")])
def test_headers_without_end(tmp_path: Path, kind: int) -> None:
    chain = header(kind, b"%011o\0" % 0, "a") * 20_000
    for pack in (bytes, gzip.compress):
        refused(tmp_path, pack(chain + tar((MEMBER, TEXT))), "take another copy")


def test_a_member_of_less_than_nothing_is_not_all_that_follows(tmp_path: Path) -> None:
    archive = header(ord("0"), number(-512)) + BIG
    assert traced(lambda: refused(tmp_path, archive, "its headers are not valid")) < MEMORY


def test_an_archive_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"nowhere.zip: is damaged.*{os.strerror(errno.ENOENT)}"):
        extract_member(tmp_path / "nowhere.zip", MEMBER, tmp_path / "out", limit=LIMIT)
    with pytest.raises(DataError, match=os.strerror(errno.EISDIR)):
        extract_member(tmp_path, MEMBER, tmp_path / "out", limit=LIMIT)


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "train.conll"
    target.write_bytes(b"before")
    (tmp_path / "archive").write_bytes(tar((MEMBER, TEXT)))
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
    try:
        with pytest.raises(DiskError, match="cannot be written"):
            extract_member(tmp_path / "archive", MEMBER, target, limit=LIMIT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert target.read_bytes() == b"before"
    with pytest.raises(DataError, match="cannot be written"):
        extract_member(tmp_path / "archive", MEMBER, target / "below", limit=LIMIT)
