"""Training text wrapped in one prompt template, inference in another: it cost contest teams dearly.

Speaks only where both sides show: training by a script that writes its data, or a YAML's data handler; inference by the
texts in its log, or by its script. The prompt of the base ability is another by the contest's rules, and left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sweeps.audit.findings import Finding, Side
from sweeps.dossier.facts import Source
from sweeps.dossier.folder import Dossier
from sweeps.dossier.prompts import markers, of_handler

_BASE_ABILITY = "Read the passage"
_RIGHT = "the prompt of inference must be the one of training"

_Seen = tuple[Source, frozenset[str]]


def templates(dossier: Dossier) -> Iterator[Finding]:
    """Find prompts of inference that are in none of the templates that training data was written in."""
    training, inference = list(_training(dossier)), list(_inference(dossier))
    for source, seen in inference if training else ():
        # the part for an input may be left out where there is none
        if not any(seen ^ other <= {"### Input"} for _, other in training):
            yield Finding("prompt template", (_side(*training[0]), _side(source, seen)), _RIGHT)


def _training(dossier: Dossier) -> Iterator[_Seen]:
    for script in dossier.scripts:
        if script.trains and script.markers:
            yield Source(script.path, min(script.markers.values())), frozenset(script.markers)
    for recipe in dossier.trainings:
        if seen := of_handler(recipe.values):
            yield Source(recipe.path, 0), seen


def _inference(dossier: Dossier) -> Iterator[_Seen]:
    for script in dossier.scripts:
        if not script.trains and script.markers:
            yield Source(script.path, min(script.markers.values())), frozenset(script.markers)
    for log in dossier.logs:
        line, texts = log.outputs
        if asked := [text for text in texts if _BASE_ABILITY not in text]:
            yield Source(log.path, line), markers(asked)


def _side(source: Source, seen: Sequence[str] | frozenset[str]) -> Side:
    return Side(source, ", ".join(sorted(seen)) or "no template around the question")
