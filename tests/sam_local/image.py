"""An image in the shape of Lambda's own, made of this machine's Python 3.13, for machines that cannot pull that one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from local.settings import ROOT
from tests.support.build import MACHINE

HERE = Path(__file__).parent
UV = ROOT / ".venv" / "bin" / "uv"
BUSYBOX = Path("/bin/busybox")
COMMANDS = ("sh", "mv", "chmod", "cp", "mkdir", "cat", "ls", "rm")
# Beside what the linker finds: what extension modules of the layer load.
LIBRARIES = (
    "libgcc_s.so.1",
    "librt.so.1",
    "libpthread.so.0",
    "libdl.so.2",
    "libutil.so.1",
    "libm.so.6",
    "libstdc++.so.6",
)
NAME = f"public.ecr.aws/lambda/python:3.13-{MACHINE}"
ENVIRONMENT = {
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin:/bin:/opt/bin",
    "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/task:/opt/lib",
    "LAMBDA_TASK_ROOT": "/var/task",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
    "LANG": "en_US.UTF-8",
    "TZ": ":/etc/localtime",
}


def _libraries(prefix: Path, python: Path) -> set[Path]:
    """Return the shared libraries that the interpreter and its modules load, and the linker."""
    binaries = [python, *prefix.glob("lib/python3.13/lib-dynload/*.so"), *prefix.glob("lib/libpython3.13*.so*")]
    environment = {**os.environ, "LD_LIBRARY_PATH": str(prefix / "lib")}
    listed = subprocess.run(["ldd", *binaries], env=environment, capture_output=True, text=True, check=False).stdout
    found = {Path(path) for path in re.findall(r"(?:=> |^\s+)(/\S+) \(0x", listed, re.MULTILINE)}
    cache = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    for name in LIBRARIES:
        found |= {Path(path) for path in re.findall(rf"^\s+{re.escape(name)} .*=> (\S+)$", cache, re.MULTILINE)[:1]}
    return found


def make_root(folder: Path, python: Path) -> Path:
    """Fill a folder with the image's files."""
    prefix = Path(
        subprocess.run(
            [python, "-c", "import sys; print(sys.base_prefix)"], capture_output=True, text=True, check=True
        ).stdout.strip()
    )
    lang = folder / "var" / "lang"
    skipped = shutil.ignore_patterns("test", "tests", "idlelib", "tkinter", "__pycache__", "site-packages", "*.a")
    shutil.copytree(prefix / "lib" / "python3.13", lang / "lib" / "python3.13", ignore=skipped)
    for library in prefix.glob("lib/libpython3*.so*"):
        shutil.copy2(library, lang / "lib")
    (lang / "bin").mkdir()
    shutil.copy2(python.resolve(), lang / "bin" / "python3.13")
    (lang / "bin" / "python3").symlink_to("python3.13")
    for library in _libraries(prefix, python):
        target = folder / library.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(library.resolve(), target)
    (folder / "bin").mkdir(exist_ok=True)
    shutil.copy2(BUSYBOX, folder / "bin" / "busybox")
    for command in COMMANDS:
        (folder / "bin" / command).symlink_to("busybox")
    for name in ("tmp", "opt", "etc", "var/task", "usr/local/bin"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "tmp").chmod(0o1777)
    (folder / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    shutil.copytree(HERE / "runtime", folder / "var" / "runtime")
    shutil.copy2(HERE / "lambda-entrypoint.sh", folder)
    requirements = ROOT / "local" / "environments" / "runtime.txt"
    install = [str(UV), "pip", "install", "--quiet", "--require-hashes", "--python-version", "3.13"]
    install += ["--only-binary", ":all:", "--target", str(folder / "var" / "runtime"), "-r", str(requirements)]
    subprocess.run(install, check=True, cwd=ROOT)
    return folder


def import_image(folder: Path, environment: dict[str, str]) -> None:
    """Make Docker's image of a folder that `make_root` has filled."""
    changes = [f"--change=ENV {name}={value}" for name, value in ENVIRONMENT.items()]
    changes += ['--change=ENTRYPOINT ["/lambda-entrypoint.sh"]', "--change=WORKDIR /var/task"]
    with subprocess.Popen(["tar", "-C", str(folder), "-c", "."], stdout=subprocess.PIPE) as archive:
        subprocess.run(["docker", "import", *changes, "-", NAME], stdin=archive.stdout, env=environment, check=True)
