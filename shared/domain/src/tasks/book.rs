//! Changes of the table of tasks. Decides nothing about what is altered.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::{Task, TaskId, TaskMessage};
use crate::Failure;
use crate::kept::{self, Kept};
use crate::ports::{Clock, PutOutcome, Shelf, ShelvedTask, SyncState, TaskTable, TaskWrite};
use crate::settings;

/// The tasks with these ids; one that is not there is absent.
///
/// # Errors
/// Those of the table.
pub async fn read(
    table: &dyn TaskTable,
    ids: impl IntoIterator<Item = TaskId>,
) -> Result<BTreeMap<TaskId, Task>, Failure> {
    kept::read(&Table(table), ids).await
}

/// Alters tasks that are there; `change` says whether it changed anything, and may be asked again for one that somebody else wrote meanwhile.
/// Gives how many were written.
///
/// # Errors
/// Those of the table; `Conflict` when others do not stop writing.
pub(super) async fn alter(
    table: &dyn TaskTable,
    ids: Vec<TaskId>,
    mut change: impl FnMut(&mut Task) -> bool + Send,
) -> Result<u64, Failure> {
    let change = |_: &TaskId, task: Option<Task>| task.and_then(|mut task| change(&mut task).then_some(task));
    kept::alter(&Table(table), ids, change).await
}

/// Takes in what somebody did to tasks in the app. The same once more changes nothing.
///
/// # Errors
/// Those of the table and of the settings; a repeat does no harm.
pub async fn take_in(
    table: &dyn TaskTable,
    state: &dyn SyncState,
    clock: &dyn Clock,
    messages: &[TaskMessage],
) -> Result<(), Failure> {
    let (shared, now) = (settings::load(state).await?.reminders()?.sync, clock.now());
    let mut by_task: BTreeMap<&TaskId, Vec<&TaskMessage>> = BTreeMap::new();
    for message in messages {
        by_task.entry(&message.id).or_default().push(message);
    }
    let ids = by_task.keys().map(|id| (*id).clone()).collect();
    kept::alter(&Table(table), ids, |id, stored| {
        let (mut task, mut news) = (stored, false);
        for message in by_task.get(id).into_iter().flatten() {
            if let Some(new) = message.applied(task.as_ref(), now, shared) {
                (task, news) = (Some(new), true);
            }
        }
        task.filter(|_| news)
    })
    .await
    .map(drop)
}

/// Every task, deleted ones included, page by page.
///
/// # Errors
/// Those of the table, and of `each`.
pub async fn for_each(
    table: &dyn TaskTable,
    each: impl FnMut(Task) -> Result<(), Failure> + Send,
) -> Result<(), Failure> {
    kept::for_each(&Table(table), each).await
}

/// Every place of a shelf.
///
/// # Errors
/// Those of the table.
pub(super) async fn places(table: &dyn TaskTable, shelf: Shelf) -> Result<Vec<ShelvedTask>, Failure> {
    kept::places(&Table(table), shelf).await
}

/// For how long the task that is due longest has been due.
///
/// # Errors
/// Those of the table.
pub async fn lag(table: &dyn TaskTable, now: Timestamp) -> Result<SignedDuration, Failure> {
    kept::lag(&Table(table), now).await
}

struct Table<'a>(&'a dyn TaskTable);

#[async_trait]
impl Kept for Table<'_> {
    type Key = TaskId;
    type Thing = Task;
    type Place = ShelvedTask;

    fn key(task: &Task) -> TaskId {
        task.id.clone()
    }

    fn rev(task: &Task) -> u64 {
        task.rev
    }

    fn since(place: &ShelvedTask) -> Timestamp {
        place.at
    }

    async fn read(&self, ids: &[TaskId]) -> Result<Vec<Task>, Failure> {
        self.0.get(ids).await
    }

    async fn write(&self, tasks: Vec<(Task, Option<u64>)>) -> Result<Vec<PutOutcome>, Failure> {
        self.0.put(tasks.into_iter().map(|(task, seen)| TaskWrite { task, seen }).collect()).await
    }

    async fn shelf(
        &self,
        shelf: Shelf,
        until: Timestamp,
        from: Option<&ShelvedTask>,
        limit: usize,
    ) -> Result<Vec<ShelvedTask>, Failure> {
        self.0.shelf(shelf, until, from, limit).await
    }

    async fn scan(&self, from: Option<&TaskId>) -> Result<(Vec<Task>, Option<TaskId>), Failure> {
        self.0.scan(from).await
    }
}
