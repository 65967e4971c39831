"""``tagmates serve`` as a process: signals, and clients that send slowly, read slowly or leave."""

import errno
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from helpers import make_corpora, make_run

LONG = "Anna sleeps and Bob sings. " * 3000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny"
    make_run(make_corpora(1, {"one": ["A", "B"], "two": ["O", "B-x", "I-x"]}), "multi_dec").tagger.save_pretrained(path)
    return path


class Serving:
    """A service, its port, and what it still says."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self.process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def ended(self) -> tuple[int, str]:
        """Its exit code and what it said after its first line."""
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said

    def metric(self, name: str) -> float:
        found = re.search(rf"^{re.escape(name)} (.*)$", httpx.get(f"{self.url}/metrics").text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[Serving]:
    command = [sys.executable, "-m", "tagmates.apps.cli", "serve", str(folder), "--threads", "1", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            found = re.fullmatch(r"tagmates: serving tiny on http://127\.0\.0\.1:(\d+) \(Ctrl-C ends it\)\n", line)
            assert found, line + process.stderr.read()
            yield Serving(process, int(found[1]))
        finally:
            process.kill()


def limits(**values: object) -> Sequence[str]:
    return [part for key, value in values.items() for part in ("--set", f"{key}={value}")]


def head(length: int, path: str = "/api/tag") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: localhost", "content-type: application/json", f"content-length: {length}"]
    return "\r\n".join([*lines, "", ""]).encode()


def until_closed(connection: socket.socket) -> bytes:
    found = b""
    try:
        while chunk := connection.recv(2**16):
            found += chunk
    except ConnectionResetError:
        pass
    return found


def until(condition: Callable[[], bool]) -> None:
    while not condition():
        pass


def refuses(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


def begun(service: Serving) -> socket.socket:
    """A connection whose request the service has begun to read: it says so to who asks."""
    connection = service.connect()
    connection.sendall(head(13).replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n"))
    assert connection.recv(1000).startswith(b"HTTP/1.1 100")
    return connection


@pytest.mark.parametrize("sig", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signal_lets_it_answer_what_is_in_hand_and_no_more(folder: Path, sig: signal.Signals) -> None:
    with serving(folder, "--port", "0") as service:
        answer = httpx.post(f"{service.url}/api/tag", json={"text": "Anna sleeps."}).json()
        assert answer["documents"][0]["sentences"][0]["tokens"] == ["Anna", "sleeps", "."]
        with begun(service) as connection, service.connect() as idle:
            service.process.send_signal(sig)
            until(lambda: refuses(service.port))
            assert until_closed(idle) == b""
            connection.sendall(b'{"text": "a"}')
            assert b'"tokens":["a"]' in until_closed(connection)
        assert service.ended() == (0, "")


@pytest.mark.slow
def test_a_second_signal_ends_it_at_once(folder: Path) -> None:
    with serving(folder, "--port", "0") as service, begun(service):
        service.process.send_signal(signal.SIGTERM)
        until(lambda: refuses(service.port))
        service.process.send_signal(signal.SIGTERM)
        assert service.ended() == (128 + signal.SIGTERM, "")


@pytest.mark.slow
def test_a_killed_one_gives_its_place_to_the_next_and_no_two_share_one(folder: Path) -> None:
    with serving(folder, "--port", "0") as service:
        httpx.get(f"{service.url}/healthz").raise_for_status()
        command = [sys.executable, "-m", "tagmates.apps.cli", "serve", str(folder), "--port", str(service.port)]
        second = subprocess.run(command, capture_output=True, text=True)
        assert second.returncode == 2
        assert second.stderr.startswith("tagmates: --host 127.0.0.1 --port") and "in use" in second.stderr
        service.process.kill()
        assert service.ended()[0] == -signal.SIGKILL
        with serving(folder, "--port", str(service.port)) as next_one:
            assert httpx.get(f"{next_one.url}/healthz").json() == {"status": "ok"}


@pytest.mark.slow
def test_slow_senders_are_cut(folder: Path) -> None:
    with serving(folder, "--port", "0", *limits(header_seconds=0.3, body_seconds=0.3)) as service:
        for sent in (
            b"",
            b"GET / HTTP/1.1\r\nhost: localhost\r\nx",
            b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\nG",
        ):
            with service.connect() as connection:
                connection.sendall(sent)
                assert until_closed(connection).startswith(b"HTTP/1.1 200" if sent.endswith(b"G") else b"")
        with service.connect() as connection:
            connection.sendall(head(100) + b"{")
            assert b"408" in until_closed(connection)
        with service.connect() as connection:
            connection.sendall(head(10**9))
            assert b"413" in until_closed(connection)
        assert httpx.get(f"{service.url}/healthz").status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/api/tag", "/api/tag/stream"])
def test_a_reader_that_does_not_read_is_cut(folder: Path, path: str) -> None:
    body = json.dumps({"text": LONG}).encode()
    with (
        serving(folder, "--port", "0", *limits(write_seconds=0.3, tokens=100_000)) as service,
        socket.socket() as reader,
    ):
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(("127.0.0.1", service.port))
        reader.sendall(head(len(body), path) + body)
        poll = select.poll()
        poll.register(reader, 0)  # errors and the end alone: the answer is not read
        assert poll.poll(60_000)
        assert not until_closed(reader).endswith(b'{"done":true}\n\r\n0\r\n\r\n')
        assert service.metric("tagmates_queue_tokens") == 0
        answer = httpx.post(f"{service.url}{path}", json={"text": "a"})
        assert answer.status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/api/tag", "/api/tag/stream"])
def test_clients_that_hang_up_free_their_places(folder: Path, path: str) -> None:
    body = json.dumps({"text": LONG}).encode()
    with serving(folder, "--port", "0", *limits(tokens=100_000, connections=20)) as service:
        for _ in range(3):
            leavers = [service.connect() for _ in range(10)]
            for leaver in leavers:
                leaver.sendall(head(len(body), path) + body)
            until(lambda: service.metric("tagmates_queue_tokens") > 0)
            for leaver in leavers:
                leaver.close()
            until(lambda: service.metric("tagmates_queue_tokens") == 0)
        assert service.metric(f'tagmates_requests_total{{route="{path}",status="499"}}') > 0
        assert httpx.post(f"{service.url}{path}", json={"text": "a"}).status_code == 200


@pytest.mark.slow
def test_connections_are_bounded(folder: Path) -> None:
    with serving(folder, "--port", "0", *limits(connections=3)) as service:
        held = [service.connect() for _ in range(3)]
        with service.connect() as one_more:
            assert b"3 connections are open" in until_closed(one_more)
        for connection in held:
            connection.close()
        until(lambda: _answers(service))


def _answers(service: Serving) -> bool:
    try:
        return httpx.get(f"{service.url}/healthz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.slow
def test_what_is_no_http_is_refused_with_strict_headers_and_logs_nothing(folder: Path) -> None:
    with serving(folder, "--port", "0") as service:
        for sent in (
            b"\x16\x03\x01\x02\0\r\n\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
            b"x" * 100_000,
            os.urandom(1000) + b"\r\n\r\n",
        ):
            with service.connect() as connection:
                connection.sendall(sent)
                found = until_closed(connection)
                assert found.startswith(b"HTTP/1.1 400") and b"content-security-policy" in found
        service.process.send_signal(signal.SIGTERM)
        assert service.ended() == (0, "")
