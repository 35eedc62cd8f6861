"""One cold process of the cold benchmark: start it as Lambda does, invoke it, and read when its answer comes.

The driver is the process's Runtime API, on one connection. CPU is read from the process's own clock, so neither the
driver nor the provider nor the local AWS is counted, and other work on the machine hardly matters.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.cold_quota import Quota

ACCEPT_SECONDS = 60
FIRST_EVENT = b"data: "
FIRST_DELTA = b"assistant_message.content_part.text_delta"
# Linux: the clock of a process's CPU time, of all its threads, ended ones too (clock_getcpuclockid).
_CPU_CLOCK = 2


@dataclass
class Moment:
    """A point in time since the process started.

    Attributes:
        wall: Seconds.
        cpu: Seconds of the process's CPU.
    """

    wall: float
    cpu: float


@dataclass
class Answer:
    """An answer: its bytes, and when each mark was seen in it."""

    body: bytes = b""
    moments: dict[str, Moment] = field(default_factory=dict)


class Cold:
    """A process, from its start on. A context manager that ends it.

    Args:
        command: What starts it.
        environment: Its whole environment, except the address of the Runtime API.
        quota: Limits its CPU from the first invocation on. Lambda runs the initialisation on a full core.
    """

    def __init__(self, command: list[str], environment: dict[str, str], quota: Quota | None = None) -> None:
        self._quota = quota
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            listener.settimeout(ACCEPT_SECONDS)
            address = f"127.0.0.1:{listener.getsockname()[1]}"
            self._started = time.perf_counter()
            self._process = subprocess.Popen(
                command,
                # The function's folder, as on Lambda. Python adds this folder to the path of `python -m`.
                cwd=environment["LAMBDA_TASK_ROOT"],
                env={**environment, "AWS_LAMBDA_RUNTIME_API": address},
                stdout=subprocess.DEVNULL,
            )
            self._socket, _ = listener.accept()
        self._socket.settimeout(ACCEPT_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._await_poll()
        self.ready = self.now()

    def __enter__(self) -> Cold:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.kill()
        self._process.wait()
        self._socket.close()

    def now(self) -> Moment:
        """Return the present moment."""
        cpu = time.clock_gettime((~self._process.pid << 3) | _CPU_CLOCK)
        return Moment(time.perf_counter() - self._started, cpu)

    def resident_mb(self) -> float:
        """Return the resident memory."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

    def invoke(self, event: bytes, marks: dict[str, bytes] | None = None) -> Answer:
        """Invoke the function and read its answer to the end, the moment `end` included.

        Args:
            event: The invocation's event.
            marks: Bytes whose first appearance in the answer is a moment, by the moment's name.
        """
        if self._quota is not None:
            self._quota.add(self._process.pid)
        head = (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n"
            b"Lambda-Runtime-Deadline-Ms: %d\r\n"
            b"Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-central-1:123456789012:function:bench\r\n"
            b"Content-Length: %d\r\n\r\n" % (int((time.time() + 60) * 1000), len(event))
        )
        self._socket.sendall(head + event)
        answer = Answer()
        waiting = dict(marks or {})
        while not _complete(answer.body):
            answer.body += self._receive()
            for name in [name for name, mark in waiting.items() if mark in answer.body]:
                answer.moments[name] = self.now()
                del waiting[name]
        answer.moments["end"] = self.now()
        if waiting:
            raise AssertionError(f"no {', '.join(waiting)} in {answer.body[-2000:]!r}")
        self._socket.sendall(b'HTTP/1.1 202 Accepted\r\nContent-Length: 16\r\n\r\n{"status":"OK"}\n')
        self._await_poll()
        return answer

    def _await_poll(self) -> None:
        received = b""
        while not (b"invocation/next" in received and received.endswith(b"\r\n\r\n")):
            received += self._receive()
            if b"/error" in received.partition(b"\r\n")[0]:
                raise AssertionError(received + self._receive())

    def _receive(self) -> bytes:
        data = self._socket.recv(1_000_000)
        if not data:
            raise AssertionError("the process has ended")
        return data


def _complete(request: bytes) -> bool:
    """Tell whether a request has come to its end: that of its chunks, or of its length."""
    head, blank, body = request.partition(b"\r\n\r\n")
    if not blank:
        return False
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
    if b"content-length" in fields:
        return len(body) >= int(fields[b"content-length"])
    # Trailers may follow the last chunk.
    return body.endswith(b"\r\n\r\n") and b"\r\n0\r\n" in body


def environment_of(folder: Path, path: list[Path], **more: str) -> dict[str, str]:
    """Return what Lambda gives a function: its folder is read-only there, so nothing is compiled for a later start."""
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        "LAMBDA_TASK_ROOT": str(folder),
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        **more,
    }
