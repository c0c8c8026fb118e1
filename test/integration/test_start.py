"""A start that takes long, because a cluster waits for its name server: what the admin interface says meanwhile, what
ends it, and that the parent of a hot restart goes on answering."""
import http.client
import json
import signal

import pytest
from conftest import (DEADLINE, address, bootstrap, cluster, forward_all, free_port, http_filter, listener, request,
                      wait_for)
from dns_server import SILENT, dns, named, resolver  # noqa: F401

FAST = ("--probation-time-s", "1", "--drain-time-s", "1", "--parent-shutdown-time-s", "20")


@pytest.fixture
def warming(dns, baton, upstream):
    """Starts a process whose cluster `web` has no answer until answer() of the test."""
    server = upstream()

    class Warming:
        server_port = server.server_address[1]
        listener_port = free_port()
        # Asked again after 1, 3, 7, ... seconds.
        cluster = named("STRICT_DNS", "web.test", server_port)

        def config(self, *clusters, admin_port=0):
            made = bootstrap([listener("web", http_filter(forward_all("web")), port=self.listener_port)], clusters)
            made["admin"]["address"] = address(admin_port)
            made["typed_dns_resolver_config"] = resolver(dns.port, query_timeout_seconds=1, query_tries=6)
            return made

        def start(self, *options, **settings):
            asked = dns.asked("web.test")
            dns.set("web.test", fails=SILENT)
            process = baton(self.config(self.cluster, cluster("ready", self.server_port)), *options, wait=False,
                            **settings)
            wait_for(lambda: dns.asked("web.test") > asked, "the first question")
            return process

        def answer(self):
            dns.set("web.test", "127.0.0.1")

    return Warming()


def get(process, path):
    host, port = process.admin_address
    return request(port, path, host=host)


def test_the_admin_interface_says_what_a_start_waits_for(warming):
    process = warming.start()
    wait_for(process.admin_file.exists, "the admin address")
    ready = get(process, "/ready")
    assert (ready.status, ready.body) == (503, b"PRE_INITIALIZING\n")
    assert get(process, "/server_info").json()["state"] == "PRE_INITIALIZING"
    clusters = {found["name"]: len(found.get("host_statuses", []))
                for found in get(process, "/clusters?format=json").json()["cluster_statuses"]}
    assert clusters == {"web": 0, "ready": 1}
    stats = process.stats()
    assert stats["server.state"] == 2
    assert stats["server.live"] == 0
    assert stats["cluster_manager.warming_clusters"] == 1
    assert stats["cluster.web.warming_state"] == 1
    assert stats["cluster.ready.warming_state"] == 0
    assert get(process, "/listeners?format=json").json() == {"listener_statuses": []}
    with pytest.raises(ConnectionRefusedError):
        request(warming.listener_port)

    warming.answer()
    process.wait_ready()
    assert request(warming.listener_port).status == 200
    stats = process.stats()
    assert stats["server.state"] == 0
    assert stats["server.live"] == 1
    assert stats["cluster_manager.warming_clusters"] == 0


def test_listeners_that_are_not_open_yet_can_not_be_drained(warming):
    process = warming.start()
    wait_for(process.admin_file.exists, "the admin address")
    host, port = process.admin_address
    refused = request(port, "/drain_listeners", method="POST", host=host)
    assert refused.status == 503
    assert b"not open yet" in refused.body
    # What does not concern them works.
    assert request(port, "/healthcheck/fail", method="POST", host=host).status == 200
    assert get(process, "/ready").body == b"PRE_INITIALIZING\n"
    warming.answer()
    wait_for(lambda: get(process, "/ready").body == b"DRAINING\n", "the end of the start")


@pytest.mark.parametrize("ends", [signal.SIGTERM, signal.SIGINT, "/quitquitquit"])
def test_a_start_that_waits_can_be_ended(warming, ends):
    process = warming.start()
    wait_for(process.admin_file.exists, "the admin address")
    if ends == "/quitquitquit":
        process.admin(ends, "POST")
    else:
        process.send_signal(ends)
    assert process.wait_ended() == 0, process.output()
    assert "phase LISTENING" not in process.output()


def epoch(process):
    return json.loads(process.admin("/server_info"))["command_line_options"]["restart_epoch"]


def test_the_parent_answers_until_its_child_has_taken_over(warming, baton, base_id):
    parent = baton(warming.config(cluster("web", warming.server_port)), *FAST, base_id=base_id, epoch=0)
    child = warming.start(*FAST, base_id=base_id, epoch=1)
    # A connection that the parent accepted earlier, and new ones.
    host, port = parent.admin_address
    kept = http.client.HTTPConnection(host, port, timeout=DEADLINE)
    for _ in range(20):
        kept.request("GET", "/ready")
        assert kept.getresponse().read() == b"LIVE\n"
        assert epoch(parent) == "0"
    kept.close()
    assert not child.admin_file.exists()

    warming.answer()
    child.wait_ready()
    assert child.admin_address == (host, port)
    assert epoch(child) == "1"
    assert parent.wait_ended() == 0, parent.output()
    assert request(warming.listener_port).status == 200


def test_a_child_with_an_address_of_its_own_answers_while_it_starts(warming, baton, base_id):
    parent = baton(warming.config(cluster("web", warming.server_port)), *FAST, base_id=base_id, epoch=0)
    admin_port = free_port()
    original = warming.config
    warming.config = lambda *clusters: original(*clusters, admin_port=admin_port)
    child = warming.start(*FAST, base_id=base_id, epoch=1)
    wait_for(lambda: "phase CONFIGURED" in child.output(), "the child to be configured")

    def ready():
        try:
            return request(admin_port, "/ready").body
        except ConnectionRefusedError:
            return b""

    wait_for(lambda: ready() == b"PRE_INITIALIZING\n", "the child's admin interface")
    assert parent.admin("/ready") == "LIVE\n"
    # It does not serve yet, so its address is not that of the service.
    assert not child.admin_file.exists()
    generations = request(admin_port, "/generations").json()["generations"]
    assert [(one["epoch"], one["state"]) for one in generations] == [(0, "serving"), (1, "starting")]
    warming.answer()
    child.wait_ready()
    assert child.admin_address[1] == admin_port
    assert parent.wait_ended() == 0, parent.output()


def test_a_child_that_is_told_to_end_while_it_starts_leaves_its_parent_alone(warming, baton, base_id):
    parent = baton(warming.config(cluster("web", warming.server_port)), *FAST, base_id=base_id, epoch=0)
    child = warming.start(*FAST, base_id=base_id, epoch=1)
    child.send_signal(signal.SIGTERM)
    assert child.wait_ended() == 0, child.output()
    wait_for(lambda: "it gave up: SIGTERM" in parent.output(), "the parent to know")
    assert parent.admin("/ready") == "LIVE\n"
    assert request(warming.listener_port).status == 200
    warming.answer()
    next_child = baton(warming.config(warming.cluster), *FAST, base_id=base_id, epoch=1)
    assert request(next_child.port("web")).status == 200
    assert parent.wait_ended() == 0, parent.output()
