//! Stories of reminder tasks: Salesforce simulated behind real HTTP, the table on the embedded DynamoDB.

mod calls;
mod events;
mod oddities;
mod people;
mod stage;
mod switching;
mod thousands;
mod troubles;
