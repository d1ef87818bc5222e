//! What the DynamoDB adapters make of absent tables, foreign items, silence, refusals and work left undone.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::activities::Destination;
use domain::opt_outs::{Address, OptOut};
use domain::people::{Field, Fields, MarketoId, PersonRow};
use domain::ports::{ActivityLedger, OptOutRegister, OptOutWrite, PeopleTable, PutOutcome, RowWrite, Shelf, SyncState};
use domain::{Failure, FailureKind, Timestamp};
use serde_json::{Value, json};
use store::{DynamoLedger, DynamoOptOuts, DynamoPeople, DynamoState, Tables};

use super::ledger_failures::{entry, entry_write};
use crate::support::dynamodb::{Script, embedded, empty, unreachable};
use crate::support::tables;
use crate::support::world::JumpingClock;

/// Stands for personal data: no failure may quote it.
pub const CANARY: &str = "canary@example.com";

fn people(client: &Client) -> DynamoPeople {
    DynamoPeople::new(client.clone(), tables().people, JumpingClock::shared())
}

fn state(client: &Client) -> DynamoState {
    DynamoState::new(client.clone(), tables().sync_state, JumpingClock::shared())
}

fn ledger(client: &Client) -> DynamoLedger {
    DynamoLedger::new(client.clone(), tables().activities, JumpingClock::shared())
}

fn write(id: i64, seen: Option<u64>) -> RowWrite {
    let row =
        PersonRow::active(MarketoId(id), Timestamp::UNIX_EPOCH, Fields::from_iter([(Field::Email, CANARY.to_owned())]));
    RowWrite { row, seen }
}

/// The failures of every kind of call.
async fn every_call(client: &Client) -> Vec<(&'static str, Failure)> {
    let (people, state, ledger) = (people(client), state(client), ledger(client));
    let activity = entry("1").activity.id;
    let register = DynamoOptOuts::new(client.clone(), tables().opt_outs, JumpingClock::shared());
    let address = Address::of(CANARY).unwrap();
    let opt_out = OptOut::unknown(address.clone());
    vec![
        ("get", people.get(&[MarketoId(1)]).await.unwrap_err()),
        ("insert", people.put(vec![write(1, None)]).await.unwrap_err()),
        ("replace", people.put(vec![write(1, Some(1))]).await.unwrap_err()),
        ("scan", people.scan(None).await.unwrap_err()),
        ("by email", people.by_email(CANARY).await.unwrap_err()),
        ("load", state.load("cursor").await.unwrap_err()),
        ("save", state.save("cursor", &json!(CANARY), None).await.unwrap_err()),
        ("add receipt", state.add_receipt("run", 1).await.unwrap_err()),
        ("receipts", state.receipts("run", 10).await.unwrap_err()),
        ("get entry", ledger.get(&[activity]).await.unwrap_err()),
        ("insert entry", ledger.put(vec![entry_write("1", None)]).await.unwrap_err()),
        ("replace entry", ledger.put(vec![entry_write("1", Some(1))]).await.unwrap_err()),
        ("shelf", ledger.shelf(Destination::Marketo, Shelf::Due, Timestamp::MAX, None, 1).await.unwrap_err()),
        ("get opt-outs", register.get(std::slice::from_ref(&address)).await.unwrap_err()),
        ("insert opt-out", register.put(vec![OptOutWrite { entry: opt_out.clone(), seen: None }]).await.unwrap_err()),
        ("replace opt-out", register.put(vec![OptOutWrite { entry: opt_out, seen: Some(1) }]).await.unwrap_err()),
        ("shelf of opt-outs", register.shelf(Shelf::Due, Timestamp::MAX, None, 1).await.unwrap_err()),
        ("scan opt-outs", register.scan(Some(&address)).await.unwrap_err()),
    ]
}

/// Checks that every kind of call fails in this way, naming its table and quoting nobody.
async fn check_every_call(client: &Client, kind: FailureKind, text: &str) {
    for (call, failure) in every_call(client).await {
        assert_eq!(failure.kind, kind, "{call}: {failure}");
        assert!(failure.message.contains(text), "{call}: {failure}");
        let Tables { people, sync_state, activities, opt_outs, tasks } = tables();
        let named =
            [people, sync_state, activities, opt_outs, tasks].iter().any(|table| failure.message.contains(table));
        assert!(named, "{call}: the table is named in: {failure}");
        assert!(!format!("{failure:?}").contains("canary"), "{call}: {failure:?}");
    }
}

fn error(code: &str) -> Value {
    json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": CANARY })
}

#[tokio::test]
async fn an_absent_table_is_a_wrong_setting() {
    check_every_call(&empty().await, FailureKind::BadSetting, "does not exist: deploy the stack or check").await;
}

#[tokio::test]
async fn an_unreachable_endpoint_is_unavailable() {
    check_every_call(&unreachable().await, FailureKind::Unavailable, "could not be sent").await;
}

