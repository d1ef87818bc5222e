//! Cuts a checked export file into batches and queues them. The same file is always cut the same way, so that a batch number means the
//! same people whenever the file is cut again.

use std::collections::BTreeSet;

use super::message::{BatchId, IdsBatch, PeopleMessage, RowsBatch};
use super::run::{Batches, Job, Receipts, Run};
use crate::people::{Field, MarketoId, Person, RecordReader};
use crate::ports::{ExportRows, MAX_IDS_PER_CALL, MAX_MESSAGE_BYTES, PeoplePorts, PeopleQueues};
use crate::{Failure, FailureKind};

/// Most people of a batch: what one reading of opportunity roles takes.
const MAX_PEOPLE: usize = MAX_IDS_PER_CALL;
/// Most ids of people who do not qualify in a batch.
const MAX_UNQUALIFIED: usize = 3_000;
/// Room for the people of a batch; the rest of a message is for ids and the envelope.
const MAX_PEOPLE_BYTES: usize = MAX_MESSAGE_BYTES - 64 * 1024;
/// Messages handed to the queue at once.
const MESSAGES_PER_SEND: usize = 10;

/// Batches that need not be sent again.
#[derive(Debug, Default)]
pub struct Done {
    rows: BTreeSet<u32>,
    roles: BTreeSet<u32>,
    reads: BTreeSet<u32>,
}

impl Done {
    /// The receipts of a part that was cut before.
    pub async fn load(ports: &PeoplePorts, run: &str, label: &str, before: Option<Batches>) -> Result<Self, Failure> {
        let Some(before) = before else { return Ok(Self::default()) };
        let receipts = |kind: Receipts, end| {
            let group = kind.group(run, label);
            async move { ports.state.receipts(&group, end).await }
        };
        Ok(Self {
            rows: receipts(Receipts::Rows, before.rows).await?,
            roles: receipts(Receipts::Roles, before.rows).await?,
            reads: receipts(Receipts::Reads, before.reads).await?,
        })
    }
}

/// Sends the batches of one part.
pub struct Cutter<'a> {
    queues: &'a PeopleQueues,
    run: &'a Run,
    reader: RecordReader,
    label: String,
    done: Done,
    batches: Batches,
    rows: Vec<String>,
    reads: Vec<String>,
}

/// Batch being filled.
#[derive(Default)]
struct Filling {
    people: Vec<Person>,
    bytes: usize,
    unqualified: Vec<MarketoId>,
    read_again: Vec<MarketoId>,
}

impl<'a> Cutter<'a> {
    /// A cutter for one part of a run.
    pub fn new(queues: &'a PeopleQueues, run: &'a Run, label: String, done: Done) -> Self {
        let (reader, batches) = (run.plan.reader(), Batches::default());
        Self { queues, run, reader, label, done, batches, rows: Vec::new(), reads: Vec::new() }
    }

    /// Cuts a file.
    ///
    /// # Errors
    /// `BadAnswer` when a row cannot be read or their number is not `records`; those of the queues.
    pub async fn file(mut self, job: &Job, rows: ExportRows, records: u64) -> Result<Batches, Failure> {
        let mut filling = Filling::default();
        // Kept until the end of the file or until they fill a call, so that they cost as few calls as can be.
        let mut read_again = Vec::new();
        for row in rows {
            let row = row?;
            self.batches.people += 1;
            if self.reader.qualifies(&row.record) {
                self.batches.qualifying += 1;
                let person = self.reader.person(&row.record);
                // The file writes an empty value as `null`. Who is in Salesforce has a last name, so one without reads `null`, or is
                // damaged; REST tells.
                if row.doubtful || person.fields.get(Field::LastName).is_none() {
                    read_again.push(person.id);
                } else {
                    filling.bytes += size(&person);
                    filling.people.push(person);
                }
            } else if !self.run.fresh {
                filling.unqualified.push(row.record.id);
            }
            if filling.is_full() {
                self.rows(job, std::mem::take(&mut filling)).await?;
            }
            if read_again.len() == MAX_IDS_PER_CALL {
                self.reads(std::mem::take(&mut read_again)).await?;
            }
        }
        if self.batches.people != records {
            return Err(Failure::new(
                FailureKind::BadAnswer,
                format!(
                    "the file of export {} holds {} people, and Marketo said {records}",
                    job.id.0, self.batches.people
                ),
            ));
        }
        // With the last batch, their opportunity roles are read together with those of its people.
        filling.read_again = read_again;
        if !filling.people.is_empty() || !filling.unqualified.is_empty() || !filling.read_again.is_empty() {
            self.rows(job, filling).await?;
        }
        self.flush().await?;
        Ok(self.batches)
    }

