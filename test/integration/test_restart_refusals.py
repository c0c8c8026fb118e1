"""What a hot restart is refused for, or fails of: one clear line, exit status 1, and the parent serves on untouched."""
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess

import pytest

from conftest import BINARY, DEADLINE, bootstrap, cluster, forward_all, free_port, http_filter, listener, request, wait_for

QUICK = ("--hot-restart-timeout-ms", "1000")


def possible(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


needs_another_user = pytest.mark.skipif(os.geteuid() != 0 or not possible("setpriv", "--reuid", "65534", "--clear-groups", "true"),
                                        reason="can't become another user here")
needs_own_mounts = pytest.mark.skipif(not possible("unshare", "-m", "mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", "/dev/shm"),
                                      reason="can't have a /dev/shm of its own here")


@pytest.fixture
def parent(baton, base_id, upstream):
    config = bootstrap([listener("web", http_filter(forward_all("one")), port=free_port())],
                       [cluster("one", upstream().server_address[1])])
    process = baton(config, *QUICK, base_id=base_id, epoch=0)
    process.base_id = base_id
    process.config = config
    process.generation = json.loads(process.admin("/generations"))["generations"]
    process.web = process.port("web")
    yield process
    assert request(process.web).status == 200
    # One generation, serving, nothing in between.
    def alone():
        now = json.loads(process.admin("/generations"))["generations"]
        return [(one["pid"], one["state"]) for one in now] == [(process.process.pid, "serving")]
    wait_for(alone, "the parent to be alone")


def attempt(parent, *prefix, epoch=1, options=(), config_file=None):
    """Runs a child to its end. Returns its exit status and the line that it gives up with."""
    command = [*prefix, BINARY, "-c", str(config_file or parent.config_file), "--base-id", str(parent.base_id), "--restart-epoch",
               str(epoch), "--concurrency", "1", "--log-path", os.devnull, *QUICK, *options]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE)
    return done.returncode, done.stderr


@pytest.mark.parametrize("epoch", [2, 7, 4294967295])
def test_an_epoch_that_does_not_follow(parent, epoch):
    status, line = attempt(parent, epoch=epoch)
    assert (status, line) == (1, f"baton: refused by the parent: restart epoch {epoch} is not the parent's epoch 0 + 1\n")
    assert parent.stat("server.hot_restart.refused") == 1


def test_epoch_0_while_a_live_process_holds_the_base_id(parent):
    status, line = attempt(parent, epoch=0)
    assert (status, line) == (1, f"baton: a live process holds base id {parent.base_id}; take over from it with --restart-epoch "
                              "auto, or give another --base-id\n")


def test_a_parent_that_does_not_answer(parent):
    parent.send_signal(signal.SIGSTOP)
    try:
        status, line = attempt(parent)
    finally:
        parent.send_signal(signal.SIGCONT)
    assert (status, line) == (1, "baton: the parent did not answer HELLO within 1000 ms\n")


def test_another_restart_under_way(parent, baton):
    first = baton(parent.config, "--probation-time-s", "600", base_id=parent.base_id, epoch=1, wait=False)
    wait_for(lambda: "phase COMMITTED" in first.output(), "the first child to take over")
    # Only the generation that serves for good can be taken over from: in probation that is still the parent.
    status, line = attempt(parent)
    assert (status, line) == (1, "baton: refused by the parent: another restart is under way\n")
    first.send_signal(signal.SIGKILL)
    first.wait_ended()
    wait_for(lambda: "ROLLBACK" in parent.output(), "the rollback")


def test_another_socket_path_than_the_parent_s(parent, tmp_path):
    status, line = attempt(parent, options=("--socket-path", f"@other{parent.base_id}"))
    assert status == 1
    assert line.startswith(f"baton: a process holds base id {parent.base_id} but does not answer on @other{parent.base_id}")
    assert line.endswith("; is --socket-path the same?\n")


