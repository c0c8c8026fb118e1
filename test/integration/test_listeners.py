"""Listening sockets of the real binary: kinds of addresses, sockets of workers, options, and who gets a connection."""
import contextlib
import ctypes
import json
import os
import re
import signal
import socket
import stat
import struct
import tempfile

import pytest

from conftest import DEADLINE, address, bootstrap, free_port, http_filter, listener, request, wait_for

ECHO = {"name": "echo", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo"}}
ANSWER = [{"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "ok"}}}]
TCP_LISTEN = "0A"


def listening(process, port):
    """The descriptors of the process's sockets that listen on the port, of different sockets."""
    inodes = {}
    for family in ("tcp", "tcp6"):
        with open(f"/proc/{process.process.pid}/net/{family}") as table:
            for line in list(table)[1:]:
                fields = line.split()
                if fields[3] == TCP_LISTEN and int(fields[1].rsplit(":", 1)[1], 16) == port:
                    inodes[f"socket:[{fields[9]}]"] = None
    directory = f"/proc/{process.process.pid}/fd"
    for name in os.listdir(directory):
        with contextlib.suppress(OSError):
            target = os.readlink(f"{directory}/{name}")
            if target in inodes:
                inodes[target] = int(name)
    return [fd for fd in inodes.values() if fd is not None]


@contextlib.contextmanager
def socket_of(process, fd):
    """The process's own socket, as a copy of its descriptor."""
    pid_fd = os.pidfd_open(process.process.pid)
    try:
        copy = ctypes.CDLL(None, use_errno=True).syscall(438, pid_fd, fd, 0)  # pidfd_getfd
    finally:
        os.close(pid_fd)
    if copy < 0:
        pytest.skip(f"pidfd_getfd is not allowed here: {os.strerror(ctypes.get_errno())}")
    with socket.socket(fileno=copy) as one:
        yield one


def options_of(process, port, *wanted):
    (fd, *_) = listening(process, port)
    with socket_of(process, fd) as one:
        return [one.getsockopt(level, name) for level, name in wanted]


def echoes(client):
    client.settimeout(DEADLINE)
    client.sendall(b"hello")
    return client.recv(100) == b"hello"


@pytest.fixture
def short_directory():
    with tempfile.TemporaryDirectory(prefix="bl", dir="/tmp") as directory:
        yield directory


def refused(baton, config, *options):
    process = baton(config, *options, wait=False)
    assert process.wait_ended() == 1
    return process.output()


# --- addresses ---

def test_ipv4_and_ipv6_listeners_and_additional_addresses_share_one_listener(baton):
    one = listener("web", ECHO, additional_addresses=[{"address": address(0, "::1")}, {"address": address(0, "127.0.0.2")}])
    process = baton(bootstrap([one]))
    (status,) = [entry for entry in json.loads(process.admin("/listeners?format=json"))["listener_statuses"]
                 if entry["name"] == "web"]
    bound = [status["local_address"], *status["additional_local_addresses"]]
    bound = [(each["socket_address"]["address"], each["socket_address"]["port_value"]) for each in bound]
    assert [host for host, _ in bound] == ["127.0.0.1", "::1", "127.0.0.2"]
    assert all(port > 0 for _, port in bound)
    for host, port in bound:
        with socket.create_connection((host, port), timeout=DEADLINE) as client:
            assert echoes(client)


@pytest.mark.parametrize("compatible", [False, True])
def test_an_ipv6_wildcard_takes_ipv4_clients_only_with_ipv4_compat(baton, compatible):
    one = listener("web", ECHO)
    one["address"] = {"socket_address": {"address": "::", "port_value": 0, "ipv4_compat": compatible}}
    process = baton(bootstrap([one]))
    port = process.port("web")
    with socket.create_connection(("::1", port), timeout=DEADLINE) as client:
        assert echoes(client)
    if compatible:
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as client:
            assert echoes(client)
    else:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)


def test_a_unix_socket_has_the_configured_mode_and_replaces_one_that_nobody_listens_on(baton, short_directory):
    path = f"{short_directory}/web"
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(path)
        left_over.listen()
    one = {**listener("web", ECHO), "address": {"pipe": {"path": path, "mode": 0o640}}}
    process = baton(bootstrap([one]))
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        assert echoes(client)
    assert process.stat("listener." + path + ".downstream_cx_total") == 1


def test_a_unix_socket_in_use_and_a_file_that_is_no_socket_are_left_alone(baton, short_directory):
    path = f"{short_directory}/web"
    one = {**listener("web", ECHO), "address": {"pipe": {"path": path}}}
    first = baton(bootstrap([one]))
    output = refused(baton, bootstrap([one]))
    assert f"listener 'web' can't listen on {path}" in output and "in use" in output
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        assert echoes(client)
    assert first.process.poll() is None

    file = f"{short_directory}/file"
    with open(file, "w") as kept:
        kept.write("kept")
    output = refused(baton, bootstrap([{**one, "address": {"pipe": {"path": file}}}]))
    assert f"can't listen on {file}" in output
    with open(file) as kept:
        assert kept.read() == "kept"


def test_an_abstract_unix_socket_needs_no_file(baton, base_id):
    name = f"@baton_test_{base_id}"
    process = baton(bootstrap([{**listener("web", http_filter(ANSWER)), "address": {"pipe": {"path": name}}}]))
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(DEADLINE)
        client.connect("\0" + name[1:])
        client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
    assert not os.path.exists(name)
    assert process.process.poll() is None


def test_a_tcp_port_in_use_is_an_error_that_names_listener_and_address(baton):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        output = refused(baton, bootstrap([listener("web", ECHO, port=port)]))
    assert f"listener 'web' can't listen on 127.0.0.1:{port}" in output and "in use" in output


def test_two_listeners_on_one_address_are_refused(baton):
    port = free_port()
    output = refused(baton, bootstrap([listener("one", ECHO, port=port), listener("two", ECHO, port=port)]))
    assert "static_resources.listeners[1].address" in output
    assert "also the address of static_resources.listeners[0]" in output and str(port) in output


# --- sockets of workers, options ---

@pytest.mark.parametrize("fields, sockets", [({}, 3), ({"enable_reuse_port": False}, 1), ({"reuse_port": False}, 1)])
def test_every_worker_has_its_own_socket_unless_reuse_port_is_off(baton, fields, sockets):
    process = baton(bootstrap([listener("web", ECHO, **fields)]), "--concurrency", "3")
    port = process.port("web")
    assert len(listening(process, port)) == sockets
    (reuse,) = options_of(process, port, (socket.SOL_SOCKET, socket.SO_REUSEPORT))
    assert bool(reuse) == (sockets > 1)
    with contextlib.ExitStack() as clients:
        for _ in range(20):
            assert echoes(clients.enter_context(socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)))


def test_the_backlog_is_what_is_configured(baton):
    process = baton(bootstrap([listener("web", ECHO, tcp_backlog_size=17), listener("most", ECHO)]))
    with open("/proc/sys/net/core/somaxconn") as limit:
        largest = int(limit.read())

    def backlog(port):
        (fd,) = listening(process, port)
        with socket_of(process, fd) as one:
            # tcp_info of a listener: tcpi_sacked is its backlog.
            return struct.unpack_from("I", one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192), 28)[0]

    assert backlog(process.port("web")) == 17
    assert backlog(process.port("most")) == largest


