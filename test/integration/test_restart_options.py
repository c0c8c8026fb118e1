"""The options of hot restarts, each by what one sees of it."""
import json
import os
import socket
import subprocess

import pytest

from conftest import (BINARY, DEADLINE, bootstrap, cluster, forward_all, free_port, http_filter, listener, request, tls_context,
                      wait_for)

FAST = ("--probation-time-s", "0", "--drain-time-s", "1", "--parent-shutdown-time-s", "20")
LONG = ("--probation-time-s", "0", "--drain-time-s", "600", "--parent-shutdown-time-s", "600")
COUNTER = "http.test.downstream_rq_2xx"


@pytest.fixture
def one(upstream):
    return cluster("one", upstream().server_address[1])


@pytest.fixture
def config(one):
    return bootstrap([listener("web", http_filter(forward_all("one")), port=free_port())], [one])


def test_dynamic_base_ids_are_free_ones_and_written_where_told(baton, one, tmp_path):
    def start(name):
        process = baton(bootstrap([listener("web", http_filter(forward_all("one")))], [one]), "--use-dynamic-base-id", "--base-id-path",
                        tmp_path / name, base_id=0, epoch=0)
        text = (tmp_path / name).read_text()
        assert text == f"{int(text)}\n"
        return process, int(text)

    (first, first_id), (_, second_id) = start("first"), start("second")
    assert first_id != second_id and 0 not in (first_id, second_id)
    assert os.path.exists(f"/dev/shm/baton_shared_memory_{first_id}")
    # It is a base id like any other.
    child = baton(bootstrap([listener("web", http_filter(forward_all("one")))], [one]), *FAST, base_id=first_id, epoch="auto")
    assert first.wait_ended() == 0
    assert child.stat("server.hot_restart_epoch") == 1


def test_without_the_parent_s_stats_a_child_counts_from_0(baton, base_id, config):
    parent = baton(config, *FAST, base_id=base_id, epoch=0)
    assert request(parent.port("web")).status == 200
    child = baton(config, *FAST, "--skip-hot-restart-parent-stats", base_id=base_id, epoch=1)
    assert parent.wait_ended() == 0
    assert child.stat(COUNTER) == 0
    assert request(child.port("web")).status == 200
    assert child.stat(COUNTER) == 1


@pytest.mark.parametrize("mode", ["600", "640", "660"])
def test_the_mode_of_a_socket_that_is_a_path(baton, base_id, config, tmp_path, mode):
    path = tmp_path / "restart"
    baton(config, "--socket-path", path, "--socket-mode", mode, base_id=base_id, epoch=0)
    assert oct((tmp_path / f"restart_{base_id}").stat().st_mode & 0o777) == f"0o{mode}"


def losing(one, certificate):
    """A parent's configuration, a child's, and what the child's would lose."""
    web, tls, gone = (free_port() for _ in range(3))
    before = bootstrap([listener("web", http_filter(forward_all("one")), port=web),
                        listener("gone", http_filter(forward_all("one")), port=gone),
                        listener("tls", http_filter(forward_all("one")), port=tls, tls=tls_context(certificate))],
                       [one, {**one, "name": "two"}])
    after = bootstrap([listener("web", http_filter(forward_all("one")), port=web),
                       listener("tls", http_filter(forward_all("one")), port=tls)], [one])
    losses = [f"listener 127.0.0.1:{gone} is not in the new configuration",
              f"listener 127.0.0.1:{tls} has no TLS in the new configuration", "cluster two is not in the new configuration"]
    return before, after, losses, web


def test_parity_refuse_ends_a_child_that_would_lose_something(baton, base_id, one, certificate):
    before, after, losses, web = losing(one, certificate)
    parent = baton(before, base_id=base_id, epoch=0)
    child = baton(after, "--restart-parity", "refuse", base_id=base_id, epoch=1, wait=False)
    assert child.wait_ended() == 1
    assert f"baton: --restart-parity refuse: {losses[0]}\n" in child.output()
    assert request(web).status == 200
    assert [one["state"] for one in json.loads(parent.admin("/generations"))["generations"]] == ["serving"]


def test_parity_warn_says_what_is_lost_and_goes_on(baton, base_id, one, certificate):
    before, after, losses, web = losing(one, certificate)
    parent = baton(before, *FAST, base_id=base_id, epoch=0)
    child = baton(after, *FAST, base_id=base_id, epoch=1)
    assert parent.wait_ended() == 0
    for loss in losses:
        assert f"parity: {loss}" in child.output()
    assert request(web).status == 200


def test_a_listener_that_the_child_does_not_have_serves_until_the_parent_drains(baton, base_id, one):
    web, gone = free_port(), free_port()
    kept = listener("web", http_filter(forward_all("one")), port=web)
    parent = baton(bootstrap([kept, listener("gone", http_filter(forward_all("one")), port=gone)], [one]), *LONG, base_id=base_id,
                   epoch=0)
    with socket.create_connection(("127.0.0.1", gone), timeout=DEADLINE) as client:
        wait_for(lambda: parent.stat("http.test.downstream_cx_active") == 1, "the connection")
        baton(bootstrap([kept], [one]), *LONG, base_id=base_id, epoch=1)
        wait_for(lambda: "drains" in parent.output(), "the drain")
        with pytest.raises(ConnectionRefusedError):
            request(gone)
        client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")
    assert parent.wait_ended() == 0


def test_connections_of_the_parents_and_of_all(baton, base_id, config):
    parent = baton(config, *LONG, base_id=base_id, epoch=0)
    port = parent.port("web")
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE):
        wait_for(lambda: parent.stat("http.test.downstream_cx_active") == 1, "the connection")
        child = baton(config, *LONG, base_id=base_id, epoch=1)
        wait_for(lambda: "drains" in parent.output(), "the drain")
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE):
            wait_for(lambda: child.stat("http.test.downstream_cx_active") == 2, "both connections")
            wait_for(lambda: child.stat("server.parent_connections") == 1, "the parent's")
            wait_for(lambda: child.stat("server.total_connections") == 2, "all")
        assert child.stat("server.hot_restart_epoch") == 1
        assert child.stat("server.hot_restart_generation") == 2
    assert parent.wait_ended() == 0


@pytest.mark.parametrize("options, message", [
    (("--parent-shutdown-time-s", "5", "--drain-time-s", "6"), "--parent-shutdown-time-s"),
    (("--restart-epoch", "x"), "--restart-epoch"),
    (("--restart-parity", "maybe"), "--restart-parity"),
    (("--drain-strategy", "sudden"), "--drain-strategy"),
    (("--socket-mode", "9"), "--socket-mode"),
    (("--max-stats", "0"), "stats"),
])
def test_values_that_make_no_sense(options, message, config, tmp_path, base_id):
    (tmp_path / "baton.yaml").write_text(json.dumps(config))
    done = subprocess.run([BINARY, "-c", str(tmp_path / "baton.yaml"), "--base-id", str(base_id), "--log-path", os.devnull, *options],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 1
    assert message in done.stderr
