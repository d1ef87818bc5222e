//! How far the changed records of an object in Salesforce were read: by stamp and id, with the last minutes once more, because what was committed
//! late shows behind a place that has gone on. Knows no object.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ports::ChangedSince;

/// How far back changed records are read again. Seconds are usual; others who read Salesforce this way go back five to ten minutes.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);

/// How far changed records were read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reading {
    /// Up to when everything was read that showed then.
    read_to: Option<Timestamp>,
    /// Where a reading that is under way goes on.
    at: Option<ChangedSince>,
}

impl Reading {
    /// Where to read on; `None` = from the first record.
    pub fn since(&self) -> Option<ChangedSince> {
        let again =
            |read_to: Timestamp| ChangedSince { at: read_to.checked_sub(OVERLAP).unwrap_or(read_to), after: None };
        self.at.clone().or_else(|| self.read_to.map(again))
    }

    /// A page was read that ends with the record of this stamp and id, and what it asked for was done. `began` is Salesforce's time before it was
    /// asked for, where that is known: a whole reading reaches so far, also where nothing had changed.
    pub fn moved(&mut self, last: Option<(Timestamp, &str)>, more: bool, began: Option<Timestamp>) {
        if let Some((at, id)) = last {
            self.at = Some(ChangedSince { at, after: Some(id.to_owned()) });
        }
        if !more {
            let reached = self.at.take().map(|at| at.at);
            self.read_to = self.read_to.max(reached).max(began);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_goes_on_within_and_begins_again_before_where_it_ended() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut reading = Reading::default();
        assert_eq!(reading.since(), None);
        reading.moved(Some((at(5_000), "b")), true, None);
        assert_eq!(reading.since(), Some(ChangedSince { at: at(5_000), after: Some("b".into()) }));
        reading.moved(None, false, None);
        assert_eq!(reading.since(), Some(ChangedSince { at: at(4_400), after: None }));
        reading.moved(Some((at(4_500), "a")), false, None);
        assert_eq!(reading.since(), Some(ChangedSince { at: at(4_400), after: None }), "never back");
        reading.moved(None, false, Some(at(9_000)));
        assert_eq!(reading.since(), Some(ChangedSince { at: at(8_400), after: None }));
    }
}
