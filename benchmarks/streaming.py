"""Measure the streaming runtime, compared with uvicorn alone, behind a plain proxy and behind an adapter.

And beside the least that any runtime in Python does there, benchmarks/streaming_floor.py.

    python -m benchmarks.streaming [--quick] [--cores one|all]

One run, one app, one driver; the subjects take turns, so that a busy machine is busy for all of them. The driver is
each subject's other side: an HTTP client for uvicorn, the Runtime API for the runtime. It waits for the same bytes of
the same app. Prints a table and writes bench-results/streaming.json.

All of it shares one core, which is what a function of up to 1,769 MB has. With more (`--cores all`) a virtual machine's
time to wake an idle core comes in, which may be more than all else that is measured and changes from minute to minute.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench-results" / "streaming.json"
TASK_ROOT = ROOT / "functions" / "stream"
FIRST = b'"number":0}'
END = b"\r\n0\r\n\r\n"
BODY = json.dumps(
    {"type": "threads.create", "params": {"input": {"content": [{"type": "input_text", "text": "a" * 120}]}}}
)
HEADERS = {
    "host": "abc.lambda-url.eu-central-1.on.aws",
    "accept": "text/event-stream",
    "accept-language": "en-GB,en;q=0.9",
    "authorization": "Bearer " + "a" * 400,
    "content-type": "application/json",
    "content-length": str(len(BODY)),
    "origin": "https://example.com",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0",
    "x-forwarded-for": "203.0.113.9",
    "x-forwarded-port": "443",
    "x-forwarded-proto": "https",
}


@dataclass
class Measured:
    """What one subject cost: a value for each round or start."""

    first_byte_us: list[float] = field(default_factory=list)
    invoke_cpu_us: list[float] = field(default_factory=list)
    chunk_cpu_us: list[float] = field(default_factory=list)
    resident_mb: list[float] = field(default_factory=list)
    start_ms: list[float] = field(default_factory=list)


class Subject(Protocol):
    """A running server and the driver's connection to it."""

    pids: list[int]

    def invoke(self, chunks: int) -> float:
        """Run one request to its end and return the seconds to its first body byte."""

    def stop(self) -> None:
        """End its processes."""


class HttpSubject:
    """uvicorn, with or without the proxy in front of it."""

    def __init__(self, *, hop: bool) -> None:
        self._stack = contextlib.ExitStack()
        port = _free_port()
        processes = [_start_uvicorn(port)]
        front = port
        if hop:
            front = _free_port()
            processes.append(_start(["benchmarks.streaming_proxy", str(front), str(port)]))
            _connect(port).close()
        self._processes = processes
        self.pids = [process.pid for process in processes]
        self._socket = _connect(front)
        self._stack.callback(self._socket.close)
        head = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
        self._request = f"POST /%d HTTP/1.1\r\n{head}\r\n{BODY}".encode()

    def invoke(self, chunks: int) -> float:
        began = time.perf_counter()
        self._socket.sendall(self._request % chunks)
        return _read_response(self._socket) - began

    def stop(self) -> None:
        _stop(self._processes)
        self._stack.close()


