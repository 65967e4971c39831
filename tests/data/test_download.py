"""tagmates.data.upstream.download: downloads from a real server on this machine, which misbehaves in many ways."""

import errno
import hashlib
import json
import os
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from file_server import Handler, Server, answers, chunked, cut, endless, raw, serving, stall
from filelock import FileLock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from real_data import UPSTREAM, needs_real_data
from strategies import tried

from tagmates import __version__
from tagmates.data.upstream import download as module
from tagmates.data.upstream.download import DownloadProgress, git_blob_of, sha256_of
from tagmates.errors import DataError

CONTENT = bytes(i * i % 251 for i in range(300_000))
OTHER = bytes(i % 7 for i in range(200_000))
SHA = hashlib.sha256(CONTENT).hexdigest()
MORE = 100_000  # bytes that the server sends before something happens
STALL = 0.05  # seconds

download = partial(module.download, pause=0)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    with serving(CONTENT) as server:
        yield server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "corpus.txt"


def kept(path: Path) -> bytes | None:
    """The bytes that have arrived of an unfinished download."""
    part = path.with_name("corpus.txt.part")
    assert not part.exists() or path.with_name("corpus.txt.part.json").exists()
    return part.read_bytes() if part.exists() else None


def left(path: Path) -> set[str]:
    """The files that are there, but for the lock, which stays."""
    return {file.name for file in path.parent.iterdir()} - {".corpus.txt.lock"}


def fails(*arguments: Any, **settings: Any) -> str:
    """The one line that a download ends with."""
    with pytest.raises(DataError) as caught:
        list(download(*arguments, **settings))
    text = str(caught.value)
    assert text.isprintable()
    assert text.startswith((*map(str, arguments),))
    return text


def test_a_file_comes_with_its_progress(server: Server, path: Path) -> None:
    seen = list(download(server.url, path, sha256=SHA.upper(), git_blob=git_blob(CONTENT)))
    assert path.read_bytes() == CONTENT
    assert left(path) == {"corpus.txt"}
    assert (seen[0], seen[-1]) == (
        DownloadProgress("corpus.txt", 0, 300_000),
        DownloadProgress("corpus.txt", 300_000, 300_000),
    )
    assert sorted(progress.done for progress in seen) == [progress.done for progress in seen]
    (request,) = server.requests
    assert (request["user-agent"], request["accept-encoding"]) == (f"tagmates/{__version__}", "identity")
    assert "range" not in request


def test_hashes_are_those_of_sha256sum_and_git(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"what is up, doc?")
    assert git_blob_of(tmp_path / "file") == "bd9dbf5aae1a3862dd1526723246b20206e5fc37"  # of the book Pro Git
    assert sha256_of(tmp_path / "file") == hashlib.sha256(b"what is up, doc?").hexdigest()
    for function in (sha256_of, git_blob_of):
        with pytest.raises(DataError, match=r"nowhere: cannot be read \(No such file or directory\)"):
            function(tmp_path / "nowhere")


