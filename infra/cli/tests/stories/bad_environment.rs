//! Bad input from the environment and the command line: named in words, with the right exit code, before anything is lost.

use std::net::TcpListener;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::support::{Story, quick};

/// How long an operator with a mistyped host waits for the message.
const MAX_WAIT: Duration = Duration::from_secs(60);

struct Case {
    changes: Vec<(&'static str, String)>,
    code: i32,
    says: Vec<&'static str>,
}

fn case(changes: &[(&'static str, &str)], code: i32, says: &[&'static str]) -> Case {
    let changes = changes.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Case { changes, code, says: says.to_vec() }
}

/// An address on which nobody listens any more.
fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn a_bad_environment_is_named() {
    let mut stories = JoinSet::new();
    for case in [
        case(&[("MARKETO_CLIENT_SECRET", "wrong")], 2, &["MARKETO_CLIENT_ID", "MARKETO_CLIENT_SECRET"]),
        case(&[("MARKETO_CLIENT_ID", "nobody")], 2, &["MARKETO_CLIENT_ID", "MARKETO_CLIENT_SECRET"]),
        case(
            &[("MARKETO_CLIENT_ID", ""), ("MARKETO_CLIENT_SECRET", "")],
            2,
            &["MARKETO_CLIENT_ID is not set", "MARKETO_CLIENT_SECRET is not set"],
        ),
        case(
            &[("MARKETO_BASE_URL", "nonsense"), ("MARKETO_CLIENT_ID", ""), ("MARKETO_EXPORT_POLL_SECONDS", "soon")],
            2,
            &["MARKETO_BASE_URL", "MARKETO_CLIENT_ID is not set", "MARKETO_EXPORT_POLL_SECONDS"],
        ),
        case(&[("MARKETO_BASE_URL", "http://marketo.example")], 2, &["MARKETO_BASE_URL", "loopback"]),
        case(&[("MARKETO_BASE_URL", &closed_port())], 1, &["MARKETO_BASE_URL"]),
    ] {
        stories.spawn(is_named(case));
    }
    while let Some(ended) = stories.join_next().await {
        ended.unwrap();
    }
}

async fn is_named(Case { changes, code, says }: Case) {
    let mut story = Story::of(quick("environment", 100)).await;
    for (name, value) in &changes {
        story.env(name, value);
    }
    let run = story.sync(&[]).await;
    run.ends(code, &says);
    assert!(run.took < MAX_WAIT, "{changes:?} took {:?}", run.took);
    assert!(!story.path("dump").exists(), "{changes:?}: there is nothing to dump");
    story.on_state(&["verify"]).await.ends(code, &says);
}

#[tokio::test]
async fn a_mended_environment_goes_on_in_the_same_folder() {
    let mut story = Story::of(quick("mended environment", 500)).await;
    let base_url = story.base_url();
    story.env("MARKETO_CLIENT_SECRET", "wrong");
    story.sync(&[]).await.ends(2, &["MARKETO_CLIENT_SECRET"]);
    story.env("MARKETO_CLIENT_SECRET", "simulator-secret");
    story.env("MARKETO_BASE_URL", &closed_port());
    story.sync(&[]).await.ends(1, &["MARKETO_BASE_URL"]);
    story.env("MARKETO_BASE_URL", &format!("{base_url}/rest/"));
    story.sync_to_truth("once all is right").await;
}

#[tokio::test]
async fn bad_usage_is_named() {
    let story = Story::of(quick("usage", 10)).await;
    story.run(&["sync", "--nonsense"]).await.ends(2, &["--nonsense"]);
    story.run(&["synchronise"]).await.ends(2, &["synchronise"]);
    story.run(&["status"]).await.ends(2, &["--state"]);
    story.run(&["--help"]).await.ends(0, &["sync", "status", "verify", "explain", "settings"]);
}
