//! A stage for the deployed programs: tables, queues, a simulated Marketo, and what is read from a function's output.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::budget::Purpose;
use domain::initial_sync::{self, InitialSync, Run};
use domain::lead_fields;
use domain::lease::{self, Life};
use domain::ports::{PeoplePorts, Queue};
use domain::settings::Settings;
use serde_json::{Value, json};
use simulator_marketo::{Config, ExportConfig, Simulator};
use store::MemoryQueue;

use super::embedded::{Embedded, Outside};
use super::functions::Function;
use super::sqs::{SqsServer, sqs_event};

pub const CANARY_SECRET: &str = "canary-secret-7d1c";
pub const CANARY_EMAIL: &str = "canary.person@canary.example";
pub const STACK: &str = "actions-sync-test";
/// Messages of one event, as the event source mapping is set up.
pub const BATCH_SIZE: usize = 10;
/// Ticks of one minute on AWS, of half a second here.
pub const TICK: Duration = Duration::from_millis(500);

/// Everything around the functions.
pub struct Stage {
    pub tables: Embedded,
    pub sqs: SqsServer,
    pub outside: Outside,
    pub salesforce: simulator_salesforce::Simulator,
}

impl Stage {
    pub async fn set(people: u64) -> Self {
        Self::set_with(people, ExportConfig { seconds: 1.0, ..ExportConfig::default() }).await
    }

    /// The same with a Marketo that exports in another way, or not.
    pub async fn set_with(people: u64, export: ExportConfig) -> Self {
        let config = Config {
            people,
            client_secret: CANARY_SECRET.to_owned(),
            canary_email: Some(CANARY_EMAIL.to_owned()),
            export,
            ..Config::default()
        };
        let sqs = SqsServer::start().await;
        let marketo = Simulator::start(config.clone()).await.unwrap();
        let salesforce = simulator_salesforce::Simulator::start(simulator_salesforce::Config::default()).await.unwrap();
        Self { tables: Embedded::start().await, sqs, outside: Outside { marketo, config }, salesforce }
    }

    pub async fn start(&self, function: &str) -> Function {
        self.start_with(function, &[]).await
    }

    /// Starts a function in whose environment some things are different.
    pub async fn start_with(&self, function: &str, different: &[(&'static str, String)]) -> Function {
        let usual = [
            ("AWS_ENDPOINT_URL", self.tables.endpoint.clone()),
            ("AWS_ENDPOINT_URL_SQS", self.sqs.endpoint.clone()),
            ("MARKETO_BASE_URL", self.outside.marketo.base_url()),
            ("MARKETO_CLIENT_ID", self.outside.config.client_id.clone()),
            ("MARKETO_CLIENT_SECRET", CANARY_SECRET.to_owned()),
            ("PEOPLE_TABLE", self.tables.tables.people.clone()),
            ("SYNC_STATE_TABLE", self.tables.tables.sync_state.clone()),
            ("STACK_NAME", STACK.to_owned()),
            ("PEOPLE_BATCHES_QUEUE_URL", self.sqs.batches_url()),
            ("PEOPLE_READS_QUEUE_URL", self.sqs.reads_url()),
            ("ACTIVITIES_TABLE", self.tables.tables.activities.clone()),
            ("SALES_ACTIVITIES_QUEUE_URL", self.sqs.activities_url()),
            ("OPT_OUTS_TABLE", self.tables.tables.opt_outs.clone()),
            ("OPT_OUTS_QUEUE_URL", self.sqs.opt_outs_url()),
            ("TASKS_TABLE", self.tables.tables.tasks.clone()),
            ("REMINDER_TASKS_QUEUE_URL", self.sqs.tasks_url()),
            ("TASK_EVENTS_QUEUE_URL", self.sqs.events_url()),
            ("SALESFORCE_LOGIN_URL", self.salesforce.base_url()),
            ("SALESFORCE_CLIENT_ID", simulator_salesforce::Config::default().client_id),
            ("SALESFORCE_CLIENT_SECRET", simulator_salesforce::Config::default().client_secret),
        ];
        Function::start(function, &[&usual, different].concat()).await
    }

    /// Ports to look at the state with.
    pub fn ports(&self) -> PeoplePorts {
        self.tables.instance(Purpose::Changes, 1, &self.outside)
    }
}

/// Lets the run that the batches name be under way.
pub async fn begin_run(ports: &PeoplePorts) {
    let life = Duration::from_secs(60);
    let lease =
        lease::take::<InitialSync>(&*ports.state, &*ports.clock, initial_sync::KEY, "test", Life::of(life)).await;
    let mut lease = lease.unwrap().unwrap();
    let settings = Settings::default().people().unwrap();
    lease.state.run = Some(Run {
        id: "run-1".to_owned(),
        started_at: ports.clock.now(),
        scope: settings.scope(),
        plan: lead_fields::plan(ports, &settings).await.unwrap(),
        fresh: true,
        sweep: false,
        swept_to: None,
        parts: Vec::new(),
    });
    lease.release().await.unwrap();
}

/// The metrics in a function's output, by invocation, having checked that CloudWatch can read them.
pub fn metrics_of(output: &str) -> Vec<BTreeMap<String, u64>> {
    let lines = output.lines().filter(|line| line.contains("\"_aws\""));
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let about = &line["_aws"];
        assert!(about["Timestamp"].as_u64().unwrap() > 1_700_000_000_000, "milliseconds: {line}");
        let [one] = about["CloudWatchMetrics"].as_array().unwrap().as_slice() else { panic!("{line}") };
        assert_eq!((&one["Namespace"], &one["Dimensions"]), (&json!("ActionsSync"), &json!([["Stack"]])));
        assert_eq!(line["Stack"], STACK);
        let names = one["Metrics"].as_array().unwrap().iter().map(|metric| metric["Name"].as_str().unwrap());
        names
            .map(|name| {
                assert!(runtime::metrics::NAMES.contains(&name), "{name}");
                let [value] = line[name].as_array().unwrap().as_slice() else { panic!("{name} in {line}") };
                (name.to_owned(), value.as_f64().unwrap() as u64)
            })
            .collect()
    };
    lines.map(line).collect()
}

pub fn assert_no_canary(output: &str) {
    assert!(output.contains("{\""), "there are no log lines: {output}");
    let found = output.lines().find(|line| [CANARY_SECRET, CANARY_EMAIL].iter().any(|canary| line.contains(canary)));
    assert_eq!(found, None);
}

/// The event of all that is queued, and the id of the message with a certain body.
pub async fn queued(queue: &MemoryQueue, bodies: Vec<String>, wanted: &str) -> (Value, String) {
    queue.send(bodies).await.unwrap();
    let deliveries = queue.receive(BATCH_SIZE);
    let id = deliveries.iter().find(|delivery| delivery.body == wanted).unwrap().message_id.clone();
    (sqs_event(queue.name(), &deliveries), id)
}
