//! Collections: a result for each record, rollback, keys given twice, and the batch of calls.

use serde_json::{Value, json};
use simulator_salesforce::{Fault, FaultAction};

use crate::support::{Api, KEY, outcomes, refusal, small, task};

fn batch(all_or_none: bool, records: Vec<Value>) -> Value {
    json!({ "allOrNone": all_or_none, "records": records })
}

#[tokio::test]
async fn each_record_has_its_own_result_and_all_have_one_stamp() {
    let api = Api::start(small()).await;
    let (lead, contact, _) = api.people().await;
    let records = vec![
        task(json!({ "Subject": "a", "WhoId": contact })),
        task(json!({ "Subject": "x".repeat(256) })),
        json!({ "attributes": { "type": "Lead" }, "LastName": "Mixed", "Company": "In" }),
        json!({ "attributes": { "type": "Nothing" }, "Name": "x" }),
        task(json!({ "Nope": 1 })),
        task(json!({ "Subject": "b", "WhoId": lead })),
    ];
    let made = api.send("POST", "/composite/sobjects/", batch(false, records)).await;
    assert_eq!(outcomes(&made), ["ok", "STRING_TOO_LONG", "ok", "INVALID_TYPE", "INVALID_FIELD", "ok"]);
    assert_eq!(made.1[1]["errors"][0]["fields"], json!(["Subject"]));
    let ids: Vec<&str> = [0, 5].into_iter().map(|nth| made.1[nth]["id"].as_str().unwrap()).collect();

    api.world.advance(7);
    let changes = vec![
        task(json!({ "id": ids[0], "Subject": "c" })),
        task(json!({ "Id": ids[1], "Subject": "d" })),
        task(json!({ "Id": ids[1], "Subject": "e" })),
        task(json!({ "Id": "00T000000000009", "Subject": "f" })),
        task(json!({ "Subject": "g" })),
    ];
    let changed = api.send("PATCH", "/composite/sobjects", batch(false, changes)).await;
    assert_eq!(outcomes(&changed), ["ok", "ok", "DUPLICATE_VALUE", "INVALID_CROSS_REFERENCE_KEY", "MISSING_ARGUMENT"]);
    let stamps: Vec<Value> = ids.iter().map(|id| api.truth(id)["SystemModstamp"].clone()).collect();
    assert_eq!(stamps, [json!("2026-09-21T14:13:27.000+0000"), json!("2026-09-21T14:13:27.000+0000")]);

    let read = api.get(&format!("/composite/sobjects/Task?ids={},00T000000000009&fields=Id,Subject", ids[0])).await.1;
    assert_eq!((&read[0]["Subject"], &read[1]), (&json!("c"), &Value::Null));
    let read = api.send("POST", "/composite/sobjects/Task", json!({ "ids": ids, "fields": ["Subject"] })).await.1;
    assert_eq!(read[1]["Subject"], "d");
    let gone = api.delete(&format!("/composite/sobjects?ids={},{},{}&allOrNone=false", ids[0], ids[0], ids[1])).await;
    assert_eq!(outcomes(&gone), ["ok", "ENTITY_IS_DELETED", "ok"]);
}

#[tokio::test]
async fn upserts_create_and_update_and_refuse_a_key_given_twice() {
    let api = Api::start(small()).await;
    let path = format!("/composite/sobjects/Task/{KEY}");
    let one = |key: &str, subject: &str| task(json!({ (KEY): key, "Subject": subject }));
    let first = api.send("PATCH", &path, batch(false, vec![one("a", "1"), one("b", "1")])).await;
    assert_eq!(outcomes(&first), ["created", "created"]);
    let mixed = vec![
        one("a", "2"),
        one("c", "2"),
        one("d", "2"),
        one("d", "3"),
        one("A", "2"),
        task(json!({ "Subject": "x" })),
    ];
    let second = api.send("PATCH", &path, batch(false, mixed)).await;
    assert_eq!(
        outcomes(&second),
        ["updated", "created", "DUPLICATE_VALUE", "DUPLICATE_VALUE", "created", "MISSING_ARGUMENT"]
    );
    assert_eq!(second.1[0]["id"], first.1[0]["id"]);
    assert_eq!(api.world.records("Task").len(), 4);
    let wrong = api.send("PATCH", "/composite/sobjects/Task/Subject", batch(false, vec![one("a", "1")])).await;
    assert_eq!(refusal(&wrong), (404, "NOT_FOUND"));
}

#[tokio::test]
async fn a_series_has_headers_for_each_call() {
    let api = Api::start(small()).await;
    let (_, contact, _) = api.people().await;
    let id = api.created("Task", json!({ "Subject": "a", "WhoId": contact })).await;
    api.world.advance(10);
    let part = |name: &str, subject: &str, since: &str| {
        json!({
            "method": "PATCH", "url": format!("/services/data/v66.0/sobjects/Task/{id}"), "referenceId": name,
            "httpHeaders": { "If-Unmodified-Since": since }, "body": { "Subject": subject }
        })
    };
    let (old, new) = ("Mon, 21 Sep 2020 14:13:20 GMT", "Mon, 21 Sep 2099 14:13:20 GMT");
    let series = json!({ "allOrNone": false, "compositeRequest": [part("r1", "no", old), part("r2", "yes", new)] });
    let done = api.send("POST", "/composite", series).await;
    assert_eq!((done.0, done.1["compositeResponse"].as_array().unwrap().len()), (200, 2));
    let result = |nth: usize| &done.1["compositeResponse"][nth];
    assert_eq!((&result(0)["httpStatusCode"], &result(0)["referenceId"]), (&json!(412), &json!("r1")));
    assert_eq!(result(0)["body"][0]["errorCode"], "ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE_CHECK");
    assert_eq!((&result(1)["httpStatusCode"], &result(1)["body"]), (&json!(204), &Value::Null));
    assert_eq!(api.truth(&id)["Subject"], "yes");
    for wrong in [
        json!({ "compositeRequest": [] }),
        json!({ "compositeRequest": [part("same", "x", new), part("same", "y", new)] }),
        json!({ "allOrNone": true, "compositeRequest": [part("r1", "x", new)] }),
        json!({ "compositeRequest": vec![part("r", "x", new); 26] }),
    ] {
        assert_eq!(api.send("POST", "/composite", wrong).await.0, 400);
    }
}

