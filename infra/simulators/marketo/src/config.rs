//! Everything about a simulated subscription that can be chosen: its size, its clock, its limits and its moods.
//! Plain data; it must not know how any of it is carried out.

use serde::{Deserialize, Serialize};

/// One simulated subscription.
#[derive(Clone, Debug)]
pub struct Config {
    /// TCP port on the loopback address; 0 picks a free one.
    pub port: u16,
    /// How many people exist when the simulator starts.
    pub people: u64,
    /// Decides every name, id and random choice.
    pub seed: u64,
    /// The people were created evenly over this many days, the last one hour before the start.
    pub days_of_history: u32,
    /// Which clock drives tokens, limits, jobs and activity dates.
    pub clock: ClockMode,
    /// Client id of the custom service.
    pub client_id: String,
    /// Client secret of the custom service.
    pub client_secret: String,
    /// Further custom services, as (client id, secret).
    pub other_clients: Vec<(String, String)>,
    /// Life of a fresh access token.
    pub token_life_seconds: u64,
    /// Call limits.
    pub limits: Limits,
    /// Bulk extract.
    pub export: ExportConfig,
    /// How the activity streams misbehave.
    pub streams: StreamConfig,
    /// Whether names, companies and titles contain quotes, line breaks, emoji, `NULL` and the like.
    pub awkward_text: bool,
    /// Share of people whose last name is the four letters `null`.
    pub null_name_share: f64,
    /// Share of export rows with a NUL byte inside one value.
    pub nul_byte_share: f64,
    /// Share of empty requested fields that a REST answer leaves out instead of sending `null`.
    pub omitted_null_share: f64,
    /// Whether opportunities and their roles may be read (603 if not).
    pub roles: bool,
    /// Whether an address that unsubscribed stays so when its person is deleted, merged or gets another one.
    pub durable_unsubscribes: bool,
    /// The first qualifying person carries this address.
    pub canary_email: Option<String>,
    /// Extra delay of every REST and bulk answer.
    pub latency_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            port: 0,
            people: 1_000,
            seed: 1,
            days_of_history: 25,
            clock: ClockMode::Real,
            client_id: "simulator".into(),
            client_secret: "simulator-secret".into(),
            other_clients: Vec::new(),
            token_life_seconds: 3_600,
            limits: Limits::default(),
            export: ExportConfig::default(),
            streams: StreamConfig::default(),
            awkward_text: true,
            null_name_share: 0.001,
            nul_byte_share: 0.0002,
            omitted_null_share: 0.0,
            roles: true,
            durable_unsubscribes: true,
            canary_email: None,
            latency_ms: 0,
        }
    }
}

/// Which clock drives the simulated subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockMode {
    /// The machine's clock, plus whatever `advance` added.
    Real,
    /// Stands still at this Unix second (or at the start time) until advanced.
    Manual(Option<i64>),
}

/// Call limits. Each kind can be switched off by itself; the figures are Marketo's defaults.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Enforce `calls_per_window` (606).
    pub rate: bool,
    /// Enforce `in_flight` (615).
    pub concurrency: bool,
    /// Enforce `calls_per_day` (607).
    pub daily: bool,
    /// Enforce `export_megabytes_per_day` (1029).
    pub export_quota: bool,
    /// Enforce `jobs_queued` (1029).
    pub job_queue: bool,
    /// Calls in one sliding window.
    pub calls_per_window: usize,
    /// Length of the sliding window.
    pub window_seconds: u64,
    /// Calls being answered at the same moment.
    pub in_flight: usize,
    /// Calls between two midnights, US Central.
    pub calls_per_day: u64,
    /// Size of completed export files between two midnights, US Central.
    pub export_megabytes_per_day: u64,
    /// Export jobs running at the same moment.
    pub jobs_running: usize,
    /// Export jobs queued, the running ones included.
    pub jobs_queued: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rate: true,
            concurrency: true,
            daily: true,
            export_quota: true,
            job_queue: true,
            calls_per_window: 100,
            window_seconds: 20,
            in_flight: 10,
            calls_per_day: 50_000,
            export_megabytes_per_day: 500,
            jobs_running: 2,
            jobs_queued: 10,
        }
    }
}

impl Limits {
    /// No limit is enforced; they are still counted.
    #[must_use]
    pub fn none() -> Self {
        Self { rate: false, concurrency: false, daily: false, export_quota: false, job_queue: false, ..Self::default() }
    }
}

/// How bulk extract behaves.
#[derive(Clone, Debug)]
pub struct ExportConfig {
    /// Whether the service may use bulk extract at all (603 if not).
    pub enabled: bool,
    /// How long a job runs.
    pub seconds: f64,
    /// Added for each million people in the subscription.
    pub seconds_per_million: f64,
    /// A job's status moves only on multiples of this many seconds.
    pub status_refresh_seconds: u64,
    /// Whether the `updatedAt` filter exists (1035 if not).
    pub updated_at_filter: bool,
    /// Whether the smart list filters exist (1035 if not).
    pub smart_lists: bool,
}

impl Default for ExportConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            seconds: 2.0,
            seconds_per_million: 0.0,
            status_refresh_seconds: 1,
            updated_at_filter: true,
            smart_lists: true,
        }
    }
}

/// How the activity streams misbehave.
#[derive(Clone, Debug)]
pub struct StreamConfig {
    /// Share of pages that are empty although more results follow.
    pub empty_page_share: f64,
    /// Share of pages cut short although more results follow.
    pub short_page_share: f64,
    /// Share of activities without the legacy `id`.
    pub missing_id_share: f64,
    /// Share of activities dated some seconds before their place in the log.
    pub skewed_date_share: f64,
    /// Share of owner changes that also log a data value change of `sfdcLeadOwnerId`.
    pub owner_value_share: f64,
    /// Share of merge losers that are also reported as deleted.
    pub losers_reported_share: f64,
    /// Share of custom activities that show up only after `late_custom_seconds`.
    pub late_custom_share: f64,
    /// How long late custom activities stay out of the streams.
    pub late_custom_seconds: u64,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            empty_page_share: 0.03,
            short_page_share: 0.05,
            missing_id_share: 0.05,
            skewed_date_share: 0.1,
            owner_value_share: 0.5,
            losers_reported_share: 0.5,
            late_custom_share: 0.0,
            late_custom_seconds: 45,
        }
    }
}
