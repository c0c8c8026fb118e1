"""The proxies that the restart bench upgrades while they carry traffic, behind one small interface:
start(), restart() -> dict of times, stop(), pids(), and the ports of what they listen on."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.request


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait_until(condition, seconds, what):
    deadline = time.time() + seconds
    while not condition():
        if time.time() > deadline:
            raise RuntimeError(f"gave up after {seconds} s: {what}")
        time.sleep(0.005)


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Proxy:
    name = "?"

    def __init__(self, directory, backend, echo):
        self.directory = directory
        self.backend = backend
        self.echo = echo
        self.http, self.tls, self.tcp, self.admin = free_ports(4)
        self.certificate = os.path.join(directory, "bench.pem")
        self.key = os.path.join(directory, "bench-key.pem")

    def path(self, name):
        return os.path.join(self.directory, name)

    def counters(self):
        return {}

    def restart(self):
        raise NotImplementedError


BATON_HTTP = """
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: bench
                upgrade_configs: [{upgrade_type: websocket}]
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes:
                        - match: {prefix: /}
                          route: {cluster: backend, timeout: 0s}
"""

# Listeners that every other generation has, for --vary.
BATON_MORE = """
    - name: more{number}
      address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
      filter_chains:{chain}
"""

BATON_CONFIG = """
admin:
  address: {socket_address: {address: 127.0.0.1, port_value: ADMIN}}
static_resources:
  listeners:
    - name: http
      address: {socket_address: {address: 127.0.0.1, port_value: HTTP}}
      filter_chains:CHAIN
    - name: tls
      address: {socket_address: {address: 127.0.0.1, port_value: TLS}}
      filter_chains:CHAIN
          transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              common_tls_context:
                tls_certificates:
                  - certificate_chain: {filename: CERTIFICATE}
                    private_key: {filename: KEY}
    - name: tcp
      address: {socket_address: {address: 127.0.0.1, port_value: TCP}}
      filter_chains:
        - filters:
            - name: envoy.filters.network.tcp_proxy
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
                stat_prefix: tcp
                cluster: echo
  clusters:
    - name: backend
      load_assignment:
        cluster_name: backend
        endpoints:
          - lb_endpoints:
              - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: BACKEND}}}
    - name: echo
      load_assignment:
        cluster_name: echo
        endpoints:
          - lb_endpoints:
              - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ECHO}}}
