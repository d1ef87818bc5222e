"""The clients: how their users run each of them, and what each of them does to values by itself."""

import dataclasses
import datetime
import json
import os
import pathlib
import subprocess
import time

from simulator import DAYS, Simulator, World

PROGRAMS = pathlib.Path(__file__).resolve().parent / "clients"
CREDENTIALS = {"client_id": "simulator", "client_secret": "simulator-secret"}
# A place that is never called: the clients that take a base URL from it are given another one.
MUNCHKIN_ID = "123-ABC-456"
TIME_LIMIT_SECONDS = 900
# Times, whole numbers, fractions and flags look the same to every client; text does not.
TEXT = ("string", "text", "textarea", "email", "phone", "url", "formula")


class ClientFailed(Exception):
    pass


@dataclasses.dataclass
class Reading:
    """What a client got in one way of reading."""

    way: str
    expected: int
    read: int
    equal: int
    differences: list
    calls: int = 0
    rejected: int = 0
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return self.expected == self.read == self.equal and not self.differences and self.rejected == 0


def compare(way: str, world: World, rows, altered) -> Reading:
    """`altered(value, name, type)` is what the client makes of a value. Rows may repeat, but must then be equal."""
    found, differences = {}, []
    for row in rows:
        known = found.setdefault(row["id"], row)
        if known != row:
            differences.append(f"{row['id']} came twice and differently")
    equal = 0
    for person_id, person in world.people.items():
        got = found.get(person_id)
        if got is None:
            differences.append(f"{person_id} was not read")
            continue
        wanted = {name: altered(person[name], name, kind) for name, kind in world.types.items()}
        # As JSON, so that 1, 1.0 and true are three things.
        wrong = [name for name in wanted if name not in got or json.dumps(wanted[name]) != json.dumps(got[name])]
        equal += not wrong
        differences += [f"{person_id} {name}: expected {wanted[name]!r}, got {got.get(name)!r}" for name in wrong]
    differences += [f"{person_id} was read but does not exist" for person_id in found.keys() - world.people.keys()]
    return Reading(way, len(world.people), len(found), equal, differences)


def compare_ids(way: str, wanted: set, got: set) -> Reading:
    differences = [f"{person_id} is in one but not in the other" for person_id in wanted ^ got]
    return Reading(way, len(wanted), len(got), len(wanted & got), differences)


def custom_activities(world: World) -> dict:
    """A custom activity type, and records of it: ten for each of some people, and one for each of some who are gone."""
    now = datetime.datetime.now(datetime.timezone.utc)
    form = "%Y-%m-%dT%H:%M:%SZ"
    people, gone = sorted(world.people)[:60], sorted(world.ever - world.people.keys())[:5]

    def record(person, nth):
        values = {"activityId": f"{person}-{nth}", "minutes": nth, "rate": nth / 8, "answered": nth % 2 == 0,
                  "seller": "seller@example.com", "recording": "https://example.com/r?a=1&b=2", "day": "2026-09-21",
                  "ended": "2026-09-21T13:30:00Z", "notes": f"He said \"yes\",\nnaïvely 🙂 {nth}", "phone": "+1 555 0100"}
        at = now - datetime.timedelta(minutes=5 * nth)
        return {"leadId": person, "activityDate": at.strftime(form), "primaryAttributeValue": f"Call {nth}",
                "attributes": [{"apiName": name, "value": value} for name, value in values.items()]}

    types = {"activityId": "string", "minutes": "integer", "rate": "float", "answered": "boolean", "seller": "email",
             "recording": "link", "day": "date", "ended": "datetime", "notes": "text", "phone": "phone"}
    return {
        "since": (now - datetime.timedelta(hours=2)).strftime(form),
        "type": {"apiName": "peers_Call", "name": "Sales Call", "triggerName": "Receives Sales Call",
                 "filterName": "Received Sales Call", "primaryAttributeApiName": "subject",
                 "primaryAttributeName": "Subject"},
        "attributes": [{"apiName": name, "name": f"The {name}", "dataType": kind} for name, kind in types.items()],
        "records": [record(person, nth) for nth in range(10) for person in people] + [record(one, 0) for one in gone],
    }


