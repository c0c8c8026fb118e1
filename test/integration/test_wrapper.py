"""tools/hot_restart.sh: one process for an init system, over many generations."""
import os
import signal
import socket
import subprocess

import pytest
import yaml

from conftest import (BINARY, ROOT, address, bootstrap, cluster, forward_all, free_port, http_filter, listener, request,
                      wait_for)


class Wrapper:
    def __init__(self, directory, config, base_id, *options, **environment):
        self.config = directory / "wrapped.yaml"
        self.config.write_text(yaml.safe_dump(config))
        self.epoch_file = directory / "epoch"
        self.starts = 0
        self.command = ["bash", str(ROOT / "tools/hot_restart.sh"), "-c", str(self.config), "--base-id", str(base_id), "--concurrency",
                        "1", *(() if "--probation-time-s" in options else ("--probation-time-s", "0")), *options]
        self.environment = {**os.environ, "BATON": BINARY, "DRAIN_TIME_S": "1", "PARENT_SHUTDOWN_TIME_S": "5",
                            "EPOCH_FILE": str(self.epoch_file), **environment}
        self.start_again()

    def start_again(self):
        self.starts += 1
        self.log_file = self.config.with_name(f"wrapper{self.starts}.log")
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment)
        return self

    def log(self):
        return self.log_file.read_text(errors="replace")

    def signal(self, number):
        self.process.send_signal(number)

    def pid_of(self, epoch):
        return int(self.log().split(f"epoch {epoch} is pid ")[1].split()[0])

    def stat(self, name):
        lines = request(self.admin, f"/stats?filter=^{name}$").body.decode().split()
        return int(lines[1]) if len(lines) == 2 else 0


@pytest.fixture
def make_wrapper(tmp_path, base_id, upstream):
    started = []

    def start(*options, **environment):
        port = free_port()
        config = bootstrap([listener("web", http_filter(forward_all("one")), port=port)],
                           [cluster("one", upstream().server_address[1])])
        admin = free_port()
        config["admin"]["address"] = address(admin)
        started.append(Wrapper(tmp_path, config, base_id, *options, **environment))
        started[0].port, started[0].admin = port, admin
        return started[0]

    yield start
    for process in started:
        if process.process.poll() is None:
            process.signal(signal.SIGTERM)
            process.process.wait(30)
        assert not os.path.exists(f"/dev/shm/baton_lock_{base_id}"), process.log()


@pytest.fixture
def wrapper(make_wrapper):
    process = make_wrapper()
    wait_for(lambda: process.log().count("phase CONFIRMED") == 1, "the first epoch")
    return process


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


def sick_from_epoch_1(tmp_path, what):
    """A program that is baton for epoch 0, and for others what is asked for."""
    program = tmp_path / "sick"
    program.write_text(f'#!/bin/bash\ncase "$*" in *"--restart-epoch 0 "*|*validate*) exec {BINARY} "$@";; esac\n{what}\n')
    program.chmod(0o755)
    return str(program)


def test_sigint_ends_all_with_status_0(wrapper):
    wrapper.signal(signal.SIGINT)
    assert wrapper.process.wait(30) == 0


