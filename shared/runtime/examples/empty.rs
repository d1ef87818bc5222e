//! A function that does nothing: what starting Lambda's runtime loop takes by itself. The benchmark compares the deployed functions with it.

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_runtime::run(service_fn(|_: LambdaEvent<Value>| async { Ok::<_, lambda_runtime::Error>(()) })).await
}
