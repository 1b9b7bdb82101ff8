"""What functions do in tests: source text, which is never imported."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

import cloudify.slice

state = {"runs": 0}
print("loaded")


def play(block, do, **args):
    state["runs"] += 1
    return globals()[f"do_{do}"](block, **args)


def do_same(block):
    return block


def do_runs(block):
    return state["runs"]


def do_value(block, of):
    return {
        "bytes": b"\x00\xff", "empty": b"", "scalar": np.float64(2.5),
        "numpy": {"mean": np.float32(0.5), "all": np.arange(3), "is": np.bool_(True)},
    }[of]  # fmt: skip


def do_none(block):
    return None


def do_objects(block):
    return block.assign(when=("n", np.array([1, None], object)))


def do_pid(block):
    return os.getpid()


def do_deep(block, depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


def do_file(block, nbytes):
    Path("sub").mkdir(exist_ok=True)
    Path("sub/result.bin").write_bytes(bytes(range(256)) * (nbytes // 256))
    return Path("sub/result.bin")


def do_where(block):
    return {
        "cwd": os.getcwd(),
        "env": dict(os.environ),
        "files": sorted(os.listdir("/proc/self/fd")),
        "argv": sys.argv,
        "path": sys.path,
        "flags": sys.flags.isolated,
        "pid": os.getpid(),
        "sid": os.getsid(0),
        "cloudify": sorted(name for name in sys.modules if name.startswith("cloudify")),
        "input": sys.stdin.read(),
    }


def do_slice(block):
    return [cloudify.slice.number, cloudify.slice.total]


def do_raise(block, of):
    if of == "exit":
        sys.exit(3)
    if of == "interrupt":
        raise KeyboardInterrupt
    if of == "deep":
        return do_raise(block, of)
    if of == "chain":
        try:
            np.zeros(3).reshape(2, 2)
        except ValueError as error:
            raise RuntimeError("a shape that cannot be\x1b[31m!") from error
    if of == "memory":
        return np.ones(2**30, np.uint8)
    if of == "disk":
        return Path("large").write_bytes(bytes(2**27))
    raise ValueError("as it was told")


def do_die(block, of):
    if of == "exit":
        os._exit(7)
    if of == "segv":
        signal.raise_signal(signal.SIGSEGV)
    os.kill(os.getpid(), {"kill": signal.SIGKILL, "odd": signal.SIGRTMIN + 6}[of])


def do_sleep(block, seconds=3600):
    print("about to sleep")
    time.sleep(seconds)


def do_loop(block):
    while True:
        pass


def do_fill(block):
    """Fill memory piece by piece in other processes, each below what one may have."""
    piece = "import time; held = bytearray(60 * 2**20); print(len(held)); time.sleep(3600)"
    many = [subprocess.Popen([sys.executable, "-c", piece], stdout=subprocess.PIPE) for _ in range(4)]
    for one in many:
        one.stdout.readline()
    time.sleep(3600)


def do_swarm(block):
    many = [subprocess.Popen(["/bin/sleep", "3600"]) for _ in range(100)]
    time.sleep(3600)


def do_daemon(block, name):
    """Leave a process that is in no group of ours, and of no parent."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            Path(name).write_text(str(os.getpid()))
            time.sleep(3600)
        os._exit(0)
    while not Path(name).exists() or not Path(name).read_text():
        time.sleep(0.01)
    return Path(name).read_text()


def do_fork(block):
    """Come back twice."""
    if pid := os.fork():
        os.waitpid(pid, 0)
    return "parent" if pid else "child"


def do_print(block, nbytes=0, text=""):
    sys.stdout.write(text)
    print("to stderr", file=sys.stderr)
    for _ in range(nbytes // 2**16):
        os.write(1, b"." * 2**16)
    os.write(2, b"\xff\x00end\r\n" if nbytes else b"")
    return 1


def do_emit(block, count=3, pause=0.0):
    for i in range(count):
        cloudify.slice.emit("step", {"i": i})
        time.sleep(pause)
    cloudify.slice.progress(0.5)
    return count


def do_progress(block):
    for i in range(10_000):
        cloudify.slice.progress(i / 5_000)
    cloudify.slice.progress()
    return 1


def do_emit_odd(block, of):
    told = []
    for kind, payload in {
        "type": [("a\nb", 1), ("", 1), ("x" * 65, 1), (1j, 1)],
        "payload": [("a", float("nan")), ("a", {1}), ("a", "x" * 2**17)],
    }[of]:
        try:
            cloudify.slice.emit(kind, payload)
        except ValueError as error:
            told.append(str(error))
    return told


def do_emit_late(block):
    def late():
        while "late" not in state:  # between two slices
            time.sleep(0.002)
            try:
                cloudify.slice.emit("late")
            except RuntimeError as error:
                state["late"] = str(error)

    threading.Thread(target=late).start()
    return 1


def do_late(block):
    return state.get("late", "")


def do_burn(block, seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    subprocess.run(
        [sys.executable, "-S", "-c", f"import time\nwhile time.process_time() < {seconds}: pass"], check=True
    )
    return 1


def do_hold(block, nbytes):
    held = np.ones(nbytes, np.uint8)
    return int(held.sum())


def do_huge(block, nbytes):
    return np.zeros(nbytes, np.uint8)


def do_inplace(block):
    block -= 1
    state.setdefault("blocks", []).append(block)
    return block


def do_first(block):
    return state["blocks"][0]


def do_play(block, do, **args):
    """Another entry."""
    return play(block, do, **args)
