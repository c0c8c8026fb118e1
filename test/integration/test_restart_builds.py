"""Hot restarts between two builds: upgrade and downgrade, with the same and with another layout of the stats region."""
import http.client
import json
import os
import signal
import socket
import subprocess
import threading

import pytest

from conftest import (BINARY, DEADLINE, ROOT, bootstrap, cluster, forward_all, free_port, http_filter, listener, request,
                      tcp_filter, wait_for)
from load import Load

OTHER = os.environ.get("BATON_OTHER_BINARY", str(ROOT / "bazel-bin/test/other_build/baton"))
FAST = ("--probation-time-s", "0", "--drain-time-s", "1", "--parent-shutdown-time-s", "40")
SAME_LAYOUT, OTHER_LAYOUT = {}, {"BATON_TEST_LAYOUT": "2"}
STARTS = "server.starts_of_the_other_build"


@pytest.fixture
def config(upstream):
    return bootstrap([listener("web", http_filter(forward_all("one")), port=free_port())],
                     [cluster("one", upstream().server_address[1])])


@pytest.mark.parametrize("environment", [SAME_LAYOUT, OTHER_LAYOUT], ids=["same layout", "other layout"])
def test_up_and_down_and_up_again_under_load_loses_no_count(baton, base_id, config, environment):
    process = baton(config, *FAST, base_id=base_id, epoch=0)
    assert process.stat("server.version") > 0
    traffic = Load(process.port("web"), pause=0.003, each=2)
    try:
        for epoch in range(1, 5):
            binary = OTHER if epoch % 2 else BINARY
            child = baton(config, *FAST, base_id=base_id, epoch=epoch, binary=binary, environment=environment)
            assert process.wait_ended() == 0, process.output()
            assert ("stats cross by messages" in process.output()) == bool(environment)
            process = child
            # Unknown stats are kept, new ones are added.
            assert process.stat(STARTS) == (epoch + 1) // 2
            assert process.stat("other_build.counter_1199") == 1199 * process.stat(STARTS)
            assert process.stat("server.other_builds") == epoch % 2
    finally:
        traffic.end()
    assert traffic.failures == []
    wait_for(lambda: process.stat("http.test.downstream_cx_active") == 0, "connections to be counted out")
    stats = process.stats()
    assert traffic.answered > 20
    assert stats["http.test.downstream_rq_completed"] == stats["http.test.downstream_rq_2xx"] == traffic.answered
    assert stats["cluster.one.upstream_rq_completed"] == traffic.answered
    assert stats["server.hot_restart.completed"] == 4


def slow_server(release):
    def answer(connection):
        connection.recv(65536)
        release.wait(DEADLINE)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate")
    return answer


def test_what_a_grandparent_counts_last_reaches_the_grandchild(baton, base_id, tcp_server):
    release = threading.Event()
    config = bootstrap([listener("web", http_filter(forward_all("one", timeout="0s")), port=free_port())],
                       [cluster("one", tcp_server(slow_server(release)))])
    first = baton(config, *FAST, base_id=base_id, epoch=0)
    client = http.client.HTTPConnection("127.0.0.1", first.port("web"), timeout=DEADLINE)
    client.request("GET", "/")
    wait_for(lambda: first.stat("http.test.downstream_rq_active") == 1, "the request to arrive")
    second = baton(config, *FAST, base_id=base_id, epoch=1, binary=OTHER, environment=OTHER_LAYOUT)
    third = baton(config, *FAST, base_id=base_id, epoch=2)

    def generations():
        return json.loads(third.admin("/generations"))["generations"]
    wait_for(lambda: [one["state"] for one in generations()] == ["draining", "draining", "serving"], "all three to be known")
    now = generations()
    assert [one["epoch"] for one in now] == [0, 1, 2]
    assert [one["pid"] for one in now] == [one.process.pid for one in (first, second, third)]
    assert now[0]["connections_by_kind"] == {"http1": 1} and now[0]["waits_for"] == "connections to end"
    assert now[1]["connections"] == 0 and now[1]["waits_for"] == "its own parent, whose stats it hands on"
    assert 0 < now[0]["seconds_left"] <= 40
    assert third.stat("http.test.downstream_rq_active") == 1
    release.set()
    assert client.getresponse().read() == b"late"
    client.close()
    assert first.wait_ended() == 0 and second.wait_ended() == 0
    wait_for(lambda: third.stat("http.test.downstream_rq_active") == 0, "the gauge to go down")
    assert third.stat("http.test.downstream_rq_2xx") == 1
    assert [one["epoch"] for one in generations()] == [2]


