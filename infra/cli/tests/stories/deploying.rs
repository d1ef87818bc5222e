//! Deploying to an emulator: what is asked for wrongly is named before anything is installed, built or started. That it works is proven by
//! `deploy-local --check` itself.

use std::net::TcpListener;
use std::time::Duration;

use simulator_marketo::Config;

use crate::support::Story;

/// Nothing that takes time may have begun.
const AT_ONCE: Duration = Duration::from_secs(15);

/// A folder and an environment; the command has a simulator of its own.
async fn story() -> Story {
    let mut story = Story::of(Config { people: 1, ..Config::default() }).await;
    story.env("MARKETO_BASE_URL", "");
    story
}

#[tokio::test]
async fn where_to_deploy_has_to_be_said() {
    let run = story().await.run(&["deploy-local"]).await;
    run.ends(2, &["AWS_ENDPOINT_URL=http://127.0.0.1:4566", "--emulator ministack"]);
    assert!(run.took < AT_ONCE, "{:?}", run.took);
}

#[tokio::test]
async fn only_emulators_that_are_known_and_safe_are_deployed_to() {
    let mut story = story().await;
    for (endpoint, why) in [
        ("http://emulator.example:4566", "in the clear"),
        ("https://dynamodb.eu-central-1.amazonaws.com", "AWS itself"),
        ("127.0.0.1:4566", "http://"),
    ] {
        story.env("AWS_ENDPOINT_URL", endpoint);
        story.run(&["deploy-local"]).await.ends(2, &["AWS_ENDPOINT_URL", why]);
    }
    story.run(&["deploy-local", "--emulator", "other"]).await.ends(2, &["other", "ministack"]);
}

#[tokio::test]
async fn a_check_needs_the_simulator_and_kills_need_a_check() {
    let mut story = story().await;
    story.run(&["deploy-local", "--emulator", "ministack", "--kill-functions", "1"]).await.ends(2, &["--check"]);
    story.env("AWS_ENDPOINT_URL", "http://127.0.0.1:4566");
    story.run(&["deploy-local", "--check", "--kill-functions", "1"]).await.ends(2, &["--emulator"]);
    story.env("MARKETO_BASE_URL", "https://123-ABC-456.mktorest.com");
    story.run(&["deploy-local", "--check"]).await.ends(2, &["unset MARKETO_BASE_URL"]);
}

#[tokio::test]
async fn an_endpoint_where_nobody_is_costs_no_build() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut story = story().await;
    story.env("AWS_ENDPOINT_URL", &format!("http://127.0.0.1:{port}"));
    let run = story.run(&["deploy-local"]).await;
    run.ends(1, &["nobody listens at AWS_ENDPOINT_URL", "--emulator ministack"]);
    assert!(run.took < AT_ONCE, "{:?}", run.took);
}
