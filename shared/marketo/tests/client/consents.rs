//! What Marketo says of addresses: flags in every form, many addresses, many people, and answers that do not fit.

use domain::FailureKind;
use domain::opt_outs::Address;
use domain::people::MarketoId;
use domain::ports::{Consent, MarketoConsent};
use serde_json::{Value, json};
use simulator_marketo::Config;

use crate::simulated;
use crate::support::{LEADS, Reply, World};

const BY_POST: &str = "POST /rest/v1/leads.json";

fn good(result: Value) -> Reply {
    Reply::json(json!({"requestId": "a#1", "success": true, "result": result}))
}

fn refused(code: &str) -> Reply {
    Reply::json(json!({"requestId": "a#1", "success": false, "errors": [{"code": code, "message": "too many"}]}))
}

fn address(email: &str) -> Address {
    Address::of(email).unwrap()
}

fn many(count: usize) -> Vec<Address> {
    (0..count).map(|n| address(&format!("person.{n}@example.com"))).collect()
}

#[tokio::test]
async fn flags_are_read_in_every_form() {
    let world = World::new().await;
    world.script(
        LEADS,
        [good(json!([
            {"id": 7, "email": "A@Example.com", "unsubscribed": true, "blackListed": null, "emailInvalid": "false"},
            {"id": "8", "email": "a@example.com", "unsubscribed": "1", "blackListed": 1},
            {"id": 9, "email": "b@example.com", "emailInvalid": "true"},
        ]))],
    );
    let consents =
        world.client.consents(&["a@example.com", "b@example.com", "c@example.com"].map(address)).await.unwrap();
    let consent = |id, email: &str, [unsubscribed, blocklisted, invalid]: [bool; 3]| Consent {
        person: MarketoId(id),
        address: address(email),
        unsubscribed,
        blocklisted,
        invalid,
    };
    let wanted = [
        consent(7, "a@example.com", [true, false, false]),
        consent(8, "a@example.com", [true, true, false]),
        consent(9, "b@example.com", [false, false, true]),
    ];
    assert_eq!(consents, wanted);
    assert!(world.seen(LEADS)[0].query.starts_with("filterType=email&filterValues=a%40example.com%2Cb%40"));
}

#[tokio::test]
async fn many_addresses_go_by_post_and_too_many_people_in_pieces() {
    let world = World::new().await;
    world.script(BY_POST, [refused("1003")]);
    world.script(LEADS, [good(json!([])), good(json!([]))]);
    assert_eq!(world.client.consents(&many(300)).await.unwrap(), []);
    assert_eq!(
        (world.seen(BY_POST).len(), world.seen(LEADS).len()),
        (1, 2),
        "once whole, then in halves, which are short enough"
    );
    let too_many = world.client.consents(&many(301)).await.unwrap_err();
    assert_eq!(too_many.kind, FailureKind::BadRequest);
    let world = World::new().await;
    world.script(LEADS, [refused("1003")]);
    let one = world.client.consents(&many(1)).await.unwrap_err();
    assert!(one.kind == FailureKind::BadRequest && !one.message.contains("person.0"), "{one}");
}

#[tokio::test]
async fn an_answer_about_others_is_not_taken() {
    for answer in
        [json!([{"id": 7, "email": "other@example.com"}]), json!([{"id": 7}]), json!([{"email": "a@example.com"}])]
    {
        let world = World::new().await;
        world.script(LEADS, [good(answer)]);
        let failure = world.client.consents(&[address("a@example.com")]).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadAnswer);
        assert!(!failure.message.contains('@'), "{failure}");
    }
}

#[tokio::test]
async fn the_simulator_says_what_it_holds() {
    let set = simulated::set(Config { people: 400, ..Config::default() }).await;
    let world = set.simulator.world();
    let emails: Vec<String> = world.truth().filter_map(|person| person.email).take(250).collect();
    let addresses: Vec<Address> = emails.iter().filter_map(|email| Address::of(email)).collect();
    let first = world.truth().next().unwrap().marketo_id;
    for (field, value) in [("email", json!("BOTH@example.com")), ("unsubscribed", json!(true))] {
        world.set_field(first, field, value);
    }
    let made = world.create(&[("email", json!("both@example.com")), ("lastName", json!("New"))]);
    let both = set.client.consents(&[address("both@example.com")]).await.unwrap();
    let told: Vec<_> = both.iter().map(|consent| (consent.person.0, consent.unsubscribed)).collect();
    assert_eq!(told, [(first, true), (made, false)]);
    let consents = set.client.consents(&addresses).await.unwrap();
    for (address, flags) in addresses.iter().map(|address| (address, world.flags_of_address(address.as_str()))) {
        let said: Vec<_> = consents.iter().filter(|consent| consent.address == *address).collect();
        let said: Vec<_> = said.iter().map(|c| (c.unsubscribed, c.blocklisted, c.invalid)).collect();
        assert_eq!(said, flags.iter().map(|f| (f.unsubscribed, f.blocklisted, f.invalid)).collect::<Vec<_>>());
    }
    // An address stays unsubscribed when its person goes.
    world.delete(first);
    let again = world.create(&[("email", json!("both@example.com"))]);
    assert!(world.flags_of_address("both@example.com").iter().any(|flags| flags.unsubscribed), "{again}");
}
