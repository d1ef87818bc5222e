//! What the template allows each function is exactly what it does: the functions run under an emulated Lambda through everything they are
//! for, and each call of theirs is compared with the policy of their role.

use std::collections::{BTreeMap, BTreeSet};

use domain::opt_outs::{Address, Event};
use domain::people::{Field, Status};
use domain::ports::{OptOutRegister, OptOutWrite, PeopleTable, Queue};
use domain::{activities, initial_sync};
use serde_json::json;
use simulator_marketo::{ChangeSet, ExportConfig, Fault, FaultAction};
use system_tests::template::Template;
use system_tests::template::policy::{self, Permission};
use system_tests::vendors;

use crate::support::functions::{FUNCTIONS, Function, LOGGER, RECONCILER, TASKS};
use crate::support::recorder::{Behind, Recorder};
use crate::support::sqs::{scheduled_event, sqs_event};
use crate::support::stage::{BATCH_SIZE, Stage, TICK};

/// What Lambda itself does in the name of a function: writing its logs and traces, and polling its queues.
const BY_LAMBDA: [&str; 5] = ["logs:", "xray:", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
/// Names of the secrets in the template.
const SECRET: &str = "MarketoSecret";
const SALESFORCE_SECRET: &str = "SalesforceSecret";
/// Ticks after which a run must have ended.
const MOST_TICKS: usize = 200;

/// A function and what its calls needed.
struct Watched {
    function: Function,
    recorder: Recorder,
}

/// The functions over a stage of their own.
struct Collection {
    stage: Stage,
    watched: BTreeMap<&'static str, Watched>,
}

impl Collection {
    async fn over(stage: Stage) -> Self {
        let secret =
            json!({ "clientId": stage.outside.config.client_id, "clientSecret": stage.outside.config.client_secret });
        let org = simulator_salesforce::Config::default();
        let salesforce = json!({ "clientId": org.client_id, "clientSecret": org.client_secret });
        let mut watched = BTreeMap::new();
        for name in FUNCTIONS {
            let recorder = Recorder::start(Behind {
                dynamodb: stage.tables.endpoint.clone(),
                sqs: stage.sqs.endpoint.clone(),
                secrets: vec![
                    (SECRET.to_owned(), secret.to_string()),
                    (SALESFORCE_SECRET.to_owned(), salesforce.to_string()),
                ],
            })
            .await;
            let environment = [
                ("AWS_ENDPOINT_URL", recorder.endpoint.clone()),
                ("AWS_ENDPOINT_URL_SQS", recorder.endpoint.clone()),
                ("MARKETO_SECRET_ARN", SECRET.to_owned()),
                ("SALESFORCE_SECRET_ARN", SALESFORCE_SECRET.to_owned()),
            ];
            let function = stage.start_with(name, &environment).await;
            watched.insert(name, Watched { function, recorder });
        }
        Self { stage, watched }
    }

    async fn tick(&self, name: &str) {
        let Watched { function, .. } = &self.watched[name];
        function.invoke(&scheduled_event(name)).await.unwrap_or_else(|e| panic!("{name}: {e}\n{}", function.output()));
    }

    /// Hands everything queued to the worker.
    async fn work_off(&self) {
        for queue in [&self.stage.sqs.queues.batches, &self.stage.sqs.queues.reads] {
            loop {
                let deliveries = queue.receive(BATCH_SIZE);
                if deliveries.is_empty() {
                    break;
                }
                let worker = &self.watched["initial-sync-worker"].function;
                let answer = worker.invoke(&sqs_event(queue.name(), &deliveries)).await.unwrap();
                assert_eq!(answer, json!({ "batchItemFailures": [] }), "{}", worker.output());
                deliveries.iter().for_each(|delivery| assert!(queue.delete(&delivery.receipt_handle)));
            }
        }
    }

    async fn run_to_the_end(&self) {
        let ports = self.stage.ports();
        for _ in 0..MOST_TICKS {
            self.tick("initial-sync-coordinator").await;
            self.work_off().await;
            let state = initial_sync::peek(&ports).await.unwrap();
            if state.run.is_none() && state.completed.is_some() {
                return;
            }
            tokio::time::sleep(TICK).await;
        }
        panic!("no end: {}", self.watched["initial-sync-coordinator"].function.output());
    }

    /// A message that nobody understands, once.
    async fn fail_a_message(&self) {
        for queue in [&self.stage.sqs.queues.batches, &self.stage.sqs.queues.reads] {
            queue.send(vec!["no message".to_owned()]).await.unwrap();
            let deliveries = queue.receive(BATCH_SIZE);
            let worker = &self.watched["initial-sync-worker"].function;
            worker.invoke(&sqs_event(queue.name(), &deliveries)).await.unwrap();
        }
    }

    /// Activities of two people, one named by address; then a message that nobody understands; then a tick with nothing to do.
    async fn log_activities(&self) {
        let outside = &self.stage.outside;
        let config = vendors::marketo_config(&outside.config, &outside.marketo.base_url(), 1);
        let ports = self.stage.ports();
        let client = marketo::MarketoClient::new(config, ports.clock, ports.chance, ports.budget);
        activities::provision_marketo(&client, activities::TypeLayout::Eight).await.unwrap();
        let rows = self.stage.tables.people().scan(None).await.unwrap().0;
        let known =
            rows.iter().find(|row| row.status == Status::Active && row.fields.get(Field::Email).is_some()).unwrap();
        let email = known.fields.get(Field::Email).unwrap();
        let contact = json!({ "LastName": "Contact", "Email": email, "Id": known.fields.get(Field::SfdcContactId) });
        self.stage.salesforce.world().put("Contact", &[contact]).unwrap();
        let call = |id: &str| {
            json!({ "activityId": id, "type": "callLogged", "occurredAt": "2026-07-01T12:00:00Z", "user": "rep@seller.example",
                    "call": { "status": "completed" } })
        };
        let (mut by_id, mut by_email) = (call("by-id"), call("by-email"));
        by_id["marketoId"] = known.id.0.into();
        by_email["email"] = email.into();
        let queue = &self.stage.sqs.queues.activities;
        let bodies = vec![by_id.to_string(), by_email.to_string(), "no message".to_owned()];
        queue.send(bodies).await.unwrap();
        let deliveries = queue.receive(BATCH_SIZE);
        let Watched { function, .. } = &self.watched[LOGGER];
        let answer = function.invoke(&sqs_event(queue.name(), &deliveries)).await.unwrap();
        assert_eq!(answer["batchItemFailures"].as_array().unwrap().len(), 1, "{}", function.output());
        self.tick(LOGGER).await;
        assert_eq!(self.stage.outside.marketo.world().custom_activities().len(), 2, "{}", function.output());
    }

    /// The addresses of two people say no, and the people are merged into others; one of those has been in the register before.
    async fn merge_opt_outs(&self) {
        let rows = self.stage.tables.people().scan(None).await.unwrap().0;
        let with_address =
            rows.iter().filter(|row| row.status == Status::Active && row.fields.get(Field::Email).is_some());
        let four: Vec<_> = with_address.take(4).collect();
        let address = |nth: usize| four[nth].fields.get(Field::Email).unwrap().to_owned();
        let message = |email: String| json!({ "email": email, "source": "Manual" }).to_string();
        let queue = &self.stage.sqs.queues.opt_outs;
        let bodies = [address(0), address(1), address(3)].map(message).into_iter().chain(["no message".to_owned()]);
        queue.send(bodies.collect()).await.unwrap();
        let event = sqs_event(queue.name(), &queue.receive(BATCH_SIZE));
        let contacts = [0, 1].map(|nth| json!({ "LastName": "Contact", "Email": address(nth) }));
        self.stage.salesforce.world().put("Contact", &contacts).unwrap();
        let Watched { function, .. } = &self.watched[RECONCILER];
        let answer = function.invoke(&event).await.unwrap();
        assert_eq!(answer["batchItemFailures"].as_array().unwrap().len(), 1, "{}", function.output());
        self.tick(RECONCILER).await;
        let register = self.stage.tables.opt_outs();
        let known = Address::of(&address(3)).unwrap();
        let mut entry = register.get(&[known]).await.unwrap().remove(0);
        let seen = Some(entry.rev);
        let again = Event { opted_out: false, ..entry.history[0].clone() };
        entry.resubscribe(again, Vec::new()).unwrap();
        register.put(vec![OptOutWrite { entry, seen }]).await.unwrap();
        let world = self.stage.outside.marketo.world();
        world.merge(four[2].id.0, four[0].id.0, false);
        world.merge(four[3].id.0, four[1].id.0, false);
        self.tick("incremental-pull").await;
        let inherited = [address(2), address(3)].map(|email| Address::of(&email).unwrap());
        let inherited = register.get(&inherited).await.unwrap();
        assert_eq!(inherited.iter().filter(|entry| entry.opted_out).count(), 2, "{inherited:?}");
    }

    /// Somebody completes a step of a campaign here, and Salesforce has a task about a person of ours.
    async fn remind(&self) {
        let ports = self.stage.ports();
        domain::settings::set(&*ports.state, &*ports.clock, "reminders.sync", "on", "test").await.unwrap();
        let rows = self.stage.tables.people().scan(None).await.unwrap().0;
        let contact_of = |row: &domain::people::PersonRow| row.fields.get(Field::SfdcContactId).map(str::to_owned);
        let person = rows.iter().find(|row| row.status == Status::Active && contact_of(row).is_some()).unwrap();
        let world = self.stage.salesforce.world();
        let seller = world
            .populate(simulator_salesforce::Population { users: 1, ..Default::default() })
            .unwrap()
            .users
            .remove(0);
        let contact = json!({ "LastName": "Contact", "Id": contact_of(person) });
        let contact = world.put("Contact", &[contact]).unwrap().remove(0);
        let theirs = json!({ "Subject": "Call", "Status": "Not Started", "Priority": "Normal", "ActivityDate": "2027-01-01", "OwnerId": seller, "WhoId": contact });
        let Watched { function, .. } = &self.watched[TASKS];
        self.tick(TASKS).await;
        world.put("Task", &[theirs]).unwrap();
        let queue = &self.stage.sqs.queues.tasks;
        let add = json!({ "taskId": "t1", "name": "Ring", "marketoId": person.id, "campaign": { "id": "c1" }, "status": "complete" });
        let again = json!({ "taskId": "t1", "name": "Ring soon" });
        for bodies in [vec![add.to_string(), "no message".to_owned()], vec![again.to_string()]] {
            queue.send(bodies).await.unwrap();
            let answer = function.invoke(&sqs_event(queue.name(), &queue.receive(BATCH_SIZE))).await.unwrap();
            assert_eq!(answer["batchItemFailures"].as_array().unwrap().len(), 1, "{}", function.output());
        }
        self.tick(TASKS).await;
        let mut tasks = Vec::new();
        domain::tasks::for_each(&self.stage.tables.tasks(), |task| {
            tasks.push((task.person, task.sfdc_id().is_some()));
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(tasks, [(Some(person.id), true), (Some(person.id), true)], "{}", function.output());
        assert_eq!(self.stage.sqs.queues.events.counts().visible, 1);
    }

    fn needed(&self) -> BTreeMap<&'static str, BTreeSet<Permission>> {
        self.watched.iter().map(|(name, watched)| (*name, watched.recorder.needed())).collect()
    }
}

/// The permissions of a function by the template, with what things are called where they run; without what Lambda itself does.
fn allowed(template: &Template, function: &str, prefix: &str) -> BTreeSet<Permission> {
    let function = template.functions()[function];
    let called = |logical: String| {
        let (logical, index) = match logical.split_once("/index/") {
            Some((table, index)) => (table.to_owned(), format!("/index/{index}")),
            None => (logical, String::new()),
        };
        let thing = template.resources().find(|resource| resource.name == logical);
        let properties = thing.map(|thing| thing.properties());
        let name = |key: &str| {
            let name = properties?[key]["Fn::Sub"].as_str()?;
            name.strip_prefix("${AWS::StackName}-")
        };
        let table = name("TableName").map(|name| format!("{prefix}{name}{index}"));
        table.or_else(|| name("QueueName").map(str::to_owned)).unwrap_or(logical)
    };
    let all = policy::permissions(template, function).unwrap().into_iter();
    all.filter(|(action, _)| !BY_LAMBDA.iter().any(|own| action.starts_with(own)))
        .map(|(action, on)| (action, called(on)))
        .collect()
}

/// The first reading of opportunity roles is refused as a wrong request, which is not repeated.
fn no_roles_once() -> Fault {
    Fault {
        endpoint: "GET /rest/v1/opportunities/roles.json".to_owned(),
        after: 0,
        times: Some(1),
        after_work: false,
        action: FaultAction::Error("1003".to_owned(), "Invalid data".to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_function_may_do_what_it_does_and_no_more() {
    let mut needed: BTreeMap<&str, BTreeSet<Permission>> = BTreeMap::new();
    let mut add = |more: BTreeMap<&'static str, BTreeSet<Permission>>| {
        more.into_iter().for_each(|(name, more)| needed.entry(name).or_default().extend(more));
    };

    // Exports; then changes; then a new run that looks for those who are gone, one of whom no log tells of.
    // Opportunity roles that cannot be read along with a batch follow by a message of their own.
    let collection = Collection::over(Stage::set(1_500).await).await;
    collection.stage.outside.marketo.world().set_faults(vec![no_roles_once()]);
    collection.run_to_the_end().await;
    let world = collection.stage.outside.marketo.world();
    world.settle();
    collection.merge_opt_outs().await;
    world.settle();
    world.change(&ChangeSet {
        changed: 30,
        created: 10,
        deleted: 10,
        merged: 5,
        owners_lost: 5,
        ..ChangeSet::default()
    });
    collection.tick("incremental-pull").await;
    world.settle();
    world.change(&ChangeSet { changed: 20, deleted: 5, ..ChangeSet::default() });
    initial_sync::request(&collection.stage.ports(), true).await.unwrap();
    collection.run_to_the_end().await;
    collection.log_activities().await;
    collection.remind().await;
    // At last, as it comes again and again.
    collection.fail_a_message().await;
    add(collection.needed());
    let prefix = collection.stage.tables.tables.people.trim_end_matches("people").to_owned();

    // No right to exports, so that everybody is read by id.
    let export = ExportConfig { enabled: false, ..ExportConfig::default() };
    let collection = Collection::over(Stage::set_with(600, export).await).await;
    collection.run_to_the_end().await;
    add(collection.needed());

    let template = Template::of_repository().unwrap();
    for function in FUNCTIONS {
        let allowed = allowed(&template, function, &prefix);
        let missing: Vec<_> = needed[function].difference(&allowed).collect();
        let idle: Vec<_> = allowed.difference(&needed[function]).collect();
        assert_eq!((missing, idle), (vec![], vec![]), "{function}: done and not allowed, allowed and not done");
    }
}
