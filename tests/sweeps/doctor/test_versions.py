from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from sweeps.doctor import versions
from sweeps.doctor.subject import Subject
from sweeps.stores import Stores
from tests.sweeps.doctor.made import said

INSTALLED = {"mindspore": "2.9.0", "mlflow": "3.16.0"}
TABLE = versions.version_table()


def installed(name: str) -> str:
    if name not in INSTALLED:
        raise PackageNotFoundError(name)
    return INSTALLED[name]


def test_this_environment_is_well(tmp_path: Path) -> None:
    findings = [f for check in versions.checks(Subject(Stores(tmp_path))) for f in check.run()]
    assert {finding.level for finding in findings if "CANN" not in finding.text} == {"ok"}
    assert ("ok", f"MindSpore {version('mindspore')} goes with MindFormers {version('mindformers')}") in said(findings)


def test_another_python_is_warned_of() -> None:
    assert said(versions.python("3.12.1", ">=3.11,<3.12")) == [
        ("warn", "3.12.1: lorasweep was tested with >=3.11,<3.12")
    ]
    assert said(versions.python("3.11.4", ">=3.11,<3.12")) == [("ok", "3.11.4")]


def test_package_that_is_missing_fails_and_one_of_another_version_is_warned_of() -> None:
    asked = ["mindspore==2.9.0", "mlflow[auth]>=3.17,<3.18", "optuna>=5", "psycopg>=3; extra == 'postgres'"]
    findings = list(versions.packages(asked, installed))
    assert said(findings) == [
        ("warn", "mlflow 3.16.0: lorasweep was tested with <3.18,>=3.17"),
        ("fail", "optuna is not installed"),
        ("ok", "mindspore 2.9.0, 0 others"),
    ]
    assert findings[1].advice == "pip install 'optuna>=5'"


# MindFormers' own table, as printed in https://www.mindspore.cn/mindformers/docs/en/r1.9.0/installation.html
@pytest.mark.parametrize(
    ("kind", "of", "support"),
    [("mf", "1.9.0", "2.9.0"), ("ms", "2.9.0", "9.0.0"), ("ms", "2.7.2", "8.5.0"), ("cann", "9.0.0", "26.0.RC1")],
)
def test_table_of_mindformers_is_the_one_in_print(kind: str, of: str, support: str) -> None:
    assert list(TABLE[kind][of]["support"]) == [support]


@pytest.mark.parametrize(
    ("found", "supported", "level", "text"),
    [
        ("26.0.rc1", ["26.0.RC1"], "ok", "driver 26.0.rc1 goes with CANN 9.0.0"),
        ("25.5.0", ["26.0.RC1"], "warn", "driver 25.5.0 is not known to go with CANN 9.0.0"),
        ("25.5.0", [], "warn", "driver 25.5.0: what goes with CANN 9.0.0 is not known"),
    ],
)
def test_what_is_not_known_to_fit_is_warned_of(found: str, supported: list[str], level: str, text: str) -> None:
    assert said([versions.fit("driver", found, "CANN 9.0.0", supported)]) == [(level, text)]


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        # https://github.com/vllm-project/vllm-ascend/issues/2557
        (
            f"{platform.machine()}-linux/ascend_toolkit_install.info",
            "package_name=Ascend-cann-toolkit\nversion=8.2.RC1\ninnerversion=V100R001C22SPC001B231\n"
            "compatible_version=[V100R001C15],[V100R001C18]\narch=aarch64\n",
            "8.2.RC1",
        ),
        # both forms in public issues and guides: with and without the package's own version before the colon
        (
            "version.cfg",
            "# version: 1.0\nruntime_running_version=[7.6.0.1.220:8.0.0]\n"
            "toolkit_running_version=[7.6.0.1.220:8.0.0]\n",
            "8.0.0",
        ),
        ("version.cfg", "toolkit_running_version=[8.5.2]\n", "8.5.2"),
        ("version.cfg", "nothing of the kind\n", None),
    ],
)
def test_cann_is_found_by_its_environment_variable(tmp_path: Path, file: str, text: str, expected: str | None) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text, encoding="utf-8")
    assert versions.cann_version({"ASCEND_HOME_PATH": str(tmp_path)}, ()) == expected


def test_cann_is_needed_where_there_are_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "cann_version", lambda environment: None)
    assert said(versions.cann(TABLE, {}, needed=False)) == [("ok", "none; on CPU none is needed")]
    assert [level for level, _ in said(versions.cann(TABLE, {}, needed=True))] == ["fail"]


def test_cann_whose_environment_is_not_set_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "cann_version", lambda environment: "9.0.0")
    assert said(versions.cann(TABLE, {}, needed=True)) == [
        ("ok", f"CANN 9.0.0 goes with MindSpore {version('mindspore')}"),
        ("warn", "ASCEND_HOME_PATH is not set: MindSpore may not find CANN"),
    ]
