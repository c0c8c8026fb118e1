"""STRICT_DNS and LOGICAL_DNS clusters against a name server of the test."""
import http.client
import json
import subprocess
import threading

import pytest
from conftest import (BINARY, DEADLINE, Echo, ThreadingServer, address, bootstrap, cluster, forward_all,
                      http_filter, listener, request, wait_for)
from dns_server import CARES, SERVFAIL, SILENT, TRUNCATED, A, DnsServer, dns, named, resolver  # noqa: F401


def config(dns, *clusters, **fields):
    made = bootstrap([listener("web", http_filter(forward_all("web")))], clusters)
    made["typed_dns_resolver_config"] = resolver(dns.port, **fields)
    return made


def members(process, name="web"):
    """Addresses of a cluster's endpoints."""
    for found in json.loads(process.admin("/clusters?format=json"))["cluster_statuses"]:
        if found["name"] == name:
            return [host["address"]["socket_address"]["address"] for host in found.get("host_statuses", [])]
    raise AssertionError(f"no cluster {name}")


def wait_members(process, *wanted, name="web"):
    wait_for(lambda: sorted(members(process, name)) == sorted(wanted), f"endpoints {wanted}")


class Named:
    """The same port on several loopback addresses, each a server that names itself."""

    def __init__(self, *addresses):
        self.servers = []
        self.port = 0
        for at in addresses:
            handler = type("Handler", (Echo,), {"server_name": at})
            server = ThreadingServer(handler, self.port, host=at)
            self.port = server.server_address[1]
            self.servers.append(server)

    def end(self):
        for server in self.servers:
            server.end()


@pytest.fixture
def servers():
    started = []

    def start(*addresses):
        for _ in range(20):
            try:
                started.append(Named(*addresses))
                return started[-1]
            except OSError:  # the port that was free on one address is taken on another
                continue
        raise AssertionError("no port is free on all addresses")

    yield start
    for named_servers in started:
        named_servers.end()


def answered_by(process, times=12):
    port = process.port("web")
    return {request(port).json()["server"] for _ in range(times)}


def test_every_address_of_a_strict_name_is_an_endpoint_and_changes_follow_the_answers(dns, baton, servers):
    web = servers("127.0.0.1", "127.0.0.2", "127.0.0.3")
    dns.set("web.test", "127.0.0.1", "127.0.0.2")
    process = baton(config(dns, named("STRICT_DNS", "web.test", web.port)))
    assert sorted(members(process)) == ["127.0.0.1", "127.0.0.2"]
    assert answered_by(process) == {"127.0.0.1", "127.0.0.2"}
    assert process.stat("cluster.web.membership_total") == 2
    changes = process.stat("cluster.web.membership_change")

    dns.set("web.test", "127.0.0.3", "127.0.0.2")
    wait_members(process, "127.0.0.2", "127.0.0.3")
    wait_for(lambda: answered_by(process) == {"127.0.0.2", "127.0.0.3"}, "the new endpoint")
    stats = process.stats("cluster.web.")
    assert stats["cluster.web.membership_change"] == changes + 1
    assert stats["cluster.web.membership_healthy"] == 2
    assert stats["cluster.web.update_attempt"] >= 2
    assert stats["cluster.web.update_success"] >= 2
    assert stats["cluster.web.update_failure"] == 0
    wait_for(lambda: process.stat("cluster.web.update_no_rebuild") > 0, "an answer that changes nothing")


def test_a_logical_name_has_its_first_address_only(dns, baton, servers):
    web = servers("127.0.0.1", "127.0.0.2")
    dns.set("web.test", "127.0.0.2", "127.0.0.1")
    process = baton(config(dns, named("LOGICAL_DNS", "web.test", web.port)))
    assert members(process) == ["127.0.0.2"]
    assert answered_by(process) == {"127.0.0.2"}
    dns.set("web.test", "127.0.0.1", "127.0.0.2")
    wait_for(lambda: answered_by(process, 3) == {"127.0.0.1"}, "the new first address")
    assert process.stat("cluster.web.membership_total") == 1


@pytest.mark.parametrize("fails", [SERVFAIL, SILENT])
def test_endpoints_stay_while_the_name_server_fails(dns, baton, servers, fails):
    web = servers("127.0.0.1")
    dns.set("web.test", "127.0.0.1")
    process = baton(config(dns, named("STRICT_DNS", "web.test", web.port), query_timeout_seconds=1, query_tries=1))
    dns.set("web.test", fails=fails)
    wait_for(lambda: process.stat("cluster.web.update_failure") > 0, "a failed look-up")
    assert answered_by(process, 2) == {"127.0.0.1"}
    assert process.stat("cluster.web.membership_total") == 1
    assert "the addresses found before stay in use" in process.output()
    dns.set("web.test", "127.0.0.2")
    wait_members(process, "127.0.0.2")


