"""`make sam-local`: the functions behind the real `sam local start-api`, on the local AWS's table and bucket.

It needs Docker. Guests are let in, and the demo model answers unless a provider's key is set.
"""

from __future__ import annotations

import ipaddress
import json
import platform
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from local.emulator import CREDENTIALS, REGION, Emulator, EmulatorError
from local.settings import ROOT, DevSettingsError, load_dev_settings, read_environment
from local.stack import DataStack, deploy
from local.template import load_template

STACK_NAME = "chatkit-sam-local"
BUILD = ROOT / ".build" / "sam-local"
SAM = ROOT / ".envs" / "sam" / "bin" / "sam"
ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
DEFAULT_SAM_PORT = "3000"
# Docker's own name for the machine that its containers run on.
HOST_NAME = "host.docker.internal"
# A busy machine loads the SDKs in its own time, and no API Gateway gives up on it here: seconds of a function, and of a
# turn on `chat`.
TIMEOUT = 120
TURN_SECONDS = 110
# A deployment has the keys of providers from secrets, and its template names none of them.
KEYS = ("OPENAI_API_KEY", "GEMINI_API_KEY", "LLM_API_KEY")
# Who may call and where things are kept is settled here, and the log is the screen.
SETTLED = ("AUTH_", "ALLOW_", "TABLE_NAME", "BUCKET_NAME", "POWERTOOLS_")


def container_address(environment: Mapping[str, str]) -> str:
    """Return the address at which a container reaches this machine: on Linux, the gateway of Docker's bridge.

    Raises:
        EmulatorError: there is no Docker that answers.
    """
    command = ["docker", "network", "inspect", "bridge", "--format", "{{json (index .IPAM.Config 0)}}"]
    try:
        found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise EmulatorError("`sam local` runs the functions in Docker, which does not answer here.") from error
    network: dict[str, str] = json.loads(found.stdout)
    # A daemon that has only just made its bridge does not name the gateway yet: it is the first address.
    return network.get("Gateway") or str(next(ipaddress.ip_network(network["Subnet"]).hosts()))


def passed_on(environment: Mapping[str, str], variables: Iterable[str]) -> dict[str, str]:
    """Return what the functions get of the environment and `.env`: all that is set of what a deployment can be given.

    Args:
        environment: The environment, with `.env`.
        variables: The names that the template gives to the functions.
    """
    wanted = [*KEYS, *(name for name in variables if not name.startswith(SETTLED))]
    return {name: environment[name] for name in wanted if environment.get(name)}


def local_template(environment: Mapping[str, str], data: DataStack, endpoint_url: str, architecture: str) -> Path:
    """Write the built template for this machine and the local AWS, and return its path.

    `sam local` hands a function only the variables that its template names. With all of them in it, `sam local invoke`
    needs to be told nothing but the template, the function and the event.
    """
    template = load_template(BUILD / "template.yaml")
    template["Parameters"]["Architecture"]["Default"] = architecture
    for name in ("ChatFunction", "UploadFunction"):
        template["Resources"][name]["Properties"]["Timeout"] = TIMEOUT
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    passed = passed_on(environment, variables)
    has_key = any(passed.get(name) for name in ("OPENAI_API_KEY", "GEMINI_API_KEY", "LLM_BASE_URL"))
    variables |= {
        "LLM_PROVIDER": "" if has_key else "demo",
        "ALLOW_DEMO": "true",
        "AUTH_MODE": "guest",
        "ALLOW_GUESTS": "true",
        "TABLE_NAME": data.table_name,
        "BUCKET_NAME": data.bucket_name,
        "AWS_ENDPOINT_URL": endpoint_url,
        "CHAT_TURN_SECONDS": str(TURN_SECONDS),
        **CREDENTIALS,
        **passed,
    }
    path = BUILD / "local.json"
    path.write_text(json.dumps(template))
    return path


def sam_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of `sam`: no account of anybody's, and the tools that the makefiles call."""
    kept = {name: value for name, value in environment.items() if not name.startswith("AWS_")}
    path = f"{ROOT / '.venv' / 'bin'}:{SAM.parent}:{environment['PATH']}"
    build = {"ARCH": ARCHITECTURES[platform.machine()], "SAM_CLI_TELEMETRY": "0"}
    return {**kept, **CREDENTIALS, **build, "AWS_DEFAULT_REGION": REGION, "PATH": path}


def containers(environment: Mapping[str, str]) -> list[str]:
    """Return the ids of the containers that run our build, or have run it and are still there."""
    found: list[str] = []
    for folder in BUILD.glob("*Function"):
        listing = ["docker", "ps", "--all", "--quiet", "--filter", f"volume={folder}"]
        found += subprocess.run(listing, env=environment, capture_output=True, text=True, check=True).stdout.split()
    return found


def remove_containers(environment: Mapping[str, str]) -> None:
    """Remove those containers: `sam` leaves some behind when it is told to stop."""
    if found := containers(environment):
        subprocess.run(["docker", "rm", "--force", *found], env=environment, check=True, capture_output=True)


def run(environment: Mapping[str, str]) -> int:
    """Build, and serve until Ctrl-C or SIGTERM. Return the exit code.

    Raises:
        EmulatorError: Docker or the local AWS does not answer.
    """
    settings = load_dev_settings(environment)
    sam = sam_environment(environment)
    architecture = sam["ARCH"]
    address = container_address(sam)
    print(f"Building for {architecture} ...", flush=True)
    build = [str(SAM), "build", "--cached", "--build-dir", str(BUILD), "--cache-dir", str(BUILD.with_suffix(".cache"))]
    subprocess.run(build, cwd=ROOT, env=sam, check=True, stdout=subprocess.DEVNULL)
    # Docker Desktop relays its host's name to 127.0.0.1; on Linux the local AWS has to listen on the bridge, too.
    bridge = address if sys.platform == "linux" else None
    with Emulator(settings.state / "sam-local", persist=True, bridge=bridge) as emulator:
        data = deploy(emulator.endpoint_url, STACK_NAME, ["http://127.0.0.1:3000", "http://localhost:3000"])
        endpoint_url = f"http://{bridge or HOST_NAME}:{emulator.port}"
        template = local_template(environment, data, endpoint_url, architecture)
        command = [str(SAM), "local", "start-api", "--template", str(template), "--host", "127.0.0.1"]
        command += ["--port", environment.get("SAM_PORT") or DEFAULT_SAM_PORT, "--warm-containers", "EAGER"]
        command += shlex.split(environment.get("SAM_LOCAL_FLAGS", ""))
        # It asks for the account's number, and would ask AWS.
        sam["AWS_ENDPOINT_URL_STS"] = emulator.endpoint_url
        process = subprocess.Popen(command, cwd=ROOT, env=sam, start_new_session=True)
        # Started in the background `sam` ignores Ctrl-C, and it stops its containers on SIGTERM alike.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: process.terminate())
        code = process.wait()
        remove_containers(sam)
    return 0 if code in (0, -signal.SIGTERM) else code


def main() -> int:
    """Run it; return the exit code."""
    try:
        return run(read_environment())
    except (EmulatorError, DevSettingsError) as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"{shlex.join(error.cmd)} failed", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
