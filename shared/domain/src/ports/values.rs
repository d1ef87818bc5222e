//! The values of one record, packed into one text: a record has a dozen short values, and an export has millions of records. Must not know
//! what the values mean.

use std::fmt;
use std::ops::Range;

/// Values by place; an empty one is none. Two are equal when their values are.
#[derive(Clone, Default)]
pub struct Values {
    text: String,
    places: Places,
}

/// Where in the text each value stands. Those of our own fields need no memory of their own, which is asked for once less for each record.
#[derive(Clone)]
enum Places {
    Few([Place; FEW], usize),
    Many(Vec<Place>),
}

/// From the first byte to the one behind the last.
type Place = (u32, u32);

/// The fields asked for where the settings name no extra ones.
const FEW: usize = 16;

impl Values {
    /// Values that stand in a text, of which not all need be used. A range that is not within it is no value.
    #[must_use]
    pub fn within(text: String, ranges: impl IntoIterator<Item = Option<Range<usize>>>) -> Self {
        let narrow = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        let place =
            |range: Option<Range<usize>>| range.map_or((0, 0), |range| (narrow(range.start), narrow(range.end)));
        Self { text, places: ranges.into_iter().map(place).collect() }
    }

    /// The value of a place.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&str> {
        let (start, end) = *self.places.all().get(place)?;
        self.text.get(start as usize..end as usize).filter(|value| !value.is_empty())
    }

    /// Bytes of all values together, at most.
    #[must_use]
    pub fn text_len(&self) -> usize {
        self.text.len()
    }

    /// All values, in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        (0..self.places.all().len()).map(|place| self.get(place))
    }
}

impl Places {
    fn all(&self) -> &[Place] {
        match self {
            Self::Few(places, count) => &places[..*count],
            Self::Many(places) => places,
        }
    }
}

impl FromIterator<Place> for Places {
    fn from_iter<I: IntoIterator<Item = Place>>(all: I) -> Self {
        let mut all = all.into_iter();
        let (mut few, mut count) = ([(0, 0); FEW], 0);
        for place in &mut few {
            let Some(next) = all.next() else { return Self::Few(few, count) };
            *place = next;
            count += 1;
        }
        let mut more = all.peekable();
        if more.peek().is_none() {
            return Self::Few(few, count);
        }
        Self::Many(few.into_iter().chain(more).collect())
    }
}

impl Default for Places {
    fn default() -> Self {
        Self::Few([(0, 0); FEW], 0)
    }
}

impl PartialEq for Values {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Values {}

impl<T: AsRef<str>> FromIterator<Option<T>> for Values {
    fn from_iter<I: IntoIterator<Item = Option<T>>>(all: I) -> Self {
        let mut text = String::new();
        let mut ranges = Vec::new();
        for value in all {
            let start = text.len();
            text.push_str(value.as_ref().map_or("", AsRef::as_ref));
            ranges.push(Some(start..text.len()));
        }
        Self::within(text, ranges)
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_by_place() {
        let values: Values = [Some("a"), None, Some(""), Some("é"), Some("last")].into_iter().collect();
        let wanted = [Some("a"), None, None, Some("é"), Some("last")];
        assert!(values.iter().eq(wanted));
        assert_eq!((values.get(4), values.get(5)), (Some("last"), None));
        assert_eq!(format!("{:?}", values), format!("{wanted:?}"));
    }

    #[test]
    fn more_values_than_usual_come_back_too() {
        let wanted: Vec<Option<String>> = (0..3 * FEW).map(|place| Some(format!("value {place}"))).collect();
        let values: Values = wanted.iter().map(Option::as_deref).collect();
        assert!(values.iter().eq(wanted.iter().map(Option::as_deref)));
        assert_eq!((values.get(FEW), values.get(3 * FEW)), (Some("value 16"), None));
    }
}
