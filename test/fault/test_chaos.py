"""Either process killed or stopped at every step of a hot restart, under load: somebody always accepts, never two for
good, and nothing is left behind."""
import os
import signal
import socket
import sys
import threading
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from conftest import (DEADLINE, baton, base_id, bootstrap, cluster, forward_all, free_port, http_filter, listener,  # noqa: E402,F401
                      request, upstream, wait_for)

OPTIONS = ("--probation-time-s", "2", "--drain-time-s", "1", "--parent-shutdown-time-s", "8", "--hot-restart-timeout-ms", "1500")
# What the child's log says when it has reached the step.
STEPS = {"HELLO": "listening sockets received", "CONFIGURED": "phase CONFIGURED", "WARM": "phase WARM", "LISTENING": "phase LISTENING",
         "COMMITTED": "phase COMMITTED", "CONFIRMED": "phase CONFIRMED"}


class Connections:
    """Connects again and again. A connection that is refused is a failure whoever was killed."""

    def __init__(self, port):
        self.port = port
        self.refused = []
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.ending.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE):
                    pass
            except ConnectionRefusedError:
                self.refused.append(time.monotonic())
            except OSError:
                pass
            time.sleep(0.002)

    def end(self):
        self.ending.set()
        self.thread.join()
        return len(self.refused)


# Once it is confirmed the child is the service: its death is a service's death, and nobody's rollback.
TABLE = [(step, victim, number) for step in STEPS for victim in ("child", "parent")
         for number in (signal.SIGKILL, signal.SIGSTOP) if (step, victim, number) != ("CONFIRMED", "child", signal.SIGKILL)]


@pytest.mark.parametrize("step, victim, number", TABLE, ids=lambda value: getattr(value, "name", value))
def test_step(baton, base_id, upstream, step, victim, number):  # noqa: F811
    config = bootstrap([listener("web", http_filter(forward_all("one")), port=free_port())],
                       [cluster("one", upstream().server_address[1])])
    parent = baton(config, *OPTIONS, base_id=base_id, epoch=0)
    port = parent.port("web")
    load = Connections(port)
    try:
        child = baton(config, *OPTIONS, base_id=base_id, epoch=1, wait=False)
        wait_for(lambda: STEPS[step] in child.output() or child.process.poll() is not None, step)
        hit = child if victim == "child" else parent
        # Past its end there is nothing to hit: a parent may drain and end at once when the child is confirmed.
        if hit.process.poll() is None:
            hit.send_signal(number)
        if number == signal.SIGSTOP:
            time.sleep(4)  # longer than every deadline of the hand-over
            if hit.process.poll() is None:
                hit.send_signal(signal.SIGCONT)

        def settled():
            alive = [one for one in (parent, child) if one.process.poll() is None]
            return len(alive) == 1
        wait_for(settled, "one process to be left")
        survivor = next(one for one in (parent, child) if one.process.poll() is None)
        for _ in range(20):
            assert request(port).status == 200
        assert load.end() == 0
        assert survivor.admin("/ready").strip() in ("LIVE", "DRAINING")
    finally:
        load.end()
    survivor.send_signal(signal.SIGTERM)
    survivor.wait_ended()
    assert not os.path.exists(f"/dev/shm/baton_lock_{base_id}")
    assert not os.path.exists(f"/dev/shm/baton_shared_memory_{base_id}")
