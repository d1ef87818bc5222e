//! Where client id and client secret come from: a port, so that they can be changed while a program runs. Must not know where they are kept.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use domain::{Failure, FailureKind};
use secrecy::{ExposeSecret, SecretString};

/// Gives what a token is asked for with. Asked once for each token, about once an hour and again after a token was refused, so that a new
/// secret is taken up without a restart.
#[async_trait]
pub trait Credentials: fmt::Debug + Send + Sync {
    /// Client id and client secret of the custom service (Admin > LaunchPoint).
    ///
    /// # Errors
    /// `BadCredentials` when what is kept is not a pair of credentials, `BadSetting` or `AccessDenied` when it cannot be read,
    /// `Unavailable` when another try may help. The client does not try again.
    async fn get(&self) -> Result<(String, SecretString), Failure>;

    /// Where an operator finds the two, for the text of a refusal.
    fn place(&self) -> String;
}

/// Credentials that stay as they are, for local runs and tests.
#[derive(Debug, Clone)]
pub struct PlainCredentials {
    client_id: String,
    client_secret: SecretString,
}

impl PlainCredentials {
    /// These, to be handed to [`crate::MarketoConfig`].
    pub fn shared(client_id: impl Into<String>, client_secret: impl Into<SecretString>) -> Arc<dyn Credentials> {
        Arc::new(Self { client_id: client_id.into(), client_secret: client_secret.into() })
    }
}

#[async_trait]
impl Credentials for PlainCredentials {
    async fn get(&self) -> Result<(String, SecretString), Failure> {
        if self.client_id.is_empty() || self.client_secret.expose_secret().is_empty() {
            return Err(Failure::new(FailureKind::BadSetting, format!("{} must both be set", self.place())));
        }
        Ok((self.client_id.clone(), self.client_secret.clone()))
    }

    fn place(&self) -> String {
        "MARKETO_CLIENT_ID and MARKETO_CLIENT_SECRET".to_owned()
    }
}
