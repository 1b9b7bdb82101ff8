"""How a process that runs functions is started: the one place that says what stands around it."""

import errno
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

INSIDE = Path(__file__).with_name("inside")
"""All that such a process needs of us."""
SCARCE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ENOSPC, errno.EDQUOT})
"""What the machine has too little of for the moment, whatever was to be done."""
_ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True, slots=True)
class Launch:
    """Starts a plain process: another folder, a clean environment, no descriptors of ours, a session of its own."""

    python: str = sys.executable
    program: Path = INSIDE

    def start(self, scratch: Path, in_fd: int, out_fd: int) -> subprocess.Popen[bytes]:
        """Start one, from a thread that lives as long as the process: it is ended with that thread.

        Parameters
        ----------
        scratch
            The folder that it may write to.
        in_fd, out_fd
            The memories it shares with us.

        Raises
        ------
        OSError
            If it cannot be started.
        """
        home = str(scratch)
        env = {"PATH": "/usr/bin:/bin", "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8", **_ONE_THREAD}
        return subprocess.Popen(  # noqa: S603  # our own program
            [self.python, "-I", str(self.program), str(in_fd), str(out_fd)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
            cwd=scratch, env=env, close_fds=True, pass_fds=(in_fd, out_fd), start_new_session=True,
        )  # fmt: skip
