//! `log`, `rejects` and `provision`: the program itself over both simulated vendors, left alone, killed, and with answers that get lost.

use std::fs;
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use simulator_app::{Expected, Someone};
use simulator_marketo as m;
use simulator_salesforce as s;

use crate::support::{Story, quick, seed};

const ACTIVITIES: usize = 600;
/// A guess at how long a run takes.
const RUN: Duration = Duration::from_secs(3);

/// Longest run with nothing to wait for.
const LONGEST: Duration = Duration::from_secs(45);

/// A synced story with a Salesforce that knows the people, types provisioned, and a day of messages in a file.
struct Day {
    story: Story,
    salesforce: s::Simulator,
    expected: Expected,
}

impl Day {
    async fn of(name: &str) -> Self {
        let mut story = Story::of(quick(name, 300)).await;
        let org = s::Config::default();
        story.env("SALESFORCE_CLIENT_ID", &org.client_id);
        story.env("SALESFORCE_CLIENT_SECRET", &org.client_secret);
        story.env("MARKETO_SETTLE_SECONDS", "1");
        let salesforce = s::Simulator::start(org).await.unwrap();
        story.env("SALESFORCE_LOGIN_URL", &salesforce.base_url());
        story.sync_to_truth("before the day").await;
        story.run(&["provision", "marketo", "--check"]).await.ends(1, &["Send Sales Email"]);
        story.run(&["provision", "marketo"]).await.ends(0, &["approved", "nothing is missing"]);
        story.run(&["provision", "marketo"]).await.ends(0, &["nothing is missing"]);
        story.run(&["provision", "salesforce", "--check"]).await.ends(0, &["Reply"]);
        let people = know(&story, &salesforce);
        let start = "2026-11-20T08:00:00Z".parse().unwrap();
        let day = simulator_app::day(seed(name), &people, ACTIVITIES, start);
        let expected = Expected::of(&day);
        let sent = simulator_app::shuffled(1, simulator_app::duplicated(2, &day, 10));
        write(&story, &sent);
        Self { story, salesforce, expected }
    }

    async fn log(&self) -> Value {
        let (file, json) = (self.story.path("activities"), self.story.path("log"));
        let args = ["log", "--activities", file.to_str().unwrap(), "--json", json.to_str().unwrap()];
        let run = self.story.on_state(&args).await;
        run.ends(0, &["accepted"]);
        assert!(run.took < LONGEST, "it waited for nothing: {:?}", run.took);
        self.story.json("log")
    }

    fn is_right(&self, when: &str) {
        let activities = self.story.world().custom_activities();
        let found: Vec<_> =
            activities.iter().map(|activity| (activity.text("activityId").to_owned(), activity.lead)).collect();
        assert_eq!(self.expected.wrong_in_marketo(&found), Vec::<String>::new(), "{when}");
        let tasks = self.salesforce.world().records("Task");
        assert_eq!(self.expected.wrong_in_salesforce(&tasks), Vec::<String>::new(), "{when}");
    }

    fn writes(&self) -> (usize, Vec<Value>) {
        (self.story.world().custom_activities().len(), self.salesforce.world().records("Task"))
    }
}

/// Tells Salesforce of the people stored; gives some of them.
fn know(story: &Story, salesforce: &s::Simulator) -> Vec<Someone> {
    let (mut people, mut contacts, mut leads) = (Vec::new(), Vec::new(), Vec::new());
    for (id, row) in story.dump() {
        let contact = json!({ "Id": row["sfdcContactId"], "LastName": "Contact" });
        let lead = json!({ "Id": row["sfdcLeadId"], "LastName": "Lead", "Company": "Acme" });
        match row["sfdcContactId"].is_null() {
            false => contacts.push(contact),
            true => leads.push(lead),
        }
        people.push(Someone { marketo_id: id, email: None });
    }
    salesforce.world().put("Contact", &contacts).unwrap();
    salesforce.world().put("Lead", &leads).unwrap();
    people
}

fn write(story: &Story, messages: &[Value]) {
    let lines: Vec<String> = messages.iter().map(Value::to_string).collect();
    fs::write(story.path("activities"), lines.join("\n")).unwrap();
}

#[tokio::test]
async fn a_day_is_logged_once_however_often_it_is_fed() {
    let day = Day::of("a day").await;
    day.story.set("log.dryRun", "on").await;
    let held_back = day.log().await;
    assert_eq!((&held_back["accepted"], &held_back["marketo"]["logged"]), (&json!(ACTIVITIES), &json!(0)));
    assert_eq!(day.writes(), (0, Vec::new()), "a dry run writes nothing");
    day.story.set("log.dryRun", "off").await;
    let figures = day.log().await;
    let tasks = figures["salesforce"]["logged"].as_u64().unwrap() + figures["salesforce"]["skipped"].as_u64().unwrap();
    assert_eq!((figures["accepted"].as_u64(), tasks), (Some(ACTIVITIES as u64), ACTIVITIES as u64));
    assert_eq!((&figures["marketo"]["logged"], &figures["invalid"]), (&json!(ACTIVITIES), &json!(0)));
    day.is_right("after the day");
    let before = day.writes();
    assert_eq!(day.log().await, figures);
    assert!(day.writes() == before, "the same file again writes nothing");
}

