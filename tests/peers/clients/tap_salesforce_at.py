"""tap-salesforce at another login host: `tap_salesforce_at.py BASE_URL [the tap's own arguments]`.

The tap has no setting for the login host, so the one function that makes requests is given another address for it.
Everything after the login goes to the instance that the token names.
"""

import sys

import tap_salesforce
from tap_salesforce.salesforce import Salesforce

base_url = sys.argv.pop(1)
make_request = Salesforce._make_request


def elsewhere(self, http_method, url, *arguments, **named):
    return make_request(self, http_method, url.replace("https://login.salesforce.com", base_url), *arguments, **named)


Salesforce._make_request = elsewhere
tap_salesforce.main()
