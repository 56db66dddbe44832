"""The audit: every check over all that was read."""

from __future__ import annotations

from sweeps.audit import log_checks, recipe_checks, report_checks, template_checks
from sweeps.audit.findings import Finding, merged
from sweeps.dossier.folder import Dossier

_CHECKS = (
    report_checks.reports,
    recipe_checks.dead_patterns,
    recipe_checks.training_against_inference,
    log_checks.training_logs,
    log_checks.evaluation_logs,
    log_checks.predictions,
    log_checks.checkpoint_names,
    template_checks.templates,
)


def examine(dossier: Dossier) -> list[Finding]:
    """Return what contradicts what, reports first."""
    return merged(finding for check in _CHECKS for finding in check(dossier))