def test_endpoints_stay_when_the_name_server_is_gone(dns, baton, servers):
    web = servers("127.0.0.1")
    dns.set("web.test", "127.0.0.1")
    process = baton(config(dns, named("STRICT_DNS", "web.test", web.port), query_timeout_seconds=1, query_tries=1))
    dns.end()
    wait_for(lambda: process.stat("cluster.web.update_failure") > 1, "failed look-ups")
    assert answered_by(process, 2) == {"127.0.0.1"}


def test_a_strict_name_that_does_not_exist_any_more_has_no_endpoints(dns, baton, servers):
    web = servers("127.0.0.1")
    dns.set("web.test", "127.0.0.1")
    process = baton(config(dns, named("STRICT_DNS", "web.test", web.port)))
    assert answered_by(process, 2) == {"127.0.0.1"}
    dns.names.clear()
    wait_members(process)
    wait_for(lambda: request(process.port("web")).status == 503, "no endpoint")
    assert request(process.port("web")).body == b"no healthy upstream"
    assert process.stat("cluster.web.update_failure") == 0
    dns.set("web.test", "127.0.0.1")
    wait_members(process, "127.0.0.1")
    wait_for(lambda: request(process.port("web")).status == 200, "the endpoint again")


def test_a_logical_name_that_does_not_exist_any_more_keeps_its_endpoint(dns, baton, servers):
    web = servers("127.0.0.1")
    dns.set("web.test", "127.0.0.1")
    process = baton(config(dns, named("LOGICAL_DNS", "web.test", web.port)))
    asked = dns.asked("web.test")
    dns.names.clear()
    wait_for(lambda: dns.asked("web.test") > asked + 3, "look-ups that find nothing")
    assert answered_by(process, 2) == {"127.0.0.1"}


def test_no_address_of_one_family_and_a_failure_of_the_other_is_a_failure(dns, baton, servers):
    web = servers("127.0.0.1")
    dns.set("web.test", "127.0.0.1")
    process = baton(config(dns, named("STRICT_DNS", "web.test", web.port, dns_lookup_family="V4_PREFERRED")))
    dns.set("web.test", fails=SERVFAIL, kind=A)
    wait_for(lambda: process.stat("cluster.web.update_failure") > 0, "a failed look-up")
    assert members(process) == ["127.0.0.1"]


FAMILIES = {  # dns_lookup_family: endpoints of a name with both, with IPv4 only, with IPv6 only
    "V4_ONLY": (["127.0.0.1"], ["127.0.0.1"], []),
    "V6_ONLY": (["::1"], [], ["::1"]),
    "V4_PREFERRED": (["127.0.0.1"], ["127.0.0.1"], ["::1"]),
    "ALL": (["127.0.0.1", "::1"], ["127.0.0.1"], ["::1"]),
}


def test_families_are_looked_up_as_configured(dns, baton):
    names = {"both.test": ("127.0.0.1", "::1"), "four.test": ("127.0.0.1",), "six.test": ("::1",)}
    clusters, expected = [], {}
    for name, addresses in names.items():
        dns.set(name, *addresses)
    for family, results in FAMILIES.items():
        for name, result in zip(names, results):
            made = named("STRICT_DNS", name, 80, dns_lookup_family=family, dns_refresh_rate="60s")
            made["name"] = made["load_assignment"]["cluster_name"] = f"{family}-{name}"
            clusters.append(made)
            expected[made["name"]] = result
    for name, result in (("four.test", ["127.0.0.1"]), ("six.test", ["::1"])):
        made = named("STRICT_DNS", name, 80, dns_lookup_family="AUTO", dns_refresh_rate="60s")
        made["name"] = f"AUTO-{name}"
        clusters.append(made)
        expected[made["name"]] = result
    made = config(dns, *clusters)
    made["static_resources"]["listeners"] = []
    process = baton(made)
    assert {name: sorted(members(process, name)) for name in expected} == expected


def test_the_ttl_of_an_answer_says_when_to_ask_again_if_it_is_respected(dns, baton):
    dns.set("ttl.test", "127.0.0.1", ttl=1)
    dns.set("rate.test", "127.0.0.1", ttl=1)
    dns.set("zero.test", "127.0.0.1", ttl=0)
    clusters = []
    for name, fields in (("ttl", {"respect_dns_ttl": True, "dns_refresh_rate": "3600s"}),
                         ("rate", {"dns_refresh_rate": "3600s"}),
                         ("zero", {"respect_dns_ttl": True, "dns_refresh_rate": "0.05s"})):
        clusters.append({**named("STRICT_DNS", f"{name}.test", 80, **fields), "name": name})
    made = config(dns, *clusters)
    made["static_resources"]["listeners"] = []
    baton(made)
    wait_for(lambda: dns.asked("ttl.test") >= 3, "look-ups after the TTL")
    wait_for(lambda: dns.asked("zero.test") >= 3, "look-ups after the refresh rate")
    assert dns.asked("rate.test") == 1


