"""What systemd is told (sd_notify) by a start, by `baton upgrade` as its reload command, and by an end."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

from conftest import BINARY, DEADLINE, ROOT, bootstrap, cluster, forward_all, free_port, http_filter, listener, request, wait_for


class ServiceManager:
    def __init__(self, directory):
        self.path = f"{directory}/notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(DEADLINE)

    def next(self, name):
        """The next message that sets `name`, as {name: value}."""
        while True:
            message = dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines())
            if name in message:
                return message

    def rest(self):
        self.socket.setblocking(False)
        messages = []
        try:
            while True:
                messages.append(self.socket.recv(4096).decode())
        except BlockingIOError:
            return messages


@pytest.fixture
def manager(monkeypatch):
    with tempfile.TemporaryDirectory(prefix="bt", dir="/tmp") as directory:
        manager = ServiceManager(directory)
        monkeypatch.setenv("NOTIFY_SOCKET", manager.path)
        yield manager
        manager.socket.close()


@pytest.fixture
def service(baton, base_id, upstream, manager):
    config = bootstrap([listener("web", http_filter(forward_all("one")), port=free_port())],
                       [cluster("one", upstream().server_address[1])])
    process = baton(config, "--probation-time-s", "1", "--drain-time-s", "1", "--parent-shutdown-time-s", "5", base_id=base_id,
                    epoch=0)
    process.base_id = base_id
    return process


def reload(service, tmp_path, *options):
    with open(tmp_path / "reload.out", "wb") as out:
        return subprocess.Popen([BINARY, "upgrade", "-c", str(service.config_file), "--base-id", str(service.base_id),
                                 "--concurrency", "1", "--probation-time-s", "1", "--drain-time-s", "1",
                                 "--parent-shutdown-time-s", "5", "--admin-address-path", str(tmp_path / "new.admin"),
                                 "--log-path", str(tmp_path / "new.log"), *options],
                                stdin=subprocess.DEVNULL, stdout=out, stderr=out)


def test_a_start_is_ready_and_an_end_is_announced(service, manager):
    assert manager.next("READY") == {"MAINPID": str(service.process.pid), "READY": "1", "STATUS": "serving"}
    service.send_signal(signal.SIGTERM)
    assert manager.next("STOPPING") == {"STOPPING": "1"}
    assert service.wait_ended() == 0


def test_a_reload_hands_the_main_pid_to_the_child(service, manager, tmp_path):
    manager.next("READY")
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    upgrade = reload(service, tmp_path, "--wait")
    reloading = manager.next("RELOADING")
    assert reloading["RELOADING"] == "1"
    assert before <= int(reloading["MONOTONIC_USEC"]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    child = int(manager.next("MAINPID")["MAINPID"])
    try:
        assert child != service.process.pid
        assert service.wait_ended() == 0
        assert upgrade.wait(DEADLINE) == 0
        # The parent's end is not the service's.
        rest = manager.rest()
        assert "READY=1" in rest
        assert not [message for message in rest if "STOPPING" in message]
    finally:
        os.kill(child, signal.SIGTERM)
    wait_for(lambda: not os.path.exists(f"/dev/shm/baton_lock_{service.base_id}"), "the child to end")


def test_a_reload_that_fails_leaves_the_service_ready_and_fails(service, manager, tmp_path):
    manager.next("READY")
    upgrade = reload(service, tmp_path, "--restart-epoch", "9")
    manager.next("RELOADING")
    assert manager.next("READY") == {"READY": "1", "STATUS": "a hot restart failed; the old process serves on"}
    assert upgrade.wait(DEADLINE) == 1
    rest = manager.rest()
    assert not [message for message in rest if "MAINPID" in message or "STOPPING" in message]
    assert request(service.port("web")).status == 200


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_the_unit_file_is_one_that_systemd_understands(tmp_path):
    unit = tmp_path / "baton.service"
    unit.write_text((ROOT / "tools/baton.service").read_text().replace("/usr/local/bin/baton", BINARY))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=DEADLINE)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "baton.service" in line]) == (0, [])
