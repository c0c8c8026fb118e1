"""The command line, signals and files of the real binary."""
import json
import pathlib
import signal
import subprocess

import pytest

from conftest import (BINARY, DEADLINE, ROOT, bootstrap, cluster, forward_all, http_filter, listener, request, wait_for)


def run(*arguments, cwd=None):
    return subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=DEADLINE, cwd=cwd)


def test_help_and_version_end_well():
    assert "--restart-epoch" in run("--help").stdout
    assert run("--version").stdout.startswith("baton ")
    assert run("--hot-restart-version").stdout.startswith("1.")


@pytest.mark.parametrize("arguments, message", [
    (("-c", "x.yaml", "--concurency", "2"), "unknown option '--concurency'; did you mean '--concurrency'?"),
    ((), "no configuration: give -c FILE or --config-yaml TEXT"),
    (("-c", "/nowhere/x.yaml"), "/nowhere/x.yaml"),
])
def test_a_wrong_command_line_says_what_is_wrong(arguments, message):
    done = run(*arguments)
    assert done.returncode == 1
    assert message in done.stderr


def test_all_mistakes_of_a_file_are_reported_with_their_places(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("""static_resources:
  listeners:
  - name: web
    address:
      socket_address: {address: 127.0.0.1, port_value: "eighty"}
    filter_chainz: []
""")
    done = run("-c", file, "--mode", "validate")
    assert done.returncode == 1
    assert f'{file}:5:' in done.stderr
    assert 'static_resources.listeners[0].address.socket_address.port_value: expected' in done.stderr
    assert "filter_chainz" in done.stderr and "filter_chains" in done.stderr


def test_every_example_is_valid(tmp_path, certificate):
    chain, key = certificate
    work = tmp_path / "work"
    (work / "configs/certs").mkdir(parents=True)
    for name in ("server.pem", "ca.pem", "client.pem"):
        (work / "configs/certs" / name).write_text(pathlib.Path(chain).read_text())
    for name in ("server-key.pem", "client-key.pem"):
        (work / "configs/certs" / name).write_text(pathlib.Path(key).read_text())
    examples = sorted((ROOT / "configs").rglob("*.yaml"))
    assert len(examples) >= 7
    for example in examples:
        done = run("-c", example, "--mode", "validate", cwd=work)
        assert done.returncode == 0, f"{example}: {done.stderr}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(baton, number):
    process = baton(bootstrap([listener("web", http_filter([]))]))
    process.send_signal(number)
    assert process.wait_ended() == 0


def test_sighup_is_ignored_and_sigusr1_reopens_the_access_log(baton, upstream, tmp_path):
    log = tmp_path / "access.log"
    web = http_filter(forward_all("one"), access_log=[{"name": "file", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog", "path": str(log),
        "log_format": {"text_format_source": {"inline_string": "%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS%\n"}}}}])
    process = baton(bootstrap([listener("web", web)], [cluster("one", upstream().server_address[1])]),
                    "--file-flush-interval-msec", "20")
    port = process.port("web")
    request(port, "/one")
    wait_for(lambda: log.read_text() == "GET /one 200 -\n", "the first line")
    log.rename(tmp_path / "rotated.log")
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGUSR1)
    wait_for(log.exists, "the new file")
    request(port, "/two")
    wait_for(lambda: log.read_text() == "GET /two 200 -\n", "the second line")
    assert (tmp_path / "rotated.log").read_text() == "GET /one 200 -\n"


def test_its_own_log_goes_where_and_looks_as_it_is_told(baton, tmp_path):
    log = tmp_path / "baton.log"
    process = baton(bootstrap([listener("web", http_filter([]))]), "--log-path", log, "--log-format", "<%n> <%l> %v",
                    "--log-level", "error", "--component-log-level", "main:info,http:debug")
    wait_for(lambda: log.exists() and "phase COMMITTED" in log.read_text(), "the log of its start")
    assert process.output() == ""
    log.rename(tmp_path / "rotated.log")
    process.send_signal(signal.SIGUSR1)
    wait_for(log.exists, "the new file")
    process.send_signal(signal.SIGTERM)
    assert process.wait_ended() == 0
    assert "<main> <info> ended with status 0\n" in log.read_text()
    lines = ((tmp_path / "rotated.log").read_text() + log.read_text()).splitlines()
    assert all(line.startswith(("<main> <info> ", "<main> <warning> ", "<http> <debug> ")) for line in lines), lines