def test_a_failed_look_up_is_repeated_after_the_failure_rate(dns, baton, servers):
    web = servers("127.0.0.1")
    dns.set("web.test", fails=SERVFAIL)
    failure = {"base_interval": "0.01s", "max_interval": "0.05s"}
    process = baton(config(dns, named("STRICT_DNS", "web.test", web.port, dns_refresh_rate="3600s",
                                      dns_failure_refresh_rate=failure)))
    assert members(process) == []
    assert request(process.port("web")).status == 503
    wait_for(lambda: process.stat("cluster.web.update_failure") >= 3, "repeated look-ups")
    dns.set("web.test", "127.0.0.1")
    wait_members(process, "127.0.0.1")
    wait_for(lambda: request(process.port("web")).status == 200, "the endpoint")


def test_an_answer_that_does_not_fit_is_asked_for_by_tcp(dns, baton, servers):
    web = servers("127.0.0.1")
    dns.set("web.test", "127.0.0.1", "127.0.0.2", fails=TRUNCATED)
    process = baton(config(dns, named("STRICT_DNS", "web.test", web.port)))
    assert sorted(members(process)) == ["127.0.0.1", "127.0.0.2"]
    assert dns.asked("web.test", by="tcp") > 0


def test_a_hundred_addresses_are_a_hundred_endpoints(dns, baton):
    addresses = [f"127.0.1.{i}" for i in range(1, 101)]
    dns.set("web.test", *addresses, fails=TRUNCATED)
    process = baton(config(dns, named("STRICT_DNS", "web.test", 80)))
    assert sorted(members(process)) == sorted(addresses)


def test_a_cluster_may_have_its_own_resolver(dns, baton):
    other = DnsServer()
    try:
        dns.set("web.test", "127.0.0.1")
        other.set("web.test", "127.0.0.9")
        clusters = [
            {**named("STRICT_DNS", "web.test", 80), "name": "bootstrap"},
            {**named("STRICT_DNS", "web.test", 80, typed_dns_resolver_config=resolver(other.port)), "name": "typed"},
            {**named("STRICT_DNS", "web.test", 80, dns_resolvers=[address(other.port)]), "name": "old"},
            {**named("STRICT_DNS", "web.test", 80,
                     dns_resolution_config={"resolvers": [address(other.port)],
                                            "dns_resolver_options": {"use_tcp_for_dns_lookups": True}}),
             "name": "tcp"},
        ]
        made = config(dns, *clusters)
        made["static_resources"]["listeners"] = []
        process = baton(made)
        assert {name: members(process, name) for name in ("bootstrap", "typed", "old", "tcp")} == {
            "bootstrap": ["127.0.0.1"], "typed": ["127.0.0.9"], "old": ["127.0.0.9"], "tcp": ["127.0.0.9"]}
        assert other.asked("web.test", by="tcp") > 0
        assert dns.asked("web.test", by="tcp") == 0
    finally:
        other.end()


def test_old_fields_of_the_bootstrap_choose_the_resolver(dns, baton):
    dns.set("web.test", "127.0.0.1")
    made = config(dns, named("STRICT_DNS", "web.test", 80))
    del made["typed_dns_resolver_config"]
    made["dns_resolution_config"] = {"resolvers": [address(dns.port)]}
    made["use_tcp_for_dns_lookups"] = True
    process = baton(made)
    assert members(process) == ["127.0.0.1"]
    assert dns.asked("web.test", by="udp") == 0


def test_hosts_of_the_machine_and_literals_need_no_name_server(dns, baton):
    dns.end()
    names = {"local": "localhost", "literal": "127.0.0.7", "literal6": "::1"}
    clusters = [{**named("STRICT_DNS", name, 80), "name": key} for key, name in names.items()]
    clusters.append({**named("LOGICAL_DNS", "127.0.0.8", 80), "name": "logical"})
    made = config(dns, *clusters)
    made["static_resources"]["listeners"] = []
    process = baton(made)
    assert {name: members(process, name) for name in (*names, "logical")} == {
        "local": ["127.0.0.1"], "literal": ["127.0.0.7"], "literal6": ["::1"], "logical": ["127.0.0.8"]}