    /// Cuts a range of ids.
    ///
    /// # Errors
    /// Those of the queues.
    pub async fn ids(mut self, from: MarketoId, to: MarketoId) -> Result<Batches, Failure> {
        let mut next = from.0;
        while next <= to.0 {
            let end = to.0.min(next + MAX_IDS_PER_CALL as i64 - 1);
            self.batches.people += (end - next + 1).unsigned_abs();
            self.reads((next..=end).map(MarketoId).collect()).await?;
            next = end + 1;
        }
        self.flush().await?;
        Ok(self.batches)
    }

    async fn rows(&mut self, job: &Job, filling: Filling) -> Result<(), Failure> {
        let number = self.batches.rows;
        self.batches.rows += 1;
        let batch = self.batch(number);
        if !self.done.rows.contains(&number) {
            let Filling { people, unqualified, read_again, .. } = filling;
            let (as_of, fresh) = (job.as_of, self.run.fresh);
            let rows = RowsBatch { batch, as_of, fresh, people, unqualified, read_again };
            self.rows.push(PeopleMessage::Rows(rows).to_body()?);
        } else if !self.done.roles.contains(&number) {
            let ids = filling.people.iter().map(|p| p.id).chain(filling.read_again).collect();
            self.reads.push(PeopleMessage::Roles(IdsBatch { batch, ids }).to_body()?);
        }
        self.flush_full().await
    }

    async fn reads(&mut self, ids: Vec<MarketoId>) -> Result<(), Failure> {
        let number = self.batches.reads;
        self.batches.reads += 1;
        if !self.done.reads.contains(&number) {
            let batch = self.batch(number);
            self.reads.push(PeopleMessage::Reads(IdsBatch { batch, ids }).to_body()?);
        }
        self.flush_full().await
    }

    fn batch(&self, number: u32) -> BatchId {
        BatchId { run: self.run.id.clone(), part: self.label.clone(), number }
    }

    async fn flush_full(&mut self) -> Result<(), Failure> {
        if self.rows.len() + self.reads.len() >= MESSAGES_PER_SEND { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        for (queue, bodies) in [(&self.queues.batches, &mut self.rows), (&self.queues.reads, &mut self.reads)] {
            if !bodies.is_empty() {
                queue.send(std::mem::take(bodies)).await?;
            }
        }
        Ok(())
    }
}

impl Filling {
    fn is_full(&self) -> bool {
        self.people.len() == MAX_PEOPLE
            || self.unqualified.len() == MAX_UNQUALIFIED
            || self.bytes >= MAX_PEOPLE_BYTES - MAX_PERSON_BYTES
    }
}

/// Allowance for one more person when deciding whether a batch is full; values are at most 255 characters in most of Marketo's fields.
const MAX_PERSON_BYTES: usize = 32 * 1024;

/// About how many bytes a person takes in a message: JSON may escape a byte into six.
fn size(person: &Person) -> usize {
    let values = Field::ALL.len() + person.extra.len();
    let texts = std::iter::once(person.fields.text()).chain(person.extra.values().map(String::as_str));
    // In pieces whose counts fit a byte, which a processor adds up many at a time.
    let rare = |bytes: &[u8]| bytes.iter().map(|b| u8::from(*b < b' ' || matches!(b, b'"' | b'\\'))).sum::<u8>();
    let escaped = |text: &str| text.as_bytes().chunks(255).map(|piece| usize::from(rare(piece))).sum::<usize>();
    texts.map(|text| text.len() + 5 * escaped(text)).sum::<usize>() + 24 * values + 64
}
