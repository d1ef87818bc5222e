//! The deployed reconciler of reminder tasks. Must not know what goes wrong.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lambda_events::sqs::SqsEvent;
use domain::ports::{Clock, PutOutcome, Shelf, ShelvedTask, TaskPorts, TaskTable, TaskWrite};
use domain::tasks::{Task, TaskId};
use domain::{Failure, Timestamp};
use runtime::queue::{Around, Handled};
use runtime::tasks::{push, take_in, tick};
use simulator_salesforce as s;
use store::{MemoryPeople, MemoryQueue, MemoryState, MemoryTasks};

use super::super::fleet::{Fleet, Function};
use super::super::storage::{Fate, Ground, Sender, State, at_once, unavailable};

/// What all instances share.
#[derive(Clone)]
pub struct Deployment {
    pub salesforce: s::World,
    pub state: Arc<MemoryState>,
    pub tasks: Arc<MemoryTasks>,
    pub events: Arc<MemoryQueue>,
    pub fleet: Fleet,
}

impl Function for Deployment {
    type Ports = TaskPorts;
    type Taken = TaskId;
    const NAME: &'static str = "task-reconciler";
    const TIME: Duration = Duration::from_secs(4 * 60);
    const PERIOD: Duration = Duration::from_secs(5 * 60);

    fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    fn instance(&self) -> TaskPorts {
        let (ground, (clock, chance)) = (&self.fleet.ground, self.fleet.machine());
        let salesforce = self.fleet.salesforce(self.salesforce.clone(), clock.clone(), chance.clone());
        let people = Arc::new(MemoryPeople::new());
        TaskPorts {
            tasks: Arc::new(Table { ground: ground.clone(), inner: self.tasks.clone() }),
            state: Arc::new(State::over(self.state.clone(), people.clone(), ground.clone())),
            people,
            salesforce: Arc::new(salesforce),
            events: Arc::new(Sender::to(self.events.clone(), ground.clone())),
            clock,
            chance,
        }
    }

    fn clock(ports: &TaskPorts) -> &Arc<dyn Clock> {
        &ports.clock
    }

    async fn tick(ports: &TaskPorts, stop: Option<Timestamp>) -> Result<String, Failure> {
        tick(ports, stop).await.map(|done| format!("{done:?}"))
    }

    async fn take(ports: &TaskPorts, event: SqsEvent, around: Around<'_>) -> (Handled, Vec<TaskId>) {
        take_in(ports, event, around).await.unwrap()
    }

    async fn work(ports: &TaskPorts, ids: Vec<TaskId>, stop: Option<Timestamp>) -> Result<(), Failure> {
        push(ports, &ids, stop).await.map(drop)
    }
}

/// The table as a function sees it.
struct Table {
    ground: Ground,
    inner: Arc<MemoryTasks>,
}

#[async_trait]
impl TaskTable for Table {
    async fn get(&self, ids: &[TaskId]) -> Result<Vec<Task>, Failure> {
        self.ground.pass().await;
        let fate = self.ground.fate();
        self.ground.tell(fate, || format!("get {} tasks", ids.len()));
        if fate != Fate::Well {
            return Err(unavailable());
        }
        let tasks = at_once(self.inner.get(ids));
        self.ground.pass().await;
        tasks
    }

    async fn put(&self, writes: Vec<TaskWrite>) -> Result<Vec<PutOutcome>, Failure> {
        let ids: Vec<&str> = writes.iter().map(|write| write.task.id.as_str()).collect();
        let what = format!("put tasks {}", ids.join(", "));
        self.ground.put(what, writes, |writes| at_once(self.inner.put(writes))).await
    }

    async fn shelf(
        &self,
        shelf: Shelf,
        until: Timestamp,
        from: Option<&ShelvedTask>,
        limit: usize,
    ) -> Result<Vec<ShelvedTask>, Failure> {
        self.ground.pass().await;
        let fate = self.ground.fate();
        self.ground.tell(fate, || format!("{shelf:?} of tasks"));
        if fate != Fate::Well {
            return Err(unavailable());
        }
        at_once(self.inner.shelf(shelf, until, from, limit))
    }

    async fn scan(&self, from: Option<&TaskId>) -> Result<(Vec<Task>, Option<TaskId>), Failure> {
        self.ground.pass().await;
        at_once(self.inner.scan(from))
    }
}