#[tokio::test]
async fn answers_are_read_by_their_code() {
    for (status, code, kind, text) in [
        (400, "ThrottlingException", FailureKind::Unavailable, "throttled"),
        (400, "ProvisionedThroughputExceededException", FailureKind::Unavailable, "throttled"),
        (500, "InternalServerError", FailureKind::Unavailable, "out of service"),
        (503, "NobodyKnows", FailureKind::Unavailable, "out of service"),
        (400, "AccessDeniedException", FailureKind::AccessDenied, "is not allowed"),
        (400, "UnrecognizedClientException", FailureKind::BadCredentials, "credentials"),
        (400, "ValidationException", FailureKind::BadRequest, "refused as wrong"),
    ] {
        let (client, _) = Script::start([(status, error(code))]).await;
        check_every_call(&client, kind, text).await;
    }
    let (client, _) = Script::start([(400, error("AccessDeniedException"))]).await;
    let mut actions: Vec<_> = every_call(&client).await.into_iter().map(|(_, failure)| failure.message).collect();
    actions.iter_mut().for_each(|message| message.truncate(message.find(' ').unwrap()));
    let expected = [
        "BatchGetItem",
        "PartiQLInsert",
        "PutItem",
        "Scan",
        "Query",
        "GetItem",
        "PutItem",
        "UpdateItem",
        "BatchGetItem",
        "BatchGetItem",
        "PartiQLInsert",
        "PutItem",
        "Query",
        "BatchGetItem",
        "PartiQLInsert",
        "PutItem",
        "Query",
        "Scan",
    ];
    assert_eq!(actions, expected.map(|action| format!("dynamodb:{action}")), "the missing right is named");
}

#[tokio::test]
async fn foreign_items_are_named_and_not_quoted() {
    let client = embedded().await;
    people(&client).put(vec![write(1, None)]).await.unwrap();
    let good = client.get_item().table_name(tables().people).key("id", AttributeValue::N("1".into())).send().await;
    let good = good.unwrap().item.unwrap();
    let canary = || AttributeValue::S(CANARY.into());
    let foreign = || AttributeValue::M([("nobodyKnows".to_owned(), canary())].into());
    for (attribute, value) in [
        ("layout", Some(AttributeValue::N("2".into()))),
        ("layout", None),
        ("status", Some(canary())),
        ("status", None),
        ("asOf", Some(canary())),
        ("asOf", None),
        ("asOf", Some(AttributeValue::N("1e40".into()))),
        ("rev", None),
        ("rev", Some(AttributeValue::N("-1".into()))),
        ("fields", Some(canary())),
        ("fields", Some(foreign())),
        ("fields", None),
        ("extra", Some(canary())),
        ("opportunity", Some(foreign())),
        ("mergedInto", Some(canary())),
        ("shadow", Some(canary())),
    ] {
        let mut item = good.clone();
        item.remove(attribute);
        item.extend(value.map(|value| (attribute.to_owned(), value)));
        client.put_item().table_name(tables().people).set_item(Some(item)).send().await.unwrap();
        let table = people(&client);
        let read = table.get(&[MarketoId(1)]).await.unwrap_err();
        assert_eq!(read.kind, FailureKind::CorruptState);
        let expected = format!("item 1 of table `test-people` is not a person of layout 1: attribute `{attribute}`");
        assert_eq!(read.message, expected);
        assert_eq!(table.scan(None).await.unwrap_err(), read);
        assert_eq!(table.by_email(CANARY).await.unwrap_err(), read);
    }
}

#[tokio::test]
async fn foreign_documents_are_named_and_not_quoted() {
    let client = embedded().await;
    let put = async |attributes: &[(&str, AttributeValue)]| {
        let item = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        client.put_item().table_name(tables().sync_state).set_item(Some(item)).send().await.unwrap();
    };
    let (text, number) = (|s: &str| AttributeValue::S(s.into()), |n: &str| AttributeValue::N(n.into()));
    let full = [("key", text("cursor")), ("layout", number("1")), ("version", number("1")), ("body", text(CANARY))];
    for (attributes, said) in [
        (&full[..1], "is not of layout 1: attribute `layout`"),
        (&full[..2], "is not of layout 1: attribute `version`"),
        (&full[..3], "is not of layout 1: attribute `body`"),
        (&full[..4], "does not hold JSON in `body`"),
    ] {
        put(attributes).await;
        let failure = state(&client).load("cursor").await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::CorruptState);
        assert_eq!(failure.message, format!("item `cursor` of table `test-sync-state` {said}"));
    }
    put(&[("key", text("receipt#run#0")), ("layout", number("1")), ("done", text(CANARY))]).await;
    let failure = state(&client).receipts("run", 10).await.unwrap_err();
    assert_eq!(failure.message, "item `receipt#run#0` of table `test-sync-state` is not of layout 1: attribute `done`");
}

