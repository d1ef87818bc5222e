//! What the rules need from the outside world, each as a narrow trait with its errors and limits said.
//!
//! Adapters live in `marketo` (one vendor), `store` (DynamoDB, SQS and memory) and `runtime` (clock, chance, spool).

mod ledger;
mod marketo;
mod marketo_activities;
mod opt_outs;
mod salesforce_tasks;
mod store;
mod tasks;
mod values;
mod world;

pub use ledger::*;
pub use marketo::*;
pub use marketo_activities::*;
pub use opt_outs::*;
pub use salesforce_tasks::*;
pub use store::*;
pub use tasks::*;
pub use values::Values;
pub use world::*;

use std::sync::Arc;

/// What each function of the people flow touches, wired once at cold start. The queues are apart, as not every function sends.
#[derive(Clone)]
pub struct PeoplePorts {
    /// Marketo.
    pub marketo: Arc<dyn Marketo>,
    /// The people table.
    pub people: Arc<dyn PeopleTable>,
    /// Cursors, leases, runs, receipts, budget, settings.
    pub state: Arc<dyn SyncState>,
    /// Marketo's call limits, which the adapter of Marketo asks before each call.
    pub budget: Arc<dyn CallBudget>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub chance: Arc<dyn Chance>,
    /// Disk space for one export file.
    pub spools: Arc<dyn Spools>,
}

/// The queues of the people flow, for whoever sends to both.
#[derive(Clone)]
pub struct PeopleQueues {
    /// Queue `people-batches`: rows to store.
    pub batches: Arc<dyn Queue>,
    /// Queue `people-reads`: ids to be read from Marketo.
    pub reads: Arc<dyn Queue>,
}

/// What the logging of sales activities touches, wired once at cold start.
#[derive(Clone)]
pub struct LogPorts {
    /// The ledger of activities.
    pub ledger: Arc<dyn ActivityLedger>,
    /// The people table.
    pub people: Arc<dyn PeopleTable>,
    /// Desks, leases, budget, settings.
    pub state: Arc<dyn SyncState>,
    /// Marketo's custom activities.
    pub marketo: Arc<dyn MarketoActivities>,
    /// Salesforce's tasks.
    pub salesforce: Arc<dyn SalesforceTasks>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub chance: Arc<dyn Chance>,
}

/// What bringing opt-outs in step with Salesforce touches, wired once at cold start.
#[derive(Clone)]
pub struct OptOutPorts {
    /// The register.
    pub register: Arc<dyn OptOutRegister>,
    /// Lease, places, settings.
    pub state: Arc<dyn SyncState>,
    /// Salesforce's boxes.
    pub salesforce: Arc<dyn SalesforceOptOuts>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub chance: Arc<dyn Chance>,
}

/// What the check before a mail touches.
#[derive(Clone)]
pub struct CheckPorts {
    /// The register.
    pub register: Arc<dyn OptOutRegister>,
    /// Settings.
    pub state: Arc<dyn SyncState>,
    /// Marketo's consent flags.
    pub marketo: Arc<dyn MarketoConsent>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// What bringing reminder tasks in step with Salesforce touches, wired once at cold start.
#[derive(Clone)]
pub struct TaskPorts {
    /// The table of tasks.
    pub tasks: Arc<dyn TaskTable>,
    /// The people table.
    pub people: Arc<dyn PeopleTable>,
    /// Lease, places, settings.
    pub state: Arc<dyn SyncState>,
    /// Salesforce's tasks.
    pub salesforce: Arc<dyn SalesforceReminders>,
    /// Queue `task-events`: what the app is told.
    pub events: Arc<dyn Queue>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub chance: Arc<dyn Chance>,
}
