//! One fault at a time while people say no, over real HTTP: what it does once, and what it does until it is lifted. In every case nobody who said
//! no may be mailed, something is said where something is wrong, and after the fault both sides agree and a further pass plans nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use domain::opt_outs::{self, Address, Checker, Occasion, Reason, Said, Source};
use domain::ports::{CheckPorts, OptOutPorts};
use domain::settings;
use serde_json::{Value, json};
use simulator_salesforce as s;
use store::MemoryOptOuts;

use crate::vendor_faults::{self, AtMarketo, AtSalesforce, Outcome, Story};

/// Rounds, some seconds apart, within which a fault that strikes once is overcome, or a lasting one has shown itself.
const ROUNDS: usize = 20;
/// Rounds after a fault was lifted; five minutes is the longest that Salesforce is left alone.
const ROUNDS_AFTER: usize = 40;
const BETWEEN: Duration = Duration::from_secs(20);
/// Addresses of each kind.
const OF_EACH: usize = 4;
const BOX: &str = "HasOptedOutOfEmail";

/// All stories.
#[must_use]
pub fn stories() -> Vec<Story> {
    let mut stories = vendor_faults::of_marketo(&AtMarketo {
        places: &["GET /rest/v1/leads.json", "GET /identity/oauth/token"],
        writes: &[],
        codes: &["601", "602", "603", "606", "607", "608", "611", "615", "1003", "1006"],
        more: &[],
    });
    stories.extend(vendor_faults::of_salesforce(&AtSalesforce {
        places: &[
            "PATCH /composite/sobjects",
            "GET /queryAll",
            "GET /sobjects/{object}/describe",
            "POST /services/oauth2/token",
        ],
        of_records: &[
            "UNABLE_TO_LOCK_ROW",
            "ENTITY_IS_LOCKED",
            "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            "INSUFFICIENT_ACCESS_OR_READONLY",
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "UNKNOWN_EXCEPTION",
        ],
        every: 2,
    }));
    stories
}

/// Where a story plays.
struct Stage {
    vendors: vendor_faults::Stage,
    register: Arc<MemoryOptOuts>,
    ports: OptOutPorts,
    check: CheckPorts,
}

impl Stage {
    async fn set() -> Self {
        let vendors = vendor_faults::Stage::set(20).await;
        let (register, state, clock) = (Arc::new(MemoryOptOuts::new()), vendors.state.clone(), vendors.clock.clone());
        let check = CheckPorts {
            register: register.clone(),
            state: state.clone(),
            marketo: vendors.marketo_client.clone(),
            clock: clock.clone(),
        };
        let ports = OptOutPorts {
            register: register.clone(),
            state,
            salesforce: vendors.salesforce_client.clone(),
            clock,
            chance: vendors.chance.clone(),
        };
        Self { vendors, register, ports, check }
    }

    fn put(&self, email: &str, ticked: bool) -> String {
        let record = json!({ "LastName": "Somebody", "Email": email, BOX: ticked });
        self.vendors.salesforce.world().put("Contact", &[record]).unwrap().remove(0)
    }

    async fn say_no(&self, emails: &[String]) {
        let event = opt_outs::event(&*self.ports.clock, Source::ClickedLink, None, None);
        let said = |email: &String| Said { address: address(email), event: event.clone(), message: None };
        opt_outs::add(&*self.ports.register, &emails.iter().map(said).collect::<Vec<_>>()).await.unwrap();
    }

    fn tick(&self, id: &str, ticked: bool) {
        let fields = json!({ BOX: ticked }).as_object().unwrap().clone();
        self.vendors.salesforce.world().edit(&s::Edit { id: id.to_owned(), fields, ..s::Edit::default() }).unwrap();
    }

    /// A pass; gives what it says, where something is wrong, and whether both sides are in step by it.
    async fn round(&self) -> Result<(Option<String>, bool), String> {
        let pass = opt_outs::reconcile(&self.ports, Occasion::Scheduled, None).await.map_err(|f| f.to_string())?;
        self.vendors.clock.advance(BETWEEN);
        let refused = opt_outs::rejects(&*self.ports.register).await.map_err(|f| f.to_string())?;
        let said = pass.closed.map(|problem| problem.message).or(refused.first().map(|reject| reject.message.clone()));
        Ok((said.clone(), pass.complete && said.is_none()))
    }

    /// Decisions about these addresses, all of which said no: none may be mailed.
    async fn nobody_is_mailed(&self, no: &BTreeSet<String>) -> Result<(), String> {
        let emails: Vec<String> = no.iter().cloned().chain(["quiet@example.com".to_owned()]).collect();
        let checker = Checker::new(self.check.clone());
        for decision in checker.check(&emails, false).await.map_err(|failure| failure.to_string())? {
            let quiet = decision.email.starts_with("quiet");
            if decision.allowed && !quiet {
                return Err(format!("{} said no and may be mailed", decision.email));
            }
            if quiet && !matches!(decision.reason, Reason::Ok | Reason::CheckUnavailable) {
                return Err(format!("who said nothing is refused: {decision:?}"));
            }
        }
        Ok(())
    }

