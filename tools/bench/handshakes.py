#!/usr/bin/env python3
"""A connection for each request: handshakes.py plain|tls|resumed PORT REQUESTS. Prints "N succeeded" as h2load does."""

import socket
import ssl
import sys

REQUEST = b"GET /small HTTP/1.1\r\nHost: bench.test\r\nConnection: close\r\n\r\n"


def answer(connection):
    connection.sendall(REQUEST)
    received = b""
    while True:
        part = connection.recv(65536)
        if not part:
            return received.startswith(b"HTTP/1.1 200")
        received += part


def main():
    kind, port, requests = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    session = None
    good = resumed = 0
    for _ in range(requests):
        try:
            with socket.create_connection(("127.0.0.1", port), 10) as plain:
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if kind == "plain":
                    good += answer(plain)
                    continue
                with context.wrap_socket(plain, server_hostname="bench.test",
                                         session=session if kind == "resumed" else None) as secure:
                    good += answer(secure)
                    resumed += secure.session_reused
                    session = secure.session
        except OSError:
            continue
    print(f"{good} succeeded, {resumed} resumed")


if __name__ == "__main__":
    main()