def compare_activities(way: str, world: World, work: dict, lines) -> Reading:
    """Everybody who is there has each record once, with the values and types that were sent; who is gone has none."""
    told = {"status": [], "attributes": [], "outcome": [], "found": []}
    for line in lines:
        for what, value in line.items():
            told[what].append(value)
    names = ["subject", *(one["apiName"] for one in work["attributes"])]
    differences = [f"statuses are {told['status']}"] if told["status"] != ["draft", "approved"] else []
    differences += [f"attributes are {told['attributes']}"] if told["attributes"] != [names] else []
    wanted, outcomes = {}, told["outcome"]
    if len(outcomes) != len(work["records"]):
        differences.append(f"{len(work['records'])} records have {len(outcomes)} outcomes")
    for record, outcome in zip(work["records"], outcomes):
        if record["leadId"] in world.people:
            if outcome["status"] != "added":
                differences.append(f"{record['leadId']} was not added: {outcome}")
            wanted[outcome.get("marketoGUID")] = _plain(record)
        elif outcome["status"] != "skipped" or outcome["errors"][0]["code"] != "1004":
            differences.append(f"{record['leadId']} is gone, but: {outcome}")
    equal = 0
    for activity in told["found"]:
        expected = wanted.get(activity["marketoGUID"])
        same = json.dumps(expected) == json.dumps(_plain(activity))
        equal += same
        differences += [] if same else [f"expected {expected}, got {_plain(activity)}"]
    return Reading(way, len(wanted), len(told["found"]), equal, differences)


def _plain(activity: dict) -> dict:
    """What a record and the activity that became of it have in common."""
    values = {one["apiName"]: one["value"] for one in activity["attributes"]}
    return {name: activity[name] for name in ("leadId", "activityDate", "primaryAttributeValue")} | {"values": values}


class Calls:
    """Adds to a reading what it cost since the last one."""

    def __init__(self, simulator: Simulator):
        self.simulator = simulator
        self.before = self._now()

    def _now(self):
        stats = self.simulator.stats()
        return stats["calls"], sum(stats["rejected"].values()), time.monotonic()

    def add(self, reading: Reading) -> Reading:
        now = self._now()
        reading.calls, reading.rejected, reading.seconds = (a - b for a, b in zip(now, self.before))
        self.before = now
        return reading


def run(command, folder: pathlib.Path, output: str) -> pathlib.Path:
    """Runs a client with its output in `output`, and what it said beside it."""
    path = folder / output
    # Whatever a machine has set for proxies must not stand between the client and this machine.
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment = {**kept, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [str(part) for part in command]
    with open(path, "wb") as out, open(path.with_suffix(".log"), "wb") as said:
        try:
            ended = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=said, timeout=TIME_LIMIT_SECONDS).returncode
        except subprocess.TimeoutExpired:
            ended = f"no end after {TIME_LIMIT_SECONDS} seconds"
    if ended != 0:
        tail = path.with_suffix(".log").read_text(errors="replace")[-2000:] or path.read_text(errors="replace")[-2000:]
        raise ClientFailed(f"{' '.join(command)}: {ended}\n{tail}")
    return path


def json_lines(path: pathlib.Path):
    with open(path, encoding="utf-8", newline="\n") as lines:
        for line in lines:
            yield json.loads(line)


def save(folder: pathlib.Path, name: str, content) -> pathlib.Path:
    path = folder / name
    path.write_text(json.dumps(content))
    return path


def before_anybody() -> str:
    start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=DAYS + 1)
    return start.strftime("%Y-%m-%dT%H:%M:%SZ")


class TapMarketo:
    """Stitch's tap: discovery, then a sync of the people and of the New Lead activities, by bulk extract."""

    name, version = "tap-marketo", "2.9.4"

    @staticmethod
    def altered(value, name, kind):
        if value in (None, "", "null"):
            return None
        if kind == "datetime":
            return value.replace("Z", "+00:00")
        if kind == "date":
            return value + "T00:00:00+00:00"
        if kind in TEXT:
            return value.replace("\r\n", "\n").replace("\r", "\n")
        return value

    def read(self, simulator: Simulator, world: World, python, folder):
        config = save(folder, "config.json", {
            **CREDENTIALS, "endpoint": f"https://{MUNCHKIN_ID}.mktorest.com/rest", "start_date": before_anybody(),
            "poll_interval": 1,
        })
        tap = [python, PROGRAMS / "tap_marketo_at.py", simulator.base_url, "--config", config]
        calls = Calls(simulator)
        catalog = json.loads(run([*tap, "--discover"], folder, "discover.json").read_text())
        people = self.sync(tap, catalog, "leads", folder)
        yield calls.add(compare("bulk extract by update time", world, people, self.altered))
        births = self.sync(tap, catalog, "activities_new_lead", folder)
        born = {row["leadId"] for row in births}
        yield calls.add(compare_ids("New Lead activities in bulk", world.ever, born))

    @staticmethod
    def sync(tap, catalog, wanted: str, folder) -> list:
        """The records of one stream, with all its fields selected."""
        for stream in catalog["streams"]:
            for entry in stream["metadata"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] == wanted
        selected = save(folder, f"{wanted}.catalog.json", catalog)
        output = run([*tap, "--properties", selected], folder, f"{wanted}.jsonl")
        messages = [message for message in json_lines(output) if message["type"] == "RECORD"]
        if {message["stream"] for message in messages} != {wanted}:
            raise ClientFailed(f"tap-marketo wrote something else than {wanted}, or nothing: see {output}")
        return [message["record"] for message in messages]


