"""Programs in Node.js that tests talk to through Baton (peers/*.js). ci/install installs the npm packages they need."""
import json
import pathlib
import subprocess
import threading

from conftest import DEADLINE, wait_for

# Where the source is, also when a test runs from a tree of links: npm's packages are beside the programs.
DIRECTORY = pathlib.Path(__file__).resolve().parent / "peers"


def node(program, *arguments, deadline=DEADLINE):
    """Runs a program to its end and returns the JSON that it printed last."""
    assert (DIRECTORY / "node_modules").is_dir(), "the npm packages are missing: run ci/install"
    done = subprocess.run(["node", str(DIRECTORY / program), *(str(argument) for argument in arguments)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=deadline)
    assert done.returncode == 0, f"{program} {arguments} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-3000:]}"
    return json.loads(done.stdout.strip().splitlines()[-1])


class NodeServer:
    """A server that prints its port first, and then a line for each thing that happens to it."""

    def __init__(self, program, *arguments):
        assert (DIRECTORY / "node_modules").is_dir(), "the npm packages are missing: run ci/install"
        self.lines = []
        self.process = subprocess.Popen(["node", str(DIRECTORY / program), *(str(argument) for argument in arguments)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self.read, daemon=True).start()
        wait_for(lambda: self.lines or self.process.poll() is not None, f"the port of {program}")
        self.port = int(self.lines[0])

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.strip())

    def wait_for_line(self, text):
        wait_for(lambda: text in self.lines, f"{text!r} from the server, which said {self.lines[1:][-20:]}")

    def end(self):
        self.process.terminate()
        self.process.wait(timeout=DEADLINE)