#[tokio::test]
async fn statements_left_undone_are_sent_again_alone() {
    let throttled = json!({ "Error": { "Code": "ThrottlingError", "Message": CANARY } });
    let conflict = json!({ "Error": { "Code": "TransactionConflict", "Message": CANARY } });
    let duplicate = json!({ "Error": { "Code": "DuplicateItem", "Message": CANARY } });
    let (client, script) = Script::start([
        (200, json!({ "Responses": [{}, throttled, duplicate, conflict] })),
        (200, json!({ "Responses": [{}, throttled] })),
        (200, json!({ "Responses": [duplicate] })),
    ])
    .await;
    let clock = JumpingClock::shared();
    let table = DynamoPeople::new(client, tables().people, clock.clone());
    let outcomes = table.put((0..4).map(|id| write(id, None)).collect()).await.unwrap();
    assert_eq!(outcomes, [PutOutcome::Stored, PutOutcome::Stored, PutOutcome::Conflict, PutOutcome::Conflict]);
    let ids: Vec<Vec<Value>> = script.requests.lock().unwrap().iter().map(ids_of_statements).collect();
    assert_eq!(
        ids,
        [vec![json!("0"), json!("1"), json!("2"), json!("3")], vec![json!("1"), json!("3")], vec![json!("3")]]
    );
    assert_eq!(clock.pauses().len(), 2);
}

/// The ids that a BatchExecuteStatement request inserts.
fn ids_of_statements(request: &Value) -> Vec<Value> {
    request["Statements"].as_array().unwrap().iter().map(|s| s["Parameters"][0]["N"].clone()).collect()
}

#[tokio::test]
async fn values_are_never_part_of_a_statement() {
    let (client, script) = Script::start([(200, json!({ "Responses": [{}] }))]).await;
    people(&client).put(vec![write(1, None)]).await.unwrap();
    let statement = &script.requests.lock().unwrap()[0]["Statements"][0]["Statement"];
    let expected =
        "INSERT INTO \"test-people\" VALUE {'id':?,'status':?,'asOf':?,'rev':?,'fields':?,'emailKey':?,'layout':?}";
    assert_eq!(statement, expected);
}

#[tokio::test]
async fn a_statement_that_is_refused_fails_the_put() {
    for (code, kind) in [
        ("AccessDenied", FailureKind::AccessDenied),
        ("ValidationError", FailureKind::BadRequest),
        ("ResourceNotFound", FailureKind::BadSetting),
    ] {
        let refused = json!({ "Error": { "Code": code, "Message": CANARY } });
        let (client, _) = Script::start([(200, json!({ "Responses": [refused] }))]).await;
        let failure = people(&client).put(vec![write(1, None)]).await.unwrap_err();
        assert_eq!((failure.kind, failure.code.as_deref()), (kind, Some(code)));
        assert!(!format!("{failure:?}").contains("canary"));
    }
    let (client, _) = Script::start([(200, json!({ "Responses": [] }))]).await;
    let failure = people(&client).put(vec![write(1, None)]).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadAnswer, "an answer for each statement is needed");
}

#[tokio::test]
async fn keys_left_unprocessed_are_asked_for_again() {
    let key = |id: &str| json!({ "id": { "N": id } });
    let item = |id: &str| {
        json!({ "id": { "N": id }, "layout": { "N": "1" }, "status": { "S": "active" }, "asOf": { "N": "0" },
            "rev": { "N": "1" }, "fields": { "M": {} } })
    };
    let left = |keys: Vec<Value>| json!({ "test-people": { "Keys": keys, "ConsistentRead": true } });
    let (client, script) = Script::start([
        (
            200,
            json!({ "Responses": { "test-people": [item("1")] }, "UnprocessedKeys": left(vec![key("2"), key("3")]) }),
        ),
        (200, json!({ "Responses": { "test-people": [item("3")] }, "UnprocessedKeys": left(vec![key("2")]) })),
        (200, json!({ "Responses": { "test-people": [item("2")] }, "UnprocessedKeys": {} })),
    ])
    .await;
    let clock = JumpingClock::shared();
    let table = DynamoPeople::new(client, tables().people, clock.clone());
    let rows = table.get(&[MarketoId(1), MarketoId(2), MarketoId(3)]).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.id.0).collect::<Vec<_>>(), [1, 3, 2]);
    assert_eq!(clock.pauses().len(), 2);
    for request in script.requests.lock().unwrap().iter() {
        assert_eq!(request["RequestItems"]["test-people"]["ConsistentRead"], true);
    }
}

#[tokio::test]
async fn what_is_left_undone_for_ever_is_given_up() {
    let key = json!({ "test-people": { "Keys": [{ "id": { "N": "1" } }] } });
    let unprocessed = json!({ "Responses": {}, "UnprocessedKeys": key });
    let throttled = json!({ "Responses": [{ "Error": { "Code": "ProvisionedThroughputExceeded" } }] });
    for (answer, reads) in [(unprocessed, true), (throttled, false)] {
        let (client, script) = Script::start([(200, answer)]).await;
        let clock = JumpingClock::shared();
        let table = Arc::new(DynamoPeople::new(client, tables().people, clock.clone()));
        let failure = if reads {
            table.get(&[MarketoId(1)]).await.unwrap_err()
        } else {
            table.put(vec![write(1, None)]).await.unwrap_err()
        };
        assert_eq!(failure.kind, FailureKind::Unavailable);
        assert!(failure.message.ends_with("left parts undone after 8 resendings"), "{failure}");
        assert_eq!(script.requests.lock().unwrap().len(), 9);
        assert_eq!(clock.pauses().len(), 8);
    }
}
