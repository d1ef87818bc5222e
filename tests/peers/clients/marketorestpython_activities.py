"""Logs custom activities with marketorestpython: `marketorestpython_activities.py BASE_URL WORK`.

WORK is a JSON file with the `type` to make and approve, its `attributes`, and the `records` to add without their type. Prints one JSON
object per line: `outcome`s in the order of the records, then `found` activities as they are read back. The library derives its host from
the munchkin id; this attribute is replaced.
"""

import json
import sys

from marketorestpython.client import MarketoClient

RECORDS_PER_CALL = 300
PEOPLE_PER_CALL = 30

base_url, work = sys.argv[1], json.load(open(sys.argv[2]))
client = MarketoClient("123-ABC-456", "simulator", "simulator-secret")
client.host = base_url
name = work["type"]["apiName"]


def tell(what, value):
    print(json.dumps({what: value}))


def status():
    [known] = [one for one in client.execute(method="get_custom_activity_types") if one["apiName"] == name]
    return known["status"]


client.execute(method="create_custom_activity_type", **work["type"])
client.execute(method="create_custom_activity_type_attribute", apiName=name, attributes=work["attributes"])
tell("status", status())
[draft] = client.execute(method="describe_custom_activity_type", apiName=name, draft=True)
tell("attributes", [draft["primaryAttribute"]["apiName"], *(one["apiName"] for one in draft["attributes"])])
client.execute(method="approve_custom_activity_type", apiName=name)
tell("status", status())
[approved] = client.execute(method="describe_custom_activity_type", apiName=name)
records = [{**record, "activityTypeId": approved["id"]} for record in work["records"]]
for start in range(0, len(records), RECORDS_PER_CALL):
    for outcome in client.execute(method="add_custom_activities", input=records[start:start + RECORDS_PER_CALL]):
        tell("outcome", outcome)
people = sorted({record["leadId"] for record in records})
for start in range(0, len(people), PEOPLE_PER_CALL):
    some = ",".join(str(person) for person in people[start:start + PEOPLE_PER_CALL])
    for activity in client.execute(method="get_lead_activities", activityTypeIds=[str(approved["id"])],
                                   sinceDatetime=work["since"], leadIds=some, batchSize=300):
        tell("found", activity)
