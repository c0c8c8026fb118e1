"""An upstream that misbehaves as it is told: a script of answers for each path."""
import contextlib
import socket
import struct
import threading
import time

import pytest

from conftest import DEADLINE


def response(status=200, body=b"", **headers):
    """The bytes of a whole response; header names with `_` for `-`."""
    lines = [f"HTTP/1.1 {status} X"] + [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines + [f"content-length: {len(body)}", "", ""]).encode() + body


class Close:
    """Sends some bytes, then ends the connection in order."""

    def __init__(self, before=b""):
        self.before = before


class Reset(Close):
    """Sends some bytes, then resets the connection."""


class Hang:
    """Does not answer until the server ends, but notices when it is given up."""


class ScriptedServer:
    """script[path] is a list of what to do with the first, second, ... request of that path; the last one is repeated.
    A step is the bytes of a response, or one of the classes above. Requests are kept in seen[path]: (connection number,
    head, body)."""

    def __init__(self, host="127.0.0.1", path=None):
        self.script = {}
        self.seen = {}
        self.given_up = set()
        self.connections = 0
        self.lock = threading.Lock()
        self.over = threading.Event()
        if path is None:
            self.socket = socket.create_server((host, 0), backlog=128)
            self.port = self.socket.getsockname()[1]
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.bind(path)
            self.socket.listen(128)
        threading.Thread(target=self.accept, daemon=True).start()

    def tries(self, path):
        with self.lock:
            return len(self.seen.get(path, []))

    def end(self):
        self.over.set()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.socket.accept()
                self.connections += 1
                threading.Thread(target=self.serve, args=(client, self.connections), daemon=True).start()

    def serve(self, client, number):
        client.settimeout(DEADLINE)
        with client, contextlib.suppress(OSError, ValueError):
            stream = client.makefile("rb")
            while self.serve_one(client, stream, number):
                pass

    def serve_one(self, client, stream, number):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = stream.readline()
            if not line:
                return False
            head += line
        fields = {name.strip().lower(): value.strip() for name, _, value in
                  (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])}
        body = stream.read(int(fields.get("content-length", 0)))
        if fields.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(stream.readline(), 16):
                body += stream.read(size)
                stream.readline()
            stream.readline()
        path = head.split(b" ")[1].decode().split("?")[0]
        with self.lock:
            requests = self.seen.setdefault(path, [])
            requests.append((number, head.decode("latin-1"), body))
            steps = self.script.get(path, [response()])
            step = steps[min(len(requests), len(steps)) - 1]
        if isinstance(step, bytes):
            client.sendall(step)
            return True
        if isinstance(step, Hang):
            return self.hang(client, path)
        client.sendall(step.before)
        if isinstance(step, Reset):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            client.shutdown(socket.SHUT_WR)
        stream.close()
        return False

    def hang(self, client, path):
        client.settimeout(0.05)
        end = time.monotonic() + DEADLINE
        while not self.over.is_set() and time.monotonic() < end:
            with contextlib.suppress(TimeoutError):
                if not client.recv(1, socket.MSG_PEEK):
                    break
        self.given_up.add(path)
        return False


@pytest.fixture
def scripted():
    """Starts servers that end with the test; takes what ScriptedServer takes."""
    servers = []

    def start(**fields):
        servers.append(ScriptedServer(**fields))
        return servers[-1]

    yield start
    for server in servers:
        server.end()