def git_blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def test_a_file_that_is_there_is_downloaded_again_only_without_a_checksum(server: Server, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    assert list(download(server.url, path, sha256=SHA)) == [DownloadProgress("corpus.txt", 300_000, 300_000)]
    assert server.requests == []
    server.content = OTHER
    list(download(server.url, path))
    assert path.read_bytes() == OTHER
    server.content = CONTENT
    list(download(server.url, path, git_blob=git_blob(CONTENT)))
    assert (path.read_bytes(), len(server.requests)) == (CONTENT, 2)


@pytest.mark.parametrize("content", [b"", b"x", CONTENT[:65536]])
def test_sizes_at_the_edges(server: Server, path: Path, content: bytes) -> None:
    server.content = content
    list(download(server.url, path, limit=len(content)))
    assert path.read_bytes() == content


@pytest.mark.parametrize("validator", ['"one"', "Mon, 05 Jan 2015 10:00:00 GMT"])
def test_a_transfer_that_breaks_off_goes_on_by_itself(server: Server, path: Path, validator: str) -> None:
    server.validator = validator
    server.answers = [cut(MORE), cut(50), cut(0)]
    list(download(server.url, path))
    assert path.read_bytes() == CONTENT
    assert left(path) == {"corpus.txt"}
    assert server.asked("range") == [None, "bytes=100000-", "bytes=100050-", "bytes=100050-"]
    assert server.asked("if-range") == [None, validator, validator, validator]


def interrupted(server: Server, path: Path) -> None:
    """A call that brings 100,000 bytes and gives up."""
    server.answers = [cut(MORE), *[cut(0)] * 4]
    fails(server.url, path)
    assert kept(path) == CONTENT[:MORE]


def test_one_that_never_ends_is_given_up_and_the_next_call_goes_on(server: Server, path: Path) -> None:
    server.answers = [cut(MORE), *[cut(10)] * 4]
    text = fails(server.url, path)
    assert (
        "broke off 5 times (the connection was closed 199,960 bytes before the end); 100,040 bytes have arrived" in text
    )
    assert "repeat the command to continue" in text and "--from DIR" in text
    assert (kept(path), path.exists()) == (CONTENT[:100_040], False)
    assert next(download(server.url, path)) == DownloadProgress("corpus.txt", 100_040, 300_000)
    list(download(server.url, path, sha256=SHA))
    assert path.read_bytes() == CONTENT


def test_pauses_grow_after_the_first_retry(server: Server, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(module.time, "sleep", slept.append)
    server.answers = [cut(0)] * 5
    with pytest.raises(DataError):
        list(module.download(server.url, path))
    assert slept == [1, 2, 4]


def test_a_caller_that_stops_at_any_moment_can_go_on(server: Server, path: Path) -> None:
    for least in range(0, len(CONTENT) + 1, 20_000):  # bytes; the pieces in which they come differ from run to run
        path.unlink(missing_ok=True)
        events = download(server.url, path)
        done = next(event.done for event in events if event.done >= least)
        events.close()
        assert kept(path) == CONTENT[:done]
        server.requests.clear()
        list(download(server.url, path))
        assert path.read_bytes() == CONTENT
        assert server.asked("range") == ([] if done == len(CONTENT) else [f"bytes={done}-" if done else None])


def test_a_file_that_changed_on_the_server_is_not_glued_together(server: Server, path: Path) -> None:
    interrupted(server, path)
    server.content, server.validator = OTHER, '"two"'
    list(download(server.url, path))
    assert path.read_bytes() == OTHER


def ignores_if_range(handler: Handler) -> None:
    """A server that sends a part of whatever the file is now."""
    handler.headers.replace_header("If-Range", handler.server.validator)
    handler.send_content()


@pytest.mark.parametrize(("content", "validator"), [(OTHER, '"one"'), (CONTENT[::-1], '"two"')])
def test_nor_if_the_server_ignores_the_condition(server: Server, path: Path, content: bytes, validator: str) -> None:
    server.answers = [cut(MORE), ignores_if_range]
    events = download(server.url, path)
    next(events)
    for progress in events:
        if progress.done == MORE:
            server.content, server.validator = content, validator
    assert path.read_bytes() == content


@pytest.mark.parametrize("validator", ["", 'W/"weak"'])
def test_without_a_version_only_what_is_verified_is_resumed(server: Server, path: Path, validator: str) -> None:
    for known, ranges in (({"sha256": SHA}, [None, "bytes=100000-"]), ({}, [None, None])):
        server.validator, server.answers, server.requests = validator, [cut(MORE)], []
        list(download(server.url, path, **known))
        assert (path.read_bytes(), server.asked("range"), server.asked("if-range")) == (CONTENT, ranges, [None, None])
        path.unlink()


def test_another_address_begins_anew(server: Server, path: Path) -> None:
    interrupted(server, path)
    server.requests.clear()
    list(download(f"{server.url}?mirror", path))
    assert (path.read_bytes(), server.asked("range")) == (CONTENT, [None])


def test_a_server_without_ranges_sends_all_again(server: Server, path: Path) -> None:
    server.ranges = False
    server.answers = [cut(MORE), cut(10)]
    list(download(server.url, path))
    assert (path.read_bytes(), len(server.requests)) == (CONTENT, 3)


@pytest.mark.parametrize(
    "content_range", ["bytes 0-9/300000x", "bytes 5-299999/300000", "", "pages 1-2/3", "bytes 100000-"]
)
def test_a_part_that_was_not_asked_for_is_not_taken(server: Server, path: Path, content_range: str) -> None:
    server.answers = [cut(MORE), answers(206, b"junk", Content_Range=content_range, Content_Length=4)]
    list(download(server.url, path))
    assert (path.read_bytes(), server.asked("range")) == (CONTENT, [None, "bytes=100000-", None])


def test_a_part_where_all_was_asked_for(server: Server, path: Path) -> None:
    server.answers = [answers(206, b"junk", Content_Range="bytes 7-10/11", Content_Length=4)] * 5
    assert "a part that was not requested" in fails(server.url, path)
    assert left(path) == set()


def test_parts_that_are_shorter_than_asked_for_are_put_together(server: Server, path: Path) -> None:
    server.answers = [
        cut(MORE),
        answers(206, CONTENT[100_000:200_000], Content_Range="bytes 100000-199999/300000", Content_Length=100_000),
    ]
    list(download(server.url, path))
    assert (path.read_bytes(), server.asked("range")) == (CONTENT, [None, "bytes=100000-", "bytes=200000-"])


def test_416_begins_anew(server: Server, path: Path) -> None:
    server.answers = [cut(MORE), answers(416, Content_Range="bytes */300000")]
    list(download(server.url, path))
    assert (path.read_bytes(), server.asked("range")) == (CONTENT, [None, "bytes=100000-", None])
    server.answers = [answers(416)]
    assert "the server answers 416 Requested Range Not Satisfiable" in fails(server.url, path)


@pytest.mark.parametrize("damage", ["longer", "no note", "half a note", "foreign note", "note of nothing"])
def test_a_partial_file_that_makes_no_sense_is_left_behind(server: Server, path: Path, damage: str) -> None:
    interrupted(server, path)
    part, note = path.with_name("corpus.txt.part"), path.with_name("corpus.txt.part.json")
    whole = note.read_text(encoding="utf-8")
    if damage == "longer":
        part.write_bytes(CONTENT + b"!")
    elif damage == "no note":
        note.unlink()
    else:
        note.write_text({"half a note": whole[:-9], "foreign note": "[1]", "note of nothing": ""}[damage])
    list(download(server.url, path))
    assert (path.read_bytes(), server.asked("range")[-1]) == (CONTENT, None)


def test_the_whole_of_a_partial_file_needs_no_server(server: Server, path: Path) -> None:
    list(download(server.url, path))
    path.rename(path.with_name("corpus.txt.part"))
    note = {"url": server.url, "validator": '"one"', "total": len(CONTENT)}
    path.with_name("corpus.txt.part.json").write_text(json.dumps(note))
    assert list(download(server.url, path, sha256=SHA)) == []
    assert (path.read_bytes(), len(server.requests), left(path)) == (CONTENT, 1, {"corpus.txt"})


@pytest.mark.parametrize("kind", ["sha256", "git_blob"])
def test_a_wrong_checksum_is_refused_and_nothing_kept(server: Server, path: Path, kind: str) -> None:
    wrong = "0" * (64 if kind == "sha256" else 40)
    found = SHA if kind == "sha256" else git_blob(CONTENT)
    text = fails(server.url, path, **{kind: wrong})
    assert wrong in text and found in text
    assert left(path) == set()
    path.write_bytes(b"what was there before")
    fails(server.url, path, **{kind: wrong})
    assert (path.read_bytes(), left(path)) == (b"what was there before", {"corpus.txt"})


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "404 Not Found; get"),
        (403, "403 Forbidden; get"),
        (500, "500 Internal Server Error; try again later, or get"),
        (503, "503 Service Unavailable; try"),
        (429, "429 Too Many Requests; try"),
        (204, "204 No Content; get"),
        (599, "599; try"),
    ],
)
def test_what_a_server_refuses(server: Server, path: Path, status: int, words: str) -> None:
    server.answers = [answers(status, **({} if status == 204 else {"Content_Length": 0}))]
    assert f"the server answers {words}" in fails(server.url, path)
    assert left(path) == set()


