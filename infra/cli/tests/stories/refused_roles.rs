//! A subscription that refuses opportunity roles, as CRM-connected ones may: said once, and the sync ends well.

use simulator_marketo::Config;

use crate::support::{Story, quick};

#[tokio::test]
async fn refused_opportunity_roles_are_said_once_and_the_sync_ends_well() {
    let story = Story::of(Config { roles: false, ..quick("refused roles", 5_000) }).await;
    let figures = story.sync_to_truth("without roles").await;
    let asked = figures["marketo"]["by_endpoint"]["GET /rest/v1/opportunities/roles.json"].as_u64().unwrap();
    // Workers that ask at the same moment hear the refusal at the same moment; after that nobody asks.
    assert!(asked <= 6, "asked {asked} times although it is refused");
    story.on_state(&["status"]).await.ends(0, &["no opportunity"]);
}
