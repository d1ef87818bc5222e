//! What the ledger on DynamoDB makes of foreign items, lost answers, work left undone and large batches.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::activities::{Activity, ActivityId, Destination, Entry};
use domain::ports::{ActivityLedger, EntryWrite, PutOutcome, Shelf};
use domain::{FailureKind, Timestamp};
use serde_json::{Value, json};
use store::DynamoLedger;

use crate::dynamodb_failures::CANARY;
use crate::support::dynamodb::{Script, embedded};
use crate::support::tables;
use crate::support::world::JumpingClock;

/// An entry that holds personal data.
pub fn entry(id: &str) -> Entry {
    let message = json!({
        "activityId": id, "type": "emailReplied", "occurredAt": "1970-01-01T00:00:01.0009Z", "user": CANARY, "email": CANARY,
        "originalActivityId": "original"
    });
    Entry::accepted(Activity::parse(&message.to_string()).unwrap(), Timestamp::MAX)
}

pub fn entry_write(id: &str, seen: Option<u64>) -> EntryWrite {
    EntryWrite { entry: entry(id), seen }
}

fn ledger(client: &Client) -> DynamoLedger {
    DynamoLedger::new(client.clone(), tables().activities, JumpingClock::shared())
}

fn id(id: &str) -> ActivityId {
    ActivityId(id.to_owned())
}

#[tokio::test]
async fn an_entry_is_laid_out_as_the_readme_says() {
    let client = embedded().await;
    ledger(&client).put(vec![entry_write("a", None)]).await.unwrap();
    let found = client.get_item().table_name(tables().activities).key("id", AttributeValue::S("a".into())).send().await;
    let mut item = found.unwrap().item.unwrap();
    let body: Value = serde_json::from_str(item.remove("body").unwrap().as_s().unwrap()).unwrap();
    assert_eq!((&body["activity"]["id"], body.get("rev")), (&json!("a"), None));
    let (text, number) = (|s: &str| AttributeValue::S(s.into()), |n: &str| AttributeValue::N(n.into()));
    let expected = [
        ("id", text("a")),
        ("rev", number("1")),
        ("layout", number("1")),
        ("marketoShelf", text("due")),
        ("marketoAt", number("1000")),
        ("salesforceShelf", text("due")),
        ("salesforceAt", number("1000")),
    ];
    assert_eq!(item, expected.map(|(name, value)| (name.to_owned(), value)).into());
}

#[tokio::test]
async fn foreign_entries_are_named_and_not_quoted() {
    let client = embedded().await;
    let ledger = ledger(&client);
    ledger.put(vec![entry_write("a", None)]).await.unwrap();
    let good = client.get_item().table_name(tables().activities).key("id", AttributeValue::S("a".into())).send().await;
    let good = good.unwrap().item.unwrap();
    let canary = || AttributeValue::S(CANARY.into());
    let another = AttributeValue::S(serde_json::to_string(&entry("b")).unwrap());
    for (attribute, value) in [
        ("layout", Some(AttributeValue::N("2".into()))),
        ("layout", Some(canary())),
        ("layout", None),
        ("rev", None),
        ("rev", Some(canary())),
        ("rev", Some(AttributeValue::N("-1".into()))),
        ("body", None),
        ("body", Some(canary())),
        ("body", Some(AttributeValue::S(json!({ "activity": CANARY }).to_string()))),
        ("body", Some(another)),
    ] {
        let mut item = good.clone();
        item.remove(attribute);
        item.extend(value.map(|value| (attribute.to_owned(), value)));
        client.put_item().table_name(tables().activities).set_item(Some(item)).send().await.unwrap();
        let failure = ledger.get(&[id("a")]).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::CorruptState);
        let expected =
            format!("item `a` of table `test-activities` is not an activity of layout 1: attribute `{attribute}`");
        assert_eq!(failure.message, expected);
    }
    for (item, said) in [
        (
            json!({ "id": { "S": "a" } }),
            "item `a` of table `test-activities` is not an activity of layout 1: attribute `marketoAt`",
        ),
        (
            json!({ "id": { "S": "a" }, "marketoAt": { "N": "1e40" } }),
            "item `a` of table `test-activities` is not an activity of layout 1: attribute `marketoAt`",
        ),
        (json!({ "marketoAt": { "N": "1" } }), "an item of table `test-activities` has no text as `id`"),
    ] {
        let (client, _) = Script::start([(200, json!({ "Items": [item] }))]).await;
        let shelf = self::ledger(&client);
        let failure = shelf.shelf(Destination::Marketo, Shelf::Due, Timestamp::MAX, None, 9).await.unwrap_err();
        assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::CorruptState, said));
    }
}

