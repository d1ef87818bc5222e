//! The stored people and the state of the sync, read over the AWS API as anybody could, and held against what the simulator knows.

use std::sync::Arc;

use domain::Timestamp;
use domain::initial_sync::{self, InitialSync};
use domain::lease;
use domain::status::{self, Status};
use runtime::SystemClock;
use simulator_marketo::World;
use store::{DynamoPeople, DynamoState};

use super::up::Up;
use crate::compare::compare;
use crate::failure::CommandFailure;
use crate::people_table;

/// The tables of the stack.
pub struct People {
    people: DynamoPeople,
    state: DynamoState,
}

impl People {
    /// The tables that the stack names.
    ///
    /// # Errors
    /// When it names none.
    pub fn of(up: &Up) -> Result<Self, CommandFailure> {
        let (tables, client) = (up.stack.tables()?, up.aws.endpoint.dynamodb());
        let clock = Arc::new(SystemClock);
        Ok(Self {
            people: DynamoPeople::new(client.clone(), tables.people, clock.clone()),
            state: DynamoState::new(client, tables.sync_state, clock),
        })
    }

    /// What an admin would see now.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn status(&self) -> Result<Status, CommandFailure> {
        Ok(status::status(&self.state, Timestamp::now()).await?)
    }

    /// The run that was completed, where none is under way.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn completed_run(&self) -> Result<Option<String>, CommandFailure> {
        let state = lease::peek::<InitialSync>(&self.state, initial_sync::KEY).await?.unwrap_or_default();
        Ok(state.run.is_none().then_some(state.completed).flatten().map(|run| run.id))
    }

    /// Whether the table holds exactly what it must; in both cases in numbers.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn compared(&self, world: &World) -> Result<Result<String, String>, CommandFailure> {
        let rows = people_table::all(&self.people).await?;
        let comparison = compare(world.truth(), &rows);
        let numbers: Vec<String> = comparison
            .by_status()
            .iter()
            .map(|(status, count)| match count.expected == count.agree && count.stored == count.agree {
                true => format!("{} {status}", count.agree),
                false => {
                    format!("{status}: {} expected, {} stored, {} agree", count.expected, count.stored, count.agree)
                }
            })
            .collect();
        let numbers = numbers.join(", ");
        if comparison.is_right() {
            return Ok(Ok(numbers));
        }
        Ok(Err(format!("{numbers}, {} not expected", comparison.unexpected)))
    }
}
