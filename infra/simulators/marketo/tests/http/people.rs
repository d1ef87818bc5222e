//! Reading people, and the truth about them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use simulator_marketo::{ChangeSet, Config, ExpectedPerson, FIRST_ID};

use crate::support::{Api, code, result, small};

const FIELDS: [&str; 14] = [
    "id",
    "firstName",
    "lastName",
    "email",
    "phone",
    "company",
    "title",
    "leadSource",
    "linkedInProfileURL",
    "sfdcLeadId",
    "sfdcContactId",
    "sfdcAccountId",
    "sfdcLeadOwnerId",
    "externalSalesPersonId",
];

#[tokio::test]
async fn each_way_of_asking_wrongly_has_its_code() {
    let api = Api::start(Config { people: 4_000, ..small() }).await;
    let leads = |filter_type: &'static str, values: &'static str, fields: &'static str| {
        let query = [("filterType", filter_type), ("filterValues", values), ("fields", fields)];
        let api = &api;
        async move { api.get("/rest/v1/leads.json", &query).await }
    };
    assert_eq!(code(&leads("id", "1000001", "id,noSuchField").await), "1006");
    assert_eq!(code(&leads("firstName", "Anna", "id").await), "1011");
    assert_eq!(code(&leads("id", "", "id").await), "1002");
    assert_eq!(code(&leads("id", "abc", "id").await), "1001");
    assert_eq!(code(&leads("leadPartitionId", "1", "id").await), "1003");
    assert_eq!(leads("id", "5,99999999", "id").await["result"], json!([]));
    let unknown = api.get("/rest/v1/nothing.json", &[]).await;
    assert_eq!(code(&unknown), "610");
    let malformed = api.request("POST", "/rest/v1/leads.json").body("{").send().await.unwrap();
    assert_eq!(code(&malformed.json().await.unwrap()), "609");
}

#[tokio::test]
async fn people_are_found_by_address_and_by_either_form_of_a_salesforce_id() {
    let api = Api::start(small()).await;
    let someone = api.simulator.world().truth().find(|row| row.sfdc_contact_id.is_some() && row.email.is_some());
    let someone = someone.unwrap();
    let short = &someone.sfdc_contact_id.as_ref().unwrap()[..15];
    let email = someone.email.as_ref().unwrap().to_uppercase();
    for query in [
        [("filterType", "sfdcContactId"), ("filterValues", short)],
        [("filterType", "email"), ("filterValues", &email)],
    ] {
        let found = result(&api.get("/rest/v1/leads.json", &query).await);
        assert!(found.iter().any(|row| row["id"] == someone.marketo_id), "{query:?}");
    }
    let single = api.get(&format!("/rest/v1/lead/{}.json", someone.marketo_id), &[("fields", "lastName")]).await;
    assert_eq!(single["result"][0]["lastName"].as_str(), someone.last_name.as_deref());
    assert_eq!(code(&api.get("/rest/v1/lead/7.json", &[]).await), "1004");
}

