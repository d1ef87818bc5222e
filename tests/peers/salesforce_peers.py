"""The Salesforce clients: how each of them is run, and what must come of each of its ways."""

import datetime
import json

from peers import PROGRAMS, ClientFailed, Reading, json_lines, run, save
from salesforce_simulator import CREDENTIALS, Simulator

REFUSALS = ["INVALID_FIELD", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "NOT_FOUND"]


def same(wanted, got) -> bool:
    """As JSON, so that 1, 1.0 and true are three things."""
    return json.dumps(wanted) == json.dumps(got)


def compare_rows(way: str, wanted: dict, rows, altered=lambda value, name: value) -> Reading:
    """Every row must be wanted, and equal in all fields that it has; all wanted rows must be there."""
    differences, equal, seen = [], 0, set()
    for row in rows:
        seen.add(row["Id"])
        truth = wanted.get(row["Id"])
        if truth is None:
            differences.append(f"{row['Id']} should not be there")
            continue
        wrong = [name for name in row if name not in truth or not same(altered(truth[name], name), row[name])]
        equal += not wrong
        differences += [f"{row['Id']} {name}: expected {truth.get(name)!r}, got {row[name]!r}" for name in wrong]
    differences += [f"{missing} is missing" for missing in wanted.keys() - seen]
    return Reading(way, len(wanted), len(rows), equal, differences)


def compare_list(way: str, wanted, got) -> Reading:
    wanted, got = list(wanted), list(got)
    differences = [f"{one!r} is in one but not in the other" for one in {*map(str, wanted)} ^ {*map(str, got)}]
    return Reading(way, len(wanted), len(got), len({*map(str, wanted)} & {*map(str, got)}), differences)


class Expected:
    """What the simulator says after a client has finished."""

    def __init__(self, simulator: Simulator):
        self.tables = {name: simulator.truth(name) for name in ("Account", "Contact", "Lead", "Task")}
        self.user = simulator.user()

    def alive(self, name: str) -> dict:
        return {key: row for key, row in self.tables[name].items() if not row["IsDeleted"]}

    def changed(self, since: float, deleted: bool) -> list:
        """Tasks that changed in or after the minute of `since`, and are deleted or not."""
        start = datetime.datetime.fromtimestamp(since - since % 60, datetime.timezone.utc)
        stamps = {key: datetime.datetime.strptime(row["SystemModstamp"], "%Y-%m-%dT%H:%M:%S.%f%z")
                  for key, row in self.tables["Task"].items() if row["IsDeleted"] == deleted}
        return [key for key, stamp in stamps.items() if stamp >= start]

    def of_way(self, told: dict) -> Reading:
        way, rows = told["way"], told["rows"]
        if way == "login":
            return compare_list(way, [self.user], rows)
        if way == "refusals":
            return compare_list(way, REFUSALS, rows)
        if way == "all objects":
            return compare_list(way, OBJECTS, rows)
        if way.startswith("describe of "):
            return self.described(way, rows)
        if way.startswith("query of "):
            return compare_rows(way, self.alive(way.split()[2]), rows)
        if way == "queryAll of Task":
            return compare_rows(way, self.tables["Task"], rows)
        if way == "updated tasks":
            return compare_list(way, self.changed(told["since"], deleted=False), rows)
        if way == "deleted tasks":
            return compare_list(way, self.changed(told["since"], deleted=True), rows)
        # What a client wrote: each of its records must be so.
        return self.written(way, rows)

    def written(self, way: str, rows) -> Reading:
        """Later ways may have changed a record again; what they changed is not compared."""
        tasks = self.tables["Task"]
        wanted = {row["Id"]: tasks[row["Id"]] for row in rows if row["Id"] in tasks}
        return compare_rows(way, wanted, rows)

    def described(self, way: str, rows) -> Reading:
        """Every field that records have, and no other; text must fit its length."""
        records = list(self.tables[way.split()[2]].values())
        reading = compare_list(way, records[0], [row["field"] for row in rows])
        for row in rows:
            values = [record[row["field"]] for record in records if isinstance(record[row["field"]], str)]
            if row["length"] and any(len(value) > row["length"] for value in values):
                reading.differences.append(f"{row['field']} holds more than {row['length']} characters")
        return reading


OBJECTS = ["Lead", "Contact", "Account", "Task", "User", "Group", "TaskStatus", "TaskPriority", "Opportunity",
           "OpportunityContactRole", "Organization"]


class Library:
    """A library, driven by a program of ours that tells what it was given."""

    def read(self, simulator: Simulator, interpreter, folder):
        output = run([interpreter, PROGRAMS / self.program, simulator.base_url], folder, "ways.jsonl")
        expected, refused = Expected(simulator), 0
        for told in json_lines(output):
            refused += told.get("refused", 0)
            yield expected.of_way(told)
        rejected = sum(simulator.stats()["rejected"].values())
        yield compare_list("calls refused", [refused], [rejected])


class JsForce(Library):
    name, version, program = "jsforce", "3.10.16", "jsforce_ways.js"


class SimpleSalesforce(Library):
    name, version, program = "simple-salesforce", "1.12.10", "simple_salesforce_ways.py"


class TapSalesforce:
    """Stitch's tap: discovery, then a sync of each stream over REST, with all fields selected."""

    name, version = "tap-salesforce", "2.8.1"

    @staticmethod
    def altered(value, name):
        """The tap writes times and dates in a form of its own."""
        if isinstance(value, str) and name.endswith(("Date", "DateTime", "Modstamp")):
            form = "%Y-%m-%dT%H:%M:%S.%f%z" if "T" in value else "%Y-%m-%d"
            return datetime.datetime.strptime(value, form).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return value

    def read(self, simulator: Simulator, interpreter, folder):
        config = save(folder, "config.json", {
            **CREDENTIALS, "refresh_token": "simulator-refresh-token", "start_date": "2020-01-01T00:00:00Z",
            "api_type": "REST", "is_sandbox": "false", "select_fields_by_default": "true",
        })
        tap = [interpreter, PROGRAMS / "tap_salesforce_at.py", simulator.base_url, "--config", config]
        catalog = json.loads(run([*tap, "--discover"], folder, "discover.json").read_text())
        yield compare_list("discovery", OBJECTS, [stream["tap_stream_id"] for stream in catalog["streams"]])
        wanted = ("Account", "Contact", "Lead", "Task")
        for stream in catalog["streams"]:
            for entry in stream["metadata"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] in wanted
        selected = save(folder, "catalog.json", catalog)
        output = run([*tap, "--properties", selected], folder, "sync.jsonl")
        records = [message for message in json_lines(output) if message["type"] == "RECORD"]
        expected = Expected(simulator)
        for name in wanted:
            rows = [message["record"] for message in records if message["stream"] == name]
            if rows and rows[0].keys() != next(iter(expected.tables[name].values())).keys():
                raise ClientFailed(f"tap-salesforce read other fields of {name} than there are")
            yield compare_rows(f"sync of {name}", expected.tables[name], rows, self.altered)
        rejected = sum(simulator.stats()["rejected"].values())
        yield compare_list("calls refused", [0], [rejected])


ALL = [JsForce(), SimpleSalesforce(), TapSalesforce()]
