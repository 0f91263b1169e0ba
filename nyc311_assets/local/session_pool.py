"""Spark's sessions, which tasks use one after the other.

Spark compiles its queries and starts Python processes anew for each session: in one that has done
the same work before, a new day takes a quarter less time.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, LifoQueue
from uuid import uuid4

import nyc311_assets
from nyc311_assets.local.slow_imports import session_calls
from nyc311_assets.local.spark_remote import session_remote


@dataclass
class Session:
    """One session of a Spark Connect server.

    Attributes:
        remote: Connection string that names it.
        code: When the code changed last that its Python processes may have loaded.
        tasks: How many tasks have had it.
    """

    remote: str
    code: float
    tasks: int = 0


def newest_change() -> float:
    """When a module of this package was changed last, seconds since 1970."""
    package = Path(nyc311_assets.__file__).parent
    return max(path.stat().st_mtime for path in package.rglob("*.py"))


class SessionPool:
    """The sessions of one life of Spark.

    A task has a session for itself, with the server's settings. It goes back only after a task that
    succeeded and left nothing running; what is left of others ends with their session.
    """

    def __init__(
        self,
        remote: str,
        user_id: str,
        *,
        most_tasks: int,
        timeout_seconds: float,
        code: Callable[[], float] = newest_change,
    ) -> None:
        """Begin with none.

        Args:
            remote: Connection string of the server.
            user_id: Used where `remote` names none.
            most_tasks: After so many a session is not used again: what Spark keeps for it would
                grow without end.
            timeout_seconds: For each call to Spark.
            code: Tells when the code changed last: who edits it must not meet the old one in a
                Python process of an earlier task.
        """
        self._remote = remote
        self._user_id = user_id
        self._most_tasks = most_tasks
        self._timeout_seconds = timeout_seconds
        self._code = code
        # Tasks begin and end side by side, each in a thread.
        self._idle: LifoQueue[Session] = LifoQueue()

    def take(self) -> Session:
        """Return a session for a task, if there is one the one that was used last."""
        calls, code = session_calls(), self._code()
        while True:
            try:
                session = self._idle.get_nowait()
            except Empty:
                return Session(session_remote(self._remote, str(uuid4()), self._user_id), code)
            if session.code == code and calls.reset_session(session.remote, self._timeout_seconds):
                return session
            # Nothing runs in it: whether it ends now or when Spark misses its users is the same.
            with suppress(RuntimeError):
                calls.end_session(session.remote, self._timeout_seconds)

    def give_back(self, session: Session, *, is_sound: bool) -> None:
        """Keep a session for the next task, or end it.

        Args:
            session: Which one.
            is_sound: Its task succeeded.

        Raises:
            RuntimeError: Spark did not confirm that it has ended; what it ran may still run.
        """
        session.tasks += 1
        calls = session_calls()
        may_stay = is_sound and session.tasks < self._most_tasks
        if may_stay and calls.is_at_rest(session.remote, self._timeout_seconds):
            self._idle.put(session)
        else:
            calls.end_session(session.remote, self._timeout_seconds)
