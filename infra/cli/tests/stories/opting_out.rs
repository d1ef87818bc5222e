//! `optout`, `can-send` and `reconcile unsubscribes`: the program itself over both simulated vendors.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use simulator_marketo as m;
use simulator_salesforce as s;

use crate::support::{Run, Story, quick, seed};

const ANA: &str = "ana.canary@example.com";
const BOX: &str = "HasOptedOutOfEmail";

/// A story with a Salesforce beside it.
struct Stage {
    story: Story,
    salesforce: s::Simulator,
}

impl Stage {
    async fn of(name: &str) -> Self {
        let mut story = Story::of(quick(name, 200)).await;
        let org = s::Config::default();
        story.env("SALESFORCE_CLIENT_ID", &org.client_id);
        story.env("SALESFORCE_CLIENT_SECRET", &org.client_secret);
        story.env("LOG_LEVEL", "debug");
        let salesforce = s::Simulator::start(org).await.unwrap();
        story.env("SALESFORCE_LOGIN_URL", &salesforce.base_url());
        Self { story, salesforce }
    }

    fn put(&self, object: &str, email: &str, more: Value) -> String {
        let mut record = json!({ "LastName": "Somebody", "Company": "Acme", "Email": email });
        if object == "Contact" {
            record.as_object_mut().unwrap().remove("Company");
        }
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.salesforce.world().put(object, &[record]).unwrap().remove(0)
    }

    fn is_ticked(&self, id: &str) -> bool {
        self.salesforce.world().record(id).unwrap()[BOX] == true
    }

    fn tick(&self, id: &str, ticked: bool) {
        let fields = json!({ BOX: ticked }).as_object().unwrap().clone();
        self.salesforce.world().edit(&s::Edit { id: id.to_owned(), fields, ..s::Edit::default() }).unwrap();
    }

    async fn run(&self, args: &[&str]) -> Run {
        let run = self.story.on_state(args).await;
        assert!(!run.stderr.contains("canary"), "an address is said: {}", run.stderr);
        run
    }

    /// A pass; gives its figures.
    async fn pass(&self, more: &[&str]) -> Value {
        let json = self.story.path("pass");
        let args = ["reconcile", "unsubscribes", "--json", json.to_str().unwrap()];
        self.run(&[&args, more].concat()).await.ends(0, &[]);
        self.story.json("pass")
    }

