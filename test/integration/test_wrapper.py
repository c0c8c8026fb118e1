"""tools/hot_restart.sh: one process for an init system, over many generations."""
import os
import signal
import subprocess

import pytest
import yaml

from conftest import (BINARY, ROOT, address, bootstrap, cluster, forward_all, free_port, http_filter, listener, request,
                      wait_for)


class Wrapper:
    def __init__(self, directory, config, base_id):
        self.config = directory / "wrapped.yaml"
        self.config.write_text(yaml.safe_dump(config))
        self.epoch_file = directory / "epoch"
        self.log_file = directory / "wrapper.log"
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen(
                ["bash", str(ROOT / "tools/hot_restart.sh"), "-c", str(self.config), "--base-id", str(base_id), "--concurrency", "1",
                 "--probation-time-s", "0"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "BATON": BINARY, "DRAIN_TIME_S": "1", "PARENT_SHUTDOWN_TIME_S": "5",
                     "EPOCH_FILE": str(self.epoch_file)})

    def log(self):
        return self.log_file.read_text(errors="replace")

    def signal(self, number):
        self.process.send_signal(number)

    def pid_of(self, epoch):
        return int(self.log().split(f"epoch {epoch} is pid ")[1].split()[0])


@pytest.fixture
def wrapper(tmp_path, base_id, upstream):
    port = free_port()
    config = bootstrap([listener("web", http_filter(forward_all("one")), port=port)],
                       [cluster("one", upstream().server_address[1])])
    config["admin"]["address"] = address(free_port())
    process = Wrapper(tmp_path, config, base_id)
    process.port = port
    wait_for(lambda: process.log().count("phase CONFIRMED") == 1, "the first epoch")
    yield process
    if process.process.poll() is None:
        process.signal(signal.SIGTERM)
        process.process.wait(30)
    assert not os.path.exists(f"/dev/shm/baton_lock_{base_id}"), process.log()


def test_sighup_restarts_and_sigterm_ends_all_with_status_0(wrapper):
    for epoch in (1, 2):
        wrapper.signal(signal.SIGHUP)
        wait_for(lambda: wrapper.log().count("phase CONFIRMED") == epoch + 1, "the next epoch")
        assert request(wrapper.port).status == 200
        assert wrapper.epoch_file.read_text() == f"{epoch}\n"
        wait_for(lambda: f"epoch {epoch - 1} (pid {wrapper.pid_of(epoch - 1)}) ended with status 0" in wrapper.log(), "its end")
    wrapper.signal(signal.SIGTERM)
    assert wrapper.process.wait(30) == 0


def test_a_bad_configuration_costs_the_healthy_process_nothing(wrapper):
    good = wrapper.config.read_text()
    wrapper.config.write_text("static_resources: {listeners: 5}\n")
    wrapper.signal(signal.SIGHUP)
    wait_for(lambda: "the new configuration is refused; epoch 0 serves on" in wrapper.log(), "the refusal")
    assert request(wrapper.port).status == 200
    wrapper.config.write_text(good)
    wrapper.signal(signal.SIGHUP)
    wait_for(lambda: wrapper.log().count("phase CONFIRMED") == 2, "the next epoch")
    assert request(wrapper.port).status == 200


def test_it_ends_with_a_failure_when_no_generation_is_left(wrapper):
    os.kill(wrapper.pid_of(0), signal.SIGKILL)
    assert wrapper.process.wait(30) == 128 + signal.SIGKILL
    assert "no generation is left" in wrapper.log()
    # What the killed one left is for the next start to clean up.
    base_id = wrapper.process.args[wrapper.process.args.index("--base-id") + 1]
    for name in ("baton_lock_", "baton_shared_memory_"):
        os.unlink(f"/dev/shm/{name}{base_id}")