#[tokio::test]
async fn lists_page_through_everybody() {
    let api = Api::start(small()).await;
    let mut ids = Vec::new();
    let mut token = String::new();
    loop {
        let page = api.get("/rest/v1/list/101/leads.json", &[("fields", "id"), ("nextPageToken", &token)]).await;
        ids.extend(result(&page).iter().map(|row| row["id"].as_i64().unwrap()));
        match page["nextPageToken"].as_str() {
            Some(next) => token = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(ids, (FIRST_ID..FIRST_ID + 400).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_world_has_the_promised_mixture() {
    let config = Config { people: 20_000, canary_email: Some("canary@example.com".into()), ..small() };
    let api = Api::start(config).await;
    let rows: Vec<ExpectedPerson> = api.simulator.world().truth().collect();
    let share = |count: usize, of: usize| count * 100 / of;
    assert!((70..=74).contains(&share(rows.len(), 20_000)), "{}", rows.len());
    let count = |wanted: &dyn Fn(&&ExpectedPerson) -> bool| rows.iter().filter(wanted).count();
    assert!((6..=9).contains(&share(count(&|row| row.sfdc_opportunity_id.is_some()), rows.len())));
    assert!((2..=5).contains(&share(count(&|row| row.email.is_none()), rows.len())));
    assert!(count(&|row| row.last_name.as_deref() == Some("null")) > 5);
    assert_eq!(count(&|row| row.last_name.as_deref().unwrap_or("").is_empty()), 0);
    let texts = || rows.iter().flat_map(|row| [&row.first_name, &row.company, &row.title, &row.source]).flatten();
    assert!(texts().all(|text| text != "null"));
    for needle in ["\"", "\r\n", "🚀", "שלום", "\\", "\t", "O'Brien"] {
        assert!(texts().any(|text| text.contains(needle)), "{needle:?}");
    }
    assert_eq!(rows[0].email.as_deref(), Some("canary@example.com"));
    let ids = rows.iter().flat_map(|row| [&row.sfdc_lead_id, &row.sfdc_contact_id, &row.sfdc_opportunity_id]).flatten();
    assert!(ids.map(String::len).all(|length| length == 18));
}

/// The people table as a reader of export and roles would build it, without looking at the truth.
async fn exported(api: &Api) -> BTreeMap<i64, Value> {
    let id = api.export(&FIELDS).await;
    let bytes = api.file(&id).send().await.unwrap().bytes().await.unwrap();
    let clean: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
    let mut reader = csv::Reader::from_reader(clean.as_slice());
    let headers = reader.headers().unwrap().clone();
    let mut table = BTreeMap::new();
    for record in reader.records() {
        let record = record.unwrap();
        let value = |text: &str| if text == "null" { Value::Null } else { json!(text) };
        let row: serde_json::Map<String, Value> =
            headers.iter().zip(&record).map(|(name, text)| (name.to_owned(), value(text))).collect();
        table.insert(record[0].parse().unwrap(), Value::Object(row));
    }
    table
}

async fn read_by_id(api: &Api) -> BTreeMap<i64, Value> {
    let ids: Vec<i64> = (FIRST_ID..FIRST_ID + 700).collect();
    let rows = api.people(&ids, &FIELDS.join(",")).await;
    rows.into_iter().map(|row| (row["id"].as_i64().unwrap(), row)).collect()
}

fn qualifies(row: &Value) -> bool {
    let linked = !row["sfdcLeadId"].is_null() || !row["sfdcContactId"].is_null();
    let owner = row["sfdcLeadOwnerId"].as_str().or(row["externalSalesPersonId"].as_str());
    linked && owner.is_some_and(|owner| !owner.starts_with("00G"))
}

/// Compares the active rows of the truth with what a reader found.
fn assert_active_rows_agree(api: &Api, table: &BTreeMap<i64, Value>, null_names_are_lost: bool) {
    let expected: Vec<ExpectedPerson> = api.simulator.world().truth().filter(|row| row.status == "active").collect();
    let found: BTreeSet<i64> = table.iter().filter(|(_, row)| qualifies(row)).map(|(id, _)| *id).collect();
    assert_eq!(expected.iter().map(|row| row.marketo_id).collect::<BTreeSet<_>>(), found);
    for row in expected {
        let other = &table[&row.marketo_id];
        let last_name = row.last_name.as_deref().filter(|name| !(null_names_are_lost && *name == "null"));
        let pairs = [
            (row.first_name.as_deref(), "firstName"),
            (last_name, "lastName"),
            (row.email.as_deref(), "email"),
            (row.phone.as_deref(), "phone"),
            (row.company.as_deref(), "company"),
            (row.title.as_deref(), "title"),
            (row.source.as_deref(), "leadSource"),
            (row.linked_in_url.as_deref(), "linkedInProfileURL"),
        ];
        for (value, field) in pairs {
            assert_eq!(value, other[field].as_str(), "{field} of {}", row.marketo_id);
        }
        let ids = [
            (row.sfdc_lead_id, "sfdcLeadId"),
            (row.sfdc_contact_id, "sfdcContactId"),
            (row.sfdc_account_id, "sfdcAccountId"),
        ];
        for (value, field) in ids {
            let (long, given) = (value.unwrap_or_default(), other[field].as_str().unwrap_or_default());
            assert!(long.starts_with(given) && long.is_empty() == given.is_empty(), "{field} of {}", row.marketo_id);
        }
    }
}

#[tokio::test]
async fn export_and_rest_agree_with_the_truth_before_and_after_changes() {
    let api = Api::start(Config { people: 600, nul_byte_share: 0.05, null_name_share: 0.05, ..small() }).await;
    let world = api.simulator.world();
    assert_active_rows_agree(&api, &exported(&api).await, true);
    assert_active_rows_agree(&api, &read_by_id(&api).await, false);
    world.settle();
    api.simulator.world().advance(60);
    let set = ChangeSet {
        changed: 80,
        created: 20,
        deleted: 20,
        merged: 15,
        owners_lost: 12,
        owners_gained: 12,
        opportunities: 10,
        partitions: 5,
        ..ChangeSet::default()
    };
    let done = world.change(&set);
    assert_eq!((done.changed.len(), done.created.len(), done.merged.len(), done.owners_gained.len()), (80, 20, 15, 12));
    assert_active_rows_agree(&api, &exported(&api).await, true);
    assert_active_rows_agree(&api, &read_by_id(&api).await, false);

    let rows: BTreeMap<i64, ExpectedPerson> = world.truth().map(|row| (row.marketo_id, row)).collect();
    for (survivor, loser) in done.merged {
        if let Some(row) = rows.get(&loser) {
            assert_eq!((row.status, row.merged_into, row.optional), ("merged", Some(survivor), false));
        }
    }
    for id in done.owners_lost {
        assert_eq!((rows[&id].status, rows[&id].optional), ("unqualified", false));
    }
    assert!(done.deleted.iter().filter_map(|id| rows.get(id)).all(|row| row.status == "deleted"));
}

#[tokio::test]
async fn rows_that_came_and_went_between_two_settled_points_are_optional() {
    let api = Api::start(small()).await;
    let world = api.simulator.world();
    let someone = world.truth().next().unwrap().marketo_id;
    let status = |id: i64| world.truth().find(|row| row.marketo_id == id).map(|row| (row.status, row.optional));
    world.delete(someone);
    assert_eq!(status(someone), Some(("deleted", true)));
    world.settle();
    let created = world.change(&ChangeSet { created: 30, ..ChangeSet::default() }).created;
    let newcomer = created.into_iter().find(|id| status(*id) == Some(("active", false))).unwrap();
    world.delete(newcomer);
    assert_eq!(status(newcomer), Some(("deleted", true)));
    let settled = world.truth().find(|row| row.status == "active").unwrap().marketo_id;
    world.delete(settled);
    assert_eq!(status(settled), Some(("deleted", false)));
    let text = api.http.get(format!("{}/_sim/truth", api.base)).send().await.unwrap().text().await.unwrap();
    let first = text.lines().next().unwrap();
    assert!(first.starts_with(&format!(r#"{{"marketoId":{someone},"status":"deleted","firstName":null"#)), "{first}");
    assert!(first.ends_with(r#""mergedInto":null,"optional":true}"#), "{first}");
}

#[tokio::test]
async fn the_chosen_opportunity_is_the_primary_one_or_the_newest() {
    let api = Api::start(Config { people: 3_000, ..small() }).await;
    let world = api.simulator.world();
    world.change(&ChangeSet { opportunities: 150, merged: 60, ..ChangeSet::default() });
    let active: Vec<ExpectedPerson> = world.truth().filter(|row| row.status == "active").collect();
    let mut seen = 0;
    for chunk in active.chunks(300) {
        let values = chunk.iter().map(|row| row.marketo_id.to_string()).collect::<Vec<_>>().join(",");
        let query = [("filterType", "leadId"), ("filterValues", values.as_str())];
        let reply =
            api.request("POST", "/rest/v1/opportunities/roles.json?_method=GET").form(&query).send().await.unwrap();
        let roles = result(&reply.json().await.unwrap());
        for row in chunk {
            let own = roles.iter().filter(|role| role["leadId"] == row.marketo_id);
            let chosen = own.max_by_key(|role| {
                (role["isPrimary"] == true, role["externalCreatedDate"].as_str().unwrap().to_owned())
            });
            let id = chosen.map(|role| role["externalOpportunityId"].as_str().unwrap());
            let expected = row.sfdc_opportunity_id.as_deref();
            assert_eq!(id.map(|id| &id[..15]), expected.map(|id| &id[..15]), "{}", row.marketo_id);
            seen += usize::from(id.is_some());
        }
    }
    assert!(seen > 100);
    let refused = Api::start(Config { roles: false, ..small() }).await;
    let reply =
        refused.get("/rest/v1/opportunities/roles.json", &[("filterType", "leadId"), ("filterValues", "1")]).await;
    assert_eq!(code(&reply), "603");
}
