//! What the packaged activity-logger needs besides: the activity types in Marketo, a simulated Salesforce that knows who is synced, and an
//! ordinary batch of messages.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::activities::{self, TypeLayout};
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulator_app::Someone;
use simulator_salesforce::Config;

use super::memory::Around;
use crate::failure::CommandFailure;
use crate::logging;
use crate::people_table;
use crate::salesforce::{self, SalesforceEnvironment};

/// Messages that Lambda hands over at most, as the template says.
const MESSAGES: usize = 300;
const SEED: u64 = 1;
/// The day of the messages began so long ago.
const DAY: SignedDuration = SignedDuration::from_hours(10);

/// Both destinations, ready. Ends with this value.
pub struct Destinations {
    salesforce: SalesforceEnvironment,
    people: Vec<Someone>,
    now: Timestamp,
}

impl Destinations {
    /// Makes the types, and puts who is in the people table into Salesforce.
    ///
    /// # Errors
    /// When something cannot be started or read.
    pub async fn start(around: &Around) -> Result<Self, CommandFailure> {
        let salesforce = SalesforceEnvironment::with_simulator().await?;
        let ports = logging::ports(&around.embedded, &salesforce);
        activities::provision_marketo(&*ports.marketo, TypeLayout::Eight).await?;
        let rows = people_table::all(&*ports.people).await?;
        if let Some(simulator) = &salesforce.simulator {
            salesforce::fill(&simulator.world(), &rows, &BTreeSet::new())?;
        }
        Ok(Self { salesforce, people: people_table::known_to_the_app(&rows), now: ports.clock.now() })
    }

    /// What the function is told besides what all are told.
    pub fn variables(&self, around: &Around) -> Vec<(&'static str, String)> {
        let Config { client_id, client_secret, .. } = Config::default();
        let url = self.salesforce.simulator.as_ref().map(simulator_salesforce::Simulator::base_url);
        vec![
            ("ACTIVITIES_TABLE", around.embedded.tables.names.activities.clone()),
            // Nothing is said of a message but when it failed.
            ("SALES_ACTIVITIES_QUEUE_URL", "http://127.0.0.1/sales-activities".to_owned()),
            ("SALESFORCE_LOGIN_URL", url.unwrap_or_default()),
            ("SALESFORCE_CLIENT_ID", client_id),
            ("SALESFORCE_CLIENT_SECRET", client_secret),
        ]
    }

    /// As many messages as an invocation gets.
    pub fn batch(&self) -> Value {
        let start = self.now.checked_sub(DAY).unwrap_or(self.now);
        let messages = simulator_app::day(SEED, &self.people, MESSAGES, start);
        let records = messages.iter().enumerate().map(|(place, message)| {
            let id = place.to_string();
            json!({ "messageId": id, "receiptHandle": id, "body": message.to_string(), "attributes": {} })
        });
        json!({ "Records": records.collect::<Vec<_>>() })
    }
}