def test_an_error_on_the_way_keeps_what_has_come(server: Server, path: Path) -> None:
    server.answers = [cut(MORE), answers(503)]
    assert "503" in fails(server.url, path)
    assert kept(path) == CONTENT[:MORE]


def test_a_stalled_transfer_times_out_and_goes_on(server: Server, path: Path) -> None:
    server.answers = [stall(MORE)]
    list(download(server.url, path, timeout=0.5))
    assert path.read_bytes() == CONTENT


def test_a_server_that_stalls_is_given_up(server: Server, path: Path) -> None:
    server.answers = [stall(MORE), *[stall(0)] * 4]
    assert "broke off 5 times (timed out)" in fails(server.url, path, timeout=STALL)


def test_a_server_that_never_answers_is_given_up(path: Path, server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the system takes the call, nobody speaks
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        assert "broke off 5 times (timed out); 0 bytes have arrived" in fails(url, path, timeout=STALL)


def test_no_server_at_all(path: Path, server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    assert f"cannot be reached ({os.strerror(errno.ECONNREFUSED)}); try again" in fails(url, path)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (TimeoutError("timed out"), "timed out"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "Network is unreachable"),
    ],
)
def test_servers_that_cannot_be_reached(
    path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, error: OSError, words: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(socket, "create_connection", fail)
    assert f"cannot be reached ({words}); try again" in fails("http://corpora.invalid/x", path)


def test_tls_with_somebody_who_does_not_speak_it(server: Server, path: Path) -> None:
    assert "cannot be reached ([SSL" in fails(server.url.replace("http:", "https:"), path)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "file:///etc/hostname",
            "ftp://127.0.0.1/x",
            "data:,x",
            "javascript:1",
            "corpus.txt",
            "",
            "http:",
            "http://[",
        ),
        *(f"http://127.0.0.1:{rest}" for rest in ("x/", "1/a b", "1/ä", "1/a\tb")),
        f"http://{'a' * 70}/",
    ],
)
def test_what_is_no_address(path: Path, server: Server, url: str) -> None:
    with pytest.raises(DataError, match="--from DIR"):
        list(download(url, path))
    assert left(path) == set()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_and_keep_the_range(server: Server, path: Path, status: int) -> None:
    onward = answers(status, Location="/elsewhere")
    server.answers = [onward, cut(MORE), onward]
    list(download(server.url, path))
    assert path.read_bytes() == CONTENT
    assert server.asked("range") == [None, None, "bytes=100000-", "bytes=100000-"]
    assert server.asked("path") == ["/corpus.txt", "/elsewhere"] * 2


