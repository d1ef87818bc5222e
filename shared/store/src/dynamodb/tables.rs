//! The tables of a local endpoint. Deployed ones come from the stack's template, which must say the same.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};
use domain::opt_outs::OptOut;
use domain::tasks::Task;
use domain::{Failure, FailureKind};

use super::item::{BY_EMAIL, BY_SALESFORCE_ID, EMAIL_KEY, ID, SFDC_KEY};
use super::ledger::{BY_MARKETO, BY_SALESFORCE};
use super::on_table;
use super::state::KEY;
use super::things::BY_PUSH;
use crate::things::Thing;

/// Names of the tables, the stack's prefix included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// The people table.
    pub people: String,
    /// Documents and receipts.
    pub sync_state: String,
    /// The ledger of activities.
    pub activities: String,
    /// The register of opt-outs.
    pub opt_outs: String,
    /// The table of reminder tasks.
    pub tasks: String,
}

/// Names of the tables that the people flow knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeopleTables {
    /// The people table.
    pub people: String,
    /// Documents and receipts.
    pub sync_state: String,
}

impl Tables {
    /// The names under a prefix: `{prefix}people`, `{prefix}sync-state`, `{prefix}activities`, `{prefix}opt-outs`,
    /// `{prefix}tasks`.
    #[must_use]
    pub fn with_prefix(prefix: &str) -> Self {
        let name = |thing: &str| format!("{prefix}{thing}");
        Self {
            people: name("people"),
            sync_state: name("sync-state"),
            activities: name("activities"),
            opt_outs: name("opt-outs"),
            tasks: name("tasks"),
        }
    }

    /// Those that the people flow knows.
    #[must_use]
    pub fn of_people(&self) -> PeopleTables {
        PeopleTables { people: self.people.clone(), sync_state: self.sync_state.clone() }
    }
}

/// Names of those tables that are not there.
///
/// # Errors
/// `Unavailable` when the endpoint does not answer, `AccessDenied`.
pub async fn missing_tables(client: &Client, tables: &Tables) -> Result<Vec<String>, Failure> {
    let mut missing = Vec::new();
    for table in [&tables.people, &tables.sync_state, &tables.activities, &tables.opt_outs, &tables.tasks] {
        match client.describe_table().table_name(table).send().await {
            Ok(_) => {}
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => {
                missing.push(table.clone());
            }
            Err(error) => return Err(on_table("dynamodb:DescribeTable", table).failure(&error)),
        }
    }
    Ok(missing)
}

/// Deletes a table with all that is in it; not finding it is success. For local endpoints.
///
/// # Errors
/// As for [`missing_tables`].
pub async fn drop_table(client: &Client, table: &str) -> Result<(), Failure> {
    match client.delete_table().table_name(table).send().await {
        Ok(_) => Ok(()),
        Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => Ok(()),
        Err(error) => Err(on_table("dynamodb:DeleteTable", table).failure(&error)),
    }
}

/// Creates the tables that are missing, billed on demand. For local endpoints, whose tables can be used at once.
///
/// # Errors
/// `Unavailable` when the endpoint does not answer, `AccessDenied`, `BadRequest` for names that DynamoDB does not take.
pub async fn create_tables(client: &Client, tables: &Tables) -> Result<(), Failure> {
    let people = [(BY_EMAIL, EMAIL_KEY, None), (BY_SALESFORCE_ID, SFDC_KEY, None)];
    create(client, &tables.people, ID, ScalarAttributeType::N, &people).await?;
    create(client, &tables.sync_state, KEY, ScalarAttributeType::S, &[]).await?;
    let activities = [BY_MARKETO, BY_SALESFORCE].map(|index| (index.name, index.shelf, Some(index.at)));
    create(client, &tables.activities, ID, ScalarAttributeType::S, &activities).await?;
    let by_push = [(BY_PUSH.name, BY_PUSH.shelf, Some(BY_PUSH.at))];
    create(client, &tables.opt_outs, OptOut::KEY, ScalarAttributeType::S, &by_push).await?;
    create(client, &tables.tasks, Task::KEY, ScalarAttributeType::S, &by_push).await
}

/// An index: its name, its text key, and the number that it is sorted by, where it is.
type Index<'a> = (&'a str, &'a str, Option<&'a str>);

/// Creates one table with keys-only indexes; finding it there is success.
async fn create(
    client: &Client,
    table: &str,
    key: &str,
    key_type: ScalarAttributeType,
    indexes: &[Index<'_>],
) -> Result<(), Failure> {
    let request = describe(client.create_table(), table, key, key_type, indexes)
        .map_err(|_| Failure::new(FailureKind::BadRequest, format!("table `{table}` cannot be described")))?;
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_in_use_exception()) => Ok(()),
        Err(error) => Err(on_table("dynamodb:CreateTable", table).failure(&error)),
    }
}

/// The request for one table.
fn describe(
    request: CreateTableFluentBuilder,
    table: &str,
    key: &str,
    key_type: ScalarAttributeType,
    indexes: &[Index<'_>],
) -> Result<CreateTableFluentBuilder, BuildError> {
    let mut request = request
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute(key, key_type)?)
        .key_schema(part(key, KeyType::Hash)?);
    for (index, index_key, sorted_by) in indexes {
        let mut described =
            GlobalSecondaryIndex::builder().index_name(*index).key_schema(part(index_key, KeyType::Hash)?);
        request = request.attribute_definitions(attribute(index_key, ScalarAttributeType::S)?);
        if let Some(sorted_by) = sorted_by {
            described = described.key_schema(part(sorted_by, KeyType::Range)?);
            request = request.attribute_definitions(attribute(sorted_by, ScalarAttributeType::N)?);
        }
        let keys_only = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
        request = request.global_secondary_indexes(described.projection(keys_only).build()?);
    }
    Ok(request)
}

fn attribute(name: &str, kind: ScalarAttributeType) -> Result<AttributeDefinition, BuildError> {
    AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build()
}

fn part(name: &str, kind: KeyType) -> Result<KeySchemaElement, BuildError> {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build()
}
