//! The vendors' credentials in Secrets Manager, read whenever a token or a session is asked for: a new secret counts from the next one on.
//! Nothing of what a secret holds gets into a text.

use async_trait::async_trait;
use domain::{Failure, FailureKind};
use marketo::Credentials;
use salesforce::Login;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use store::aws::Call;

/// One secret that holds JSON.
#[derive(Debug, Clone)]
struct Secret {
    client: aws_sdk_secretsmanager::Client,
    arn: String,
    /// The variable that names it.
    variable: &'static str,
    /// What belongs into it.
    holds: &'static str,
    /// What it looks like.
    example: &'static str,
}

impl Secret {
    async fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let call = Call { action: "secretsmanager:GetSecretValue", thing: "secret", name: &self.arn };
        let answer = self.client.get_secret_value().secret_id(&self.arn).send().await;
        let answer = answer.map_err(|error| self.refusal(call.failure(&error)))?;
        let text = answer.secret_string.ok_or_else(|| self.unusable("holds no text"))?;
        serde_json::from_str(&text)
            .map_err(|_| self.unusable(&format!("does not hold JSON with the texts {}", self.holds)))
    }

    /// The secret can be read and is not what it has to be.
    fn unusable(&self, what: &str) -> Failure {
        let Self { arn, variable, holds, example, .. } = self;
        let text = format!(
            "the secret `{arn}` ({variable}) {what}: put {holds} there, with aws secretsmanager put-secret-value --secret-id {arn} \
             --secret-string '{example}'"
        );
        Failure::new(FailureKind::BadCredentials, text)
    }

    /// What a refusal of Secrets Manager means to whoever runs this. That a request is wrong as it stands is the secret's state here, not
    /// the fault of the message that is being handled.
    fn refusal(&self, failure: Failure) -> Failure {
        let Self { arn, variable, .. } = self;
        let (kind, text) = match failure.code.as_deref() {
            Some("DecryptionFailure") => (
                FailureKind::AccessDenied,
                format!(
                    "the secret `{arn}` ({variable}) cannot be decrypted: allow the function kms:Decrypt with its key"
                ),
            ),
            Some("InvalidRequestException") => (
                FailureKind::BadSetting,
                format!(
                    "the secret `{arn}` ({variable}) has no current value, or is to be deleted: restore it or put a value"
                ),
            ),
            _ if failure.kind == FailureKind::BadRequest => (FailureKind::BadSetting, failure.message),
            _ => return failure,
        };
        Failure { kind, message: text, ..failure }
    }

    fn place(&self) -> String {
        format!("{} in the secret `{}` ({})", self.holds, self.arn, self.variable)
    }
}

/// Marketo's credentials in one secret: JSON with `clientId` and `clientSecret`.
#[derive(Debug, Clone)]
pub struct SecretCredentials(Secret);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireMarketo {
    client_id: String,
    client_secret: String,
}

impl SecretCredentials {
    /// Those in the secret of this ARN or name. Makes no call.
    #[must_use]
    pub fn new(client: aws_sdk_secretsmanager::Client, arn: impl Into<String>) -> Self {
        Self(Secret {
            client,
            arn: arn.into(),
            variable: "MARKETO_SECRET_ARN",
            holds: "clientId and clientSecret of the Marketo custom service",
            example: r#"{"clientId":"…","clientSecret":"…"}"#,
        })
    }
}

#[async_trait]
impl Credentials for SecretCredentials {
    async fn get(&self) -> Result<(String, SecretString), Failure> {
        let wire: WireMarketo = self.0.read().await?;
        if wire.client_id.trim().is_empty() || wire.client_secret.trim().is_empty() {
            return Err(self.0.unusable("has an empty clientId or clientSecret"));
        }
        Ok((wire.client_id, wire.client_secret.into()))
    }

    fn place(&self) -> String {
        self.0.place()
    }
}

/// Salesforce's credentials in one secret: JSON with `clientId` and `clientSecret`, or with `clientId`, `username` and `privateKey`.
#[derive(Debug, Clone)]
pub struct SalesforceSecret(Secret);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSalesforce {
    client_id: String,
    client_secret: Option<String>,
    username: Option<String>,
    private_key: Option<String>,
}

impl SalesforceSecret {
    /// Those in the secret of this ARN or name. Makes no call.
    #[must_use]
    pub fn new(client: aws_sdk_secretsmanager::Client, arn: impl Into<String>) -> Self {
        Self(Secret {
            client,
            arn: arn.into(),
            variable: "SALESFORCE_SECRET_ARN",
            holds: "clientId and clientSecret of the Salesforce app, or clientId, username and privateKey (PEM text),",
            example: r#"{"clientId":"…","clientSecret":"…"}"#,
        })
    }
}

#[async_trait]
impl salesforce::Credentials for SalesforceSecret {
    async fn get(&self) -> Result<Login, Failure> {
        let wire: WireSalesforce = self.0.read().await?;
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let client_id = given(Some(wire.client_id)).ok_or_else(|| self.0.unusable("has an empty clientId"))?;
        match (given(wire.client_secret), given(wire.username), given(wire.private_key)) {
            (Some(secret), None, None) => Ok(Login::ClientCredentials { client_id, client_secret: secret.into() }),
            (None, Some(username), Some(key)) => Ok(Login::JwtBearer { client_id, username, private_key: key.into() }),
            _ => Err(self.0.unusable("holds neither a clientSecret alone nor username and privateKey")),
        }
    }

