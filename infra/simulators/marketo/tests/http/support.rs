//! A bare client and small worlds for the tests. Knows no test.

use serde_json::{Value, json};
use simulator_marketo::{ClockMode, Config, ExportConfig, Limits, Simulator, StreamConfig};

/// 2026-09-21T14:13:20Z, where every hand-set clock begins.
pub const START: i64 = 1_790_000_000;

/// A small world on a hand-set clock, without limits and moods, whose jobs end at once.
pub fn small() -> Config {
    Config {
        people: 400,
        clock: ClockMode::Manual(Some(START)),
        limits: Limits::none(),
        export: ExportConfig { seconds: 0.0, status_refresh_seconds: 0, ..ExportConfig::default() },
        streams: StreamConfig { empty_page_share: 0.0, short_page_share: 0.0, ..StreamConfig::default() },
        ..Config::default()
    }
}

/// A running simulator and a client with a token.
pub struct Api {
    pub simulator: Simulator,
    pub http: reqwest::Client,
    pub base: String,
    pub token: String,
}

impl Api {
    pub async fn start(config: Config) -> Self {
        let simulator = Simulator::start(config).await.unwrap();
        let mut api = Self {
            base: simulator.base_url(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            token: String::new(),
            simulator,
        };
        api.token = api.fresh_token().await["access_token"].as_str().unwrap().to_owned();
        api
    }

    pub async fn fresh_token(&self) -> Value {
        let query =
            [("grant_type", "client_credentials"), ("client_id", "simulator"), ("client_secret", "simulator-secret")];
        let url = format!("{}/identity/oauth/token", self.base);
        self.http.get(url).query(&query).send().await.unwrap().json().await.unwrap()
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().unwrap();
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token)
    }

    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Value {
        self.request("GET", path).query(query).send().await.unwrap().json().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        self.request("POST", path).json(&body).send().await.unwrap().json().await.unwrap()
    }

    /// Reads people by id, any number of them.
    pub async fn people(&self, ids: &[i64], fields: &str) -> Vec<Value> {
        let mut rows = Vec::new();
        for chunk in ids.chunks(300) {
            let values = chunk.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
            let query = [("filterType", "id"), ("filterValues", &values), ("fields", fields)];
            rows.extend(result(&self.get("/rest/v1/leads.json", &query).await));
        }
        rows
    }

    /// Creates and enqueues an export of everybody; gives its id.
    pub async fn export(&self, fields: &[&str]) -> String {
        let created = self.post("/bulk/v1/leads/export/create.json", export_body(fields)).await;
        let id = created["result"][0]["exportId"].as_str().unwrap_or_else(|| panic!("{created}")).to_owned();
        let queued = self.post(&format!("/bulk/v1/leads/export/{id}/enqueue.json"), json!({})).await;
        assert_eq!(queued["success"], true, "{queued}");
        id
    }

    pub async fn status(&self, id: &str) -> Value {
        self.get(&format!("/bulk/v1/leads/export/{id}/status.json"), &[]).await["result"][0].clone()
    }

    pub fn file(&self, id: &str) -> reqwest::RequestBuilder {
        self.request("GET", &format!("/bulk/v1/leads/export/{id}/file.json"))
    }

    /// Follows a stream from a point in time to its end; gives all rows and the last token.
    pub async fn follow(&self, path: &str, query: &[(&str, &str)], mut token: String) -> (Vec<Value>, String) {
        let mut rows = Vec::new();
        loop {
            let mut query = query.to_vec();
            query.push(("nextPageToken", &token));
            let page = self.get(path, &query).await;
            assert_eq!(page["success"], true, "{page}");
            rows.extend(result(&page));
            let more = page["moreResult"] == true;
            token = page["nextPageToken"].as_str().unwrap().to_owned();
            if !more {
                return (rows, token);
            }
        }
    }

    pub async fn token_since(&self, since: &str) -> String {
        let reply = self.get("/rest/v1/activities/pagingtoken.json", &[("sinceDatetime", since)]).await;
        reply["nextPageToken"].as_str().unwrap().to_owned()
    }
}

pub fn export_body(fields: &[&str]) -> Value {
    let filter = json!({ "createdAt": { "startAt": "2026-08-25T00:00:00Z", "endAt": "2026-09-22T00:00:00Z" } });
    json!({ "fields": fields, "format": "CSV", "filter": filter })
}

/// The rows of an answer; none when it has no result.
pub fn result(reply: &Value) -> Vec<Value> {
    reply["result"].as_array().cloned().unwrap_or_default()
}

/// The code of a failed answer.
pub fn code(reply: &Value) -> &str {
    assert_eq!(reply["success"], false, "{reply}");
    reply["errors"][0]["code"].as_str().unwrap()
}

pub fn message(reply: &Value) -> &str {
    reply["errors"][0]["message"].as_str().unwrap()
}
