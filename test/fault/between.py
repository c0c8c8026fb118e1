"""Stands between the parent and the child of a hot restart, and passes on what they say: so a test knows in which step
they are, message by message, and can hit either of them exactly there."""
import array
import os
import select
import socket
import struct
import sys
import threading

from conftest import BINARY, DEADLINE

# What either of them says, in the order of source/server/hot_restart/message.h.
MESSAGES = ("?", "HELLO", "WELCOME", "REFUSE", "PARITY", "PARITY_REPORT", "LISTENERS", "LISTENER_BATCH", "BATCH_RECEIVED",
            "LISTENERS_DONE", "STATE", "STATE_PART", "STATE_DONE", "READY", "COMMIT", "HEARTBEAT", "PROBATION_OVER", "ABORT",
            "DRAIN_STATUS", "END_NOW", "STATS", "STATS_RECEIVED", "PART")
PACKET_BYTES, MAX_DESCRIPTORS = 1024 * 1024, 128

# The child's own connection to the parent, whose credentials name the child, is made by the child's process itself
# before it becomes baton, and given to us.
STARTER = """#!{python}
import os, socket, sys, time
real = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
end = time.monotonic() + {deadline}
while real.connect_ex("\\0{real}") and time.monotonic() < end:
    time.sleep(0.01)  # a process is ready a moment before it may be restarted
with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as hand:
    hand.connect("\\0{hand}")
    socket.send_fds(hand, [b"x"], [real.fileno()])
os.execv("{binary}", ["{binary}", *sys.argv[1:]])
"""


class Between:
    """Options of the parent and of the child are in `parent_options` and `child_options`; the child's program in `program`.
    `at(sender, message)` is called for each message before it is passed on."""

    def __init__(self, directory, base_id, at):
        self.at = at
        self.parent_options = ("--socket-path", f"@baton_test_parent_{base_id}")
        self.child_options = ("--socket-path", f"@baton_test_between_{base_id}")
        self.program = directory / "starter"
        self.hand = self.listen(socket.SOCK_STREAM, f"baton_test_hand_{base_id}")
        self.listener = self.listen(socket.SOCK_SEQPACKET, f"baton_test_between_{base_id}_{base_id}")
        self.program.write_text(STARTER.format(python=sys.executable, real=f"baton_test_parent_{base_id}_{base_id}",
                                               hand=f"baton_test_hand_{base_id}", binary=BINARY, deadline=DEADLINE))
        self.program.chmod(0o755)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    @staticmethod
    def listen(kind, name):
        listener = socket.socket(socket.AF_UNIX, kind)
        listener.bind("\0" + name)
        listener.listen(1)
        listener.settimeout(DEADLINE)
        return listener

    def run(self):
        with self.hand.accept()[0] as hand:
            _, descriptors, _, _ = socket.recv_fds(hand, 1, 1)
        ends = {"child": self.listener.accept()[0], "parent": socket.socket(fileno=descriptors[0])}
        other = {"child": "parent", "parent": "child"}
        for end in ends.values():
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * PACKET_BYTES)
        try:
            while True:
                ready, _, _ = select.select(list(ends.values()), [], [])
                # The child first, whatever both have said: so that the order does not depend on chance.
                for name in (name for name in ends if ends[name] in ready):
                    if not self.pass_on(name, ends[name], ends[other[name]]):
                        return
        finally:
            for end in (*ends.values(), self.hand, self.listener):
                end.close()

    def pass_on(self, name, sender, receiver):
        try:
            data, ancillary, _, _ = sender.recvmsg(PACKET_BYTES, socket.CMSG_SPACE(MAX_DESCRIPTORS * 4))
        except ConnectionResetError:
            return True  # with something of ours unread; the end follows
        if not data:
            return False
        descriptors = array.array("i")
        for level, kind, payload in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(payload)
        self.at(name, MESSAGES[struct.unpack_from("H", data, 4)[0]])
        try:
            receiver.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)] if descriptors else [])
        except OSError:
            pass  # it has just been killed: its end is heard from it
        for descriptor in descriptors:
            os.close(descriptor)
        return True
