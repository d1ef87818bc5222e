//! Both ways of getting in, sessions that end, and refusals that say what to do.

use std::time::Duration;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::FailureKind;
use salesforce::Login;
use serde_json::Value;
use simulator_salesforce::{Config, Fault, FaultAction};

use crate::support::Org;

const COUNT: &str = "SELECT Id FROM Lead";

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

fn jwt(key: &str, username: &str) -> Login {
    Login::JwtBearer { client_id: "simulator".into(), username: username.into(), private_key: key.to_owned().into() }
}

#[tokio::test]
async fn a_signed_assertion_gets_in_and_a_foreign_key_does_not() {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = key.public_key().as_der().unwrap();
    let private = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&key).unwrap();
    let org = Org::of(Config { jwt_public_key: Some(pem("PUBLIC KEY", public.as_ref())), ..Config::default() }).await;
    let user = Config::default().username;

    let text = pem("PRIVATE KEY", private.as_ref());
    let limit = Duration::from_secs(20);
    let client = org.client_with(jwt(&text, &user), limit);
    assert!(client.query::<Value>(COUNT, false).await.unwrap().is_empty());
    assert_eq!(client.integration_user().await.unwrap().as_deref(), Some(org.world.integration_user().as_str()));
    // As environments hold it.
    let escaped = text.replace('\n', "\\n");
    assert!(org.client_with(jwt(&escaped, &user), limit).query::<Value>(COUNT, false).await.is_ok());

    let other = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let other = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&other).unwrap();
    for login in
        [jwt(&pem("PRIVATE KEY", other.as_ref()), &user), jwt(&text, "nobody@example.com"), jwt("canary-key", &user)]
    {
        let failure = org.client_with(login, limit).query::<Value>(COUNT, false).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadCredentials, "{failure}");
        assert!(failure.message.contains("SALESFORCE_PRIVATE_KEY"), "{failure}");
        assert!(!failure.message.contains("canary") && !failure.message.contains("nobody@"), "{failure}");
    }
}

#[tokio::test]
async fn a_wrong_secret_is_asked_for_once_and_says_where_it_stands() {
    let org = Org::start().await;
    let wrong = Login::ClientCredentials { client_id: "simulator".into(), client_secret: "canary-secret".into() };
    let client = org.client_with(wrong, Duration::from_secs(20));
    for _ in 0..3 {
        let failure = client.query::<Value>(COUNT, false).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadCredentials);
        assert!(
            failure.message.contains("SALESFORCE_CLIENT_SECRET") && !failure.message.contains("canary"),
            "{failure}"
        );
    }
    assert!(!format!("{client:?}").contains("canary"));
    assert_eq!(client.stats().calls, 0);
}

#[tokio::test]
async fn a_session_that_ends_is_opened_again_also_between_pages() {
    let org = Org::start().await;
    let leads: Vec<Value> =
        (0..4_100).map(|n| serde_json::json!({ "LastName": format!("L{n}"), "Company": "Acme" })).collect();
    org.world.put("Lead", &leads).unwrap();
    let client = org.client();
    assert_eq!(client.query::<Value>("SELECT Id FROM Lead LIMIT 1", false).await.unwrap().len(), 1);
    org.world.end_sessions();
    assert_eq!(client.query::<Value>("SELECT Id FROM Lead LIMIT 1", false).await.unwrap().len(), 1);

    org.world.set_faults(vec![Fault::once("GET /query/*", FaultAction::SessionEnds(1))]);
    assert_eq!(client.query::<Value>(COUNT, false).await.unwrap().len(), 4_100);

    org.world.set_faults(vec![Fault::once("GET /query*", FaultAction::SessionEnds(1)).times(None)]);
    let failure = client.query::<Value>(COUNT, false).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable, "and not for ever: {failure}");
}
