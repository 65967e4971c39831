"""A server of one file on this machine, which can misbehave."""

import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Handler(BaseHTTPRequestHandler):
    """Sends the server's content, or does what the next of the server's ``answers`` does."""

    server: "Server"

    def do_GET(self) -> None:
        self.server.requests.append({key.lower(): value for key, value in self.headers.items()} | {"path": self.path})
        answer = self.server.answers.pop(0) if self.server.answers else Handler.send_content
        answer(self)

    def head(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def send_content(self, cut: int | None = None, *, stall: bool = False) -> None:
        """The file, or the part of it that was asked for; ``cut`` bytes of that, and then the end, or nothing."""
        server, asked = self.server, self.headers.get("Range")
        total, headers = len(server.content), {}
        if server.validator:
            headers["Last-Modified" if server.validator.endswith("GMT") else "ETag"] = server.validator
        if not (asked and server.ranges and self.headers.get("If-Range", server.validator) == server.validator):
            first = 0
            self.head(200, Content_Length=total, **headers)
        elif (first := int(asked.removeprefix("bytes=").removesuffix("-"))) < total:
            where = f"bytes {first}-{total - 1}/{total}"
            self.head(206, Content_Length=total - first, Content_Range=where, **headers)
        else:
            self.head(416, Content_Range=f"bytes */{total}")
        self.wfile.write(server.content[first:][:cut])
        if stall:
            self.server.released.wait()

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """Serves ``content``, of the version ``validator``; remembers what it was asked."""

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.validator, self.ranges = content, '"one"', True
        self.answers: list[Callable[[Handler], object]] = []
        self.requests: list[dict[str, str]] = []
        self.released = threading.Event()  # of those that stall
        self.context: ssl.SSLContext | None = None  # where it speaks TLS
        self.url = f"http://127.0.0.1:{self.server_port}/corpus.txt"

    def asked(self, name: str) -> list[str | None]:
        """The value of this header in every request."""
        return [request.get(name) for request in self.requests]

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.context is None:
            super().finish_request(request, client_address)
        else:
            with self.context.wrap_socket(request, server_side=True) as secured:
                super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError | ssl.SSLError):  # the client may leave
            super().handle_error(request, client_address)


@contextmanager
def serving(content: bytes) -> Iterator[Server]:
    """A server at work."""
    with Server(content) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()


# Answers: the file and then the end of the connection, or silence; any other; anything at all.
def cut(number: int) -> Callable[[Handler], object]:
    return partial(Handler.send_content, cut=number)


def stall(number: int) -> Callable[[Handler], object]:
    return partial(Handler.send_content, cut=number, stall=True)


def answers(status: int, body: bytes = b"", **headers: object) -> Callable[[Handler], object]:
    def answer(handler: Handler) -> None:
        handler.head(status, **headers)
        handler.wfile.write(body)

    return answer


def raw(data: bytes) -> Callable[[Handler], object]:
    return lambda handler: handler.wfile.write(data)


def endless(status: int, **headers: object) -> Callable[[Handler], object]:
    def answer(handler: Handler) -> None:
        handler.head(status, **headers)
        while True:
            handler.wfile.write(bytes(1 << 16))

    return answer


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n", etag: str = '"one"') -> Callable[[Handler], object]:
    head = f"HTTP/1.1 200 OK\r\nETag: {etag}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return raw(head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + end)