    async fn list(&self) -> String {
        self.run(&["optout", "list"]).await.ends(0, &[]).stdout.clone()
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn both_sides_are_brought_in_step_and_a_second_pass_changes_no_byte() {
    let stage = Stage::of("opt-outs").await;
    let (lead, contact) = (stage.put("Lead", ANA, json!({})), stage.put("Contact", ANA, json!({})));
    let there = stage.put("Contact", "bo.canary@example.com", json!({ BOX: true }));
    stage.run(&["optout", "add", &ANA.to_uppercase(), "--reason", "by mail"]).await.ends(0, &["opted out"]);
    assert!(stage.is_ticked(&lead) && stage.is_ticked(&contact), "pushed at once");
    stage.run(&["optout", "add", ANA]).await.ends(0, &["had opted out before"]);
    let dry = stage.pass(&["--dry-run"]).await;
    assert_eq!(dry["planned"], 1);
    assert_eq!(dry["written"], json!({ "salesforce": 0, "actions": 0 }));
    assert_eq!(lines(&stage.list().await).len(), 1, "a dry run writes nothing");
    let done = stage.pass(&[]).await;
    assert_eq!((&done["planned"], &done["written"]), (&json!(1), &json!({ "salesforce": 0, "actions": 1 })));
    let list = stage.list().await;
    let listed = lines(&list);
    let told: Vec<_> =
        listed.iter().map(|line| (line["email"].as_str().unwrap(), line["source"].as_str().unwrap())).collect();
    assert_eq!(told, [(ANA, "Manual"), ("bo.canary@example.com", "Salesforce")]);
    assert_eq!((&listed[0]["optedOut"], &listed[0]["reason"]), (&json!(true), &json!("by mail")));
    let again = stage.pass(&[]).await;
    assert_eq!((&again["planned"], &again["rejected"]), (&json!(0), &json!(0)));
    assert!(again["calls"].as_u64().unwrap() <= 2, "{again}");
    assert_eq!(stage.list().await, list);

    stage.tick(&there, false);
    stage.pass(&[]).await;
    assert!(stage.is_ticked(&there), "an unticked box resubscribes nobody");
    assert_eq!(lines(&stage.list().await)[1]["restored"][0]["record"], there);
    stage.run(&["status"]).await.ends(0, &["opt-outs", "1 boxes were unticked"]);
    stage.run(&["explain", ANA]).await.ends(0, &["opted out since", "by mail"]);

    stage.run(&["optout", "remove", ANA]).await.ends(2, &["--reason"]);
    stage.run(&["optout", "remove", ANA, "--reason", "signed form"]).await.ends(0, &["2 boxes cleared"]);
    assert_eq!(stage.pass(&[]).await["planned"], 0);
    assert!(!stage.is_ticked(&lead) && !stage.is_ticked(&contact));
    let cleared = &lines(&stage.list().await)[0];
    assert_eq!((&cleared["optedOut"], &cleared["source"]), (&json!(false), &json!("Admin")));
}

#[tokio::test]
async fn whether_a_mail_may_go_is_said_with_its_reason() {
    let stage = Stage::of("can-send").await;
    let ids: Vec<i64> = stage.story.world().truth().map(|person| person.marketo_id).take(3).collect();
    let emails = ["one.canary@example.com", "two.canary@example.com", "three.canary@example.com"];
    for ((id, email), flag) in ids.iter().zip(emails).zip(["unsubscribed", "blackListed", "emailInvalid"]) {
        stage.story.world().set_field(*id, "email", email.into());
        for other in ["unsubscribed", "blackListed", "emailInvalid"] {
            stage.story.world().set_field(*id, other, (other == flag).into());
        }
    }
    stage.story.set("unsubscribes.blockedDomains", "rival.example").await;
    stage.run(&["optout", "add", ANA]).await.ends(0, &[]);
    for (email, code, reason) in [
        ("nobody.canary@example.com", 0, "ok"),
        (ANA, 1, "optedOut"),
        (emails[0], 1, "marketoUnsubscribed"),
        (emails[1], 1, "marketoBlocklisted"),
        (emails[2], 1, "emailInvalid"),
        ("x.canary@mail.rival.example", 1, "blockedDomain"),
    ] {
        let run = stage.run(&["can-send", email]).await;
        run.ends(code, &[]);
        let decision = &lines(&run.stdout)[0];
        assert_eq!((&decision["email"], &decision["reason"]), (&json!(email), &json!(reason)), "{decision}");
        assert_eq!(decision["allowed"], code == 0);
    }
    let bypass = stage.run(&["can-send", ANA, "--non-commercial"]).await;
    assert_eq!(lines(&bypass.ends(0, &[]).stdout)[0]["reason"], "nonCommercial");
    stage.run(&["can-send", "x@rival.example", "--non-commercial"]).await.ends(1, &["blockedDomain"]);
    stage.run(&["can-send", "no address"]).await.ends(2, &["no email address"]);
    let file = stage.story.path("addresses");
    fs::write(&file, format!("no address\n{ANA}\n\nnobody.canary@example.com\n")).unwrap();
    let listed = stage.run(&["can-send", "--file", file.to_str().unwrap()]).await;
    let decisions = lines(&listed.ends(1, &["2 of 3"]).stdout);
    let reasons: Vec<&Value> = decisions.iter().map(|decision| &decision["reason"]).collect();
    assert_eq!(reasons, ["emailInvalid", "optedOut", "ok"]);
    stage.story.world().set_faults(vec![m::Fault::once("*", m::FaultAction::Status(503, None)).times(None)]);
    let down = stage.run(&["can-send", "nobody.canary@example.com"]).await;
    assert_eq!(lines(&down.ends(1, &[]).stdout)[0]["reason"], "checkUnavailable");
    stage.story.set("unsubscribes.checkFailOpen", "on").await;
    let open = stage.run(&["can-send", "nobody.canary@example.com"]).await;
    assert_eq!(lines(&open.ends(0, &[]).stdout)[0]["reason"], "checkUnavailable");
}

#[tokio::test]
async fn a_field_that_cannot_be_used_is_named_and_nothing_is_written() {
    let stage = Stage::of("fields").await;
    let contact = stage.put("Contact", "bo.canary@example.com", json!({ BOX: true }));
    stage.run(&["optout", "add", ANA]).await.ends(0, &[]);
    let list = stage.list().await;
    for access in [s::Access::Hidden, s::Access::ReadOnly] {
        stage.salesforce.world().change_field("Contact.HasOptedOutOfEmail", access).unwrap();
        let written = stage.salesforce.world().stats().written;
        stage.run(&["reconcile", "unsubscribes", "--full"]).await.ends(1, &["Contact.HasOptedOutOfEmail"]);
        assert_eq!((stage.list().await == list, stage.salesforce.world().stats().written), (true, written));
        stage.salesforce.world().change_field("Contact.HasOptedOutOfEmail", s::Access::Full).unwrap();
    }
    assert!(stage.is_ticked(&contact));
    stage.story.set("unsubscribes.field", "sales").await;
    stage.run(&["reconcile", "unsubscribes"]).await.ends(2, &["unsubscribes.salesField"]);
    stage.story.set("unsubscribes.salesField", "Nobody_Made_It__c").await;
    stage.run(&["reconcile", "unsubscribes"]).await.ends(1, &["Lead.Nobody_Made_It__c", "Contact.Nobody_Made_It__c"]);
    stage.story.set("unsubscribes.salesField", "Sales_Opt_Out__c").await;
    stage.pass(&[]).await;
}

#[tokio::test]
async fn a_list_is_imported_but_for_the_lines_that_cannot_be_used() {
    let stage = Stage::of("import").await;
    let lead = stage.put("Lead", ANA, json!({}));
    let file = stage.story.path("list.csv");
    let text = "Name,Email Address,Reason,Date\nAna,Ana.Canary@example.com,asked,2026-01-31\nBo,\"bo.canary@example.com\",,\n\
                Cy,canary example,,\nDi,di.canary@example.com,,31.01.2026\nAna,ana.canary@example.com,again,\n";
    fs::write(&file, text).unwrap();
    let run = stage.run(&["optout", "import", file.to_str().unwrap()]).await;
    run.ends(
        1,
        &["2 opted out, 0 had opted out before, 2 lines", "line 4: has no email address", "line 5: has a date"],
    );
    let listed = lines(&stage.list().await);
    assert_eq!(listed.len(), 2);
    assert_eq!((&listed[0]["source"], &listed[0]["at"]), (&json!("Import"), &json!("2026-01-31T00:00:00Z")));
    assert!(stage.is_ticked(&lead));
    fs::write(&file, "name\nAna\n").unwrap();
    stage.run(&["optout", "import", file.to_str().unwrap()]).await.ends(2, &["column `email`"]);
}

#[tokio::test]
async fn killed_at_any_moment_it_ends_right() {
    let stage = Stage::of("killed passes").await;
    let mut chance = fastrand::Rng::with_seed(seed("moments of kills"));
    let email = |nth: usize| format!("p{nth}.canary@example.com");
    let records: Vec<Value> =
        (0..3_000).map(|nth| json!({ "LastName": "Somebody", "Email": email(nth), BOX: nth % 5 == 0 })).collect();
    let ids = stage.salesforce.world().put("Contact", &records).unwrap();
    let file = stage.story.path("list.csv");
    let list: Vec<String> = (0..3_000).filter(|nth| nth % 7 == 0).map(email).collect();
    fs::write(&file, format!("email\n{}", list.join("\n"))).unwrap();
    let state = stage.story.state();
    let state = state.to_str().unwrap();
    for round in 0..4 {
        let args = if round < 2 {
            vec!["optout", "import", file.to_str().unwrap(), "--state", state]
        } else {
            vec!["reconcile", "unsubscribes", "--state", state]
        };
        let mut child = stage.story.begin(&args);
        let moment = Duration::from_millis(chance.u64(50..2_500));
        if tokio::time::timeout(moment, child.wait()).await.is_err() {
            child.kill().await.unwrap();
        }
    }
    stage.run(&["optout", "import", file.to_str().unwrap()]).await.ends(0, &[]);
    stage.pass(&[]).await;
    for (nth, id) in ids.iter().enumerate() {
        assert_eq!(stage.is_ticked(id), nth % 5 == 0 || nth % 7 == 0, "{nth}");
    }
    assert_eq!(stage.pass(&["--full"]).await["planned"], 0);
}
