"""What a sweep tells to a real HTTP server and a real program, and that neither holds it up."""

from __future__ import annotations

import http.server
import io
import json
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from search_spaces.load import FileFaults
from sweeps import channels, messenger
from sweeps.config import SweepConfig, load_sweep
from sweeps.generations import MAY_CHANGE
from sweeps.notices import Notices
from sweeps.notify import NotifyError
from sweeps.notifying import notices_of
from sweeps.plan import Plan, make_plan
from sweeps.results import Front, Result
from sweeps.stores import Stores
from tests.short_sweep import write_sweep
from tests.sweeps.made import result
from tests.waiting import DEADLINE, until

SECRET = "T0/s3cret?token=abc"
PAGE = "http://mlflow.lab/#/experiments/1"


class Receiver:
    """An HTTP server on this machine.

    Attributes:
        answers: HTTP status of each answer to come; then 200.
        hangs: it takes what is sent and never answers.
    """

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.answers: list[int] = []
        self.hangs = False
        self.freed = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append(json.loads(body))
                if outer.hangs:
                    outer.freed.wait()
                self.send_response(outer.answers.pop(0) if outer.answers else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/{SECRET}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.freed.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messenger, "_PAUSES", (0.0, 0.0))
    # a machine may be busy
    monkeypatch.setattr(messenger, "_END_SECONDS", DEADLINE)


def config_of(folder: Path, notify: str) -> SweepConfig:
    file = write_sweep(folder)
    file.write_text(f"{file.read_text(encoding='utf-8')}notify: {notify}\n", encoding="utf-8")
    return load_sweep(file)[0]


def program(folder: Path, script: str) -> Path:
    file = folder / "tell it.sh"
    folder.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o700)
    return file


class Sweep:
    """A sweep that tells; each ``told`` is a process of it."""

    def __init__(self, folder: Path, notify: str) -> None:
        config = config_of(folder, notify)
        document = load_sweep(folder / "sweep.yaml")[1]
        self.plan: Plan = make_plan(config, document, Stores(folder / "runs"))
        self.plan.folder.mkdir(parents=True)
        self.output = io.StringIO()

    def told(self, url: str | None) -> AbstractContextManager[Notices | None]:
        return notices_of(self.plan, url, lambda: PAGE, Console(file=self.output, width=500))


def tell(sweep: Sweep, url: str | None, results: list[Result], knee: Result | None = None) -> None:
    with sweep.told(url) as notices:
        assert notices is not None
        notices.look(results, front(knee))


def front(knee: Result | None) -> Front:
    return Front((), None) if knee is None else Front((knee,), knee)


def made(number: int, accuracy: float = 60.0) -> Result:
    return replace(result(number, accuracy, 0.05), values={"math_accuracy": accuracy, "f1": 70.0, "ratio": 0.05})


def failed(number: int) -> Result:
    return result(number, 0.0, 0.0, state="failed")


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    return Sweep(tmp_path / "a'; echo 训练", "{webhook_env: HOOK}")


def test_webhook_gets_what_happened(sweep: Sweep, receiver: Receiver) -> None:
    with sweep.told(receiver.url) as notices:
        assert notices is not None
        notices.look([], front(None))
        notices.look([made(0), failed(1)], front(made(0)))
        notices.quarantined("gpu-box", 1, "out of memory")
        notices.ended("complete", None)
    assert [got["event"] for got in receiver.got] == ["failed", "knee", "quarantined", "done"]
    lost, knee, quarantined, done = receiver.got
    assert (lost["trial"], lost["reason"]) == ("trial-0001", "ValueError: rank")
    assert (quarantined["host"], quarantined["slot"], quarantined["reason"]) == ("gpu-box", 1, "out of memory")
    assert (done["state"], done["trial"]) == ("complete", "trial-0000")
    assert {name: value for name, value in knee.items() if name not in ("id", "time")} == {
        "sweep": "short",
        "url": PAGE,
        "event": "knee",
        "text": "short: the knee of the front is now trial-0000: math_accuracy 60, f1 70, ratio 0.05",
        "trial": "trial-0000",
        "rung": None,
        "values": {"math_accuracy": 60.0, "f1": 70.0, "ratio": 0.05},
        "state": None,
        "reason": None,
        "host": None,
        "slot": None,
    }


def test_sweep_that_goes_on_tells_nothing_twice(sweep: Sweep, receiver: Receiver) -> None:
    tell(sweep, receiver.url, [])
    for _ in range(2):
        with sweep.told(receiver.url) as notices:
            assert notices is not None
            notices.look([made(0), failed(1)], front(made(0)))
            notices.ended("complete", None)
    assert [got["event"] for got in receiver.got] == ["failed", "knee", "done"]


