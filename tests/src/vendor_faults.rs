//! One fault of a vendor at a time, where flows meet both vendors over real HTTP: which faults there are, and a stage on which they strike. Must
//! not know what the flows do.

use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use domain::budget::{CallLimits, Purpose, SharedBudget};
use marketo::MarketoClient;
use salesforce::SalesforceClient;
use simulator_marketo as m;
use simulator_salesforce as s;
use store::MemoryState;

use crate::vendors;
use crate::world::{Seeded, TestClock};

/// How long clients wait for an answer.
const PATIENCE: Duration = Duration::from_millis(400);
/// Longer than Marketo's tokens live, and than a limit of a while lasts.
pub const LONG: Duration = Duration::from_secs(2 * 3_600);
const ON_PURPOSE: &str = "on purpose";

/// Something that goes wrong at one vendor.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// At Marketo.
    Marketo(m::Fault),
    /// At Salesforce.
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
    /// The fault.
    pub trouble: Trouble,
}

/// What came of a story while the fault was in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was as it should be nevertheless.
    Right,
    /// Something waited, and this was said.
    Waits(String),
    /// Something was rejected with a reason, and done when it was tried again after the fault.
    Rejects(String),
}

/// What a flow asks Marketo for: the endpoints, those that write, and the codes that each may answer with.
pub struct AtMarketo<'a> {
    /// The endpoints; that of Marketo's identity service answers with no codes.
    pub places: &'a [&'static str],
    /// Those that write.
    pub writes: &'a [&'static str],
    /// Codes.
    pub codes: &'a [&'a str],
    /// Faults besides.
    pub more: &'a [(&'a str, m::FaultAction)],
}

/// Marketo's word that nothing was carried out; its other codes leave it open.
const REFUSED: [&str; 8] = ["601", "602", "603", "606", "607", "610", "615", "1002"];

/// Stories of Marketo, once and lasting, and where something is written also after the work.
#[must_use]
pub fn of_marketo(at: &AtMarketo<'_>) -> Vec<Story> {
    use m::FaultAction as Action;
    let code = |code: &&str| ((*code).to_owned(), Action::Error((*code).to_owned(), ON_PURPOSE.to_owned()));
    let with_a_result: Vec<_> = at
        .codes
        .iter()
        .map(code)
        .chain(at.more.iter().map(|(kind, action)| ((*kind).to_owned(), action.clone())))
        .collect();
    let mut everywhere: Vec<(String, Action)> =
        [500, 502, 503].map(|status| (format!("HTTP {status}"), Action::Status(status, None))).into();
    everywhere.extend([
        ("no answer".to_owned(), Action::Hang(0)),
        ("connection closed".to_owned(), Action::Drop(0)),
        ("empty 200".to_owned(), Action::EmptyBody),
        ("bad JSON".to_owned(), Action::BadJson),
    ]);
    let mut stories = Vec::new();
    for place in at.places {
        let more = with_a_result.iter().filter(|_| !place.contains("identity"));
        for (kind, action) in everywhere.iter().chain(more) {
            let fault = |lasting: bool| m::Fault::once(place, action.clone()).times((!lasting).then_some(1));
            let may_be_done = at.writes.contains(place) && !REFUSED.contains(&kind.as_str());
            tell(&mut stories, kind, place, may_be_done, |lasting, after_work| {
                let fault = fault(lasting);
                Trouble::Marketo(if after_work { fault.after_work() } else { fault })
            });
        }
    }
    stories
}

/// What a flow asks Salesforce for.
pub struct AtSalesforce<'a> {
    /// The endpoints; that of sessions refuses nobody's session.
    pub places: &'a [&'static str],
    /// Codes with which a single record of a write may be refused.
    pub of_records: &'a [&'a str],
    /// Every so-manieth record is.
    pub every: u64,
}

