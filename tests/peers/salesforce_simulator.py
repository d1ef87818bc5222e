"""The Salesforce simulator as a process, and what it itself knows of its records. Knows no client."""

import json

import simulator

POPULATION = {"users": 5, "accounts": 40, "contacts": 4_500, "leads": 700, "tasks": 500, "seed": 7}
CREDENTIALS = {"client_id": "simulator", "client_secret": "simulator-secret"}


class Simulator(simulator.Simulator):
    """Runs while the `with` block does."""

    def _options(self) -> list:
        return [part for name, count in POPULATION.items() for part in (f"--{name}", str(count))]

    def make_history(self) -> None:
        """Leads are converted, contacts merged, tasks deleted; the statistics begin after that."""
        leads, contacts = sorted(self.truth("Lead")), sorted(self.truth("Contact"))
        for lead in leads[:10]:
            self._ask("/_sim/convert", {"leadId": lead})
        for winner, loser in zip(contacts[:10], contacts[10:20]):
            self._ask("/_sim/merge", {"winner": winner, "loser": loser})
        for task in sorted(self.truth("Task"))[:20]:
            self._ask("/_sim/delete", {"id": task})
        self._ask("/_sim/reset-stats", {})

    def truth(self, name: str) -> dict:
        """All records of an object by id, deleted ones included."""
        lines = self._ask(f"/_sim/records/{name}").splitlines()
        return {record["Id"]: record for record in map(json.loads, filter(None, lines))}

    def user(self) -> str:
        return json.loads(self._ask("/_sim/health"))["user"]
