//! Reminder tasks in one process: their ports over the embedded tables, and a built-in Salesforce that knows what it was told before.

use std::path::Path;
use std::sync::Arc;

use domain::ports::TaskPorts;
use domain::settings;
use domain::tasks::{self, Reconciled, Task};
use runtime::SystemClock;
use runtime::wiring::{TaskParts, task_ports};
use salesforce::SalesforceClient;
use serde_json::{Value, json};
use simulator_salesforce::World;
use store::DynamoPeople;

use crate::embedded::{LocalTables, queue};
use crate::failure::CommandFailure;
use crate::salesforce::{self as place, SalesforceEnvironment};
use crate::state_dir::StateDir;
use crate::{opt_outs, people_table};

/// Reminder tasks, running.
pub struct Tasks {
    /// Their ports.
    pub ports: TaskPorts,
    client: Arc<SalesforceClient>,
    /// Held for a built-in Salesforce.
    _salesforce: SalesforceEnvironment,
    _tables: LocalTables,
}

impl Tasks {
    /// Starts over a state folder, which is made where there is none. A built-in Salesforce gets to know everybody who is stored there, and the
    /// tasks that it was told of.
    pub async fn open(state: &Path) -> Result<Self, CommandFailure> {
        let salesforce = SalesforceEnvironment::from_process().await?;
        let tables = LocalTables::open(Some(StateDir::open_or_create(state)?)).await?;
        if let Some(simulator) = &salesforce.simulator {
            let people = DynamoPeople::new(tables.dynamodb.clone(), &tables.names.people, Arc::new(SystemClock));
            let ticked = place::ticked(&*tables.opt_outs()).await?;
            place::fill(&simulator.world(), &people_table::all(&people).await?, &ticked)?;
            fill(&simulator.world(), &tables).await?;
        }
        let (ports, client) = ports(&tables, &salesforce);
        // This process alone owns the tables, so whoever held the lease is gone.
        tasks::reopen(&ports).await?;
        Ok(Self { ports, client, _salesforce: salesforce, _tables: tables })
    }

    /// Calls made to Salesforce.
    pub fn calls(&self) -> u64 {
        self.client.stats().calls
    }

    /// Whether both sides are to be brought in step.
    pub async fn sync_is_on(&self) -> Result<bool, CommandFailure> {
        Ok(settings::load(&*self.ports.state).await?.reminders()?.sync)
    }

    /// Does some work, and says meanwhile how far it is.
    pub async fn told<T>(&self, what: &str, work: impl Future<Output = T>) -> T {
        opt_outs::told(what, || self.calls(), work).await
    }
}

/// Ports over the embedded tables, and the client behind them.
pub fn ports(tables: &LocalTables, salesforce: &SalesforceEnvironment) -> (TaskPorts, Arc<SalesforceClient>) {
    task_ports(TaskParts {
        dynamodb: tables.dynamodb.clone(),
        tables: tables.names.of_people(),
        tasks_table: tables.names.tasks.clone(),
        // What the app is told ends with this process.
        events: queue("task-events"),
        salesforce: salesforce.config.clone(),
    })
}

/// Why a pass did not do everything, where it did not.
pub fn why_not(done: &Reconciled) -> Option<String> {
    let closed = done.closed.as_ref().map(|problem| problem.message.clone());
    let refused = (done.rejected > 0).then(|| {
        format!("Salesforce refuses {} tasks; `actions-sync rejects list --flow tasks` says why", done.rejected)
    });
    closed.or(refused)
}

/// Puts the tasks that Salesforce was told of into a simulated one, which forgets them with each run.
async fn fill(world: &World, tables: &LocalTables) -> Result<(), CommandFailure> {
    let mut records = Vec::new();
    tasks::for_each(&*tables.tasks(), |task| {
        records.extend(record(&task));
        Ok(())
    })
    .await?;
    world
        .put("Task", &records)
        .map(drop)
        .map_err(|e| CommandFailure::Wrong(format!("the simulated Salesforce refuses a task: {e}")))
}

fn record(task: &Task) -> Option<Value> {
    let link = task.link.as_ref().filter(|link| !link.deleted)?;
    let there = &link.agreed.there;
    let mut record = json!({
        "Id": link.id, "Subject": there.subject, "Status": there.status, "Priority": there.priority,
        "ActivityDate": there.due.map(|due| due.to_string()), "Description": there.description, "WhoId": link.who
    });
    if let Some(owner) = &there.owner {
        record["OwnerId"] = owner.clone().into();
    }
    if task.origin == tasks::Side::Actions {
        record[domain::ports::KEY_FIELD] = task.id.key().into();
    }
    // What was not agreed upon is Salesforce's to fill in.
    if let Some(fields) = record.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    Some(record)
}
