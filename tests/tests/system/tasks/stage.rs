//! A stage for the stories: Salesforce simulated, the tables on the embedded DynamoDB, a clock that jumps.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::people::{Field as PersonField, Fields, MarketoId, PersonRow};
use domain::ports::{Clock as _, RowWrite, TaskPorts};
use domain::settings;
use domain::tasks::{self, Occasion, Reconciled, Task, TaskId, TaskMessage};
use salesforce::SalesforceClient;
use serde_json::{Map, Value, json};
use simulator_salesforce::{Config, Edit, Population, Simulator, World};
use store::{DynamoPeople, DynamoState, DynamoTasks, MemoryQueue};
use system_tests::vendors;
use system_tests::world::Seeded;

use crate::support::clock::JumpClock;
use crate::support::embedded::Embedded;

/// Between two passes of the schedule.
pub const PERIOD: Duration = Duration::from_secs(5 * 60);
/// Longer than what was committed late is looked for.
pub const QUIET: Duration = Duration::from_secs(25 * 60);
/// Our key.
pub const KEY: &str = "Sales_Activity_Key__c";

pub struct Stage {
    pub salesforce: World,
    pub clock: Arc<JumpClock>,
    pub ports: TaskPorts,
    pub events: Arc<MemoryQueue>,
    /// Users who own tasks, with their addresses.
    pub users: Vec<(String, String)>,
    _embedded: Embedded,
    _simulators: (simulator_marketo::Simulator, Simulator),
}

impl Stage {
    /// A stage with the sync switched on.
    pub async fn set() -> Self {
        let stage = Self::switched_off().await;
        stage.set_to("reminders.sync", "on").await;
        stage
    }

    pub async fn switched_off() -> Self {
        let org = Config::default();
        // Only its clock takes part.
        let nobody = simulator_marketo::Config { people: 1, ..simulator_marketo::Config::default() };
        let marketo = simulator_marketo::Simulator::start(nobody).await.unwrap();
        let simulator = Simulator::start(org.clone()).await.unwrap();
        let salesforce = simulator.world();
        salesforce.populate(Population { seed: 1, users: 3, ..Population::default() }).unwrap();
        let clock = Arc::new(JumpClock::over(marketo.world(), salesforce.clone()));
        let embedded = Embedded::start().await;
        let (client, tables, chance) = (&embedded.client, &embedded.tables, Seeded::new(1));
        let to = vendors::salesforce_config(&org, &simulator.base_url(), 4);
        let hidden = Duration::from_secs(60);
        let events = Arc::new(MemoryQueue::new("task-events", hidden, clock.clone(), chance.clone()));
        let ports = TaskPorts {
            tasks: Arc::new(DynamoTasks::new(client.clone(), &tables.tasks, clock.clone())),
            people: Arc::new(DynamoPeople::new(client.clone(), &tables.people, clock.clone())),
            state: Arc::new(DynamoState::new(client.clone(), &tables.sync_state, clock.clone())),
            salesforce: Arc::new(SalesforceClient::new(to, clock.clone(), chance.clone())),
            events: events.clone(),
            clock: clock.clone(),
            chance,
        };
        let user = |record: &Value| (text(record, "Id"), text(record, "Email"));
        let users =
            salesforce.records("User").iter().map(user).filter(|(_, email)| email.starts_with("seller")).collect();
        Self { salesforce, clock, ports, events, users, _embedded: embedded, _simulators: (marketo, simulator) }
    }

    /// The same with a client that knows nothing yet, as that of a new instance.
    pub fn new_instance(&self) -> TaskPorts {
        let to = vendors::salesforce_config(&Config::default(), &self._simulators.1.base_url(), 4);
        let client = SalesforceClient::new(to, self.clock.clone(), Seeded::new(2));
        TaskPorts { salesforce: Arc::new(client), ..self.ports.clone() }
    }

    pub async fn set_to(&self, key: &str, value: &str) {
        settings::set(&*self.ports.state, &*self.clock, key, value, "test").await.unwrap();
    }

