"""`baton upgrade`: its exit status and what it says, however the restart ends."""
import os
import re
import signal
import socket
import subprocess

import pytest

from conftest import BINARY, DEADLINE, bootstrap, cluster, forward_all, free_port, http_filter, listener, request, wait_for

QUICK = ("--drain-time-s", "1", "--parent-shutdown-time-s", "30", "--hot-restart-timeout-ms", "1000")


class Upgrade:
    """One run, its output in a file: the new process inherits standard output and lives on with it."""

    def __init__(self, directory, base_id, config_file, *options):
        self.output_file = directory / "upgrade.out"
        self.log_file = directory / "upgraded.log"
        with open(self.output_file, "wb") as out:
            self.process = subprocess.Popen([BINARY, "upgrade", "-c", str(config_file), "--base-id", str(base_id), "--concurrency",
                                             "1", "--log-path", str(self.log_file), *QUICK, *options], stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=out)

    def output(self):
        return self.output_file.read_text()

    def phases(self):
        return re.findall(r"^ *\d+ ms  ([A-Z_]+)", self.output(), re.MULTILINE)

    def status(self):
        return self.process.wait(DEADLINE)

    def pid(self):
        """Of the new process, as its parent's child."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
            return int(file.read().split()[0])


@pytest.fixture
def parent(baton, base_id, upstream):
    config = bootstrap([listener("web", http_filter(forward_all("one")), port=free_port())],
                       [cluster("one", upstream().server_address[1])])
    process = baton(config, *QUICK, base_id=base_id, epoch=0)
    process.base_id, process.web = base_id, process.port("web")
    return process


@pytest.fixture
def upgrade(parent, tmp_path):
    def start(*options, config_file=None):
        return Upgrade(tmp_path, parent.base_id, config_file or parent.config_file, *options)
    yield start
    # The new process is nobody's child any more; it holds the base id until its end.
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
            except OSError:
                continue
            if str(parent.base_id).encode() in words and int(entry) != parent.process.pid:
                os.kill(int(entry), signal.SIGTERM)
    parent.end()
    wait_for(lambda: not os.path.exists(f"/dev/shm/baton_lock_{parent.base_id}"), "the last process to end")


def still_served_by(parent):
    return request(parent.web).status == 200 and parent.process.poll() is None


def test_it_ends_when_the_new_process_serves_for_good(parent, upgrade):
    done = upgrade("--probation-time-s", "1")
    assert done.status() == 0, done.output()
    assert done.phases() == ["STARTING", "CONFIGURED", "WARM", "LISTENING", "COMMITTED", "CONFIRMED"]
    assert re.search(r"^pid \d+ serves$", done.output(), re.MULTILINE)
    assert parent.wait_ended() == 0
    assert request(parent.web).status == 200


def test_with_wait_it_ends_with_the_old_process(parent, upgrade):
    with socket.create_connection(("127.0.0.1", parent.web)) as client:  # idle: the parent waits for it
        wait_for(lambda: parent.stat("http.test.downstream_cx_active") == 1, "the connection")
        done = upgrade("--probation-time-s", "0", "--wait")
        wait_for(lambda: "CONFIRMED" in done.phases(), "the take-over")
        assert done.process.poll() is None and parent.process.poll() is None
        client.close()
        assert done.status() == 0
    assert done.phases()[-1] == "PARENT_ENDED"
    assert parent.process.wait(DEADLINE) == 0


@pytest.mark.parametrize("options", [(), ("--wait",)])
def test_without_a_running_process_it_is_a_start(parent, upgrade, options):
    parent.send_signal(signal.SIGTERM)
    parent.wait_ended()
    done = upgrade(*options)
    assert done.status() == 0, done.output()
    assert "CONFIRMED: without a parent" in done.output()
    assert request(parent.web).status == 200


def test_a_bad_configuration_fails_and_says_where(parent, upgrade, tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("static_resources: {listeners: 5}\n")
    done = upgrade(config_file=file)
    assert done.status() == 1
    assert f"FAILED: {file}" in done.output()
    assert "baton upgrade: the new process gave up with status 1; the old one serves on\n" in done.output()
    assert still_served_by(parent)


def test_a_refusal_fails_and_says_why(parent, upgrade):
    done = upgrade("--restart-epoch", "5")
    assert done.status() == 1
    assert "FAILED: refused by the parent: restart epoch 5 is not the parent's epoch 0 + 1\n" in done.output()
    assert still_served_by(parent)


def test_a_process_that_does_not_answer_fails_it_in_time(parent, upgrade):
    parent.send_signal(signal.SIGSTOP)
    try:
        done = upgrade()
        assert done.status() == 1
    finally:
        parent.send_signal(signal.SIGCONT)
    assert "FAILED: the parent did not answer HELLO within 1000 ms\n" in done.output()
    assert still_served_by(parent)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_new_process_that_dies_in_probation_fails_it(parent, upgrade, number):
    done = upgrade("--probation-time-s", "600")
    wait_for(lambda: "COMMITTED" in done.phases(), "the take-over")
    os.kill(done.pid(), number)
    assert done.status() == 1
    wait_for(lambda: "ROLLBACK" in parent.output(), "the rollback")
    assert "CONFIRMED" not in done.phases()
    assert "; the old one serves on\n" in done.output()
    assert still_served_by(parent)


def test_a_new_process_that_hangs_in_probation_is_ended_and_fails_it(parent, upgrade):
    done = upgrade("--probation-time-s", "600")
    wait_for(lambda: "COMMITTED" in done.phases(), "the take-over")
    os.kill(done.pid(), signal.SIGSTOP)
    assert done.status() == 1
    assert f"the new process was ended by signal {int(signal.SIGKILL)}; the old one serves on\n" in done.output()
    wait_for(lambda: "ROLLBACK" in parent.output(), "the rollback")
    assert still_served_by(parent)


def test_a_new_process_that_dies_while_the_old_one_drains_is_not_called_served_by_it(parent, upgrade):
    with socket.create_connection(("127.0.0.1", parent.web)):
        wait_for(lambda: parent.stat("http.test.downstream_cx_active") == 1, "the connection")
        done = upgrade("--probation-time-s", "0", "--wait")
        wait_for(lambda: "CONFIRMED" in done.phases(), "the take-over")
        os.kill(done.pid(), signal.SIGKILL)
        assert done.status() == 1
        assert "was ended by signal 9; the old one only drains: nobody serves\n" in done.output()


def test_a_program_that_is_not_there(parent, upgrade):
    done = upgrade("--binary", "/no/such/baton")
    assert done.status() == 1
    assert "baton upgrade: cannot start /no/such/baton: No such file or directory\n" in done.output()
    assert still_served_by(parent)
