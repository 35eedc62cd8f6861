"""`make sam-local`: run the functions with `sam local start-api` and a local AWS.

It needs Docker. Guests are allowed, and the demo model answers unless a provider's key is set.
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
from local.own import add_agents, own_variables, package_of
from local.settings import ROOT, DevSettingsError, load_dev_settings, read_environment
from local.stack import DataStack, StackError, deploy
from local.template import load_template

STACK_NAME = "chatkit-sam-local"
BUILD = ROOT / ".build" / "sam-local"
SAM = ROOT / ".envs" / "sam" / "bin" / "sam"
ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
DEFAULT_SAM_PORT = "3000"
# Docker's name for the machine that runs its containers.
HOST_NAME = "host.docker.internal"
# A busy machine loads the SDKs slowly, and there is no API Gateway with a time limit here. Seconds for a function, and
# for a turn on `chat`.
TIMEOUT = 120
TURN_SECONDS = 110
# On AWS, provider keys come from secrets, so the template does not have these variables.
KEYS = ("OPENAI_API_KEY", "GEMINI_API_KEY", "LLM_API_KEY")
FUNCTION = "AWS::Serverless::Function"
# They name the functions that are left out.
OPTIONAL_VARIABLES = ("INGEST_FUNCTION", "JOB_FUNCTION")
SECRET = "_SECRET"  # noqa: S105 - the end of a variable's name
# Identity, storage and logging are fixed here.
SETTLED = ("AUTH_", "ALLOW_", "TABLE_NAME", "BUCKET_NAME", "POWERTOOLS_")


def container_address(environment: Mapping[str, str]) -> str:
    """Return this machine's address for containers: on Linux, the gateway of Docker's bridge.

    Raises:
        EmulatorError: there is no Docker that answers.
    """
    command = ["docker", "network", "inspect", "bridge", "--format", "{{json (index .IPAM.Config 0)}}"]
    try:
        found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise EmulatorError("`sam local` runs the functions in Docker, which does not answer here.") from error
    network: dict[str, str] = json.loads(found.stdout)
    # A new daemon does not report the gateway of its bridge yet. The gateway is the first address.
    return network.get("Gateway") or str(next(ipaddress.ip_network(network["Subnet"]).hosts()))


def passed_on(environment: Mapping[str, str], variables: Iterable[str]) -> dict[str, str]:
    """Return the settings of the environment and `.env` that a deployment's template knows.

    Args:
        environment: The environment, with `.env`.
        variables: The names that the template gives to the functions.
    """
    names = [name for name in variables if not name.startswith(SETTLED)]
    # A package's secrets come from secrets too.
    wanted = [*KEYS, *names, *(name.removesuffix(SECRET) for name in names if name.endswith(SECRET))]
    return {name: environment[name] for name in wanted if environment.get(name)}


def local_template(
    environment: Mapping[str, str], data: DataStack, own: Mapping[str, str], endpoint_url: str, architecture: str
) -> Path:
    """Write the built template for this machine and the local AWS, and return its path.

    `sam local` hands a function only the variables that its template names. With all of them in it, `sam local invoke`
    needs to be told nothing but the template, the function and the event.
    """
    template = load_template(BUILD / "template.yaml")
    template["Parameters"]["Architecture"]["Default"] = architecture
    resources = template["Resources"]
    for name in ("ChatFunction", "UploadFunction"):
        resources[name]["Properties"]["Timeout"] = TIMEOUT
    # They are off by default. `sam local` knows no conditions: it would start them, one of them in a second emulator.
    optional = [name for name, each in resources.items() if each["Type"] == FUNCTION and "Condition" in each]
    for name in optional:
        del resources[name]
    for each in resources.values():
        if each["Type"] == FUNCTION:
            each["Properties"].get("Environment", {}).get("Variables", {}).update(dict.fromkeys(OPTIONAL_VARIABLES, ""))
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    passed = passed_on(environment, variables)
    has_key = any(passed.get(name) for name in ("OPENAI_API_KEY", "GEMINI_API_KEY", "LLM_BASE_URL"))
    variables |= {
        "LLM_PROVIDER": "" if has_key else "demo",
        "ALLOW_DEMO": "true",
        "AUTH_MODE": "guest",
        "TABLE_NAME": data.table_name,
        "BUCKET_NAME": data.bucket_name,
        "AWS_ENDPOINT_URL": endpoint_url,
        "CHAT_TURN_SECONDS": str(TURN_SECONDS),
        **CREDENTIALS,
        **{name: value for name, value in own.items() if name in variables},
        **passed,
    }
    path = BUILD / "local.json"
    path.write_text(json.dumps(template))
    return path


def sam_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of `sam`: without AWS credentials, and with the tools that the makefiles call."""
    kept = {name: value for name, value in environment.items() if not name.startswith("AWS_")}
    path = f"{ROOT / '.venv' / 'bin'}:{SAM.parent}:{environment['PATH']}"
    build = {"ARCH": ARCHITECTURES[platform.machine()], "SAM_CLI_TELEMETRY": "0"}
    return {**kept, **CREDENTIALS, **build, "AWS_DEFAULT_REGION": REGION, "PATH": path}


