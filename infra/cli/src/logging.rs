//! The logging of sales activities in one process: its ports over the embedded tables, and what the queue and the schedule of the deployed
//! function do.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::activities::{self, ActivityId, Destination, Entry, Progress, Unusable, Work};
use domain::ports::{Clock, LogPorts};
use domain::{Failure, Timestamp, settings};
use futures_util::stream::{self, StreamExt};
use runtime::SystemClock;
use runtime::wiring::{LogParts, log_ports};

use crate::embedded::Embedded;
use crate::failure::CommandFailure;
use crate::people_table;
use crate::salesforce::{self, SalesforceEnvironment};

/// Messages of one invocation, as the deployed function gets them.
const MESSAGES: usize = 300;
/// Loggers at once, as deployed.
const LOGGERS: usize = 2;
/// Tries of a refusal that may pass, before the command leaves it to a later run.
const MAX_ATTEMPTS: u32 = 6;
/// Failures of a destination in a row, before the command leaves it at that.
const MAX_CLOSED: u32 = 8;
/// Longest single wait; then it is looked again.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const SHORTEST_WAIT: Duration = Duration::from_millis(50);
/// Ids read at a time.
const IDS: usize = 500;
/// Refusals that waiting here does not cure: something has to come in by another way first.
const PATIENT: [&str; 3] = ["unknown-person", "waits-for-email", "1004"];

/// The logging, running.
pub struct Logging {
    /// Its ports.
    pub ports: LogPorts,
    /// The rest of the collection.
    pub embedded: Embedded,
    /// Where Salesforce is.
    pub salesforce: SalesforceEnvironment,
}

impl Logging {
    /// Starts over a running collection. A built-in Salesforce gets to know everybody who is stored here.
    pub async fn start(embedded: Embedded, salesforce: SalesforceEnvironment) -> Result<Self, CommandFailure> {
        let ports = ports(&embedded, &salesforce);
        // This process alone owns the tables, so whoever sat at a desk is gone.
        activities::reopen(&ports).await?;
        if let Some(simulator) = &salesforce.simulator {
            let ticked = salesforce::ticked(&*embedded.tables.opt_outs()).await?;
            salesforce::fill(&simulator.world(), &people_table::all(&*ports.people).await?, &ticked)?;
        }
        // A built-in Marketo forgets its types with each run.
        if embedded.environment.simulator.is_some() {
            let layout = settings::load(&*ports.state).await?.log()?.types;
            activities::provision_marketo(&*ports.marketo, layout).await?;
        }
        Ok(Self { ports, embedded, salesforce })
    }
}

/// Ports over the embedded tables.
pub fn ports(embedded: &Embedded, salesforce: &SalesforceEnvironment) -> LogPorts {
    log_ports(LogParts {
        dynamodb: embedded.tables.dynamodb.clone(),
        tables: embedded.tables.names.of_people(),
        activities_table: embedded.tables.names.activities.clone(),
        marketo: embedded.environment.marketo.clone(),
        limits: embedded.environment.limits,
        salesforce: salesforce.config.clone(),
    })
}

/// What was taken in.
#[derive(Default)]
pub struct Taken {
    /// Distinct activities.
    pub ids: BTreeSet<ActivityId>,
    /// Lines that cannot be used, from 1, and why.
    pub unusable: BTreeMap<usize, Unusable>,
    /// Records that are held back by a dry run.
    pub planned: u64,
}

/// Takes messages into the ledger, two batches at a time as deployed; then logs until every activity is logged or has been refused. All
/// are taken first, so that calls are full and what is about an email comes after it.
pub async fn log(logging: &Logging, lines: Vec<(usize, String)>) -> Result<Taken, CommandFailure> {
    let ports = &logging.ports;
    let accepting = lines.chunks(MESSAGES).map(|chunk| async move {
        let bodies: Vec<&str> = chunk.iter().map(|(_, body)| body.as_str()).collect();
        let accepted = activities::accept(&*ports.ledger, &*ports.clock, &bodies).await?;
        let unusable = accepted.unusable.into_iter().map(|(place, why)| (chunk[place].0, why));
        Ok::<_, Failure>((accepted.ids, unusable.collect::<Vec<_>>()))
    });
    let mut accepting = stream::iter(accepting.collect::<Vec<_>>()).buffer_unordered(LOGGERS);
    let mut taken = Taken::default();
    while let Some(accepted) = accepting.next().await {
        let (ids, unusable) = accepted?;
        taken.ids.extend(ids);
        taken.unusable.extend(unusable);
    }
    taken.planned = until_settled(logging, &taken.ids).await?;
    Ok(taken)
}

