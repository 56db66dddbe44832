"""MLflow's server with the Pareto page in it: apps for ``mlflow server --app-name``, see ``[project.entry-points]``.

Imports mlflow in MLflow's own server process only.
"""

from __future__ import annotations

import gc
import io
import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, request, send_file
from mlflow.server import app as mlflow_app
from mlflow.server.fastapi_app import create_fastapi_app
from mlflow.server.handlers import _add_static_prefix
from werkzeug.wrappers import Response

from sweeps.commands.options import open_stores
from sweeps.selection import SelectionError
from sweeps.server import DATABASE, RUNS
from sweeps.stores import StoreError
from sweeps.ui.answers import Answer, Answers, UnknownSweep
from sweeps.ui.page import ASSETS, asset, live_html
from trainer.files import FolderError
from trainer.lora import LoraError
from trainer.recipe import RecipeError
from trainer.weights import WeightsError

_LONG = 365 * 24 * 3600  # seconds
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


def create_app(app: Flask = mlflow_app) -> Any:
    """Return MLflow's app with the page in it, for whoever reaches the port."""
    _add_pages(app)
    # as MLflow's own basic-auth app does
    return create_fastapi_app(app) if os.environ.get("_MLFLOW_SGI_NAME") == "uvicorn" else app


def create_auth_app(app: Flask = mlflow_app) -> Any:
    """Return MLflow's app with basic auth and the page in it, which asks for the password as all the rest does."""
    from mlflow.server import auth

    _add_pages(app)
    return auth.create_app(app)


def _add_pages(app: Flask) -> None:
    pages: dict[str, Callable[..., Response]] = {
        "/pareto": _page,
        "/pareto/<name>": _asset,
        "/pareto.json": _document,
        "/pareto/importance.json": _importance,
        "/pareto/export.zip": _export,
        "/pareto/sweeps.json": _sweeps,
    }
    for rule, view in pages.items():
        app.add_url_rule(_add_static_prefix(rule), f"lorasweep{rule}", _told(view), methods=["GET"])
    # all that MLflow imported stays as long as the server: not to look at it again and again saves a third of an answer
    gc.collect()
    gc.freeze()


@cache
def _answers() -> Answers:
    return Answers(open_stores(Path(os.environ[RUNS]), os.environ.get(DATABASE)))


def _told(view: Callable[..., Response]) -> Callable[..., Response]:
    """Have what cannot be answered said in JSON: ``error``, and ``sweeps`` where a name is asked for."""

    def answer(**arguments: str) -> Response:
        try:
            return view(**arguments)
        except UnknownSweep as error:
            return _refusal(404, {"error": str(error), "sweeps": _answers().names()})
        except SelectionError as error:
            return _refusal(404, {"error": str(error)})
        except (FolderError, LoraError, RecipeError, StoreError, WeightsError) as error:
            return _refusal(503, {"error": str(error)})

    return answer


def _refusal(status: int, said: dict[str, Any]) -> Response:
    return Response(json.dumps(said, ensure_ascii=False), status, mimetype="application/json")


def _page() -> Response:
    response = Response(live_html(), mimetype="text/html")
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Cache-Control"] = "no-cache"
    return response


def _asset(name: str) -> Response:
    if name not in ASSETS:
        return _refusal(404, {"error": f"the page has no part {name!r}"})
    response = Response(asset(name), mimetype=ASSETS[name])
    response.headers["Cache-Control"] = f"max-age={_LONG}, immutable"
    return response


def _document() -> Response:
    return _json(_answers().document(_name()))


def _importance() -> Response:
    return _json(_answers().importance(_name()))


def _sweeps() -> Response:
    response = Response(json.dumps({"sweeps": _answers().names()}, ensure_ascii=False), mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def _json(answer: Answer) -> Response:
    response = Response(answer.text, mimetype="application/json")
    response.headers["Cache-Control"] = "no-cache"
    response.set_etag(answer.version)
    return response.make_conditional(request)


def _export() -> Response:
    name, content = _answers().export(_name(), request.args.get("select", "knee"))
    response = send_file(io.BytesIO(content), "application/zip", as_attachment=True, download_name=name)
    response.headers["Cache-Control"] = "no-store"
    return response


def _name() -> str:
    """Return the sweep that is asked for; the only one there where none is named."""
    name = request.args.get("sweep")
    if name:
        return name
    names = _answers().names()
    if len(names) != 1:
        raise UnknownSweep("name one of the sweeps" if names else "no sweep was started here yet")
    return names[0]
