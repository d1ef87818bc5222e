//! The life of export jobs: created, queued, processing, completed, cancelled or failed; two run at a time.
//! Time and snapshots are handed in; must not know HTTP.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::content::SharedContent;
use super::file::Built;
use crate::clock::central_day;

/// What is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobKind {
    People,
    Activities,
}

/// Makes the content of a job from the world as it is when called.
pub(crate) type Recipe = Arc<dyn Fn(&crate::world::state::State, i64) -> SharedContent + Send + Sync>;

/// One export job.
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) kind: JobKind,
    pub(crate) client: String,
    pub(crate) format: String,
    pub(crate) created_ms: i64,
    pub(crate) queued_ms: Option<i64>,
    pub(crate) started_ms: Option<i64>,
    pub(crate) finished_ms: Option<i64>,
    pub(crate) cancelled: bool,
    pub(crate) failure: Option<String>,
    pub(crate) wrong_checksum: bool,
    pub(crate) file_missing: bool,
    pub(crate) recipe: Recipe,
    pub(crate) content: Option<SharedContent>,
    pub(crate) built: Arc<OnceLock<Built>>,
}

impl Job {
    fn is_queued(&self) -> bool {
        self.queued_ms.is_some() && self.started_ms.is_none() && self.is_open()
    }

    fn is_running(&self) -> bool {
        self.started_ms.is_some() && self.finished_ms.is_none() && self.is_open()
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.cancelled && self.failure.is_none()
    }

    /// The status as it is shown: the state at the last refresh.
    pub(crate) fn status(&self, now_ms: i64, refresh_seconds: u64) -> &'static str {
        let grid = i64::try_from(refresh_seconds).unwrap_or(60).max(0) * 1000;
        let seen = if grid == 0 { now_ms } else { now_ms - now_ms.rem_euclid(grid) };
        let past = |time: Option<i64>| time.is_some_and(|time| time <= seen);
        if self.cancelled {
            "Cancelled"
        } else if self.failure.is_some() {
            "Failed"
        } else if past(self.finished_ms) {
            "Completed"
        } else if past(self.started_ms) {
            "Processing"
        } else if self.queued_ms.is_some() {
            "Queued"
        } else {
            "Created"
        }
    }
}

/// All jobs, and what they used up.
#[derive(Default)]
pub(crate) struct Jobs {
    pub(crate) list: Vec<Job>,
    used: BTreeMap<String, u64>,
    /// Bytes of all completed files.
    pub(crate) total_bytes: u64,
}

/// What the jobs need from their surroundings to move on.
pub(crate) struct Pace<'a> {
    pub(crate) now_ms: i64,
    pub(crate) duration_ms: i64,
    pub(crate) running: usize,
    /// Takes the snapshot and begins the pass over it.
    pub(crate) begin: &'a dyn Fn(&Recipe, &Arc<OnceLock<Built>>) -> SharedContent,
}

impl Jobs {
    /// Moves every job on to the present, in the order in which things happen.
    pub(crate) fn tick(&mut self, pace: &Pace<'_>) {
        loop {
            let freed = self.finish_one(pace);
            let started = self.start_one(pace, freed);
            if freed.is_none() && !started {
                return;
            }
        }
    }

    /// Completes the job that ends first, if its time has come; gives that time.
    fn finish_one(&mut self, pace: &Pace<'_>) -> Option<i64> {
        let due = |job: &Job| {
            let built = job.built.get()?;
            let due = (job.started_ms? + pace.duration_ms).max(built.at_ms);
            (due <= pace.now_ms).then_some(due)
        };
        let ending = self.list.iter_mut().filter(|job| job.is_running());
        let (time, job) = ending.filter_map(|job| due(job).map(|time| (time, job))).min_by_key(|(time, _)| *time)?;
        job.finished_ms = Some(time);
        let size = job.built.get().map_or(0, |built| built.size);
        self.total_bytes += size;
        *self.used.entry(central_day(time / 1000)).or_default() += size;
        Some(time)
    }

    fn start_one(&mut self, pace: &Pace<'_>, freed: Option<i64>) -> bool {
        if self.list.iter().filter(|job| job.is_running()).count() >= pace.running {
            return false;
        }
        let queued = self.list.iter_mut().filter(|job| job.is_queued());
        let Some(job) = queued.min_by_key(|job| job.queued_ms) else { return false };
        let queued_ms = job.queued_ms.unwrap_or(pace.now_ms);
        job.started_ms = Some(freed.map_or(queued_ms, |freed| freed.max(queued_ms)));
        job.content = Some((pace.begin)(&job.recipe, &job.built));
        true
    }

    pub(crate) fn find(&mut self, kind: JobKind, client: &str, id: &str) -> Option<&mut Job> {
        self.list.iter_mut().find(|job| job.kind == kind && job.client == client && job.id == id)
    }

    /// Jobs that wait or run.
    pub(crate) fn busy(&self) -> usize {
        self.list.iter().filter(|job| job.is_queued() || job.is_running()).count()
    }

    pub(crate) fn used_on(&self, day: &str) -> u64 {
        self.used.get(day).copied().unwrap_or(0)
    }
}