@pytest.mark.parametrize("location", ["file:///etc/hostname", "ftp://127.0.0.1/x", "data:,x", "http://[", "//[/"])
def test_redirects_go_nowhere_else(server: Server, path: Path, location: str) -> None:
    server.answers = [answers(302, Location=location)]
    fails(server.url, path)
    assert left(path) == set()


@pytest.fixture
def secured(server: Server, tmp_path: Path) -> Path:
    """The server speaks TLS from here on; the file of its certificate, which nobody trusts."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes a certificate, is not here")
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    options = f"req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {certificate} -days 2 -subj /CN=t"
    command = [openssl, *options.split(), "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.context = context
    server.url = server.url.replace("http:", "https:")
    return certificate


def test_a_certificate_that_nobody_trusts(server: Server, path: Path, secured: Path) -> None:
    assert "cannot be reached ([SSL: CERTIFICATE_VERIFY_FAILED]" in fails(server.url, path)
    assert (server.requests, left(path)) == ([], set())


def test_tls_is_never_left(server: Server, path: Path, secured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(secured))
    server.answers = [cut(MORE)]
    list(download(server.url, path))
    assert path.read_bytes() == CONTENT
    server.answers = [answers(302, Location=server.url.replace("https:", "http:"))]
    assert "it redirects to http://127.0.0.1" in fails(server.url, path)


def test_redirects_without_end(server: Server, path: Path) -> None:
    server.answers = [answers(302, Location=f"/{i}") for i in range(100)]
    assert "the server answers 302 Found" in fails(server.url, path)
    assert len(server.requests) < 20


def test_a_redirect_with_an_endless_body(server: Server, path: Path) -> None:
    server.answers = [endless(302, Location="/elsewhere")]
    list(download(server.url, path))
    assert path.read_bytes() == CONTENT


def test_an_endless_file_stops_at_the_limit(server: Server, path: Path) -> None:
    server.answers = [endless(200)]
    assert "larger than 1,000,000 bytes, which is the limit; it is not kept" in fails(server.url, path, limit=10**6)
    assert left(path) == set()


@pytest.mark.parametrize("length", [300_001, 10**14, 10**30])
def test_what_is_declared_as_too_large_is_not_begun(server: Server, path: Path, length: int) -> None:
    server.answers = [answers(200, CONTENT, Content_Length=length)]
    seen = []
    with pytest.raises(DataError, match="is larger than"):
        seen.extend(download(server.url, path, limit=300_000))
    assert left(path) == set()


def test_a_length_that_is_less_than_what_is_sent_counts(server: Server, path: Path) -> None:
    server.answers = [answers(200, CONTENT, Content_Length=10)] * 2
    text = fails(server.url, path, sha256=SHA)
    assert hashlib.sha256(CONTENT[:10]).hexdigest() in text
    list(download(server.url, path))  # without a checksum nobody can know
    assert path.read_bytes() == CONTENT[:10]


@pytest.mark.parametrize("length", ["-5", "many", "0x10", ""])
def test_a_length_that_makes_no_sense_is_not_believed(server: Server, path: Path, length: str) -> None:
    server.answers = [answers(200, CONTENT, Content_Length=length)]
    list(download(server.url, path, sha256=SHA))
    assert path.read_bytes() == CONTENT


def test_chunks_come_without_a_total(server: Server, path: Path) -> None:
    server.answers = [chunked(CONTENT[:MORE], CONTENT[MORE:])]
    seen = list(download(server.url, path))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == DownloadProgress("corpus.txt", 300_000, None)


@pytest.mark.parametrize("end", [b"", b"f", b"zz\r\n", b"ffff\r\nshort"])
def test_chunks_that_end_early_are_gone_on_with(server: Server, path: Path, end: bytes) -> None:
    server.answers = [chunked(CONTENT[:MORE], end=end)]
    server.content = CONTENT[:MORE] + b"short" + CONTENT[MORE:]
    list(download(server.url, path))
    assert path.read_bytes() == server.content


def test_a_chunk_of_negative_length_is_bounded_like_any_other(server: Server, path: Path) -> None:
    def answer(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n")
        while True:
            handler.wfile.write(bytes(1 << 16))

    server.answers = [answer] * 5
    fails(server.url, path, limit=10**6)
    assert left(path) == set()


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\x1b[31mHello\n", b"\0" * 100, b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 " + b"2" * 10**6),
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000,
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * 10**5 + b"\r\n\r\n",
    ],
)
def test_what_is_no_answer(server: Server, path: Path, data: bytes) -> None:
    server.answers = [raw(data)] * 5
    assert "broke off 5 times" in fails(server.url, path)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200) | st.binary(max_size=100).map(b"HTTP/1.1 200 OK\r\n".__add__))
def test_arbitrary_answers_end_in_a_file_or_a_line(server: Server, path: Path, data: bytes) -> None:
    server.answers = [raw(data)] * 5
    try:
        list(download(server.url, path, sha256=SHA, timeout=0.5))
    except DataError as error:
        assert str(error).isprintable()
        assert not path.exists()


def test_a_packing_that_was_not_asked_for_is_refused(server: Server, path: Path) -> None:
    import gzip

    packed = gzip.compress(CONTENT)
    server.answers = [answers(200, packed, Content_Encoding="gzip")] * 2
    assert "in an encoding that was not requested" in fails(server.url, path)
    list(download(server.url + ".gz", path))  # the file's own, which some servers declare so
    assert path.read_bytes() == packed


@pytest.fixture
def limited() -> Iterator[None]:
    """No file may grow beyond 100,000 bytes, as on a disk that is full."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MORE, limit[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limit)


