//! Telling the app of completed steps of campaigns, on the queue `task-events`. Each is told at least once: the row keeps what is still to be told.

use jiff::Timestamp;
use serde::Serialize;

use super::task::{Side, Task, TaskId};
use super::{book, task};
use crate::Failure;
use crate::activities::Campaign;
use crate::people::MarketoId;
use crate::ports::{Shelf, ShelvedTask, TaskPorts};

/// Places read at a time, and pages at most.
const PAGE: usize = 500;
const MAX_PAGES: usize = 200;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    v: u32,
    event: &'static str,
    task_id: &'a TaskId,
    marketo_id: Option<MarketoId>,
    campaign: Option<&'a Campaign>,
    completed_at: Timestamp,
    by: Side,
}

/// Tells of these tasks, or of all of which there is something to be told; gives of how many.
pub(super) async fn announce(ports: &TaskPorts, only: Option<&[TaskId]>) -> Result<u64, Failure> {
    if let Some(ids) = only {
        return tell(ports, ids.to_vec()).await;
    }
    let (mut told, mut last): (u64, Option<ShelvedTask>) = (0, None);
    for _ in 0..MAX_PAGES {
        let page = ports.tasks.shelf(Shelf::Due, ports.clock.now(), last.as_ref(), PAGE).await?;
        let more = page.len() >= PAGE;
        last = page.last().cloned();
        told += tell(ports, page.into_iter().map(|shelved| shelved.id).collect()).await?;
        if !more {
            break;
        }
    }
    Ok(told)
}

async fn tell(ports: &TaskPorts, ids: Vec<TaskId>) -> Result<u64, Failure> {
    let mut tasks = book::read(&*ports.tasks, ids).await?;
    tasks.retain(|_, task| task.announce.is_some());
    if tasks.is_empty() {
        return Ok(0);
    }
    let bodies: Vec<String> = tasks.values().filter_map(body).collect();
    ports.events.send(bodies).await?;
    let told = tasks.len() as u64;
    book::alter(&*ports.tasks, tasks.keys().cloned().collect(), |task| {
        let same = tasks.get(&task.id).is_some_and(|before| before.announce == task.announce);
        if same {
            task.announce = None;
        }
        same
    })
    .await?;
    Ok(told)
}

fn body(task: &Task) -> Option<String> {
    let task::Announcement { at, by } = task.announce?;
    let event = Event {
        v: 1,
        event: "taskCompleted",
        task_id: &task.id,
        marketo_id: task.person,
        campaign: task.campaign.as_ref(),
        completed_at: at,
        by,
    };
    serde_json::to_string(&event).ok()
}
