//! What to get in with: a port, so that it can be changed while a program runs. Must not know where it is kept.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use domain::Failure;
use secrecy::SecretString;

/// What to get in with. Runs as one integration user either way, so that nothing is tied to a person who may leave.
#[derive(Debug, Clone)]
pub enum Login {
    /// OAuth client-credentials flow; My Domain only.
    ClientCredentials {
        /// Consumer key of the app.
        client_id: String,
        /// Its consumer secret.
        client_secret: SecretString,
    },
    /// OAuth JWT bearer flow; the app holds the certificate, and the user is authorised beforehand.
    JwtBearer {
        /// Consumer key of the app.
        client_id: String,
        /// The integration user's name.
        username: String,
        /// RSA private key, PEM text.
        private_key: SecretString,
    },
}

/// Gives what to get in with. Asked once for each login, so that a new secret is taken up without a restart.
#[async_trait]
pub trait Credentials: fmt::Debug + Send + Sync {
    /// What to get in with.
    ///
    /// # Errors
    /// `BadCredentials` when what is kept cannot be used, `BadSetting` or `AccessDenied` when it cannot be read, `Unavailable` when another
    /// try may help. The client does not try again.
    async fn get(&self) -> Result<Login, Failure>;

    /// Where an operator finds it, for the text of a refusal.
    fn place(&self) -> String;
}

/// Credentials that stay as they are, for local runs and tests.
#[derive(Debug, Clone)]
pub struct PlainCredentials(Login);

impl PlainCredentials {
    /// These, to be handed to [`crate::SalesforceConfig`].
    pub fn shared(login: Login) -> Arc<dyn Credentials> {
        Arc::new(Self(login))
    }
}

#[async_trait]
impl Credentials for PlainCredentials {
    async fn get(&self) -> Result<Login, Failure> {
        Ok(self.0.clone())
    }

    fn place(&self) -> String {
        match &self.0 {
            Login::ClientCredentials { .. } => "SALESFORCE_CLIENT_ID and SALESFORCE_CLIENT_SECRET",
            Login::JwtBearer { .. } => "SALESFORCE_CLIENT_ID, SALESFORCE_USERNAME and SALESFORCE_PRIVATE_KEY",
        }
        .to_owned()
    }
}
