"""The MLflow server on the sweep's own stores."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sweeps.signals import end_like_ctrl_c
from sweeps.stores import Stores


def argv(stores: Stores, host: str, port: int) -> list[str]:
    """Return the command line of the server."""
    return [
        str(Path(sys.executable).with_name("mlflow")),
        "server",
        f"--backend-store-uri={stores.tracking_uri}",
        f"--artifacts-destination={stores.artifacts}",
        f"--host={host}",
        f"--port={port}",
        "--workers=1",
    ]


def serve(stores: Stores, host: str, port: int) -> int:
    """Run the server until it ends or the user stops it; returns its exit code."""
    environment = {
        **os.environ,
        # eight more processes that a sweep has no use for
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    end_like_ctrl_c()
    with subprocess.Popen(argv(stores, host, port), env=environment) as server:
        try:
            return server.wait()
        except KeyboardInterrupt:
            server.terminate()
            server.wait()
            return 0
