//! The logging of sales activities as a whole: real clients and the tables of DynamoDB against both simulated vendors. What must come of
//! the messages is told by the simulated app.

mod exactly_once;
mod outage;
mod outcomes;
mod people;
mod scene;
mod stage;
