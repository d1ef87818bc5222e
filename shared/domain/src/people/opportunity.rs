//! Which opportunity a person gets, when Marketo links several.

use crate::people::to_18_characters;
use crate::ports::OpportunityRole;

/// The opportunity of the primary role, else of the newest; ties go to the greater id, so that the same roles in any order give
/// the same answer.
#[must_use]
pub fn chosen_opportunity<'a>(roles: impl IntoIterator<Item = &'a OpportunityRole>) -> Option<String> {
    roles
        .into_iter()
        .filter(|role| !role.opportunity.is_empty())
        .max_by_key(|role| (role.primary, role.created, &role.opportunity))
        .map(|role| to_18_characters(&role.opportunity).into_owned())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::people::MarketoId;

    fn role(opportunity: &str, primary: bool, created: Option<i64>) -> OpportunityRole {
        let created = created.map(|s| Timestamp::from_second(s).unwrap());
        OpportunityRole { person: MarketoId(1), opportunity: opportunity.into(), primary, created }
    }

    #[test]
    fn primary_beats_newest_beats_undated() {
        let (old, new, undated) =
            (role("006A", false, Some(1)), role("006B", false, Some(2)), role("006C", false, None));
        assert_eq!(chosen_opportunity([]), None);
        assert_eq!(chosen_opportunity([&old, &new, &undated]).as_deref(), Some("006B"));
        assert_eq!(chosen_opportunity([&role("006A", true, Some(1)), &new]).as_deref(), Some("006A"));
        assert_eq!(chosen_opportunity([&role("", true, Some(1)), &undated]).as_deref(), Some("006C"));
    }
}
