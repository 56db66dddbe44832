"""Python, the packages and CANN: whether they are there, and known to go together."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from sweeps.doctor import npu_smi
from sweeps.doctor.finding import Check, Finding, fail, ok, warn
from sweeps.doctor.subject import Subject

_NAMED = ("mindspore", "mindformers", "mlflow", "optuna")
_TABLE = "https://www.mindspore.cn/mindformers/docs/en/r1.9.0/installation.html"
"""What MindFormers' VERSION_MAP.json holds, in print."""

_CANN = (Path("/usr/local/Ascend/ascend-toolkit/latest"), Path("/usr/local/Ascend/cann"))
"""Where it is installed by default: up to 8.3, from 8.5 on."""

Table = Mapping[str, Mapping[str, Mapping[str, Sequence[str]]]]
"""``mf``, ``ms`` or ``cann`` -> its version -> ``support`` -> versions of what it stands on."""


def checks(subject: Subject) -> list[Check]:
    """Return the checks of this group."""
    parts: dict[str, Callable[[], Iterable[Finding]]] = {
        "Python": lambda: python(platform.python_version(), metadata.metadata("lorasweep")["Requires-Python"]),
        "packages": lambda: packages(metadata.requires("lorasweep") or []),
        "MindSpore": lambda: pair(version_table()),
        "CANN": lambda: cann(version_table(), os.environ, subject.needs_cards),
    }
    if npu_smi.installed():
        parts["driver"] = lambda: driver(version_table(), os.environ, subject.npus.driver)
    return [Check("versions", name, look) for name, look in parts.items()]


def python(running: str, required: str) -> Iterator[Finding]:
    """Compare the running Python with what lorasweep's package asks for."""
    if SpecifierSet(required).contains(running):
        yield ok(running)
    else:
        yield warn(f"{running}: lorasweep was tested with {required}", f"make a new environment with Python {required}")


def packages(requirements: Iterable[str], version: Callable[[str], str] = metadata.version) -> Iterator[Finding]:
    """Compare what is installed with what lorasweep's package asks for, extras left out.

    Args:
        version: name of a package -> what is installed; raises ``PackageNotFoundError``.
    """
    fitting: dict[str, str] = {}
    for requirement in map(Requirement, requirements):
        name, install = requirement.name, f"pip install '{requirement}'"
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(name)
        except metadata.PackageNotFoundError:
            yield fail(f"{name} is not installed", install)
            continue
        if requirement.specifier.contains(found, prereleases=True):
            fitting[name] = found
        else:
            yield warn(f"{name} {found}: lorasweep was tested with {requirement.specifier}", install)
    named = [f"{name} {fitting[name]}" for name in _NAMED if name in fitting]
    yield ok(", ".join([*named, f"{len(fitting) - len(named)} others"]))


def version_table() -> Table:
    """Return the table that the installed MindFormers brings of what goes with what, without importing it."""
    found = importlib.util.find_spec("mindformers")
    if found is None or found.origin is None:
        raise FileNotFoundError("MindFormers is not installed")
    table: Table = json.loads(Path(found.origin).with_name("VERSION_MAP.json").read_text(encoding="utf-8"))
    return table


def pair(table: Table) -> Iterator[Finding]:
    """Say whether MindFormers and MindSpore go together."""
    formers, spore = metadata.version("mindformers"), _base(metadata.version("mindspore"))
    yield fit("MindSpore", spore, f"MindFormers {formers}", table["mf"].get(formers, {}).get("support", ()))


def cann(table: Table, environment: Mapping[str, str], needed: bool) -> Iterator[Finding]:
    """Say whether CANN is there and goes with MindSpore."""
    found = cann_version(environment)
    if found is None and not needed:
        yield ok("none; on CPU none is needed")
    elif found is None:
        yield fail(
            "no CANN toolkit by ASCEND_HOME_PATH or in its default folders",
            "source its set_env.sh, or install it",
        )
    else:
        spore = _base(metadata.version("mindspore"))
        yield fit("CANN", found, f"MindSpore {spore}", table["ms"].get(spore, {}).get("support", ()))
        if "ASCEND_HOME_PATH" not in environment:
            yield warn("ASCEND_HOME_PATH is not set: MindSpore may not find CANN", "source CANN's set_env.sh")


def driver(table: Table, environment: Mapping[str, str], found: str) -> Iterator[Finding]:
    """Say whether the driver goes with CANN, where there is one."""
    toolkit = cann_version(environment)
    if toolkit is not None:
        yield fit("driver", found, f"CANN {toolkit}", table["cann"].get(toolkit, {}).get("support", ()))


def fit(name: str, found: str, base: str, supported: Sequence[str]) -> Finding:
    """Say whether a version is among those that are known to go with another package's."""
    if found.lower() in map(str.lower, supported):
        return ok(f"{name} {found} goes with {base}")
    if not supported:
        return warn(f"{name} {found}: what goes with {base} is not known", f"see {_TABLE}")
    return warn(f"{name} {found} is not known to go with {base}", f"install {' or '.join(supported)}; see {_TABLE}")


def cann_version(environment: Mapping[str, str], default: Sequence[Path] = _CANN) -> str | None:
    """Return the version of the CANN toolkit; None where there is none.

    Of 8.5 and later ``ascend_toolkit_install.info`` has it, which MindFormers' own check reads; before that
    ``version.cfg``, too: ``toolkit_running_version=[7.6.0.1.220:8.0.0]``.
    """
    named = [Path(environment[name]) for name in ("ASCEND_HOME_PATH", "ASCEND_TOOLKIT_HOME") if environment.get(name)]
    files = {
        f"{platform.machine()}-linux/ascend_toolkit_install.info": r"^version=(\S+)",
        "version.cfg": r"^toolkit_running_version=\[(?:[^\]:]*:)?([^\]:]+)\]",
    }
    for folder in (*named, *default):
        for file, pattern in files.items():
            if (path := folder / file).is_file():
                found = re.search(pattern, path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
                if found:
                    return found[1]
    return None


def _base(version: str) -> str:
    """Return a version without ``rc1`` and the like, by which MindFormers looks MindSpore up."""
    return Version(version).base_version
