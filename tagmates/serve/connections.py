"""uvicorn, with what it lacks: clients that send or read too slowly are cut."""

import asyncio
import socket
import struct
from math import ceil

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from tagmates.serve.middleware import STRICT
from tagmates.serve.settings import Limits

HEAD_BYTES = 2**14  # of a request's head, more than any browser sends
SEND_BYTES = 2**17  # that were sent and not read yet


def configuration(app: ASGIApp, limits: Limits) -> uvicorn.Config:
    """How uvicorn serves ``app``: quietly, and within the limits."""
    return uvicorn.Config(
        app,
        http=_connections(limits),
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        h11_max_incomplete_event_size=HEAD_BYTES,
        timeout_keep_alive=ceil(limits.header_seconds),
        timeout_graceful_shutdown=ceil(limits.seconds + limits.body_seconds),
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; OSError where it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=1024)
    # connections inherit it; the system would hold megabytes for each client that does not read
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
    return listener


def _connections(limits: Limits) -> type[H11Protocol]:
    class Connection(H11Protocol):
        """A connection that is cut where its client keeps it waiting."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            # asyncio does so only for sockets that name their protocol; the body, sent after the head, waited 40 ms
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            transport.set_write_buffer_limits(high=0)  # so that any unread byte pauses writing, and is noticed
            self._head = self.loop.call_later(limits.header_seconds, transport.abort)
            self._unread = self._head
            if len(self.connections) > limits.connections:
                transport.write(_answer(503, f"{limits.connections:,} connections are open; try again later"))
                transport.close()

        def connection_lost(self, exc: Exception | None) -> None:
            self._head.cancel()
            self._unread.cancel()
            super().connection_lost(exc)

        def handle_events(self) -> None:
            super().handle_events()
            if self.cycle is not None and not self.cycle.response_complete:
                self._head.cancel()

        def on_response_complete(self) -> None:
            self._head.cancel()
            self._head = self.loop.call_later(limits.header_seconds, self.transport.abort)
            super().on_response_complete()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._unread = self.loop.call_later(limits.write_seconds, self._reset)

        def resume_writing(self) -> None:
            self._unread.cancel()
            super().resume_writing()

        def send_400_response(self, msg: str) -> None:
            self.transport.write(_answer(400, msg))
            self.transport.close()

        def _reset(self) -> None:
            """Drop what the client has not read, in the system's buffers too."""
            own = self.transport.get_extra_info("socket")
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()

    return Connection


def _answer(status: int, detail: str) -> bytes:
    """An answer on the wire, for what never becomes a request."""
    body = f'{{"detail":"{detail}"}}'.encode()
    headers = {**STRICT, "content-type": "application/json", "content-length": str(len(body)), "connection": "close"}
    lines = [f"HTTP/1.1 {status} {'Bad Request' if status == 400 else 'Service Unavailable'}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
