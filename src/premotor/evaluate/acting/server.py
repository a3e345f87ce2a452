"""One policy for many simulator processes: what waits is answered in one batch.

The processes of the work list run the episodes; for each key pose they ask the process that holds
the policy, through a socket file that only this user can open. Nothing here waits for ever: when a
simulator dies, its connection ends and it is forgotten; when the server stops or cannot go on, all
connections end, and whoever waits for an answer gets a `PolicyFailed`.
"""

import functools
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Client, Connection, wait
from pathlib import Path

from premotor.actor import Actor
from premotor.episode.keyframe import Keyframe
from premotor.episode.observation import Observation
from premotor.errors import PremotorError

MAX_BATCH = 32  # requests answered at once; bounds the memory that they take

Actors = Callable[[str, int], Actor]  # run folder, step -> its policy


class PolicyFailed(PremotorError):
    """The policy gave no key pose, so that no episode can go on."""


@dataclass(frozen=True)
class Request:
    """What a simulator asks."""

    run: str
    step: int
    observation: Observation
    instruction: str


@dataclass(frozen=True)
class RemoteActor:
    """Acts by asking a `PolicyServer`, from any process of this machine."""

    address: str
    run: str
    step: int

    def act(self, observation: Observation, instruction: str) -> Keyframe:
        """The next key pose, in the world frame.

        Raises:
            PolicyFailed: The policy raised an error, or its process has stopped.
        """
        try:
            connection = _connection(self.address)
            connection.send(Request(self.run, self.step, observation, instruction))
            answer = connection.recv()
        except (EOFError, OSError) as error:
            raise PolicyFailed(
                f"the process that holds the policy of {self.run} has stopped ({error!r}); "
                "go on with --resume"
            ) from error
        if isinstance(answer, PolicyFailed):
            raise answer
        return answer


@dataclass(frozen=True)
class RemoteActors:
    """Hands out the actors of one server; can be sent to other processes."""

    address: str

    def __call__(self, run: str, step: int) -> RemoteActor:
        """The policy of a run after so many updates."""
        return RemoteActor(self.address, run, step)


@functools.lru_cache(maxsize=1)
def _connection(address: str) -> Connection:
    """One connection per process."""
    return Client(address, family="AF_UNIX")


class PolicyServer:
    """A thread that holds policies and answers, while the context lasts.

    An answer depends on its own request alone, up to what `Actor.act_batch` says of batches;
    which requests meet depends on when they come.
    """

    def __init__(self, actors: Actors) -> None:
        self._actors = actors
        self._clients: list[Connection] = []

    def __enter__(self) -> RemoteActors:
        self._folder = tempfile.TemporaryDirectory(prefix="premotor-")  # mode 0700
        address = str(Path(self._folder.name) / "policy")
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(address)
        self._door.listen()
        self._stopped, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._serve, name="policy", daemon=True)
        self._thread.start()
        return RemoteActors(address)

    def __exit__(self, *_error: object) -> None:
        os.close(self._stop)  # the other end becomes ready
        self._thread.join()
        os.close(self._stopped)
        self._folder.cleanup()

    def _serve(self) -> None:
        try:
            while self._answer_what_waits():
                pass
        finally:
            self._door.close()
            for client in self._clients:
                client.close()

    def _answer_what_waits(self) -> bool:
        """Sleep until somebody asks, then answer all who do; false once it is time to stop."""
        ready = wait([self._stopped, self._door, *self._clients])
        if self._stopped in ready:
            return False
        asking: dict[tuple[str, int], list[tuple[Connection, Request]]] = {}
        for client in [c for c in self._clients if c in ready]:
            try:
                request = client.recv()
            except (EOFError, OSError):
                self._forget(client)
            else:
                asking.setdefault((request.run, request.step), []).append((client, request))
        for asked in asking.values():
            for start in range(0, len(asked), MAX_BATCH):
                self._answer(asked[start : start + MAX_BATCH])
        if self._door in ready:
            self._clients.append(Connection(self._door.accept()[0].detach()))
        return True

    def _answer(self, asked: Sequence[tuple[Connection, Request]]) -> None:
        """Answer requests for one policy in one batch."""
        requests = [request for _, request in asked]
        answers: Sequence[Keyframe | PolicyFailed]
        try:
            answers = self._actors(requests[0].run, requests[0].step).act_batch(
                [r.observation for r in requests], [r.instruction for r in requests]
            )
        except Exception as error:
            failed = PolicyFailed(
                f"the policy of {requests[0].run}: {type(error).__name__}: {error}"
            )
            answers = [failed] * len(requests)
        for (client, _), answer in zip(asked, answers, strict=True):
            try:
                client.send(answer)
            except OSError:
                self._forget(client)

    def _forget(self, client: Connection) -> None:
        client.close()
        self._clients.remove(client)
