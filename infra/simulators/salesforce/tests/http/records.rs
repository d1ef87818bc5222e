//! One record at a time: writing, reading, conditions, and what a record may hold.

use serde_json::{Value, json};

use crate::support::{Api, KEY, refusal, small, told};

#[tokio::test]
async fn a_record_is_created_read_changed_and_deleted() {
    let api = Api::start(small()).await;
    let (lead, ..) = api.people().await;
    assert_eq!(lead.len(), 18);
    let path = format!("/sobjects/Lead/{lead}");
    let (status, read) = api.get(&path).await;
    assert_eq!(
        (status, &read["Name"], &read["Company"], &read["Email"]),
        (200, &json!("Adams"), &json!("Borealis"), &Value::Null)
    );
    assert_eq!(read["CreatedDate"], "2026-09-21T14:13:20.000+0000");
    assert_eq!(
        read["attributes"],
        json!({ "type": "Lead", "url": format!("/services/data/v66.0/sobjects/Lead/{lead}") })
    );

    api.world.advance(10);
    let change = json!({ "FirstName": "Zoë", "Company": "Acme", "email": "zoe@acme.example" });
    assert_eq!(api.send("PATCH", &path, change).await, (204, Value::Null));
    let some = api.get(&format!("/sobjects/lead/{}?fields=Name,Email,SystemModstamp", &lead[..15])).await.1;
    assert_eq!(some["Name"], "Zoë Adams");
    assert_eq!(
        (&some["Email"], &some["SystemModstamp"]),
        (&json!("zoe@acme.example"), &json!("2026-09-21T14:13:30.000+0000"))
    );
    assert_eq!(some.get("Company"), None);

    assert_eq!(api.delete(&path).await.0, 204);
    assert_eq!(refusal(&api.get(&path).await), (404, "ENTITY_IS_DELETED"));
    assert_eq!(refusal(&api.delete(&path).await), (404, "ENTITY_IS_DELETED"));
    assert_eq!(refusal(&api.send("PATCH", &path, json!({})).await), (404, "ENTITY_IS_DELETED"));
    assert_eq!(api.truth(&lead)["IsDeleted"], true);
    let nobody = "/sobjects/Lead/00Q000000000001";
    assert_eq!(refusal(&api.get(nobody).await), (404, "NOT_FOUND"));
    assert_eq!(refusal(&api.get("/sobjects/Nothing/00Q000000000001").await), (404, "NOT_FOUND"));
    assert_eq!(refusal(&api.send("PUT", nobody, json!({})).await), (405, "METHOD_NOT_ALLOWED"));
}

#[tokio::test]
async fn what_a_field_cannot_hold_is_refused_by_name() {
    let api = Api::start(small()).await;
    let long = "ä".repeat(256);
    for (fields, code, about) in [
        (json!({ "Company": "x" }), "REQUIRED_FIELD_MISSING", "LastName"),
        (json!({ "LastName": "", "Company": "x" }), "REQUIRED_FIELD_MISSING", "LastName"),
        (json!({ "LastName": "a", "Company": long }), "STRING_TOO_LONG", "Company"),
        (json!({ "LastName": "a", "Company": "x", "Email": "no address" }), "INVALID_EMAIL_ADDRESS", "Email"),
        (
            json!({ "LastName": "a", "Company": "x", "IsConverted": true }),
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "IsConverted",
        ),
        (
            json!({ "LastName": "a", "Company": "x", "CreatedDate": "2026-01-01T00:00:00Z" }),
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "CreatedDate",
        ),
        (json!({ "LastName": "a", "Company": "x", "OwnerId": "abc" }), "MALFORMED_ID", "OwnerId"),
        (
            json!({ "LastName": "a", "Company": "x", "OwnerId": "005000000000009" }),
            "INVALID_CROSS_REFERENCE_KEY",
            "OwnerId",
        ),
        (
            json!({ "LastName": "a", "Company": "x", "OwnerId": "001000000000009" }),
            "FIELD_INTEGRITY_EXCEPTION",
            "OwnerId",
        ),
        (json!({ "LastName": "a", "Company": "x", "Nope__c": 1 }), "INVALID_FIELD", ""),
        (json!({ "LastName": "a", "Company": "x", "HasOptedOutOfEmail": "yes" }), "JSON_PARSER_ERROR", ""),
    ] {
        let answer = api.send("POST", "/sobjects/Lead", fields.clone()).await;
        assert_eq!(refusal(&answer), (400, code), "{fields}");
        let named = answer.1[0]["fields"][0].as_str().unwrap_or_default();
        assert_eq!(named, about, "{fields}: {}", answer.1);
    }
    assert_eq!(api.world.records("Lead").len(), 0);
    // Length counts characters, not bytes.
    api.created("Lead", json!({ "LastName": "ä".repeat(80), "Company": "😀".repeat(255) })).await;
    let broken = api.request("POST", "/sobjects/Lead").body("{").send().await.unwrap();
    assert_eq!(refusal(&told(broken).await), (400, "JSON_PARSER_ERROR"));
}

