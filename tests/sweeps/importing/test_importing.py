from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from rich.console import Console

from sweeps import records
from sweeps import study as studies
from sweeps.config import load_sweep
from sweeps.dossier.folder import read_dossier
from sweeps.importing import bring_in, scores
from sweeps.importing.fit import Fit, fit
from sweeps.importing.run import FinishedRun, ImportRefused, finished_run
from sweeps.lease import Lease
from sweeps.outbox import FOLDER, Outbox
from sweeps.plan import make_plan
from sweeps.results import measurements, results
from sweeps.sampling import make_tuner
from sweeps.stores import Stores
from sweeps.tracking import Tracker
from tests.sweeps.audit.handed_in import hand_in
from tests.sweeps.importing.teams import CONTEST, WITH_MATH, sweep_file, team_folder

pytestmark = pytest.mark.skipif(not CONTEST.exists(), reason=f"the real run is not there: {CONTEST}")
Cli = Callable[..., tuple[int, str, str]]
CONFIGURATION = {
    "learning_rate": 1e-5,
    "lora_rank": 8,
    "alpha_factor": 2,
    "lora_dropout": 0.0,
    "target_modules": ["wq", "wv"],
    "seq_length": 256,
    "batch_size": 32,
    "card_batch": 8,
    "lora_alpha": 16,
}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return team_folder(tmp_path_factory.mktemp("team") / "a'; echo 训练")


@pytest.fixture(scope="module")
def run(team: Path) -> FinishedRun:
    return finished_run(read_dossier([team]), team)


def fitted(run: FinishedRun, file: Path) -> Fit | list[str]:
    config, document = load_sweep(file)
    return fit(run, make_plan(config, document, Stores(file.parent / "runs")))


# -- the run -----------------------------------------------------------------------------------------------------------


def test_evaluation_that_loaded_the_trainings_base_is_the_bases(run: FinishedRun) -> None:
    assert run.base["f1"].value == 59.87023775108988
    assert run.tuned["f1"].value == 70.45845460279647
    assert run.tuned["f1"].score is not None
    assert run.tuned["f1"].score.items == 2067


def test_every_logged_step_is_there(run: FinishedRun) -> None:
    assert len(run.steps) == 1337
    assert run.seconds == pytest.approx(4999, abs=1)


def test_what_contradicts_itself_is_refused(tmp_path: Path) -> None:
    folder = team_folder(tmp_path / "team", tuned=False)
    file = next(folder.glob("*.yaml"))
    file.write_text(file.read_text(encoding="utf-8").replace("lora_rank: 8", "lora_rank: 16"), encoding="utf-8")
    with pytest.raises(ImportRefused, match=r"contradict each other, 2 times; `lorasweep audit"):
        finished_run(read_dossier([folder]), folder)


def test_other_teams_files_in_the_folder_are_left_alone(run: FinishedRun) -> None:
    found = finished_run(read_dossier([CONTEST]), CONTEST)
    assert found.digest == run.digest
    assert found.base["em"].value == 44.17029511369134
    assert (found.tuned, found.stated) == ({}, {})


def test_the_same_training_is_known_again_whatever_its_files_are_called(run: FinishedRun, tmp_path: Path) -> None:
    folder = team_folder(tmp_path / "team", tuned=False)
    next(folder.glob("*.yaml")).rename(folder / "other.yaml")
    assert finished_run(read_dossier([folder]), folder).digest == run.digest


def test_a_training_that_was_cut_off_and_went_on_is_one(tmp_path: Path) -> None:
    folder = hand_in(tmp_path)
    lines = (folder / "logs/worker_0.log").read_text(encoding="utf-8").splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if "Epoch:[  2/" in line)
    (folder / "logs/worker_0.log").write_text("".join(lines[:at]), encoding="utf-8")
    (folder / "logs/resumed.log").write_text("".join(lines[at:]), encoding="utf-8")
    assert len(finished_run(read_dossier([folder]), folder).steps) == 30


def test_a_refusal_prints_nothing_that_steers_a_terminal(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match=r"^a\ufffd\[2J: no log of a training"):
        finished_run(read_dossier([hand_in(tmp_path) / "train.yaml"]), "a\x1b[2J")


# -- the sweep that it fits --------------------------------------------------------------------------------------------


def test_the_real_llama3_run_is_a_point_of_the_space(run: FinishedRun, tmp_path: Path) -> None:
    found = fitted(run, sweep_file(tmp_path / "in"))
    assert isinstance(found, Fit)
    assert found.configuration == CONFIGURATION
    assert found.rung == 5


