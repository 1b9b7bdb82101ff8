"""``cloudify check``: what works with the datasets of the targets, without starting a server."""

import json
from collections.abc import Sequence

import typer

from cloudify.cli.guard import one_line

SIGNS = {"works": "ok     ", "limited": "limited", "fails": "FAILS  "}


def check_targets(targets: Sequence[str], *, data_dir: str | None, as_json: bool) -> None:
    """Print a report for each dataset; exit status 1 if anything fails."""
    with one_line():
        from cloudify.http.checks import report
        from cloudify.http.lookup import Lookup
        from cloudify.server.app import Server
        from cloudify.settings import Settings

        settings = Settings.load(data_dir=data_dir)
        server = Server.of_targets(targets, settings=settings)
        deps = server.rest.dependencies()
        lookup = Lookup(deps, settings)
        found = {name: list(report(name, lookup, deps.plugins().values())) for name in server.dataset_ids()}
    if as_json:
        print(
            json.dumps(
                {name: [finding.as_dict() for finding in findings] for name, findings in found.items()}, indent=1
            )
        )
    else:
        for fault in server.catalog.faults:
            print(f"FAILS    catalog  {fault}")
        for name, findings in found.items():
            print(name)
            for finding in findings:
                fix = f"; {finding.fix}" if finding.fix else ""
                print(f"  {SIGNS[finding.verdict]}  {finding.endpoint:<7} {finding.subject:<20} {finding.reason}{fix}")
    fails = any(finding.verdict == "fails" for findings in found.values() for finding in findings)
    if fails or server.catalog.faults:
        raise typer.Exit(1)
