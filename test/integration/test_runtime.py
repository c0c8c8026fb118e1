"""Runtime layers against the real binary: what a file's layers say, what POST /runtime_modify changes while traffic
runs, and what the runtime.* stats tell."""
import json

import pytest

from conftest import bootstrap, cluster, forward_all, http_filter, listener, request
from scripted_server import response, scripted  # noqa: F401


def routes():
    share = {"runtime_key": "share.b", "default_value": {"numerator": 0}}
    return [{"match": {"prefix": "/", "runtime_fraction": share}, "direct_response": {"status": 200, "body": text("b")}},
            {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": text("a")}}]


def text(value):
    return {"inline_string": value}


@pytest.fixture
def layered(baton):
    def start(layers):
        config = bootstrap([listener("web", http_filter(routes()))])
        if layers is not None:
            config["layered_runtime"] = {"layers": layers}
        return baton(config)
    return start


def modify(process, query):
    host, port = process.admin_address
    return request(port, f"/runtime_modify?{query}", "POST", host=host)


def runtime(process):
    host, port = process.admin_address
    return json.loads(request(port, "/runtime", host=host).body)


def answers(process, count=20):
    return {request(process.port("web")).body.decode() for _ in range(count)}


BASE = {"name": "base", "static_layer": {"share": {"b": 0}, "other.key": "x"}}
ADMIN = {"name": "admin", "admin_layer": {}}


def test_a_later_layer_wins_and_nested_keys_are_joined_by_dots(layered):
    process = layered([BASE, {"name": "more", "static_layer": {"share.b": 100}}])
    assert answers(process) == {"b"}
    shown = runtime(process)
    assert shown["layers"] == ["base", "more"]
    assert shown["entries"]["share.b"] == {"layer_values": ["0", "100"], "final_value": "100"}
    assert shown["entries"]["other.key"]["final_value"] == "x"
    assert process.stat("runtime.num_keys") == 2 and process.stat("runtime.num_layers") == 2


def test_a_fraction_may_be_written_as_a_message(layered):
    process = layered([{"name": "base", "static_layer": {
        "share.b": {"numerator": 1000000, "denominator": "MILLION"}}}])
    assert answers(process) == {"b"}


def test_an_override_counts_for_the_next_request_and_an_empty_value_takes_it_away(layered):
    process = layered([BASE, ADMIN])
    assert answers(process) == {"a"}
    assert process.stat("runtime.admin_overrides_active") == 0
    assert modify(process, "share.b=100").status == 200
    assert answers(process) == {"b"}
    assert runtime(process)["entries"]["share.b"] == {"layer_values": ["0", "100"], "final_value": "100"}
    assert process.stat("runtime.admin_overrides_active") == 1
    assert modify(process, "share.b=").status == 200
    assert answers(process) == {"a"}
    assert process.stat("runtime.admin_overrides_active") == 0
    assert process.stat("runtime.load_success") == 3 and process.stat("runtime.load_error") == 0


@pytest.mark.parametrize("layers", [None, [BASE]])
def test_without_an_admin_layer_nothing_can_be_overridden(layered, layers):
    process = layered(layers)
    answer = modify(process, "share.b=100")
    assert answer.status == 503 and b"admin" in answer.body
    assert answers(process) == {"a"}
    assert process.stat("runtime.load_error") == 1


def test_a_runtime_without_layers_can_be_overridden(layered):
    process = layered([])
    assert answers(process) == {"a"}
    assert modify(process, "share.b=100").status == 200
    assert answers(process) == {"b"}


def test_an_override_that_is_no_number_leaves_the_default(layered):
    process = layered([BASE, ADMIN])
    assert modify(process, "share.b=nonsense").status == 200
    assert answers(process) == {"a"}
    assert modify(process, "").status == 400


def test_a_cluster_in_maintenance_is_left_alone(baton, upstream):
    server = upstream()
    process = baton({**bootstrap([listener("web", http_filter(forward_all("one")))],
                                 [cluster("one", server.server_address[1])]), "layered_runtime": {"layers": [ADMIN]}})
    modify(process, "upstream.maintenance_mode.one=100")
    refused = request(process.port("web"))
    assert (refused.status, refused.body, refused.headers["x-envoy-overloaded"]) == (503, b"maintenance mode", "true")
    assert server.requests == [] and process.stat("cluster.one.upstream_rq_maintenance_mode") == 1
    modify(process, "upstream.maintenance_mode.one=")
    assert request(process.port("web")).status == 200


def test_retries_are_switched_off_for_all(baton, scripted):
    server = scripted()
    server.script["/"] = [response(500), response(500), response(200)]
    process = baton({**bootstrap([listener("web", http_filter(forward_all("one", retry_policy={"retry_on": "5xx"})))],
                                 [cluster("one", server.port)]), "layered_runtime": {"layers": [ADMIN]}})
    modify(process, "upstream.use_retry=0")
    assert request(process.port("web")).status == 500 and server.tries("/") == 1
    modify(process, "upstream.use_retry=100")
    assert request(process.port("web")).status == 200 and server.tries("/") == 3