def test_socket_options_are_set_at_their_time_on_every_address(baton):
    one = listener("web", ECHO, additional_addresses=[{"address": address(0, "127.0.0.2")}], freebind=True,
                   tcp_fast_open_queue_length=9, socket_options=[
                       {"level": socket.SOL_SOCKET, "name": socket.SO_KEEPALIVE, "int_value": 1, "state": "STATE_PREBIND"},
                       {"level": socket.IPPROTO_TCP, "name": socket.TCP_KEEPIDLE, "int_value": 77, "state": "STATE_BOUND"},
                       {"level": socket.IPPROTO_TCP, "name": socket.TCP_DEFER_ACCEPT,
                        "buf_value": "AwAAAA==", "state": "STATE_LISTENING"}])
    process = baton(bootstrap([one]))
    (status,) = json.loads(process.admin("/listeners?format=json"))["listener_statuses"]
    for each in [status["local_address"], *status["additional_local_addresses"]]:
        found = options_of(process, each["socket_address"]["port_value"], (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                           (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE), (socket.IPPROTO_TCP, socket.TCP_FASTOPEN),
                           (socket.IPPROTO_IP, 15))  # IP_FREEBIND
        assert found == [1, 77, 9, 1]
        assert options_of(process, each["socket_address"]["port_value"], (socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT)) != [0]


def test_an_additional_address_may_have_socket_options_of_its_own(baton):
    def keeps(idle):
        return [{"level": socket.IPPROTO_TCP, "name": socket.TCP_KEEPIDLE, "int_value": idle}]

    one = listener("web", ECHO, socket_options=keeps(61), additional_addresses=[
        {"address": address(0, "127.0.0.2"), "socket_options": {"socket_options": keeps(62)}},
        {"address": address(0, "127.0.0.3")}])
    process = baton(bootstrap([one]))
    (status,) = json.loads(process.admin("/listeners?format=json"))["listener_statuses"]
    found = [options_of(process, each["socket_address"]["port_value"], (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE))
             for each in [status["local_address"], *status["additional_local_addresses"]]]
    assert found == [[61], [62], [61]]


def test_a_socket_option_that_the_kernel_refuses_ends_the_start_with_its_number(baton):
    output = refused(baton, bootstrap([listener("web", ECHO, socket_options=[{"level": 6, "name": 9999, "int_value": 1}])]))
    assert "listener 'web'" in output and "level 6 name 9999" in output


def test_freebind_listens_on_an_address_that_is_not_up(baton):
    one = {**listener("web", ECHO), "address": address(0, "192.0.2.77")}
    assert "192.0.2.77" in refused(baton, bootstrap([one]))
    process = baton(bootstrap([{**one, "freebind": True}]))
    assert len(listening(process, process.port("web"))) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="IP_TRANSPARENT needs CAP_NET_ADMIN")
