"""What can go wrong between this client and a SODA source, each with its remedy."""

from __future__ import annotations

from typing import ClassVar, Self


class SodaError(Exception):
    """Anything that went wrong with a SODA source. The message names the dataset or query."""


class RequestRefusedError(SodaError):
    """The source understood the request and refused it (3xx, 4xx). Never retried."""


class SourceMovedError(SodaError):
    """The dataset was published again while it was being read. Start the whole pull again."""


class EmptyPullError(SodaError):
    """A whole pull returned no row at all."""


class RetryableError(SodaError):
    """A failure that another attempt may mend.

    Attributes:
        remedy: What to do once the attempts are used up.
        retry_after_seconds: The wait that the source asked for, if it did.
    """

    remedy: ClassVar[str] = "Run it again later."

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds

    def given_up(self, attempts: int, elapsed_seconds: float) -> Self:
        """The error to raise when no attempt is left: what happened, how often, what to do."""
        return type(self)(
            f"{self} Gave up after {attempts} attempts in {elapsed_seconds:.0f} s. {self.remedy}",
            self.retry_after_seconds,
        )


class NoAnswerError(RetryableError):
    """No connection, a broken connection, or no answer in time."""

    remedy = "Check the network and the source's address (NYC311_SODA_URL), then run it again."


class SourceBusyError(RetryableError):
    """The source answered that it cannot answer now (202, 408, 425, 5xx)."""

    remedy = "The source is in trouble; run it again later."


class ThrottledError(RetryableError):
    """The source answered 429: too many requests."""

    remedy = (
        "Set NYC311_SODA_APP_TOKEN (requests without an app token share one small allowance), "
        "or lower NYC311_SODA_PARALLEL_REQUESTS."
    )


class MalformedAnswerError(RetryableError):
    """An answer that is cut off, is not JSON, or does not answer the query."""

    remedy = "The source, or a proxy before it, sends broken answers; run it again later."


class StaleReplicaError(RetryableError):
    """The replica that answered is behind the dataset's newest version."""

    remedy = "The source is still copying a publication to its replicas; run it again later."


def is_source_moved(error: BaseException) -> bool:
    """Whether an error says that the source moved, also when Spark carried it from a task.

    Spark hands an executor's exception to the client only as text, inside one of its own.
    """
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        if isinstance(current, SourceMovedError) or SourceMovedError.__name__ in str(current):
            return True
        seen.add(id(current))
        current = current.__cause__ or current.__context__
    return False
