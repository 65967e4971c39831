"""Counters of the service for Prometheus."""

from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ROUTES = ("/", "/api/models", "/api/tag", "/api/tag/stream", "/openapi.json", "/healthz", "/metrics")
BATCH_BUCKETS = (10, 30, 100, 300, 1_000, 2_000, 4_000, 8_000)
SECONDS_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """The counters of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "tagmates_requests",
            "Answers by route and status; 499: the client closed the connection.",
            ["route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "tagmates_request_seconds",
            "Time from the request to the end of the answer.",
            ["route"],
            buckets=SECONDS_BUCKETS,
            registry=self.registry,
        )
        self.tokens = Counter("tagmates_tokens", "Tokens that were tagged.", ["model"], registry=self.registry)
        self.queue = Gauge("tagmates_queue_tokens", "Tokens that wait or are being tagged.", registry=self.registry)
        self.batch = Histogram(
            "tagmates_batch_tokens",
            "Tokens in a batch.",
            buckets=BATCH_BUCKETS,
            registry=self.registry,
        )

    def text(self) -> bytes:
        """All counters in the format of Prometheus."""
        return generate_latest(self.registry)


class RequestMetrics:
    """Middleware that counts requests by route and status, and measures their time."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request and count it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        status = 499

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        begin = perf_counter()
        path = scope["path"]
        route = path if path in ROUTES else "/static" if path.startswith("/static/") else "other"
        try:
            await self._app(scope, receive, watched)
        finally:
            self._metrics.requests.labels(route, status).inc()
            self._metrics.seconds.labels(route).observe(perf_counter() - begin)
