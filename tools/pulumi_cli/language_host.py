"""A Python language host for the Pulumi engine: what `pulumi-language-python` does, as far as this project needs it.

The official host is part of the vendor's distribution and is not published as a module, so a CLI built from source has
none. The engine starts this file as a plugin: it prints its port on the first line and then serves `LanguageRuntime`.
It runs under a Python that has the wheels `pulumi` and `grpcio`, and is copied into the CLI's folder, so it may
import nothing of this repository.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import queue
import signal
import subprocess
import sys
import threading
import time
import types
from concurrent import futures
from pathlib import Path
from typing import TYPE_CHECKING, Final

import grpc


def _without_initialization(*names: str) -> None:
    """Let modules inside these packages be imported without running the packages' own code.

    The host needs the protocol alone, and `import pulumi` would cost every command of the engine 0.7 s.
    """
    for name in names:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            package = types.ModuleType(name)
            package.__path__ = list(spec.submodule_search_locations)
            sys.modules[name] = package


# Never where the module is imported: whoever imports it may need all of Pulumi.
if __name__ == "__main__":
    _without_initialization("pulumi", "pulumi.runtime")

from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2  # noqa: E402 - after what makes it cheap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from google.protobuf.empty_pb2 import Empty

# The program has already told the engine what went wrong; the host must not say it again.
EXIT_AFTER_SHOWN_ERROR: Final = 32
MAX_MESSAGE_BYTES: Final = 400 * 1024 * 1024
PARENT_CHECK_SECONDS: Final = 1.0
_DEPENDENCIES = "import importlib.metadata as m,json;print(json.dumps({d.name: d.version for d in m.distributions()}))"


class ProgramError(Exception):
    """The program cannot be started; the message says why and what to do."""


def interpreter(info: language_pb2.ProgramInfo) -> Path:
    """Return the Python that runs a program: its `virtualenv` option, else PULUMI_PYTHON_CMD, else this one.

    Raises ProgramError when the named environment has no Python.
    """
    options = dict(info.options.items())
    name = options.get("virtualenv")
    if not isinstance(name, str) or not name:
        return Path(os.environ.get("PULUMI_PYTHON_CMD") or sys.executable)
    folder = Path(info.root_directory) / name
    python = folder / "bin" / "python"
    if not python.is_file():
        raise ProgramError(
            f"The Python environment {folder} (`virtualenv` in Pulumi.yaml) does not exist, so the program cannot run. "
            "Create it with `make up` or `uv sync --group local`."
        )
    return python


def activated(python: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which that Python's own scripts are found first, as an activated one would be."""
    result = dict(environment)
    result["PATH"] = f"{python.parent}{os.pathsep}{result.get('PATH', '')}"
    if (python.parent.parent / "pyvenv.cfg").is_file():
        result["VIRTUAL_ENV"] = str(python.parent.parent)
    result.pop("PYTHONHOME", None)
    return result


def run_command(request: language_pb2.RunRequest, engine: str, python: Path) -> list[str]:
    """Return the command that runs one deployment's program."""
    execute = Path(__file__).with_name("pulumi-language-python-exec")
    entry = request.info.entry_point or request.program or "."
    options = {
        "--monitor": request.monitor_address,
        "--engine": engine,
        "--project": request.project,
        "--root_directory": request.info.root_directory,
        "--stack": request.stack,
        "--pwd": request.pwd,
        "--dry_run": "true" if request.dryRun else "false",
        "--parallel": str(request.parallel),
        "--organization": request.organization,
    }
    flags = [part for name, value in options.items() if value for part in (name, value)]
    return [str(python), "-u", str(execute), *flags, entry, *request.args]


def plugin_command(request: language_pb2.RunPluginRequest, python: Path) -> list[str]:
    """Return the command that runs a plugin written in Python: a policy pack or a provider's folder."""
    if request.kind == "analyzer":
        return [str(python), "-u", "-m", "pulumi.policy", *request.args, request.info.program_directory]
    return [str(python), "-u", request.info.program_directory, *request.args]


