"""Hot restarts of the real binary under traffic: nothing fails, counters are continuous, refusals are clear."""
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import (BINARY, DEADLINE, bootstrap, cluster, forward_all, free_port, http_filter, listener, request,
                      tcp_filter, tls_context, wait_for)
from load import Load

FAST = ("--probation-time-s", "1", "--drain-time-s", "1", "--parent-shutdown-time-s", "20")


@pytest.fixture
def config(upstream):
    server = upstream()
    return bootstrap([listener("web", http_filter(forward_all("one")), port=free_port())],
                     [cluster("one", server.server_address[1])])


def test_restarts_under_load_fail_no_request_and_lose_no_count(baton, base_id, config):
    process = baton(config, *FAST, base_id=base_id, epoch=0)
    port = process.port("web")
    load = Load(port)
    try:
        for epoch in range(1, 4):
            child = baton(config, *FAST, base_id=base_id, epoch=epoch)
            assert process.wait_ended() == 0, process.output()
            process = child
    finally:
        load.end()
    assert load.failures == []
    assert load.answered > 20
    wait_for(lambda: process.stat("http.test.downstream_cx_active") == 0, "connections to be counted out")
    stats = process.stats()
    assert stats["http.test.downstream_rq_completed"] == load.answered
    assert stats["http.test.downstream_rq_2xx"] == load.answered
    assert stats["server.hot_restart_epoch"] == 3
    assert stats["server.hot_restart.completed"] == 3


def test_a_request_in_flight_is_finished_by_the_parent(baton, base_id, tcp_server):
    release = threading.Event()

    def slow(connection):
        connection.recv(65536)
        release.wait(DEADLINE)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate")

    config = bootstrap([listener("web", http_filter(forward_all("one", timeout="0s")), port=free_port())],
                       [cluster("one", tcp_server(slow))])
    parent = baton(config, *FAST, base_id=base_id, epoch=0)
    client = http.client.HTTPConnection("127.0.0.1", parent.port("web"), timeout=DEADLINE)
    client.request("GET", "/")
    wait_for(lambda: parent.stat("http.test.downstream_rq_active") == 1, "the request to arrive")
    child = baton(config, *FAST, base_id=base_id, epoch=1)
    wait_for(lambda: "drains" in parent.output(), "the parent to drain")
    assert parent.process.poll() is None
    generations = json.loads(child.admin("/generations"))["generations"]
    assert [entry["epoch"] for entry in generations] == [0, 1]
    release.set()
    response = client.getresponse()
    assert response.read() == b"late"
    assert parent.wait_ended() == 0


def test_a_child_killed_in_probation_is_rolled_back_at_once(baton, base_id, config, record_property):
    # No deadline of the parent's is near: it is the end of the channel that makes it accept again.
    parent = baton(config, *FAST, "--hot-restart-timeout-ms", "60000", base_id=base_id, epoch=0)
    port = parent.port("web")
    load = Load(port)
    try:
        child = baton(config, "--probation-time-s", "60", base_id=base_id, epoch=1)
        wait_for(lambda: "phase COMMITTED" in child.output(), "the take-over")
        began = time.monotonic()
        child.send_signal(signal.SIGKILL)
        child.wait_ended()
        assert request(port).status == 200
        took = time.monotonic() - began
        record_property("rollback_s", took)
        assert took < 5
        wait_for(lambda: "ROLLBACK" in parent.output(), "the rollback")
    finally:
        load.end()
    # Requests that the child had in hand died with it; new connections never failed.
    assert load.refused == []
    assert request(port).status == 200
    assert parent.stat("server.hot_restart.rollbacks") == 1
    # The next attempt is welcome.
    child = baton(config, *FAST, base_id=base_id, epoch=1, name="again")
    assert parent.wait_ended() == 0
    assert request(port).status == 200


def test_a_parent_killed_while_draining_loses_no_count(baton, base_id, config):
    parent = baton(config, "--probation-time-s", "0", "--drain-time-s", "600", "--parent-shutdown-time-s", "900",
                   base_id=base_id, epoch=0)
    port = parent.port("web")
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    for _ in range(50):
        client.request("GET", "/")
        client.getresponse().read()
    child = baton(config, "--probation-time-s", "0", base_id=base_id, epoch=1)
    wait_for(lambda: "drains" in parent.output(), "the parent to drain")
    parent.send_signal(signal.SIGKILL)
    parent.wait_ended()
    for _ in range(10):
        assert request(port).status == 200
    wait_for(lambda: child.stat("http.test.downstream_rq_completed") == 60, "exact counters")
    wait_for(lambda: child.stat("http.test.downstream_cx_active") == 0, "the dead generation's gauges to go")