    fn place(&self) -> String {
        self.0.place()
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_secretsmanager::Client;
    use aws_sdk_secretsmanager::config::retry::RetryConfig;
    use aws_sdk_secretsmanager::config::{BehaviorVersion, Config, Credentials as AwsCredentials, Region};
    use axum::Router;
    use axum::http::StatusCode;
    use secrecy::ExposeSecret;
    use serde_json::json;
    use tokio::net::TcpListener;

    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:marketo-AbCdEf";
    const CANARY: &str = "canary-secret-7d1c";

    /// A client of a Secrets Manager that gives this one answer.
    async fn answering(status: u16, body: serde_json::Value) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let answer = (StatusCode::from_u16(status).unwrap(), body.to_string());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(|| async { answer })).await });
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(AwsCredentials::new("test", "test", None, None, "tests"))
            .retry_config(RetryConfig::disabled())
            .endpoint_url(endpoint);
        Client::from_conf(config.build())
    }

    /// What comes of one answer of Secrets Manager.
    async fn got(status: u16, body: serde_json::Value) -> Result<(String, String), Failure> {
        let secret = SecretCredentials::new(answering(status, body).await, ARN);
        let got = secret.get().await.map(|(id, secret)| (id, secret.expose_secret().to_owned()));
        if let Err(failure) = &got {
            assert!(!format!("{failure:?}").contains(CANARY), "{failure:?}");
            assert!(failure.message.contains(ARN), "{failure}");
        }
        got
    }

    #[tokio::test]
    async fn a_good_secret_is_given() {
        let text = json!({ "clientId": "id", "clientSecret": CANARY, "note": "more does no harm" }).to_string();
        assert_eq!(got(200, json!({ "SecretString": text })).await, Ok(("id".to_owned(), CANARY.to_owned())));
    }

    #[tokio::test]
    async fn a_secret_that_is_not_filled_in_says_how_to() {
        for text in [
            json!({ "clientId": "", "clientSecret": "" }).to_string(),
            json!({ "clientId": "id", "clientSecret": " " }).to_string(),
            json!({ "clientId": CANARY }).to_string(),
            format!("{CANARY}, no JSON"),
            "null".to_owned(),
        ] {
            let failure = got(200, json!({ "SecretString": text })).await.unwrap_err();
            assert_eq!(failure.kind, FailureKind::BadCredentials, "{text}");
            for word in ["MARKETO_SECRET_ARN", "put-secret-value", "clientId", "clientSecret"] {
                assert!(failure.message.contains(word), "{word} in {failure}");
            }
        }
        assert_eq!(got(200, json!({})).await.unwrap_err().kind, FailureKind::BadCredentials);
    }

    #[tokio::test]
    async fn refusals_of_secrets_manager_are_told_apart() {
        for (status, code, kind, word) in [
            (400, "AccessDeniedException", FailureKind::AccessDenied, "secretsmanager:GetSecretValue"),
            (400, "ResourceNotFoundException", FailureKind::BadSetting, "does not exist"),
            (400, "InvalidRequestException", FailureKind::BadSetting, "restore"),
            (400, "InvalidParameterException", FailureKind::BadSetting, "refused as wrong"),
            (400, "DecryptionFailure", FailureKind::AccessDenied, "kms:Decrypt"),
            (400, "ThrottlingException", FailureKind::Unavailable, "throttled"),
            (500, "InternalServiceError", FailureKind::Unavailable, "out of service"),
        ] {
            let failure = got(status, json!({ "__type": code, "message": CANARY })).await.unwrap_err();
            assert_eq!(failure.kind, kind, "{code}: {failure}");
            assert!(failure.message.contains(word), "{word} in {failure}");
        }
    }

    #[tokio::test]
    async fn salesforce_is_logged_into_in_one_of_two_ways() {
        let login = async |text: serde_json::Value| {
            let client = answering(200, json!({ "SecretString": text.to_string() })).await;
            salesforce::Credentials::get(&SalesforceSecret::new(client, ARN)).await
        };
        let secret = login(json!({ "clientId": "id", "clientSecret": CANARY })).await.unwrap();
        assert!(matches!(&secret, Login::ClientCredentials { client_id, .. } if client_id == "id"));
        assert!(!format!("{secret:?}").contains(CANARY));
        let key = login(json!({ "clientId": "id", "username": "u", "privateKey": CANARY })).await.unwrap();
        assert!(matches!(&key, Login::JwtBearer { username, .. } if username == "u"));
        for wrong in [
            json!({ "clientId": "", "clientSecret": "" }),
            json!({ "clientId": "id", "clientSecret": CANARY, "username": "u", "privateKey": CANARY }),
            json!({ "clientId": "id", "username": "u" }),
            json!({ "clientSecret": CANARY }),
        ] {
            let failure = login(wrong).await.unwrap_err();
            assert_eq!(failure.kind, FailureKind::BadCredentials);
            assert!(
                failure.message.contains("SALESFORCE_SECRET_ARN") && !failure.message.contains(CANARY),
                "{failure}"
            );
        }
    }
}