class Children:
    """The processes started for the engine, so that none outlives the host."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()

    def add(self, process: subprocess.Popen[bytes]) -> None:
        """Remember a process until `remove`."""
        with self._lock:
            self._running.add(process)

    def remove(self, process: subprocess.Popen[bytes]) -> None:
        """Forget a process that has ended."""
        with self._lock:
            self._running.discard(process)

    def terminate(self) -> None:
        """Ask every process that still runs to end."""
        # No lock: this also runs in a signal handler, which may have interrupted the holder.
        for process in list(self._running):
            if process.poll() is None:
                process.terminate()


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """The part of `LanguageRuntime` that `up`, `preview`, `refresh`, `destroy` and policy packs use."""

    def __init__(self, engine: str, children: Children) -> None:
        self._engine = engine
        self._children = children

    def Handshake(  # noqa: N802 - the protocol's name
        self, request: language_pb2.LanguageHandshakeRequest, context: grpc.ServicerContext
    ) -> language_pb2.LanguageHandshakeResponse:
        """Learn where the engine listens."""
        self._engine = request.engine_address or self._engine
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(  # noqa: N802
        self, request: Empty, context: grpc.ServicerContext
    ) -> plugin_pb2.PluginInfo:
        """Say that this host has no version of its own."""
        return plugin_pb2.PluginInfo()

    def GetRequiredPackages(  # noqa: N802
        self, request: language_pb2.GetRequiredPackagesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPackagesResponse:
        """Name nothing in advance: the engine looks a provider up when the program first uses it."""
        return language_pb2.GetRequiredPackagesResponse()

    def GetRequiredPlugins(  # noqa: N802
        self, request: language_pb2.GetRequiredPluginsRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPluginsResponse:
        """Name nothing in advance, as `GetRequiredPackages`."""
        return language_pb2.GetRequiredPluginsResponse()

    def InstallDependencies(  # noqa: N802
        self, request: language_pb2.InstallDependenciesRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.InstallDependenciesResponse]:
        """Check that the environment is there; packages come from the lock file, never from here."""
        python = self._interpreter(request.info, context)
        text = f"Using {python}; its packages come from uv.lock (`uv sync`).\n"
        yield language_pb2.InstallDependenciesResponse(stdout=text.encode())

    def About(  # noqa: N802
        self, request: language_pb2.AboutRequest, context: grpc.ServicerContext
    ) -> language_pb2.AboutResponse:
        """Name the Python that runs this host."""
        return language_pb2.AboutResponse(executable=sys.executable, version=platform.python_version())

    def GetProgramDependencies(  # noqa: N802
        self, request: language_pb2.GetProgramDependenciesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetProgramDependenciesResponse:
        """List the packages installed in the program's environment."""
        python = self._interpreter(request.info, context)
        output = subprocess.run([str(python), "-c", _DEPENDENCIES], capture_output=True, check=True, timeout=60).stdout
        found: dict[str, str] = json.loads(output)
        packages = [language_pb2.DependencyInfo(name=name, version=found[name]) for name in sorted(found)]
        return language_pb2.GetProgramDependenciesResponse(dependencies=packages)

    def Run(  # noqa: N802
        self, request: language_pb2.RunRequest, context: grpc.ServicerContext
    ) -> language_pb2.RunResponse:
        """Run the program to its end and say how it ended."""
        try:
            python = interpreter(request.info)
        except ProgramError as error:
            return language_pb2.RunResponse(error=str(error))
        environment = activated(python, os.environ)
        environment["PULUMI_CONFIG"] = json.dumps(dict(request.config))
        environment["PULUMI_CONFIG_SECRET_KEYS"] = json.dumps(list(request.configSecretKeys))
        command = run_command(request, self._engine, python)
        process = subprocess.Popen(command, cwd=request.pwd, env=environment, stdin=subprocess.DEVNULL)
        self._children.add(process)
        code = process.wait()
        self._children.remove(process)
        if code == 0:
            return language_pb2.RunResponse()
        if code == EXIT_AFTER_SHOWN_ERROR:
            return language_pb2.RunResponse(bail=True)
        return language_pb2.RunResponse(error=f"Program {_describe(code)}")

    def RunPlugin(  # noqa: N802
        self, request: language_pb2.RunPluginRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.RunPluginResponse]:
        """Run a plugin, pass on what it prints, and end it when the engine hangs up."""
        python = self._interpreter(request.info, context)
        given = dict(entry.split("=", 1) for entry in request.env if "=" in entry)
        process = subprocess.Popen(
            plugin_command(request, python),
            cwd=request.pwd,
            env=activated(python, given or os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._children.add(process)
        context.add_callback(process.terminate)
        yield from _relay(process)
        self._children.remove(process)
        yield language_pb2.RunPluginResponse(exitcode=process.wait())

    def Cancel(self, request: Empty, context: grpc.ServicerContext) -> Empty:  # noqa: N802
        """Stop whatever runs."""
        self._children.terminate()
        return request

    @staticmethod
    def _interpreter(info: language_pb2.ProgramInfo, context: grpc.ServicerContext) -> Path:
        try:
            return interpreter(info)
        except ProgramError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
            raise


def _describe(code: int) -> str:
    return f"ended with code {code}" if code > 0 else f"was ended by signal {-code}"


def _relay(process: subprocess.Popen[bytes]) -> Iterator[language_pb2.RunPluginResponse]:
    """Yield both streams' lines in the order in which they arrive, until both are closed."""
    lines: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()

    def pump(name: str) -> None:
        stream = process.stdout if name == "stdout" else process.stderr
        if stream is not None:
            for line in stream:
                lines.put((name, line))
        lines.put((name, b""))

    for name in ("stdout", "stderr"):
        threading.Thread(target=pump, args=(name,), daemon=True).start()
    remaining = 2
    while remaining:
        name, line = lines.get()
        if not line:
            remaining -= 1
        elif name == "stdout":
            yield language_pb2.RunPluginResponse(stdout=line)
        else:
            yield language_pb2.RunPluginResponse(stderr=line)


def serve(engine: str) -> None:
    """Serve until the engine asks to stop or is gone."""
    parent = os.getppid()
    children = Children()

    def stop(number: int, frame: object) -> None:
        # Waiting for open calls would cost the engine's grace period of five seconds, twice a command.
        children.terminate()
        os._exit(0)

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    options = [("grpc.max_receive_message_length", MAX_MESSAGE_BYTES), ("grpc.max_send_message_length", -1)]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=options)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageHost(engine, children), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_SECONDS)
    stop(signal.SIGTERM, None)


if __name__ == "__main__":
    # The engine's address is the last argument; flags for logging and tracing may come before it.
    serve(sys.argv[-1])