def test_a_full_disk_keeps_what_has_come(server: Server, path: Path, limited: None) -> None:
    with pytest.raises(DataError) as caught:
        list(download(server.url, path))
    text = str(caught.value)
    assert text == (
        f"{path}: cannot be written ({os.strerror(errno.EFBIG)}); raise the limit on the size of files (ulimit -f), "
        "or choose another place; what has arrived is kept"
    )
    assert kept(path) == CONTENT[:MORE]
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    list(download(server.url, path))
    assert (path.read_bytes(), server.asked("range")) == (CONTENT, [None, f"bytes={MORE}-"])


def test_a_place_that_cannot_be_written(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot be written \((Not a directory|File exists)\)"):
        list(download(server.url, tmp_path / "file" / "corpus.txt"))
    (tmp_path / "corpus.txt").mkdir()
    with pytest.raises(DataError, match=r"corpus.txt: cannot be written \(Is a directory\)"):
        list(download(server.url, tmp_path / "corpus.txt"))


def test_two_at_once_are_refused_and_one_goes_on(server: Server, path: Path) -> None:
    events = download(server.url, path)
    next(events)
    with pytest.raises(DataError, match=r"corpus.txt: another process is downloading it; wait until it is done"):
        list(download(server.url, path))
    list(events)
    assert path.read_bytes() == CONTENT
    with FileLock(path.with_name(".corpus.txt.lock"), blocking=False):  # it has been let go
        pass


def test_a_proxy_of_the_environment_is_used(server: Server, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    list(download("http://corpora.invalid/corpus.txt", path))
    assert (path.read_bytes(), server.asked("path")) == (CONTENT, ["http://corpora.invalid/corpus.txt"])


FAULTS = st.one_of(
    st.integers(0, 30).map(cut),
    st.just(answers(503)),
    st.just(answers(416)),
    st.just(answers(206, b"?", Content_Range="bytes 0-0/9", Content_Length=1)),
    st.just(raw(b"")),
    st.just(chunked(b"x", end=b"", etag='"three"')),
)


@settings(max_examples=tried(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    calls=st.lists(
        st.tuples(st.sampled_from("abc"), st.booleans(), st.lists(FAULTS, max_size=6)), min_size=1, max_size=4
    ),
    dated=st.booleans(),
)
def test_whatever_happens_a_file_is_one_version_whole(
    server: Server, path: Path, calls: list[tuple[str, bool, list[Callable[[Handler], object]]]], dated: bool
) -> None:
    path.unlink(missing_ok=True)
    for letter, ranges, faults in calls:
        server.content, server.ranges, server.answers = letter.encode() * 20, ranges, list(faults)
        server.validator = f"Mon, 05 Jan 2015 10:00:0{ord(letter) % 10} GMT" if dated else f'"{letter}"'
        try:
            list(download(server.url, path))
        except DataError:
            continue
        assert path.read_bytes() == server.content
    server.answers, server.ranges = [], True
    list(download(server.url, path))
    assert path.read_bytes() == server.content
    assert left(path) == {"corpus.txt"}


CODE = """
import sys
from pathlib import Path
from tagmates.data.upstream.download import download
for progress in download(sys.argv[1], Path(sys.argv[2])):
    print(progress.done, flush=True)
"""


def killed(server: Server, path: Path, number: int) -> None:
    server.answers = [stall(number)]
    process = subprocess.Popen([sys.executable, "-c", CODE, server.url, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == number:
            break
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert (kept(path), path.exists()) == (CONTENT[:number], False)
    list(download(server.url, path))
    assert path.read_bytes() == CONTENT
    assert server.asked("range") == [None, f"bytes={number}-" if number else None]


def test_kill_minus_nine_then_the_next_call_goes_on(server: Server, path: Path) -> None:
    killed(server, path, MORE)


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1, 65_536, 299_999])
def test_kill_minus_nine_anywhere(server: Server, path: Path, number: int) -> None:
    killed(server, path, number)


@needs_real_data
@pytest.mark.parametrize("name", ["hyperlinks/dp.stanford.select", "ud_english_r1.3/en-ud-train.conllu"])
def test_the_published_files_survive_an_interruption(server: Server, path: Path, name: str) -> None:
    server.content = (UPSTREAM / name).read_bytes()
    half = len(server.content) // 2
    server.answers = [cut(half)] + [cut(0)] * 4
    known = {"sha256": sha256_of(UPSTREAM / name), "git_blob": git_blob_of(UPSTREAM / name)}
    assert f"{half:,} bytes have arrived and are kept" in fails(server.url, path, **known)
    assert next(iter(download(server.url, path, **known))).done == half
    list(download(server.url, path, **known))
    assert sha256_of(path) == known["sha256"]
