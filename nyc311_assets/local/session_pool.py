"""Spark's sessions, which tasks use one after the other.

Spark compiles its queries and starts Python processes anew for each session: in one that has done
the same work before, a new day takes a quarter less time.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from nyc311_assets.local.slow_imports import session_calls
from nyc311_assets.local.spark_remote import session_remote


@dataclass
class Session:
    """One session of a Spark Connect server.

    Attributes:
        remote: Connection string that names it.
        tasks: How many tasks have had it.
    """

    remote: str
    tasks: int = 0


class SessionPool:
    """The sessions of one life of Spark.

    A task has a session for itself, with the server's settings. It goes back only after a task that
    succeeded and left nothing running; what is left of others ends with their session.
    """

    def __init__(
        self, remote: str, user_id: str, *, most_tasks: int, timeout_seconds: float
    ) -> None:
        """Begin with none.

        Args:
            remote: Connection string of the server.
            user_id: Used where `remote` names none.
            most_tasks: After so many a session is not used again: what Spark keeps for it would
                grow without end.
            timeout_seconds: For each call to Spark.
        """
        self._remote = remote
        self._user_id = user_id
        self._most_tasks = most_tasks
        self._timeout_seconds = timeout_seconds
        self._idle: list[Session] = []

    def take(self) -> Session:
        """Return a session for a task, if there is one the one that was used last."""
        while self._idle:
            session = self._idle.pop()
            if session_calls().reset_session(session.remote, self._timeout_seconds):
                return session
        return Session(session_remote(self._remote, str(uuid4()), self._user_id))

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
            self._idle.append(session)
        else:
            calls.end_session(session.remote, self._timeout_seconds)