/// Logs until each of these is logged, or refused in a way that waiting here does not cure. Gives how many records a dry run holds back.
pub async fn until_settled(logging: &Logging, ids: &BTreeSet<ActivityId>) -> Result<u64, CommandFailure> {
    let ports = &logging.ports;
    let mut closed = 0;
    loop {
        let works = round(logging).await?;
        let planned = works.iter().map(|work| work.planned).sum();
        if planned > 0 {
            return Ok(planned);
        }
        let open = entries(ports, ids).await?;
        let tried_next = Destination::ALL.map(|here| open.iter().filter_map(|entry| tried_next(entry.at(here))).min());
        if tried_next == [None, None] {
            // What waited for an email that is logged by now has not been tried since.
            if works.iter().all(|work| work.logged == 0) && !release_waiting(ports, &open).await? {
                return Ok(0);
            }
            continue;
        }
        let now = SystemClock.now();
        closed = if works.iter().any(|work| work.logged > 0) {
            0
        } else {
            closed + u32::from(works.iter().any(|w| w.closed.is_some()))
        };
        for work in &works {
            if let Some(problem) = &work.closed {
                let far = work.closed_until.is_some_and(|until| until.duration_since(now).as_secs() > 600);
                // Whatever the other destination still takes was logged in this round.
                if problem.needs_operator || far || closed > MAX_CLOSED {
                    return Err(stopped(problem));
                }
            }
        }
        let next = tried_next.into_iter().zip(&works);
        let next = next.filter_map(|(at, work)| at.map(|at| work.closed_until.or(work.unsettled_until).unwrap_or(at)));
        let wait = next.min().map_or(LONGEST_WAIT, |at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
        // Never at once: a destination at which somebody else sits is left to him for a moment.
        SystemClock.sleep(wait.clamp(SHORTEST_WAIT, LONGEST_WAIT)).await;
    }
}

/// One look at both destinations.
async fn round(logging: &Logging) -> Result<[Work; 2], Failure> {
    let (ports, settle) = (&logging.ports, logging.embedded.environment.settle);
    let marketo = activities::log_to_marketo(ports, &[], settle, None);
    let salesforce = activities::log_to_salesforce(ports, &[], settle, None);
    let (marketo, salesforce) = futures_util::future::join(marketo, salesforce).await;
    Ok([lost_or(marketo)?, lost_or(salesforce)?])
}

/// A desk that was lost to the other logger is that one's.
fn lost_or(work: Result<Work, Failure>) -> Result<Work, Failure> {
    match work {
        Err(failure) if failure.kind == domain::FailureKind::Conflict => Ok(Work { busy: true, ..Work::default() }),
        other => other,
    }
}

/// When this is to be tried, where waiting here may cure it.
fn tried_next(progress: &Progress) -> Option<Timestamp> {
    let Progress::Due { at, attempts, trouble } = progress else { return None };
    let hopeful =
        trouble.as_ref().is_none_or(|trouble| *attempts < MAX_ATTEMPTS && !PATIENT.contains(&trouble.code.as_str()));
    hopeful.then_some(*at)
}

/// Makes what waits for an email due at once where that email is logged by now; whether there was any.
async fn release_waiting(ports: &LogPorts, open: &[Entry]) -> Result<bool, Failure> {
    let waits = |entry: &&Entry| entry.salesforce.trouble().is_some_and(|trouble| trouble.code == "waits-for-email");
    let waiting: Vec<&Entry> = open.iter().filter(waits).collect();
    let originals: Vec<ActivityId> =
        waiting.iter().filter_map(|entry| entry.activity.what.original().cloned()).collect();
    let logged: BTreeSet<ActivityId> = entries(ports, &originals.into_iter().collect())
        .await?
        .into_iter()
        .filter(|entry| matches!(entry.salesforce, Progress::Done { .. } | Progress::Skipped { .. }))
        .map(|entry| entry.id().clone())
        .collect();
    let free = |entry: &&Entry| entry.activity.what.original().is_some_and(|original| logged.contains(original));
    let ids: Vec<ActivityId> = waiting.into_iter().filter(free).map(|entry| entry.id().clone()).collect();
    Ok(activities::retry_some(&*ports.ledger, &*ports.clock, &ids).await? > 0)
}

/// The entries of these ids.
pub async fn entries(ports: &LogPorts, ids: &BTreeSet<ActivityId>) -> Result<Vec<Entry>, Failure> {
    let ids: Vec<ActivityId> = ids.iter().cloned().collect();
    let mut entries = Vec::with_capacity(ids.len());
    for some in ids.chunks(IDS) {
        entries.extend(ports.ledger.get(some).await?);
    }
    Ok(entries)
}

fn stopped(problem: &domain::status::Problem) -> CommandFailure {
    let text = format!("{}; nothing is lost, run the same command again", problem.message);
    match problem.kind {
        domain::FailureKind::BadSetting | domain::FailureKind::BadCredentials => CommandFailure::Usage(text),
        _ => CommandFailure::Wrong(text),
    }
}