def test_all_that_does_not_fit_is_said_at_once(run: FinishedRun, tmp_path: Path) -> None:
    file = sweep_file(tmp_path / "in", length="halving: {rungs: [1, 3]}", ranks=7)
    file.write_text(file.read_text(encoding="utf-8").partition("enqueue:")[0], encoding="utf-8")
    found = fitted(run, file)
    assert found == [
        "it trained 5 epochs, but the sweep's trials train 3",
        "lora_rank: expected an integer from 4 to 7, got 8",
    ]


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def imported(team: Path, tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path) -> tuple[Path, Path]:
    """Import the real run into a new sweep; returns the sweep file and the runs folder."""
    folder = tmp_path_factory.mktemp("imported")
    runs = folder / "runs"
    runs.mkdir()
    shutil.copy(mlflow_database, runs / "mlflow.db")
    file = sweep_file(folder / "in")
    said = bring_in.import_run(team, Stores(runs), None, file, None, Console(quiet=True))
    assert said.startswith("trial-0001 of sweep llama3 imported: 1337 logged steps")
    return file, runs


def status(cli: Cli, runs: Path) -> Any:
    code, out, _ = cli("status", "--json", "--runs", runs)
    assert code == 0
    return json.loads(out)


def test_the_real_llama3_run_is_a_complete_trial_on_the_front(imported: tuple[Path, Path], cli: Cli) -> None:
    told = status(cli, imported[1])
    trial = told["trials"][1]
    assert (trial["state"], trial["rung"], trial["imported"]) == ("complete", 5, True)
    assert (trial["front"], trial["feasible"], told["knee"]) == (True, True, 1)
    assert trial["configuration"] == CONFIGURATION
    assert trial["values"]["f1"] == 70.45845460279647
    assert trial["values"]["train_loss"] == 1.489
    assert trial["values"]["ratio"] == 3407872 / 8030000000
    assert told["base"]["f1"] == 59.87023775108988
    assert told["spent"]["units"] == 0


def test_an_enqueued_configuration_that_was_imported_does_not_run_again(imported: tuple[Path, Path], cli: Cli) -> None:
    first = status(cli, imported[1])["trials"][0]
    assert (first["state"], first["reason"]) == ("cancelled", "imported as trial-0001")


def test_mlflow_has_the_run_with_its_steps(imported: tuple[Path, Path]) -> None:
    client = MlflowClient(f"sqlite:///{imported[1]}/mlflow.db")
    experiment = client.get_experiment_by_name("llama3")
    assert experiment is not None
    found: dict[str, Run] = {r.info.run_name: r for r in client.search_runs([experiment.experiment_id])}
    trial = found["trial-0001"]
    assert trial.info.status == "FINISHED"
    assert trial.data.tags["lorasweep.imported"] == "true"
    assert trial.data.tags["pareto"] == "true"
    assert trial.data.tags["mlflow.parentRunId"] == found["llama3"].info.run_id
    history = client.get_metric_history(trial.info.run_id, "train/loss")
    assert len(history) == 1337
    assert (history[0].step, history[0].value) == (2, 2.248)
    files = {file.path for file in client.list_artifacts(trial.info.run_id)}
    assert {"llama3_train_worker_0.log.gz", "tuned_eval.log"} <= files


def test_the_sampler_learns_from_it_and_the_sweep_still_starts_all_its_trials(imported: tuple[Path, Path]) -> None:
    file, runs = imported
    config, document = load_sweep(file)
    plan = make_plan(config, document, Stores(runs))
    study = studies.load_study("llama3", Stores(runs).study_url)
    tuner = make_tuner(plan, study)
    assert tuner.measured == 1
    assert set(tuner.propose(2)) == set(next(iter(measured_params(study))))
    choice = tuner.next(may_start=True, idle=True)
    assert choice is not None
    assert choice.trial is None


def measured_params(study: Any) -> list[dict[str, object]]:
    return [study.trials[result.number].params for result in measurements(study) if result.number is not None]


def test_imported_trials_are_none_of_those_that_the_sweep_starts(imported: tuple[Path, Path]) -> None:
    study = studies.load_study("llama3", Stores(imported[1]).study_url)
    assert len(results(study)) == 2
    assert records.started(study) == 1  # the enqueued one, which it need not run