def test_transparent_is_set_on_ipv4_and_ipv6(baton):
    process = baton(bootstrap([listener("four", ECHO, transparent=True),
                               {**listener("six", ECHO, transparent=True), "address": address(0, "::1")}]))
    assert options_of(process, process.port("four"), (socket.IPPROTO_IP, 19)) == [1]
    assert options_of(process, process.port("six"), (socket.IPPROTO_IPV6, 75)) == [1]


def test_a_listener_that_does_not_bind_its_port_leaves_it_alone(baton):
    port = free_port()
    process = baton(bootstrap([listener("web", ECHO), listener("unbound", ECHO, port=port, bind_to_port=False)]))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
    assert request(process.admin_address[1], "/ready").status == 200


@pytest.mark.parametrize("limit, most", [(1, 1), (5, 5)])
def test_connections_accepted_in_a_row_stay_below_the_limit(baton, limit, most):
    process = baton(bootstrap([listener("web", ECHO, max_connections_to_accept_per_socket_event=limit)]))
    port = process.port("web")
    process.send_signal(signal.SIGSTOP)
    with contextlib.ExitStack() as clients:
        opened = [clients.enter_context(socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)) for _ in range(20)]
        process.send_signal(signal.SIGCONT)
        assert all(echoes(client) for client in opened)
        line = wait_for(lambda: next((line for line in process.admin("/stats").splitlines() if "P100(" in line and line.startswith(
            "listener.127.0.0.1_0.connections_accepted_per_socket_event")), None), "the histogram")
    # Of the interval and of all time; the latter comes first in a process that has not flushed yet.
    values = [float(value) for value in re.search(r"P100\(([^)]*)\)", line).group(1).split(",")]
    assert max(value for value in values if value == value) <= most * 1.1


# --- who gets a connection ---

