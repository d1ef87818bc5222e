//! The session: opened once for all tasks, kept until Salesforce ends it. Knows nothing of the calls that it is for. Logins count against no
//! limit.
//!
//! An answer tells no life time; a session lives as long as the organisation's settings have it, and a 401 says that it is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::ports::{Chance, Clock};
use domain::{Failure, FailureKind};
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;
use transport::{SendError, Transport};

use crate::answer::{self, Spot};
use crate::config::{LoginUrl, SalesforceConfig};
use crate::credentials::Login;
use crate::jwt;
use crate::retry::{Again, Retries, Trouble};

const TOKEN: &str = "/services/oauth2/token";
const NAME: &str = "POST /services/oauth2/token";

/// For so long after a refusal of the credentials nobody asks again: longer than what is left of an invocation, shorter than the minute after
/// which a schedule tries anew with what an operator may have put right.
const REFUSED_FOR: SignedDuration = SignedDuration::from_secs(30);

/// An open session.
#[derive(Clone)]
pub(crate) struct Session {
    secret: Arc<SecretString>,
    /// Where calls go.
    pub instance: Arc<str>,
    /// The integration user's id, where the answer told it.
    pub user: Option<Arc<str>>,
    serial: u64,
}

impl Session {
    /// The text for the `Authorization` header.
    pub fn secret(&self) -> &str {
        self.secret.expose_secret()
    }
}

/// Where sessions come from.
pub(crate) struct Sessions {
    transport: Arc<dyn Transport>,
    config: SalesforceConfig,
    time_limit: Duration,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    held: Mutex<Held>,
    logins: AtomicU64,
}

#[derive(Default)]
struct Held {
    session: Option<Session>,
    failure: Option<Failure>,
    /// Until when a refusal of the credentials stands.
    refused_until: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Wire {
    access_token: Option<String>,
    instance_url: Option<String>,
    id: Option<String>,
    error: Option<String>,
}

impl Sessions {
    pub fn new(
        transport: Arc<dyn Transport>,
        config: SalesforceConfig,
        time_limit: Duration,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
    ) -> Self {
        Self { transport, config, time_limit, clock, chance, held: Mutex::default(), logins: AtomicU64::new(0) }
    }

    /// The open session, or a new one. However many tasks ask, one login is made; those that waited for one that failed are told the same.
    pub async fn session(&self) -> Result<Session, Failure> {
        let logins_before = self.logins.load(Ordering::Acquire);
        let mut held = self.held.lock().await;
        if let Some(session) = &held.session {
            return Ok(session.clone());
        }
        let logins = self.logins.load(Ordering::Acquire);
        let refused = held.refused_until.is_some_and(|until| self.clock.now() < until);
        if let Some(failure) = held.failure.as_ref().filter(|_| refused || logins > logins_before) {
            return Err(failure.clone());
        }
        let answer = self.login(logins + 1).await;
        held.session = answer.as_ref().ok().cloned();
        held.failure = answer.as_ref().err().cloned();
        let refused = held.failure.as_ref().is_some_and(|failure| failure.kind == FailureKind::BadCredentials);
        held.refused_until = self.clock.now().checked_add(REFUSED_FOR).ok().filter(|_| refused);
        self.logins.store(logins + 1, Ordering::Release);
        answer
    }

    /// Forgets a session that Salesforce ended. A newer one, opened by another task meanwhile, is kept.
    pub async fn drop_session(&self, ended: &Session) {
        let mut held = self.held.lock().await;
        if held.session.as_ref().is_some_and(|session| session.serial == ended.serial) {
            held.session = None;
        }
    }

    async fn login(&self, serial: u64) -> Result<Session, Failure> {
        let login = self.config.credentials.get().await?;
        let mut retries = Retries::new(self.clock.as_ref(), self.chance.as_ref());
        loop {
            let began = self.clock.now();
            let trouble = match self.attempt(&login, serial).await {
                Ok(session) => return Ok(session),
                Err(trouble) => trouble,
            };
            let took = Duration::try_from(self.clock.now().duration_since(began)).unwrap_or_default();
            tracing::debug!(code = trouble.failure.code.as_deref().unwrap_or("-"), "salesforce opened no session");
            retries.wait(Trouble { took, ..trouble }).await?;
        }
    }

    fn spot(&self) -> Spot<'_> {
        Spot { name: NAME, host: self.config.login_url.host(), now: self.clock.now() }
    }

