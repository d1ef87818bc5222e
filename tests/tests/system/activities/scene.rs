//! A small stage for one outcome: a few people, and messages about them that are written by hand.

use std::time::Duration;

use domain::activities::{self, ActivityId, Destination, Progress};
use domain::people::{Field, PersonRow};
use domain::ports::Clock as _;
use serde_json::{Value, json};

use super::people::row;
use super::stage::{Stage, round};

/// The only seller who is a user in Salesforce.
pub const SELLER: &str = "ana@seller.example";
/// Rounds, ten seconds apart, after which what waits is left waiting.
const ROUNDS: usize = 4;

pub struct Scene {
    pub stage: Stage,
    /// People in Marketo.
    pub ids: Vec<i64>,
    /// The seller's id in Salesforce.
    pub seller: String,
}

impl Scene {
    pub async fn set() -> Self {
        let marketo = simulator_marketo::Config { people: 20, ..simulator_marketo::Config::default() };
        let stage = Stage::set(marketo, simulator_salesforce::Config::default(), 1).await;
        let ids = stage.marketo.truth().map(|person| person.marketo_id).collect();
        let user = json!({ "Username": SELLER, "Email": SELLER, "LastName": "Seller", "Alias": "ana" });
        let seller = stage.salesforce.put("User", &[user]).unwrap().remove(0);
        Self { stage, ids, seller }
    }

    /// A stage with one person of these fields stored; gives the person's id, too.
    pub async fn with(fields: &[(Field, &str)]) -> (Self, i64) {
        let scene = Self::set().await;
        let id = scene.store(0, fields, |_| ()).await;
        (scene, id)
    }

    /// Stores one more person, altered as wanted.
    pub async fn store(&self, nth: usize, fields: &[(Field, &str)], alter: impl Fn(&mut PersonRow)) -> i64 {
        let mut person = row(self.ids[nth], fields.iter().map(|(field, value)| (*field, (*value).to_owned())));
        alter(&mut person);
        self.stage.store(vec![person]).await;
        self.ids[nth]
    }

    /// Puts a lead or contact into Salesforce; gives the id.
    pub fn put(&self, object: &str, email: &str, more: Value) -> String {
        let mut record = json!({ "LastName": "Somebody", "Email": email });
        if object == "Lead" {
            record["Company"] = "Somewhere".into();
        }
        for (name, value) in more.as_object().into_iter().flatten() {
            record[name] = value.clone();
        }
        self.stage.salesforce.put(object, &[record]).unwrap().remove(0)
    }

    /// Takes messages in and logs for a while; gives what came of each.
    pub async fn log(&self, messages: &[Value]) -> String {
        self.stage.accept(messages).await;
        for _ in 0..ROUNDS {
            round(&self.stage.ports, &[]).await;
            self.stage.clock.jump(Duration::from_secs(10));
        }
        let mut told = Vec::new();
        for message in messages {
            told.push(self.outcome(message["activityId"].as_str().unwrap()).await);
        }
        told.join("; ")
    }

    /// What came of one activity at Marketo and at Salesforce.
    pub async fn outcome(&self, id: &str) -> String {
        let id = ActivityId(id.to_owned());
        let entries = self.stage.entries(std::slice::from_ref(&id)).await;
        let told = Destination::ALL.map(|destination| match entries[&id].at(destination) {
            Progress::Due { trouble: None, .. } => "waits".to_owned(),
            Progress::Due { trouble: Some(trouble), .. } => format!("later {}", trouble.code),
            Progress::Done { .. } => "done".to_owned(),
            Progress::Rejected { trouble, .. } => format!("rejected {}", trouble.code),
            Progress::Skipped { .. } => "skipped".to_owned(),
        });
        told.join(", ")
    }

    /// The task of an activity; null where there is none.
    pub fn task(&self, id: &str) -> Value {
        self.stage.tasks().into_iter().find(|task| task["Sales_Activity_Key__c"] == id).unwrap_or_default()
    }

    /// Logs one email and says whose task it became.
    pub async fn email_goes_to(&self, person: i64, names: &[(&str, &str)]) -> String {
        let told = self.log(&[email("e", person)]).await;
        let who = self.task("e")["WhoId"].as_str().unwrap_or("nobody").to_owned();
        let name = names.iter().find(|(_, id)| *id == who).map_or("somebody else", |(name, _)| name);
        format!("{told}: {name}")
    }

    /// The notices of Salesforce's desk, and what is wrong there.
    pub async fn desk(&self) -> (String, Option<String>) {
        let (ports, now) = (&self.stage.ports, self.stage.clock.now());
        let status = activities::logging_status(&*ports.ledger, &*ports.state, now).await.unwrap().salesforce;
        (status.notices.join("; "), status.problem.map(|problem| problem.message))
    }
}

fn message(id: &str, person: i64, kind: &str) -> Value {
    json!({
        "v": 1, "activityId": id, "type": kind, "occurredAt": "2026-07-01T10:00:00Z", "user": SELLER, "marketoId": person
    })
}

pub fn email(id: &str, person: i64) -> Value {
    let mut message = message(id, person, "emailSent");
    message["email"] = json!({
        "subject": "Hello", "body": "Text", "to": "to@example.com", "template": { "id": "t1", "name": "Introduction" }
    });
    message
}

pub fn call(id: &str, person: i64) -> Value {
    let mut message = message(id, person, "callLogged");
    message["call"] = json!({ "status": "completed", "durationSeconds": 60 });
    message
}

/// Something that happened to an email.
pub fn about(kind: &str, id: &str, person: i64, original: &str) -> Value {
    let mut message = message(id, person, kind);
    message["originalActivityId"] = original.into();
    message
}
