"""The proxies that the bench compares, each with one worker and the same work, and the origin behind them."""

import os
import signal
import socket
import subprocess
import time


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(port):
    deadline = time.time() + 20
    while time.time() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"nothing accepts on port {port}")


def with_children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [pid] + [int(word) for word in file.read().split()]
    except OSError:
        return [pid]


def prepare(directory, kind):
    """A certificate of that kind of key, and files to send and to fetch."""
    algorithm = ["-newkey", "rsa:2048"] if kind == "rsa" else ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    subprocess.run(["openssl", "req", "-x509", *algorithm, "-nodes", "-days", "30", "-subj", "/CN=bench.test", "-addext",
                    "subjectAltName=DNS:bench.test", "-keyout", f"{directory}/key.pem", "-out", f"{directory}/cert.pem"],
                   check=True, stderr=subprocess.DEVNULL)
    with open(f"{directory}/both.pem", "w") as both:
        for part in ("cert.pem", "key.pem"):
            with open(f"{directory}/{part}") as file:
                both.write(file.read())
    for name, size in (("upload.bin", 16 * 1024), ("message.bin", 100)):
        with open(f"{directory}/{name}", "wb") as file:
            file.write(b"x" * size)
    os.makedirs(f"{directory}/www/bench.Echo")
    # A message of gRPC: not compressed, its length, 100 bytes.
    for name in ("call.bin", "www/bench.Echo/Unary"):
        with open(f"{directory}/{name}", "wb") as file:
            file.write(b"\0\0\0\0\x64" + b"z" * 100)
    for name, size in (("small", 100), ("large", 1024 * 1024)):
        with open(f"{directory}/www/{name}", "wb") as file:
            file.write(b"y" * size)


