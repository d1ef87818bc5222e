//! How many rows a second go into an embedded DynamoDB: fresh ones by statement batches, the same ones again by conditional puts.
//!
//! `cargo run -p store --example put_rate -- 50000 500`: so many rows, so many a put. Says what the adapter and the endpoint can do together on one machine; DynamoDB
//! itself is bound by its partitions.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement, run by hand")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use domain::Timestamp;
use domain::people::{Field, Fields, MarketoId, PersonRow};
use domain::ports::{Clock, PeopleTable, PutOutcome, RowWrite};
use store::{DynamoPeople, Tables};

/// The machine's clock.
struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, pause: Duration) {
        tokio::time::sleep(pause).await;
    }
}

fn row(n: i64) -> PersonRow {
    PersonRow::active(
        MarketoId(n),
        Timestamp::UNIX_EPOCH,
        Fields::from_iter([
            (Field::FirstName, format!("First {n}")),
            (Field::LastName, format!("Last {n}")),
            (Field::Email, format!("first.last.{n}@example.com")),
            (Field::Company, "Example Company Ltd".to_owned()),
            (Field::Title, "Head of Examples".to_owned()),
            (Field::SfdcContactId, format!("0035g{n:010}AAA")),
            (Field::SfdcAccountId, format!("0015g{n:010}AAA")),
        ]),
    )
}

/// Puts all rows, `step` at a time, and says how fast.
async fn measure(table: &DynamoPeople, rows: i64, step: i64, seen: Option<u64>, how: &str) {
    let started = Instant::now();
    for first in (0..rows).step_by(usize::try_from(step).unwrap()) {
        let writes: Vec<_> = (first..rows.min(first + step)).map(|n| RowWrite { row: row(n), seen }).collect();
        let outcomes = table.put(writes).await.unwrap();
        assert!(outcomes.iter().all(|outcome| *outcome == PutOutcome::Stored));
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{how}: {rows} rows, {step} a put, in {seconds:.2} s, {:.0} rows/s", rows as f64 / seconds);
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|number| number.parse::<i64>().unwrap());
    let rows = arguments.next().unwrap_or(50_000);
    let step = arguments.next().unwrap_or(500);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));

    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "example"))
        .endpoint_url(endpoint);
    let client = Client::from_conf(config.build());
    let tables = Tables::with_prefix("rate-");
    store::create_tables(&client, &tables).await.unwrap();
    let table = DynamoPeople::new(client, tables.people, Arc::new(SystemClock));

    measure(&table, rows, step, None, "fresh rows, statement batches").await;
    measure(&table, rows, step, Some(1), "the same rows, conditional puts").await;
}
