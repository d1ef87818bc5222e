//! An export file on this disk, and our own way from its bytes to batches: the very functions of the coordinator, without network and
//! without a store.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::initial_sync::{Cutter, Done, Download, Job, Run, fetch};
use domain::ports::{ExportFile, ExportFilter, ExportStatus, PeoplePorts, PeopleQueues, Queue};
use domain::settings::Settings;
use domain::{Failure, Timestamp, lead_fields};
use tempfile::NamedTempFile;

use crate::failure::CommandFailure;

/// Bytes that come at once: about what a connection gives.
const CHUNK: usize = 64 * 1024;
/// Seconds of creation dates that the export takes, more than the simulator's people have.
const WINDOW: i64 = 30 * 24 * 3600;
const POLL: Duration = Duration::from_millis(50);

/// An export file of all people, with the fields that we ask for.
pub struct Export {
    pub path: NamedTempFile,
    /// The same in memory, as if it had just come.
    content: Vec<u8>,
    job: Job,
    file: ExportFile,
    run: Run,
}

/// What cutting gave.
pub struct Cut {
    pub people: u64,
    pub qualifying: u64,
    pub messages: u64,
    pub bytes: u64,
}

impl Export {
    /// Has Marketo make one.
    pub async fn make(ports: &PeoplePorts) -> Result<Self, CommandFailure> {
        let settings = Settings::default().people()?;
        let plan = lead_fields::plan(ports, &settings).await?;
        ports.marketo.connect().await?;
        let end = ports.marketo.now();
        let start = Timestamp::from_second(end.as_second() - WINDOW).unwrap_or(end);
        let id = ports.marketo.create_export(&ExportFilter::CreatedAt { start, end }, plan.names()).await?;
        ports.marketo.enqueue_export(&id).await?;
        let file = loop {
            match ports.marketo.export_status(&id).await? {
                ExportStatus::Completed(file) => break file,
                ExportStatus::Pending => tokio::time::sleep(POLL).await,
                ExportStatus::Failed(why) => return Err(CommandFailure::Wrong(format!("the export failed: {why}"))),
            }
        };
        let spool = fetch(ports, &id, &file).await?;
        let mut content = Vec::new();
        spool.reader()?.read_to_end(&mut content)?;
        let mut path = NamedTempFile::new()?;
        path.write_all(&content)?;
        path.flush()?;
        let scope = settings.scope();
        let run = Run {
            id: "run-0".into(),
            started_at: end,
            scope,
            plan,
            fresh: true,
            sweep: false,
            swept_to: None,
            parts: Vec::new(),
        };
        Ok(Self { path, content, job: Job { id, as_of: end }, file, run })
    }

    /// People in it.
    pub fn people(&self) -> u64 {
        self.file.records
    }

    /// Bytes of it.
    pub fn bytes(&self) -> u64 {
        self.file.bytes
    }

    /// From the bytes to checked, qualified people in message bodies, as the coordinator does it.
    pub async fn cut(&self, ports: &PeoplePorts) -> Result<Cut, CommandFailure> {
        let mut download = Download::new(&*ports.spools, &self.job.id, &self.file)?;
        for chunk in self.content.chunks(CHUNK) {
            download.add(chunk)?;
        }
        let spool = download.whole()?;
        let counting = Arc::new(Counting::default());
        let queues = PeopleQueues { batches: counting.clone(), reads: counting.clone() };
        let rows = ports.marketo.export_rows(spool.reader()?, self.run.plan.names());
        let cutter = Cutter::new(&queues, &self.run, "0.0".into(), Done::default());
        let batches = cutter.file(&self.job, rows, self.file.records).await?;
        Ok(Cut {
            people: batches.people,
            qualifying: batches.qualifying,
            messages: counting.messages.load(Ordering::Relaxed),
            bytes: counting.bytes.load(Ordering::Relaxed),
        })
    }
}

/// A queue that counts what it is given, and forgets it.
#[derive(Default)]
struct Counting {
    messages: AtomicU64,
    bytes: AtomicU64,
}

#[async_trait]
impl Queue for Counting {
    async fn send(&self, bodies: Vec<String>) -> Result<(), Failure> {
        self.messages.fetch_add(bodies.len() as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bodies.iter().map(|body| body.len() as u64).sum(), Ordering::Relaxed);
        Ok(())
    }
}