class Service:
    """A process in the foreground, with its configuration and log in the bench's directory."""

    name = "?"

    def __init__(self, directory, origin=None):
        self.directory = directory
        self.origin = origin
        self.process = None
        self.ports = {name: free_port() for name in ("http", "tls", "h2c")}

    def path(self, name):
        return os.path.join(self.directory, f"{self.name}.{name}")

    def write(self, name, text, **words):
        words.update(self.ports, directory=self.directory)
        if self.origin:
            words.update(backend=self.origin.port, grpc=self.origin.grpc_port)
        for word, value in words.items():
            text = text.replace(f"@{word}@", str(value))
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def spawn(self, command, port):
        with open(self.path("log"), "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for(port)

    def pids(self):
        return with_children(self.process.pid)

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            # A build with AddressSanitizer looks for leaks when it ends.
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Origin(Service):
    """HTTP/1.1 on one port, gRPC on another: a unary call over HTTP/2, answered with a message and trailers."""

    name = "origin"

    def __init__(self, directory):
        super().__init__(directory)
        self.port, self.grpc_port = free_port(), free_port()

    def start(self):
        config = self.write("conf", """
daemon off;
user root;
worker_processes 1;
pid @directory@/origin.pid;
error_log @directory@/origin.error;
events { worker_connections 4096; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  open_file_cache max=100;
  client_body_temp_path @directory@/origin.body;
  proxy_temp_path @directory@/origin.proxy;
  fastcgi_temp_path @directory@/origin.fastcgi;
  uwsgi_temp_path @directory@/origin.uwsgi;
  scgi_temp_path @directory@/origin.scgi;
  client_body_buffer_size 64k;
  keepalive_requests 100000000;
  keepalive_timeout 1h;
  server {
    listen 127.0.0.1:@port@ backlog=4096;
    root @directory@/www;
    location /upload { client_max_body_size 10m; proxy_pass http://127.0.0.1:@port@/drain; proxy_http_version 1.1; }
    location /drain { return 200 "taken"; }
  }
  server {
    listen 127.0.0.1:@grpc_port@ http2 backlog=4096;
    root @directory@/www;
    default_type application/grpc;
    http2_max_concurrent_streams 128;
    location /bench.Echo/ {
      error_page 405 =200 $uri;  # What a file says to POST.
      add_trailer grpc-status 0;
    }
  }
}
""", port=self.port, grpc_port=self.grpc_port)
        self.spawn(["/usr/sbin/nginx", "-c", config], self.port)


class Nginx(Service):
    name = "nginx"

    def start(self):
        config = self.write("conf", """
daemon off;
user root;
worker_processes 1;
pid @directory@/nginx.pid;
error_log @directory@/nginx.error;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path @directory@/nginx.body;
  proxy_temp_path @directory@/nginx.proxy;
  fastcgi_temp_path @directory@/nginx.fastcgi;
  uwsgi_temp_path @directory@/nginx.uwsgi;
  scgi_temp_path @directory@/nginx.scgi;
  client_body_buffer_size 64k;
  keepalive_requests 100000000;
  keepalive_timeout 1h;
  ssl_certificate @directory@/cert.pem;
  ssl_certificate_key @directory@/key.pem;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_session_cache shared:bench:10m;
  upstream origin { server 127.0.0.1:@backend@; keepalive 128; keepalive_requests 100000000; keepalive_timeout 1h; }
  upstream grpc { server 127.0.0.1:@grpc@; keepalive 128; keepalive_requests 100000000; keepalive_timeout 1h; }
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header X-Request-Id $request_id;
  server {
    listen 127.0.0.1:@http@ backlog=4096;
    listen 127.0.0.1:@tls@ ssl http2 backlog=4096;
    location / { proxy_pass http://origin; }
  }
  server {
    listen 127.0.0.1:@h2c@ http2 backlog=4096;
    location / { proxy_pass http://origin; }
    location /bench.Echo/ {
      grpc_pass grpc://grpc;
      grpc_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      grpc_set_header X-Forwarded-Proto $scheme;
      grpc_set_header X-Request-Id $request_id;
    }
  }
}
""")
        self.spawn(["/usr/sbin/nginx", "-c", config], self.ports["http"])


class Haproxy(Service):
    name = "haproxy"

    def start(self):
        config = self.write("cfg", """
global
  nbthread 1
  maxconn 8192
  tune.ssl.default-dh-param 2048
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  option http-keep-alive
frontend http
  bind 127.0.0.1:@http@
  bind 127.0.0.1:@tls@ ssl crt @directory@/both.pem alpn h2,http/1.1
  bind 127.0.0.1:@h2c@ proto h2
  option forwardfor
  unique-id-format %[uuid()]
  unique-id-header X-Request-Id
  http-request set-header X-Forwarded-Proto https if { ssl_fc }
  use_backend grpc if { path_beg /bench.Echo/ }
  default_backend origin
backend origin
  http-reuse always
  server one 127.0.0.1:@backend@
backend grpc
  http-reuse always
  server one 127.0.0.1:@grpc@ proto h2
""")
        self.spawn(["/usr/sbin/haproxy", "-db", "-f", config], self.ports["http"])


class Nghttpx(Service):
    """Makes no X-Request-Id: it cannot."""

    name = "nghttpx"

    def start(self):
        backend = "--backend=127.0.0.1,"
        self.spawn(["/usr/sbin/nghttpx", "--conf=/dev/null", "--workers=1", "--log-level=FATAL",
                    f"--frontend=127.0.0.1,{self.ports['http']};no-tls", f"--frontend=127.0.0.1,{self.ports['h2c']};no-tls",
                    f"--frontend=127.0.0.1,{self.ports['tls']}", f"{backend}{self.origin.port};/",
                    f"{backend}{self.origin.grpc_port};/bench.Echo/;proto=h2", "--add-x-forwarded-for",
                    "--frontend-http2-max-concurrent-streams=128", "--frontend-keep-alive-timeout=1h",
                    "--backend-keep-alive-timeout=1h", f"{self.directory}/key.pem", f"{self.directory}/cert.pem"],
                   self.ports["http"])


class Baton(Service):
    name = "baton"

    def __init__(self, directory, origin, binary):
        super().__init__(directory, origin)
        self.binary = binary

    @staticmethod
    def cluster(name, port, options=""):
        return f"""\
    - name: {name}
      circuit_breakers: {{thresholds: [{{max_connections: 8192, max_pending_requests: 8192, max_requests: 8192}}]}}{options}
      load_assignment:
        cluster_name: {name}
        endpoints:
          - lb_endpoints:
              - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}"""

    def start(self):
        chain = """
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: bench
                http2_protocol_options: {max_concurrent_streams: 128}
                common_http_protocol_options: {idle_timeout: 3600s}
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes:
                        - match: {prefix: /bench.Echo/}
                          route: {cluster: grpc}
                        - match: {prefix: /}
                          route: {cluster: origin}
"""
        socket_address = "{socket_address: {address: 127.0.0.1, port_value: %s}}"
        listeners = ""
        for name in self.ports:
            listeners += f"    - name: {name}\n      address: {socket_address % self.ports[name]}\n      filter_chains:{chain}"
            if name == "tls":
                listeners += """\
          transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              common_tls_context:
                alpn_protocols: [h2, http/1.1]
                tls_certificates:
                  - certificate_chain: {filename: @directory@/cert.pem}
                    private_key: {filename: @directory@/key.pem}
"""
        http2 = """
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config: {http2_protocol_options: {max_concurrent_streams: 128}}"""
        config = self.write("yaml", f"""
static_resources:
  listeners:
{listeners}
  clusters:
{self.cluster("origin", self.origin.port)}
{self.cluster("grpc", self.origin.grpc_port, http2)}
""")
        self.spawn([self.binary, "-c", config, "--concurrency", "1", "--disable-hot-restart"], self.ports["http"])
