//! A stage for the stories: both vendors simulated, the tables on the embedded DynamoDB, and any number of loggers over them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::activities::{self, ActivityId, Destination, Entry, Progress, TypeLayout, Unusable, Work};
use domain::budget::{CallLimits, Purpose, SharedBudget};
use domain::people::PersonRow;
use domain::ports::{LogPorts, PutOutcome, RowWrite};
use domain::{Failure, FailureKind, settings};
use marketo::{MarketoClient, MarketoConfig};
use salesforce::{SalesforceClient, SalesforceConfig};
use serde_json::Value;
use store::{DynamoLedger, DynamoPeople, DynamoState};
use system_tests::world::Seeded;
use system_tests::{lock, vendors};

use crate::support::clock::JumpClock;
use crate::support::embedded::Embedded;

/// Messages of one invocation.
const MESSAGES: usize = 300;
/// Rounds within which everything has to be settled.
const MOST_ROUNDS: usize = 600;

pub struct Stage {
    pub marketo: simulator_marketo::World,
    pub salesforce: simulator_salesforce::World,
    pub clock: Arc<JumpClock>,
    /// Ports of the first logger.
    pub ports: LogPorts,
    embedded: Embedded,
    marketo_config: MarketoConfig,
    salesforce_config: SalesforceConfig,
    _simulators: (simulator_marketo::Simulator, simulator_salesforce::Simulator),
}

impl Stage {
    /// A stage with so many people in Marketo; the people table and Salesforce are empty, the activity types are there.
    pub async fn set(marketo: simulator_marketo::Config, salesforce: simulator_salesforce::Config, seed: u64) -> Self {
        let (subscription, org) = (marketo.clone(), salesforce.clone());
        let marketo = simulator_marketo::Simulator::start(marketo).await.unwrap();
        let salesforce = simulator_salesforce::Simulator::start(salesforce).await.unwrap();
        let clock = Arc::new(JumpClock::over(marketo.world(), salesforce.world()));
        let embedded = Embedded::start().await;
        let marketo_config = vendors::marketo_config(&subscription, &marketo.base_url(), 2);
        let salesforce_config = vendors::salesforce_config(&org, &salesforce.base_url(), 4);
        let ports = ports(&embedded, &clock, &marketo_config, &salesforce_config, seed);
        activities::provision_marketo(&*ports.marketo, TypeLayout::Eight).await.unwrap();
        let (marketo_world, salesforce_world) = (marketo.world(), salesforce.world());
        marketo_world.reset_stats();
        Self {
            marketo: marketo_world,
            salesforce: salesforce_world,
            clock,
            ports,
            embedded,
            marketo_config,
            salesforce_config,
            _simulators: (marketo, salesforce),
        }
    }

    /// Ports of one more logger, with clients of its own.
    pub fn logger(&self, seed: u64) -> LogPorts {
        ports(&self.embedded, &self.clock, &self.marketo_config, &self.salesforce_config, seed)
    }

    /// Stores people.
    pub async fn store(&self, rows: Vec<PersonRow>) {
        let writes = rows.into_iter().map(|row| RowWrite { row, seen: None }).collect();
        let outcomes = self.ports.people.put(writes).await.unwrap();
        assert!(outcomes.iter().all(|outcome| *outcome == PutOutcome::Stored));
    }

    pub async fn set_to(&self, key: &str, value: &str) {
        settings::set(&*self.ports.state, &*self.clock, key, value, "test").await.unwrap();
    }

    /// Takes messages in, without logging anything.
    pub async fn accept(&self, messages: &[Value]) -> activities::Accepted {
        let bodies: Vec<String> = messages.iter().map(Value::to_string).collect();
        let mut all = activities::Accepted::default();
        for some in bodies.chunks(MESSAGES) {
            let some: Vec<&str> = some.iter().map(String::as_str).collect();
            let accepted = activities::accept(&*self.ports.ledger, &*self.clock, &some).await.unwrap();
            assert_eq!(accepted.unusable, [] as [(usize, Unusable); 0]);
            all.ids.extend(accepted.ids);
            all.new += accepted.new;
        }
        all
    }