#[tokio::test]
async fn killed_at_any_moment_and_with_answers_lost_it_ends_right() {
    let day = Day::of("kills").await;
    let mut chance = Rng::with_seed(seed("moments of kills"));
    let (file, state) = (day.story.path("activities"), day.story.state());
    let args = ["log", "--activities", file.to_str().unwrap(), "--state", state.to_str().unwrap()];
    for round in 0..5 {
        let lost =
            m::Fault::once("POST /rest/v1/activities/external.json", m::FaultAction::Status(502, None)).after_work();
        day.story.world().set_faults(vec![lost.after(round % 2)]);
        let lost = s::Fault::once("PATCH /composite/sobjects*", s::FaultAction::Status(502)).after_work();
        day.salesforce.world().set_faults(vec![lost.after(round)]);
        let moment = Duration::from_millis(chance.u64(1..u64::try_from(RUN.as_millis()).unwrap()));
        let mut child = day.story.begin(&args);
        if tokio::time::timeout(moment, child.wait()).await.is_err() {
            child.kill().await.unwrap();
        }
        day.salesforce.world().end_sessions();
    }
    day.log().await;
    day.is_right("after five kills");
}

#[tokio::test]
async fn what_cannot_be_logged_says_why_and_is_logged_once_it_can() {
    let day = Day::of("rejects").await;
    let someone = *day.story.dump().keys().next().unwrap();
    let call = |id: &str, person: i64, notes: &str| {
        json!({ "activityId": id, "type": "callLogged", "occurredAt": "2026-11-20T08:00:00Z", "user": "rep@seller.example",
                "marketoId": person, "call": { "status": "completed", "notes": notes } })
    };
    let rule = json!({ "object": "Task", "field": "Description", "brokenIf": { "contains": "forbidden" }, "message": "Not so" });
    day.salesforce.world().set_validation_rules(vec![serde_json::from_value(rule).unwrap()]);
    let messages = [
        call("good", someone, "fine"),
        call("ruled", someone, "forbidden"),
        call("nobody", 99_999_999, "x"),
        json!({ "v": 7 }),
    ];
    write(&day.story, &messages);
    let figures = day.log().await;
    let counts = |of: &str| (figures[of]["logged"].clone(), figures[of]["rejected"].clone());
    assert_eq!((&figures["accepted"], &figures["invalid"]), (&json!(3), &json!(1)));
    assert_eq!((counts("marketo"), counts("salesforce")), ((json!(2), json!(1)), (json!(1), json!(2))));

    let list = day.story.on_state(&["rejects", "list"]).await;
    let rejects: Vec<Value> = list.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ruled = rejects.iter().find(|reject| reject["activityId"] == "ruled").unwrap();
    assert_eq!(
        (&ruled["target"], &ruled["code"], &ruled["nextTry"]),
        (&json!("salesforce"), &json!("FIELD_CUSTOM_VALIDATION_EXCEPTION"), &Value::Null)
    );
    assert!(ruled["message"].as_str().unwrap().contains("Not so"), "{ruled}");
    assert_eq!(
        rejects.iter().filter(|reject| reject["code"] == "unknown-person" && !reject["nextTry"].is_null()).count(),
        2
    );
    day.story.on_state(&["status"]).await.ends(0, &["activities in Salesforce", "1 rejected"]);
    day.story.on_state(&["explain", &someone.to_string()]).await.ends(0, &["FIELD_CUSTOM_VALIDATION_EXCEPTION"]);

    day.salesforce.world().set_validation_rules(Vec::new());
    day.story.on_state(&["rejects", "retry"]).await.ends(0, &["2 are still not logged"]);
    assert_eq!(day.salesforce.world().records("Task").len(), 2);
}

#[tokio::test]
async fn without_types_or_key_nothing_is_written_and_the_remedy_is_named() {
    let day = Day::of("key").await;
    day.salesforce.world().change_field("Task.Sales_Activity_Key__c", s::Access::Hidden).unwrap();
    let file = day.story.path("activities");
    let run = day.story.on_state(&["log", "--activities", file.to_str().unwrap()]).await;
    run.ends(2, &["Sales_Activity_Key__c", "provision salesforce"]);
    day.story.run(&["provision", "salesforce"]).await.ends(1, &["Sales_Activity_Key__c", "External ID"]);
    assert_eq!(day.writes().1.len(), 0);
    day.salesforce.world().change_field("Task.Sales_Activity_Key__c", s::Access::Full).unwrap();
    day.log().await;
    day.is_right("once the field is there");
}
