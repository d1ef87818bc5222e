//! Starting and stopping the simulator, and the handle by which tests move its world.
//! Must not know routes or records.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::serve::ListenerExt;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::config::{Config, FieldChange, Limits, Picklist, ValidationRule};
use crate::faults::Fault;
use crate::http;
use crate::service::{Service, lock};
use crate::stats::Stats;
use crate::world::changes::Edit;
use crate::world::events::Converted;
use crate::world::id::Id;
use crate::world::seeded::{Populated, Population};

/// A running simulator. Dropping it stops the server.
pub struct Simulator {
    address: SocketAddr,
    world: World,
    stop: Option<oneshot::Sender<()>>,
}

impl Simulator {
    /// Binds the loopback address and serves on the current tokio runtime.
    ///
    /// # Errors
    /// When the port cannot be bound, or the configuration names a field that does not exist.
    pub async fn start(config: Config) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port)).await?;
        let address = listener.local_addr()?;
        let service = Arc::new(Service::new(config, false).map_err(io::Error::other)?);
        let router = Router::new().fallback(http::serve).with_state(Arc::clone(&service));
        let listener = listener.tap_io(|stream| {
            // Without this, small answers on kept-open connections wait for delayed acknowledgements.
            let _ = stream.set_nodelay(true);
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let server = axum::serve(listener, router).with_graceful_shutdown(async move {
            let _ = stopped.await;
        });
        tokio::spawn(async move {
            let _ = server.await;
        });
        Ok(Self { address, world: World(service), stop: Some(stop) })
    }

    /// `http://127.0.0.1:port`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The handle by which to move the world.
    #[must_use]
    pub fn world(&self) -> World {
        self.world.clone()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

/// Moves and inspects the simulated organisation. Cheap to clone. What it cannot do, it says in plain words.
#[derive(Clone)]
pub struct World(Arc<Service>);

impl World {
    /// An organisation without a server: [`Self::answer`] takes the place of the network.
    ///
    /// # Errors
    /// When the configuration names a field that does not exist.
    pub fn without_network(config: Config) -> Result<Self, String> {
        Ok(Self(Arc::new(Service::new(config, true)?)))
    }

    /// The answer to a request, as the server would give it.
    pub async fn answer(&self, request: Request) -> Response {
        http::serve(State(Arc::clone(&self.0)), request).await
    }

    /// Puts records of one object in as they are: `Id` and stamps may be given, records with the same id are replaced.
    /// References are not checked. Gives the ids.
    ///
    /// # Errors
    /// When a record has a field that the object lacks, or a value that the field cannot hold.
    pub fn put(&self, object: &str, records: &[Value]) -> Result<Vec<String>, String> {
        let ids = self.0.with_state(|state, now_ms| state.put(object, records, now_ms))?;
        Ok(ids.iter().map(Id::to_string).collect())
    }

    /// Makes records up.
    ///
    /// # Errors
    /// When there would be more records than allowed.
    pub fn populate(&self, population: Population) -> Result<Populated, String> {
        self.0.with_state(|state, now_ms| state.populate(population, now_ms))
    }

    /// Lets somebody in the organisation edit a record; field security does not hold them, the nature of the record does.
    ///
    /// # Errors
    /// When the record does not exist or cannot be so.
    pub fn edit(&self, edit: &Edit) -> Result<(), String> {
        self.0.with_state(|state, now_ms| state.edit(edit, now_ms))
    }

    /// Lets somebody delete a record.
    ///
    /// # Errors
    /// When there is no such record.
    pub fn delete(&self, id: &str, by: Option<&str>) -> Result<(), String> {
        self.0.with_state(|state, now_ms| state.remove(id, by, now_ms))
    }

    /// Takes a record out of the recycle bin.
    ///
    /// # Errors
    /// When it is not in there.
    pub fn restore(&self, id: &str) -> Result<(), String> {
        self.0.with_state(|state, now_ms| state.restore(id, now_ms))
    }

    /// Converts a lead into these records, or into new ones.
    ///
    /// # Errors
    /// When it is no lead, or converted already.
    pub fn convert(&self, lead: &str, contact: Option<&str>, account: Option<&str>) -> Result<Converted, String> {
        self.0.with_state(|state, now_ms| state.convert(lead, contact, account, now_ms))
    }

    /// Merges a record into another of its kind.
    ///
    /// # Errors
    /// When they are not two living leads, contacts or accounts.
    pub fn merge(&self, winner: &str, loser: &str) -> Result<(), String> {
        self.0.with_state(|state, now_ms| state.merge(winner, loser, now_ms))
    }

    /// Empties the recycle bin and the log of deletions; gives how many records went.
    pub fn purge(&self) -> usize {
        self.0.with_state(|state, now_ms| state.purge(now_ms))
    }

    /// Somebody else holds locks on these records for so long on the simulator's clock; 0 lets go of them.
    ///
    /// # Errors
    /// When one is no id.
    pub fn hold_locks(&self, ids: &[&str], seconds: i64) -> Result<(), String> {
        self.0.with_state(|state, now_ms| {
            for text in ids {
                let id = Id::parse(text).ok_or_else(|| format!("'{text}' is no record id"))?;
                state.locks.hold(id, now_ms + seconds * 1000, now_ms);
            }
            Ok(())
        })
    }

    /// Changes what the integration user may do with `Object.Field`, or how long its text may be.
    ///
    /// # Errors
    /// When there is no such field.
    pub fn change_field(&self, field: &str, change: impl Into<FieldChange>) -> Result<(), String> {
        let change = change.into();
        self.0.with_state(|state, now_ms| state.schema.change_field(field, &change, now_ms.div_euclid(1000)))
    }

    /// Replaces the values of a picklist.
    ///
    /// # Errors
    /// When there is no such picklist.
    pub fn set_picklist(&self, field: &str, picklist: &Picklist) -> Result<(), String> {
        self.0.with_state(|state, now_ms| state.schema.set_picklist(field, picklist, now_ms.div_euclid(1000)))
    }

    /// Replaces all validation rules.
    pub fn set_validation_rules(&self, rules: Vec<ValidationRule>) {
        self.0.with_state(|state, _| state.rules = rules);
    }

    /// From now on this share of changes is seen by reads only so many seconds after its stamp.
    pub fn set_lateness(&self, seconds: u64, share: f64) {
        self.0.with_state(|state, _| (state.late_seconds, state.late_share) = (seconds, share));
    }

    /// All records of an object, deleted ones included, with all fields; by ascending id.
    #[must_use]
    pub fn records(&self, object: &str) -> Vec<Value> {
        let told = self.0.with_state(|state, now_ms| state.tell_all(object, now_ms));
        told.iter().flatten().filter_map(|record| serde_json::from_str(record).ok()).collect()
    }

    /// One record with all fields, deleted or not.
    #[must_use]
    pub fn record(&self, id: &str) -> Option<Value> {
        let told = self.0.with_state(|state, now_ms| {
            let (object, row) = state.find(Id::parse(id)?)?;
            Some(state.told(object, row, now_ms))
        });
        serde_json::from_str(&told?).ok()
    }

    /// The id of the integration user.
    #[must_use]
    pub fn integration_user(&self) -> String {
        self.0.with_state(|state, _| state.user.to_string())
    }

    /// Ends all sessions.
    pub fn end_sessions(&self) {
        lock(&self.0.sessions).end_all();
    }

    /// What was asked of the simulator so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.stats()
    }

    /// Begins the statistics anew; limits keep what they counted.
    pub fn reset_stats(&self) {
        self.0.reset_stats();
    }

    /// Replaces all fault rules.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.0.set_faults(faults);
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.0.limits()
    }

    /// Replaces the limits.
    pub fn set_limits(&self, limits: Limits) {
        self.0.set_limits(limits);
    }

    /// Moves the clock.
    pub fn advance(&self, seconds: i64) {
        self.advance_milliseconds(seconds * 1000);
    }

    /// Moves the clock by less than seconds, too.
    pub fn advance_milliseconds(&self, milliseconds: i64) {
        self.0.clock.advance_milliseconds(milliseconds);
        self.0.with_state(|_, _| ());
    }

    /// The simulator's time in Unix milliseconds.
    #[must_use]
    pub fn now_milliseconds(&self) -> i64 {
        self.0.now_ms()
    }

    /// The simulator's time in Unix seconds.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.0.now_ms().div_euclid(1000)
    }
}
