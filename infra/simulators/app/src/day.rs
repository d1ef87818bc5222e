//! What sellers do on a day. Must not know what becomes of it.

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Somebody to sell to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Someone {
    /// Marketo id.
    pub marketo_id: i64,
    /// Address.
    pub email: Option<String>,
}

const SELLERS: [&str; 5] =
    ["ana@seller.example", "bo@seller.example", "chloe@seller.example", "dev@seller.example", "eva@seller.example"];
const SUBJECTS: [&str; 6] = [
    "Quick question",
    "Re: \"your\" quote",
    "Line\r\nbreak",
    "Größe, Straße & Maß",
    "見積もりの件",
    "A subject that goes on and on and on, so that no field anywhere can hold all of it",
];
const BODIES: [&str; 4] = [
    "Hello,\n\nare you free on Tuesday?",
    "<html><body><p>Dear <b>customer</b>,</p><p>1 &lt; 2 &amp; so on.</p></body></html>",
    "",
    "Ünïcödé 🚀 'quoted' \\ backslash",
];
const CAMPAIGNS: [(&str, &str); 3] = [("c1", "Spring outreach"), ("c2", "Renewals"), ("c3", "Événement")];
const STATUSES: [&str; 4] = ["completed", "no answer", "cancelled", "failed"];

/// So many messages about these people, oldest first, one every few seconds from `start` on. The same seed makes the same day.
///
/// # Panics
/// Without people.
#[must_use]
pub fn day(seed: u64, people: &[Someone], count: usize, start: Timestamp) -> Vec<Value> {
    let mut maker = Maker { rng: Rng::with_seed(seed), seed, at: start, sent: Vec::new() };
    (0..count).map(|number| maker.message(number, people)).collect()
}

/// The same messages, some of them twice: of a hundred so many.
#[must_use]
pub fn duplicated(seed: u64, messages: &[Value], percent: u8) -> Vec<Value> {
    let mut rng = Rng::with_seed(seed);
    let again: Vec<Value> = messages.iter().filter(|_| rng.u8(0..100) < percent).cloned().collect();
    messages.iter().cloned().chain(again).collect()
}

/// The same messages in another order.
#[must_use]
pub fn shuffled(seed: u64, mut messages: Vec<Value>) -> Vec<Value> {
    Rng::with_seed(seed).shuffle(&mut messages);
    messages
}

struct Maker {
    rng: Rng,
    seed: u64,
    at: Timestamp,
    /// Emails sent so far: activity id, person, seller.
    sent: Vec<(String, Someone, &'static str)>,
}

impl Maker {
    fn message(&mut self, number: usize, people: &[Someone]) -> Value {
        self.at = self.at.checked_add(SignedDuration::from_millis(self.rng.i64(500..9_000))).unwrap_or(self.at);
        let roll = self.rng.u8(0..100);
        let id = format!("act-{:x}-{number}", self.seed);
        if (30..72).contains(&roll)
            && let Some((original, person, seller)) = self.pick_sent()
        {
            return self.about_email(&id, roll, &original, &person, seller);
        }
        let person = people[self.rng.usize(0..people.len())].clone();
        let seller = SELLERS[self.rng.usize(0..SELLERS.len())];
        let mut message = match roll {
            72..90 => self.call(),
            90..95 => json!({ "type": "campaignAdded", "campaign": self.campaign() }),
            95.. => json!({ "type": "campaignRemoved", "campaign": self.campaign() }),
            _ => {
                self.sent.push((id.clone(), person.clone(), seller));
                self.email(&person)
            }
        };
        self.head(&mut message, &id, &person, seller);
        message
    }

    fn pick_sent(&mut self) -> Option<(String, Someone, &'static str)> {
        (!self.sent.is_empty()).then(|| self.sent[self.rng.usize(0..self.sent.len())].clone())
    }

    fn about_email(&mut self, id: &str, roll: u8, original: &str, person: &Someone, seller: &'static str) -> Value {
        let mut message = match roll {
            30..55 => json!({ "type": "emailOpened" }),
            55..65 => json!({ "type": "emailClicked", "link": "https://app.example/l?a=1&b=\"2\"" }),
            65..70 => json!({ "type": "emailReplied" }),
            _ => json!({
                "type": "emailBounced",
                "bounce": { "details": "550 5.1.1 no such user", "address": person.email.as_deref().unwrap_or("nobody@example.com") }
            }),
        };
        message["originalActivityId"] = original.into();
        self.head(&mut message, id, person, seller);
        message
    }

    fn head(&mut self, message: &mut Value, id: &str, person: &Someone, seller: &str) {
        message["activityId"] = id.into();
        message["occurredAt"] = self.at.to_string().into();
        message["user"] = seller.into();
        message["marketoId"] = person.marketo_id.into();
    }

    fn email(&mut self, person: &Someone) -> Value {
        let with_template = self.rng.bool();
        let template = json!({ "id": "t7", "name": "Introduction", "url": "https://app.example/t/7" });
        let mut message = json!({
            "type": "emailSent",
            "email": {
                "subject": SUBJECTS[self.rng.usize(0..SUBJECTS.len())],
                "body": BODIES[self.rng.usize(0..BODIES.len())],
                "to": person.email.as_deref().unwrap_or("nobody@example.com"),
                "url": "https://app.example/e/1",
                "template": if with_template { template } else { Value::Null }
            }
        });
        if self.rng.bool() {
            message["campaign"] = self.campaign();
        }
        message
    }

    fn call(&mut self) -> Value {
        json!({
            "type": "callLogged",
            "call": {
                "status": STATUSES[self.rng.usize(0..STATUSES.len())], "outcome": "Interested", "reason": "Renewal",
                "durationSeconds": self.rng.u32(0..3_600), "recordingUrl": "https://app.example/r/1",
                "answeredBy": "Reception", "phone": "+49 30 1234567", "notes": "Call back\nnext week"
            }
        })
    }

    fn campaign(&mut self) -> Value {
        let (id, name) = CAMPAIGNS[self.rng.usize(0..CAMPAIGNS.len())];
        json!({ "id": id, "name": name, "url": "https://app.example/c/1", "step": self.rng.u32(1..5), "day": self.rng.u32(1..20) })
    }
}
