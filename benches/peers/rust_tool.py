"""The Rust half, `colorjet-peers`: it writes the networks, computes colorjet's numbers, and takes colorjet's times."""

import json
import shutil
import subprocess
from pathlib import Path

MANIFEST = Path(__file__).parent / "rust" / "Cargo.toml"


def build():
    """Builds the program, and returns where cargo put it."""
    command = ["cargo", "build", "--release", "--message-format=json-render-diagnostics", "--manifest-path", MANIFEST]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    programs = [message.get("executable") for message in map(json.loads, lines)]
    return next(p for p in reversed(programs) if p)


class RustTool:
    def __init__(self, program, folder, dtype):
        self.program, self.folder, self.dtype = program, folder, dtype
        # Numbers of an earlier run may be of other networks.
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.output("write", folder, dtype)
        self.workloads = json.loads((folder / "workloads.json").read_text())
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.server = subprocess.Popen([program, "serve", folder, dtype], **pipes)

    def output(self, *arguments):
        return subprocess.run([self.program, *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True).stdout

    def ask(self, line):
        self.server.stdin.write(line + "\n")
        self.server.stdin.flush()
        answer = self.server.stdout.readline()
        if not answer:
            raise RuntimeError(f"the Rust tool ended at {line!r}")
        answer = json.loads(answer)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def times(self, name, quantity, seconds):
        return self.ask(f"{name} {quantity} {seconds}")

    def rates(self, name, quantity, seconds):
        """Operations a second in products of matrices, and functions a second of the network's kind, on all threads."""
        answer = self.ask(f"rates {name} {quantity} {seconds}")
        return [answer["flops"], answer["functions"] or [0.0]]

    def write_values(self, name, quantity):
        return self.ask(f"values {name} {quantity}")

    def machine(self):
        return json.loads(self.output("machine"))

    def rust_peers(self, seconds):
        return [json.loads(line) for line in self.output("rust", seconds).splitlines()]

    def close(self):
        self.server.stdin.close()
        self.server.wait()
