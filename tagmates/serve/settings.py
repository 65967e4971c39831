"""The limits of the service."""

from typing import Self

from pydantic import Field, model_validator

from tagmates.config import Settings


class Limits(Settings):
    """Limits of the service. A request that exceeds one is refused with a line that names it."""

    body_bytes: int = Field(2 * 2**20, ge=1, description="of the body of a request")
    bodies_bytes: int = Field(32 * 2**20, ge=1, description="of all bodies that are being processed")
    texts: int = Field(1_000, ge=1, description="texts, or sentences given as words, of a request")
    tokens: int = Field(20_000, ge=1, description="of a request to /api/tag; /api/tag/stream takes any number")
    characters: int = Field(200_000, ge=1, description="of a request to /api/tag; /api/tag/stream takes any number")
    sentence_tokens: int = Field(1_000, ge=1, description="of a sentence")
    sentence_characters: int = Field(20_000, ge=1, description="of a sentence")
    token_characters: int = Field(1_000, ge=1, description="of a token")
    queue_tokens: int = Field(100_000, ge=1, description="that wait to be tagged, of all requests")
    seconds: float = Field(30, gt=0, description="until a request is answered, or the next sentences of a stream")
    stream_seconds: float = Field(600, gt=0, description="until a stream ends")
    header_seconds: float = Field(10, gt=0, description="until a client has sent the head of its request")
    body_seconds: float = Field(30, gt=0, description="until a client has sent its body")
    write_seconds: float = Field(30, gt=0, description="until a client has taken what was sent")
    connections: int = Field(500, ge=1, description="that may be open")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.queue_tokens < self.tokens:
            raise ValueError(
                f"queue_tokens {self.queue_tokens} is less than tokens, {self.tokens}: it must hold a request"
            )
        return self