def test_a_parent_killed_before_the_take_over_leaves_the_child_alone_and_serving(baton, base_id, config):
    parent = baton(config, base_id=base_id, epoch=0)
    port = parent.port("web")
    child = baton(config, "--probation-time-s", "60", base_id=base_id, epoch=1)
    wait_for(lambda: "phase COMMITTED" in child.output(), "the take-over")
    parent.send_signal(signal.SIGKILL)
    parent.wait_ended()
    wait_for(lambda: "phase CONFIRMED" in child.output(), "the child to go on alone")
    assert request(port).status == 200
    again = baton(config, *FAST, base_id=base_id, epoch=2)
    wait_for(lambda: "phase COMMITTED" in again.output(), "a further restart")
    assert request(port).status == 200


@pytest.mark.parametrize("epoch, message", [
    (0, "a live process holds base id {base_id}; take over from it with --restart-epoch auto, or give another --base-id"),
    (5, "refused by the parent: restart epoch 5 is not the parent's epoch 0 + 1"),
])
def test_refusals_are_one_clear_line_and_the_parent_serves_on(baton, base_id, config, epoch, message):
    parent = baton(config, base_id=base_id, epoch=0)
    child = baton(config, base_id=base_id, epoch=epoch, wait=False)
    assert child.wait_ended() == 1
    assert f"baton: {message.format(base_id=base_id)}\n" in child.output()
    assert request(parent.port("web")).status == 200


def test_no_parent_is_refused_unless_told_otherwise(baton, base_id, config):
    child = baton(config, base_id=base_id, epoch=1, wait=False)
    assert child.wait_ended() == 1
    assert (f"baton: no parent under base id {base_id} for restart epoch 1; start with --restart-epoch 0 or auto, or give "
            "--skip-hot-restart-on-no-parent\n") in child.output()
    fresh = baton(config, "--skip-hot-restart-on-no-parent", base_id=base_id, epoch=1)
    assert request(fresh.port("web")).status == 200


def test_auto_is_a_first_start_and_then_a_take_over(baton, base_id, config):
    first = baton(config, *FAST, base_id=base_id, epoch="auto")
    assert first.stat("server.hot_restart_epoch") == 0
    second = baton(config, *FAST, base_id=base_id, epoch="auto")
    assert first.wait_ended() == 0
    assert second.stat("server.hot_restart_epoch") == 1


def test_a_bad_configuration_in_the_child_costs_the_parent_nothing(baton, base_id, config):
    parent = baton(config, base_id=base_id, epoch=0)
    child = baton("static_resources: {listeners: 5}", base_id=base_id, epoch=1, wait=False)
    assert child.wait_ended() == 1
    wait_for(lambda: "called off" in parent.output(), "the parent to notice")
    assert request(parent.port("web")).status == 200
    assert json.loads(parent.admin("/generations"))["generations"][0]["state"] == "serving"