def test_init_only_starts_all_and_ends(tmp_path):
    file = tmp_path / "init.yaml"
    file.write_text("static_resources: {clusters: [{name: a}]}")
    assert run("-c", file, "--mode", "init_only", "--disable-hot-restart").returncode == 0
    file.write_text("static_resources: {clusters: [{name: a}, {name: a}]}")
    done = run("-c", file, "--mode", "init_only", "--disable-hot-restart")
    assert done.returncode == 1 and f"{file}:1:" in done.stderr + done.stdout


def test_the_command_line_says_more_of_the_node_than_the_file(baton):
    process = baton({**bootstrap([]), "node": {"id": "i", "cluster": "c", "locality": {"zone": "z", "region": "r"}}},
                    "--service-node", "other-i", "--service-cluster", "other-c", "--service-zone", "other-z")
    node = json.loads(process.admin("/server_info"))["node"]
    assert (node["id"], node["cluster"], node["locality"]) == ("other-i", "other-c", {"region": "r", "zone": "other-z", "sub_zone": ""})


def test_access_logs_are_flushed_at_exit(baton, tmp_path):
    log = tmp_path / "access.log"
    web = http_filter([{"match": {"prefix": "/"}, "direct_response": {"status": 204}}], access_log=[{
        "name": "file", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog", "path": str(log)}}])
    process = baton(bootstrap([listener("web", web)]), "--file-flush-interval-msec", "600000")
    request(process.port("web"), "/x")
    process.send_signal(signal.SIGTERM)
    assert process.wait_ended() == 0
    assert '"GET /x HTTP/1.1" 204' in log.read_text()


def test_a_merged_text_wins_over_the_file(baton):
    config = bootstrap([listener("web", http_filter([{"match": {"prefix": "/"}, "direct_response": {"status": 201}}]))])
    process = baton(config, "--config-yaml", "node: {id: from-text}", "--service-cluster", "blue")
    info = process.admin("/server_info")
    assert "from-text" in info and "blue" in info
    assert request(process.port("web")).status == 201


def test_the_admin_interface_answers_its_pages_and_changes_only_by_post(baton):
    process = baton(bootstrap([listener("web", http_filter([]))]))
    for page in ("/", "/help", "/ready", "/server_info", "/stats", "/stats/prometheus", "/clusters", "/listeners",
                 "/config_dump", "/certs", "/memory", "/runtime", "/hot_restart_version", "/generations"):
        host, port = process.admin_address
        assert request(port, page).status == 200, page
    for command in ("/quitquitquit", "/healthcheck/fail", "/drain_listeners", "/reset_counters", "/logging"):
        answer = request(port, command)
        assert answer.status == 405, command
        assert answer.headers["allow"] == "POST"
    assert request(port, "/logging?level=debug", "POST").status == 200
    assert request(port, "/nowhere").status == 404


def test_failing_the_health_check_drains_and_can_be_undone(baton):
    check = {"name": "envoy.filters.http.health_check", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck",
        "pass_through_mode": False, "headers": [{"name": ":path", "string_match": {"exact": "/healthz"}}]}}
    process = baton(bootstrap([listener("web", http_filter([], filters=[check]))]))
    port = process.port("web")
    assert request(port, "/healthz").status == 200
    process.admin("/healthcheck/fail", "POST")
    assert request(port, "/healthz").status == 503
    assert process.admin("/ready").strip() == "DRAINING"
    process.admin("/healthcheck/ok", "POST")
    assert request(port, "/healthz").status == 200
    assert process.admin("/ready").strip() == "LIVE"