def active_by_worker(process, workers):
    stats = process.stats("listener.")
    return [sum(value for name, value in stats.items() if name.endswith(f".worker_{index}.downstream_cx_active"))
            for index in range(workers)]


@pytest.mark.parametrize("reuse_port", [True, False])
def test_exact_balance_keeps_workers_within_one_connection_of_each_other(baton, reuse_port):
    one = listener("web", ECHO, enable_reuse_port=reuse_port, connection_balance_config={"exact_balance": {}})
    process = baton(bootstrap([one]), "--concurrency", "2")
    port = process.port("web")
    clients = []
    try:
        for count in range(1, 42):
            clients.append(socket.create_connection(("127.0.0.1", port), timeout=DEADLINE))
            assert echoes(clients[-1])
            if count % 10 == 1:
                found = active_by_worker(process, 2)
                assert sum(found) == count and max(found) - min(found) <= 1, found
        # All of one worker's connections end; the next ones go there until both have the same.
        for client in clients[:20]:
            client.close()
        wait_for(lambda: sum(active_by_worker(process, 2)) == 21, "ended connections to be counted")
        for _ in range(21):
            clients.append(socket.create_connection(("127.0.0.1", port), timeout=DEADLINE))
            assert echoes(clients[-1])
        found = active_by_worker(process, 2)
        assert sum(found) == 42 and max(found) - min(found) <= 1, found
        for client in clients:
            client.close()
        wait_for(lambda: active_by_worker(process, 2) == [0, 0], "all connections to end")
    finally:
        for client in clients:
            client.close()


def test_exact_balance_runs_listener_filters_where_the_connection_lives(baton):
    one = listener("web", ECHO, connection_balance_config={"exact_balance": {}}, listener_filters=[
        {"name": "proxy", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol"}}])
    process = baton(bootstrap([one]), "--concurrency", "2")
    with contextlib.ExitStack() as clients:
        for _ in range(10):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", process.port("web")), timeout=DEADLINE))
            client.sendall(b"PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r\n")
            assert echoes(client)
        assert active_by_worker(process, 2) == [5, 5]


def test_connections_beyond_the_limit_of_a_listener_are_closed_and_counted(baton):
    process = baton(bootstrap([listener("web", ECHO, max_connections=3)]))
    port = process.port("web")
    with contextlib.ExitStack() as clients:
        kept = [clients.enter_context(socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)) for _ in range(3)]
        assert all(echoes(client) for client in kept)
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as refused_client:
            with contextlib.suppress(ConnectionResetError):
                assert refused_client.recv(1) == b""
        assert all(echoes(client) for client in kept)
        assert process.stat("listener.127.0.0.1_0.downstream_cx_overflow") == 1
    wait_for(lambda: process.stat("listener.127.0.0.1_0.downstream_cx_active") == 0, "the connections to end")
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as client:
        assert echoes(client)


def test_a_connection_lingers_for_the_delayed_close_timeout_of_its_manager(baton):
    def web(name, timeout):
        return listener(name, http_filter(ANSWER, stat_prefix=name, delayed_close_timeout=timeout))

    process = baton(bootstrap([web("long", "600s"), web("short", "1.5s"), web("none", "0s")]))
    with contextlib.ExitStack() as clients:
        for name in ("none", "long", "short"):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", process.port(name)), timeout=DEADLINE))
            client.sendall(b"no request\r\n\r\n")
            answer = b""
            while part := client.recv(1000):
                answer += part
            assert answer.startswith(b"HTTP/1.1 400")
        wait_for(lambda: process.stat("http.short.downstream_cx_delayed_close_timeout") == 1, "the timeout")
        stats = process.stats("http.")
        assert stats["http.long.downstream_cx_active"] == 1  # for longer than a fixed second
        assert stats["http.none.downstream_cx_active"] == 0 and stats["http.none.downstream_cx_delayed_close_timeout"] == 0
    wait_for(lambda: process.stat("http.long.downstream_cx_active") == 0, "the client's end to be seen")
    assert process.stat("http.long.downstream_cx_delayed_close_timeout") == 0
