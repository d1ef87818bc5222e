//! The ports on DynamoDB. Knows tables, items and conditions; the layouts are in the crate's README.
//!
//! Whole calls are retried by the SDK (its standard retry: throttling, timeouts, broken connections, 5xx; three tries unless the client
//! is built otherwise). What a call leaves undone — unprocessed keys, throttled statements — is resent here, a bounded number of
//! times, pausing on the injected clock. Must not be told anything by the environment: clients and names come from the caller.

mod item;
mod ledger;
mod listing;
mod opt_outs;
mod people;
mod state;
mod statements;
mod tables;
mod tasks;
mod things;
mod writes;

pub use ledger::DynamoLedger;
pub use opt_outs::DynamoOptOuts;
pub use people::DynamoPeople;
pub use state::DynamoState;
pub use tables::{PeopleTables, Tables, create_tables, drop_table, missing_tables};
pub use tasks::DynamoTasks;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use domain::ports::Clock;
use domain::{Failure, FailureKind};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::aws::{Call, RESENDS, pause_before};

/// A DynamoDB item.
type Item = HashMap<String, AttributeValue>;

/// The attributes of an item to write, in an order that depends on nothing but which there are.
type Attributes = Vec<(&'static str, AttributeValue)>;

/// A clock, nameless in debug texts.
#[derive(Clone)]
struct ClockHandle(Arc<dyn Clock>);

impl fmt::Debug for ClockHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Keys that one BatchGetItem takes.
const KEYS_PER_READ: usize = 100;

/// BatchGetItem calls in flight: enough to hide the round trips, few enough not to throttle one partition.
const READS_IN_FLIGHT: usize = 4;

/// A call on a table, for the texts of failures.
fn on_table<'a>(action: &'static str, table: &'a str) -> Call<'a> {
    Call { action, thing: "table", name: table }
}

/// The items of distinct keys, as BatchGetItem refuses a request that names a key twice; read consistently.
async fn read(client: &Client, clock: &dyn Clock, table: &str, keys: Vec<Item>) -> Result<Vec<Item>, Failure> {
    let reads: Vec<_> =
        keys.chunks(KEYS_PER_READ).map(|some| read_batch(client, clock, table, some.to_vec())).collect();
    let found: Vec<_> = stream::iter(reads).buffered(READS_IN_FLIGHT).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// At most [`KEYS_PER_READ`] of them; keys left unprocessed are asked for again.
async fn read_batch(client: &Client, clock: &dyn Clock, table: &str, keys: Vec<Item>) -> Result<Vec<Item>, Failure> {
    let call = on_table("dynamodb:BatchGetItem", table);
    let mut found = Vec::with_capacity(keys.len());
    let mut left = keys;
    for resend in 0..=RESENDS {
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(left))
            .consistent_read(true)
            .build()
            .map_err(|_| Failure::new(FailureKind::BadRequest, format!("no keys to read from table `{table}`")))?;
        let answer =
            client.batch_get_item().request_items(table, wanted).send().await.map_err(|error| call.failure(&error))?;
        found.extend(answer.responses.unwrap_or_default().into_values().flatten());
        left = answer.unprocessed_keys.unwrap_or_default().into_values().flat_map(|rest| rest.keys).collect();
        if left.is_empty() {
            return Ok(found);
        }
        if resend < RESENDS {
            clock.sleep(pause_before(resend)).await;
        }
    }
    Err(call.left_undone())
}