def test_a_port_in_use_in_the_child_costs_the_parent_nothing(baton, base_id, config):
    parent = baton(config, base_id=base_id, epoch=0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        bad = dict(config)
        bad["static_resources"] = {"clusters": config["static_resources"]["clusters"], "listeners": [
            *config["static_resources"]["listeners"],
            listener("more", http_filter(forward_all("one")), port=taken.getsockname()[1])]}
        child = baton(bad, base_id=base_id, epoch=1, wait=False)
        assert child.wait_ended() == 1
        assert "listener 'more' can't listen on" in child.output()
    assert request(parent.port("web")).status == 200


def test_too_few_descriptors_for_the_sockets_end_the_child_with_a_clear_line(baton, base_id, upstream, tmp_path):
    one = cluster("one", upstream().server_address[1])
    many = bootstrap([listener(f"l{n}", http_filter(forward_all("one"))) for n in range(60)], [one])
    parent = baton(many, base_id=base_id, epoch=0)
    config_file = tmp_path / "many.yaml"
    config_file.write_text(json.dumps(many))
    done = subprocess.run(["bash", "-c", f"ulimit -n 100; exec {BINARY} -c {config_file} --base-id {base_id} "
                           "--restart-epoch 1 --concurrency 1"], capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 1
    assert "open-file limit 100 is too low for the 62 sockets that the parent hands over" in done.stderr
    assert request(parent.port("l59")).status == 200


def test_concurrency_may_change_both_ways(baton, base_id, config):
    process = baton(config, *FAST, "--concurrency", "2", base_id=base_id, epoch=0)
    load = Load(process.port("web"))
    try:
        for epoch, concurrency in enumerate((1, 3, 2), 1):
            child = baton(config, *FAST, "--concurrency", str(concurrency), base_id=base_id, epoch=epoch)
            assert process.wait_ended() == 0, process.output()
            process = child
    finally:
        load.end()
    assert load.failures == []


def test_nothing_is_left_after_the_last_exit(baton, base_id, config, tmp_path):
    path = tmp_path / "restart"
    parent = baton(config, *FAST, "--socket-path", str(path), base_id=base_id, epoch=0)
    child = baton(config, *FAST, "--socket-path", str(path), base_id=base_id, epoch=1)
    assert parent.wait_ended() == 0
    wait_for(lambda: "phase PARENT_ENDED" in child.output(), "the parent's end")
    assert (tmp_path / f"restart_{base_id}").exists()
    assert oct((tmp_path / f"restart_{base_id}").stat().st_mode & 0o777) == "0o600"
    child.send_signal(signal.SIGTERM)
    assert child.wait_ended() == 0
    assert not (tmp_path / f"restart_{base_id}").exists()
    assert not os.path.exists(f"/dev/shm/baton_shared_memory_{base_id}")
    assert not os.path.exists(f"/dev/shm/baton_lock_{base_id}")


def test_tls_sessions_resume_across_two_restarts(baton, base_id, upstream, certificate, tmp_path):
    one = cluster("one", upstream().server_address[1])
    config = bootstrap([listener("tls", http_filter(forward_all("one")), port=free_port(), tls=tls_context(certificate))], [one])
    process = baton(config, *FAST, base_id=base_id, epoch=0)
    port = process.port("tls")
    ticket = tmp_path / "ticket.pem"

    def connect(*options):
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost", "-tls1_2",
                               *options], input="", capture_output=True, text=True, timeout=DEADLINE)
        return done.stdout

    assert "\nNew, TLSv1.2" in connect("-sess_out", str(ticket))
    for epoch in (1, 2):
        child = baton(config, *FAST, base_id=base_id, epoch=epoch)
        assert process.wait_ended() == 0
        process = child
    assert "\nReused, TLSv1.2" in connect("-sess_in", str(ticket))


def test_tcp_sessions_live_through_a_restart(baton, base_id, tcp_server):
    def echo(connection):
        while data := connection.recv(65536):
            connection.sendall(data)

    config = bootstrap([listener("tcp", tcp_filter("one"), port=free_port())], [cluster("one", tcp_server(echo))])
    parent = baton(config, *FAST, base_id=base_id, epoch=0)
    with socket.create_connection(("127.0.0.1", parent.port("tcp")), timeout=DEADLINE) as client:
        client.sendall(b"before")
        assert client.recv(100) == b"before"
        child = baton(config, *FAST, base_id=base_id, epoch=1)
        wait_for(lambda: "drains" in parent.output(), "the parent to drain")
        client.sendall(b"after")
        assert client.recv(100) == b"after"
        with socket.create_connection(("127.0.0.1", child.port("tcp")), timeout=DEADLINE) as other:
            other.sendall(b"new")
            assert other.recv(100) == b"new"
    assert parent.wait_ended() == 0


def test_upgrade_prints_its_phases_and_fails_after_a_refusal(baton, base_id, config, tmp_path):
    parent = baton(config, *FAST, base_id=base_id, epoch=0)
    command = [BINARY, "upgrade", "-c", str(parent.config_file), "--base-id", str(base_id), "--concurrency", "1",
               "--admin-address-path", str(tmp_path / "upgraded.admin"), *FAST, "--log-path", str(tmp_path / "upgraded.log")]
    output = tmp_path / "upgrade.out"

    def upgrade(*options):
        # To a file: the new process inherits standard output and lives on with it.
        with open(output, "wb") as file:
            status = subprocess.run([*command, *options], stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                    timeout=DEADLINE).returncode
        return status, output.read_text()

    status, printed = upgrade("--wait")
    assert status == 0, printed
    phases = [line.split()[2].rstrip(":") for line in printed.splitlines() if " ms " in line]
    assert phases == ["STARTING", "CONFIGURED", "WARM", "LISTENING", "COMMITTED", "CONFIRMED", "PARENT_ENDED"]
    pid = int(printed.split("pid ")[1].split()[0])
    try:
        assert parent.wait_ended() == 0
        status, printed = upgrade("--restart-epoch", "9")
        assert status == 1
        assert "FAILED: refused by the parent: restart epoch 9 is not the parent's epoch 1 + 1" in printed
    finally:
        os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not os.path.exists(f"/dev/shm/baton_lock_{base_id}"), "the upgraded process to end")


