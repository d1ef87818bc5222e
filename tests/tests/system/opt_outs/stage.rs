//! A stage for the stories: both vendors simulated, the tables on the embedded DynamoDB, a clock that jumps.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::budget::{CallLimits, Purpose, SharedBudget};
use domain::opt_outs::{self, Address, Checker, Decision, Occasion, OptOut, Reconciled, Said, Source};
use domain::ports::{CheckPorts, OptOutPorts};
use domain::settings;
use marketo::MarketoClient;
use salesforce::SalesforceClient;
use serde_json::{Value, json};
use simulator_salesforce::Edit;
use store::{DynamoOptOuts, DynamoState};
use system_tests::vendors;
use system_tests::world::Seeded;

use crate::support::clock::JumpClock;
use crate::support::embedded::Embedded;

/// The standard box.
pub const BOX: &str = "HasOptedOutOfEmail";
/// Longer than what was committed late is looked for.
pub const QUIET: Duration = Duration::from_secs(25 * 60);

pub struct Stage {
    pub marketo: simulator_marketo::World,
    pub salesforce: simulator_salesforce::World,
    pub clock: Arc<JumpClock>,
    pub ports: OptOutPorts,
    pub check: CheckPorts,
    _simulators: (simulator_marketo::Simulator, simulator_salesforce::Simulator),
    _embedded: Embedded,
}

impl Stage {
    /// A stage with so many people in Marketo; Salesforce is empty.
    pub async fn set(people: u64) -> Self {
        let subscription = simulator_marketo::Config { people, ..simulator_marketo::Config::default() };
        let org = simulator_salesforce::Config::default();
        let marketo = simulator_marketo::Simulator::start(subscription.clone()).await.unwrap();
        let salesforce = simulator_salesforce::Simulator::start(org.clone()).await.unwrap();
        let clock = Arc::new(JumpClock::over(marketo.world(), salesforce.world()));
        let embedded = Embedded::start().await;
        let (client, tables, chance) = (&embedded.client, &embedded.tables, Seeded::new(1));
        let state = Arc::new(DynamoState::new(client.clone(), &tables.sync_state, clock.clone()));
        let register = Arc::new(DynamoOptOuts::new(client.clone(), &tables.opt_outs, clock.clone()));
        let to = vendors::marketo_config(&subscription, &marketo.base_url(), 2);
        let limits = CallLimits::default();
        let budget = SharedBudget::new(state.clone(), clock.clone(), chance.clone(), Purpose::Changes, limits);
        let consent = Arc::new(MarketoClient::new(to, clock.clone(), chance.clone(), Arc::new(budget)));
        let to = vendors::salesforce_config(&org, &salesforce.base_url(), 4);
        let boxes = Arc::new(SalesforceClient::new(to, clock.clone(), chance.clone()));
        let check =
            CheckPorts { register: register.clone(), state: state.clone(), marketo: consent, clock: clock.clone() };
        let ports = OptOutPorts { register, state, salesforce: boxes, clock: clock.clone(), chance };
        Self {
            marketo: marketo.world(),
            salesforce: salesforce.world(),
            clock,
            ports,
            check,
            _simulators: (marketo, salesforce),
            _embedded: embedded,
        }
    }

    pub async fn set_to(&self, key: &str, value: &str) {
        settings::set(&*self.ports.state, &*self.clock, key, value, "test").await.unwrap();
    }

    /// Puts a record of this address into Salesforce; gives its id.
    pub fn put(&self, object: &str, email: &str, more: Value) -> String {
        self.salesforce.put(object, &[record(object, email, more)]).unwrap().remove(0)
    }

    /// Somebody in Salesforce ticks or unticks the box of a record.
    pub fn edit(&self, id: &str, fields: Value) {
        self.edit_late(id, fields, 0);
    }

    /// The same, committed so many seconds after its stamp.
    pub fn edit_late(&self, id: &str, fields: Value, late_seconds: u64) {
        let fields = fields.as_object().cloned().unwrap();
        self.salesforce.edit(&Edit { id: id.to_owned(), fields, late_seconds, ..Edit::default() }).unwrap();
    }

    /// Whether the box of a record is ticked.
    pub fn is_ticked(&self, id: &str) -> bool {
        self.salesforce.record(id).unwrap()[BOX].as_bool().unwrap()
    }

    /// Takes opt-outs in, as messages of the queue are.
    pub async fn say_no(&self, emails: &[&str]) {
        let event = opt_outs::event(&*self.clock, Source::Manual, None, None);
        let said: Vec<Said> =
            emails.iter().map(|email| Said { address: address(email), event: event.clone(), message: None }).collect();
        opt_outs::add(&*self.ports.register, &said).await.unwrap();
    }

    /// A pass that somebody asks for.
    pub async fn pass(&self) -> Reconciled {
        opt_outs::reconcile(&self.ports, Occasion::Asked { full: false }, None).await.unwrap()
    }

    /// A pass of the schedule.
    pub async fn tick(&self) -> Reconciled {
        opt_outs::reconcile(&self.ports, Occasion::Scheduled, None).await.unwrap()
    }

    /// All entries of the register.
    pub async fn entries(&self) -> BTreeMap<String, OptOut> {
        let mut entries = BTreeMap::new();
        opt_outs::for_each(&*self.ports.register, |entry| {
            entries.insert(entry.address.as_str().to_owned(), entry);
            Ok(())
        })
        .await
        .unwrap();
        entries
    }

    /// The entry of an address.
    pub async fn entry(&self, email: &str) -> OptOut {
        self.ports.register.get(&[address(email)]).await.unwrap().remove(0)
    }

    /// The decision about one address, of a check that keeps nothing.
    pub async fn decision(&self, email: &str) -> Decision {
        let checker = Checker::new(self.check.clone());
        checker.check(&[email.to_owned()], false).await.unwrap().remove(0)
    }

    /// Counts of both sides begin anew.
    pub fn count_anew(&self) {
        self.salesforce.reset_stats();
        self.marketo.reset_stats();
    }
}

/// A record of this address.
pub fn record(object: &str, email: &str, more: Value) -> Value {
    let mut record = json!({ "LastName": "Somebody", "Email": email });
    if object == "Lead" {
        record["Company"] = "Somewhere".into();
    }
    for (name, value) in more.as_object().into_iter().flatten() {
        record[name] = value.clone();
    }
    record
}

pub fn address(email: &str) -> Address {
    Address::of(email).unwrap()
}
