//! A damaged, missing or failed export, once each: never taken for a whole one, and made good without an operator.

use simulator_marketo::{Fault, FaultAction};
use tokio::task::JoinSet;

use crate::support::{Story, quick};

const FILE: &str = "GET /bulk/v1/leads/export/{exportId}/file.json";
const STATUS: &str = "GET /bulk/v1/leads/export/{exportId}/status.json";

#[tokio::test]
async fn a_broken_export_is_made_good() {
    let mut stories = JoinSet::new();
    for (name, endpoint, action) in [
        ("cut off at a row", FILE, FaultAction::Truncate(0.5)),
        ("another checksum", STATUS, FaultAction::WrongChecksum),
        ("a failed job", STATUS, FaultAction::JobFailed("system error".into())),
        ("an error in place of the file", FILE, FaultAction::JsonErrorAsFile("611".into())),
        ("completed, but not there", STATUS, FaultAction::CompletedButMissing),
        ("broken off in the middle", FILE, FaultAction::Drop(30_000)),
    ] {
        stories.spawn(async move {
            let story = Story::of(quick(name, 1_000)).await;
            story.world().set_faults(vec![Fault::once(endpoint, action)]);
            story.sync_to_truth(name).await;
            assert_eq!(story.world().stats().faults_struck, 1, "{name}: the fault did not happen");
        });
    }
    while let Some(ended) = stories.join_next().await {
        ended.unwrap();
    }
}
