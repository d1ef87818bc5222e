//! The tables of a local endpoint. Deployed ones come from the stack's template, which must say the same.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};
use domain::{Failure, FailureKind};

use super::item::{BY_EMAIL, BY_SALESFORCE_ID, EMAIL_KEY, ID, SFDC_KEY};
use super::on_table;
use super::state::KEY;

/// Names of the tables, the stack's prefix included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// The people table.
    pub people: String,
    /// Documents and receipts.
    pub sync_state: String,
}

impl Tables {
    /// The names under a prefix: `{prefix}people` and `{prefix}sync-state`.
    #[must_use]
    pub fn with_prefix(prefix: &str) -> Self {
        Self { people: format!("{prefix}people"), sync_state: format!("{prefix}sync-state") }
    }
}

/// Creates the tables that are missing, billed on demand. For local endpoints, whose tables can be used at once.
///
/// # Errors
/// `Unavailable` when the endpoint does not answer, `AccessDenied`, `BadRequest` for names that DynamoDB does not take.
pub async fn create_tables(client: &Client, tables: &Tables) -> Result<(), Failure> {
    create(client, &tables.people, ID, ScalarAttributeType::N, &[(BY_EMAIL, EMAIL_KEY), (BY_SALESFORCE_ID, SFDC_KEY)])
        .await?;
    create(client, &tables.sync_state, KEY, ScalarAttributeType::S, &[]).await
}

/// Creates one table with text-keyed, keys-only indexes; finding it there is success.
async fn create(
    client: &Client,
    table: &str,
    key: &str,
    key_type: ScalarAttributeType,
    indexes: &[(&str, &str)],
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
    indexes: &[(&str, &str)],
) -> Result<CreateTableFluentBuilder, BuildError> {
    let mut request = request
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute(key, key_type)?)
        .key_schema(hash(key)?);
    for (index, index_key) in indexes {
        request =
            request.attribute_definitions(attribute(index_key, ScalarAttributeType::S)?).global_secondary_indexes(
                GlobalSecondaryIndex::builder()
                    .index_name(*index)
                    .key_schema(hash(index_key)?)
                    .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
                    .build()?,
            );
    }
    Ok(request)
}

fn attribute(name: &str, kind: ScalarAttributeType) -> Result<AttributeDefinition, BuildError> {
    AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build()
}

fn hash(name: &str) -> Result<KeySchemaElement, BuildError> {
    KeySchemaElement::builder().attribute_name(name).key_type(KeyType::Hash).build()
}