def test_knee_that_comes_back_is_told_again(sweep: Sweep, receiver: Receiver) -> None:
    tell(sweep, receiver.url, [])
    for knee in (made(0), made(1), made(0)):
        tell(sweep, receiver.url, [made(0), made(1)], knee)
    assert [got["trial"] for got in receiver.got] == ["trial-0000", "trial-0001", "trial-0000"]


def test_what_was_before_anybody_was_to_be_told_is_not_told(sweep: Sweep, receiver: Receiver) -> None:
    tell(sweep, receiver.url, [made(0), failed(1)], made(0))
    assert receiver.got == []


def test_only_chosen_events_are_told(tmp_path: Path, receiver: Receiver) -> None:
    sweep = Sweep(tmp_path, "{webhook_env: HOOK, events: [failed]}")
    tell(sweep, receiver.url, [])
    tell(sweep, receiver.url, [made(0), failed(1)], made(0))
    assert [got["event"] for got in receiver.got] == ["failed"]


def test_message_that_is_not_taken_is_sent_again_with_its_id(sweep: Sweep, receiver: Receiver) -> None:
    receiver.answers = [500, 302]
    tell(sweep, receiver.url, [])
    tell(sweep, receiver.url, [failed(0)])
    assert len({got["id"] for got in receiver.got}) == 1
    assert len(receiver.got) == 3
    assert sweep.output.getvalue() == ""


def test_failure_to_send_is_said_once_and_without_the_secret(sweep: Sweep, receiver: Receiver) -> None:
    receiver.answers = [404] * 6
    tell(sweep, receiver.url, [])
    tell(sweep, receiver.url, [failed(0), failed(1)])
    assert sweep.output.getvalue().splitlines() == [
        "notify: http://127.0.0.1 answers 404; the message is dropped; no other fault of this kind is said"
    ]


def test_message_waits_for_a_server_that_is_away(
    sweep: Sweep, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messenger, "_LATER", 0.0)
    monkeypatch.setattr(messenger, "_LATEST", 0.0)
    receiver.answers = [503] * 20
    with sweep.told(receiver.url) as notices:
        assert notices is not None
        notices.look([], front(None))
        notices.look([failed(0)], front(None))
        # not before its first attempts are over and were said
        until(lambda: len(receiver.got) > 20)
    assert len({got["id"] for got in receiver.got}) == 1
    assert sweep.output.getvalue().count("tried again until it is taken") == 1


def test_what_no_one_took_until_the_end_is_sent_by_the_next_process(sweep: Sweep, receiver: Receiver) -> None:
    receiver.answers = [503] * 6
    tell(sweep, receiver.url, [])
    tell(sweep, receiver.url, [failed(0)])
    refused = len(receiver.got)
    assert "not all notifications were sent; `lorasweep resume` sends them" in sweep.output.getvalue()
    receiver.answers = []
    tell(sweep, receiver.url, [failed(0)])
    assert [got["id"] for got in receiver.got[refused:]] == [receiver.got[0]["id"]]


@pytest.mark.parametrize("url", [f"http://127.0.0.1:1/{SECRET}", f"http://nowhere.invalid/{SECRET}"])
def test_server_that_is_away_is_said_without_the_secret(sweep: Sweep, url: str) -> None:
    tell(sweep, url, [])
    tell(sweep, url, [failed(0)])
    assert "notify: http://" in sweep.output.getvalue()
    assert "s3cret" not in sweep.output.getvalue()


def test_server_that_hangs_holds_up_neither_the_sweep_nor_its_command(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messenger, "_END_SECONDS", 0.0)
    lost = [failed(number) for number in range(5)]
    program(tmp_path, f"cat >> '{tmp_path}/got.txt'")
    (tmp_path / "got.txt").touch()
    sweep = Sweep(tmp_path, "{webhook_env: HOOK, command: ['./tell it.sh']}")
    receiver.hangs = True
    with sweep.told(receiver.url) as notices:
        assert notices is not None
        notices.look([], front(None))
        notices.look(lost[:1], front(None))
        until(lambda: receiver.got)
        # returned from while the server answers nothing, and the program is told meanwhile
        notices.look(lost, front(None))
        until(lambda: (tmp_path / "got.txt").read_text().count("}") == 2 * len(lost))
    assert len(receiver.got) == 1
    assert "`lorasweep resume` sends them" in sweep.output.getvalue()
    receiver.hangs = False
    monkeypatch.setattr(messenger, "_END_SECONDS", DEADLINE)
    tell(sweep, receiver.url, lost)
    # what was on its way is sent once more, as itself
    assert [got["trial"] for got in receiver.got] == [lost[0].label, *(trial.label for trial in lost)]
    assert len({got["id"] for got in receiver.got}) == len(lost)


