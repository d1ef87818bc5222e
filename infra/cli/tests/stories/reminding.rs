//! `task` and `reconcile tasks`: the program itself over a simulated Salesforce.

use serde_json::{Value, json};
use simulator_marketo as m;
use simulator_salesforce as s;

use crate::support::{Run, Story, quick};

const CANARY: &str = "canary words";

/// A story with a Salesforce beside it, and a user there who owns tasks.
struct Stage {
    story: Story,
    salesforce: s::Simulator,
    owner: (String, String),
}

impl Stage {
    async fn of(name: &str) -> Self {
        let mut story = Story::of(m::Config { people: 50, ..quick(name, 50) }).await;
        let org = s::Config::default();
        story.env("SALESFORCE_CLIENT_ID", &org.client_id);
        story.env("SALESFORCE_CLIENT_SECRET", &org.client_secret);
        story.env("LOG_LEVEL", "debug");
        let salesforce = s::Simulator::start(org).await.unwrap();
        story.env("SALESFORCE_LOGIN_URL", &salesforce.base_url());
        let world = salesforce.world();
        let owner = world.populate(s::Population { users: 1, ..s::Population::default() }).unwrap().users.remove(0);
        let email = world.record(&owner).unwrap()["Email"].as_str().unwrap().to_owned();
        Self { story, salesforce, owner: (owner, email) }
    }

    async fn run(&self, args: &[&str]) -> Run {
        let run = self.story.on_state(args).await;
        assert!(!run.stderr.contains("canary") && !run.stderr.contains('@'), "said aloud: {}", run.stderr);
        run
    }

    /// A command that prints one task.
    async fn task(&self, args: &[&str]) -> Value {
        let run = self.run(&[&["task"], args].concat()).await;
        serde_json::from_str(run.ends(0, &[]).stdout.trim()).unwrap()
    }

