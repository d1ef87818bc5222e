//! Where Salesforce is for a local run: what the environment names, or a built-in simulator that knows the people stored here.

use std::collections::BTreeSet;

use domain::opt_outs::{self, Known};
use domain::people::{Field, PersonRow, Status};
use domain::ports::OptOutRegister;
use runtime::config::{EnvReader, Lookup};
use salesforce::{Login, LoginUrl, PlainCredentials, SalesforceConfig, Version};
use serde_json::{Value, json};
use simulator_salesforce::{Config as SimulatorConfig, Simulator, World};

use crate::failure::CommandFailure;

/// Calls in flight of this process.
const MAX_IN_FLIGHT: usize = 4;
/// Records put into the simulator at a time.
const PUT: usize = 5_000;

/// Where Salesforce is and how to reach it.
pub struct SalesforceEnvironment {
    pub config: SalesforceConfig,
    /// The built-in simulator, where one was started; it ends with this value.
    pub simulator: Option<Simulator>,
}

impl SalesforceEnvironment {
    /// Reads the process's environment, and starts the simulator where it names no Salesforce.
    pub async fn from_process() -> Result<Self, CommandFailure> {
        let lookup: Lookup<'_> = &|name| std::env::var(name).ok();
        let mut env = EnvReader::new(lookup);
        if env.optional("SALESFORCE_LOGIN_URL").is_none() {
            eprintln!("SALESFORCE_LOGIN_URL is not set: using the built-in Salesforce simulator");
            return Self::with_simulator().await;
        }
        let place = env.salesforce();
        let login = env.salesforce_login();
        let (login_url, version) = env.finish(place)?;
        let credentials = PlainCredentials::shared(login);
        Ok(Self {
            config: SalesforceConfig { login_url, version, credentials, max_in_flight: MAX_IN_FLIGHT },
            simulator: None,
        })
    }

    /// Starts the simulator.
    pub async fn with_simulator() -> Result<Self, CommandFailure> {
        let config = SimulatorConfig::default();
        let login = Login::ClientCredentials {
            client_id: config.client_id.clone(),
            client_secret: config.client_secret.clone().into(),
        };
        let simulator = Simulator::start(config).await?;
        let login_url = LoginUrl::parse(&simulator.base_url()).map_err(CommandFailure::Usage)?;
        let credentials = PlainCredentials::shared(login);
        let config =
            SalesforceConfig { login_url, version: Version::default(), credentials, max_in_flight: MAX_IN_FLIGHT };
        Ok(Self { config, simulator: Some(simulator) })
    }
}

/// Ids of the records whose opt-out box is known to be ticked. A built-in Salesforce forgets them with each run.
pub async fn ticked(register: &dyn OptOutRegister) -> Result<BTreeSet<String>, CommandFailure> {
    let mut ticked = BTreeSet::new();
    opt_outs::for_each(register, |entry| {
        let known = entry.records.into_iter().filter(|(_, known)| matches!(known, Known::Ticked { .. }));
        ticked.extend(known.map(|(record, _)| record));
        Ok(())
    })
    .await?;
    Ok(ticked)
}

/// Puts the leads and contacts of the people stored here into a simulated Salesforce, as Marketo's own sync would have it; `ticked` are those
/// whose box is ticked.
pub fn fill(world: &World, rows: &[PersonRow], ticked: &BTreeSet<String>) -> Result<(), CommandFailure> {
    let alive = |row: &&PersonRow| !row.shadow && !matches!(row.status, Status::Deleted | Status::Merged);
    let (mut contacts, mut leads) = (Vec::new(), Vec::new());
    for row in rows.iter().filter(alive) {
        // No longer than Salesforce takes.
        let value = |field, most| {
            row.fields.get(field).map_or(Value::Null, |text| text.chars().take(most).collect::<String>().into())
        };
        let or_unknown = |value: Value| if value.is_null() { Value::from("Unknown") } else { value };
        let mut record = json!({
            "FirstName": value(Field::FirstName, 40), "LastName": or_unknown(value(Field::LastName, 80)),
            "Email": value(Field::Email, 80), "Title": value(Field::Title, 128), "Phone": value(Field::Phone, 40)
        });
        let box_of = |id: &str| Value::from(ticked.contains(id));
        if let Some(id) = row.fields.get(Field::SfdcContactId) {
            (record["Id"], record["HasOptedOutOfEmail"]) = (id.into(), box_of(id));
            contacts.push(record);
        } else if let Some(id) = row.fields.get(Field::SfdcLeadId) {
            (record["Id"], record["HasOptedOutOfEmail"]) = (id.into(), box_of(id));
            record["Company"] = or_unknown(value(Field::Company, 255));
            leads.push(record);
        }
    }
    for (object, records) in [("Contact", contacts), ("Lead", leads)] {
        for some in records.chunks(PUT) {
            world
                .put(object, some)
                .map_err(|e| CommandFailure::Wrong(format!("the simulated Salesforce refuses a record: {e}")))?;
        }
    }
    Ok(())
}
