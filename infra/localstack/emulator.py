"""Runs ministack, put right where it differs from AWS in what template.yaml needs.

    emulator.py [--until-input-ends]

With `--until-input-ends` it lives for as long as somebody holds the other end of standard input. `cargo actions deploy-local` starts it
so, as the leader of a process group, and holds that end: whatever way the command ends, the end of input is read here, and the whole
group dies, the function processes included.

What is put right, all of it for the version that requirements/deploy-local.txt pins:

- With `AUTH=true` ministack refuses what a function's role does not allow, but asks for an action of the operation's name. AWS has no
  such action for batches of messages and for statements, so policies do not name it.
- `Ref` of a secret gives its name; on AWS its ARN, which policies name.
- An alarm over an expression is refused. It is made here over the expression's first metric: alarms are kept and not judged anyway.
"""

import json
import os
import re
import signal
import sys
import threading

from ministack.app import main
from ministack.core import iam_actions
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS as HANDLERS

BATCHES = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}
STATEMENTS = {"dynamodb:ExecuteStatement", "dynamodb:BatchExecuteStatement"}
STATEMENT = re.compile(r'\s*(INSERT\s+INTO|UPDATE|DELETE\s+FROM|SELECT\b.*?\bFROM)\s+"?([\w.-]+)', re.IGNORECASE | re.DOTALL)


def name_actions_as_aws_does() -> None:
    action_of, checks_of = iam_actions.extract_iam_action, iam_actions.dynamodb_transaction_checks

    def action(*args, **kwargs):
        found = action_of(*args, **kwargs)
        return BATCHES.get(found, found)

    def checks(iam_action, body, region, account_id):
        if iam_action not in STATEMENTS:
            return checks_of(iam_action, body, region, account_id)
        request, found = json.loads(body), set()
        for statement in request.get("Statements") or [request]:
            match = STATEMENT.match(statement["Statement"])
            # What cannot be read is asked for under a name that no policy has.
            kind, table = (match[1].split()[0].capitalize(), match[2]) if match else ("Unknown", "*")
            found.add((f"dynamodb:PartiQL{kind}", f"arn:aws:dynamodb:{region}:{account_id}:table/{table}"))
        return sorted(found)

    iam_actions.extract_iam_action, iam_actions.dynamodb_transaction_checks = action, checks


def refer_to_secrets_by_arn() -> None:
    secrets = HANDLERS["AWS::SecretsManager::Secret"]
    create_by_name, update_by_name, delete_by_name = secrets["create"], secrets["update"], secrets["delete"]

    def name_of(arn):
        # An ARN ends with the name, a hyphen and six characters.
        return arn.rsplit(":", 1)[-1][:-7]

    def by_arn(outcome):
        return outcome[1]["Arn"], outcome[1]

    def create(logical_id, props, stack_name):
        return by_arn(create_by_name(logical_id, props, stack_name))

    def update(arn, old_props, new_props, stack_name, logical_id=None):
        return by_arn(update_by_name(name_of(arn), old_props, new_props, stack_name, logical_id))

    def delete(arn, props):
        delete_by_name(name_of(arn), props)

    secrets.update(create=create, update=update, delete=delete)


def take_alarms_over_expressions() -> None:
    alarms = HANDLERS["AWS::CloudWatch::Alarm"]
    create_plain, update_plain = alarms["create"], alarms["update"]

    def plain(props):
        measured = next((metric["MetricStat"] for metric in props.get("Metrics", []) if "MetricStat" in metric), None)
        if measured is None:
            return props
        rest = {name: value for name, value in props.items() if name != "Metrics"}
        return {**rest, **measured["Metric"], "Period": measured["Period"], "Statistic": measured["Stat"]}

    def create(logical_id, props, stack_name):
        return create_plain(logical_id, plain(props), stack_name)

    def update(physical_id, old_props, new_props, *rest):
        return update_plain(physical_id, plain(old_props), plain(new_props), *rest)

    alarms.update(create=create, update=update)


def end_with_the_holder() -> None:
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


name_actions_as_aws_does()
refer_to_secrets_by_arn()
take_alarms_over_expressions()
if "--until-input-ends" in sys.argv:
    sys.argv.remove("--until-input-ends")
    threading.Thread(target=end_with_the_holder, daemon=True).start()
main()
