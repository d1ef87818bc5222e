//! One fault at a time while people say no, over real HTTP: what it does once, and what it does until it is lifted. In every case nobody who said
//! no may be mailed, something is said where something is wrong, and after the fault both sides agree and a further pass plans nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use domain::budget::{CallLimits, Purpose, SharedBudget};
use domain::opt_outs::{self, Address, Checker, Occasion, Reason, Said, Source};
use domain::ports::{CheckPorts, OptOutPorts};
use domain::{Timestamp, settings};
use marketo::{BaseUrl, MarketoClient, MarketoConfig};
use salesforce::{Login, LoginUrl, SalesforceClient, SalesforceConfig, Version};
use serde_json::{Value, json};
use simulator_marketo as m;
use simulator_salesforce as s;
use store::{MemoryOptOuts, MemoryState};

use crate::world::{Seeded, TestClock};

/// Rounds, some seconds apart, within which a fault that strikes once is overcome, or a lasting one has shown itself.
const ROUNDS: usize = 20;
/// Rounds after a fault was lifted; five minutes is the longest that Salesforce is left alone.
const ROUNDS_AFTER: usize = 40;
const BETWEEN: Duration = Duration::from_secs(20);
/// How long clients wait for an answer.
const PATIENCE: Duration = Duration::from_millis(400);
/// Addresses of each kind.
const OF_EACH: usize = 4;
const BOX: &str = "HasOptedOutOfEmail";

/// Something that goes wrong at one vendor.
#[derive(Debug, Clone)]
enum Trouble {
    Marketo(m::Fault),
    Salesforce(s::Fault),
}

/// A fault, where it strikes, and whether it stays until it is lifted.
#[derive(Debug, Clone)]
pub struct Story {
    /// What goes wrong, in words.
    pub kind: String,
    /// The endpoint.
    pub place: &'static str,
    /// Whether it stays.
    pub lasting: bool,
    trouble: Trouble,
}

/// What came of a story while the fault was in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Both sides came in step nevertheless.
    Right,
    /// Something waited, and this was said.
    Waits(String),
}

const MARKETO_PLACES: [&str; 2] = ["GET /rest/v1/leads.json", "GET /identity/oauth/token"];
const SALESFORCE_PLACES: [&str; 4] =
    ["PATCH /composite/sobjects", "GET /queryAll", "GET /sobjects/{object}/describe", "POST /services/oauth2/token"];

/// All stories.
#[must_use]
pub fn stories() -> Vec<Story> {
    let mut stories = Vec::new();
    for lasting in [false, true] {
        let times = if lasting { None } else { Some(1) };
        for place in MARKETO_PLACES {
            for (kind, action) in marketo_faults(place) {
                let trouble = Trouble::Marketo(m::Fault::once(place, action).times(times));
                stories.push(Story { kind, place, lasting, trouble });
            }
        }
        for place in SALESFORCE_PLACES {
            for (kind, action) in salesforce_faults(place) {
                let spoilt = !matches!(action, s::FaultAction::Record(..) | s::FaultAction::SessionEnds(_));
                for after_work in [false, true] {
                    // Only what writes is different after its work.
                    if after_work && !(place.starts_with("PATCH") && spoilt) {
                        continue;
                    }
                    let fault = s::Fault::once(place, action.clone()).times(times);
                    let trouble = Trouble::Salesforce(if after_work { fault.after_work() } else { fault });
                    let kind = if after_work { format!("{kind}, after the work") } else { kind.clone() };
                    stories.push(Story { kind, place, lasting, trouble });
                }
            }
        }
    }
    stories
}

fn marketo_faults(place: &str) -> Vec<(String, m::FaultAction)> {
    use m::FaultAction as Action;
    let mut faults: Vec<(String, Action)> =
        [500, 502, 503].map(|status| (format!("HTTP {status}"), Action::Status(status, None))).into();
    faults.extend([
        ("no answer".to_owned(), Action::Hang(0)),
        ("connection closed".to_owned(), Action::Drop(0)),
        ("empty 200".to_owned(), Action::EmptyBody),
        ("bad JSON".to_owned(), Action::BadJson),
    ]);
    if !place.contains("identity") {
        const CODES: [&str; 10] = ["601", "602", "603", "606", "607", "608", "611", "615", "1003", "1006"];
        faults.extend(CODES.map(|code| (code.to_owned(), Action::Error(code.to_owned(), "on purpose".to_owned()))));
    }
    faults
}

fn salesforce_faults(place: &str) -> Vec<(String, s::FaultAction)> {
    use s::FaultAction as Action;
    let error =
        |status: u16, code: &str| (code.to_owned(), Action::Error(status, code.to_owned(), "on purpose".to_owned()));
    let mut faults = vec![
        error(503, "SERVER_UNAVAILABLE"),
        error(400, "QUERY_TIMEOUT"),
        error(500, "UNKNOWN_EXCEPTION"),
        ("HTTP 502".to_owned(), Action::Status(502)),
        ("no answer".to_owned(), Action::Hang(0)),
        ("connection closed".to_owned(), Action::Drop(0)),
        ("empty 200".to_owned(), Action::EmptyBody),
        ("bad JSON".to_owned(), Action::BadJson),
    ];
    if !place.contains("oauth2") {
        faults.extend([
            error(401, "INVALID_SESSION_ID"),
            error(403, "REQUEST_LIMIT_EXCEEDED"),
            error(403, "API_CURRENTLY_DISABLED"),
            error(400, "INVALID_FIELD"),
            ("sessions end".to_owned(), Action::SessionEnds(2)),
        ]);
    }
    if place.starts_with("PATCH") {
        const CODES: [&str; 6] = [
            "UNABLE_TO_LOCK_ROW",
            "ENTITY_IS_LOCKED",
            "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            "INSUFFICIENT_ACCESS_OR_READONLY",
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "UNKNOWN_EXCEPTION",
        ];
        let record =
            |code: &str| (format!("record: {code}"), Action::Record(code.to_owned(), "on purpose".to_owned(), 2));
        faults.extend(CODES.map(record));
    }
    faults
}

