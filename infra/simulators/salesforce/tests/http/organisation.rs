//! Events of the organisation: edits, conversion, merges; records put in by the hundred thousand; the control routes.

use serde_json::{Value, json};
use simulator_salesforce::{Edit, Population};

use crate::support::{Api, refusal, small, told};

#[tokio::test]
async fn people_edit_as_themselves_and_machines_leave_no_name() {
    let api = Api::start(small()).await;
    let (lead, ..) = api.people().await;
    let seller = api.world.populate(Population { users: 1, ..Population::default() }).unwrap().users.remove(0);
    api.world.advance(10);
    let fields = json!({ "HasOptedOutOfEmail": true }).as_object().unwrap().clone();
    api.world
        .edit(&Edit { id: lead.clone(), fields: fields.clone(), by: Some(seller.clone()), ..Edit::default() })
        .unwrap();
    let first = api.truth(&lead);
    assert_eq!((&first["LastModifiedById"], &first["HasOptedOutOfEmail"]), (&json!(seller), &json!(true)));
    api.world.advance(10);
    api.world.edit(&Edit { id: lead.clone(), fields, automated: true, ..Edit::default() }).unwrap();
    let second = api.truth(&lead);
    assert_eq!(second["LastModifiedDate"], first["LastModifiedDate"]);
    assert_eq!(second["SystemModstamp"], "2026-09-21T14:13:40.000+0000");
    assert!(api.world.edit(&Edit { id: "00Q000000000009".into(), ..Edit::default() }).is_err());
}

#[tokio::test]
async fn a_converted_lead_points_to_its_contact_and_is_frozen() {
    let api = Api::start(small()).await;
    let (lead, contact, account) = api.people().await;
    let task = api.created("Task", json!({ "WhoId": lead })).await;
    let converted = api.world.convert(&lead, Some(&contact), Some(&account)).unwrap();
    assert_eq!((converted.contact_id, converted.account_id), (contact.clone(), account.clone()));
    let truth = api.truth(&lead);
    assert_eq!((&truth["IsConverted"], &truth["ConvertedContactId"]), (&json!(true), &json!(contact)));
    assert_eq!(truth["ConvertedDate"], "2026-09-21");
    assert_eq!((&api.truth(&task)["WhoId"], &api.truth(&task)["AccountId"]), (&json!(contact), &json!(account)));
    let change = api.send("PATCH", &format!("/sobjects/Lead/{lead}"), json!({ "City": "x" })).await;
    assert_eq!(refusal(&change), (400, "CANNOT_UPDATE_CONVERTED_LEAD"));
    let fresh = api.created("Lead", json!({ "LastName": "Neu", "FirstName": "Ida", "Company": "Neu AG" })).await;
    let made = api.world.convert(&fresh, None, None).unwrap();
    assert_eq!(api.truth(&made.contact_id)["Name"], "Ida Neu");
    assert_eq!(api.truth(&made.account_id)["Name"], "Neu AG");
    assert!(api.world.convert(&fresh, None, None).is_err());
}

#[tokio::test]
async fn a_merged_contact_is_deleted_and_names_the_winner() {
    let api = Api::start(small()).await;
    let (lead, loser, _) = api.people().await;
    let winner = api.created("Contact", json!({ "LastName": "W" })).await;
    let task = api.created("Task", json!({ "WhoId": loser })).await;
    api.world.merge(&winner, &loser).unwrap();
    assert_eq!((&api.truth(&loser)["IsDeleted"], &api.truth(&loser)["MasterRecordId"]), (&json!(true), &json!(winner)));
    assert_eq!(api.truth(&task)["WhoId"], winner);
    let change = api.send("PATCH", &format!("/sobjects/Contact/{loser}"), json!({ "LastName": "x" })).await;
    assert_eq!(refusal(&change), (404, "ENTITY_IS_DELETED"));
    assert!(api.world.merge(&winner, &lead).is_err());
    let all = api.query_all(&format!("SELECT MasterRecordId FROM Contact WHERE Id = '{loser}'")).await.1;
    assert_eq!(all["records"][0]["MasterRecordId"], winner);
}