def containers(environment: Mapping[str, str]) -> list[str]:
    """Return the ids of all containers of our build, running or stopped."""
    found: list[str] = []
    for folder in BUILD.glob("*Function"):
        listing = ["docker", "ps", "--all", "--quiet", "--filter", f"volume={folder}"]
        found += subprocess.run(listing, env=environment, capture_output=True, text=True, check=True).stdout.split()
    return found


def remove_containers(environment: Mapping[str, str]) -> None:
    """Remove these containers, because `sam` leaves some when it stops."""
    if found := containers(environment):
        subprocess.run(["docker", "rm", "--force", *found], env=environment, check=True, capture_output=True)


def run(environment: Mapping[str, str]) -> int:
    """Build and serve until Ctrl-C or SIGTERM. Return the exit code.

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
    # Docker Desktop forwards its host name to 127.0.0.1. On Linux, the local AWS must listen on the bridge too.
    bridge = address if sys.platform == "linux" else None
    with Emulator(settings.state / "sam-local", persist=True, bridge=bridge) as emulator:
        data = deploy(emulator.endpoint_url, STACK_NAME, ["http://127.0.0.1:3000", "http://localhost:3000"])
        own = own_variables(package_of(environment), emulator.endpoint_url, STACK_NAME, environment)
        endpoint_url = f"http://{bridge or HOST_NAME}:{emulator.port}"
        template = local_template(environment, data, own, endpoint_url, architecture)
        command = [str(SAM), "local", "start-api", "--template", str(template), "--host", "127.0.0.1"]
        command += ["--port", environment.get("SAM_PORT") or DEFAULT_SAM_PORT, "--warm-containers", "EAGER"]
        command += shlex.split(environment.get("SAM_LOCAL_FLAGS", ""))
        # SAM asks AWS for the account's number.
        sam["AWS_ENDPOINT_URL_STS"] = emulator.endpoint_url
        # `sam local` prefers the environment's variables, also empty ones, to those of the template.
        given = load_template(template)["Globals"]["Function"]["Environment"]["Variables"]
        for name in given.keys() - CREDENTIALS.keys():
            sam.pop(name, None)
        process = subprocess.Popen(command, cwd=ROOT, env=sam, start_new_session=True)
        # `sam` ignores Ctrl-C in the background, but stops its containers on SIGTERM.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: process.terminate())
        code = process.wait()
        remove_containers(sam)
    return 0 if code in (0, -signal.SIGTERM) else code


def main() -> int:
    """Run it; return the exit code."""
    add_agents()
    from declaration import DeclarationError

    try:
        return run(read_environment())
    except (DeclarationError, EmulatorError, DevSettingsError, StackError) as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"{shlex.join(error.cmd)} failed", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