def test_a_second_import_is_refused(imported: tuple[Path, Path], team: Path, cli: Cli) -> None:
    code, _, err = cli("import", team, "--sweep", "llama3", "--runs", imported[1])
    assert code == 2
    assert "was imported before: it is trial-0001 of sweep llama3" in err


def test_an_imported_trial_has_no_adapter_to_export(imported: tuple[Path, Path], tmp_path: Path, cli: Cli) -> None:
    code, _, err = cli("export", "--out", tmp_path / "out", "--runs", imported[1])
    assert code == 2
    assert "trial-0001 was imported: there is no adapter of it to export" in err


def test_a_run_that_lacks_objectives_is_refused_with_all_reasons_and_nothing_is_made(tmp_path: Path, cli: Cli) -> None:
    folder, file = team_folder(tmp_path / "team", tuned=False), sweep_file(tmp_path / "in", WITH_MATH)
    code, _, err = cli("import", folder, "--into", file, "--runs", tmp_path / "runs")
    assert code == 2
    assert "math_accuracy of the run is not known" in err
    assert "f1 of the run is not known" in err
    assert not (tmp_path / "runs").exists()


def test_an_accuracy_that_only_a_report_states_is_taken_with_its_place(tmp_path: Path, team: Path) -> None:
    folder = tmp_path / "team"
    shutil.copytree(team, folder)
    (folder / "report.md").write_text("# 报告\n准确率：48.20%\n", encoding="utf-8")
    config, document = load_sweep(sweep_file(tmp_path / "in", WITH_MATH))
    plan = make_plan(config, document, Stores(tmp_path / "runs"))
    stated = finished_run(read_dossier([folder]), folder)
    found = fit(stated, plan)
    assert isinstance(found, Fit)
    measured = scores.of_run(stated, found, plan)
    assert measured.values["math_accuracy"] == 48.2
    assert measured.sources["math_accuracy"] == f"{folder / 'report.md'}:2, stated in a report"
    assert "math_accuracy" not in measured.measurement.scores


def test_a_sweep_that_runs_is_left_alone(imported: tuple[Path, Path], tmp_path: Path, team: Path, cli: Cli) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(imported[1], runs)
    other = tmp_path / "team"
    shutil.copytree(team, other)
    for file in other.glob("*.yaml"):
        file.write_text(file.read_text(encoding="utf-8").replace("\nseed: 0", "\nseed: 1"), encoding="utf-8")
    (other / "llama3_train_worker_0.log.gz").unlink()
    steps = [f"{line}\n" for line in _step_lines()]
    (other / "worker_0.log").write_text("".join(steps), encoding="utf-8")
    with Lease.acquire(Stores(runs).study_url, "llama3"):
        code, _, err = cli("import", other, "--runs", runs)
    assert code == 2
    assert "sweep llama3 is held by process" in err


def _step_lines() -> list[str]:
    at = "{{ Epoch:[{:>3}/  5], step:[   10/   10], loss: 1.0, per_step_time: 1ms, lr: 1e-05, overflow cond: False, "
    return [at.format(epoch) + "loss_scale: 1.0" for epoch in range(1, 6)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sweep", "none"], "no sweep was started here"),
        (["--into", "gone.yaml"], "cannot be read"),
        ([], "name a sweep file with --into"),
    ],
)
def test_a_target_that_is_not_there_is_said(tmp_path: Path, cli: Cli, arguments: list[str], message: str) -> None:
    code, _, err = cli("import", hand_in(tmp_path / "team"), *arguments, "--runs", tmp_path / "runs")
    assert code == 2
    assert message in err
    assert not (tmp_path / "runs").exists()


def test_an_import_that_was_cut_off_goes_on_under_its_number_and_waits_for_mlflow(
    team: Path, run: FinishedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bring_in, "Courier", lambda *_: nullcontext())  # MLflow is away
    stores, file = Stores(tmp_path / "runs"), sweep_file(tmp_path / "in")
    with monkeypatch.context() as cut:
        cut.setattr(Tracker, "log_steps", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            bring_in.import_run(team, stores, None, file, None, Console(quiet=True))
    said = bring_in.import_run(team, stores, None, file, None, Console(quiet=True))
    assert said.startswith("trial-0001 of sweep llama3 imported")
    study = studies.load_study("llama3", stores.study_url)
    assert [result.number for result in results(study) if result.imported] == [1]
    outbox = Outbox(stores.sweep("llama3") / FOLDER)
    assert outbox.last_step("trial-0001") == run.steps[-1].global_step
    assert outbox.count_waiting() > 0


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt
