"""Connections of uvicorn that are closed if a client sends or reads too slowly."""

import asyncio
import socket
import struct
from math import ceil

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from tagmates.serve.middleware import SECURITY_HEADERS
from tagmates.serve.settings import Limits

HEAD_BYTES = 2**14  # maximum size of a request's headers; browsers send less
SEND_BYTES = 2**17  # maximum number of bytes that the client has not read yet


def configuration(app: ASGIApp, limits: Limits) -> uvicorn.Config:
    """The configuration of uvicorn for ``app``: no log, and the limits."""
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
    """A socket that listens at the address; raises OSError if that fails."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=1024)
    # connections inherit it; else the system buffers megabytes for each client that does not read
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
    return listener


def _connections(limits: Limits) -> type[H11Protocol]:
    class Connection(H11Protocol):
        """A connection that is closed if its client is too slow."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            # asyncio sets it only for sockets with a protocol; without it the body is sent 40 ms after the head
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            transport.set_write_buffer_limits(high=0)  # so that writing pauses as soon as a byte is not read
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
            """Close the connection and drop unread bytes, also in the system's buffers."""
            own = self.transport.get_extra_info("socket")
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()

    return Connection


def _answer(status: int, detail: str) -> bytes:
    """The bytes of a response to a connection that does not become a request."""
    body = f'{{"detail":"{detail}"}}'.encode()
    headers = {
        **SECURITY_HEADERS,
        "content-type": "application/json",
        "content-length": str(len(body)),
        "connection": "close",
    }
    lines = [f"HTTP/1.1 {status} {'Bad Request' if status == 400 else 'Service Unavailable'}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
