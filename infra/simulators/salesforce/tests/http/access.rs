//! What the integration user may see and write, and what describe calls tell of it.

use serde_json::{Value, json};
use simulator_salesforce::{Access, Config, CustomField, FieldChange, Picklist, Predicate, ValidationRule};

use crate::support::{Api, KEY, refusal, small};

async fn field(api: &Api, object: &str, name: &str) -> Option<Value> {
    let (_, described) = api.get(&format!("/sobjects/{object}/describe")).await;
    described["fields"].as_array().unwrap().iter().find(|field| field["name"] == name).cloned()
}

#[tokio::test]
async fn hidden_and_absent_fields_are_not_there_and_read_only_ones_cannot_be_written() {
    let api = Api::start(small()).await;
    let (lead, ..) = api.people().await;
    let path = format!("/sobjects/Lead/{lead}");
    let soql = "SELECT Id, HasOptedOutOfEmail FROM Lead";
    for access in [Access::Hidden, Access::Absent] {
        api.world.change_field("Lead.HasOptedOutOfEmail", access).unwrap();
        assert_eq!(field(&api, "Lead", "HasOptedOutOfEmail").await, None);
        assert_eq!(refusal(&api.query(soql).await), (400, "INVALID_FIELD"));
        let filtered = "SELECT Id FROM Lead WHERE HasOptedOutOfEmail = true";
        assert_eq!(refusal(&api.query(filtered).await), (400, "INVALID_FIELD"));
        let write = api.send("PATCH", &path, json!({ "HasOptedOutOfEmail": true })).await;
        assert_eq!(refusal(&write), (400, "INVALID_FIELD"));
        assert_eq!(api.get(&path).await.1.get("HasOptedOutOfEmail"), None);
    }
    api.world.change_field("Lead.HasOptedOutOfEmail", Access::ReadOnly).unwrap();
    let described = field(&api, "Lead", "HasOptedOutOfEmail").await.unwrap();
    assert_eq!((&described["updateable"], &described["createable"]), (&json!(false), &json!(false)));
    assert_eq!(api.query(soql).await.0, 200);
    let write = api.send("PATCH", &path, json!({ "HasOptedOutOfEmail": true })).await;
    assert_eq!(
        (refusal(&write), &write.1[0]["fields"][0]),
        ((400, "INVALID_FIELD_FOR_INSERT_UPDATE"), &json!("HasOptedOutOfEmail"))
    );
    api.world.change_field("Lead.HasOptedOutOfEmail", Access::Full).unwrap();
    assert_eq!(api.send("PATCH", &path, json!({ "HasOptedOutOfEmail": true })).await.0, 204);
}

#[tokio::test]
async fn describe_tells_types_lengths_keys_and_values() {
    let custom = [("Lead.Sales_Score__c".to_owned(), CustomField::Text(7))].into();
    let short = FieldChange { access: None, length: Some(18) };
    let api =
        Api::start(Config { custom_fields: custom, fields: [(format!("Task.{KEY}"), short)].into(), ..small() }).await;
    let key = field(&api, "Task", KEY).await.unwrap();
    for (name, expected) in [
        ("type", json!("string")),
        ("length", json!(18)),
        ("externalId", json!(true)),
        ("unique", json!(true)),
        ("caseSensitive", json!(true)),
        ("idLookup", json!(true)),
        ("custom", json!(true)),
    ] {
        assert_eq!(key[name], expected, "{name}");
    }
    assert_eq!(field(&api, "Lead", "Sales_Score__c").await.unwrap()["length"], 7);
    let who = field(&api, "Task", "WhoId").await.unwrap();
    assert_eq!((&who["referenceTo"], &who["relationshipName"]), (&json!(["Contact", "Lead"]), &json!("Who")));
    let kind = field(&api, "Task", "Type").await.unwrap();
    let values: Vec<&str> =
        kind["picklistValues"].as_array().unwrap().iter().filter_map(|v| v["value"].as_str()).collect();
    assert_eq!(values, ["Call", "Email", "Meeting", "Other"]);
    assert_eq!(field(&api, "Task", "IsClosed").await.unwrap()["updateable"], false);
    let (_, listed) = api.get("/sobjects").await;
    let prefixes: Vec<&str> =
        listed["sobjects"].as_array().unwrap().iter().filter_map(|o| o["keyPrefix"].as_str()).collect();
    assert!(["00Q", "003", "001", "00T", "005"].iter().all(|prefix| prefixes.contains(prefix)));

    let path = "/sobjects/Task/describe";
    let since = |date: &str| api.request("GET", path).header("If-Modified-Since", date.to_owned()).send();
    assert_eq!(since("Mon, 21 Sep 2026 14:13:20 GMT").await.unwrap().status().as_u16(), 304);
    api.world.advance(60);
    api.world.change_field("Task.Type", Access::ReadOnly).unwrap();
    assert_eq!(since("Mon, 21 Sep 2026 14:13:20 GMT").await.unwrap().status().as_u16(), 200);
}

#[tokio::test]
async fn picklists_and_rules_are_the_organisations_own() {
    let api = Api::start(small()).await;
    let reply = json!({ "Type": "Reply" });
    let code = "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST";
    assert_eq!(refusal(&api.send("POST", "/sobjects/Task", reply.clone()).await), (400, code));
    let types =
        Picklist { values: vec!["Reply".into(), "Email".into()], default: Some("Email".into()), restricted: true };
    api.world.set_picklist("Task.Type", &types).unwrap();
    api.created("Task", reply).await;
    let plain = api.created("Task", json!({})).await;
    assert_eq!(api.truth(&plain)["Type"], "Email");

    let rule = |field: &str, broken_if: Predicate| ValidationRule {
        object: "Task".into(),
        field: field.into(),
        broken_if,
        message: format!("{field} is not as we want it"),
    };
    for (broken_if, fields) in [
        (rule("Subject", Predicate::Blank), json!({})),
        (rule("Subject", Predicate::Contains("spam".into())), json!({ "Subject": "no spam" })),
        (rule("Subject", Predicate::LongerThan(3)), json!({ "Subject": "four" })),
        (rule("CallType", Predicate::Present), json!({ "CallType": "Inbound" })),
        (rule("CallDurationInSeconds", Predicate::Equals(json!(0))), json!({ "CallDurationInSeconds": 0 })),
        (rule("IsClosed", Predicate::NotEquals(json!(true))), json!({})),
    ] {
        api.world.set_validation_rules(vec![broken_if.clone()]);
        let answer = api.send("POST", "/sobjects/Task", fields).await;
        assert_eq!(refusal(&answer), (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION"));
        assert_eq!(answer.1[0]["message"], broken_if.message);
    }
    api.created("Task", json!({ "Status": "Completed" })).await;
}

#[tokio::test]
async fn wrong_configurations_are_said_to_be_so() {
    let api = Api::start(small()).await;
    assert!(api.world.change_field("Task.Nope", Access::Hidden).unwrap_err().contains("Task.Nope"));
    let fields = [("Nope.Field".to_owned(), FieldChange::from(Access::Hidden))].into();
    assert!(simulator_salesforce::Simulator::start(Config { fields, ..small() }).await.is_err());
    assert_eq!(refusal(&api.send("POST", "/sobjects/User", json!({})).await), (403, "INSUFFICIENT_ACCESS_OR_READONLY"));
}
