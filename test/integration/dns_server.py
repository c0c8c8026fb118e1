"""A small DNS server for tests: answers A and AAAA questions by UDP and TCP on one loopback port."""
import contextlib
import socket
import struct
import threading

import pytest
from conftest import address, cluster

CARES = "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig"
A, AAAA = 1, 28
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
SILENT = "silent"
TRUNCATED = "truncated"


class DnsServer:
    """set() says what a name is; every question is kept in `questions` as (name, type, "udp" or "tcp")."""

    def __init__(self):
        self.names = {}
        self.questions = []
        self.lock = threading.Lock()
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.port = self.tcp.getsockname()[1]
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", self.port))
        for serve in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=serve, daemon=True).start()

    def set(self, name, *addresses, ttl=60, kind=None, fails=None):
        """Addresses of a name, in order; of one kind only when `kind` says so. `fails`: SERVFAIL, NXDOMAIN, SILENT, or
        TRUNCATED, which answers by TCP only. A name that is not set does not exist."""
        with self.lock:
            for record in (A, AAAA) if kind is None else (kind,):
                found = [address for address in addresses if (":" in address) == (record == AAAA)]
                self.names[name, record] = (found, ttl, fails)

    def asked(self, name, kind=None, by=None):
        with self.lock:
            return sum(1 for question in self.questions
                       if question[0] == name and kind in (None, question[1]) and by in (None, question[2]))

    def end(self):
        for opened in (self.tcp, self.udp):
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()

    def serve_udp(self):
        with contextlib.suppress(OSError):
            while True:
                question, client = self.udp.recvfrom(4096)
                if not question:  # the socket was shut down
                    return
                answer = self.answer(question, "udp")
                if answer:
                    self.udp.sendto(answer, client)

    def serve_tcp(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.tcp.accept()
                threading.Thread(target=self.serve_client, args=(client,), daemon=True).start()

    def serve_client(self, client):
        with client, contextlib.suppress(OSError), client.makefile("rb") as stream:
            while True:
                size = stream.read(2)
                if len(size) < 2:
                    return
                answer = self.answer(stream.read(struct.unpack("!H", size)[0]), "tcp")
                if answer:
                    client.sendall(struct.pack("!H", len(answer)) + answer)

    def answer(self, question, by):
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode())
            at += 1 + question[at]
        name, kind = ".".join(labels).lower(), struct.unpack("!H", question[at + 1:at + 3])[0]
        with self.lock:
            self.questions.append((name, kind, by))
            addresses, ttl, fails = self.names.get((name, kind), ([], 0, NXDOMAIN))
        if fails == SILENT:
            return None
        truncated = fails == TRUNCATED and by == "udp"
        code = fails if fails in (SERVFAIL, NXDOMAIN) else NOERROR
        if truncated or code != NOERROR:
            addresses = []
        flags = 0x8180 | code | (0x0200 if truncated else 0)
        answer = question[:2] + struct.pack("!HHHHH", flags, 1, len(addresses), 0, 0) + question[12:at + 5]
        for address in addresses:
            data = socket.inet_pton(socket.AF_INET6 if kind == AAAA else socket.AF_INET, address)
            answer += struct.pack("!HHHIH", 0xc00c, kind, 1, ttl, len(data)) + data
        return answer


@pytest.fixture
def dns():
    server = DnsServer()
    yield server
    server.end()


def resolver(port, **fields):
    return {"name": "envoy.network.dns_resolver.cares",
            "typed_config": {"@type": CARES, "resolvers": [address(port)], **fields}}


def named(kind, name, port, **fields):
    """A cluster `web` of one name. Looks it up anew all the time, so that changes are seen at once."""
    made = cluster("web", **{"type": kind, "dns_refresh_rate": "0.05s", "dns_lookup_family": "V4_ONLY", **fields})
    made["load_assignment"]["endpoints"] = [{"lb_endpoints": [{"endpoint": {"address": address(port, name)}}]}]
    return made