    /// Puts a task into Salesforce that is open and dated and belongs to the first user, unless `more` says otherwise; gives its id.
    pub fn put(&self, more: Value) -> String {
        self.salesforce.put("Task", &[self.record(more)]).unwrap().remove(0)
    }

    pub fn record(&self, more: Value) -> Value {
        let mut record = json!({
            "Subject": "Call", "Status": "Not Started", "Priority": "Normal", "ActivityDate": "2026-12-24", "OwnerId": self.users[0].0
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            record[name] = value.clone();
        }
        record
    }

    /// Somebody in Salesforce changes a task.
    pub fn edit(&self, id: &str, fields: Value) {
        self.edit_late(id, fields, 0);
    }

    /// The same, committed so many seconds after its stamp.
    pub fn edit_late(&self, id: &str, fields: Value, late_seconds: u64) {
        let fields: Map<String, Value> = fields.as_object().cloned().unwrap();
        let by = Some(self.users[0].0.clone());
        self.salesforce.edit(&Edit { id: id.to_owned(), fields, by, late_seconds, ..Edit::default() }).unwrap();
    }

    pub fn there(&self, id: &str) -> Value {
        self.salesforce.record(id).unwrap()
    }

    /// What somebody does in the app, as a message of the queue; gives the task's id.
    pub async fn say(&self, body: Value) -> TaskId {
        let mut body = body;
        body["at"] = self.clock.now().to_string().into();
        let message = TaskMessage::parse(&body.to_string()).unwrap();
        let id = message.id.clone();
        tasks::take_in(&*self.ports.tasks, &*self.ports.state, &*self.clock, &[message]).await.unwrap();
        id
    }

    /// A task made in the app for the first user.
    pub async fn add(&self, id: &str, more: Value) -> TaskId {
        let mut body =
            json!({ "taskId": id, "name": "Ring", "due": "2026-12-01", "owner": self.users[0].1, "status": "open" });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        self.say(body).await
    }

    pub async fn push(&self, ids: &[TaskId]) -> Reconciled {
        tasks::push(&self.ports, ids, None).await.unwrap()
    }

    /// A pass that somebody asks for.
    pub async fn pass(&self) -> Reconciled {
        tasks::reconcile(&self.ports, Occasion::Asked, None).await.unwrap()
    }

    /// A pass of the schedule, a period later.
    pub async fn tick(&self) -> Reconciled {
        self.clock.jump(PERIOD);
        tasks::reconcile(&self.ports, Occasion::Scheduled, None).await.unwrap()
    }

    pub async fn task(&self, id: &TaskId) -> Task {
        tasks::read(&*self.ports.tasks, [id.clone()]).await.unwrap().remove(id).unwrap()
    }

    pub async fn tasks(&self) -> BTreeMap<TaskId, Task> {
        let mut found = BTreeMap::new();
        tasks::for_each(&*self.ports.tasks, |task| {
            found.insert(task.id.clone(), task);
            Ok(())
        })
        .await
        .unwrap();
        found
    }

    /// A person with this contact or lead.
    pub async fn person(&self, id: i64, field: PersonField, sfdc_id: &str) -> MarketoId {
        let fields = Fields::from_iter([(field, sfdc_id.to_owned()), (PersonField::LastName, "Somebody".to_owned())]);
        let row = PersonRow::active(MarketoId(id), self.clock.now(), fields);
        self.ports.people.put(vec![RowWrite { row, seen: None }]).await.unwrap();
        MarketoId(id)
    }

    /// Asserts that a pass has nothing to do, and writes nothing on either side.
    pub async fn is_quiet(&self) {
        self.clock.jump(PERIOD);
        let before = (self.tasks().await, self.salesforce.stats().written);
        let done = self.pass().await;
        assert_eq!((done.planned, done.complete), (0, true), "{done:?}");
        assert_eq!((self.tasks().await, self.salesforce.stats().written), before);
    }
}

pub fn text(record: &Value, name: &str) -> String {
    record[name].as_str().unwrap_or_default().to_owned()
}
