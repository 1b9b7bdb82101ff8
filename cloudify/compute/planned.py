"""What a job is planned to do, as it is kept with it."""

import json
from dataclasses import dataclass, replace

from cloudify.compute.plan import AnyPlan, DataPlan, Plan, plan_from_json


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and the version of the dataset that it is of."""

    plan: AnyPlan
    dataset: str = ""
    """Id, ``""`` of a job over data."""
    token: str = ""
    """Version token that the dataset had."""

    def grown(self, total: int) -> "Planned":
        """Return it for as many data as there are by now, of a job that is open."""
        return replace(self, plan=DataPlan(total)) if isinstance(self.plan, DataPlan) else self

    @property
    def cells(self) -> Plan:
        """Its grid.

        Raises
        ------
        TypeError
            If it is of data.
        """
        if isinstance(self.plan, DataPlan):
            raise TypeError("a plan of data has no cells")
        return self.plan

    def to_json(self) -> str:
        """Write it for the store and for workers."""
        return json.dumps({"plan": self.plan.to_json(), "dataset": self.dataset, "token": self.token})

    @classmethod
    def from_json(cls, text: str) -> "Planned":
        """Read what `to_json` wrote."""
        given = json.loads(text)
        return cls(plan_from_json(given["plan"]), given["dataset"], given["token"])
