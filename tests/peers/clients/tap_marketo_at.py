"""tap-marketo at another base URL: `tap_marketo_at.py BASE_URL [the tap's own arguments]`.

The tap makes its URLs from the munchkin id alone and has no setting for it, so the one function that does this is
replaced. Everything else is the tap's.
"""

import sys

import tap_marketo
from tap_marketo.client import Client

base_url = sys.argv.pop(1)
Client.get_url = lambda self, path: f"{base_url}/{path}"
tap_marketo.main()
