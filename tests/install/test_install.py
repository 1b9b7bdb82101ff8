"""`install.sh` and the Dockerfile, in a fresh folder and a fresh environment.

There is no container engine here. What one would do is done in a folder: COPY copies what `.dockerignore` lets through,
RUN runs in a shell, absolute paths lie below the folder, and the health check and the entry point run as written. Not
shown by that: the base image, its Python, and the change of the user.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cloudify.server.run import listen

PROJECT = Path(__file__).parents[2]
INSTALL = PROJECT / "install.sh"
DOCKERFILE = PROJECT / "Dockerfile"


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(word, rest.strip()) for word, rest in re.findall(r"^([A-Z]+) (.*)$", text, re.MULTILINE)]


def argument(instruction: str) -> str:
    return next(rest for word, rest in instructions() if word == instruction)


def command(instruction: str) -> list[str]:
    words: list[str] = json.loads(argument(instruction)[argument(instruction).index("[") :])
    return words


def stand_in(folder: Path, name: str, script: str) -> None:
    """Put a program in a folder that is first on the path; it stands for one that is absent or must not run here."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


class Image:
    """A folder in which the steps of the Dockerfile were taken."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.workdir = root
        python = root / "base" / "bin"
        stand_in(python, "useradd", f'echo "$@" >> {root}/useradd.txt')  # this machine's users are not ours to add
        (python / "python3").symlink_to(Path(sys.executable).resolve())
        self.env = os.environ | {"PATH": f"{python}:/usr/bin:/bin", "HOME": str(root)}
        for word, rest in instructions():
            getattr(self, f"_{word.lower()}", lambda _: None)(rest)

    def inside(self, text: str) -> str:
        """Put absolute paths of the image below the folder."""
        return re.sub(r"(?<![\w./:])/(?=(opt|src|data|home)\b)", f"{self.root}/", text)

    def run(self, words: list[str], **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, cwd=self.workdir, env=self.env | env, capture_output=True, text=True, check=False)

    def _workdir(self, rest: str) -> None:
        self.workdir = Path(self.inside(rest))
        self.workdir.mkdir(parents=True, exist_ok=True)

    def _copy(self, rest: str) -> None:
        *sources, target = rest.split()
        let_through = (PROJECT / ".dockerignore").read_text().splitlines()
        for source in sources:
            assert f"!{source.split('/')[0]}" in let_through, source
            path, into = PROJECT / source, self.workdir / self.inside(target)
            if path.is_dir():
                shutil.copytree(path, into, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(path, into)

    def _env(self, rest: str) -> None:
        for name, value in (item.split("=", 1) for item in rest.split()):
            self.env[name] = self.inside(value).replace("$PATH", self.env["PATH"])

    def _run(self, rest: str) -> None:
        mount = re.match(r"--mount=type=cache,target=(\S+) ", rest)
        if mount:  # outlasts the build there, and is the user's own here
            rest = rest.removeprefix(mount[0]).replace(mount[1], str(Path.home() / ".cache" / "pip"))
        done = self.run(["sh", "-euc", self.inside(rest)])
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return Image(tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def served(image: Image) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """The entry point with its default argument, as it is started in a container, but for the port."""
    with listen("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
    words = [image.inside(word) for word in [*command("ENTRYPOINT"), *command("CMD")]]
    env = image.env | {"CLOUDIFY_PORT": str(port), "CLOUDIFY_HOST": "127.0.0.1"}
    path = f"{image.root}/opt/cloudify/bin/{words[0]}"
    with subprocess.Popen([path, *words[1:]], cwd=image.workdir, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("  page "):
                break
        yield port, process
        process.terminate()


def healthy(image: Image, port: int) -> bool:
    python = f"{image.root}/opt/cloudify/bin/python"
    words = [python if word == "python" else word for word in command("HEALTHCHECK")]
    return image.run(words, CLOUDIFY_PORT=str(port)).returncode == 0


def test_what_was_installed_is_in_order(image: Image) -> None:
    done = image.run([f"{image.root}/opt/cloudify/bin/cloudify", "doctor", "--json"], CLOUDIFY_PORT="0")
    assert done.returncode == 0, done.stdout
    named = {line["name"]: line["detail"] for line in json.loads(done.stdout)}
    assert named["cloudify-xarray"]
    assert named["distributed"]


def test_every_version_that_was_installed_is_pinned(image: Image) -> None:
    done = image.run([f"{image.root}/opt/cloudify/bin/python", "-m", "pip", "list", "--format=json"])
    pins = dict(line.split("==") for line in (PROJECT / "constraints.txt").read_text().splitlines()[1:])
    pinned = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pins.items()}
    found = {re.sub(r"[-_.]+", "-", row["name"]).lower(): row["version"] for row in json.loads(done.stdout)}
    for name in ("pip", "setuptools", "cloudify-xarray"):
        found.pop(name, None)
    assert len(found) > 50
    assert found.items() <= pinned.items()


def test_the_container_serves_files_and_its_health_check_sees_it(image: Image, served: tuple[int, object]) -> None:
    port, _ = served
    assert healthy(image, port)
    assert set(httpx.get(f"http://127.0.0.1:{port}/datasets").json()) == {"mpi-esm-tas", "mpi-esm-wind", "icon-ocean"}


def test_the_health_check_fails_when_nobody_answers(image: Image) -> None:
    with listen("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
    assert not healthy(image, port)


def test_the_container_is_nobody_special(image: Image) -> None:
    user = re.fullmatch(r"(\d+):\d+", argument("USER"))
    assert user
    assert int(user[1]) > 0
    assert f"--uid {user[1]}" in (image.root / "useradd.txt").read_text()
    assert argument("EXPOSE") == "9000"
    words = [word for word, _ in instructions()]
    assert "ADD" not in words
    assert words.index("USER") > max(n for n, word in enumerate(words) if word == "RUN")
    base = re.fullmatch(r"python:(\d+)\.(\d+)-slim", argument("FROM"))
    assert base
    assert (int(base[1]), int(base[2])) >= (3, 11)


def install(folder: Path, *arguments: str, path: str = "/usr/bin:/bin") -> subprocess.CompletedProcess[str]:
    env = {"PATH": path, "HOME": str(folder)}
    return subprocess.run(
        ["sh", str(INSTALL), *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--wrong"], 2, "install.sh: no option --wrong; --help shows what there is\n"),
        (["--prefix"], 2, "install.sh: --prefix needs a folder; --help shows how\n"),
        (["--prefix", "."], 1, "exists and is no environment; choose another one: --prefix DIR\n"),
    ],
)
def test_install_says_in_one_line_what_it_cannot_do(
    tmp_path: Path, arguments: list[str], status: int, said: str
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = install(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.endswith(said)
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_install_explains_its_options(tmp_path: Path) -> None:
    done = install(tmp_path, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert {"--prefix", "--conda", "--help"} <= set(re.findall(r"--[a-z]+", done.stdout))


def test_install_wants_a_new_python(tmp_path: Path) -> None:
    stand_in(tmp_path / "old", "python3", "exit 1")
    done = install(tmp_path, path=f"{tmp_path}/old:/usr/bin:/bin")
    assert done.returncode == 1
    assert "is not Python 3.11 or newer; name another one: PYTHON=" in done.stderr
    assert not (tmp_path / "cloudify-env").exists()


def with_stand_ins(tmp_path: Path, *, conda: bool) -> str:
    """A `conda` and a `python3` that record how they are called and make an environment of nothing but a recorder."""
    record = f'echo "$(basename "$0") $*" >> {tmp_path}/calls.txt'
    make = f'mkdir -p "$prefix/bin" && printf \'#!/bin/sh\\n{record}\\n\' > "$prefix/bin/python"'
    make += ' && chmod +x "$prefix/bin/python"'
    last = 'for word; do [ "${before:-}" = --prefix ] || [ "${before:-}" = venv ] && prefix=$word; before=$word; done'
    script = f'{record}\n{last}\nif [ -n "${{prefix:-}}" ]; then {make}; fi'
    stand_in(tmp_path / "bin", "python3", script)
    if conda:
        stand_in(tmp_path / "bin", "conda", script)
    return f"{tmp_path}/bin:/usr/bin:/bin"


def pip_call(tmp_path: Path) -> str:
    quoted = shlex.join(["--constraint", str(PROJECT / "constraints.txt"), str(PROJECT)])
    assert str(tmp_path) not in quoted
    return f"python -m pip install --quiet --disable-pip-version-check {quoted}"


def test_conda_makes_the_environment_where_asked_for(tmp_path: Path) -> None:
    """With stand-ins that record their calls: there is no conda here. The pip branch is run for real by the image."""
    done = install(tmp_path, "--conda", "--prefix", "here", path=with_stand_ins(tmp_path, conda=True))
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "calls.txt").read_text().splitlines() == [
        f"conda create --yes --quiet --prefix {tmp_path}/here python>=3.11 pip",
        pip_call(tmp_path),
    ]


@pytest.mark.parametrize("asked", [True, False])
def test_pip_makes_the_environment_where_there_is_no_conda_or_it_is_not_asked_for(tmp_path: Path, asked: bool) -> None:
    arguments = ["--conda"] if asked else []
    done = install(tmp_path, *arguments, path=with_stand_ins(tmp_path, conda=not asked))
    assert done.returncode == 0
    assert done.stderr == ("install.sh: there is no conda; a virtual environment is made instead\n" if asked else "")
    calls = (tmp_path / "calls.txt").read_text().splitlines()
    assert calls[1:] == [f"python3 -m venv {tmp_path}/cloudify-env", pip_call(tmp_path)]


def test_an_environment_that_exists_is_brought_up_to_date(tmp_path: Path) -> None:
    path = with_stand_ins(tmp_path, conda=True)
    install(tmp_path, "--conda", path=path)
    (tmp_path / "calls.txt").unlink()
    assert install(tmp_path, path=path).returncode == 0
    assert (tmp_path / "calls.txt").read_text().splitlines() == [pip_call(tmp_path)]
