//! Each rule is broken once, in a copy of the text, and must then be the one that finds it.

use std::collections::BTreeSet;

use system_tests::template::Template;

use super::{RULES, code, findings};

/// A rule, a text that stands in the template, and what is put in its first place.
const BROKEN: &[(&str, &str, &str)] = &[
    ("function-for-each-folder", "CodeUri: functions/incremental-pull", "CodeUri: functions/decremental-pull"),
    ("function-for-each-folder", "{ BuildMethod: rust-cargolambda }", "{ BuildMethod: makefile }"),
    ("environment-as-read", "        LOG_LEVEL: !Ref LogLevel\n", ""),
    ("environment-as-read", "        LOG_LEVEL: !Ref", "        LOG_LEVELS: !Ref"),
    ("environment-as-read", "PEOPLE_READS_QUEUE_URL", "PEOPLE_READS_QUEUE"),
    ("logs-kept-for-a-time", "      RetentionInDays: !Ref LogRetentionDays\n", ""),
    ("logs-kept-for-a-time", "      LoggingConfig: { LogGroup: !Ref IncrementalPullLogs }\n", ""),
    (
        "schedules-do-not-pile-up",
        "RetryPolicy: { MaximumRetryAttempts: 0,",
        "RetryPolicy: { MaximumRetryAttempts: 185,",
    ),
    (
        "schedules-do-not-pile-up",
        "      MaximumRetryAttempts: 0\n      MaximumEventAgeInSeconds: 60\n",
        "      MaximumRetryAttempts: 0\n",
    ),
    ("partial-batches", "            FunctionResponseTypes: [ReportBatchItemFailures]\n", ""),
    ("partial-batches", "            ScalingConfig: { MaximumConcurrency: 2 }\n", ""),
    ("dead-letters", "        deadLetterTargetArn: !GetAtt PeopleReadsDeadLetters.Arn\n", ""),
    ("dead-letters", "maxReceiveCount: 8", "maxReceiveCount: 4"),
    ("dead-letters", "MessageRetentionPeriod: 1209600", "MessageRetentionPeriod: 604800"),
    ("visibility", "VisibilityTimeout: 360", "VisibilityTimeout: 359"),
    ("visibility", "      Timeout: 60\n", "      Timeout: 61\n"),
    ("names-begin-with-the-stack", "TableName: !Sub ${AWS::StackName}-people", "TableName: people"),
    ("tables-are-kept-safe", "{ PointInTimeRecoveryEnabled: true }", "{ PointInTimeRecoveryEnabled: false }"),
    ("tables-are-kept-safe", "SSESpecification: { SSEEnabled: true }", "SSESpecification: { SSEEnabled: false }"),
    ("tables-are-kept-safe", "    DeletionPolicy: Retain\n", ""),
    ("tables-are-kept-safe", "IndexName: by-email", "IndexName: by-mail"),
    ("tables-are-kept-safe", "AttributeName: id, AttributeType: N", "AttributeName: id, AttributeType: S"),
    ("no-plain-secret", "\"clientSecret\":\"\"", "\"clientSecret\":\"s3cret\""),
    ("no-plain-secret", "        LOG_LEVEL: !Ref LogLevel\n", "        MARKETO_CLIENT_SECRET: hidden\n"),
    ("role-for-each-function", "Role: !GetAtt IncrementalPullRole.Arn", "Role: !GetAtt InitialSyncWorkerRole.Arn"),
    ("role-for-each-function", "      Role: !GetAtt IncrementalPullRole.Arn\n", ""),
    ("wildcards-have-reasons", "                Resource: !Ref MarketoSecret", "                Resource: \"*\""),
    ("wildcards-have-reasons", "Action: sqs:SendMessage", "Action: sqs:*"),
    (
        "wildcards-have-reasons",
        "                  # X-Ray knows no resources; AWS allows these actions on all or on none.\n",
        "",
    ),
    ("alarms-of-functions", "MetricName: Throttles", "MetricName: Invocations"),
    ("alarms-of-functions", "MetricName: AsyncEventsDropped", "MetricName: Invocations"),
    ("alarms-of-functions", "Threshold: 54000", "Threshold: 60000"),
    ("alarms-of-queues", "MetricName: ApproximateAgeOfOldestMessage", "MetricName: NumberOfMessagesSent"),
    (
        "alarms-of-queues",
        "Value: !GetAtt PeopleReadsDeadLetters.QueueName",
        "Value: !GetAtt PeopleReadsQueue.QueueName",
    ),
    ("alarms-reach-somebody", "      AlarmActions: [!Ref AlarmTopic]\n", ""),
    ("metrics-exist", "MetricName: PullCursorLagSeconds", "MetricName: PullLag"),
    ("metrics-exist", "\"PeopleStale\"", "\"PeopleStaler\""),
];

#[test]
fn each_rule_finds_what_breaks_it() {
    let (template, code) = (Template::of_repository().expect("there is a template"), code());
    for (rule, from, to) in BROKEN {
        assert!(
            template.text.contains(from),
            "the template does not hold {from:?} any more: change what breaks {rule}"
        );
        let broken = Template::of_text(template.text.replacen(from, to, 1)).expect("still YAML");
        let found = findings(&broken, &code);
        assert!(found.contains_key(rule), "{from:?} became {to:?}, and {rule} found nothing; others: {found:?}");
    }
    let tried: BTreeSet<&str> = BROKEN.iter().map(|(rule, ..)| *rule).collect();
    let all: BTreeSet<&str> = RULES.iter().map(|(rule, _)| *rule).collect();
    assert_eq!(tried, all, "each rule is to be broken");
}
