//! Inserts, 25 a request: INSERT statements that each succeed or fail alone, and fail where the row exists.
//!
//! BatchWriteItem would overwrite without looking, and single conditional puts need 25 times the requests for the same write units.
//! Must not build a value into a statement's text: values travel as parameters.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeValue, BatchStatementErrorCodeEnum, BatchStatementRequest, BatchStatementResponse,
};
use domain::ports::{Clock, PutOutcome};
use domain::{Failure, FailureKind};

use super::{Attributes, on_table};
use crate::aws::{Call, RESENDS, is_passing, pause_before};

/// Statements that one BatchExecuteStatement takes.
pub(super) const STATEMENTS_PER_CALL: usize = 25;

/// Inserts at most [`STATEMENTS_PER_CALL`] items, each with its place in the caller's list; gives the outcome for each place.
///
/// An item that was stored by a request whose answer was lost is found as a conflict when the request is repeated.
pub(super) async fn insert(
    client: &Client,
    clock: &dyn Clock,
    table: &str,
    items: Vec<(usize, Attributes)>,
) -> Result<Vec<(usize, PutOutcome)>, Failure> {
    let call = on_table("dynamodb:PartiQLInsert", table);
    let mut done = Vec::with_capacity(items.len());
    let mut left = items;
    for resend in 0..=RESENDS {
        let statements = left.iter().map(|(_, item)| statement(table, item)).collect::<Result<Vec<_>, _>>()?;
        let answer = client
            .batch_execute_statement()
            .set_statements(Some(statements))
            .send()
            .await
            .map_err(|error| call.failure(&error))?;
        let results = answer.responses.unwrap_or_default();
        if results.len() != left.len() {
            return Err(Failure::new(
                FailureKind::BadAnswer,
                format!("{} statements for table `{table}` were answered by {} results", left.len(), results.len()),
            ));
        }
        let mut again = Vec::new();
        for ((place, item), result) in left.into_iter().zip(results) {
            match outcome(call, &result)? {
                Some(outcome) => done.push((place, outcome)),
                None => again.push((place, item)),
            }
        }
        if again.is_empty() {
            return Ok(done);
        }
        left = again;
        if resend < RESENDS {
            clock.sleep(pause_before(resend)).await;
        }
    }
    Err(call.left_undone())
}

/// What one statement's result says; `None` = send it again.
fn outcome(call: Call<'_>, result: &BatchStatementResponse) -> Result<Option<PutOutcome>, Failure> {
    let Some(error) = result.error() else { return Ok(Some(PutOutcome::Stored)) };
    match error.code() {
        Some(BatchStatementErrorCodeEnum::DuplicateItem | BatchStatementErrorCodeEnum::ConditionalCheckFailed) => {
            Ok(Some(PutOutcome::Conflict))
        }
        Some(code) if is_passing(code.as_str()) => Ok(None),
        code => Err(call.by_code(code.map_or("unknown", |code| code.as_str()), 400)),
    }
}

/// The statement that inserts one item.
fn statement(table: &str, attributes: &[(&'static str, AttributeValue)]) -> Result<BatchStatementRequest, Failure> {
    let mut statement = String::with_capacity(64 + table.len() + 20 * attributes.len());
    statement.push_str("INSERT INTO \"");
    statement.push_str(table);
    statement.push_str("\" VALUE {");
    let mut values = Vec::with_capacity(attributes.len());
    for (name, value) in attributes {
        if !values.is_empty() {
            statement.push(',');
        }
        statement.push('\'');
        statement.push_str(name);
        statement.push_str("':?");
        values.push(value.clone());
    }
    statement.push('}');
    BatchStatementRequest::builder().statement(statement).set_parameters(Some(values)).build().map_err(|_| {
        Failure::new(FailureKind::BadRequest, format!("the statement for table `{table}` cannot be built"))
    })
}
