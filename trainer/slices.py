"""The script that has MindSpore put slices of ranks together, as MindFormers' ``tools/transform_ckpt.py`` does."""

from __future__ import annotations

import sys
from pathlib import Path

import mindspore as ms


def main() -> None:
    """Take the folder of ranks, the strategy file or the folder of a pipeline's, the folder to write to, the format."""
    ranks, strategy, out, form = sys.argv[1:]
    if Path(strategy).is_dir():
        merged = str(Path(ranks).parent / "strategy.ckpt")
        ms.merge_pipeline_strategys(strategy, merged)
        strategy = merged
    ms.transform_checkpoints(ranks, out, "whole_", strategy, None, output_format=form)


if __name__ == "__main__":
    main()
