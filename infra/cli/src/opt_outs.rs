//! The keeping of opt-outs in one process: its ports over the embedded tables, and the check before a mail.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use domain::opt_outs::{self, Address, Checker, Reconciled};
use domain::ports::OptOutPorts;
use runtime::SystemClock;
use runtime::wiring::{OptOutParts, check_ports, opt_out_ports};
use salesforce::SalesforceClient;
use store::DynamoPeople;

use crate::embedded::LocalTables;
use crate::environment::Environment;
use crate::failure::CommandFailure;
use crate::people_table;
use crate::salesforce::{self as place, SalesforceEnvironment};
use crate::state_dir::StateDir;

/// Between lines that tell how far a pass is.
const TOLD_EVERY: Duration = Duration::from_secs(3);

/// The keeping of opt-outs, running.
pub struct OptOuts {
    /// Its ports.
    pub ports: OptOutPorts,
    client: Arc<SalesforceClient>,
    /// Held for a built-in Salesforce.
    _salesforce: SalesforceEnvironment,
    _tables: LocalTables,
}

impl OptOuts {
    /// Starts over a state folder, which is made where there is none. A built-in Salesforce gets to know everybody who is stored there.
    pub async fn open(state: &Path) -> Result<Self, CommandFailure> {
        let salesforce = SalesforceEnvironment::from_process().await?;
        let tables = LocalTables::open(Some(StateDir::open_or_create(state)?)).await?;
        if let Some(simulator) = &salesforce.simulator {
            let people = DynamoPeople::new(tables.dynamodb.clone(), &tables.names.people, Arc::new(SystemClock));
            let ticked = place::ticked(&*tables.opt_outs()).await?;
            place::fill(&simulator.world(), &people_table::all(&people).await?, &ticked)?;
        }
        let (ports, client) = ports(&tables, &salesforce);
        // This process alone owns the tables, so whoever held the lease is gone.
        opt_outs::reopen(&ports).await?;
        Ok(Self { ports, client, _salesforce: salesforce, _tables: tables })
    }

    /// Calls made to Salesforce.
    pub fn calls(&self) -> u64 {
        self.client.stats().calls
    }

    /// Does some work, and says meanwhile how far it is.
    pub async fn told<T>(&self, what: &str, work: impl Future<Output = T>) -> T {
        told(what, || self.calls(), work).await
    }

    /// Has Salesforce know of addresses that just said no; gives why it does not yet, where that is so.
    pub async fn push(&self, addresses: &[Address]) -> Result<Option<String>, CommandFailure> {
        let done = self.told("to Salesforce", opt_outs::push(&self.ports, addresses, None)).await?;
        Ok(why_not(&done))
    }
}

/// Does some work, and says meanwhile how many calls to Salesforce it has made.
pub async fn told<T>(what: &str, calls: impl Fn() -> u64, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        match tokio::time::timeout(TOLD_EVERY, work.as_mut()).await {
            Ok(done) => return done,
            Err(_) => eprintln!("{what}: {} calls to Salesforce so far", calls()),
        }
    }
}

/// Ports over the embedded tables, and the client behind them.
pub fn ports(tables: &LocalTables, salesforce: &SalesforceEnvironment) -> (OptOutPorts, Arc<SalesforceClient>) {
    opt_out_ports(OptOutParts {
        dynamodb: tables.dynamodb.clone(),
        sync_state_table: tables.names.sync_state.clone(),
        opt_outs_table: tables.names.opt_outs.clone(),
        salesforce: salesforce.config.clone(),
    })
}

/// The check before a mail over the embedded tables.
pub fn checker(tables: &LocalTables, environment: &Environment) -> Checker {
    let (dynamodb, marketo) = (tables.dynamodb.clone(), environment.marketo.clone());
    Checker::new(check_ports(dynamodb, &tables.names, marketo, environment.limits))
}

/// Why a pass did not do everything, where it did not.
pub fn why_not(done: &Reconciled) -> Option<String> {
    let closed = done.closed.as_ref().map(|problem| problem.message.clone());
    let refused = (done.rejected > 0).then(|| {
        format!("Salesforce refuses {} records; `actions-sync rejects list --flow opt-outs` says why", done.rejected)
    });
    closed.or(refused)
}