    /// Where both sides differ.
    fn differences(&self) -> Vec<String> {
        let entries = self.register.all().unwrap();
        let no: BTreeSet<&str> = entries.iter().filter(|e| e.opted_out).map(|e| e.address.as_str()).collect();
        let records = self.vendors.salesforce.world().records("Contact");
        let differs = |record: &&Value| {
            let email = record["Email"].as_str().unwrap_or_default();
            no.contains(email) != (record[BOX] == true) || no.contains(email) != (record["Sales_Opt_Out__c"] == true)
        };
        records.iter().filter(differs).map(|record| record["Email"].to_string()).collect()
    }
}

fn address(email: &str) -> Address {
    Address::of(email).unwrap()
}

/// Plays a story.
///
/// # Errors
/// What was wrong.
pub async fn play(story: &Story) -> Result<Outcome, String> {
    let stage = Stage::set().await;
    let email = |kind: &str, nth: usize| format!("{kind}{nth}@example.com");
    let of = |kind: &'static str| (0..OF_EACH).map(move |nth| email(kind, nth));
    let here: Vec<String> = of("here").collect();
    let there: Vec<(String, String)> = of("there").map(|email| (stage.put(&email, false), email)).collect();
    let unticked: Vec<(String, String)> = of("unticked").map(|email| (stage.put(&email, true), email)).collect();
    here.iter().for_each(|email| drop(stage.put(email, false)));
    let cleared = "cleared@example.com".to_owned();
    stage.put(&cleared, true);
    stage.put("quiet@example.com", false);
    let first = opt_outs::reconcile(&stage.ports, Occasion::Asked { full: false }, None).await;
    first.map_err(|failure| failure.to_string())?;

    // Another box is chosen, so that fields are looked at, everything is read again, and boxes are ticked.
    for (key, value) in [("unsubscribes.salesField", "Sales_Opt_Out__c"), ("unsubscribes.field", "both")] {
        settings::set(&*stage.ports.state, &*stage.vendors.clock, key, value, "test")
            .await
            .map_err(|f| f.to_string())?;
    }
    stage.vendors.begin(&story.trouble);
    let before = stage.vendors.struck();
    // The choice holds writing back for an hour, which an operator ends.
    let asked = opt_outs::reconcile(&stage.ports, Occasion::Asked { full: false }, None).await;
    let mut said = asked.map_err(|failure| failure.to_string())?.closed.map(|problem| problem.message);
    stage.say_no(&here).await;
    there.iter().for_each(|(id, _)| stage.tick(id, true));
    unticked.iter().for_each(|(id, _)| stage.tick(id, false));
    let mut no: BTreeSet<String> = here.iter().chain(unticked.iter().map(|(_, email)| email)).cloned().collect();
    let mut done = opt_outs::resubscribe(&stage.ports, &address(&cleared), "on paper", None).await;
    if done.is_err() {
        no.insert(cleared.clone());
    }

    let mut right = false;
    for _ in 0..ROUNDS {
        let (told, in_step) = stage.round().await?;
        said = told.or(said);
        stage.nobody_is_mailed(&no).await?;
        right = in_step && stage.differences().is_empty();
        if right {
            break;
        }
    }
    if stage.vendors.struck() == before {
        return Err("the fault never struck".to_owned());
    }
    let outcome = match (right, said) {
        (true, _) => Outcome::Right,
        (false, Some(said)) if said.contains('@') => return Err(format!("an address is said: {said}")),
        (false, Some(said)) => Outcome::Waits(said),
        (false, None) => return Err(format!("both sides differ, and nothing is said: {:?}", stage.differences())),
    };

    stage.vendors.lift();
    stage.vendors.clock.advance(vendor_faults::LONG);
    opt_outs::retry(&*stage.ports.register, &*stage.vendors.clock).await.map_err(|failure| failure.to_string())?;
    let ended = opt_outs::reconcile(&stage.ports, Occasion::Asked { full: false }, None).await;
    ended.map_err(|failure| failure.to_string())?;
    if done.is_err() {
        done = opt_outs::resubscribe(&stage.ports, &address(&cleared), "on paper", None).await;
        no.remove(&cleared);
    }
    done.map_err(|failure| format!("an admin cannot resubscribe: {failure}"))?;
    no.extend(there.into_iter().map(|(_, email)| email));
    for _ in 0..ROUNDS_AFTER {
        let (_, in_step) = stage.round().await?;
        if in_step && stage.differences().is_empty() {
            break;
        }
    }
    if !stage.differences().is_empty() {
        return Err(format!("after the fault both sides differ: {:?}", stage.differences()));
    }
    stage.nobody_is_mailed(&no).await?;
    let entries = stage.register.all().map_err(|failure| failure.to_string())?;
    if entries.iter().any(|entry| entry.address == address(&cleared) && entry.opted_out) {
        return Err("what an admin cleared is opted out again".to_owned());
    }
    let again = opt_outs::reconcile(&stage.ports, Occasion::Asked { full: true }, None).await;
    let again = again.map_err(|failure| failure.to_string())?;
    if again.planned > 0 || !again.complete {
        return Err(format!("one more pass finds something to do: {again:?}"));
    }
    Ok(outcome)
}