    async fn list(&self, more: &[&str]) -> Vec<Value> {
        let run = self.run(&[&["task", "list"], more].concat()).await;
        run.ends(0, &[]).stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// A pass; gives its figures.
    async fn pass(&self, more: &[&str]) -> Value {
        let json = self.story.path("pass");
        let args = ["reconcile", "tasks", "--json", json.to_str().unwrap()];
        self.run(&[&args, more].concat()).await.ends(0, &[]);
        self.story.json("pass")
    }

    fn there(&self, task: &Value) -> Value {
        self.salesforce.world().record(task["sfdcTaskId"].as_str().unwrap()).unwrap()
    }
}

#[tokio::test]
async fn tasks_are_made_edited_completed_and_deleted_on_both_sides() {
    let stage = Stage::of("tasks").await;
    let early = stage.task(&["add", "--name", CANARY]).await;
    assert_eq!(
        (&early["sfdcTaskId"], &early["origin"], &early["kind"]),
        (&Value::Null, &json!("actions"), &json!("custom"))
    );
    stage.run(&["reconcile", "tasks"]).await.ends(0, &["reminders.sync is off"]);
    stage.run(&["settings", "set", "reminders.sync", "on"]).await.ends(0, &[]);
    let add = [
        "add",
        "--name",
        CANARY,
        "--due",
        "2027-03-01",
        "--priority",
        "high",
        "--kind",
        "call",
        "--details",
        CANARY,
        "--owner",
    ];
    let task = stage.task(&[add.as_slice(), &[&stage.owner.1]].concat()).await;
    let id = task["taskId"].as_str().unwrap().to_owned();
    let there = stage.there(&task);
    assert_eq!(
        (&there["Subject"], &there["Priority"], &there["OwnerId"]),
        (&json!(CANARY), &json!("High"), &json!(stage.owner.0))
    );
    let keys: Vec<&String> = task.as_object().unwrap().keys().collect();
    let expected = [
        "details",
        "due",
        "kind",
        "marketoId",
        "name",
        "origin",
        "owner",
        "priority",
        "sfdcTaskId",
        "status",
        "taskId",
        "updatedAt",
    ];
    let mut sorted = keys.clone();
    sorted.sort();
    assert_eq!(sorted, expected.iter().collect::<Vec<_>>());

    let theirs = json!({ "Subject": "theirs", "Status": "In Progress", "Priority": "Low", "ActivityDate": "2027-04-01", "OwnerId": stage.owner.0 });
    let theirs = stage.salesforce.world().put("Task", &[theirs]).unwrap().remove(0);
    let dry = stage.pass(&["--dry-run"]).await;
    assert_eq!((&dry["planned"], &dry["written"]), (&json!(1), &json!({ "salesforce": 0, "actions": 0 })));
    assert_eq!(stage.list(&[]).await.len(), 2, "a dry run writes nothing");
    let done = stage.pass(&[]).await;
    assert_eq!((&done["planned"], &done["written"]), (&json!(1), &json!({ "salesforce": 0, "actions": 1 })));
    let again = stage.pass(&[]).await;
    assert_eq!((&again["planned"], &again["rejected"]), (&json!(0), &json!(0)));
    assert!(again["calls"].as_u64().unwrap() <= 3, "{again}");
    let imported = stage.list(&[]).await.into_iter().find(|task| task["sfdcTaskId"] == theirs).unwrap();
    assert_eq!(
        (&imported["origin"], &imported["priority"], &imported["owner"]),
        (&json!("salesforce"), &json!("normal"), &json!(stage.owner.1))
    );

    let edited = stage.task(&["edit", &id, "--due", "none", "--name", "other"]).await;
    assert_eq!(
        (&edited["due"], &stage.there(&edited)["ActivityDate"], &stage.there(&edited)["Subject"]),
        (&Value::Null, &Value::Null, &json!("other"))
    );
    let complete = stage.task(&["complete", &id]).await;
    assert_eq!((&complete["status"], &stage.there(&complete)["IsClosed"]), (&json!("complete"), &json!(true)));
    let reopened = stage.task(&["reopen", &id]).await;
    assert_eq!((&reopened["status"], &stage.there(&reopened)["IsClosed"]), (&json!("open"), &json!(false)));
    let deleted = stage.task(&["delete", &id]).await;
    assert_eq!((&deleted["status"], &stage.there(&task)["IsDeleted"]), (&json!("deleted"), &json!(true)));
    assert_eq!((stage.list(&[]).await.len(), stage.list(&["--all"]).await.len()), (2, 3));
    stage.run(&["task", "edit", &id, "--name", "x"]).await.ends(2, &["task list"]);
    stage.run(&["task", "edit", &id]).await.ends(2, &["--name"]);
    stage.run(&["task", "add", "--name", "x", "--due", "tomorrow"]).await.ends(2, &["2026-01-31"]);
    stage.run(&["status"]).await.ends(0, &["reminder tasks"]);
    assert_eq!(stage.pass(&[]).await["planned"], 0);
}

#[tokio::test]
async fn what_keeps_tasks_from_salesforce_is_said() {
    let stage = Stage::of("task-troubles").await;
    stage.run(&["settings", "set", "reminders.sync", "on"]).await.ends(0, &[]);
    let world = stage.salesforce.world();
    world.change_field("Task.Subject", s::Access::Hidden).unwrap();
    stage.run(&["reconcile", "tasks"]).await.ends(1, &["Task.Subject is hidden", "run the same command again"]);
    world.change_field("Task.Subject", s::Access::Full).unwrap();
    stage.run(&["task", "add", "--name", CANARY, "--person", "999999999"]).await.ends(0, &[]);
    let rejects = stage.run(&["rejects", "list", "--flow", "tasks"]).await;
    let reject: Value = serde_json::from_str(rejects.ends(0, &[]).stdout.trim()).unwrap();
    assert_eq!(
        (&reject["flow"], &reject["code"], &reject["target"]),
        (&json!("tasks"), &json!("unknown-person"), &json!("salesforce"))
    );
    assert!(reject["nextTry"].is_string() && reject["attempts"].as_u64() > Some(0), "{reject}");
    stage.run(&["rejects", "retry", "--flow", "tasks"]).await.ends(0, &["1 are still refused"]);
}
