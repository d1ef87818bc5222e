//! Every route that the client calls, in one list, so that a test can hold it against the vendor's route list.
//! Knows no parameters and no shapes.

/// Method and path template of every route the client calls. A `{name}` stands for an id.
pub const ROUTES: &[(&str, &str)] = &[
    IDENTITY.pair(),
    DESCRIBE.pair(),
    LEADS.pair(),
    LEADS_BY_POST.pair(),
    ROLES.pair(),
    ROLES_BY_POST.pair(),
    FOLDERS.pair(),
    PAGING_TOKEN.pair(),
    LEAD_CHANGES.pair(),
    ACTIVITIES.pair(),
    DELETED_LEADS.pair(),
    ADD_ACTIVITIES.pair(),
    ACTIVITY_TYPES.pair(),
    CREATE_ACTIVITY_TYPE.pair(),
    DESCRIBE_ACTIVITY_TYPE.pair(),
    CREATE_ACTIVITY_ATTRIBUTES.pair(),
    APPROVE_ACTIVITY_TYPE.pair(),
    EXPORT_CREATE.pair(),
    EXPORT_ENQUEUE.pair(),
    EXPORT_STATUS.pair(),
    EXPORT_FILE.pair(),
    EXPORT_CANCEL.pair(),
    USAGE.pair(),
];

pub(crate) const IDENTITY: Route = Route::get("/identity/oauth/token");
pub(crate) const DESCRIBE: Route = Route::get("/rest/v1/leads/describe.json");
pub(crate) const LEADS: Route = Route::get("/rest/v1/leads.json");
pub(crate) const LEADS_BY_POST: Route = Route::post("/rest/v1/leads.json");
pub(crate) const ROLES: Route = Route::get("/rest/v1/opportunities/roles.json");
pub(crate) const ROLES_BY_POST: Route = Route::post("/rest/v1/opportunities/roles.json");
pub(crate) const FOLDERS: Route = Route::get("/rest/asset/v1/folders.json").slow();
pub(crate) const PAGING_TOKEN: Route = Route::get("/rest/v1/activities/pagingtoken.json").slow();
pub(crate) const LEAD_CHANGES: Route = Route::get("/rest/v1/activities/leadchanges.json");
pub(crate) const ACTIVITIES: Route = Route::get("/rest/v1/activities.json");
pub(crate) const DELETED_LEADS: Route = Route::get("/rest/v1/activities/deletedleads.json");
pub(crate) const ADD_ACTIVITIES: Route = Route::post("/rest/v1/activities/external.json").adding();
pub(crate) const ACTIVITY_TYPES: Route = Route::get("/rest/v1/activities/external/types.json");
pub(crate) const CREATE_ACTIVITY_TYPE: Route = Route::post("/rest/v1/activities/external/type.json");
pub(crate) const DESCRIBE_ACTIVITY_TYPE: Route =
    Route::get("/rest/v1/activities/external/type/{apiName}/describe.json");
pub(crate) const CREATE_ACTIVITY_ATTRIBUTES: Route =
    Route::post("/rest/v1/activities/external/type/{apiName}/attributes/create.json");
pub(crate) const APPROVE_ACTIVITY_TYPE: Route = Route::post("/rest/v1/activities/external/type/{apiName}/approve.json");
pub(crate) const EXPORT_CREATE: Route = Route::post("/bulk/v1/leads/export/create.json");
pub(crate) const EXPORT_ENQUEUE: Route = Route::post("/bulk/v1/leads/export/{exportId}/enqueue.json");
pub(crate) const EXPORT_STATUS: Route = Route::get("/bulk/v1/leads/export/{exportId}/status.json");
pub(crate) const EXPORT_FILE: Route = Route::get("/bulk/v1/leads/export/{exportId}/file.json");
pub(crate) const EXPORT_CANCEL: Route = Route::post("/bulk/v1/leads/export/{exportId}/cancel.json");
pub(crate) const USAGE: Route = Route::get("/rest/v1/stats/usage.json");

/// How long the server may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// As for most: 60 s at most.
    Usual,
    /// 90 s.
    Adding,
    /// 300 s.
    Slow,
}

/// One route of the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Path template.
    pub path: &'static str,
    /// How long the server may take.
    pub wait: Wait,
}

impl Route {
    const fn get(path: &'static str) -> Self {
        Self { method: "GET", path, wait: Wait::Usual }
    }

    const fn post(path: &'static str) -> Self {
        Self { method: "POST", path, wait: Wait::Usual }
    }

    const fn adding(mut self) -> Self {
        self.wait = Wait::Adding;
        self
    }

    const fn slow(mut self) -> Self {
        self.wait = Wait::Slow;
        self
    }

    const fn pair(self) -> (&'static str, &'static str) {
        (self.method, self.path)
    }

    /// Name in messages, logs and counters, ids replaced: `GET /rest/v1/leads.json`.
    pub fn name(self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether this is a bulk route: no compression, plain-text errors.
    pub fn is_bulk(self) -> bool {
        self.path.starts_with("/bulk/")
    }
}
