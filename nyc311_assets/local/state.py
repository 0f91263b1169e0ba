"""The running server's address and token, on disk, and the proof that an answer is really its."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class ServerState:
    """What a server leaves in its home for others to find it.

    Attributes:
        home: The home that it serves.
        pid: Its process id.
        process_started: When that process started, in seconds since 1970: process ids come again.
        port: Port on 127.0.0.1.
        token: What a caller has to show.
    """

    home: str
    pid: int
    process_started: float
    port: int
    token: str = field(repr=False)

    @property
    def host(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def proof(self, challenge: str) -> str:
        """Return the answer to a challenge that only this home's server can give.

        A caller asks for it before it shows its token: another program may have the port by now.
        """
        text = f"{self.home}\n{challenge}".encode()
        return hmac.new(self.token.encode(), text, hashlib.sha256).hexdigest()


def write_state(path: Path, state: ServerState) -> None:
    """Write a state, readable by this user only; a reader sees all of it or none."""
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as content:
        json.dump(asdict(state), content)
    partial.replace(path)


def read_state(path: Path) -> ServerState | None:
    """Return the state that a server left, or None if there is none or it is not readable as one."""
    try:
        return ServerState(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        return None