/// Where a story plays.
struct Stage {
    marketo: m::Simulator,
    salesforce: s::Simulator,
    register: Arc<MemoryOptOuts>,
    clock: Arc<TestClock>,
    ports: OptOutPorts,
    check: CheckPorts,
}

impl Stage {
    async fn set() -> Self {
        let config = m::Config { people: 20, limits: m::Limits::none(), ..m::Config::default() };
        let credentials = marketo::PlainCredentials::shared(config.client_id.clone(), config.client_secret.clone());
        let marketo = m::Simulator::start(config).await.unwrap();
        let org = s::Config::default();
        let (client_id, client_secret) = (org.client_id.clone(), org.client_secret.clone().into());
        let salesforce = s::Simulator::start(org).await.unwrap();
        let clock = TestClock::alone(&Timestamp::now().to_string());
        let (chance, state, register) = (Seeded::new(7), Arc::new(MemoryState::new()), Arc::new(MemoryOptOuts::new()));
        let limits = CallLimits { per_20_seconds: 100_000, per_day: 10_000_000 };
        let budget = SharedBudget::new(state.clone(), clock.clone(), chance.clone(), Purpose::Changes, limits);
        let base_url = BaseUrl::parse(&marketo.base_url()).unwrap();
        let to = MarketoConfig { base_url, credentials, max_in_flight: 4 };
        let patience = marketo::TimeLimits { usual: PATIENCE, slow: PATIENCE, stall: PATIENCE, adding: PATIENCE };
        let consent = MarketoClient::with_time_limits(to, clock.clone(), chance.clone(), Arc::new(budget), patience);
        let to = SalesforceConfig {
            login_url: LoginUrl::parse(&salesforce.base_url()).unwrap(),
            version: Version::default(),
            credentials: salesforce::PlainCredentials::shared(Login::ClientCredentials { client_id, client_secret }),
            max_in_flight: 4,
        };
        let patience = salesforce::TimeLimits { usual: PATIENCE };
        let boxes = SalesforceClient::with_time_limits(to, clock.clone(), chance.clone(), patience);
        let check = CheckPorts {
            register: register.clone(),
            state: state.clone(),
            marketo: Arc::new(consent),
            clock: clock.clone(),
        };
        let salesforce_port = Arc::new(boxes);
        let ports = OptOutPorts {
            register: register.clone(),
            state,
            salesforce: salesforce_port,
            clock: clock.clone(),
            chance,
        };
        Self { marketo, salesforce, register, clock, ports, check }
    }

    fn put(&self, email: &str, ticked: bool) -> String {
        let record = json!({ "LastName": "Somebody", "Email": email, BOX: ticked });
        self.salesforce.world().put("Contact", &[record]).unwrap().remove(0)
    }

    async fn say_no(&self, emails: &[String]) {
        let event = opt_outs::event(&*self.ports.clock, Source::ClickedLink, None, None);
        let said = |email: &String| Said { address: address(email), event: event.clone(), message: None };
        opt_outs::add(&*self.ports.register, &emails.iter().map(said).collect::<Vec<_>>()).await.unwrap();
    }

    fn tick(&self, id: &str, ticked: bool) {
        let fields = json!({ BOX: ticked }).as_object().unwrap().clone();
        self.salesforce.world().edit(&s::Edit { id: id.to_owned(), fields, ..s::Edit::default() }).unwrap();
    }

    fn begin(&self, trouble: &Trouble) {
        match trouble {
            Trouble::Marketo(fault) => self.marketo.world().set_faults(vec![fault.clone()]),
            Trouble::Salesforce(fault) => self.salesforce.world().set_faults(vec![fault.clone()]),
        }
        // Tokens and sessions are got anew, so that faults of getting in strike.
        self.salesforce.world().end_sessions();
        self.clock.advance(Duration::from_secs(2 * 3_600));
    }

    fn struck(&self) -> u64 {
        self.marketo.world().stats().faults_struck + self.salesforce.world().stats().faults_struck
    }

    /// A pass; gives what it says, where something is wrong, and whether both sides are in step by it.
    async fn round(&self) -> Result<(Option<String>, bool), String> {
        let pass = opt_outs::reconcile(&self.ports, Occasion::Scheduled, None).await.map_err(|f| f.to_string())?;
        self.clock.advance(BETWEEN);
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
        let records = self.salesforce.world().records("Contact");
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
        settings::set(&*stage.ports.state, &*stage.clock, key, value, "test").await.map_err(|f| f.to_string())?;
    }
    stage.begin(&story.trouble);
    let before = stage.struck();
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
    if stage.struck() == before {
        return Err("the fault never struck".to_owned());
    }
    let outcome = match (right, said) {
        (true, _) => Outcome::Right,
        (false, Some(said)) if said.contains('@') => return Err(format!("an address is said: {said}")),
        (false, Some(said)) => Outcome::Waits(said),
        (false, None) => return Err(format!("both sides differ, and nothing is said: {:?}", stage.differences())),
    };

    stage.marketo.world().set_faults(Vec::new());
    stage.salesforce.world().set_faults(Vec::new());
    stage.clock.advance(Duration::from_secs(2 * 3_600));
    opt_outs::retry(&*stage.ports.register, &*stage.clock).await.map_err(|failure| failure.to_string())?;
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