@pytest.mark.parametrize("fails", [None, SERVFAIL], ids=["unknown", "server failure"])
def test_names_below_localhost_are_this_machine_when_nobody_knows_better(dns, baton, fails):
    """RFC 6761 6.3."""
    for name in ("web.localhost", "localhost.test"):
        dns.set(name, fails=fails)
    dns.set("other.localhost", "127.0.0.9")
    families = {"v4": "V4_ONLY", "v6": "V6_ONLY", "all": "ALL", "auto": "AUTO"}
    clusters = [{**named("STRICT_DNS", "Web.LocalHost", 80, dns_lookup_family=family), "name": key}
                for key, family in families.items()]
    clusters += [{**named("STRICT_DNS", name, 80), "name": name} for name in ("localhost.test", "other.localhost")]
    made = config(dns, *clusters)
    made["static_resources"]["listeners"] = []
    process = baton(made)
    assert {name: sorted(members(process, name)) for name in (*families, "localhost.test", "other.localhost")} == {
        "v4": ["127.0.0.1"], "v6": ["::1"], "all": ["127.0.0.1", "::1"], "auto": ["127.0.0.1"], "localhost.test": [],
        "other.localhost": ["127.0.0.9"]}


def test_listeners_open_without_an_answer_once_the_first_look_up_has_failed(dns, baton, servers):
    web = servers("127.0.0.1")
    dns.set("web.test", fails=SILENT)
    process = baton(config(dns, named("STRICT_DNS", "web.test", web.port), query_timeout_seconds=1, query_tries=1))
    assert request(process.port("web")).status == 503
    assert process.stat("cluster.web.warming_state") == 0
    dns.set("web.test", "127.0.0.1")
    wait_for(lambda: request(process.port("web")).status == 200, "the endpoint")


def test_listeners_open_at_once_for_a_cluster_that_is_not_waited_for(dns, baton):
    dns.set("web.test", fails=SILENT)
    process = baton(config(dns, named("STRICT_DNS", "web.test", 80, wait_for_warm_on_init=False),
                           query_timeout_seconds=600))
    assert request(process.port("web")).status == 503
    assert process.stat("cluster.web.warming_state") == 1
    assert process.stat("cluster_manager.warming_clusters") == 0


def test_listeners_wait_for_the_first_answer(dns, baton, servers):
    web = servers("127.0.0.1")
    dns.set("web.test", fails=SILENT)
    process = baton(config(dns, named("STRICT_DNS", "web.test", web.port), query_timeout_seconds=1, query_tries=4),
                    wait=False)
    wait_for(lambda: dns.asked("web.test") > 0, "the first question")
    dns.set("web.test", "127.0.0.1")
    process.wait_ready()
    assert request(process.port("web")).status == 200


def test_connections_to_an_address_that_is_gone_end_after_their_request(dns, baton, servers, tcp_server):
    began, go_on, closed = threading.Event(), threading.Event(), threading.Event()

    def slow(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsl")
        began.set()
        go_on.wait(DEADLINE)
        connection.sendall(b"owly")
        if connection.recv(1) == b"":
            closed.set()

    port = tcp_server(slow)
    dns.set("web.test", "127.0.0.1")
    process = baton(config(dns, named("STRICT_DNS", "web.test", port)))
    client = http.client.HTTPConnection("127.0.0.1", process.port("web"), timeout=DEADLINE)
    client.request("GET", "/")
    assert began.wait(DEADLINE)
    dns.set("web.test", "127.0.0.2")
    wait_members(process, "127.0.0.2")
    go_on.set()
    response = client.getresponse()
    assert response.read() == b"slowly"
    client.close()
    assert closed.wait(DEADLINE)
    wait_for(lambda: process.stat("cluster.web.upstream_cx_active") == 0, "no connection to be left")


def test_two_names_of_one_address_are_one_endpoint(dns, baton):
    dns.set("one.test", "127.0.0.1", "127.0.0.1")
    dns.set("two.test", "127.0.0.1", "127.0.0.2")
    made = named("STRICT_DNS", "one.test", 80)
    made["load_assignment"]["endpoints"][0]["lb_endpoints"].append({"endpoint": {"address": address(80, "two.test")}})
    process = baton(config(dns, made))
    assert sorted(members(process)) == ["127.0.0.1", "127.0.0.2"]


def test_a_name_server_that_is_a_name_is_refused(tmp_path):
    made = bootstrap([], [named("STRICT_DNS", "web.test", 80)])
    made["static_resources"]["clusters"][0]["typed_dns_resolver_config"] = {
        "name": "cares", "typed_config": {"@type": CARES, "resolvers": [address(53, "ns.test")]}}
    file = tmp_path / "config.json"
    file.write_text(json.dumps(made))
    ended = subprocess.run([BINARY, "-c", file, "--mode", "validate"], capture_output=True, text=True, timeout=DEADLINE)
    assert ended.returncode == 1
    assert 'a name server needs an IPv4 or IPv6 address, found "ns.test"' in ended.stdout + ended.stderr