#[tokio::test]
async fn a_hundred_thousand_records_with_ids_of_somebody_elses_choice_load_in_a_moment() {
    let api = Api::start(small()).await;
    let digits = |nth: usize| format!("{nth:010}");
    let leads: Vec<Value> = (0..100_000)
        .map(|nth| {
            json!({
                "Id": format!("00Q5e{}", digits(nth)), "LastName": format!("L{nth}"), "FirstName": "F", "Company": "Acme",
                "Email": format!("l{nth}@people.example"), "OwnerId": "0055e0000000001",
                "SystemModstamp": "2026-09-01T00:00:00Z",
            })
        })
        .collect();
    let body = json!({ "object": "Lead", "records": leads, "quiet": true });
    let began = std::time::Instant::now();
    let put = api.http.post(format!("{}/_sim/put", api.base)).json(&body).send().await.unwrap();
    assert_eq!(told(put).await, (200, json!({ "put": 100_000, "ids": [] })));
    eprintln!("100000 records put: {:?}", began.elapsed());
    let began = std::time::Instant::now();
    let found =
        api.column("SELECT Id FROM Lead WHERE Email IN ('L77@people.example','l99999@people.example')", "Id").await;
    assert_eq!(
        found,
        ["00Q5e0000000077AAA", "00Q5e0000099999AAA"].map(|id| {
            // The suffix is the simulator's business.
            api.truth(&id[..15])["Id"].clone()
        })
    );
    assert_eq!(
        api.query("SELECT COUNT() FROM Lead WHERE SystemModstamp > 2026-09-02T00:00:00Z").await.1["totalSize"],
        0
    );
    eprintln!("two look-ups: {:?}", began.elapsed());
    let began = std::time::Instant::now();
    assert_eq!(api.query("SELECT COUNT() FROM Lead WHERE LastName LIKE '%9'").await.1["totalSize"], 10_000);
    eprintln!("one scan: {:?}", began.elapsed());
    let wrong = json!({ "object": "Lead", "records": [{ "Id": "0035e0000000001" }] });
    let wrong = api.http.post(format!("{}/_sim/put", api.base)).json(&wrong).send().await.unwrap();
    assert_eq!(wrong.status().as_u16(), 400);
}

#[tokio::test]
async fn the_control_routes_do_what_the_library_does() {
    let api = Api::start(small()).await;
    let control = |path: &str, body: Value| {
        let request = api.http.post(format!("{}/_sim/{path}", api.base)).json(&body);
        async move { told(request.send().await.unwrap()).await }
    };
    let population = json!({ "seed": 3, "users": 2, "accounts": 3, "contacts": 4, "leads": 5, "tasks": 6 });
    let (_, made) = control("populate", population).await;
    let lead = made["leads"][0].as_str().unwrap().to_owned();
    let contact = made["contacts"][0].as_str().unwrap().to_owned();
    for (path, body) in [
        ("edit", json!({ "id": lead, "fields": { "City": "Bonn" }, "by": made["users"][0] })),
        ("convert", json!({ "leadId": lead })),
        ("merge", json!({ "winner": contact, "loser": made["contacts"][1] })),
        ("delete", json!({ "id": made["tasks"][0] })),
        ("restore", json!({ "id": made["tasks"][0] })),
        ("lock", json!({ "ids": [contact], "seconds": 0 })),
        ("fields", json!({ "Task.Type": "hidden", "Task.MSE_Campaign__c": { "access": "readOnly", "length": 20 } })),
        ("picklists", json!({ "Task.CallType": { "values": ["Inbound"] } })),
        ("validation-rules", json!([{ "object": "Task", "field": "Subject", "brokenIf": "blank", "message": "m" }])),
        ("lateness", json!({ "seconds": 0, "share": 0.5 })),
        ("limits", json!({ "callsPerDay": 5 })),
        ("faults", json!([{ "endpoint": "GET /limits", "status": 503 }])),
        ("advance", json!({ "seconds": 1 })),
        ("purge", json!({})),
        ("reset-stats", json!({})),
        ("end-sessions", json!({})),
    ] {
        let (status, body) = control(path, body).await;
        assert_eq!(status, 200, "{path}: {body}");
    }
    let (status, body) = control("nothing", json!({})).await;
    assert!(status == 400 && body["error"].is_string());
    let lines = api.http.get(format!("{}/_sim/records/Contact", api.base)).send().await.unwrap().text().await.unwrap();
    let records: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 4, "one was merged and purged, one made by the conversion");
    let health = told(api.http.get(format!("{}/_sim/health", api.base)).send().await.unwrap()).await.1;
    assert_eq!((&health["ok"], &health["now"]), (&json!(true), &json!("2026-09-21T14:13:21.000+0000")));
}
