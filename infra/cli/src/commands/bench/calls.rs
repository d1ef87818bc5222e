//! What a subscription and an AWS account pay with: Marketo calls and DynamoDB units, of an initial sync under Marketo's limits, of a
//! pull that finds nothing, and of a new run over an unchanged table.

use domain::budget::CallLimits;
use domain::pull::{self, Overlap};

use super::Options;
use super::meter::Meter;
use super::report::{Report, Target};
use super::simulator::SimulatorProcess;
use crate::drive;
use crate::embedded::{Embedded, LocalTables};
use crate::failure::CommandFailure;
use crate::people_table;

/// Calls of an initial sync beside looks at the job and readings of opportunity roles.
const MAX_FIXED_CALLS: f64 = 10.0;
/// People whose opportunity roles one call reads.
const PEOPLE_PER_ROLES_CALL: f64 = 300.0;
const STATUS: &str = "GET /bulk/v1/leads/export/{exportId}/status.json";
const ROLES: &str = "GET /rest/v1/opportunities/roles.json";

/// Names of the figures that the cost is made of.
pub const WRITES: &str = "write units per thousand new people, both tables, without indexes";
pub const INDEX_WRITES: &str = "write units of indexes per thousand new people";
pub const READS: &str = "read units per thousand new people";

pub async fn measure(options: &Options) -> Result<Report, CommandFailure> {
    let mut report = Report::new("calls and write units");
    let simulator = SimulatorProcess::start(options.people)?;
    let meter = Meter::default();
    let tables = LocalTables::open_with(None, |config| config.interceptor(meter.clone())).await?;
    let people_table = tables.names.people.clone();
    let embedded = Embedded::over(simulator.environment(CallLimits::default())?, tables).await?;

    meter.take();
    drive::until_in_step(&embedded, false).await?;
    let (units, calls) = (meter.take(), embedded.client_stats());
    let active = people_table::count(&people_table::all(&*embedded.initial.people).await?).active as f64;
    let of = |endpoint: &str| calls.by_endpoint.get(endpoint).copied().unwrap_or_default() as f64;
    let fixed = calls.calls as f64 - of(STATUS) - of(ROLES);
    report.tell("people new in the table", active, "people");
    report.check("calls beside status and roles", fixed, "calls", Target::AtMost(MAX_FIXED_CALLS), true);
    report.tell("looks at the export's status", of(STATUS), "calls");
    let most = (active / PEOPLE_PER_ROLES_CALL).ceil();
    report.check("readings of opportunity roles", of(ROLES), "calls", Target::AtMost(most), true);
    report.tell("calls per thousand new people", calls.calls as f64 / active * 1000.0, "calls");
    let written = units.table_writes();
    let people_units = units.writes.get(&people_table).copied().unwrap_or_default();
    let refused = written - units.writes.iter().filter(|(table, _)| !table.contains(' ')).map(|(_, n)| n).sum::<f64>();
    report.check("write units per new person, people table", people_units / active, "units", Target::AtMost(1.1), true);
    report.check("write units per new person, both tables", written / active, "units", Target::AtMost(1.1), true);
    report.tell("of these refused by their condition", refused, "units");
    report.tell(WRITES, written / active * 1000.0, "units");
    report.tell(INDEX_WRITES, units.index_writes / active * 1000.0, "units");
    report.tell(READS, units.reads / active * 1000.0, "units");

    idle_pull(&embedded, &meter, &mut report).await?;

    meter.take();
    drive::until_in_step(&embedded, true).await?;
    let again = meter.take().writes.get(&people_table).copied().unwrap_or_default();
    report.check("write units of a new run over an unchanged people table", again, "units", Target::AtMost(0.0), true);
    report.note("units are those that the embedded DynamoDB says it consumed (ReturnConsumedCapacity)");
    Ok(report)
}

/// The pull of a minute in which nothing happened; the one before has read everything.
async fn idle_pull(embedded: &Embedded, meter: &Meter, report: &mut Report) -> Result<(), CommandFailure> {
    pull::pull(&embedded.changes, &*embedded.tables.opt_outs(), Overlap::WhenDue, None).await?;
    meter.take();
    let before = embedded.client_stats().calls;
    pull::pull(&embedded.changes, &*embedded.tables.opt_outs(), Overlap::WhenDue, None).await?;
    let calls = (embedded.client_stats().calls - before) as f64;
    report.check("calls of an idle pull", calls, "calls", Target::AtMost(3.0), true);
    report.check("write units of an idle pull", meter.take().table_writes(), "units", Target::AtMost(2.0), true);
    Ok(())
}
