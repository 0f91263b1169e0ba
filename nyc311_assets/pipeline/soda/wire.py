"""The small parts of HTTP: addresses, Retry-After, compressed bodies, what an error body says."""

from __future__ import annotations

import gzip
import re
import zlib
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address

import httpx
import orjson

from nyc311_assets.pipeline.soda.errors import MalformedAnswerError, SodaError


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """The wait that a Retry-After header asks for (RFC 9110, section 10.2.3).

    Args:
        value: The header: whole seconds, or an HTTP date.
        now: The current time, aware.

    Returns:
        Seconds, 0 for a date that has passed; None without a header that can be read.
    """
    if value is None:
        return None
    if re.fullmatch(r"\s*[0-9]+\s*", value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def checked_address(base_url: str) -> str:
    """A source's address without a slash at its end.

    Raises:
        SodaError: It is not an http or https address, or carries a user or password.
    """
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise SodaError(f"The source's address cannot be read: {error}.") from error
    if url.userinfo:
        raise SodaError(
            f"The source's address for {url.host} carries a user or password. "
            "Remove it; an app token belongs in NYC311_SODA_APP_TOKEN."
        )
    if url.scheme not in {"http", "https"} or not url.host:
        raise SodaError(
            f"The source's address {base_url!r} is not an http or https address. "
            "Set NYC311_SODA_URL to one like https://data.example.org."
        )
    return base_url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def uncompressed(raw: bytes, encoding: str, what: str) -> bytes:
    """A body without its content encoding.

    HTTP clients take a gzip stream that ends early for a whole one; this does not.

    Raises:
        MalformedAnswerError: It is cut off or damaged, or encoded as nobody asked.
    """
    if encoding == "identity" or not raw:
        return raw
    if encoding != "gzip":
        raise MalformedAnswerError(f"The answer for {what} is encoded as {encoding}, not gzip.")
    try:
        return gzip.decompress(raw)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise MalformedAnswerError(
            f"The compressed answer for {what} is cut off or damaged: {error}."
        ) from error


def said(body: bytes) -> str:
    """What the body of an error says, in one line: Socrata's code and message, or its text."""
    try:
        error = orjson.loads(body)
        code = error.get("errorCode") or error.get("code")
        return " ".join(str(part) for part in (code, error.get("message")) if part)
    except (orjson.JSONDecodeError, AttributeError):
        return " ".join(body[:1_000].decode(errors="replace").split())