/// Stories of Salesforce, once and lasting, and where something is written also after the work.
#[must_use]
pub fn of_salesforce(at: &AtSalesforce<'_>) -> Vec<Story> {
    use s::FaultAction as Action;
    let error =
        |status: u16, code: &str| (code.to_owned(), Action::Error(status, code.to_owned(), ON_PURPOSE.to_owned()));
    let faults = [
        error(401, "INVALID_SESSION_ID"),
        error(403, "REQUEST_LIMIT_EXCEEDED"),
        error(403, "API_CURRENTLY_DISABLED"),
        error(503, "SERVER_UNAVAILABLE"),
        error(400, "QUERY_TIMEOUT"),
        error(400, "INVALID_FIELD"),
        error(500, "UNKNOWN_EXCEPTION"),
        ("HTTP 502".to_owned(), Action::Status(502)),
        ("no answer".to_owned(), Action::Hang(0)),
        ("connection closed".to_owned(), Action::Drop(0)),
        ("empty 200".to_owned(), Action::EmptyBody),
        ("bad JSON".to_owned(), Action::BadJson),
        ("sessions end".to_owned(), Action::SessionEnds(2)),
    ];
    let record =
        |code: &&str| (format!("record: {code}"), Action::Record((*code).to_owned(), ON_PURPOSE.to_owned(), at.every));
    let of_records: Vec<_> = at.of_records.iter().map(record).collect();
    let mut stories = Vec::new();
    for place in at.places {
        let writes = !place.starts_with("GET") && !place.contains("oauth2");
        for (kind, action) in faults.iter().chain(of_records.iter().filter(|_| writes)) {
            let of_session = matches!(action, Action::SessionEnds(_) | Action::Error(401 | 403, ..));
            if place.contains("oauth2") && of_session {
                continue;
            }
            let spoilt = !matches!(action, Action::Record(..) | Action::SessionEnds(_));
            tell(&mut stories, kind, place, writes && spoilt, |lasting, after_work| {
                let fault = s::Fault::once(place, action.clone()).times((!lasting).then_some(1));
                Trouble::Salesforce(if after_work { fault.after_work() } else { fault })
            });
        }
    }
    stories
}

fn tell(
    stories: &mut Vec<Story>,
    kind: &str,
    place: &'static str,
    may_be_done: bool,
    trouble: impl Fn(bool, bool) -> Trouble,
) {
    for after_work in if may_be_done { &[false, true][..] } else { &[false] } {
        for lasting in [false, true] {
            let kind = if *after_work { format!("{kind}, after the work") } else { kind.to_owned() };
            stories.push(Story { kind, place, lasting, trouble: trouble(lasting, *after_work) });
        }
    }
}

/// Both vendors, clients that wait for no answer long, and a clock that stands still.
pub struct Stage {
    /// The simulated Marketo.
    pub marketo: m::Simulator,
    /// The simulated Salesforce.
    pub salesforce: s::Simulator,
    /// Time; the vendors go by the machine's.
    pub clock: Arc<TestClock>,
    /// Chance.
    pub chance: Arc<Seeded>,
    /// Documents.
    pub state: Arc<MemoryState>,
    /// The client of Marketo.
    pub marketo_client: Arc<MarketoClient>,
    /// The client of Salesforce.
    pub salesforce_client: Arc<SalesforceClient>,
}

impl Stage {
    /// With so many people in Marketo.
    pub async fn set(people: u64) -> Self {
        let subscription = m::Config { people, limits: m::Limits::none(), ..m::Config::default() };
        let org = s::Config::default();
        let marketo = m::Simulator::start(subscription.clone()).await.unwrap();
        let salesforce = s::Simulator::start(org.clone()).await.unwrap();
        let clock = TestClock::alone(&Timestamp::now().to_string());
        let (chance, state) = (Seeded::new(7), Arc::new(MemoryState::new()));
        let limits = CallLimits { per_20_seconds: 100_000, per_day: 10_000_000 };
        let budget = SharedBudget::new(state.clone(), clock.clone(), chance.clone(), Purpose::Changes, limits);
        let to = vendors::marketo_config(&subscription, &marketo.base_url(), 4);
        let patience = marketo::TimeLimits { usual: PATIENCE, slow: PATIENCE, stall: PATIENCE, adding: PATIENCE };
        let marketo_client =
            MarketoClient::with_time_limits(to, clock.clone(), chance.clone(), Arc::new(budget), patience);
        let to = vendors::salesforce_config(&org, &salesforce.base_url(), 4);
        let patience = salesforce::TimeLimits { usual: PATIENCE };
        let salesforce_client = SalesforceClient::with_time_limits(to, clock.clone(), chance.clone(), patience);
        let (marketo_client, salesforce_client) = (Arc::new(marketo_client), Arc::new(salesforce_client));
        Self { marketo, salesforce, clock, chance, state, marketo_client, salesforce_client }
    }

    /// From here on something goes wrong.
    pub fn begin(&self, trouble: &Trouble) {
        match trouble {
            Trouble::Marketo(fault) => self.marketo.world().set_faults(vec![fault.clone()]),
            Trouble::Salesforce(fault) => self.salesforce.world().set_faults(vec![fault.clone()]),
        }
        // Tokens and sessions are got anew, so that faults of getting in strike.
        self.salesforce.world().end_sessions();
        self.clock.advance(LONG);
    }

    /// From here on nothing does.
    pub fn lift(&self) {
        self.marketo.world().set_faults(Vec::new());
        self.salesforce.world().set_faults(Vec::new());
    }

    /// How often faults struck.
    pub fn struck(&self) -> u64 {
        self.marketo.world().stats().faults_struck + self.salesforce.world().stats().faults_struck
    }
}
