//! Begins a run: the change cursor first, then the parts by which everybody is reached.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::run::{Part, PartSource, Run};
use crate::people::MarketoId;
use crate::ports::{ExportFilter, PeoplePorts};
use crate::settings::PeopleSettings;
use crate::{Failure, FailureKind, lead_fields, pull};

/// Longest span of creation dates that Marketo exports in one job.
const MAX_WINDOW: SignedDuration = SignedDuration::from_hours(31 * 24);
/// Most windows of a run: a hundred years. More means a wrong date.
const MAX_WINDOWS: usize = 1_200;
/// Pages of the log read to find the newest id.
const MAX_PAGES: usize = 1_000;
/// How far below the oldest logged person ids are still tried: people whose visit was anonymous at first have older ids.
const IDS_BELOW_OLDEST: i64 = 3_000;

/// A new run for these settings.
///
/// # Errors
/// `Conflict` while a pull holds the cursor's document; `BadSetting`; those of Marketo.
pub async fn start(
    ports: &PeoplePorts,
    settings: &PeopleSettings,
    sweep: bool,
    deadline: Option<Timestamp>,
) -> Result<Run, Failure> {
    if !pull::ensure_cursor(ports, deadline).await? {
        return Err(Failure::new(
            FailureKind::Conflict,
            "the change cursor is being made by another function; the run begins at the next tick",
        ));
    }
    // Before the windows are: whoever is there at this moment is in one of them.
    let started_at = ports.marketo.now();
    let plan = lead_fields::plan(ports, settings).await?;
    let filters = export_filters(ports, settings).await?;
    let (first_page, more) = ports.people.scan(None).await?;
    Ok(Run {
        id: format!("run-{:016x}", ports.chance.next_u64()),
        started_at,
        scope: settings.scope(),
        plan,
        fresh: first_page.is_empty() && more.is_none(),
        sweep,
        swept_to: None,
        parts: filters.into_iter().map(|filter| Part::new(PartSource::Export(filter))).collect(),
    })
}

/// The exports that hold everybody: one smart list where the settings name one, else windows of creation dates.
///
/// # Errors
/// Those of Marketo; `BadSetting` when `people.exportFrom` lies ahead.
pub async fn export_filters(ports: &PeoplePorts, settings: &PeopleSettings) -> Result<Vec<ExportFilter>, Failure> {
    match &settings.smart_list {
        Some(list) => Ok(vec![match list.parse() {
            Ok(id) => ExportFilter::SmartListId { id },
            Err(_) => ExportFilter::SmartListName { name: list.clone() },
        }]),
        None => creation_windows(ports, settings).await,
    }
}

/// Windows of creation dates up to now.
pub(super) async fn creation_windows(
    ports: &PeoplePorts,
    settings: &PeopleSettings,
) -> Result<Vec<ExportFilter>, Failure> {
    let from = match settings.export_from {
        Some(date) => date
            .to_zoned_datetime(TimeZone::UTC)
            .map(|z| z.timestamp())
            .map_err(|e| Failure::new(FailureKind::BadSetting, format!("people.exportFrom cannot be used: {e}")))?,
        None => ports.marketo.oldest_folder().await?,
    };
    let now = ports.marketo.now();
    if from > now {
        return Err(Failure::new(
            FailureKind::BadSetting,
            format!("people.exportFrom ({from}) lies ahead of now ({now}); set an earlier date or leave it empty"),
        ));
    }
    Ok(windows(from, now))
}

/// Neighbours share their border, as both ends are included and dates may hold fractions of a second; who is in both is written once.
fn windows(from: Timestamp, to: Timestamp) -> Vec<ExportFilter> {
    let mut windows = Vec::new();
    let mut start = from;
    while start < to && windows.len() < MAX_WINDOWS {
        let end = start.checked_add(MAX_WINDOW).unwrap_or(to).min(to);
        windows.push(ExportFilter::CreatedAt { start, end });
        start = end;
    }
    windows
}

/// The range of ids to read where there are no exports: down from the newest person that the log tells of.
///
/// # Errors
/// Those of Marketo.
pub(super) async fn ids_part(ports: &PeoplePorts) -> Result<Part, Failure> {
    let oldest = ports.marketo.oldest_folder().await?;
    let first_page = ports.marketo.new_people(&ports.marketo.paging_token(oldest).await?).await?;
    let lowest = first_page.activities.iter().map(|a| a.person.0).min().unwrap_or(1);
    let newest = newest_id(ports, oldest).await?.unwrap_or(lowest);
    let from = MarketoId((lowest - IDS_BELOW_OLDEST).max(1));
    Ok(Part::new(PartSource::Ids(from, MarketoId(newest.max(lowest)))))
}

/// The greatest id among the latest new people, looking back further and further until there is one.
async fn newest_id(ports: &PeoplePorts, oldest: Timestamp) -> Result<Option<i64>, Failure> {
    let now = ports.marketo.now();
    for hours in [1, 24, 31 * 24, 366 * 24] {
        let since = now.checked_sub(SignedDuration::from_hours(hours)).unwrap_or(oldest).max(oldest);
        let mut token = ports.marketo.paging_token(since).await?;
        let mut newest = None;
        for _ in 0..MAX_PAGES {
            let page = ports.marketo.new_people(&token).await?;
            newest = newest.max(page.activities.iter().map(|a| a.person.0).max());
            token = page.next;
            if !page.more {
                break;
            }
        }
        if newest.is_some() {
            return Ok(newest);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_share_borders_and_end_now() {
        let at = |s: &str| s.parse::<Timestamp>().unwrap();
        let made = windows(at("2024-01-01T00:00:00Z"), at("2024-03-01T12:00:00Z"));
        let spans: Vec<(Timestamp, Timestamp)> = made
            .into_iter()
            .filter_map(|w| if let ExportFilter::CreatedAt { start, end } = w { Some((start, end)) } else { None })
            .collect();
        assert_eq!(spans.first().map(|s| s.0), Some(at("2024-01-01T00:00:00Z")));
        assert_eq!(spans.last().map(|s| s.1), Some(at("2024-03-01T12:00:00Z")));
        assert!(spans.windows(2).all(|w| w[0].1 == w[1].0), "{spans:?}");
        assert!(spans.iter().all(|(s, e)| e.duration_since(*s) <= MAX_WINDOW && s < e), "{spans:?}");
    }
}
