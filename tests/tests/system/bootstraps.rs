//! The deployed programs themselves, started as Lambda starts them and fed with the events that AWS sends.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use domain::Timestamp;
use domain::initial_sync;
use domain::initial_sync::message::{BatchId, IdsBatch, PeopleMessage, RowsBatch};
use domain::people::{Field, Fields, MarketoId, Person, PersonRow, Status};
use domain::ports::PeopleTable;
use serde_json::{Value, json};
use simulator_marketo::ChangeSet;
use store::MemoryQueue;

use crate::support::functions::{FUNCTIONS, Function, RECONCILER, TASKS};
use crate::support::sqs::{scheduled_event, sqs_event};
use crate::support::stage::{BATCH_SIZE, CANARY_EMAIL, Stage, TICK, assert_no_canary, begin_run, metrics_of, queued};
use system_tests::compare::assert_in_step;

/// Ticks after which a run must have ended.
const MOST_TICKS: usize = 80;

fn completed_people(rows: &[PersonRow]) -> usize {
    rows.iter().filter(|row| row.status == Status::Active).count()
}

fn rows(number: u32) -> PeopleMessage {
    let person = |id: i64| Person {
        id: MarketoId(id),
        fields: Fields::from_iter([
            (Field::LastName, "Person".to_owned()),
            (Field::Email, CANARY_EMAIL.to_owned()),
            (Field::SfdcLeadId, "00Q5e00000AbCdEEAV".to_owned()),
        ]),
        extra: [].into(),
        qualifies: true,
    };
    let first = i64::from(number) * 3;
    PeopleMessage::Rows(RowsBatch {
        batch: BatchId { run: "run-1".to_owned(), part: "0.0".to_owned(), number },
        as_of: "2026-07-01T12:00:00Z".parse().unwrap(),
        fresh: true,
        people: (first..first + 3).map(person).collect(),
        unqualified: Vec::new(),
        read_again: Vec::new(),
    })
}

