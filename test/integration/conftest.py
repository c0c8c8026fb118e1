"""What integration tests share: the real binary on free ports, small upstreams, clients."""
import contextlib
import http.client
import http.server
import json
import os
import pathlib
import random
import signal
import socket
import socketserver
import subprocess
import threading
import time

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("BATON_BINARY", str(ROOT / "bazel-bin/source/exe/baton"))
# Generous: a wait ends as soon as what is waited for is there, and CI machines are slow.
DEADLINE = 60


def wait_for(condition, what, deadline=DEADLINE):
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited {deadline} s for {what}"
        time.sleep(0.02)


class Baton:
    """One running process. Ports are read from its admin interface."""

    def __init__(self, directory, config, *options, base_id=None, epoch=None, name="baton", binary=None,
                 environment=None):
        self.directory = directory
        self.admin_file = directory / f"{name}.admin"
        self.log_file = directory / f"{name}.log"
        self.config_file = directory / f"{name}.yaml"
        if self.admin_file.exists():
            self.admin_file.unlink()
        self.config_file.write_text(config if isinstance(config, str) else yaml.safe_dump(config))
        command = [binary or BINARY, "-c", str(self.config_file), "--admin-address-path", str(self.admin_file)]
        if "--concurrency" not in options:
            command += ["--concurrency", "1"]
        if base_id is None:
            command += ["--disable-hot-restart"]
        else:
            command += ["--base-id", str(base_id)]
        if epoch is not None:
            command += ["--restart-epoch", str(epoch)]
        command += [str(option) for option in options]
        self.log = open(self.log_file, "wb")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
                                        env={**os.environ, **(environment or {})})

    def wait_ready(self):
        wait_for(lambda: self.admin_file.exists() or self.process.poll() is not None, "the admin address")
        assert self.process.poll() is None, self.output()
        wait_for(self.is_live, "the server to be live")
        return self

    @contextlib.contextmanager
    def ready(self, *servers):
        """For fixtures that live longer than a test: waits until it is live; at the end it ends, then the servers behind it."""
        try:
            yield self.wait_ready()
        finally:
            self.end()
            for server in servers:
                server.end()

    def is_live(self):
        try:
            return self.admin("/ready").strip() == "LIVE"
        except OSError:
            return False

    def output(self):
        return self.log_file.read_text(errors="replace")

    @property
    def admin_address(self):
        host, port = self.admin_file.read_text().strip().rsplit(":", 1)
        return host, int(port)

    def admin(self, path, method="GET"):
        host, port = self.admin_address
        connection = http.client.HTTPConnection(host, port, timeout=DEADLINE)
        try:
            connection.request(method, path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def port(self, listener):
        for entry in json.loads(self.admin("/listeners?format=json"))["listener_statuses"]:
            if entry["name"] == listener:
                return entry["local_address"]["socket_address"]["port_value"]
        raise AssertionError(f"no listener {listener}")

    def stats(self, prefix=""):
        values = {}
        for line in self.admin("/stats").splitlines():
            name, _, value = line.partition(": ")
            if name.startswith(prefix) and value.lstrip("-").isdigit():
                values[name] = int(value)
        return values

    def stat(self, name):
        return self.stats().get(name, 0)

    def send_signal(self, number):
        self.process.send_signal(number)

    def wait_ended(self, deadline=DEADLINE):
        return self.process.wait(timeout=deadline)

    def end(self):
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


@pytest.fixture
def baton(tmp_path):
    """Starts Baton: baton(config, options...) returns the running process."""
    running = []

    def start(config, *options, wait=True, **settings):
        settings.setdefault("name", f"baton{len(running)}")
        process = Baton(tmp_path, config, *options, **settings)
        running.append(process)
        if wait:
            process.wait_ready()
        return process

    yield start
    for process in reversed(running):
        process.end()
    for process in running:
        code = process.process.returncode
        assert code in (0, 1, -signal.SIGKILL), f"ended with {code}:\n{process.output()[-3000:]}"


@pytest.fixture
def base_id():
    """One that no other test uses at the same time."""
    return random.SystemRandom().randrange(1_000, 2_000_000_000)


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with what it saw, as JSON."""
    protocol_version = "HTTP/1.1"
    server_name = "echo"

    def answer(self):
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length) if length else self.read_chunked()
        record = {"server": self.server_name, "method": self.command, "path": self.path,
                  "headers": [[name.lower(), value] for name, value in self.headers.items()],
                  "body_bytes": len(body), "body": body[:1000].decode("latin-1")}
        self.server.requests.append(record)
        payload = json.dumps(record).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(payload)

    def read_chunked(self):
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return b""
        body = b""
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            body += self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return body

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = answer

    def log_message(self, *arguments):
        pass


class ThreadingServer(http.server.ThreadingHTTPServer):
    """Serves from the start to end(), in a thread of its own. What the echo was asked is in `requests`."""
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, handler=Echo, port=0, host="127.0.0.1"):
        super().__init__((host, port), handler)
        self.requests = []
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def end(self):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, address):
        pass


@pytest.fixture
def upstream():
    """Starts an HTTP server on a free port: upstream() echoes; upstream(handler_class) is as the class says."""
    servers = []

    def start(handler=Echo, port=0):
        servers.append(ThreadingServer(handler, port))
        return servers[-1]

    yield start
    for server in servers:
        server.end()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def address(port, host="127.0.0.1"):
    return {"socket_address": {"address": host, "port_value": port}}


def cluster(name, *ports, **fields):
    return {"name": name, "type": "STATIC", "connect_timeout": "5s",
            "load_assignment": {"cluster_name": name, "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": address(port)}} for port in ports]}]}, **fields}


ROUTER = {"name": "envoy.filters.http.router", "typed_config": {
    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}
H2 = {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    "explicit_http_config": {"http2_protocol_options": {}}}}


def http_filter(routes, filters=(), **fields):
    return {"name": "http", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "test",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [*filters, ROUTER], **fields}}


def tcp_filter(cluster_name, **fields):
    return {"name": "tcp", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": "tcp", "cluster": cluster_name, **fields}}


def listener(name, filters, port=0, tls=None, **fields):
    chain = {"filters": filters if isinstance(filters, list) else [filters]}
    if tls:
        chain["transport_socket"] = {"name": "tls", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": tls}}
    return {"name": name, "address": address(port), "filter_chains": [chain], **fields}


def bootstrap(listeners, clusters=()):
    return {"admin": {"address": address(0)},
            "static_resources": {"listeners": list(listeners), "clusters": list(clusters)}}


def forward_all(cluster_name, **route):
    return [{"match": {"prefix": "/"}, "route": {"cluster": cluster_name, **route}}]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A self-signed certificate for localhost: (certificate file, key file)."""
    directory = tmp_path_factory.mktemp("certificates")
    key, chain = directory / "key.pem", directory / "chain.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", chain, "-days", "30",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                   check=True, capture_output=True)
    return str(chain), str(key)


def tls_context(certificate, **fields):
    chain, key = certificate
    return {"tls_certificates": [{"certificate_chain": {"filename": chain}, "private_key": {"filename": key}}], **fields}


class Response:
    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    def json(self):
        return json.loads(self.body)


def request(port, path="/", method="GET", body=None, headers=None, host="127.0.0.1"):
    connection = http.client.HTTPConnection(host, port, timeout=DEADLINE)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        return Response(connection.getresponse())
    finally:
        connection.close()


def raw(port, data, timeout=DEADLINE, shutdown=False):
    """Sends bytes and reads until the end."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as client:
        client.sendall(data)
        if shutdown:
            # The server may have answered and closed already; then there is nothing to end, but an answer to read.
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_WR)
        answer = b""
        while True:
            part = client.recv(65536)
            if not part:
                return answer
            answer += part


@pytest.fixture
def tcp_server():
    """Starts a TCP server whose connections are given to a function: tcp_server(function) returns its port."""
    servers = []

    def start(function):
        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                with contextlib.suppress(OSError):
                    function(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request, address):
                pass

        server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        servers.append(server)
        return server.server_address[1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
