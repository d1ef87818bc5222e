"""Keeps a copy of people with marketorestpython: `marketorestpython_sync.py BASE_URL full|changes SINCE FIELD…`.

`full` exports everybody created since SINCE; `changes` reads whose fields changed or who is new since then, who was deleted,
and everybody named in full. Prints one JSON object per person. The library derives its host from the munchkin id; this
attribute is replaced.
"""

import csv
import datetime
import io
import json
import sys
import time

from marketorestpython.client import MarketoClient

base_url, way, since, *fields = sys.argv[1:]
client = MarketoClient("123-ABC-456", "simulator", "simulator-secret")
client.host = base_url


def export():
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    job = client.execute(method="create_leads_export_job", fields=fields,
                         filters={"createdAt": {"startAt": since, "endAt": now}})
    job_id = job[0]["exportId"]
    client.execute(method="enqueue_leads_export_job", job_id=job_id)
    while True:
        status = client.execute(method="get_leads_export_job_status", job_id=job_id)[0]["status"]
        if status == "Completed":
            break
        if status not in ("Queued", "Processing"):
            sys.exit(f"the export is {status}")
        time.sleep(0.2)
    text = client.execute(method="get_leads_export_job_file", job_id=job_id).replace(b"\0", b"").decode("utf-8")
    yield from csv.DictReader(io.StringIO(text, newline=""))


def changed():
    ids = set()
    for page in client.execute(method="get_lead_changes_yield", fields=fields, sinceDatetime=since):
        ids.update(activity["leadId"] for activity in page)
    gone = {activity["leadId"] for activity in client.execute(method="get_deleted_leads", sinceDatetime=since)}
    ids = sorted(ids - gone)
    for start in range(0, len(ids), 300):
        named = [str(one) for one in ids[start:start + 300]]
        yield from client.execute(method="get_multiple_leads_by_filter_type", filterType="id", filterValues=named,
                                  fields=",".join(fields))


for person in {"full": export, "changes": changed}[way]():
    print(json.dumps(person))
