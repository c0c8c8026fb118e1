"""Drains without a restart: POST /drain_listeners, POST /healthcheck/fail, SIGTERM with a drain time."""
import http.client
import signal
import socket
import time

import pytest

from conftest import DEADLINE, bootstrap, cluster, forward_all, http_filter, listener, request, wait_for


class KeptAlive:
    """One connection on which requests are sent; says whether the response told it to go."""

    def __init__(self, port):
        self.client = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)

    def told_to_go(self):
        self.client.request("GET", "/")
        response = self.client.getresponse()
        response.read()
        assert response.status == 200
        return (response.headers["connection"] or "").lower() == "close"


def accepts(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE):
            return True
    except ConnectionRefusedError:
        return False


@pytest.fixture
def process(baton, upstream):
    backend = upstream().server_address[1]

    def start(*options, **fields):
        names = {"web": {"traffic_direction": "INBOUND"}, "other": {"traffic_direction": "OUTBOUND", "drain_type": "MODIFY_ONLY"}}
        listeners = [{**listener(name, http_filter(forward_all("one"))), **extra} for name, extra in names.items()]
        return baton(bootstrap(listeners, [cluster("one", backend)]), *options, **fields)
    return start


def test_a_graceful_drain_accepts_until_its_time_is_over(process):
    server = process("--drain-strategy", "immediate")
    port = server.port("web")
    before = time.monotonic()
    server.admin("/drain_listeners?graceful&time=3", "POST")
    assert accepts(port)
    assert KeptAlive(port).told_to_go()
    assert server.admin("/ready").strip() == "DRAINING"
    wait_for(lambda: not accepts(port), "the listener to close")
    assert time.monotonic() - before >= 3
    assert server.process.poll() is None
    assert server.stat("listener_manager.listener_stopped") == 1


def test_a_drain_is_as_long_for_who_kept_the_admin_connection_waiting(process):
    server = process("--drain-strategy", "immediate")
    port = server.port("web")
    client = http.client.HTTPConnection(*server.admin_address, timeout=DEADLINE)
    client.connect()
    time.sleep(0.4)  # the main thread's loop sleeps, and its time stands still
    before = time.monotonic()
    client.request("POST", "/drain_listeners?graceful&time=1")
    client.getresponse().read()
    wait_for(lambda: not accepts(port), "the listener to close")
    assert time.monotonic() - before >= 1


def test_with_skip_exit_listeners_stay_open(process):
    server = process()
    port = server.port("web")
    server.admin("/drain_listeners?graceful&skip_exit&time=0", "POST")
    assert KeptAlive(port).told_to_go()
    time.sleep(1)  # nothing happens, which no event tells
    assert accepts(port)


def test_a_gradual_drain_tells_nobody_at_its_beginning(process):
    server = process()
    client = KeptAlive(server.port("web"))
    server.admin("/drain_listeners?graceful&time=36000", "POST")
    assert not client.told_to_go()


def test_without_graceful_listeners_close_at_once_and_connections_go_on(process):
    server = process()
    port = server.port("web")
    client = KeptAlive(port)
    assert not client.told_to_go()
    server.admin("/drain_listeners", "POST")
    assert not accepts(port)
    assert not client.told_to_go()


@pytest.mark.parametrize("query", ["inboundonly", "listener=web"])
def test_only_the_listeners_asked_for_are_closed(process, query):
    server = process()
    web, other = server.port("web"), server.port("other")
    server.admin(f"/drain_listeners?{query}", "POST")
    assert not accepts(web)
    assert request(other).status == 200


@pytest.mark.parametrize("query", ["inboundonly", "listener=web"])
def test_only_the_listeners_asked_for_drain(process, query):
    server = process()
    web, other = KeptAlive(server.port("web")), KeptAlive(server.port("other"))
    server.admin(f"/drain_listeners?graceful&skip_exit&time=0&{query}", "POST")
    assert web.told_to_go()
    assert not other.told_to_go()
    assert server.stat("listener_manager.total_listeners_draining") == 1


def test_a_failed_health_check_sends_all_away_but_from_listeners_that_drain_on_changes_only(process):
    server = process()
    web, other = KeptAlive(server.port("web")), KeptAlive(server.port("other"))
    assert not web.told_to_go()
    server.admin("/healthcheck/fail", "POST")
    assert server.admin("/ready").strip() == "DRAINING"
    assert web.told_to_go()
    assert KeptAlive(server.port("web")).told_to_go()
    assert not other.told_to_go()
    server.admin("/healthcheck/ok", "POST")
    assert not KeptAlive(server.port("web")).told_to_go()
    assert server.admin("/ready").strip() == "LIVE"


def test_a_good_health_check_does_not_undo_a_drain_of_listeners(process):
    server = process()
    server.admin("/drain_listeners?graceful&skip_exit&time=0", "POST")
    server.admin("/healthcheck/fail", "POST")
    server.admin("/healthcheck/ok", "POST")
    assert KeptAlive(server.port("web")).told_to_go()
    assert server.admin("/ready").strip() == "DRAINING"


def test_a_failed_health_check_leaves_an_idle_connection_open(process):
    server = process()
    client = KeptAlive(server.port("web"))
    assert not client.told_to_go()
    server.admin("/healthcheck/fail", "POST")
    # Served on the connection that was idle: the request may have been on its way.
    assert client.told_to_go()
    assert server.stat("http.test.downstream_cx_drain_close") == 1


def test_sigterm_with_a_drain_time_ends_when_nothing_is_left(process):
    server = process("--sigterm-drain-time-s", "600", "--drain-strategy", "immediate")
    server.send_signal(signal.SIGTERM)
    assert server.wait_ended() == 0
    assert "drained: nothing is left" in server.output()


def test_sigterm_without_a_drain_time_ends_at_once(process):
    server = process()
    client = KeptAlive(server.port("web"))
    assert not client.told_to_go()
    server.send_signal(signal.SIGTERM)
    assert server.wait_ended() == 0


@pytest.mark.parametrize("query, status", [("graceful&time=x", 400), ("graceful&strategy=odd", 400), ("listener=none", 404),
                                           ("skip_exit", 400)])
def test_bad_parameters_change_nothing(process, query, status):
    server = process()
    host, port = server.admin_address
    assert request(port, f"/drain_listeners?{query}", "POST").status == status
    assert accepts(server.port("web"))
    assert server.admin("/ready").strip() == "LIVE"
