//! The list of endpoints: method, path template, and who answers.
//! Must not know what an answer contains.

use super::call::{Call, Outcome};
use super::{activities, activity_types, assets, custom_activities, export, lead_writes, leads, opportunities, usage};

pub(crate) type Handler = fn(&Call) -> Outcome;

/// One endpoint, `method` and template as one string.
pub(crate) type Route = (&'static str, Handler);

#[rustfmt::skip]
const ROUTES: &[Route] = &[
    ("GET /rest/v1/leads.json", leads::by_filter),
    ("POST /rest/v1/leads.json", lead_writes::sync),
    ("POST /rest/v1/leads/delete.json", lead_writes::delete),
    ("DELETE /rest/v1/leads.json", lead_writes::delete),
    ("POST /rest/v1/leads/{leadId}/merge.json", lead_writes::merge),
    ("GET /rest/v1/leads/describe.json", leads::describe),
    ("GET /rest/v1/leads/describe2.json", leads::describe2),
    ("GET /rest/v1/leads/schema/fields.json", leads::schema_fields),
    ("GET /rest/v1/leads/partitions.json", leads::partitions),
    ("GET /rest/v1/leads/programs/{programId}.json", assets::nothing),
    ("GET /rest/v1/lead/{leadId}.json", leads::by_id),
    ("GET /rest/v1/lists.json", leads::lists),
    ("GET /rest/v1/lists/{listId}.json", leads::list),
    ("GET /rest/v1/lists/{listId}/leads.json", leads::list_members),
    ("GET /rest/v1/list/{listId}/leads.json", leads::list_members),
    ("POST /rest/v1/lists/{listId}/leads.json", lead_writes::add_to_list),
    ("DELETE /rest/v1/lists/{listId}/leads.json", lead_writes::remove_from_list),
    ("GET /rest/v1/activities/pagingtoken.json", activities::paging_token),
    ("GET /rest/v1/activities.json", activities::all),
    ("GET /rest/v1/activities/leadchanges.json", activities::lead_changes),
    ("GET /rest/v1/activities/deletedleads.json", activities::deleted_leads),
    ("GET /rest/v1/activities/types.json", activity_types::all),
    ("POST /rest/v1/activities/external.json", custom_activities::add),
    ("GET /rest/v1/activities/external/types.json", custom_activities::types),
    ("POST /rest/v1/activities/external/type.json", custom_activities::create_type),
    ("POST /rest/v1/activities/external/type/{apiName}.json", custom_activities::update_type),
    ("GET /rest/v1/activities/external/type/{apiName}/describe.json", custom_activities::describe_type),
    ("POST /rest/v1/activities/external/type/{apiName}/approve.json", custom_activities::approve),
    ("POST /rest/v1/activities/external/type/{apiName}/discardDraft.json", custom_activities::discard_draft),
    ("POST /rest/v1/activities/external/type/{apiName}/delete.json", custom_activities::delete_type),
    ("POST /rest/v1/activities/external/type/{apiName}/attributes/create.json", custom_activities::create_attributes),
    ("POST /rest/v1/activities/external/type/{apiName}/attributes/update.json", custom_activities::update_attributes),
    ("POST /rest/v1/activities/external/type/{apiName}/attributes/delete.json", custom_activities::delete_attributes),
    ("GET /rest/v1/opportunities.json", opportunities::by_filter),
    ("GET /rest/v1/opportunities/roles.json", opportunities::roles),
    ("GET /rest/v1/opportunities/describe.json", opportunities::describe),
    ("GET /rest/v1/opportunities/roles/describe.json", opportunities::describe_roles),
    ("GET /rest/v1/campaigns.json", assets::campaigns),
    ("GET /rest/v1/campaigns/{campaignId}.json", assets::campaigns),
    ("GET /rest/v1/companies.json", assets::nothing),
    ("GET /rest/v1/namedaccounts.json", assets::nothing),
    ("GET /rest/v1/salespersons.json", assets::nothing),
    ("GET /rest/v1/customobjects.json", assets::nothing),
    ("GET /rest/v1/stats/usage.json", usage::usage_today),
    ("GET /rest/v1/stats/usage/last7days.json", usage::usage_week),
    ("GET /rest/v1/stats/errors.json", usage::errors_today),
    ("GET /rest/v1/stats/errors/last7days.json", usage::errors_week),
    ("GET /rest/asset/v1/folders.json", assets::folders),
    ("GET /rest/asset/v1/programs.json", assets::programs),
    ("GET /rest/asset/v1/emails.json", assets::none_found),
    ("GET /rest/asset/v1/folder/{folderId}/tokens.json", assets::none_found),
    ("GET /rest/asset/v1/segmentation.json", assets::none_found),
    ("GET /rest/asset/v1/smartLists.json", assets::smart_lists),
    ("GET /rest/asset/v1/smartList/byName.json", assets::smart_lists),
    ("GET /rest/asset/v1/smartList/{id}.json", assets::smart_lists),
    ("GET /rest/asset/v1/staticLists.json", assets::static_lists),
    ("POST /bulk/v1/leads/export/create.json", export::create_people),
    ("GET /bulk/v1/leads/export.json", export::list),
    ("POST /bulk/v1/leads/export/{exportId}/enqueue.json", export::enqueue),
    ("GET /bulk/v1/leads/export/{exportId}/status.json", export::status),
    ("GET /bulk/v1/leads/export/{exportId}/file.json", export::file),
    ("POST /bulk/v1/leads/export/{exportId}/cancel.json", export::cancel),
    ("POST /bulk/v1/activities/export/create.json", export::create_activities),
    ("GET /bulk/v1/activities/export.json", export::list),
    ("POST /bulk/v1/activities/export/{exportId}/enqueue.json", export::enqueue),
    ("GET /bulk/v1/activities/export/{exportId}/status.json", export::status),
    ("GET /bulk/v1/activities/export/{exportId}/file.json", export::file),
    ("POST /bulk/v1/activities/export/{exportId}/cancel.json", export::cancel),
];

/// The endpoint that a method and path belong to, and what stands in its braces. Whole names win over braces.
pub(crate) fn resolve(method: &str, path: &str) -> Option<(&'static Route, Vec<String>)> {
    let exact = ROUTES.iter().find(|(endpoint, _)| endpoint.split_once(' ') == Some((method, path)));
    if let Some(route) = exact {
        return Some((route, Vec::new()));
    }
    ROUTES.iter().find_map(|route| {
        let (wanted, template) = route.0.split_once(' ')?;
        if wanted != method {
            return None;
        }
        capture(template, path).map(|parts| (route, parts))
    })
}

fn capture(template: &str, path: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(parts),
            (Some(want), Some(have)) if want.starts_with('{') => {
                let suffix = want.split_once('}')?.1;
                parts.push(have.strip_suffix(suffix).filter(|part| !part.is_empty())?.to_owned());
            }
            (Some(want), Some(have)) if want == have => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_resolve_to_their_templates() {
        let name = |method: &str, path: &str| resolve(method, path).map(|(route, parts)| (route.0, parts));
        assert_eq!(name("GET", "/rest/v1/leads.json"), Some(("GET /rest/v1/leads.json", vec![])));
        assert_eq!(name("GET", "/rest/v1/lead/7.json"), Some(("GET /rest/v1/lead/{leadId}.json", vec!["7".into()])));
        assert_eq!(
            name("GET", "/bulk/v1/leads/export/ab-1/status.json"),
            Some(("GET /bulk/v1/leads/export/{exportId}/status.json", vec!["ab-1".into()]))
        );
        assert_eq!(name("GET", "/rest//v1/leads.json"), None);
        assert_eq!(name("PUT", "/rest/v1/leads.json"), None);
    }
}