"""


class Generation:
    """One process of baton, and the phases that it told us of."""

    def __init__(self, command, log):
        read_end, write_end = os.pipe()
        environment = dict(os.environ, BATON_PHASE_FD=str(write_end))
        self.spawned = time.time()
        self.process = subprocess.Popen(command, pass_fds=[write_end], env=environment, stdout=log, stderr=log)
        os.close(write_end)
        self.pid = self.process.pid
        self.phases = {}
        self.detail = ""
        self.exited = None
        threading.Thread(target=self.listen, args=(read_end,), daemon=True).start()
        threading.Thread(target=self.reap, daemon=True).start()

    def listen(self, descriptor):
        with os.fdopen(descriptor) as lines:
            for line in lines:
                name, _, rest = line.partition(" ")
                self.phases[name] = time.time()
                if name in ("FAILED", "ROLLED_BACK"):
                    self.detail = rest.partition(" ")[2].strip()

    def reap(self):
        self.process.wait()
        self.exited = time.time()

    def wait(self, phase, seconds):
        wait_until(lambda: phase in self.phases or self.exited is not None, seconds, f"{phase} of pid {self.pid}")
        return phase in self.phases


class Baton(Proxy):
    name = "baton"
    instances = 0

    def __init__(self, directory, backend, echo, binaries, options):
        super().__init__(directory, backend, echo)
        self.memory = []
        self.binaries = binaries
        self.options = options
        Baton.instances += 1
        self.base_id = str(os.getpid() % 30000 * 10 + 10000 + Baton.instances)
        self.restarts = 0
        self.generations = []
        self.log = open(self.path("baton.log"), "ab")
        chain = BATON_HTTP.rstrip()
        config = BATON_CONFIG.replace("CHAIN", chain)
        for word, value in (("ADMIN", self.admin), ("HTTP", self.http), ("TLS", self.tls), ("TCP", self.tcp),
                            ("BACKEND", self.backend), ("ECHO", self.echo), ("CERTIFICATE", self.certificate),
                            ("KEY", self.key)):
            config = config.replace(f": {word}}}", f": {value}}}")
        more = "".join(BATON_MORE.format(number=number, port=port, chain=chain) for number, port in enumerate(free_ports(3)))
        self.configs = [config]
        if options.vary:
            self.configs.append(config.replace("\n  clusters:", more.rstrip() + "\n  clusters:"))

    def config(self):
        """The file of the next generation."""
        number = self.restarts % len(self.configs)
        path = self.path(f"baton{number}.yaml")
        with open(path, "w") as file:
            file.write(self.configs[number])
        return path

    def command(self, epoch):
        options = self.options
        concurrency = options.concurrency[self.restarts % len(options.concurrency)]
        return [self.binaries[self.restarts % len(self.binaries)], "-c", self.config(), "--base-id",
                self.base_id, "--restart-epoch", str(epoch), "--concurrency", str(concurrency), "--drain-time-s",
                str(options.drain_time), "--parent-shutdown-time-s", str(options.parent_shutdown_time),
                "--probation-time-s", str(options.probation_time), *options.baton_option]

    def start(self):
        first = Generation(self.command("auto"), self.log)
        self.generations.append(first)
        if not first.wait("COMMITTED", 30):
            raise RuntimeError(f"baton did not start; see {self.path('baton.log')}")
        wait_until(lambda: accepts(self.http), 10, "baton accepts")

    def current(self):
        return [g for g in self.generations if g.exited is None]

    def restart(self):
        """Starts the next generation and waits until the parent can't take over again. A refusal is tried again."""
        wait_until(lambda: len(self.current()) < self.options.max_generations, 120, "an old generation to end")
        self.restarts += 1
        parent = self.current()[-1]
        for _ in range(100):
            child = Generation(self.command("auto"), self.log)
            self.generations.append(child)
            if child.wait("CONFIRMED", 60):
                break
            time.sleep(0.2)
        else:
            raise RuntimeError(f"no restart in 100 attempts: {child.detail}; see {self.path('baton.log')}")
        self.memory.append([memory_kib(parent.pid), memory_kib(child.pid)])
        return {
            "pid": child.pid,
            "parent": parent.pid,
            "spawned": child.spawned,
            "ready": child.phases.get("LISTENING"),
            "commit": child.phases.get("COMMITTED"),
        }

    def disturb(self, chance):
        """Begins a restart and kills or stops one of the two at a random moment. Returns what was done. Afterwards one
        process serves: the child if it came far enough, else the parent, else a third that is started then."""
        parent = self.current()[-1]
        child = Generation(self.command("auto"), self.log)
        self.generations.append(child)
        time.sleep(chance.uniform(0, self.options.probation_time + 0.3))
        name, victim = chance.choice([("parent", parent), ("child", child)])
        how = chance.choice([signal.SIGKILL, signal.SIGSTOP])
        if victim.exited is not None:
            return f"{name} had ended"
        serves_alone = name == "child" and "CONFIRMED" in child.phases
        if how == signal.SIGKILL and serves_alone:
            return "the child served already"  # a service's death and no restart's
        os.kill(victim.pid, how)
        if how == signal.SIGSTOP:
            time.sleep(chance.uniform(0.1, 1.5 if serves_alone else 8))
            if victim.exited is None:
                os.kill(victim.pid, signal.SIGCONT)
        wait_until(lambda: child.exited is not None or "CONFIRMED" in child.phases, 90, "the restart to be settled")
        if victim is parent and how == signal.SIGKILL and child.exited is not None:
            self.start()  # it died before the child had its sockets
            return "SIGKILL to the parent, alone"
        return f"{how.name} to the {name}"

    def kill_drainer(self):
        """SIGKILL to the oldest generation that drains, if there is one."""
        draining = self.current()[:-1]
        if draining:
            os.kill(draining[0].pid, signal.SIGKILL)
        return bool(draining)

    def pids(self):
        return [g.pid for g in self.current()]

    def counters(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/stats?format=json", timeout=10) as answer:
            stats = json.load(answer)["stats"]
        return {entry["name"]: entry["value"] for entry in stats if "value" in entry}

    def parent_exit_times(self, restarts):
        by_pid = {g.pid: g for g in self.generations}
        return [by_pid[r["parent"]].exited - r["commit"] for r in restarts
                if r.get("commit") and by_pid.get(r["parent"]) and by_pid[r["parent"]].exited]

    def stop(self):
        for generation in self.current():
            os.kill(generation.pid, signal.SIGTERM)
        for generation in self.generations:
            try:
                wait_until(lambda: generation.exited is not None, 20, "exit")
            except RuntimeError:
                os.kill(generation.pid, signal.SIGKILL)
        self.log.close()

    def leftovers(self):
        """What must not be there after the last exit."""
        wanted = f"_{self.base_id}"
        return [entry for entry in os.listdir("/dev/shm") if entry.endswith(wanted)]


class KilledBaton(Baton):
    """Negative control: kill and start, without hot restart. Must show failures."""

    name = "baton, killed and started"

    def command(self, epoch):
        return super().command(0) + ["--disable-hot-restart"]

    def restart(self):
        self.restarts += 1
        old = self.current()[-1]
        os.kill(old.pid, signal.SIGKILL)
        wait_until(lambda: old.exited is not None, 10, "exit")
        spawned = time.time()
        self.start()
        new = self.current()[-1]
        return {"pid": new.pid, "parent": old.pid, "spawned": spawned, "ready": new.phases.get("LISTENING"),
                "commit": new.phases.get("COMMITTED")}


class ClosingBaton(Baton):
    """Negative control: closes all idle connections when it drains. Must show failures of kept connections."""

    name = "baton, closing idle connections"

    def command(self, epoch):
        return super().command(epoch) + ["--drain-strategy", "immediate"]


class BlueGreen(Baton):
    """No hot restart: two of them under two base ids share the ports (SO_REUSEPORT); when the new one accepts, the old one
    is told to end and drains."""

    name = "baton, blue/green"

    def command(self, epoch):
        command = super().command(0)
        command[command.index("--base-id") + 1] = str(int(self.base_id) + 50_000 * (1 + self.restarts % 1000))
        return command + ["--sigterm-drain-time-s", str(self.options.drain_time)]

    def config(self):
        # Each has an admin port of its own.
        path = super().config()
        with open(path) as file:
            text = file.read()
        with open(path, "w") as file:
            file.write(text.replace(f"port_value: {self.admin}}}", "port_value: 0}", 1))
        return path

    def restart(self):
        wait_until(lambda: len(self.current()) < self.options.max_generations, 120, "an old process to end")
        self.restarts += 1
        old = self.current()[-1]
        spawned = time.time()
        self.start()
        new = self.current()[-1]
        os.kill(old.pid, signal.SIGTERM)
        return {"pid": new.pid, "parent": old.pid, "spawned": spawned, "ready": new.phases.get("LISTENING"),
                "commit": time.time()}

    def counters(self):
        return {}  # of two sets, neither is the whole


NGINX_CONFIG = """
user root;
daemon on;
worker_processes WORKERS;
pid DIRECTORY/nginx.pid;
error_log DIRECTORY/nginx.log;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path DIRECTORY/body;
  proxy_temp_path DIRECTORY/proxy;
  fastcgi_temp_path DIRECTORY/fastcgi;
  uwsgi_temp_path DIRECTORY/uwsgi;
  scgi_temp_path DIRECTORY/scgi;
  upstream backend { server 127.0.0.1:BACKEND; keepalive 64; }
  map $http_upgrade $connection_header { default upgrade; "" ""; }
  ssl_session_cache shared:bench:10m;
  ssl_certificate DIRECTORY/bench.pem;
  ssl_certificate_key DIRECTORY/bench-key.pem;
  server {
    listen 127.0.0.1:HTTP;
    listen 127.0.0.1:TLS ssl;
    proxy_request_buffering off;
    proxy_buffering off;
    keepalive_requests 1000000;
    location / {
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_header;
    }
  }
}
"""


class Nginx(Proxy):
    """Debian's nginx, upgraded as its manual says: USR2 to the old master, then QUIT when the new one is there."""

    name = "nginx"

    def __init__(self, directory, backend, echo, workers):
        super().__init__(directory, backend, echo)
        self.leaving = None
        config = NGINX_CONFIG
        for word, value in (("WORKERS", workers), ("DIRECTORY", directory), ("BACKEND", backend), ("HTTP", self.http),
                            ("TLS", self.tls)):
            config = config.replace(word, str(value))
        with open(self.path("nginx.conf"), "w") as file:
            file.write(config)

    def master(self):
        with open(self.path("nginx.pid")) as file:
            return int(file.read() or 0)

    def start(self):
        subprocess.run(["/usr/sbin/nginx", "-c", self.path("nginx.conf")], check=True, cwd=self.directory)
        wait_until(lambda: os.path.exists(self.path("nginx.pid")) and accepts(self.http), 10, "nginx accepts")

    def restart(self):
        # While an old master drains, another upgrade is ignored.
        wait_until(lambda: self.leaving is None or not alive(self.leaving), 120, "the old nginx ends")
        old = self.leaving = self.master()
        spawned = time.time()
        os.kill(old, signal.SIGUSR2)
        wait_until(lambda: os.path.exists(self.path("nginx.pid")) and self.master() not in (0, old), 20, "new master")
        # Its workers must be there before the old ones go.
        wait_until(lambda: children(self.master()), 10, "new workers")
        time.sleep(0.1)
        commit = time.time()
        os.kill(old, signal.SIGQUIT)
        return {"pid": self.master(), "parent": old, "spawned": spawned, "ready": commit, "commit": commit}

    def pids(self):
        masters = [self.master()]
        return masters + [child for master in masters for child in children(master)]

    def stop(self):
        master = self.master()
        os.kill(master, signal.SIGTERM)
        wait_until(lambda: not alive(master), 20, "nginx ends")


HAPROXY_CONFIG = """
global
  nbthread WORKERS
  maxconn 4096
  stats socket DIRECTORY/haproxy.sock mode 600 level admin expose-fd listeners
  hard-stop-after 60s
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
frontend http
  bind 127.0.0.1:HTTP
  bind 127.0.0.1:TLS ssl crt DIRECTORY/both.pem
  default_backend backend
backend backend
  http-reuse always
  server one 127.0.0.1:BACKEND
frontend tcp
  mode tcp
  bind 127.0.0.1:TCP
  default_backend echo
backend echo
  mode tcp
  server one 127.0.0.1:ECHO
"""


class Haproxy(Proxy):
    """Debian's HAProxy: a new process takes the sockets over (-x) and tells the old one to finish (-sf)."""

    name = "haproxy"

    def __init__(self, directory, backend, echo, workers):
        super().__init__(directory, backend, echo)
        with open(self.path("both.pem"), "w") as both:
            for part in (self.certificate, self.key):
                with open(part) as file:
                    both.write(file.read())
        config = HAPROXY_CONFIG
        for word, value in (("WORKERS", workers), ("DIRECTORY", directory), ("BACKEND", backend), ("HTTP", self.http),
                            ("TLS", self.tls), ("TCP", self.tcp), ("ECHO", echo)):
            config = config.replace(word, str(value))
        with open(self.path("haproxy.cfg"), "w") as file:
            file.write(config)
        self.processes = []

    def start(self):
        command = ["/usr/sbin/haproxy", "-db", "-f", self.path("haproxy.cfg")]
        living = [p for p in self.processes if p.poll() is None]
        if living:
            command += ["-x", self.path("haproxy.sock"), "-sf", *(str(p.pid) for p in living)]
        log = open(self.path("haproxy.log"), "ab")
        self.processes.append(subprocess.Popen(command, stdout=log, stderr=log))
        log.close()
        wait_until(lambda: accepts(self.http), 10, "haproxy accepts")

    def restart(self):
        old = self.processes[-1]
        spawned = time.time()
        self.start()
        time.sleep(0.1)
        commit = time.time()
        return {"pid": self.processes[-1].pid, "parent": old.pid, "spawned": spawned, "ready": commit,
                "commit": commit}

    def pids(self):
        return [p.pid for p in self.processes if p.poll() is None]

    def stop(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()


def memory_kib(pid):
    try:
        with open(f"/proc/{pid}/status") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []
