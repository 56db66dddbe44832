"""MLflow's client and what its calls raise: what may be tried again, and what is refused for good.

Settings of its client are environment variables: this module is imported before mlflow is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# the delivery itself tries again; MLflow's own retries would hold it up for minutes
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from requests import RequestException
from sqlalchemy.exc import SQLAlchemyError

_TIMEOUT_SECONDS, _LONGEST_TIMEOUT_SECONDS = 10, 120
_FOR_GOOD = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_DOES_NOT_EXIST", "INVALID_STATE"}
_FOR_GOOD_HTTP = {400, 413, 422}


class Unavailable(Exception):
    """The server cannot take anything now; the same again, later, may do."""


class Refused(Exception):
    """The server will never take this.

    Attributes:
        missing: it knows no such run.
    """

    def __init__(self, reason: str, *, missing: bool = False) -> None:
        super().__init__(reason)
        self.missing = missing


class Calls:
    """Calls of one store; a server that is slow is given more time each time, as it must not be given up on."""

    def __init__(self) -> None:
        self._timeout = _TIMEOUT_SECONDS

    def call(self, ask: Callable[[], Any]) -> Any:
        """Call MLflow; whatever it raises becomes ``Unavailable`` or ``Refused``."""
        os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = str(self._timeout)
        try:
            return ask()
        except FileNotFoundError as error:
            raise Refused(f"{error.filename}: is gone") from error
        except (MlflowException, SQLAlchemyError, RequestException, OSError, ImportError) as error:
            if "timeout exception" in str(error) or "timed out" in str(error):
                self._timeout = min(2 * self._timeout, _LONGEST_TIMEOUT_SECONDS)
            if _is_for_good(error):
                missing = getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST"
                raise Refused(_said(error), missing=missing) from error
            raise Unavailable(_said(error)) from error
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise Refused(f"{type(error).__name__}: {_said(error)}") from error


def recorded(uri: str, run: str, step: int) -> tuple[dict[str, float], dict[str, str]]:
    """Return a run's metrics at one step, without those of each training step, and its tags.

    Raises:
        Unavailable: the store cannot be asked, or has no such run.
    """
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = str(_TIMEOUT_SECONDS)
    try:
        client = MlflowClient(tracking_uri=uri)
        found = client.get_run(run).data
        histories = {name: client.get_metric_history(run, name) for name in found.metrics if not _is_step(name)}
    except (MlflowException, SQLAlchemyError, RequestException, OSError) as error:
        raise Unavailable(_said(error)) from error
    values = {name: [m.value for m in history if m.step == step] for name, history in histories.items()}
    return {name: at[-1] for name, at in values.items() if at}, dict(found.tags)


def _is_step(metric: str) -> bool:
    return metric.startswith("train/")


def _is_for_good(error: Exception) -> bool:
    """Return whether a server that works would refuse it always; a wrong password or address can be mended."""
    if isinstance(error, MlflowException):
        # what is no answer of MLflow's own is that of something between
        return error.error_code in _FOR_GOOD and not str(error).startswith("API request")
    response = getattr(error, "response", None)
    return response is not None and response.status_code in _FOR_GOOD_HTTP


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:500] or type(error).__name__