def test_sigusr1_reaches_every_generation(make_wrapper, tmp_path):
    wrapper = make_wrapper("--log-path", str(tmp_path / "baton.log"), DRAIN_TIME_S="60", PARENT_SHUTDOWN_TIME_S="60")
    wait_for(lambda: (tmp_path / "baton.log").exists() and "CONFIRMED" in (tmp_path / "baton.log").read_text(), "the first epoch")
    with socket.create_connection(("127.0.0.1", wrapper.port)):  # keeps the parent
        wait_for(lambda: wrapper.stat("http.test.downstream_cx_active") == 1, "the connection")
        wrapper.signal(signal.SIGHUP)
        wait_for(lambda: "has passed its probation" in (tmp_path / "baton.log").read_text(), "the drain")
        os.rename(tmp_path / "baton.log", tmp_path / "old.log")
        wrapper.signal(signal.SIGUSR1)
        wait_for(lambda: (tmp_path / "baton.log").exists(), "the new file")

        def open_files(epoch):
            pid = wrapper.pid_of(epoch)
            return {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
        for epoch in (0, 1):
            wait_for(lambda: str(tmp_path / "baton.log") in open_files(epoch), f"epoch {epoch} to reopen its log")


@pytest.mark.parametrize("what, status", [("exit 3", 3), ("kill -SEGV $$", 128 + signal.SIGSEGV), ("exec /nowhere", 127)])
def test_a_process_that_does_not_start_costs_the_healthy_one_nothing(make_wrapper, tmp_path, what, status):
    wrapper = make_wrapper(BATON=sick_from_epoch_1(tmp_path, what))
    wait_for(lambda: wrapper.log().count("phase CONFIRMED") == 1, "the first epoch")
    for attempt in (1, 2):
        wrapper.signal(signal.SIGHUP)
        wait_for(lambda: wrapper.log().count(f") ended with status {status}") == attempt, "its end")
        wait_for(lambda: wrapper.log().count("epoch 0 serves on") == attempt, "the fall back")
        assert request(wrapper.port).status == 200
        wait_for(lambda: wrapper.epoch_file.read_text() == "0\n", "the epoch file to tell who serves")
    assert wrapper.log().count("epoch 1 is pid") == 2


def test_a_process_that_dies_in_probation_costs_the_healthy_one_nothing(make_wrapper):
    wrapper = make_wrapper("--probation-time-s", "600")
    wait_for(lambda: wrapper.log().count("phase CONFIRMED") == 1, "the first epoch")
    wrapper.signal(signal.SIGHUP)
    wait_for(lambda: wrapper.log().count("phase COMMITTED") == 2, "the take-over")
    os.kill(wrapper.pid_of(1), signal.SIGKILL)
    wait_for(lambda: "ROLLBACK" in wrapper.log() and "epoch 0 serves on" in wrapper.log(), "the rollback")
    assert request(wrapper.port).status == 200


def test_the_same_epoch_is_tried_again_when_told(make_wrapper, tmp_path):
    wrapper = make_wrapper(BATON=sick_from_epoch_1(tmp_path, "exit 3"), RESTART_RETRIES="2")
    wait_for(lambda: wrapper.log().count("phase CONFIRMED") == 1, "the first epoch")
    wrapper.signal(signal.SIGHUP)
    wait_for(lambda: wrapper.log().count("epoch 1 is pid") == 3, "three attempts")
    assert "epoch 1 is tried again in 1 s" in wrapper.log() and "epoch 1 is tried again in 2 s" in wrapper.log()
    wait_for(lambda: wrapper.log().count("epoch 0 serves on") == 3, "the last of them to fail")
    assert request(wrapper.port).status == 200


def test_sigterm_ends_the_wait_for_another_try(make_wrapper, tmp_path):
    wrapper = make_wrapper(BATON=sick_from_epoch_1(tmp_path, "exit 3"), RESTART_RETRIES="100")
    wait_for(lambda: wrapper.log().count("phase CONFIRMED") == 1, "the first epoch")
    wrapper.signal(signal.SIGHUP)
    wait_for(lambda: "tried again in 2 s" in wrapper.log(), "the second failure")
    wrapper.signal(signal.SIGTERM)
    assert wrapper.process.wait(30) == 0


def test_draining_parents_are_no_service_when_the_one_that_serves_dies(make_wrapper):
    wrapper = make_wrapper(DRAIN_TIME_S="600", PARENT_SHUTDOWN_TIME_S="600")
    wait_for(lambda: wrapper.log().count("phase CONFIRMED") == 1, "the first epoch")
    with socket.create_connection(("127.0.0.1", wrapper.port)):  # keeps the parent
        wait_for(lambda: wrapper.stat("http.test.downstream_cx_active") == 1, "the connection")
        wrapper.signal(signal.SIGHUP)
        wait_for(lambda: wrapper.log().count("phase CONFIRMED") == 2, "the next epoch")
        os.kill(wrapper.pid_of(1), signal.SIGKILL)
        assert wrapper.process.wait(30) == 128 + signal.SIGKILL
    assert "epoch 1 was the service; ending those that only drain" in wrapper.log()


def test_a_second_sighup_during_a_restart_restarts_once_more_when_that_is_final(make_wrapper):
    wrapper = make_wrapper("--probation-time-s", "1")
    wait_for(lambda: wrapper.log().count("phase CONFIRMED") == 1, "the first epoch")
    wrapper.signal(signal.SIGHUP)
    wait_for(lambda: "epoch 1 is pid" in wrapper.log(), "the restart to begin")
    for _ in range(3):
        wrapper.signal(signal.SIGHUP)
    wait_for(lambda: "epoch 1 is not final yet; the restart follows then" in wrapper.log(), "the second to wait")
    wait_for(lambda: wrapper.log().count("phase CONFIRMED") == 3, "both restarts")
    assert "refused" not in wrapper.log() and "epoch 3 is pid" not in wrapper.log()
    assert wrapper.epoch_file.read_text() == "2\n"
    assert request(wrapper.port).status == 200


@pytest.mark.parametrize("text", ["epoch 1 is pid", "phase LISTENING", "phase COMMITTED"])
def test_sigterm_during_a_restart_ends_both(make_wrapper, text):
    wrapper = make_wrapper("--probation-time-s", "600")
    wait_for(lambda: wrapper.log().count("phase CONFIRMED") == 1, "the first epoch")
    before = wrapper.log().count(text)
    wrapper.signal(signal.SIGHUP)
    wait_for(lambda: wrapper.log().count(text) > before, text)
    wrapper.signal(signal.SIGTERM)
    assert wrapper.process.wait(30) == 0, wrapper.log()


def test_the_next_wrapper_takes_over_from_what_a_killed_one_has_left(make_wrapper, tmp_path):
    wrapper = make_wrapper()
    wait_for(lambda: wrapper.log().count("phase CONFIRMED") == 1, "the first epoch")
    wrapper.signal(signal.SIGHUP)
    wait_for(lambda: wrapper.log().count("phase CONFIRMED") == 2, "the second")
    orphan = wrapper.pid_of(1)
    wrapper.signal(signal.SIGKILL)
    wrapper.process.wait(30)
    assert request(wrapper.port).status == 200
    again = wrapper.start_again()
    wait_for(lambda: "epoch 2 is pid" in again.log() and "phase CONFIRMED" in again.log(), "the next epoch")
    wait_for(lambda: not os.path.exists(f"/proc/{orphan}/exe"), "the orphan's end")
    assert request(wrapper.port).status == 200
    again.signal(signal.SIGHUP)
    wait_for(lambda: again.log().count("phase CONFIRMED") == 2, "a further restart")
    again.signal(signal.SIGTERM)
    assert again.process.wait(30) == 0


def test_an_epoch_file_of_the_dead_is_no_hindrance(make_wrapper, tmp_path):
    (tmp_path / "epoch").write_text("41\n")
    wrapper = make_wrapper()
    wait_for(lambda: "there is no epoch 41 to take over from" in wrapper.log(), "the first try")
    wait_for(lambda: "phase CONFIRMED" in wrapper.log(), "the first epoch")
    assert wrapper.epoch_file.read_text() == "0\n"


def test_a_program_that_is_not_there_is_a_failure(make_wrapper):
    wrapper = make_wrapper(BATON="/nowhere/baton")
    assert wrapper.process.wait(30) == 127
    assert "no generation is left" in wrapper.log()


def test_an_epoch_file_that_can_t_be_written_is_said_and_costs_nothing(make_wrapper):
    wrapper = make_wrapper(EPOCH_FILE="/nowhere/epoch")
    wait_for(lambda: wrapper.log().count("phase CONFIRMED") == 1, "the first epoch")
    assert "can't write /nowhere/epoch" in wrapper.log()
    wrapper.signal(signal.SIGHUP)
    wait_for(lambda: wrapper.log().count("phase CONFIRMED") == 2, "the next epoch")
    assert request(wrapper.port).status == 200
