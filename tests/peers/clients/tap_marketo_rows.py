"""Takes an export file that lies on this disk through tap-marketo's own code: `tap_marketo_rows.py FILE PASSES`.

What `sync_leads` of the tap does with each row of a download is done here with the tap's own functions; only the download
is a local file. Records go to standard output. The CPU seconds of the passes alone, without start and imports, are the
last line of standard error, as JSON. What the tap does with `updatedAt`, which it always adds to an export, is done where
the file has it.
"""

import json
import sys
import time

import pendulum
import singer
from singer import utils
from tap_marketo.discover import get_schema_for_type
from tap_marketo.sync import format_values, get_available_fields, stream_rows

DATES = ("createdAt", "updatedAt")


class LocalFile:
    """In the place of the tap's client and of the answer that it streams."""

    def __init__(self, path):
        self.path = path

    def stream_export(self, _stream_type, _export_id, start_byte=0):
        return self

    def iter_content(self, chunk_size, decode_unicode):
        with open(self.path, "rb") as file:
            while chunk := file.read(chunk_size):
                yield chunk

    def close(self):
        pass


def stream_of(names):
    """The catalog entry that discovery makes of these fields, all of them selected."""
    metadata, properties = {}, {}
    for name in names:
        kind = "integer" if name == "id" else "datetime" if name in DATES else "string"
        properties[name], metadata = get_schema_for_type(kind, ("properties", name), metadata, null=name != "id")
    entries = [{"breadcrumb": list(where), "metadata": {**what, "selected": True}} for where, what in metadata.items()]
    return {"tap_stream_id": "leads", "schema": {"properties": properties}, "metadata": entries}


def one_pass(client, stream) -> int:
    available = get_available_fields(stream)
    people = 0
    for row in stream_rows(client, "leads", "local"):
        extracted = utils.now()
        record = format_values(stream, row, available)
        if "updatedAt" in record:
            pendulum.parse(record["updatedAt"])
        singer.write_record("leads", record, time_extracted=extracted)
        people += 1
    return people


path, passes = sys.argv[1], int(sys.argv[2])
with open(path, encoding="utf-8") as file:
    stream = stream_of(file.readline().strip().split(","))
client = LocalFile(path)
before = time.process_time()
people = sum(one_pass(client, stream) for _ in range(passes))
spent = time.process_time() - before
print(json.dumps({"people": people, "cpuSeconds": spent}), file=sys.stderr)
