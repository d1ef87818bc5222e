//! Whether the template's tables are the ones that the adapters work with: those that `store` makes at a local endpoint.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_dynamodb::types::{KeySchemaElement, TableDescription};
use serde_json::Value;
use store::Tables;
use system_tests::template::{Template, each};

/// What differs, a line each.
pub fn differences(template: &Template) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let made = runtime.block_on(made_by_store());
    let in_template: BTreeSet<String> =
        template.of_kind("AWS::DynamoDB::Table").map(|table| shape_of_resource(table.properties())).collect();
    let missing =
        made.difference(&in_template).map(|shape| format!("the code's table is not in the template: {shape}"));
    let other = in_template.difference(&made).map(|shape| format!("the template's table is not the code's: {shape}"));
    missing.chain(other).collect()
}

/// Name, keys and indexes of the tables as the code makes them.
async fn made_by_store() -> BTreeSet<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let server = tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().expect("a database")));
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(endpoint)
        .build();
    let client = Arc::new(Client::from_conf(config));
    let tables = Tables::with_prefix("");
    store::create_tables(&client, &tables).await.expect("tables");
    let names = client.list_tables().send().await.expect("a list").table_names.unwrap_or_default();
    let mut shapes = BTreeSet::new();
    for name in names {
        let answer = client.describe_table().table_name(name).send().await.expect("a description");
        shapes.insert(shape_of_table(&answer.table.expect("a table")));
    }
    server.abort();
    shapes
}

fn shape_of_table(table: &TableDescription) -> String {
    let type_of = |name: &str| {
        let defined = table.attribute_definitions().iter().find(|a| a.attribute_name() == name);
        defined.map(|a| a.attribute_type().as_str().to_owned()).unwrap_or_default()
    };
    let keys = |schema: &[KeySchemaElement]| {
        let key = |k: &KeySchemaElement| {
            format!("{} {} {}", k.attribute_name(), type_of(k.attribute_name()), k.key_type().as_str())
        };
        schema.iter().map(key).collect::<Vec<_>>().join("+")
    };
    let index =
        |name: &str, schema: &[KeySchemaElement], projection: &str| format!("{name}({} {projection})", keys(schema));
    let indexes: BTreeSet<String> = table
        .global_secondary_indexes()
        .iter()
        .map(|i| {
            let projected = i.projection().and_then(|p| p.projection_type()).map_or("", |p| p.as_str());
            index(i.index_name().unwrap_or_default(), i.key_schema(), projected)
        })
        .collect();
    format!("{}: {} {indexes:?}", table.table_name().unwrap_or_default(), keys(table.key_schema()))
}

fn shape_of_resource(properties: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let type_of = |name: &Value| {
        let defined = each(&properties["AttributeDefinitions"]).into_iter().find(|a| a["AttributeName"] == *name);
        defined.map(|a| text(&a["AttributeType"])).unwrap_or_default()
    };
    let keys = |schema: &Value| {
        let key = |k: &Value| {
            format!("{} {} {}", text(&k["AttributeName"]), type_of(&k["AttributeName"]), text(&k["KeyType"]))
        };
        each(schema).into_iter().map(key).collect::<Vec<_>>().join("+")
    };
    let index = |i: &Value| {
        format!("{}({} {})", text(&i["IndexName"]), keys(&i["KeySchema"]), text(&i["Projection"]["ProjectionType"]))
    };
    let indexes: BTreeSet<String> = each(&properties["GlobalSecondaryIndexes"]).into_iter().map(index).collect();
    let name = text(&properties["TableName"]["Fn::Sub"]);
    format!("{}: {} {indexes:?}", name.trim_start_matches("${AWS::StackName}-"), keys(&properties["KeySchema"]))
}
