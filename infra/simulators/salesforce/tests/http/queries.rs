//! The query language, pages, and what a query does not show.

use serde_json::{Value, json};

use crate::support::{Api, refusal, small, told};

/// Five leads: names a to e, one of them without a city, two opted out.
async fn five() -> Api {
    let api = Api::start(small()).await;
    for (name, city, out, employees) in [
        ("a", Some("Bonn"), true, Some(5)),
        ("b", Some("köln"), false, None),
        ("c", None, false, Some(50)),
        ("d", Some("Köln"), true, Some(7)),
        ("O'Neil \\ 50%", Some("Ulm"), false, Some(1)),
    ] {
        let lead = json!({ "LastName": name, "Company": "x", "City": city, "HasOptedOutOfEmail": out, "NumberOfEmployees": employees });
        api.created("Lead", lead).await;
        api.world.advance(1);
    }
    api
}

#[tokio::test]
async fn conditions_hold_for_whom_they_should() {
    let api = five().await;
    for (condition, expected) in [
        ("City = 'KÖLN'", vec!["b", "d"]),
        ("City != 'Bonn'", vec!["O'Neil \\ 50%", "b", "c", "d"]),
        ("City = null", vec!["c"]),
        ("City != NULL AND HasOptedOutOfEmail = true", vec!["a", "d"]),
        ("City IN ('bonn','Ulm')", vec!["O'Neil \\ 50%", "a"]),
        ("City NOT IN ('bonn','Ulm')", vec!["b", "c", "d"]),
        ("City IN ('bonn', null)", vec!["a", "c"]),
        ("NOT City LIKE 'k_ln'", vec!["O'Neil \\ 50%", "a", "c"]),
        ("(NOT (City = 'Bonn' OR City = 'Ulm')) AND NumberOfEmployees > 6", vec!["c", "d"]),
        ("NumberOfEmployees IN (5, 7)", vec!["a", "d"]),
        ("NumberOfEmployees <= 5", vec!["O'Neil \\ 50%", "a"]),
        ("LastName = 'o\\'neil \\\\ 50%'", vec!["O'Neil \\ 50%"]),
        ("LastName LIKE '%50\\%'", vec!["O'Neil \\ 50%"]),
        ("LastName >= 'c' AND LastName < 'o'", vec!["c", "d"]),
        ("SystemModstamp >= 2026-09-21T14:13:23Z", vec!["O'Neil \\ 50%", "d"]),
        ("SystemModstamp > 2026-09-21T16:13:22+02:00", vec!["O'Neil \\ 50%", "d"]),
        ("SystemModstamp = 2026-09-21T14:13:22.000+0000", vec!["c"]),
        ("CreatedDate = TODAY", vec!["O'Neil \\ 50%", "a", "b", "c", "d"]),
        ("CreatedDate < YESTERDAY", vec![]),
        ("CreatedDate >= LAST_N_DAYS:2 AND Lead.City = 'Ulm'", vec!["O'Neil \\ 50%"]),
        ("Owner.Email = 'integration@simulator.example' AND City = 'Bonn'", vec!["a"]),
    ] {
        let mut names = api.column(&format!("SELECT LastName FROM Lead WHERE {condition}"), "LastName").await;
        names.sort_by_key(Value::to_string);
        assert_eq!(names, expected, "{condition}");
    }
}

#[tokio::test]
async fn order_limit_and_offset() {
    let api = five().await;
    for (rest, expected) in [
        ("ORDER BY LastName", vec!["a", "b", "c", "d", "O'Neil \\ 50%"]),
        ("ORDER BY City, LastName DESC", vec!["c", "a", "d", "b", "O'Neil \\ 50%"]),
        ("ORDER BY City DESC NULLS LAST, LastName ASC LIMIT 3", vec!["O'Neil \\ 50%", "b", "d"]),
        ("ORDER BY SystemModstamp, Id LIMIT 2 OFFSET 3", vec!["d", "O'Neil \\ 50%"]),
        ("WHERE City != null ORDER BY NumberOfEmployees NULLS FIRST LIMIT 1", vec!["b"]),
    ] {
        assert_eq!(api.column(&format!("SELECT LastName FROM Lead {rest}"), "LastName").await, expected, "{rest}");
    }
    let counted = api.query("SELECT COUNT() FROM Lead WHERE HasOptedOutOfEmail = true").await.1;
    assert_eq!(counted, json!({ "totalSize": 2, "done": true, "records": [] }));
    let every = api.query("SELECT FIELDS(ALL) FROM Lead LIMIT 1").await.1;
    assert!(every["records"][0]["Company"].is_string());
}