#[tokio::test]
async fn all_or_none_takes_everything_back() {
    let api = Api::start(small()).await;
    let path = format!("/composite/sobjects/Task/{KEY}");
    let old = api.created("Task", json!({ (KEY): "old", "Subject": "before" })).await;
    let records = vec![
        task(json!({ (KEY): "old", "Subject": "after" })),
        task(json!({ (KEY): "new" })),
        task(json!({ (KEY): "bad", "Type": "Nope" })),
    ];
    let tried = api.send("PATCH", &path, batch(true, records)).await;
    let back = "ALL_OR_NONE_OPERATION_ROLLED_BACK";
    assert_eq!(outcomes(&tried), [back, back, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"]);
    assert_eq!(api.world.records("Task").len(), 1);
    assert_eq!(api.truth(&old)["Subject"], "before");
    // The indexes are as before, too.
    assert_eq!(api.column(&format!("SELECT Subject FROM Task WHERE {KEY} = 'old'"), "Subject").await, ["before"]);
    let alone = api.send("PATCH", &path, batch(true, vec![task(json!({ (KEY): "new" }))])).await;
    assert_eq!(outcomes(&alone), ["created"]);
}

#[tokio::test]
async fn requests_that_are_too_large_or_unreadable_are_refused_as_a_whole() {
    let api = Api::start(small()).await;
    let many = vec![task(json!({})); 201];
    assert_eq!(refusal(&api.send("POST", "/composite/sobjects", batch(false, many)).await), (400, "EXCEEDED_ID_LIMIT"));
    let poisoned = vec![task(json!({})), task(json!({ "ActivityDate": "tomorrow" }))];
    assert_eq!(
        refusal(&api.send("POST", "/composite/sobjects", batch(false, poisoned)).await),
        (400, "JSON_PARSER_ERROR")
    );
    assert_eq!(refusal(&api.send("POST", "/composite/sobjects", json!({})).await), (400, "JSON_PARSER_ERROR"));
    assert_eq!(api.world.records("Task").len(), 0);
}

#[tokio::test]
async fn single_records_of_a_batch_can_be_made_to_fail() {
    let api = Api::start(small()).await;
    let locked = FaultAction::Record("UNABLE_TO_LOCK_ROW".into(), "busy".into(), 3);
    api.world.set_faults(vec![Fault::once("POST /composite/sobjects", locked)]);
    let records = batch(false, vec![task(json!({})); 7]);
    let first = api.send("POST", "/composite/sobjects", records.clone()).await;
    assert_eq!(outcomes(&first), ["ok", "ok", "UNABLE_TO_LOCK_ROW", "ok", "ok", "UNABLE_TO_LOCK_ROW", "ok"]);
    assert_eq!(outcomes(&api.send("POST", "/composite/sobjects", records).await), ["ok"; 7]);
    let stats = api.world.stats();
    assert_eq!((stats.written, stats.rejected_records["UNABLE_TO_LOCK_ROW"]), (12, 2));
}

#[tokio::test]
async fn a_batch_of_calls_answers_each() {
    let api = Api::start(small()).await;
    let (lead, ..) = api.people().await;
    let calls = json!({ "batchRequests": [
        { "method": "GET", "url": "v66.0/query?q=SELECT+COUNT()+FROM+Lead" },
        { "method": "PATCH", "url": format!("v66.0/sobjects/Lead/{lead}"), "richInput": { "City": "Bonn" } },
        { "method": "GET", "url": "v66.0/sobjects/Nothing/1" },
    ] });
    let (status, body) = api.send("POST", "/composite/batch", calls).await;
    let statuses: Vec<&Value> = body["results"].as_array().unwrap().iter().map(|one| &one["statusCode"]).collect();
    assert_eq!(
        (status, statuses, &body["hasErrors"]),
        (200, vec![&json!(200), &json!(204), &json!(404)], &json!(true))
    );
    assert_eq!((&body["results"][0]["result"]["totalSize"], &api.truth(&lead)["City"]), (&json!(1), &json!("Bonn")));
}

#[tokio::test]
async fn ten_thousand_upserts_take_a_moment() {
    let api = Api::start(small()).await;
    let (_, contact, _) = api.people().await;
    let path = format!("/composite/sobjects/Task/{KEY}");
    let began = std::time::Instant::now();
    for nth in 0..50 {
        let one = |n: u32| {
            task(
                json!({ (KEY): format!("{nth}-{n}"), "Subject": "Call", "WhoId": contact, "Status": "Completed", "ActivityDate": "2026-09-21", "Type": "Email" }),
            )
        };
        let answer = api.send("PATCH", &path, batch(false, (0..200).map(one).collect())).await;
        assert!(outcomes(&answer).iter().all(|outcome| *outcome == "created"));
    }
    eprintln!("10000 upserts: {:?}", began.elapsed());
    assert_eq!(api.query(&format!("SELECT COUNT() FROM Task WHERE WhoId = '{contact}'")).await.1["totalSize"], 10_000);
}
