//! Changes of the table of tasks. Decides nothing about what is altered.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::{Task, TaskId, TaskMessage};
use crate::Failure;
use crate::ports::{Clock, PutOutcome, SyncState, TaskTable, TaskWrite};
use crate::rounds::{self, Kept};
use crate::settings;

/// The tasks with these ids; one that is not there is absent.
///
/// # Errors
/// Those of the table.
pub async fn read(
    table: &dyn TaskTable,
    ids: impl IntoIterator<Item = TaskId>,
) -> Result<BTreeMap<TaskId, Task>, Failure> {
    rounds::read(&Table(table), ids).await
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
    rounds::alter(&Table(table), ids, change).await
}

/// Takes in what somebody did to tasks in the app. The same once more changes nothing. Gives the tasks that changed.
///
/// # Errors
/// Those of the table and of the settings; a repeat does no harm.
pub async fn take_in(
    table: &dyn TaskTable,
    state: &dyn SyncState,
    clock: &dyn Clock,
    messages: &[TaskMessage],
) -> Result<BTreeSet<TaskId>, Failure> {
    let (shared, now) = (settings::load(state).await?.reminders()?.sync, clock.now());
    let mut by_task: BTreeMap<&TaskId, Vec<&TaskMessage>> = BTreeMap::new();
    for message in messages {
        by_task.entry(&message.id).or_default().push(message);
    }
    let ids = by_task.keys().map(|id| (*id).clone()).collect();
    let mut changed = BTreeSet::new();
    rounds::alter(&Table(table), ids, |id, stored| {
        let (mut task, mut news) = (stored, false);
        for message in by_task.get(id).into_iter().flatten() {
            if let Some(new) = message.applied(task.as_ref(), now, shared) {
                (task, news) = (Some(new), true);
            }
        }
        if news {
            changed.insert(id.clone());
        }
        task.filter(|_| news)
    })
    .await?;
    Ok(changed)
}

/// Every task, deleted ones included, page by page.
///
/// # Errors
/// Those of the table, and of `each`.
pub async fn for_each(
    table: &dyn TaskTable,
    mut each: impl FnMut(Task) -> Result<(), Failure> + Send,
) -> Result<(), Failure> {
    let mut from = None;
    loop {
        let (tasks, next) = table.scan(from.as_ref()).await?;
        for task in tasks {
            each(task)?;
        }
        from = next;
        if from.is_none() {
            return Ok(());
        }
    }
}

struct Table<'a>(&'a dyn TaskTable);

#[async_trait]
impl Kept for Table<'_> {
    type Key = TaskId;
    type Thing = Task;

    fn key(task: &Task) -> TaskId {
        task.id.clone()
    }

    fn rev(task: &Task) -> u64 {
        task.rev
    }

    async fn read(&self, ids: &[TaskId]) -> Result<Vec<Task>, Failure> {
        self.0.get(ids).await
    }

    async fn write(&self, tasks: Vec<(Task, Option<u64>)>) -> Result<Vec<PutOutcome>, Failure> {
        self.0.put(tasks.into_iter().map(|(task, seen)| TaskWrite { task, seen }).collect()).await
    }
}