def test_command_is_no_shell_and_gets_its_arguments_as_they_are(tmp_path: Path) -> None:
    program(tmp_path, f"printf '%s\\n' \"$@\" > '{tmp_path}/arguments'; cat > '{tmp_path}/message'")
    sweep = Sweep(tmp_path, "{command: ['./tell it.sh', '$(touch hacked); *', '']}")
    tell(sweep, None, [])
    tell(sweep, None, [failed(0)])
    assert (tmp_path / "arguments").read_text() == "$(touch hacked); *\n\n"
    assert json.loads((tmp_path / "message").read_text())["trial"] == "trial-0000"


def test_command_that_fails_is_said_with_its_log(tmp_path: Path) -> None:
    program(tmp_path, "echo no network; exit 7")
    sweep = Sweep(tmp_path, "{command: ['./tell it.sh']}")
    tell(sweep, None, [])
    tell(sweep, None, [failed(0)])
    log = sweep.plan.folder / "notices.log"
    assert f"tell it.sh ended with 7; see {log}" in sweep.output.getvalue()
    assert log.read_text() == "no network\n" * 3


def test_command_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "_TIMEOUT_SECONDS", 0.2)
    program(tmp_path, "sleep 1000")
    sweep = Sweep(tmp_path, "{command: ['./tell it.sh']}")
    tell(sweep, None, [])
    tell(sweep, None, [failed(0)])
    assert "tell it.sh took more than" in sweep.output.getvalue()


def test_disk_that_takes_nothing_does_not_stop_the_sweep_and_is_said_once(sweep: Sweep, receiver: Receiver) -> None:
    with sweep.told(receiver.url) as notices:
        assert notices is not None
        notices.look([], front(None))
        notices._database.execute("PRAGMA query_only = ON")
        notices.look([failed(0)], front(None))
        notices.quarantined("gpu-box", 1, "out of memory")
        assert sweep.output.getvalue().count("cannot be written") == 1
        notices._database.execute("PRAGMA query_only = OFF")
        notices.look([failed(0)], front(None))
    assert [got["event"] for got in receiver.got] == ["failed"]


def test_sweep_that_names_nobody_tells_nobody_and_keeps_nothing(tmp_path: Path) -> None:
    plan = make_plan(*load_sweep(write_sweep(tmp_path)), Stores(tmp_path / "runs"))
    with notices_of(plan, None, lambda: None, Console()) as notices:
        assert notices is None
    assert not plan.folder.exists()


def test_url_comes_from_the_environment_and_training_jobs_do_not_get_it(tmp_path: Path) -> None:
    notify = config_of(tmp_path, "{webhook_env: HOOK}").notify
    assert notify is not None
    environment = {"HOOK": "https://chat.lab/x", "PATH": "/bin"}
    assert notify.take_webhook(environment) == "https://chat.lab/x"
    assert environment == {"PATH": "/bin"}


@pytest.mark.parametrize("value", ["", "chat.lab/s3cret", "ftp://chat.lab/s3cret", "http://[s3cret", "http:///s3cret"])
def test_variable_without_a_url_is_refused_and_not_shown(tmp_path: Path, value: str) -> None:
    notify = config_of(tmp_path, "{webhook_env: HOOK}").notify
    assert notify is not None
    with pytest.raises(NotifyError, match="the environment variable HOOK") as refused:
        notify.take_webhook({"HOOK": value})
    assert "s3cret" not in str(refused.value)


def test_url_in_the_sweep_file_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(FileFaults, match=r"notify\.webhook_env: expected the name of an environment") as refused:
        config_of(tmp_path, "{webhook_env: 'https://chat.lab/s3cret'}")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("notify", "said"),
    [
        ("{}", "tells nobody; expected webhook_env, command or both"),
        ("{command: []}", "expected at least 1 of them"),
        ("{command: [./not-there]}", "there is no program .*/not-there that can be run"),
        ("{webhook_env: HOOK, events: [all]}", "unknown value 'all'; expected one of: done, knee, failed, quarantined"),
        ("{webhook: HOOK}", "unknown key 'webhook'; did you mean 'webhook_env'"),
    ],
)
def test_faults_of_the_section_are_said(tmp_path: Path, notify: str, said: str) -> None:
    with pytest.raises(FileFaults, match=said):
        config_of(tmp_path, notify)


def test_whom_to_tell_may_change_within_a_sweep() -> None:
    assert "notify" in MAY_CHANGE