class AirbyteMarketo:
    """Airbyte's connector as it is, without a program of ours around it: check, discover, read."""

    name, version = "airbyte-source-marketo", "2.1.3"

    @staticmethod
    def altered(value, name, kind):
        if value in (None, "", "null"):
            return None
        if kind in TEXT:
            return value.replace("\r\n", "").replace("\n", "")
        # A number, but the connector's own schema says text.
        return str(value) if name == "leadPartitionId" else value

    def read(self, simulator: Simulator, world: World, python, folder):
        calls = Calls(simulator)
        config = save(folder, "config.json", {
            **CREDENTIALS, "domain_url": simulator.base_url, "start_date": before_anybody(),
        })
        source = python.parent / "source-marketo"
        checked = run([source, "check", "--config", config], folder, "check.jsonl")
        status = [m["connectionStatus"] for m in json_lines(checked) if m["type"] == "CONNECTION_STATUS"]
        if [one["status"] for one in status] != ["SUCCEEDED"]:
            raise ClientFailed(f"{self.name} check: {status}")
        discovered = run([source, "discover", "--config", config], folder, "discover.jsonl")
        streams = [s for m in json_lines(discovered) if m["type"] == "CATALOG" for s in m["catalog"]["streams"]]
        leads = [{"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}
                 for stream in streams if stream["name"] == "leads"]
        catalog = save(folder, "catalog.json", {"streams": leads})
        output = run([source, "read", "--config", config, "--catalog", catalog], folder, "output.jsonl")
        rows = [m["record"]["data"] for m in json_lines(output) if m["type"] == "RECORD"]
        yield calls.add(compare("bulk extract by update time", world, rows, self.altered))


class MarketoRestPython:
    """The library: people of a list, people by id, an export of the list, and New Lead activities over REST; custom activities, from the
    making of their type to reading them back."""

    name, version = "marketorestpython", "0.5.25"

    def read(self, simulator: Simulator, world: World, python, folder):
        ways = (
            ("list", "people of a static list", self.as_it_is),
            ("ids", "people by id", self.as_it_is),
            ("export", "bulk extract of a static list", self.written_in_export),
        )
        program = [python, PROGRAMS / "marketorestpython_people.py", simulator.base_url]
        for way, title, altered in ways:
            calls = Calls(simulator)
            output = run([*program, way, max(world.ever)], folder, f"{way}.jsonl")
            yield calls.add(compare(title, world, json_lines(output), altered))
        calls = Calls(simulator)
        output = run([*program, "births", max(world.ever)], folder, "births.jsonl")
        born = {row["leadId"] for row in json_lines(output)}
        yield calls.add(compare_ids("New Lead activities over REST", world.ever, born))
        calls = Calls(simulator)
        work = custom_activities(world)
        program = [python, PROGRAMS / "marketorestpython_activities.py", simulator.base_url]
        output = run([*program, save(folder, "activities.json", work)], folder, "activities.jsonl")
        yield calls.add(compare_activities("custom activities, added and read", world, work, json_lines(output)))

    @staticmethod
    def as_it_is(value, name, kind):
        return value

    @staticmethod
    def written_in_export(value, name, kind):
        """The library hands out the file as it is: everything is text, and what is empty is `null`."""
        if name == "id":
            return value  # our program makes it a number again
        if value is None:
            return "null"
        if isinstance(value, bool):
            return "true" if value else "false"
        # JSON has 5.0 where the file has 5.
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


ALL = [TapMarketo(), AirbyteMarketo(), MarketoRestPython()]
