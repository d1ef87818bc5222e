//! Compares the people table with Marketo: an export of everybody against every row. What differs is read again over REST on both sides,
//! so that changes on their way, and text that an export cannot carry, are not taken for drift. Writes nothing.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use serde::Serialize;

use crate::initial_sync::{export_filters, fetch};
use crate::people::{FieldPlan, MarketoId, Person, PersonRow, Status};
use crate::ports::{ExportFile, ExportFilter, ExportId, ExportStatus, MAX_IDS_PER_CALL, PeoplePorts};
use crate::{Failure, FailureKind, lead_fields, settings};

/// People compared at once.
const CHUNK: usize = 1_000;
/// Most ids named per kind of drift.
const MAX_NAMED: usize = 20;
/// Most looks at one export: at one a minute, half a day.
const MAX_LOOKS: u32 = 720;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// People looked at in Marketo.
    pub in_marketo: u64,
    /// People of these who qualify.
    pub qualifying: u64,
    /// Active rows.
    pub active_rows: u64,
    /// Qualify, and have no active row.
    pub missing: Drift,
    /// Have an active row, and do not qualify or do not exist.
    pub extra: Drift,
    /// Have an active row with other values.
    pub different: Drift,
    /// Without bulk rights only stored people are compared, and who is missing cannot be seen.
    pub stored_only: bool,
}

/// One kind of drift.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Drift {
    /// How many people.
    pub count: u64,
    /// The first of them.
    pub ids: Vec<MarketoId>,
}

impl Verification {
    /// Whether the table is as Marketo says.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.missing.count + self.extra.count + self.different.count == 0
    }
}

impl Drift {
    fn add(&mut self, id: MarketoId) {
        self.count += 1;
        if self.ids.len() < MAX_NAMED {
            self.ids.push(id);
        }
    }
}

/// Compares everything; `poll` is the pause between looks at an export.
///
/// # Errors
/// Those of Marketo and of the table.
pub async fn verify(ports: &PeoplePorts, poll: Duration) -> Result<Verification, Failure> {
    let settings = settings::load(&*ports.state).await?.people()?;
    let plan = lead_fields::plan(ports, &settings).await?;
    let mut found = Verification::default();
    let mut suspects = BTreeSet::new();
    let mut qualifying = BTreeSet::new();
    for filter in export_filters(ports, &settings).await? {
        match compare_export(ports, &plan, &filter, poll, &mut found, &mut suspects, &mut qualifying).await {
            Ok(()) => {}
            Err(failure) if failure.kind == FailureKind::AccessDenied => {
                found.stored_only = true;
                break;
            }
            Err(failure) => return Err(failure),
        }
    }
    found.qualifying = qualifying.len() as u64;
    let mut from = None;
    loop {
        let (rows, next) = ports.people.scan(from).await?;
        for row in rows.iter().filter(|r| r.status == Status::Active) {
            found.active_rows += 1;
            if !qualifying.contains(&row.id) {
                suspects.insert(row.id);
            }
        }
        from = next;
        if from.is_none() {
            break;
        }
    }
    settle(ports, &plan, suspects, &mut found).await?;
    Ok(found)
}

async fn compare_export(
    ports: &PeoplePorts,
    plan: &FieldPlan,
    filter: &ExportFilter,
    poll: Duration,
    found: &mut Verification,
    suspects: &mut BTreeSet<MarketoId>,
    qualifying: &mut BTreeSet<MarketoId>,
) -> Result<(), Failure> {
    let job = ports.marketo.create_export(filter, plan.names()).await?;
    ports.marketo.enqueue_export(&job).await?;
    let file = finished(ports, &job, poll).await?;
    let spool = fetch(ports, &job, &file).await?;
    let reader = spool
        .reader()
        .map_err(|e| Failure::new(FailureKind::Unavailable, format!("cannot read scratch space: {e}")))?;
    let mut people = Vec::with_capacity(CHUNK);
    let records = plan.reader();
    for row in ports.marketo.export_rows(reader, plan.names()) {
        found.in_marketo += 1;
        let person = records.person(&row?.record);
        if person.qualifies {
            qualifying.insert(person.id);
            people.push(person);
        }
        if people.len() == CHUNK {
            suspects.extend(differing(ports, std::mem::take(&mut people)).await?);
        }
    }
    suspects.extend(differing(ports, people).await?);
    Ok(())
}

async fn finished(ports: &PeoplePorts, job: &ExportId, poll: Duration) -> Result<ExportFile, Failure> {
    for _ in 0..MAX_LOOKS {
        match ports.marketo.export_status(job).await? {
            ExportStatus::Completed(file) => return Ok(file),
            ExportStatus::Failed(_) => break,
            ExportStatus::Pending => ports.clock.sleep(poll).await,
        }
    }
    Err(Failure::new(
        FailureKind::Unavailable,
        format!("export {} did not end well at Marketo; verify again later", job.0),
    ))
}

async fn differing(ports: &PeoplePorts, people: Vec<Person>) -> Result<Vec<MarketoId>, Failure> {
    let ids: Vec<MarketoId> = people.iter().map(|p| p.id).collect();
    let rows = rows_by_id(ports, &ids).await?;
    Ok(people.iter().filter(|p| !rows.get(&p.id).is_some_and(|row| is_same(row, p))).map(|p| p.id).collect())
}

/// Looks once more at everybody who seemed wrong.
async fn settle(
    ports: &PeoplePorts,
    plan: &FieldPlan,
    suspects: BTreeSet<MarketoId>,
    found: &mut Verification,
) -> Result<(), Failure> {
    let suspects: Vec<MarketoId> = suspects.into_iter().collect();
    for ids in suspects.chunks(MAX_IDS_PER_CALL) {
        let records = ports.marketo.people_by_ids(ids, plan.names()).await?;
        let people: HashMap<MarketoId, Person> = records.iter().map(|r| (r.id, plan.person(r))).collect();
        let rows = rows_by_id(ports, ids).await?;
        for id in ids {
            let person = people.get(id).filter(|p| p.qualifies);
            let row = rows.get(id).filter(|r| r.status == Status::Active);
            match (person, row) {
                (Some(_), None) => found.missing.add(*id),
                (None, Some(_)) => found.extra.add(*id),
                (Some(person), Some(row)) if !is_same(row, person) => found.different.add(*id),
                _ => {}
            }
        }
    }
    Ok(())
}

async fn rows_by_id(ports: &PeoplePorts, ids: &[MarketoId]) -> Result<HashMap<MarketoId, PersonRow>, Failure> {
    Ok(ports.people.get(ids).await?.into_iter().map(|row| (row.id, row)).collect())
}

fn is_same(row: &PersonRow, person: &Person) -> bool {
    row.status == Status::Active && row.fields == person.fields && row.extra == person.extra
}
