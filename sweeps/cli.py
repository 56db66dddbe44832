"""The command line: all commands, and how it ends."""

from __future__ import annotations

import sys

import typer

from sweeps.commands import data
from sweeps.commands.adapter import app as adapter_commands
from sweeps.commands.audit import audit
from sweeps.commands.doctor import doctor
from sweeps.commands.export import export
from sweeps.commands.front import front
from sweeps.commands.importing import import_run
from sweeps.commands.options import HAND_IN, LOOK, OTHERS, PREPARE, RUN
from sweeps.commands.pack import pack
from sweeps.commands.params import params
from sweeps.commands.report import report
from sweeps.commands.run import cancel, deliver, resume, start, stop
from sweeps.commands.status import status
from sweeps.commands.ui import ui
from sweeps.commands.watch import watch

_FIRST_STEPS = """\
The first five minutes, on any machine:
  lorasweep start search_spaces/tiny_cpu.yaml   sweep with a tiny model, live
  lorasweep front --plot                        see what came out
  lorasweep export --out best                   take it: best/launch.sh runs
"""
app = typer.Typer(
    help="Multi-objective sweeps for LoRA fine-tuning with MindFormers, tracked in MLflow.",
    epilog=_FIRST_STEPS,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

# panels of the help stand in the order of their first commands
app.add_typer(data.app, name="data", rich_help_panel=PREPARE)
app.command(rich_help_panel=PREPARE)(doctor)
app.command(rich_help_panel=PREPARE)(params)
app.command(rich_help_panel=RUN)(start)
app.command(rich_help_panel=RUN)(resume)
app.command(rich_help_panel=RUN)(stop)
app.command(rich_help_panel=RUN)(cancel)
app.command(rich_help_panel=LOOK)(watch)
app.command(rich_help_panel=LOOK)(status)
app.command(rich_help_panel=LOOK)(front)
app.command(rich_help_panel=HAND_IN)(export)
app.command(rich_help_panel=HAND_IN)(report)
app.command(rich_help_panel=HAND_IN)(pack)
app.add_typer(adapter_commands, rich_help_panel=HAND_IN)
app.command(rich_help_panel=LOOK)(ui)
app.command(rich_help_panel=RUN)(deliver)
app.command(rich_help_panel=OTHERS)(audit)
app.command("import", rich_help_panel=OTHERS)(import_run)


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 no usable result, 2 bad input, 3 gave up, 130 stopped by the user."""
    try:
        app()
    except SystemExit:
        # how every command ends, and first: to name the faults takes seconds of imports
        raise
    except _faults_of_input() as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def _faults_of_input() -> tuple[type[ValueError], ...]:
    """Return what is raised where a user's file or option is wrong; its text is all that the user needs."""
    from evaluation.items import DataError
    from search_spaces.load import FileFaults
    from sweeps.dossier.folder import DossierError
    from sweeps.importing.run import ImportRefused
    from sweeps.notify import NotifyError
    from sweeps.pack import PackError
    from sweeps.report.sources import ReportError
    from sweeps.selection import SelectionError
    from sweeps.stores import StoreError
    from trainer.blind_split import SplitError
    from trainer.files import FolderError
    from trainer.lora import LoraError
    from trainer.recipe import RecipeError
    from trainer.slots import SlotError
    from trainer.transforms import TransformError
    from trainer.weights import WeightsError

    return (
        DataError,
        DossierError,
        FileFaults,
        FolderError,
        ImportRefused,
        LoraError,
        NotifyError,
        PackError,
        RecipeError,
        ReportError,
        SelectionError,
        SlotError,
        SplitError,
        StoreError,
        TransformError,
        WeightsError,
    )


if __name__ == "__main__":
    main()