#[tokio::test]
async fn throttled_statements_are_sent_again_alone() {
    let throttled = json!({ "Error": { "Code": "ThrottlingError", "Message": CANARY } });
    let duplicate = json!({ "Error": { "Code": "DuplicateItem", "Message": CANARY } });
    let (client, script) = Script::start([
        (200, json!({ "Responses": [{}, throttled, duplicate, throttled] })),
        (200, json!({ "Responses": [{}, duplicate] })),
    ])
    .await;
    let clock = JumpingClock::shared();
    let ledger = DynamoLedger::new(client, tables().activities, clock.clone());
    let writes = ["a", "b", "c", "d"].map(|id| entry_write(id, None)).to_vec();
    let outcomes = ledger.put(writes).await.unwrap();
    // The first try at "d" was stored after all: its repeat is a conflict with itself.
    assert_eq!(outcomes, [PutOutcome::Stored, PutOutcome::Stored, PutOutcome::Conflict, PutOutcome::Conflict]);
    assert_eq!(ids_of_statements(&script), [vec!["a", "b", "c", "d"], vec!["b", "d"]]);
    assert_eq!(clock.pauses().len(), 1);
    let statement = script.requests.lock().unwrap()[0]["Statements"][0]["Statement"].clone();
    let expected = "INSERT INTO \"test-activities\" VALUE {'id':?,'rev':?,'layout':?,'body':?,'marketoShelf':?,'marketoAt':?,\
                    'salesforceShelf':?,'salesforceAt':?}";
    assert_eq!(statement, expected, "values are never part of a statement");
}

/// The ids that each BatchExecuteStatement request inserts.
fn ids_of_statements(script: &Script) -> Vec<Vec<String>> {
    let ids = |request: &Value| {
        let statements = request["Statements"].as_array().unwrap().iter();
        statements.map(|s| s["Parameters"][0]["S"].as_str().unwrap().to_owned()).collect()
    };
    script.requests.lock().unwrap().iter().map(ids).collect()
}

#[tokio::test]
async fn a_replacement_whose_answer_was_lost_is_a_conflict_with_itself() {
    let client = embedded().await;
    let ledger = ledger(&client);
    let writes = || vec![entry_write("a", Some(1))];
    ledger.put(vec![entry_write("a", None)]).await.unwrap();
    // The answer to the first is lost, the SDK or the caller sends it again.
    assert_eq!(ledger.put(writes()).await.unwrap(), [PutOutcome::Stored]);
    assert_eq!(ledger.put(writes()).await.unwrap(), [PutOutcome::Conflict]);
    let stored = ledger.get(&[id("a")]).await.unwrap();
    assert_eq!(stored, [Entry { rev: 2, ..entry("a") }], "the caller finds its own write");
}

#[tokio::test]
async fn batches_are_cut_by_number_and_by_bytes() {
    // Batches of one size, as several are under way at once and any may be answered first.
    let (client, script) = Script::start([25, 25].map(|n| (200, json!({ "Responses": vec![json!({}); n] })))).await;
    let small: Vec<_> = (0..50).map(|n| entry_write(&format!("{n}"), None)).collect();
    ledger(&client).put(small).await.unwrap();
    assert_eq!(ids_of_statements(&script).iter().map(Vec::len).collect::<Vec<_>>(), [25, 25]);

    let (client, script) = Script::start([6, 6].map(|n| (200, json!({ "Responses": vec![json!({}); n] })))).await;
    let large = |n: usize| {
        let mut write = entry_write(&format!("{n}"), None);
        write.entry.activity.user = "u".repeat(300 * 1024);
        write
    };
    ledger(&client).put((0..12).map(large).collect()).await.unwrap();
    assert_eq!(ids_of_statements(&script).iter().map(Vec::len).collect::<Vec<_>>(), [6, 6], "two MiB at most");
}

#[tokio::test]
async fn a_listing_goes_on_where_a_page_ended() {
    let place = |id: &str, at: u32| json!({ "id": { "S": id }, "marketoShelf": { "S": "due" }, "marketoAt": { "N": at.to_string() } });
    let (client, script) = Script::start([
        (200, json!({ "Items": [place("a", 1)], "LastEvaluatedKey": place("a", 1) })),
        (200, json!({ "Items": [], "LastEvaluatedKey": place("b", 2) })),
        (200, json!({ "Items": [place("c", 3)] })),
    ])
    .await;
    let list = async |limit| ledger(&client).shelf(Destination::Marketo, Shelf::Due, Timestamp::MAX, None, limit).await;
    let ids: Vec<_> = list(9).await.unwrap().into_iter().map(|place| place.id.0).collect();
    assert_eq!(ids, ["a", "c"]);
    let asked: Vec<_> =
        script.requests.lock().unwrap().iter().map(|r| (r["Limit"].clone(), r["ExclusiveStartKey"].clone())).collect();
    assert_eq!(asked, [(json!(9), Value::Null), (json!(8), place("a", 1)), (json!(8), place("b", 2))]);

    let (client, script) = Script::start([(200, json!({ "Items": [], "LastEvaluatedKey": place("a", 1) }))]).await;
    let endless = ledger(&client).shelf(Destination::Marketo, Shelf::Due, Timestamp::MAX, None, 9).await.unwrap_err();
    assert_eq!(endless.kind, FailureKind::CorruptState, "{endless}");
    assert_eq!(script.requests.lock().unwrap().len(), 1_000);
}