#[tokio::test]
async fn wrong_queries_are_refused_by_kind() {
    let api = five().await;
    for (soql, code) in [
        ("SELECT Id FROM Lead WHERE", "MALFORMED_QUERY"),
        ("SELECT Nope FROM Lead", "INVALID_FIELD"),
        ("SELECT Nope.Name FROM Lead", "INVALID_FIELD"),
        ("SELECT Who.Nope FROM Task", "INVALID_FIELD"),
        ("SELECT Id FROM Nope", "INVALID_TYPE"),
        ("SELECT Id FROM Lead WHERE SystemModstamp > '2026-09-21T14:13:23Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Task WHERE ActivityDate = 2026-09-21T00:00:00Z", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE City = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Id = 'abc'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Lead WHERE HasOptedOutOfEmail > false", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Lead WHERE Description = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Lead ORDER BY Description", "INVALID_FIELD"),
        ("SELECT Id FROM Lead OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
    ] {
        assert_eq!(refusal(&api.query(soql).await), (400, code), "{soql}");
    }
    assert_eq!(refusal(&api.get("/query").await), (400, "MALFORMED_QUERY"));
    assert_eq!(refusal(&api.get("/query/01g000000000001-2000").await), (400, "INVALID_QUERY_LOCATOR"));
}

#[tokio::test]
async fn related_records_come_along() {
    let api = Api::start(small()).await;
    let (lead, contact, account) = api.people().await;
    let task = api.created("Task", json!({ "WhoId": contact, "Subject": "x" })).await;
    api.created("Task", json!({ "WhoId": lead })).await;
    api.created("Task", json!({})).await;
    let soql = "SELECT Id, Who.Type, Who.Name, Account.Name, Owner.Email FROM Task ORDER BY Who.Name NULLS LAST";
    let records = api.query(soql).await.1["records"].clone();
    assert_eq!((&records[0]["Who"]["Type"], &records[0]["Account"]), (&json!("Lead"), &Value::Null));
    assert_eq!((&records[1]["Id"], &records[1]["Who"]["Name"]), (&json!(task), &json!("Anna Becker")));
    assert_eq!(records[1]["Who"]["attributes"]["type"], "Contact");
    assert_eq!(records[1]["Account"]["Name"], "Acme");
    assert_eq!(records[1]["Owner"]["Email"], "integration@simulator.example");
    assert_eq!(records[2]["Who"], Value::Null);
    let of = format!("SELECT Id FROM Contact WHERE Account.Name LIKE 'ac%' AND AccountId = '{}'", &account[..15]);
    assert_eq!(api.column(&of, "Id").await, [contact.as_str()]);
    assert_eq!(api.column("SELECT Id FROM Task WHERE Who.Type = 'Contact'", "Id").await, [task.as_str()]);
}

#[tokio::test]
async fn pages_show_the_result_as_it_was_when_it_was_asked_for() {
    let api = Api::start(small()).await;
    let leads: Vec<Value> = (0..450).map(|nth| json!({ "LastName": format!("{nth:03}"), "Company": "x" })).collect();
    let ids = api.world.put("Lead", &leads).unwrap();
    let first = api.request("GET", "/query").query(&[("q", "SELECT LastName FROM Lead ORDER BY LastName DESC")]);
    let (_, mut page) = told(first.header("Sforce-Query-Options", "batchSize=10").send().await.unwrap()).await;
    assert_eq!(
        (&page["totalSize"], &page["done"], page["records"].as_array().unwrap().len()),
        (&json!(450), &json!(false), 200)
    );
    api.world.delete(&ids[0], None).unwrap();
    let mut names: Vec<Value> = page["records"].as_array().unwrap().clone();
    while let Some(next) = page["nextRecordsUrl"].as_str() {
        assert!(next.starts_with("/services/data/v66.0/query/01g"), "{next}");
        // Some clients repeat the query there.
        let more = api.http.get(format!("{}{next}?q=SELECT", api.base)).bearer_auth(&api.token);
        page = told(more.send().await.unwrap()).await.1;
        names.extend(page["records"].as_array().unwrap().clone());
    }
    assert_eq!((names.len(), &page["done"], &names[449]["LastName"]), (450, &json!(true), &json!("000")));
}

#[tokio::test]
async fn only_query_all_shows_deleted_and_archived_records() {
    let api = Api::start(small()).await;
    let gone = api.created("Task", json!({ "Subject": "gone" })).await;
    let old =
        api.created("Task", json!({ "Subject": "old", "Status": "Completed", "ActivityDate": "2025-09-21" })).await;
    let young =
        api.created("Task", json!({ "Subject": "young", "Status": "Completed", "ActivityDate": "2025-09-22" })).await;
    let open = api.created("Task", json!({ "Subject": "open", "ActivityDate": "2020-01-01" })).await;
    api.delete(&format!("/sobjects/Task/{gone}")).await;
    assert_eq!(api.column("SELECT Id FROM Task ORDER BY Id", "Id").await, [young.as_str(), open.as_str()]);
    let all = api.query_all("SELECT Id, IsDeleted, IsArchived FROM Task ORDER BY Id").await.1["records"].clone();
    let told: Vec<(&Value, &Value)> =
        all.as_array().unwrap().iter().map(|task| (&task["IsDeleted"], &task["IsArchived"])).collect();
    let (yes, no) = (&json!(true), &json!(false));
    assert_eq!(told, [(yes, no), (no, yes), (no, no), (no, no)]);
    assert_eq!(api.send("PATCH", &format!("/sobjects/Task/{old}"), json!({ "Subject": "still" })).await.0, 204);
    api.world.advance(86_400);
    assert_eq!(api.column("SELECT Id FROM Task", "Id").await, [open.as_str()]);
}
