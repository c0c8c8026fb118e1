"""Hot restarts between processes whose shared regions have other sizes (--max-stats): no count is lost, whoever is killed."""
import http.client
import signal
import socket

import pytest

from conftest import DEADLINE, bootstrap, cluster, forward_all, free_port, http_filter, listener, request, wait_for

FAST = ("--probation-time-s", "1", "--drain-time-s", "1", "--parent-shutdown-time-s", "20")
# So long that no response of these few tells its client to go to the new process.
LONG = ("--probation-time-s", "0", "--drain-time-s", "10000000", "--parent-shutdown-time-s", "10000000")
OTHER_SIZES = ("--max-stats", "20000", "--max-obj-name-len", "300")
COUNTER = "http.test.downstream_rq_2xx"


@pytest.fixture
def config(upstream):
    return bootstrap([listener("web", http_filter(forward_all("one")), port=free_port())],
                     [cluster("one", upstream().server_address[1])])


class Client:
    """Keeps its connection, and with it the process that has accepted it."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)

    def requests(self, count):
        for _ in range(count):
            self.connection.request("GET", "/")
            response = self.connection.getresponse()
            response.read()
            assert response.status == 200

    def end(self):
        """A response is counted a moment after its client has it, but before anything that follows on the connection."""
        self.connection.sock.sendall(b"nonsense\r\n\r\n")
        assert self.connection.sock.recv(100).startswith(b"HTTP/1.1 400 ")


def test_another_layout_carries_counters_by_messages(baton, base_id, config):
    parent = baton(config, *FAST, base_id=base_id, epoch=0)
    port = parent.port("web")
    for _ in range(20):
        assert request(port).status == 200
    child = baton(config, *FAST, "--max-stats", "20000", base_id=base_id, epoch=1)
    assert parent.wait_ended() == 0
    for _ in range(5):
        assert request(port).status == 200
    assert child.stat("http.test.downstream_rq_completed") == 25


@pytest.mark.parametrize("options, phase", [(LONG, "CONFIRMED"), (("--probation-time-s", "600"), "COMMITTED")],
                         ids=["draining", "in probation"])
def test_a_killed_parent_of_other_sizes_loses_no_count(baton, base_id, config, options, phase):
    parent = baton(config, *options, base_id=base_id, epoch=0)
    client = Client(parent.port("web"))
    client.requests(20)
    child = baton(config, *options, *OTHER_SIZES, base_id=base_id, epoch=1)
    wait_for(lambda: f"phase {phase}" in child.output(), "the take-over")
    # Most of them since it has told its counts for the last time.
    client.requests(100)
    client.end()
    parent.send_signal(signal.SIGKILL)
    parent.wait_ended()
    wait_for(lambda: "phase PARENT_ENDED" in child.output(), "the parent's end to be noticed")
    assert child.stat(COUNTER) == 120
    assert child.stat("http.test.downstream_cx_active") == 0
    assert request(child.port("web")).status == 200
    assert child.stat(COUNTER) == 121


@pytest.mark.parametrize("epoch", [1, "auto"])
@pytest.mark.parametrize("sizes", [(), OTHER_SIZES], ids=["same sizes", "other sizes"])
def test_the_counters_of_a_parent_that_is_killed_before_it_answers_go_on(baton, base_id, config, sizes, epoch):
    parent = baton(config, *LONG, base_id=base_id, epoch=0)
    port = parent.port("web")
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")
        wait_for(lambda: parent.stat(COUNTER) == 1, "it to be counted")
        parent.send_signal(signal.SIGSTOP)
        child = baton(config, *LONG, *sizes, base_id=base_id, epoch=epoch, wait=False)
        with open("/proc/net/unix", encoding="utf-8") as sockets:
            wait_for(lambda: sockets.seek(0) or sockets.read().count(f"@baton_domain_socket_{base_id}") == 2, "the child's HELLO")
        parent.send_signal(signal.SIGKILL)
        parent.wait_ended()
        child.wait_ready()
    assert child.stat(COUNTER) == 1
    assert child.stat("http.test.downstream_cx_active") == 0
    assert request(port).status == 200
    assert child.stat(COUNTER) == 2
    assert child.stat("server.hot_restart_epoch") == 1


def test_what_elders_count_after_their_child_was_killed_reaches_its_child_of_other_sizes(baton, base_id, config):
    first = baton(config, *LONG, base_id=base_id, epoch=0)
    port = first.port("web")
    old, middle = Client(port), Client(port)
    old.requests(10)
    second = baton(config, *LONG, base_id=base_id, epoch=1)
    wait_for(lambda: "drains" in first.output(), "the first to drain")
    middle.requests(10)
    third = baton(config, *LONG, *OTHER_SIZES, base_id=base_id, epoch=2)
    wait_for(lambda: "drains" in second.output(), "the second to drain")
    middle.requests(50)
    middle.end()
    second.send_signal(signal.SIGKILL)
    second.wait_ended()
    old.requests(50)
    wait_for(lambda: third.stat(COUNTER) == 120, "all counts")
    wait_for(lambda: third.stat("http.test.downstream_cx_active") == 1, "the gauge to be the living one's")
    first.send_signal(signal.SIGKILL)
    first.wait_ended()
    wait_for(lambda: third.stat("http.test.downstream_cx_active") == 0, "its gauge to go")
    assert third.stat(COUNTER) == 120
