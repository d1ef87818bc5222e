//! Marketo's credentials in Secrets Manager, read whenever a token is asked for: a new secret counts from the next token on. Nothing of
//! what a secret holds gets into a text.

use async_trait::async_trait;
use domain::{Failure, FailureKind};
use marketo::Credentials;
use secrecy::SecretString;
use serde::Deserialize;
use store::aws::Call;

/// The credentials in one secret: JSON with `clientId` and `clientSecret`.
#[derive(Debug, Clone)]
pub struct SecretCredentials {
    client: aws_sdk_secretsmanager::Client,
    arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    client_id: String,
    client_secret: String,
}

impl SecretCredentials {
    /// Those in the secret of this ARN or name. Makes no call.
    #[must_use]
    pub fn new(client: aws_sdk_secretsmanager::Client, arn: impl Into<String>) -> Self {
        Self { client, arn: arn.into() }
    }

    /// The secret can be read and is not what it has to be.
    fn unusable(&self, what: &str) -> Failure {
        let arn = &self.arn;
        let text = format!(
            "the secret `{arn}` (MARKETO_SECRET_ARN) {what}: put the client id and client secret of the Marketo custom service there, with \
             aws secretsmanager put-secret-value --secret-id {arn} --secret-string '{{\"clientId\":\"…\",\"clientSecret\":\"…\"}}'"
        );
        Failure::new(FailureKind::BadCredentials, text)
    }

    /// What a refusal of Secrets Manager means to whoever runs this. That a request is wrong as it stands is the secret's state here, not
    /// the fault of the message that is being handled.
    fn refusal(&self, failure: Failure) -> Failure {
        let arn = &self.arn;
        let (kind, text) = match failure.code.as_deref() {
            Some("DecryptionFailure") => (
                FailureKind::AccessDenied,
                format!(
                    "the secret `{arn}` (MARKETO_SECRET_ARN) cannot be decrypted: allow the function kms:Decrypt with its key"
                ),
            ),
            Some("InvalidRequestException") => (
                FailureKind::BadSetting,
                format!(
                    "the secret `{arn}` (MARKETO_SECRET_ARN) has no current value, or is to be deleted: restore it or put a value"
                ),
            ),
            _ if failure.kind == FailureKind::BadRequest => (FailureKind::BadSetting, failure.message),
            _ => return failure,
        };
        Failure { kind, message: text, ..failure }
    }
}

#[async_trait]
impl Credentials for SecretCredentials {
    async fn get(&self) -> Result<(String, SecretString), Failure> {
        let call = Call { action: "secretsmanager:GetSecretValue", thing: "secret", name: &self.arn };
        let answer = self.client.get_secret_value().secret_id(&self.arn).send().await;
        let answer = answer.map_err(|error| self.refusal(call.failure(&error)))?;
        let text = answer.secret_string.ok_or_else(|| self.unusable("holds no text"))?;
        let wire: Wire = serde_json::from_str(&text)
            .map_err(|_| self.unusable("does not hold JSON with the texts clientId and clientSecret"))?;
        if wire.client_id.trim().is_empty() || wire.client_secret.trim().is_empty() {
            return Err(self.unusable("has an empty clientId or clientSecret"));
        }
        Ok((wire.client_id, wire.client_secret.into()))
    }

    fn place(&self) -> String {
        format!("clientId and clientSecret in the secret `{}` (MARKETO_SECRET_ARN)", self.arn)
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

    /// What comes of one answer of Secrets Manager.
    async fn got(status: u16, body: serde_json::Value) -> Result<(String, String), Failure> {
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
        let secret = SecretCredentials::new(Client::from_conf(config.build()), ARN);
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
}