class RuntimeSubject:
    """The streaming runtime; the driver is its Runtime API.

    Args:
        uvloop: whether the runtime finds it.
        hop: its app forwards to uvicorn, as adapters do.
        floor: in its place, a client that does the least.
    """

    def __init__(self, *, uvloop: bool = True, hop: bool = False, floor: bool = False) -> None:
        self._stack = contextlib.ExitStack()
        listener = self._stack.enter_context(_bound())
        listener.listen()
        path = str(ROOT)
        if not uvloop:
            folder = self._stack.enter_context(tempfile.TemporaryDirectory())
            Path(folder, "uvloop.py").write_text("raise ImportError\n")
            path = f"{folder}:{path}"
        port = listener.getsockname()[1]
        environment = {
            **os.environ,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
            "AWS_LAMBDA_FUNCTION_NAME": "bench",
            "LAMBDA_TASK_ROOT": str(TASK_ROOT),
            "LAMBDA_STREAM_APP": "benchmarks.streaming_app:app",
            "PYTHONPATH": path,
        }
        self._processes = []
        if hop:
            backend_port = _free_port()
            self._processes.append(_start_uvicorn(backend_port))
            environment |= {"LAMBDA_STREAM_APP": "benchmarks.streaming_adapter:app", "BACKEND_PORT": str(backend_port)}
        command = [str(TASK_ROOT / "stream-runtime"), sys.executable, "/var/runtime/bootstrap.py"]
        if floor:
            command = [sys.executable, "-m", "benchmarks.streaming_floor"]
        self._processes.append(subprocess.Popen(command, cwd=ROOT, env=environment))
        self.pids = [process.pid for process in self._processes]
        listener.settimeout(30)
        self._socket, _ = listener.accept()
        self._stack.callback(self._socket.close)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._events: dict[int, bytes] = {}
        self._await_poll()
        if hop:
            _connect(backend_port).close()

    def invoke(self, chunks: int) -> float:
        event = self._events.setdefault(chunks, _event(chunks))
        answer = b"".join(
            (
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                b"Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n"
                b"Lambda-Runtime-Deadline-Ms: %d\r\n" % int((time.time() + 60) * 1000),
                b"Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-central-1:123456789012:function:bench\r\n"
                b"Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0\r\n"
                b"Content-Length: %d\r\n\r\n" % len(event),
                event,
            )
        )
        began = time.perf_counter()
        self._socket.sendall(answer)
        first = _read_response(self._socket) - began
        self._socket.sendall(b'HTTP/1.1 202 Accepted\r\nContent-Length: 16\r\n\r\n{"status":"OK"}\n')
        self._await_poll()
        return first

    def _await_poll(self) -> None:
        received = b""
        while not (b"invocation/next" in received and received.endswith(b"\r\n\r\n")):
            received += _receive(self._socket)

    def stop(self) -> None:
        _stop(self._processes)
        self._stack.close()


SUBJECTS: dict[str, Any] = {
    "runtime": lambda: RuntimeSubject(),
    "runtime without uvloop": lambda: RuntimeSubject(uvloop=False),
    "a minimal loop": lambda: RuntimeSubject(floor=True),
    "uvicorn": lambda: HttpSubject(hop=False),
    "uvicorn behind a proxy": lambda: HttpSubject(hop=True),
    "uvicorn behind an adapter": lambda: RuntimeSubject(hop=True),
}
PEERS = ("a minimal loop", "uvicorn", "uvicorn behind a proxy", "uvicorn behind an adapter")


def measure(rounds: int, invokes: int, chunks: int, starts: int) -> dict[str, Measured]:
    """Run everything, the subjects in turn."""
    measured = {name: Measured() for name in SUBJECTS}
    for _ in range(starts):
        for name, make in SUBJECTS.items():
            began = time.perf_counter()
            subject: Subject = make()
            measured[name].start_ms.append((time.perf_counter() - began) * 1e3)
            subject.stop()
    with _running() as running:
        for subject in running.values():
            for _ in range(invokes):
                subject.invoke(1)
        for _ in range(rounds):
            for name, subject in running.items():
                result = measured[name]
                # The one before has the caches: each subject warms them for itself.
                for _ in range(invokes // 5):
                    subject.invoke(1)
                before = _cpu_ns(subject.pids)
                firsts = [subject.invoke(1) for _ in range(invokes)]
                result.invoke_cpu_us.append((_cpu_ns(subject.pids) - before) / invokes / 1e3)
                result.first_byte_us.append(statistics.median(firsts) * 1e6)
                before = _cpu_ns(subject.pids)
                subject.invoke(chunks)
                result.chunk_cpu_us.append((_cpu_ns(subject.pids) - before) / chunks / 1e3)
        for name, subject in running.items():
            measured[name].resident_mb.append(sum(map(_resident_kb, subject.pids)) / 1024)
    return measured


ROWS = {
    "first_byte_us": "invoke to first body byte, µs",
    "invoke_cpu_us": "CPU per invoke, µs",
    "chunk_cpu_us": "CPU per paced chunk, µs",
    "resident_mb": "resident memory, MB",
    "start_ms": "process start to ready, ms",
}


def report(measured: dict[str, Measured]) -> dict[str, Any]:
    """Return the medians, and the runtime's ratios to its peers."""
    rows: dict[str, Any] = {}
    for row in ROWS:
        values = {name: statistics.median(getattr(result, row)) for name, result in measured.items()}
        rows[row] = {
            "values": {name: round(value, 1) for name, value in values.items()},
            "runtime / peer": {peer: round(values["runtime"] / values[peer], 2) for peer in PEERS},
        }
    return rows


def print_table(rows: dict[str, Any]) -> None:
    """Print the report."""
    titles = [*SUBJECTS, *(f"/ {peer}" for peer in PEERS)]
    width = 14
    for line in range(3):
        words = [textwrap.wrap(title, width - 1) for title in titles]
        print(" " * 30 + "".join(f"{part[line] if line < len(part) else '':>{width}}" for part in words))
    for row, title in ROWS.items():
        values = "".join(f"{rows[row]['values'][name]:>{width}.1f}" for name in SUBJECTS)
        ratios = "".join(f"{rows[row]['runtime / peer'][peer]:>{width}.2f}" for peer in PEERS)
        print(f"{title:30}{values}{ratios}")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, for a look")
    parser.add_argument("--cores", choices=["one", "all"], default="one", help="what all processes share")
    arguments = parser.parse_args()
    if arguments.cores == "one":
        # All processes that are started from here on inherit it.
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    quick = arguments.quick
    measured = measure(rounds=3, invokes=300, chunks=50, starts=2) if quick else measure(12, 500, 200, 9)
    rows = report(measured)
    print_table(rows)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"python": sys.version.split()[0], "rows": rows}, indent=1) + "\n")


