"""What ``npu-smi info`` prints of this host's Ascend cards: 910A, Atlas A2 (910B) and Atlas A3 (two chips a card)."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

_SECONDS = 60
_DRIVER = re.compile(r"Version:\s*(\S+)")
_USAGE = re.compile(r"(\d+)\s*/\s*(\d+)")


class NpuSmiError(RuntimeError):
    """``npu-smi info`` failed, or printed what is no list of cards."""


@dataclass(frozen=True)
class Process:
    """A process on a card, as seen from where npu-smi runs: those of other containers may be missing.

    Attributes:
        memory: of the card, as printed, in MB (old drivers: bytes).
    """

    pid: int
    name: str
    memory: str


@dataclass(frozen=True)
class Chip:
    """One device: a 910A or 910B card, or one of an A3's two chips.

    Attributes:
        npu: number of the card that it is on; cards may be missing in a container.
        chip: number on the card.
        health: ``OK``, ``Warning``, ``Alarm``, ``Critical`` ...
        used: memory in use, in MB; HBM where there is HBM. The driver's own is in it.
        total: memory, in MB.
    """

    npu: int
    chip: int
    name: str
    health: str
    used: int
    total: int
    processes: tuple[Process, ...] = ()


@dataclass(frozen=True)
class Npus:
    """The devices of this host.

    Attributes:
        driver: its version.
        chips: in the order that ``ASCEND_RT_VISIBLE_DEVICES`` counts them in, from 0: of those that are listed, not by
            the card's number (https://github.com/vllm-project/vllm-ascend/issues/2557).
    """

    driver: str
    chips: tuple[Chip, ...]


def installed() -> bool:
    """Whether there is an npu-smi: it comes with the driver."""
    return shutil.which("npu-smi") is not None


def query() -> Npus:
    """Return what npu-smi prints now; raises ``NpuSmiError``."""
    try:
        done = subprocess.run(["npu-smi", "info"], capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NpuSmiError(f"npu-smi info: {error}; run it by hand, then check the driver") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["nothing"]
        raise NpuSmiError(f"npu-smi info exited with {done.returncode}: {said[-1]}; check the driver and /dev/davinci*")
    return parse(done.stdout)


def parse(text: str) -> Npus:
    """Read what ``npu-smi info`` printed.

    Raises:
        NpuSmiError: a row of the tables is not as in any known version.
    """
    driver = _DRIVER.search(text)
    devices, _, processes = text.partition("Process id")
    chips = {(chip.npu, chip.chip): chip for chip in _chips(list(_rows(devices, 3)))}
    for npu, number, process in _processes(_rows(processes, 4)):
        if (chip := chips.get((npu, number))) is not None:
            chips[npu, number] = replace(chip, processes=(*chip.processes, process))
    return Npus(driver[1] if driver else "", tuple(chips.values()))


def _rows(text: str, columns: int) -> Iterator[list[str]]:
    """Yield the cells of each row that begins with a number: headings and rulers do not."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == columns and cells[0][:1].isdigit():
            yield cells


def _chips(rows: Sequence[list[str]]) -> Iterator[Chip]:
    """Read two rows a chip: card, name and health; then chip, bus and memory, HBM the last."""
    for first, second in zip(rows[::2], rows[1::2], strict=False):
        npu, *name = first[0].split()
        usage = _USAGE.findall(second[2])
        if not npu.isdigit() or not name or not usage:
            raise NpuSmiError(f"npu-smi info: {' | '.join(first)}: expected a card's number, name, health and memory")
        used, total = usage[-1]
        yield Chip(int(npu), int(second[0].split()[0]), " ".join(name), first[1], int(used), int(total))
    if len(rows) % 2:
        raise NpuSmiError(f"npu-smi info: {' | '.join(rows[-1])}: expected a second row of the same card after it")


def _processes(rows: Iterator[list[str]]) -> Iterator[tuple[int, int, Process]]:
    for place, pid, name, memory in rows:
        npu, chip = place.split()
        yield int(npu), int(chip), Process(int(pid), name, memory)