/// Ten messages, of which the one at a place is replaced.
fn ten_with(bad: &str, place: usize, first: u32) -> Vec<String> {
    let mut bodies: Vec<String> = (first..first + 10).map(|number| rows(number).to_body().unwrap()).collect();
    bodies[place] = bad.to_owned();
    bodies
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_reports_exactly_the_one_bad_body_among_ten() {
    let stage = Stage::set(10).await;
    begin_run(&stage.ports()).await;
    let worker = stage.start("initial-sync-worker").await;
    let other_version = rows(99).to_body().unwrap().replacen("\"v\":1", "\"v\":2", 1);
    let no_json = format!("{{\"v\":1,\"kind\":\"rows\",\"people\":[{CANARY_EMAIL}");
    for (number, bad) in [no_json, other_version].iter().enumerate() {
        let first = u32::try_from(number).unwrap() * 10;
        let (event, bad_id) = queued(&stage.sqs.queues.batches, ten_with(bad, 4 + number, first), bad).await;
        let answer = worker.invoke(&event).await;
        assert_eq!(answer, Ok(json!({ "batchItemFailures": [{ "itemIdentifier": bad_id }] })));
        assert_eq!(stage.sqs.take_changes(&event), [(bad_id, 0)], "it uses up its receives at once");

        let ids: Vec<MarketoId> = (0..30).map(|id| MarketoId(i64::from(first) * 3 + id)).collect();
        let stored = stage.tables.people().get(&ids).await.unwrap();
        assert_eq!(stored.len(), 27, "all people of the nine good batches");
        assert!(stored.iter().all(|row| row.fields.get(Field::Email) == Some(CANARY_EMAIL)));
    }
    let expected: Vec<u32> = (0..20).filter(|number| ![4, 15].contains(number)).collect();
    for kind in ["rows", "roles"] {
        let receipts = stage.ports().state.receipts(&format!("run-1/0.0/{kind}"), 20).await.unwrap();
        assert_eq!(receipts.into_iter().collect::<Vec<_>>(), expected, "{kind}");
    }
    assert_eq!(stage.sqs.queues.reads.counts().visible, 0, "calls were free, so that the roles were read along");
    let output = worker.stop().await;
    assert_no_canary(&output);
    let metrics = metrics_of(&output);
    assert_eq!(metrics.len(), 2, "one line an invocation: {output}");
    for line in metrics {
        let wanted = [
            ("MessagesFailed", 1),
            ("MessagesRejected", 1),
            ("PeoplePut", 27),
            ("PeopleStale", 0),
            ("PeopleUnchanged", 0),
        ];
        assert_eq!(line, wanted.map(|(name, value)| (name.to_owned(), value)).into());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_without_a_message_id_fails_the_whole_invocation() {
    let stage = Stage::set(10).await;
    let worker = stage.start("initial-sync-worker").await;
    let roles = PeopleMessage::Roles(IdsBatch {
        batch: BatchId { run: "run-1".to_owned(), part: "0.0".to_owned(), number: 0 },
        ids: Vec::new(),
    });
    let body = roles.to_body().unwrap();
    let (mut event, _) = queued(&stage.sqs.queues.reads, vec![body.clone(), body.clone()], &body).await;
    let whole = event.clone();
    event["Records"][1].as_object_mut().unwrap().remove("messageId");

    let error = worker.invoke(&event).await.unwrap_err();
    assert!(error["errorMessage"].as_str().unwrap().contains("message id"), "{error}");
    let receipts = stage.ports().state.receipts("run-1/0.0/roles", 1).await.unwrap();
    assert!(receipts.is_empty(), "nothing of the batch is handled: {receipts:?}");

    assert_eq!(worker.invoke(&whole).await, Ok(json!({ "batchItemFailures": [] })), "the next invocation goes well");
    assert_no_canary(&worker.output());
}

/// Invokes the worker with what is queued, ten messages at a time, and deletes what it does not report.
async fn work_off(worker: &Function, queue: &MemoryQueue) {
    loop {
        let deliveries = queue.receive(BATCH_SIZE);
        if deliveries.is_empty() {
            return;
        }
        let answer = worker.invoke(&sqs_event(queue.name(), &deliveries)).await.unwrap();
        assert_eq!(answer, json!({ "batchItemFailures": [] }), "{}", worker.output());
        for delivery in deliveries {
            assert!(queue.delete(&delivery.receipt_handle));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_three_functions_bring_a_table_in_step_and_keep_it_there() {
    let stage = Stage::set(2_000).await;
    let world = stage.outside.marketo.world();
    let (ports, people) = (stage.ports(), stage.tables.people());
    let [coordinator, worker, pull] =
        [stage.start(FUNCTIONS[0]).await, stage.start(FUNCTIONS[1]).await, stage.start(FUNCTIONS[2]).await];

    let tick = scheduled_event("initial-sync");
    assert_eq!(coordinator.invoke(&tick).await, Ok(Value::Null), "{}", coordinator.output());
    let begun = initial_sync::peek(&ports).await.unwrap();
    assert!(begun.run.is_some() && begun.completed.is_none(), "the first tick starts a run: {begun:?}");

    let mut ticks = 1;
    while initial_sync::is_running(&ports).await.unwrap() {
        assert!(ticks < MOST_TICKS, "no end: {}", coordinator.output());
        tokio::time::sleep(TICK).await;
        coordinator.invoke(&tick).await.unwrap();
        work_off(&worker, &stage.sqs.queues.batches).await;
        work_off(&worker, &stage.sqs.queues.reads).await;
        ticks += 1;
    }
    let completed = initial_sync::peek(&ports).await.unwrap().completed.unwrap();
    assert_eq!(completed.people, 2_000);
    assert_in_step(&world, &people).await;
    assert_eq!(people.by_email(CANARY_EMAIL).await.unwrap().len(), 1, "the canary went all the way");
    let people_before = system_tests::compare::all_rows(&people).await;
    world.settle();

    world.change(&ChangeSet { changed: 30, created: 5, deleted: 5, merged: 3, owners_lost: 4, ..ChangeSet::default() });
    let before = Timestamp::now();
    assert_eq!(pull.invoke(&scheduled_event("incremental-pull")).await, Ok(Value::Null), "{}", pull.output());
    assert_in_step(&world, &people).await;
    let rows = system_tests::compare::all_rows(&people).await;
    assert!(rows.iter().any(|row| row.as_of >= before - Duration::from_secs(2)), "the pull wrote something");

    let mut metrics = Vec::new();
    for function in [coordinator, worker, pull] {
        let output = function.stop().await;
        assert!(output.contains("marketo call"), "{output}");
        assert_no_canary(&output);
        metrics.push(metrics_of(&output));
    }
    assert_eq!((metrics[0].len(), metrics[2].len()), (ticks, 1), "one line an invocation");
    let sum = |lines: &[BTreeMap<String, u64>], name: &str| lines.iter().map(|line| line[name]).sum::<u64>();
    assert_eq!(sum(&metrics[0], "CoordinatorSucceeded"), ticks as u64);
    assert!(metrics[0].iter().all(|line| (1..50_000).contains(&line["CallsLeftToday"])));
    let last = metrics[0].last().unwrap();
    let people = completed_people(&people_before) as u64;
    assert_eq!((last["InitialSyncPeopleLeft"], last["InitialSyncPeopleStored"]), (0, people));
    assert!(sum(&metrics[1], "PeoplePut") >= people);
    assert_eq!(sum(&metrics[1], "MessagesFailed") + sum(&metrics[1], "MessagesRejected"), 0);
    let pulled = &metrics[2][0];
    assert!(
        pulled["PullSucceeded"] == 1 && pulled["PullCursorLagSeconds"] < 60 && pulled["PeoplePut"] > 0,
        "{pulled:?}"
    );
}

/// Names that a function can do without.
const OPTIONAL: [&str; 4] =
    ["LOG_LEVEL", "MARKETO_CALLS_PER_20_SECONDS", "MARKETO_DAILY_CALLS", "SALESFORCE_API_VERSION"];

fn required(function: &str) -> Vec<String> {
    let names = runtime::config::names_of(function).unwrap();
    names.into_iter().filter(|name| !OPTIONAL.contains(&name.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_event_files_are_understood() {
    let stage = Stage::set(10).await;
    for name in FUNCTIONS {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("events/{name}.json"));
        let event: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let done = if event.get("Records").is_some() { json!({ "batchItemFailures": [] }) } else { Value::Null };
        let function = stage.start(name).await;
        assert_eq!(function.invoke(&event).await, Ok(done), "{name}: {}", function.output());
    }
}

/// Starts a function with some of the required settings, and checks that it ends at once and names exactly the others.
async fn assert_names_what_is_missing(function: &str, given: &[String]) {
    let value = |name: &str| match name {
        "MARKETO_BASE_URL" => "https://123-ABC-456.mktorest.com".to_owned(),
        "SALESFORCE_LOGIN_URL" => "https://acme.my.salesforce.com".to_owned(),
        other => other.to_lowercase(),
    };
    let environment: Vec<(&str, String)> = given.iter().map(|name| (name.as_str(), value(name))).collect();
    let (status, output) = Function::start(function, &environment).await.ended().await;
    assert!(!status.success(), "{function} ended with {status}");
    for name in required(function) {
        assert_eq!(output.contains(&name), !given.contains(&name), "{function} says of {name}: {output}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_settings_end_a_cold_start_and_are_named_together() {
    for function in FUNCTIONS {
        assert_names_what_is_missing(function, &[]).await;
        let required = required(function);
        let missing = ["SYNC_STATE_TABLE", "MARKETO_SECRET_ARN", "SALESFORCE_SECRET_ARN"];
        let some_missing: Vec<String> = required.iter().filter(|n| !missing.contains(&n.as_str())).cloned().collect();
        assert_names_what_is_missing(function, &some_missing).await;
        assert_names_what_is_missing(function, &required[..2]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_task_is_in_salesforce_with_its_message_and_a_tick_takes_in_what_salesforce_says() {
    let stage = Stage::set(10).await;
    let (ports, world) = (stage.ports(), stage.salesforce.world());
    domain::settings::set(&*ports.state, &*ports.clock, "reminders.sync", "on", "test").await.unwrap();
    let reconciler = stage.start(TASKS).await;
    assert_eq!(reconciler.invoke(&scheduled_event(TASKS)).await, Ok(Value::Null), "{}", reconciler.output());
    let message = json!({ "v": 1, "taskId": "t1", "name": CANARY_EMAIL, "details": CANARY_EMAIL, "campaign": { "id": "c1" }, "status": "complete" });
    let no_message = format!("{{\"name\":\"{CANARY_EMAIL}\"}}");
    let (event, bad_id) =
        queued(&stage.sqs.queues.tasks, vec![message.to_string(), no_message.clone()], &no_message).await;
    let answer = reconciler.invoke(&event).await;
    assert_eq!(answer, Ok(json!({ "batchItemFailures": [{ "itemIdentifier": bad_id }] })));
    assert_eq!(stage.sqs.take_changes(&event), [(bad_id, 0)], "it uses up its receives at once");
    let made = world.records("Task").remove(0);
    assert_eq!((&made["Subject"], &made["Status"]), (&json!(CANARY_EMAIL), &json!("Completed")));
    assert_eq!(stage.sqs.queues.events.counts().visible, 1, "the app is told");

    let user =
        world.populate(simulator_salesforce::Population { users: 1, ..Default::default() }).unwrap().users.remove(0);
    let theirs = json!({ "Subject": "Call", "Status": "Not Started", "Priority": "Normal", "ActivityDate": "2027-01-01", "OwnerId": user });
    world.put("Task", &[theirs]).unwrap();
    assert_eq!(reconciler.invoke(&scheduled_event(TASKS)).await, Ok(Value::Null), "{}", reconciler.output());
    let output = reconciler.stop().await;
    assert_no_canary(&output);
    let metrics = metrics_of(&output);
    let count = |line: usize, name: &str| metrics[line].get(name).copied();
    assert_eq!((count(0, "TaskReconcilerSucceeded"), count(0, "TasksWrittenInActions")), (Some(1), Some(0)));
    assert_eq!(
        (count(1, "TasksWrittenInSalesforce"), count(1, "TasksAnnounced"), count(1, "MessagesRejected")),
        (Some(1), Some(1), Some(1))
    );
    assert_eq!((count(2, "TasksWrittenInActions"), count(2, "TaskSyncOpen")), (Some(2), Some(1)));
    assert!(count(2, "TaskLagSeconds").is_some() && count(2, "TaskReadLagSeconds").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opt_out_is_in_salesforce_with_its_message_and_a_tick_takes_in_what_salesforce_says() {
    let stage = Stage::set(10).await;
    let world = stage.salesforce.world();
    let contact = |email: &str, no: bool| json!({ "LastName": "Contact", "Email": email, "HasOptedOutOfEmail": no });
    let ids = world.put("Contact", &[contact(CANARY_EMAIL, false), contact("bo@example.com", true)]).unwrap();
    let reconciler = stage.start(RECONCILER).await;
    let message = json!({ "v": 1, "email": CANARY_EMAIL, "source": "Clicked Link" }).to_string();
    let no_message = format!("{{\"email\":\"{CANARY_EMAIL}\"}}");
    let (event, bad_id) = queued(&stage.sqs.queues.opt_outs, vec![message, no_message.clone()], &no_message).await;
    let answer = reconciler.invoke(&event).await;
    assert_eq!(answer, Ok(json!({ "batchItemFailures": [{ "itemIdentifier": bad_id }] })));
    assert_eq!(stage.sqs.take_changes(&event), [(bad_id, 0)], "it uses up its receives at once");
    assert_eq!(world.record(&ids[0]).unwrap()["HasOptedOutOfEmail"], true);

    assert_eq!(reconciler.invoke(&scheduled_event(RECONCILER)).await, Ok(Value::Null), "{}", reconciler.output());
    let register = stage.tables.opt_outs();
    let mut opted_out = Vec::new();
    domain::opt_outs::for_each(&register, |entry| {
        opted_out.push((entry.address.as_str().to_owned(), entry.opted_out));
        Ok(())
    })
    .await
    .unwrap();
    opted_out.sort();
    assert_eq!(opted_out, [("bo@example.com".to_owned(), true), (CANARY_EMAIL.to_owned(), true)]);
    let output = reconciler.stop().await;
    assert_no_canary(&output);
    let metrics = metrics_of(&output);
    let count = |line: usize, name: &str| metrics[line].get(name).copied();
    assert_eq!((count(0, "OptOutBoxesTicked"), count(0, "MessagesRejected")), (Some(1), Some(1)));
    assert_eq!((count(1, "OptOutsTakenIn"), count(1, "OptOutReconcilerSucceeded")), (Some(1), Some(1)));
    assert!(count(1, "OptOutLagSeconds").is_some() && count(1, "OptOutReadLagSeconds").is_some());
}
