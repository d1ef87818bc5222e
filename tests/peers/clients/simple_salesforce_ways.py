"""simple-salesforce as its users call it: `simple_salesforce_ways.py BASE_URL`. Prints one JSON line for each way.

The library writes `https://` into every address, so the session's adapter puts the base URL there. Everything else is
the library's.
"""

import datetime
import json
import sys
import urllib.parse

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce, exceptions

KEY = "Sales_Activity_Key__c"
base = urllib.parse.urlsplit(sys.argv[1])


class ToBase(HTTPAdapter):
    def send(self, request, **options):
        request.url = urllib.parse.urlsplit(request.url)._replace(scheme=base.scheme, netloc=base.netloc).geturl()
        return super().send(request, **options)


def tell(way, rows, **extra):
    print(json.dumps({"way": way, "rows": rows, **extra}))


def plain(record):
    return {name: value for name, value in record.items() if name != "attributes"}


def write(salesforce):
    people = [row["Id"] for row in salesforce.query("SELECT Id FROM Lead WHERE IsConverted = false LIMIT 30")["records"]]
    rows = []
    for number, person in enumerate(people):
        task = {"Subject": f"Call {number} 'ü' \\", "WhoId": person, "Type": "Call"}
        made = salesforce.Task.create(task)
        assert made["success"], made
        rows.append({"Id": made["id"], **task})
    tell("create", rows)
    for row in rows:
        row["Status"] = "Completed"
        assert salesforce.Task.update(row["Id"], {"Status": "Completed"}) == 204
        assert salesforce.Task.get(row["Id"])["Subject"] == row["Subject"]
    tell("update and get", rows)
    keyed = []
    for number in range(10):
        path = f"{KEY}/{urllib.parse.quote(f'simple-{number}/x', safe='')}"
        for status, subject in ((201, "first"), (200, "second")):
            assert salesforce.Task.upsert(path, {"Subject": subject}) == status, path
        made = salesforce.Task.get_by_custom_id(KEY, f"simple-{number}/x")
        keyed.append({"Id": made["Id"], KEY: f"simple-{number}/x", "Subject": "second"})
    tell("upsert", keyed)
    for row in rows[:5]:
        assert salesforce.Task.delete(row["Id"]) == 204
    tell("delete", [{"Id": row["Id"], "IsDeleted": True} for row in rows[:5]])


def read(salesforce):
    for name in ("Contact", "Lead"):
        described = getattr(salesforce, name).describe()["fields"]
        tell(f"describe of {name}", [{"field": f["name"], "type": f["type"], "length": f["length"]} for f in described])
        fields = ",".join(field["name"] for field in described)
        found = salesforce.query_all_iter(f"SELECT {fields} FROM {name}")
        tell(f"query of {name} with pages", [plain(record) for record in found])
    every = salesforce.query_all("SELECT Id, Subject, IsDeleted, WhoId FROM Task", include_deleted=True)
    tell("queryAll of Task", [plain(record) for record in every["records"]])
    now = datetime.datetime.now(datetime.timezone.utc)
    span = now - datetime.timedelta(hours=5), now + datetime.timedelta(minutes=2)
    since = span[0].timestamp()
    tell("updated tasks", salesforce.Task.updated(*span)["ids"], since=since)
    deleted = salesforce.Task.deleted(*span)["deletedRecords"]
    tell("deleted tasks", [record["id"] for record in deleted], since=since)
    tell("all objects", [one["name"] for one in salesforce.describe()["sobjects"]])


def refusals(salesforce):
    seen = []
    for act, wanted in (
        (lambda: salesforce.query("SELECT Nope FROM Lead"), exceptions.SalesforceMalformedRequest),
        (lambda: salesforce.Task.create({"Type": "Nope"}), exceptions.SalesforceMalformedRequest),
        (lambda: salesforce.Task.get("00T000000000009"), exceptions.SalesforceResourceNotFound),
    ):
        try:
            act()
        except wanted as refused:
            seen.append(refused.content[0]["errorCode"])
    tell("refusals", seen, refused=3)


session = requests.Session()
session.trust_env = False
session.mount("https://", ToBase())
client = Salesforce(consumer_key="simulator", consumer_secret="simulator-secret", domain="anything.my", session=session)
identity = session.get(f"https://{client.sf_instance}/services/oauth2/userinfo",
                       headers={"Authorization": f"Bearer {client.session_id}"}).json()
tell("login", [identity["user_id"]])
write(client)
read(client)
refusals(client)
