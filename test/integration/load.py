"""Traffic that goes on while processes come and go."""
import http.client
import threading
import time

from conftest import DEADLINE


class Load:
    """Of `each` kind a thread: one makes a new connection for each request, one keeps its connection as long as it may.
    `answered` counts good answers; failures are remembered, those of connections that are refused apart."""

    def __init__(self, port, pause=0.005, each=1):
        self.pause = pause
        self.port = port
        self.answered = 0
        self.lock = threading.Lock()
        self.refused, self.failed = [], []
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(keep,)) for keep in (False, True) * each]
        for thread in self.threads:
            thread.start()

    def run(self, keep):
        client = None
        while not self.ending.is_set():
            try:
                client = client or http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
                client.request("GET", "/", headers={} if keep else {"connection": "close"})
                response = client.getresponse()
                response.read()
                if response.status != 200:
                    self.failed.append(f"status {response.status}")
                with self.lock:
                    self.answered += response.status == 200
                if response.will_close:
                    client = None
            except ConnectionRefusedError as error:
                self.refused.append(repr(error))
                client = None
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                client = None
            time.sleep(self.pause)

    def end(self):
        self.ending.set()
        for thread in self.threads:
            thread.join()
        return self.answered

    @property
    def failures(self):
        return self.refused + self.failed