def test_a_parent_that_is_ended_in_probation_tells_its_counts(baton, base_id, config):
    parent = baton(config, *FAST, base_id=base_id, epoch=0)
    port = parent.port("web")
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    client.request("GET", "/")
    client.getresponse().read()
    child = baton(config, "--probation-time-s", "600", base_id=base_id, epoch=1, binary=OTHER, environment=OTHER_LAYOUT)
    wait_for(lambda: "phase COMMITTED" in child.output(), "the take-over")
    # On the parent's connection, and nothing between the last one and its end.
    for _ in range(50):
        client.request("GET", "/")
        client.getresponse().read()
    parent.send_signal(signal.SIGTERM)
    assert parent.wait_ended() == 0
    assert request(port).status == 200
    assert child.stat("http.test.downstream_rq_2xx") == 52


def test_a_stopped_child_does_not_keep_its_parent_and_gets_its_last_counts(baton, base_id, tcp_server):
    def echo(connection):
        while data := connection.recv(65536):
            connection.sendall(data)

    config = bootstrap([listener("tcp", tcp_filter("one"), port=free_port())], [cluster("one", tcp_server(echo))])
    parent = baton(config, *FAST, base_id=base_id, epoch=0, binary=OTHER, environment=OTHER_LAYOUT)
    with socket.create_connection(("127.0.0.1", parent.port("tcp")), timeout=DEADLINE) as client:
        child = baton(config, *FAST, base_id=base_id, epoch=1)
        wait_for(lambda: "drains" in parent.output(), "the parent to drain")
        child.send_signal(signal.SIGSTOP)
        client.sendall(b"x" * 1000)
        assert client.recv(1000)
    assert parent.wait_ended() == 0
    child.send_signal(signal.SIGCONT)
    wait_for(lambda: child.stat("tcp.tcp.downstream_cx_rx_bytes_total") == 1000, "the last counts")
    assert child.stat("other_build.counter_1199") == 1199
    wait_for(lambda: child.stat("tcp.tcp.downstream_cx_active") == 0, "the parent's gauges to go")


@pytest.mark.parametrize("parent_binary, child_binary, parents, childs", [(BINARY, OTHER, 1, 2), (OTHER, BINARY, 2, 1)],
                         ids=["upgrade", "downgrade"])
def test_another_protocol_is_refused(baton, base_id, config, parent_binary, child_binary, parents, childs):
    environment = {"BATON_TEST_PROTOCOL": "2"}
    parent = baton(config, base_id=base_id, epoch=0, binary=parent_binary, environment=environment)
    child = baton(config, base_id=base_id, epoch=1, wait=False, binary=child_binary, environment=environment)
    assert child.wait_ended() == 1
    line = f"refused by the parent: hot restart protocol {childs} does not fit the parent's {parents}"
    assert f"baton: {line}\n" in child.output()
    assert request(parent.port("web")).status == 200
    assert parent.stat("server.hot_restart.refused") == 1
    assert parent.admin("/hot_restart_version").startswith(f"{parents}.1.16384.256.")


def test_the_version_for_hot_restarts_tells_builds_apart():
    def asked(binary, **environment):
        return subprocess.run([binary, "--hot-restart-version"], env={**os.environ, **environment}, capture_output=True,
                              text=True, check=True).stdout
    ours = asked(BINARY)
    assert asked(OTHER) == ours
    assert asked(OTHER, BATON_TEST_PROTOCOL="7") == "7." + ours.split(".", 1)[1]
    assert asked(OTHER, BATON_TEST_LAYOUT="9") == "1.9." + ours.split(".", 2)[2]


def test_upgrade_starts_the_binary_it_is_told_to(baton, base_id, config, tmp_path):
    parent = baton(config, *FAST, base_id=base_id, epoch=0)
    with open(tmp_path / "out", "wb") as out:
        done = subprocess.run([BINARY, "upgrade", "--binary", OTHER, "--wait", "-c", str(parent.config_file), "--base-id",
                               str(base_id), "--log-path", str(tmp_path / "log"), "--admin-address-path",
                               str(tmp_path / "admin"), *FAST], stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=DEADLINE)
    printed = (tmp_path / "out").read_text()
    assert done.returncode == 0, printed
    pid = int(printed.split("pid ")[1].split()[0])
    try:
        assert parent.wait_ended() == 0
        host, port = (tmp_path / "admin").read_text().rsplit(":", 1)
        assert "0.2.0" in request(int(port), "/server_info").json()["version"]
    finally:
        os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not os.path.exists(f"/dev/shm/baton_lock_{base_id}"), "the upgraded process to end")