@needs_another_user
def test_a_process_of_another_user(parent, tmp_path):
    # What the other user may read and run, wherever the test's own files are.
    directory = f"/tmp/baton-user-{parent.base_id}"
    os.mkdir(directory, 0o755)
    try:
        shutil.copy(BINARY, f"{directory}/baton")
        os.chmod(f"{directory}/baton", 0o755)
        shutil.copy(parent.config_file, f"{directory}/baton.yaml")
        os.chmod(f"{directory}/baton.yaml", 0o644)
        done = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", f"{directory}/baton", "-c", f"{directory}/baton.yaml",
                               "--base-id", str(parent.base_id), "--restart-epoch", "1", "--concurrency", "1", "--log-path",
                               os.devnull], cwd="/", capture_output=True, text=True, timeout=DEADLINE)
    finally:
        shutil.rmtree(directory)
    assert (done.returncode, done.stderr) == (1, "baton: the restart socket belongs to user 0, not to this process's\n")


@pytest.mark.parametrize("text", ["{", "static_resources: {listeners: 5}", "no_such_field: 1"])
def test_a_bad_configuration(parent, tmp_path, text):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    status, line = attempt(parent, config_file=file)
    assert status == 1
    assert str(file) in line


def test_a_configuration_that_is_not_there(parent, tmp_path):
    status, line = attempt(parent, config_file=tmp_path / "none.yaml")
    assert status == 1
    assert "none.yaml" in line and "No such file" in line


def test_peers_that_speak_nonsense_are_dropped(parent):
    for data in (b"\0" * 4, b"\xff" * 65000, b"GET / HTTP/1.1\r\n\r\n"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as peer:
            peer.settimeout(DEADLINE)
            peer.connect(f"\0baton_domain_socket_{parent.base_id}")
            peer.send(data)
            with contextlib.suppress(ConnectionResetError):
                while peer.recv(65536):
                    pass
    assert "server.hot_restart_epoch" in parent.stats()


FULL_SHARED_MEMORY = 'mount -t tmpfs -o size=4k tmpfs /dev/shm && head -c 4096 /dev/zero >/dev/shm/full && exec "$0" "$@"'


@needs_own_mounts
def test_full_shared_memory_ends_a_first_start(base_id, tmp_path):
    file = tmp_path / "baton.yaml"
    file.write_text(json.dumps(bootstrap([])))
    done = subprocess.run(["unshare", "-m", "bash", "-c", FULL_SHARED_MEMORY, BINARY, "-c", str(file), "--base-id", str(base_id),
                           "--log-path", os.devnull], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("baton: shared memory: ") and done.stderr.count("\n") == 1
    assert "No space left on device" in done.stderr


@needs_own_mounts
def test_full_shared_memory_does_not_stop_a_child_whose_region_has_another_layout(parent, tmp_path):
    log = tmp_path / "child.log"
    with open(log, "wb") as out:
        child = subprocess.Popen(["unshare", "-m", "bash", "-c", FULL_SHARED_MEMORY, BINARY, "-c", str(parent.config_file), "--base-id",
                                  str(parent.base_id), "--restart-epoch", "1", "--concurrency", "1", "--max-stats", "30000",
                                  "--probation-time-s", "600"], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        wait_for(lambda: "phase COMMITTED" in log.read_text(), "the take-over")
        assert request(parent.web).status == 200
    finally:
        child.kill()
        child.wait()
    wait_for(lambda: "ROLLBACK" in parent.output(), "the rollback")


@needs_own_mounts
def test_shared_memory_that_has_filled_up_ends_a_child_and_not_its_parent(baton, base_id, upstream, tmp_path):
    starter = tmp_path / "starter"
    starter.write_text("#!/bin/bash\nexec unshare -m bash -c 'mount -t tmpfs -o size=4m tmpfs /dev/shm && exec \"$0\" \"$@\"' "
                       f'{BINARY} "$@"\n')
    starter.chmod(0o755)
    config = bootstrap([listener("web", http_filter(forward_all("one")), port=free_port())],
                       [cluster("one", upstream().server_address[1])])
    parent = baton(config, *QUICK, base_id=base_id, epoch=0, binary=str(starter))
    parent.base_id = base_id
    assert request(parent.port("web")).status == 200
    status, line = attempt(parent, "nsenter", "-t", str(parent.process.pid), "-m", "bash", "-c",
                           'cat /dev/zero >/dev/shm/full 2>/dev/null; exec "$0" "$@"')
    assert (status, line) == (1, "baton: shared memory: no room for values: No space left on device\n")
    assert request(parent.port("web")).status == 200
    assert parent.stat("http.test.downstream_rq_2xx") == 2
