//! Starting and stopping the simulator, and the handle by which tests move its world.
//! Must not know routes or people.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::serve::ListenerExt;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::config::{Config, Limits};
use crate::faults::Fault;
use crate::http;
use crate::service::Service;
use crate::stats::Stats;
use crate::world::activity::Detail;
use crate::world::changes::{ChangeSet, Changed};
use crate::world::fields::{self, Text};
use crate::world::state::When;
use crate::world::truth::{ExpectedPerson, Truth};
use crate::world::unsubscribed::Flags;

/// How often jobs are moved on when nobody asks.
const TICK: Duration = Duration::from_millis(100);

/// A running simulator. Dropping it stops the server.
pub struct Simulator {
    address: SocketAddr,
    world: World,
    stop: Option<oneshot::Sender<()>>,
    ticker: JoinHandle<()>,
}

impl Simulator {
    /// Binds the loopback address and serves on the current tokio runtime.
    ///
    /// # Errors
    /// When the port cannot be bound.
    pub async fn start(config: Config) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port)).await?;
        let address = listener.local_addr()?;
        let service = Arc::new(Service::new(config, false));
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
        let ticked = Arc::clone(&service);
        let ticker = tokio::spawn(async move {
            loop {
                tokio::time::sleep(TICK).await;
                let ticked = Arc::clone(&ticked);
                let _ = tokio::task::spawn_blocking(move || ticked.subscription.with_state(|_, _| ())).await;
            }
        });
        Ok(Self { address, world: World(service), stop: Some(stop), ticker })
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
        self.ticker.abort();
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

/// A custom activity as it was added.
#[derive(Clone, Debug, PartialEq)]
pub struct CustomActivity {
    /// Whose, as the record named the person.
    pub lead: i64,
    /// API name of its type.
    pub kind: String,
    /// When it happened, seconds since 1970.
    pub date: i64,
    /// Value of the primary attribute.
    pub primary: String,
    /// The other attributes by API name.
    pub attributes: BTreeMap<String, Value>,
}

impl CustomActivity {
    /// The text of an attribute; empty where there is none.
    #[must_use]
    pub fn text(&self, attribute: &str) -> &str {
        self.attributes.get(attribute).and_then(Value::as_str).unwrap_or_default()
    }
}

/// Moves and inspects the simulated world. Cheap to clone.
#[derive(Clone)]
pub struct World(Arc<Service>);

impl World {
    /// A subscription without a server and without threads, on a clock set by hand: [`Self::answer`] takes the place of the network.
    #[must_use]
    pub fn without_network(config: Config) -> Self {
        Self(Arc::new(Service::new(config, true)))
    }

    /// The answer to a request, as the server would give it.
    pub async fn answer(&self, request: Request) -> Response {
        http::serve(State(Arc::clone(&self.0)), request).await
    }

    /// Lets things happen to randomly chosen people.
    pub fn change(&self, set: &ChangeSet) -> Changed {
        self.0.subscription.with_state(|state, now_ms| state.change(set, now_ms))
    }

    /// Deletes one person.
    pub fn delete(&self, id: i64) {
        self.0.subscription.with_state(|state, now_ms| state.delete(id, now(now_ms)));
    }

    /// Merges one person into another.
    pub fn merge(&self, survivor: i64, loser: i64, reported_deleted: bool) {
        self.0.subscription.with_state(|state, now_ms| state.merge(survivor, loser, reported_deleted, now(now_ms)));
    }

    /// Sets one field, by REST name, as the API would; null empties it. An unknown name does nothing.
    pub fn set_field(&self, id: i64, field: &str, value: Value) {
        if let Some(field) = fields::by_name(field) {
            self.0.subscription.with_state(|state, now_ms| state.write_field(id, field, value, now(now_ms)));
        }
    }

    /// Creates a person with these fields, by REST name, and no others; gives the id.
    pub fn create(&self, fields: &[(&str, Value)]) -> i64 {
        let known = fields.iter().filter_map(|(name, value)| Some((fields::by_name(name)?, value.clone())));
        let known: Vec<_> = known.collect();
        self.0.subscription.with_state(|state, now_ms| {
            let id = state.create_blank(now(now_ms));
            for flag in ["unsubscribed", "blackListed", "emailInvalid"].into_iter().filter_map(fields::by_name) {
                state.write_field(id, flag, Value::Bool(false), now(now_ms));
            }
            for (field, value) in known {
                state.write_field(id, field, value, now(now_ms));
            }
            id
        })
    }

    /// The flags of everybody with an address, as they truly are.
    #[must_use]
    pub fn flags_of_address(&self, email: &str) -> Vec<Flags> {
        let view = self.0.subscription.with_state(|state, _| state.view());
        let people = view.ids_by_text(Text::Email, &[email]).into_iter().filter_map(|id| view.person(id));
        people.map(|person| Flags::of(&person)).collect()
    }

    /// Declares that a sync has completed now.
    pub fn settle(&self) {
        self.0.subscription.with_state(|state, _| state.settle());
    }

    /// The rows that a correct people table must hold now, in ascending order of id.
    #[must_use]
    pub fn truth(&self) -> Truth {
        let view = self.0.subscription.with_state(|state, _| state.view());
        Truth::new(view, self.0.subscription.config.roles)
    }

    /// Every custom activity, in the order in which they were added, whether the streams show it yet or not.
    #[must_use]
    pub fn custom_activities(&self) -> Vec<CustomActivity> {
        self.0.subscription.with_state(|state, _| {
            let mut found: Vec<(u64, CustomActivity)> = Vec::new();
            for activity in state.log.entries.values() {
                let Detail::Custom(attributes) = &activity.detail else { continue };
                let kind =
                    state.custom_types.by_id(activity.kind).map(|kind| kind.api_name.clone()).unwrap_or_default();
                let values = attributes.iter().map(|(name, _, value)| (name.clone(), value.clone())).collect();
                let (lead, date) = (activity.lead, activity.date);
                let primary = activity.primary.clone().unwrap_or_default();
                found.push((activity.number, CustomActivity { lead, kind, date, primary, attributes: values }));
            }
            found.sort_by_key(|(number, _)| *number);
            found.into_iter().map(|(_, activity)| activity).collect()
        })
    }

    /// What was asked of the simulator so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.stats()
    }

    /// Begins the statistics anew.
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
        self.0.subscription.limits()
    }

    /// Replaces the limits.
    pub fn set_limits(&self, limits: Limits) {
        self.0.subscription.set_limits(limits);
    }

    /// Moves the clock.
    pub fn advance(&self, seconds: i64) {
        self.0.subscription.clock.advance(seconds);
        self.0.subscription.with_state(|_, _| ());
    }

    /// Moves the clock by less than seconds, too.
    pub fn advance_milliseconds(&self, milliseconds: i64) {
        self.0.subscription.clock.advance_milliseconds(milliseconds);
        self.0.subscription.with_state(|_, _| ());
    }

    /// The row that a correct people table must hold now for one person; `None` where it must hold none.
    #[must_use]
    pub fn expected(&self, id: i64) -> Option<ExpectedPerson> {
        let view = self.0.subscription.with_state(|state, _| state.view());
        Truth::of_one(view, self.0.subscription.config.roles, id)
    }

    /// The simulator's time in Unix milliseconds.
    #[must_use]
    pub fn now_milliseconds(&self) -> i64 {
        self.0.subscription.clock.now_ms()
    }

    /// The simulator's time in Unix seconds.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.0.subscription.clock.now()
    }
}

fn now(now_ms: i64) -> When {
    When { at_ms: now_ms, now_ms, visible_ms: now_ms }
}