def test_three_hundred_listeners_cross_quickly(baton, base_id, upstream):
    one = cluster("one", upstream().server_address[1])
    config = bootstrap([listener(f"l{n}", http_filter(forward_all("one"))) for n in range(300)], [one])
    parent = baton(config, *FAST, base_id=base_id, epoch=0)
    ports = {n: parent.port(f"l{n}") for n in (0, 150, 299)}
    child = baton(config, *FAST, base_id=base_id, epoch=1)
    for n, port in ports.items():
        assert child.port(f"l{n}") == port
        assert request(port).status == 200
    assert "301 sockets taken over" in child.output()
    assert parent.wait_ended() == 0


@pytest.mark.parametrize("sizes", [(), ("--max-stats", "20000")], ids=["same sizes", "other sizes"])
def test_the_place_of_a_dead_process_is_taken_while_its_parent_still_drains(baton, base_id, config, sizes):
    options = ("--probation-time-s", "0", "--drain-time-s", "600", "--parent-shutdown-time-s", "600")
    parent = baton(config, *options, base_id=base_id, epoch=0)
    port = parent.port("web")
    assert request(port).status == 200
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as client:  # keeps the parent
        wait_for(lambda: parent.stat("http.test.downstream_cx_active") == 1, "the connection")
        child = baton(config, *options, base_id=base_id, epoch=1)
        wait_for(lambda: "drains" in parent.output(), "the parent to drain")
        assert request(port).status == 200
        child.send_signal(signal.SIGKILL)
        child.wait_ended()
        with pytest.raises(ConnectionRefusedError):
            request(port)
        again = baton(config, *options, *sizes, base_id=base_id, epoch="auto")
        assert "nobody serves under base id" in again.output()
        assert request(port).status == 200
        # Nothing that the dead one or the draining one counted is lost.
        assert again.stat("http.test.downstream_rq_2xx") == 3
        assert again.stat("http.test.downstream_cx_active") == 1
        client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")
        assert parent.wait_ended() == 0
        wait_for(lambda: again.stat("http.test.downstream_rq_2xx") == 4, "what the parent had counted last")
        wait_for(lambda: again.stat("http.test.downstream_cx_active") == 0, "the parent's share of the gauge to go")
    last = baton(config, *options, *sizes, base_id=base_id, epoch="auto")
    assert again.wait_ended() == 0
    assert last.stat("http.test.downstream_rq_2xx") == 4


def test_a_process_that_serves_is_not_replaced_because_it_is_silent(baton, base_id, config):
    parent = baton(config, base_id=base_id, epoch=0)
    child = baton(config, "--socket-path", f"@elsewhere{base_id}", "--hot-restart-timeout-ms", "300", base_id=base_id, epoch="auto",
                  wait=False)
    assert child.wait_ended() == 1
    assert "does not answer" in child.output()
    assert request(parent.port("web")).status == 200


def test_a_fifth_generation_ends_the_oldest_and_no_other(baton, base_id, tcp_server):
    def echo(connection):
        while data := connection.recv(65536):
            connection.sendall(data)

    config = bootstrap([listener("tcp", tcp_filter("one"), port=free_port())], [cluster("one", tcp_server(echo))])
    options = ("--probation-time-s", "0", "--drain-time-s", "600", "--parent-shutdown-time-s", "600")
    processes, clients = [], []
    for epoch in range(5):
        processes.append(baton(config, *options, base_id=base_id, epoch=epoch))
        wait_for(lambda: all("drains" in one.output() for one in processes[:-1]), "the parents to drain")
        # Each of them waits for a connection of its own.
        clients.append(socket.create_connection(("127.0.0.1", processes[-1].port("tcp")), timeout=DEADLINE))
        clients[-1].sendall(b"x")
        assert clients[-1].recv(1) == b"x"
    assert processes[0].wait_ended() == 0
    assert clients[0].recv(1) == b""
    for process, client in list(zip(processes, clients))[1:]:
        client.sendall(b"y")
        assert client.recv(1) == b"y"
        assert process.process.poll() is None
    # What an elder said of its own is up to a second old at each step.
    wait_for(lambda: [one["epoch"] for one in json.loads(processes[-1].admin("/generations"))["generations"]] == [1, 2, 3, 4],
             "the oldest to be forgotten")
    for client in clients:
        client.close()
    for process in processes[1:4]:
        assert process.wait_ended() == 0