    async fn attempt(&self, login: &Login, serial: u64) -> Result<Session, Trouble> {
        let spot = self.spot();
        let form = self.form(login).map_err(Trouble::last)?;
        let address = Url::parse(&self.config.login_url.join(TOKEN)).map_err(|_| spot.unsent(SendError::BadRequest))?;
        let mut request = Request::new(Method::POST, address);
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        *request.body_mut() = Some(form.into());
        let exchange = async {
            let response = self.transport.send(request).await.map_err(|error| spot.unsent(error))?;
            let status = response.status().as_u16();
            let body = answer::read_body(spot, response).await?;
            self.understand(spot, status, &body, serial)
        };
        let answer = tokio::time::timeout(self.time_limit, exchange).await;
        answer.unwrap_or_else(|_| Err(spot.unsent(SendError::TimedOut)))
    }

    /// The form, with what it holds encoded.
    fn form(&self, login: &Login) -> Result<String, Failure> {
        let pairs: Vec<(&str, String)> = match login {
            Login::ClientCredentials { client_id, client_secret } => {
                if self.config.login_url.is_shared_login() {
                    let text = "the client-credentials flow needs the organisation's My Domain in SALESFORCE_LOGIN_URL, such as \
                                https://acme.my.salesforce.com";
                    return Err(self.spot().failure(FailureKind::BadSetting, text));
                }
                vec![
                    ("grant_type", "client_credentials".into()),
                    ("client_id", client_id.clone()),
                    ("client_secret", client_secret.expose_secret().to_owned()),
                ]
            }
            Login::JwtBearer { client_id, username, private_key } => {
                let audience = self.config.login_url.to_string();
                let now = self.clock.now();
                let assertion = jwt::assertion(client_id, username, &audience, private_key.expose_secret(), now);
                let place = self.config.credentials.place();
                let assertion = assertion
                    .map_err(|failure| Failure { message: format!("{}: check {place}", failure.message), ..failure })?;
                vec![("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer".into()), ("assertion", assertion)]
            }
        };
        // A base is needed for the encoder of queries, which is that of forms.
        let encoded = Url::parse_with_params("https://form.invalid/", &pairs);
        let encoded =
            encoded.map_err(|_| self.spot().failure(FailureKind::BadRequest, "the form cannot be written"))?;
        Ok(encoded.query().unwrap_or_default().to_owned())
    }

    fn understand(&self, spot: Spot<'_>, status: u16, body: &[u8], serial: u64) -> Result<Session, Trouble> {
        let wire = serde_json::from_slice::<Wire>(body).ok();
        let error = wire.as_ref().and_then(|wire| wire.error.clone());
        match (status, error) {
            (400 | 401 | 403, Some(error)) => return Err(self.refused(spot, &error)),
            (200..=299, _) => {}
            _ => return Err(Trouble { again: Again::Backoff, ..answer::refusal(spot, status, body) }.of_login()),
        }
        let Some(wire) = wire else { return Err(spot.bad_answer("the answer is not the JSON that is documented")) };
        let (Some(token), Some(instance)) = (wire.access_token.filter(|text| !text.is_empty()), wire.instance_url)
        else {
            return Err(spot.bad_answer("the answer holds no session"));
        };
        // The session goes along with every call, so where they go is looked at.
        let instance = LoginUrl::parse(&instance)
            .map_err(|_| spot.bad_answer("the answer names an instance that is not https"))?;
        if instance.is_loopback() && !self.config.login_url.is_loopback() {
            return Err(spot.bad_answer("the answer names this machine as the instance"));
        }
        let user = wire.id.as_deref().and_then(|id| id.rsplit('/').next()).filter(|id| !id.is_empty()).map(Arc::from);
        Ok(Session { secret: Arc::new(SecretString::from(token)), instance: instance.to_string().into(), user, serial })
    }

    fn refused(&self, spot: Spot<'_>, error: &str) -> Trouble {
        let place = self.config.credentials.place();
        let code: String = error.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect();
        let text = match code.as_str() {
            "invalid_grant" => format!(
                "Salesforce does not let the integration user in: it may be inactive, not authorised for the app, or this machine's address is \
                 not allowed; check the app's policies and {place}"
            ),
            "unsupported_grant_type" => format!(
                "the app does not allow this flow: switch it on in the app's OAuth settings, or use the other; see {place}"
            ),
            _ => format!(
                "Salesforce refused the app's credentials; check {place} against the app in Setup > External Client App Manager"
            ),
        };
        Trouble::last(spot.failure(FailureKind::BadCredentials, &text).with_code(code))
    }
}

impl Trouble {
    /// A login that may have been carried out does no harm.
    fn of_login(self) -> Self {
        let passing =
            matches!(self.failure.kind, FailureKind::Unavailable | FailureKind::RateLimited | FailureKind::Unreachable);
        Self { again: if passing { Again::Backoff } else { Again::Never }, ..self }
    }
}
