"""The simulator as a process, and what it itself knows of its people. Knows no client."""

import dataclasses
import json
import pathlib
import queue
import subprocess
import threading
import urllib.parse
import urllib.request

PEOPLE = 4_000
DAYS = 40
# One with which a value of the export holds a NUL byte.
SEED = 2
FIRST_ID = 1_000_001
CHANGES = {"changed": 200, "created": 60, "deleted": 30, "merged": 20, "ownersLost": 15, "ownersGained": 15,
           "opportunities": 10, "partitions": 10}

# REST names of what the simulator's expected table holds.
TRUTH = {"firstName": "firstName", "lastName": "lastName", "email": "email", "phone": "phone", "company": "company",
         "title": "title", "source": "leadSource", "linkedInUrl": "linkedInProfileURL", "sfdcLeadId": "sfdcLeadId",
         "sfdcContactId": "sfdcContactId", "sfdcAccountId": "sfdcAccountId"}

# Never through a proxy: everything is on this machine.
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


@dataclasses.dataclass
class World:
    """Everybody, as a plain read gives them: REST field name to value, and the type of each field."""

    people: dict
    types: dict
    # Everybody who ever came into being, also those who are gone.
    ever: set


def _same(expected, value, name: str) -> bool:
    """The expected table has all Salesforce ids in their long form, of which the short one is the beginning."""
    if expected and value and name.startswith("sfdc"):
        return expected[:15] == value[:15]
    return expected == (value or None)


class Simulator:
    """Runs while the `with` block does."""

    def __init__(self, program: pathlib.Path, log: pathlib.Path):
        self.program, self.log = program, log

    def _options(self) -> list:
        return ["--people", str(PEOPLE), "--days", str(DAYS), "--seed", str(SEED)]

    def __enter__(self):
        command = [str(self.program), "--port", "0", *self._options()]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                            text=True)
        try:
            self.base_url = self._announced()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def _announced(self) -> str:
        lines = queue.Queue()
        reader = threading.Thread(target=lambda: [lines.put(line) for line in self.process.stdout], daemon=True)
        reader.start()
        line = lines.get(timeout=60)
        prefix = "listening on "
        assert line.startswith(prefix), line
        return line[len(prefix):].strip()

    def _ask(self, path: str, body=None, headers=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base_url + path, data, headers or {})
        with _open(request, timeout=60) as answer:
            return answer.read()

    def stats(self) -> dict:
        return json.loads(self._ask("/_sim/stats"))

    def make_history(self) -> World:
        """Lets things happen to people, then reads everybody plainly, and makes sure that this read is the truth."""
        done = json.loads(self._ask("/_sim/change", CHANGES))
        gone = set(done["deleted"]) | {loser for _, loser in done["merged"]}
        ever = set(range(FIRST_ID, FIRST_ID + PEOPLE)) | set(done["created"])
        assert gone and done["created"] and not done["pending"], done
        people, types = self._read_everybody(max(ever))
        assert set(people) == ever - gone, "a plain read finds others than there should be"
        self._check_against_truth(people)
        self._ask("/_sim/reset-stats", {})
        return World(people, types, ever)

    def _read_everybody(self, last_id: int):
        credentials = {"grant_type": "client_credentials", "client_id": "simulator",
                       "client_secret": "simulator-secret"}
        token = json.loads(self._ask("/identity/oauth/token?" + urllib.parse.urlencode(credentials)))["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}

        def read(path, **parameters):
            answer = json.loads(self._ask(f"{path}?{urllib.parse.urlencode(parameters)}", headers=bearer))
            assert answer["success"], answer
            return answer["result"]

        described = [field for field in read("/rest/v1/leads/describe.json") if "rest" in field]
        types = {field["rest"]["name"]: field["dataType"] for field in described}
        people = {}
        for start in range(FIRST_ID, last_id + 1, 300):
            ids = ",".join(str(one) for one in range(start, start + 300))
            rows = read("/rest/v1/leads.json", filterType="id", filterValues=ids, fields=",".join(types))
            people.update((row["id"], row) for row in rows)
        return people, types

    def _check_against_truth(self, people) -> None:
        active = 0
        for line in self._ask("/_sim/truth").splitlines():
            row = json.loads(line)
            if row["status"] == "active":
                active += 1
                person = people[row["marketoId"]]
                assert all(_same(row[ours], person[rest], rest) for ours, rest in TRUTH.items()), (row, person)
            elif row["status"] in ("deleted", "merged"):
                assert row["marketoId"] not in people, row
        assert active > PEOPLE // 2, active
