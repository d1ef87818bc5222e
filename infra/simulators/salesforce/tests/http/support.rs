//! A bare client and small worlds for the tests. Knows no test.

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use simulator_salesforce::{ClockMode, Config, Simulator, World};

/// 2026-09-21T14:13:20Z, where every hand-set clock begins.
pub const START: i64 = 1_790_000_000;

pub const KEY: &str = "Sales_Activity_Key__c";

pub fn small() -> Config {
    // Sessions outlive the days that tests let pass.
    Config { clock: ClockMode::Manual(Some(START)), session_seconds: 10_000_000, ..Config::default() }
}

/// A running simulator and a client with a session.
pub struct Api {
    /// Serves for as long as it exists.
    _simulator: Simulator,
    pub world: World,
    pub http: reqwest::Client,
    pub base: String,
    pub token: String,
}

impl Api {
    pub async fn start(config: Config) -> Self {
        let simulator = Simulator::start(config).await.unwrap();
        let mut api = Self {
            base: simulator.base_url(),
            world: simulator.world(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            token: String::new(),
            _simulator: simulator,
        };
        let granted = api.token_for(&credentials()).await;
        api.token = granted.1["access_token"].as_str().unwrap_or_else(|| panic!("{granted:?}")).to_owned();
        api
    }

    pub async fn token_for(&self, form: &[(&str, &str)]) -> (u16, Value) {
        told(self.http.post(format!("{}/services/oauth2/token", self.base)).form(form).send().await.unwrap()).await
    }

    /// A request to a path after the version.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let url = format!("{}/services/data/v66.0{path}", self.base);
        self.http.request(method.parse().unwrap(), url).bearer_auth(&self.token)
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        told(self.request("GET", path).send().await.unwrap()).await
    }

    pub async fn send(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        told(self.request(method, path).json(&body).send().await.unwrap()).await
    }

    pub async fn delete(&self, path: &str) -> (u16, Value) {
        told(self.request("DELETE", path).send().await.unwrap()).await
    }

    pub async fn query(&self, soql: &str) -> (u16, Value) {
        told(self.request("GET", "/query").query(&[("q", soql)]).send().await.unwrap()).await
    }

    pub async fn query_all(&self, soql: &str) -> (u16, Value) {
        told(self.request("GET", "/queryAll/").query(&[("q", soql)]).send().await.unwrap()).await
    }

    /// The values of one column of a query that must succeed.
    pub async fn column(&self, soql: &str, name: &str) -> Vec<Value> {
        let (status, body) = self.query(soql).await;
        assert_eq!(status, 200, "{soql}: {body}");
        body["records"].as_array().unwrap().iter().map(|record| record[name].clone()).collect()
    }

    /// Creates a record that must be accepted; gives its id.
    pub async fn created(&self, object: &str, fields: Value) -> String {
        let (status, body) = self.send("POST", &format!("/sobjects/{object}"), fields).await;
        assert_eq!((status, &body["success"]), (201, &json!(true)), "{body}");
        body["id"].as_str().unwrap().to_owned()
    }

    /// Lead, contact and its account.
    pub async fn people(&self) -> (String, String, String) {
        let account = self.created("Account", json!({ "Name": "Acme" })).await;
        let contact =
            json!({ "LastName": "Becker", "FirstName": "Anna", "AccountId": account, "Email": "anna@acme.example" });
        let contact = self.created("Contact", contact).await;
        let lead = self.created("Lead", json!({ "LastName": "Adams", "Company": "Borealis" })).await;
        (lead, contact, account)
    }

    pub fn truth(&self, id: &str) -> Value {
        self.world.record(id).unwrap_or_else(|| panic!("no record {id}"))
    }
}

pub fn credentials() -> [(&'static str, &'static str); 3] {
    [("grant_type", "client_credentials"), ("client_id", "simulator"), ("client_secret", "simulator-secret")]
}

/// Status and JSON; null when there is no body.
pub async fn told(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let bytes = response.bytes().await.unwrap();
    (status, if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() })
}

/// Status and code of a refusal.
pub fn refusal((status, body): &(u16, Value)) -> (u16, &str) {
    (*status, body[0]["errorCode"].as_str().unwrap_or_else(|| panic!("no refusal: {body}")))
}

/// What became of each record of a collection: `created`, `updated`, `ok` or the code.
pub fn outcomes((status, body): &(u16, Value)) -> Vec<&str> {
    assert_eq!(*status, 200, "{body}");
    let one = |row: &'_ Value| match (&row["success"], &row["created"]) {
        (Value::Bool(true), Value::Bool(true)) => "created",
        (Value::Bool(true), Value::Bool(false)) => "updated",
        (Value::Bool(true), _) => "ok",
        _ => "",
    };
    let rows = body.as_array().unwrap().iter();
    rows.map(|row| match one(row) {
        "" => row["errors"][0]["statusCode"].as_str().unwrap(),
        known => known,
    })
    .collect()
}

pub fn task(fields: Value) -> Value {
    let mut record = fields;
    record["attributes"] = json!({ "type": "Task" });
    record
}
