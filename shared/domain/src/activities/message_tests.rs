//! What a message must have, and what is said of one that cannot be used.

use serde_json::{Value, json};

use super::*;

fn sent() -> Value {
    json!({
        "activityId": "a1", "type": "emailSent", "occurredAt": "2026-11-23T15:44:36Z", "user": "rep@example.com", "marketoId": 1_000_001,
        "email": { "subject": "Hello", "body": "Hi", "to": "p@example.com", "url": "https://app.example/e/1",
                   "template": { "id": 7, "name": "Intro", "url": null } },
        "campaign": { "id": "c1", "name": "Spring", "url": null, "step": 2, "day": "3" }, "unknownKey": [1, 2]
    })
}

fn of_type(kind: &str, more: Value) -> Value {
    let mut message = json!({
        "activityId": "a2", "type": kind, "occurredAt": "2026-11-23T16:00:00+01:00", "user": "rep@example.com", "marketoId": 5
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        message[key] = value.clone();
    }
    message
}

#[test]
fn every_type_is_understood() {
    let original = json!({ "originalActivityId": "a1" });
    let with = |key: &str, value: Value| {
        let mut more = original.clone();
        more[key] = value;
        more
    };
    let campaign =
        json!({ "campaign": { "id": 1, "name": "Spring", "url": "https://c.example", "step": "1", "day": 1 } });
    let call = json!({ "call": { "status": "no answer", "outcome": null, "durationSeconds": 12 } });
    let messages = [
        (Kind::EmailSent, sent()),
        (Kind::EmailOpened, of_type("emailOpened", original.clone())),
        (Kind::EmailClicked, of_type("emailClicked", with("link", json!("https://x.example")))),
        (Kind::EmailReplied, of_type("emailReplied", original.clone())),
        (
            Kind::EmailBounced,
            of_type("emailBounced", with("bounce", json!({ "details": "550", "address": "p@example.com" }))),
        ),
        (Kind::CallLogged, of_type("callLogged", call)),
        (Kind::CampaignAdded, of_type("campaignAdded", campaign.clone())),
        (Kind::CampaignRemoved, of_type("campaignRemoved", campaign)),
    ];
    for (kind, message) in messages {
        let activity = Activity::parse(&message.to_string()).unwrap();
        assert_eq!(activity.what.kind(), kind);
        let kept: Activity = serde_json::from_str(&serde_json::to_string(&activity).unwrap()).unwrap();
        assert_eq!(kept, activity, "an entry keeps all of it");
    }
}

#[test]
fn numbers_serve_as_ids_steps_and_days() {
    let What::EmailSent { email, campaign } = Activity::parse(&sent().to_string()).unwrap().what else { panic!() };
    let campaign = campaign.unwrap();
    assert_eq!(
        (email.template.unwrap().id.as_str(), campaign.step.as_deref(), campaign.day.as_deref()),
        ("7", Some("2"), Some("3"))
    );
}

#[test]
fn an_address_may_stand_for_the_id() {
    let mut message = of_type("emailOpened", json!({ "originalActivityId": "a1", "email": " P@example.com " }));
    message.as_object_mut().unwrap().remove("marketoId");
    assert_eq!(Activity::parse(&message.to_string()).unwrap().about, About::Email("P@example.com".to_owned()));
    let mut message = sent();
    message.as_object_mut().unwrap().remove("marketoId");
    assert_eq!(Activity::parse(&message.to_string()).unwrap().about, About::Email("p@example.com".to_owned()));
}

#[test]
fn what_cannot_be_used_says_why_and_quotes_nothing() {
    const CANARY: &str = "canary-7731";
    let without = |key: &str| {
        let mut message = sent();
        message.as_object_mut().unwrap().remove(key);
        message["campaign"]["name"] = CANARY.into();
        message.to_string()
    };
    let with = |key: &str, value: Value| {
        let mut message = sent();
        message[key] = value;
        message.to_string()
    };
    for (body, says) in [
        (format!("{{{CANARY}"), "not JSON"),
        (format!("\"{CANARY}\""), "wrong type"),
        (without("activityId"), "activityId"),
        (without("type"), "type is missing"),
        (without("occurredAt"), "occurredAt"),
        (without("user"), "user"),
        (without("email"), "email is missing"),
        (with("activityId", "x".repeat(65).into()), "64 characters"),
        (with("type", CANARY.into()), "emailSent, emailOpened"),
        (with("occurredAt", CANARY.into()), "wrong type"),
        (with("v", 2.into()), "version"),
        (with("email", json!({ "subject": CANARY })), "email lacks a required key"),
        (of_type("emailOpened", json!({})).to_string(), "originalActivityId"),
        (of_type("emailClicked", json!({ "originalActivityId": "a1" })).to_string(), "link"),
        (of_type("callLogged", json!({ "call": { "status": CANARY } })).to_string(), "call lacks"),
        (of_type("campaignAdded", json!({})).to_string(), "campaign is missing"),
        (
            of_type("emailOpened", json!({ "originalActivityId": "a1", "marketoId": null })).to_string(),
            "names no person",
        ),
    ] {
        let reason = Activity::parse(&body).unwrap_err().reason;
        assert!(reason.contains(says), "{says} in {reason}");
        assert!(!reason.contains(CANARY), "{reason}");
    }
}
