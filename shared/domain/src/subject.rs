//! The subject of a task, from the template of the settings. Knows no activity.

/// Most characters of a subject in Salesforce.
const MAX_CHARACTERS: usize = 255;

/// The values of the seven tokens; an absent one is empty.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tokens<'a> {
    /// `activity_type`
    pub activity_type: &'a str,
    /// `activity_subject`
    pub activity_subject: &'a str,
    /// `sales_campaign_name`
    pub sales_campaign_name: &'a str,
    /// `sales_campaign_day`
    pub sales_campaign_day: &'a str,
    /// `sales_campaign_step`
    pub sales_campaign_step: &'a str,
    /// `call_outcome`
    pub call_outcome: &'a str,
    /// `call_reason`
    pub call_reason: &'a str,
}

impl Tokens<'_> {
    fn value(&self, token: &str) -> Option<&str> {
        Some(match token {
            "activity_type" => self.activity_type,
            "activity_subject" => self.activity_subject,
            "sales_campaign_name" => self.sales_campaign_name,
            "sales_campaign_day" => self.sales_campaign_day,
            "sales_campaign_step" => self.sales_campaign_step,
            "call_outcome" => self.call_outcome,
            "call_reason" => self.call_reason,
            _ => return None,
        })
    }
}

/// The template filled in: one line of at most 255 characters. Text that only looks like a token stays.
#[must_use]
pub fn filled(template: &str, tokens: &Tokens<'_>) -> String {
    let mut subject = String::new();
    let mut rest = template;
    while let Some((before, from)) = rest.split_once("{{") {
        subject.push_str(before);
        match from.split_once("}}").and_then(|(name, after)| Some((tokens.value(name.trim())?, after))) {
            Some((value, after)) => {
                subject.push_str(value);
                rest = after;
            }
            None => {
                subject.push_str("{{");
                rest = from;
            }
        }
    }
    subject.push_str(rest);
    one_line(&subject)
}

/// One line of at most 255 characters: each run of line breaks, with the blanks around it, becomes one blank.
#[must_use]
pub fn one_line(text: &str) -> String {
    let lines: Vec<&str> =
        text.split(['\r', '\n', '\u{2028}', '\u{2029}']).map(str::trim).filter(|l| !l.is_empty()).collect();
    lines.join(" ").chars().take(MAX_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_seven_tokens_are_filled_in() {
        let tokens = Tokens {
            activity_type: "Call",
            activity_subject: "S",
            sales_campaign_name: "C",
            sales_campaign_day: "3",
            sales_campaign_step: "2",
            call_outcome: "O",
            call_reason: "R",
        };
        let template = "{{activity_type}} {{ activity_subject }} {{sales_campaign_name}}/{{sales_campaign_day}}/\
                        {{sales_campaign_step}} {{call_outcome}} {{call_reason}}";
        assert_eq!(filled(template, &tokens), "Call S C/3/2 O R");
    }

    #[test]
    fn an_absent_value_is_empty_and_other_braces_stay() {
        assert_eq!(filled("a{{call_outcome}}b {{other}} {{", &Tokens::default()), "ab {{other}} {{");
    }

    #[test]
    fn a_value_is_not_read_as_a_template() {
        let tokens = Tokens { activity_subject: "{{call_reason}}", call_reason: "no", ..Tokens::default() };
        assert_eq!(filled("{{activity_subject}}", &tokens), "{{call_reason}}");
    }

    #[test]
    fn line_breaks_go_and_characters_are_counted() {
        let long = format!("one \r\n\n two\u{2028}{}", "ä".repeat(300));
        let subject = filled("{{activity_subject}}", &Tokens { activity_subject: &long, ..Tokens::default() });
        assert!(subject.starts_with("one two ää"), "{subject}");
        assert_eq!(subject.chars().count(), 255);
    }
}
