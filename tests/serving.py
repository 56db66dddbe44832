"""A real server for tests, ended with them."""

from __future__ import annotations

import base64
import contextlib
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

from sweeps.server import Server


@contextlib.contextmanager
def running(server: Server) -> Iterator[str]:
    """Run a server; its address."""
    server.prepare()
    process = subprocess.Popen(server.argv(), env=server.environment(), start_new_session=True)
    try:
        address = f"http://127.0.0.1:{server.port}"
        deadline = time.monotonic() + 300
        while status(f"{address}/health") != 200:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait()


def status(url: str, password: str | None = None, host: str | None = None) -> int:
    """The HTTP status of an answer; 0 where no one listens."""
    headers = {} if host is None else {"Host": host}
    if password is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            code: int = answer.status
            return code
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