    /// Hands the messages out to all loggers at once, as a queue would, and lets each log after each batch.
    pub async fn feed(&self, loggers: &[LogPorts], messages: &[Value]) {
        let bodies: Vec<String> = messages.iter().map(Value::to_string).collect();
        let queue: Mutex<VecDeque<&[String]>> = Mutex::new(bodies.chunks(MESSAGES).collect());
        let logger = |ports| {
            let queue = &queue;
            async move {
                loop {
                    let next = lock(queue).pop_front();
                    let Some(chunk) = next else { return };
                    let chunk: Vec<&str> = chunk.iter().map(String::as_str).collect();
                    let accepted = activities::accept(&*self.ports.ledger, &*self.clock, &chunk).await.unwrap();
                    round(ports, &accepted.ids).await;
                }
            }
        };
        futures_util::future::join_all(loggers.iter().map(logger)).await;
    }

    /// Lets time pass and all loggers look, until everything is logged, skipped or given up.
    pub async fn settle(&self, loggers: &[LogPorts], ids: &[ActivityId]) {
        for _ in 0..MOST_ROUNDS {
            futures_util::future::join_all(loggers.iter().map(|ports| round(ports, &[]))).await;
            let open = self.entries(ids).await.into_values().filter(|entry| !is_settled(entry)).count();
            if open == 0 {
                return;
            }
            self.clock.jump(Duration::from_secs(5));
        }
        let open: Vec<Entry> = self.entries(ids).await.into_values().filter(|entry| !is_settled(entry)).collect();
        panic!("{} entries are not settled, among them {:?}", open.len(), open.first());
    }

    /// The entries of these ids.
    pub async fn entries(&self, ids: &[ActivityId]) -> BTreeMap<ActivityId, Entry> {
        let ids: Vec<ActivityId> = ids.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect();
        let mut entries = BTreeMap::new();
        for some in ids.chunks(MESSAGES) {
            let found = self.ports.ledger.get(some).await.unwrap();
            entries.extend(found.into_iter().map(|entry| (entry.id().clone(), entry)));
        }
        entries
    }

    /// Id of the activity and person of each custom activity in Marketo, in the order in which they were added.
    pub fn in_marketo(&self) -> Vec<(String, i64)> {
        let activities = self.marketo.custom_activities();
        activities.iter().map(|activity| (activity.text("activityId").to_owned(), activity.lead)).collect()
    }

    /// All tasks in Salesforce.
    pub fn tasks(&self) -> Vec<Value> {
        self.salesforce.records("Task")
    }
}

fn is_settled(entry: &Entry) -> bool {
    Destination::ALL.iter().all(|destination| !matches!(entry.at(*destination), Progress::Due { .. }))
}

fn ports(
    embedded: &Embedded,
    clock: &Arc<JumpClock>,
    marketo: &MarketoConfig,
    salesforce: &SalesforceConfig,
    seed: u64,
) -> LogPorts {
    let (client, tables, chance) = (&embedded.client, &embedded.tables, Seeded::new(seed));
    let state = Arc::new(DynamoState::new(client.clone(), &tables.sync_state, clock.clone()));
    let budget =
        SharedBudget::new(state.clone(), clock.clone(), chance.clone(), Purpose::Changes, CallLimits::default());
    let budget = Arc::new(budget);
    LogPorts {
        ledger: Arc::new(DynamoLedger::new(client.clone(), &tables.activities, clock.clone())),
        people: Arc::new(DynamoPeople::new(client.clone(), &tables.people, clock.clone())),
        state,
        marketo: Arc::new(MarketoClient::new(marketo.clone(), clock.clone(), chance.clone(), budget)),
        salesforce: Arc::new(SalesforceClient::new(salesforce.clone(), clock.clone(), chance.clone())),
        clock: clock.clone(),
        chance,
    }
}

/// One look at both destinations, as an invocation does.
pub async fn round(ports: &LogPorts, hints: &[ActivityId]) -> [Work; 2] {
    let marketo = activities::log_to_marketo(ports, hints, activities::SETTLE, None);
    let salesforce = activities::log_to_salesforce(ports, hints, activities::SALESFORCE_SETTLE, None);
    let (marketo, salesforce) = futures_util::future::join(marketo, salesforce).await;
    [lost_or(marketo), lost_or(salesforce)]
}

/// A desk that was lost to another logger is that one's.
fn lost_or(work: Result<Work, Failure>) -> Work {
    match work {
        Err(failure) if failure.kind == FailureKind::Conflict => Work { busy: true, ..Work::default() },
        other => other.unwrap(),
    }
}