#[tokio::test]
async fn upserts_find_their_record_by_an_exact_key() {
    let api = Api::start(small()).await;
    let path = |key: &str| format!("/sobjects/Task/{KEY}/{key}");
    let (status, made) = api.send("PATCH", &path("a%2Fb%20c"), json!({ "Subject": "one" })).await;
    assert_eq!((status, &made["created"], &made["success"]), (201, &json!(true), &json!(true)));
    let id = made["id"].as_str().unwrap();
    assert_eq!(api.truth(id)[KEY], "a/b c");
    let (status, again) = api.send("PATCH", &path("a%2Fb%20c"), json!({ "Subject": "two" })).await;
    assert_eq!((status, &again["created"], &again["id"]), (200, &json!(false), &json!(id)));
    assert_eq!(api.get(&path("a%2Fb%20c")).await.1["Subject"], "two");
    // Another case is another key.
    assert_eq!(api.send("PATCH", &path("A%2FB%20C"), json!({})).await.0, 201);
    assert_eq!(
        refusal(&api.send("PATCH", &format!("{}?updateOnly=true", path("new")), json!({})).await),
        (404, "NOT_FOUND")
    );
    assert_eq!(refusal(&api.send("PATCH", &path("x"), json!({ (KEY): "x" })).await), (400, "INVALID_FIELD"));
    assert_eq!(refusal(&api.send("PATCH", "/sobjects/Task/Subject/x", json!({})).await), (404, "NOT_FOUND"));
    let taken = api.send("POST", "/sobjects/Task", json!({ (KEY): "a/b c" })).await;
    assert_eq!(refusal(&taken), (400, "DUPLICATE_VALUE"));
    assert!(taken.1[0]["message"].as_str().unwrap().ends_with(id));
    // A deleted record gives its key free.
    assert_eq!(api.delete(&path("a%2Fb%20c")).await.0, 204);
    assert_eq!(api.send("PATCH", &path("a%2Fb%20c"), json!({})).await.0, 201);
}

#[tokio::test]
async fn a_change_can_be_bound_to_what_was_read() {
    let api = Api::start(small()).await;
    let (lead, ..) = api.people().await;
    let path = format!("/sobjects/Lead/{lead}");
    let read = api.request("GET", &path).send().await.unwrap();
    let seen = read.headers()["last-modified"].to_str().unwrap().to_owned();
    let patch = |since: String| {
        api.request("PATCH", &path).header("If-Unmodified-Since", since).json(&json!({ "City": "Bonn" }))
    };
    assert_eq!(patch(seen.clone()).send().await.unwrap().status().as_u16(), 204);
    api.world.advance(5);
    assert_eq!(api.send("PATCH", &path, json!({ "City": "Köln" })).await.0, 204);
    let late = told(patch(seen.clone()).send().await.unwrap()).await;
    assert_eq!(refusal(&late), (412, "ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE_CHECK"));
    assert_eq!(patch("yesterday".into()).send().await.unwrap().status().as_u16(), 400);
    assert_eq!(api.truth(&lead)["City"], "Köln");
    let unchanged =
        api.request("GET", &path).header("If-Modified-Since", "Mon, 21 Sep 2026 14:14:00 GMT").send().await.unwrap();
    assert_eq!(unchanged.status().as_u16(), 304);
}