@contextlib.contextmanager
def _running() -> Iterator[dict[str, Subject]]:
    with contextlib.ExitStack() as stack:
        subjects: dict[str, Subject] = {}
        for name, make in SUBJECTS.items():
            subjects[name] = make()
            stack.callback(subjects[name].stop)
        yield subjects


def _event(chunks: int) -> bytes:
    http = {"method": "POST", "path": f"/{chunks}", "protocol": "HTTP/1.1", "sourceIp": "203.0.113.9"}
    return json.dumps(
        {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": f"/{chunks}",
            "rawQueryString": "",
            "headers": HEADERS,
            "requestContext": {
                "accountId": "anonymous",
                "apiId": "abc",
                "domainName": HEADERS["host"],
                "domainPrefix": "abc",
                "http": {**http, "userAgent": HEADERS["user-agent"]},
                "requestId": "e1506fd5-9e7b-434f-bd42-4f8fa224b599",
                "routeKey": "$default",
                "stage": "$default",
                "time": "12/Mar/2026:19:03:58 +0000",
                "timeEpoch": 1773342238000,
            },
            "body": BODY,
            "isBase64Encoded": False,
        }
    ).encode()


def _bound() -> socket.socket:
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound


def _free_port() -> int:
    with _bound() as probe:
        port: int = probe.getsockname()[1]
        return port


def _start(arguments: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", *arguments], cwd=ROOT)


def _start_uvicorn(port: int) -> subprocess.Popen[bytes]:
    # By number, not by descriptor: uvicorn takes an inherited socket for a Unix one and leaves Nagle's delay on.
    command = ["uvicorn", "benchmarks.streaming_app:app", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--http", "httptools", "--loop", "uvloop", "--no-access-log", "--log-level", "error"]
    return _start([*command, "--timeout-keep-alive", "3600"])


def _connect(port: int) -> socket.socket:
    end = time.monotonic() + 30
    while True:
        try:
            connected = socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.001)
        else:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connected


def _receive(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    if not data:
        raise ConnectionError("the subject closed the connection")
    return data


def _read_response(connection: socket.socket) -> float:
    """Read a chunked message to its end and return when its first body byte came."""
    received = b""
    while FIRST not in received:
        received += _receive(connection)
    first = time.perf_counter()
    while not received.endswith(END):
        received = received[-len(END) :] + _receive(connection)
    return first


def _stop(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.kill()
        process.wait()


def _cpu_ns(pids: list[int]) -> int:
    """CPU time of processes with all their threads, from the scheduler: /proc's clock ticks are too coarse."""
    return sum(
        int(path.read_text().split()[0]) for pid in pids for path in Path(f"/proc/{pid}/task").glob("*/schedstat")
    )


def _resident_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


if __name__ == "__main__":
    main()
