"""Either process killed or stopped at every message of a hot restart, under load: somebody always accepts, never two for
good, what follows is what the sequence says, and nothing is left behind."""
import concurrent.futures
import os
import random
import re
import signal
import sys
import threading
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from conftest import (DEADLINE, Baton, ThreadingServer, bootstrap, cluster, forward_all, free_port, http_filter, listener,  # noqa: E402
                      request, wait_for)
from load import Load  # noqa: E402
from between import Between  # noqa: E402

OPTIONS = ("--probation-time-s", "2", "--drain-time-s", "1", "--parent-shutdown-time-s", "20", "--hot-restart-timeout-ms", "6000")
STOPPED_S = 8  # longer than every deadline of the hand-over
AT_ONCE = 12  # they mostly wait

# Who says what, in the order of the sequence. "+" is the first one of its kind after COMMIT.
STEPS = (("child", "HELLO"), ("parent", "WELCOME"), ("child", "LISTENERS"), ("parent", "LISTENER_BATCH"), ("child", "BATCH_RECEIVED"),
         ("parent", "LISTENERS_DONE"), ("child", "STATE"), ("parent", "STATE_PART"), ("parent", "STATE_DONE"), ("child", "PARITY"),
         ("parent", "PARITY_REPORT"), ("child", "READY"), ("parent", "COMMIT"), ("parent", "HEARTBEAT+"), ("child", "HEARTBEAT+"),
         ("child", "PROBATION_OVER"), ("parent", "DRAIN_STATUS"))
NAMES = [f"{sender} {message}" for sender, message in STEPS]


def outcome(step, victim, number):
    """Who serves in the end, and whether a rollback is counted."""
    at = NAMES.index(step)
    ready, over = NAMES.index("child READY"), NAMES.index("child PROBATION_OVER")
    if number == signal.SIGKILL:
        return ("parent", ready <= at) if victim == "child" else ("child", False)
    if victim == "child":
        # Stopped before it is ready it has time, unless it has sockets to acknowledge; in probation it is ended.
        if step in ("child LISTENERS", "parent LISTENER_BATCH"):
            return ("parent", False)
        return ("parent", True) if ready <= at < over else ("child", False)
    # A child that has asked for something gives a stopped parent up; one that is ready goes on, and the parent follows.
    return ("child", False) if at >= NAMES.index("parent PARITY_REPORT") else ("parent", False)


# Once its probation is over the child is the service: its death is a service's death, and nobody's rollback.
TABLE = [(name, victim, number) for name in NAMES for victim in ("child", "parent") for number in (signal.SIGKILL, signal.SIGSTOP)
         if not (victim == "child" and number == signal.SIGKILL and NAMES.index(name) >= NAMES.index("child PROBATION_OVER"))]


class Case:
    """One cell of the table, from the start of the parent to the end of the last process. What it finds is in `wrong`."""

    def __init__(self, directory, step, victim, number):
        self.step, self.victim, self.number = step, victim, number
        self.base_id = random.SystemRandom().randrange(1_000, 2_000_000_000)
        self.hit_at = None
        self.committed = False
        self.child = None
        self.started = threading.Event()
        self.backend = ThreadingServer()
        config = bootstrap([listener("web", http_filter(forward_all("one")), port=free_port())],
                           [cluster("one", self.backend.server_address[1])])
        self.between = Between(directory, self.base_id, self.at)
        self.parent = Baton(directory, config, *OPTIONS, *self.between.parent_options, base_id=self.base_id, epoch=0, name="parent")
        self.load = None
        try:
            self.parent.wait_ready()
            self.port = self.parent.port("web")
            self.load = Load(self.port, 0.02)
            self.child = Baton(directory, config, *OPTIONS, *self.between.child_options, base_id=self.base_id, epoch=1, name="child",
                               binary=str(self.between.program))
            self.started.set()
            self.run()
        finally:
            self.started.set()
            if self.load:
                self.load.end()
            for process in (self.child, self.parent):
                if process:
                    process.end()
            self.backend.end()

    def at(self, sender, message):
        names = {f"{sender} {message}", f"{sender} {message}+" if self.committed else ""}
        self.committed = self.committed or message == "COMMIT"
        if self.step not in names or self.hit_at:
            return
        self.started.wait(DEADLINE)
        self.hit_at = time.monotonic()
        process = self.child if self.victim == "child" else self.parent
        process.send_signal(self.number)
        if self.number == signal.SIGKILL:
            process.process.wait(DEADLINE)

    def alive(self):
        return [name for name, one in (("parent", self.parent), ("child", self.child)) if one.process.poll() is None]

    def story(self):
        return f"parent:\n{self.parent.output()}\nchild:\n{self.child.output()}"

    def run(self):
        wait_for(lambda: self.hit_at, "the step")
        survivor, rollback = outcome(self.step, self.victim, self.number)
        if self.number == signal.SIGKILL and rollback:
            wait_for(lambda: "ROLLBACK" in self.parent.output(), "the rollback", 20)
        if self.number == signal.SIGSTOP:
            time.sleep(STOPPED_S)
            process = self.child if self.victim == "child" else self.parent
            if process.process.poll() is None:
                process.send_signal(signal.SIGCONT)
        wait_for(lambda: len(self.alive()) <= 1, "one process to be left")
        assert self.alive() == [survivor], self.story()
        process = self.child if survivor == "child" else self.parent
        wait_for(process.is_live, "it to be live")
        for _ in range(10):
            assert request(self.port).status == 200
        self.load.end()
        assert process.stat("server.hot_restart.rollbacks") == rollback, self.story()
        # With the parent its sockets are gone unless the child has them.
        if (self.victim, self.number) != ("parent", signal.SIGKILL) or NAMES.index(self.step) >= NAMES.index("parent LISTENER_BATCH"):
            assert self.load.refused == [], self.story()
        # What a process had in hand dies with it when it is killed; nothing else fails.
        if self.number == signal.SIGSTOP and not rollback:
            assert self.load.failed == [], self.story()
        assert self.load.answered > 0
        process.send_signal(signal.SIGTERM)
        assert process.wait_ended() == 0
        left = [name for name in os.listdir("/dev/shm") if str(self.base_id) in name]
        assert left == []
        with open("/proc/net/unix", encoding="utf-8") as sockets:
            assert re.findall(f"@baton_test_parent_{self.base_id}.*", sockets.read()) == []


@pytest.fixture(scope="session")
def cases(request, tmp_path_factory):  # noqa: F811
    """Runs the chosen cells, some at once; each is looked at by its own test."""
    pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
    running = {}
    for item in request.session.items:
        if item.originalname == "test_step":
            cell = tuple(item.callspec.params[name] for name in ("step", "victim", "number"))
            running[cell] = pool.submit(Case, tmp_path_factory.mktemp("case"), *cell)
    yield running
    pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("step, victim, number", TABLE, ids=lambda value: getattr(value, "name", value))
def test_step(cases, step, victim, number):
    cases[(step, victim, number)].result()
