//! From tokens to the tree of a query.
//! Must not know objects and fields.

use super::lexer::{Kind, Token, malformed, tokens};
use crate::world::failure::Failure;

/// A name and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) at: usize,
}

/// A value as it is written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Text(String),
    /// A number, date or time.
    Bare(String),
    Bool(bool),
    Null,
    /// `TODAY`, `LAST_N_DAYS:3`.
    Relative(String),
}

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    /// With `=`, `!=`, `<`, `>`, `<=`, `>=` or `LIKE`.
    Compare(Name, &'static str, Literal),
    /// The flag says whether it is `NOT IN`.
    In(Name, Vec<Literal>, bool),
}

/// What is selected.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Selected {
    Count,
    /// `FIELDS(ALL)` and its like.
    Every,
    Fields(Vec<Name>),
}

/// One part of `ORDER BY`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Order {
    pub(crate) name: Name,
    pub(crate) descending: bool,
    pub(crate) nulls_last: bool,
}

/// A query.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Query {
    pub(crate) selected: Selected,
    pub(crate) object: Name,
    pub(crate) condition: Option<Condition>,
    pub(crate) order: Vec<Order>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: u64,
}

/// How deep conditions may be nested.
const MOST_DEPTH: usize = 100;

pub(crate) fn parse(text: &str) -> Result<Query, Failure> {
    let mut parser = Parser { tokens: tokens(text)?, next: 0, depth: 0 };
    let query = parser.query()?;
    parser.end()?;
    Ok(query)
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &Kind {
        self.tokens.get(self.next).map_or(&Kind::End, |token| &token.kind)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(0, |token| token.at)
    }

    fn unexpected<T>(&self) -> Result<T, Failure> {
        let what = match self.peek() {
            Kind::Word(text) | Kind::Literal(text) | Kind::Text(text) => format!("unexpected token: '{text}'"),
            Kind::Sign(sign) => format!("unexpected token: '{sign}'"),
            Kind::End => "unexpected end of the query".to_owned(),
        };
        Err(malformed(self.at(), &what))
    }

    fn end(&self) -> Result<(), Failure> {
        if *self.peek() == Kind::End { Ok(()) } else { self.unexpected() }
    }

    fn sign(&mut self, wanted: &str) -> bool {
        let found = matches!(self.peek(), Kind::Sign(sign) if *sign == wanted);
        self.next += usize::from(found);
        found
    }

    fn word(&mut self, wanted: &str) -> bool {
        let found = matches!(self.peek(), Kind::Word(word) if word.eq_ignore_ascii_case(wanted));
        self.next += usize::from(found);
        found
    }

    fn needs(&mut self, found: bool) -> Result<(), Failure> {
        if found { Ok(()) } else { self.unexpected() }
    }

    fn name(&mut self) -> Result<Name, Failure> {
        const RESERVED: [&str; 10] = ["SELECT", "FROM", "WHERE", "AND", "OR", "NOT", "ORDER", "LIMIT", "OFFSET", "IN"];
        let at = self.at();
        match self.peek() {
            Kind::Word(word) if !RESERVED.iter().any(|reserved| word.eq_ignore_ascii_case(reserved)) => {
                let text = word.clone();
                self.next += 1;
                Ok(Name { text, at })
            }
            _ => self.unexpected(),
        }
    }

    fn query(&mut self) -> Result<Query, Failure> {
        let select = self.word("SELECT");
        self.needs(select)?;
        let selected = self.selected()?;
        let from = self.word("FROM");
        self.needs(from)?;
        let object = self.name()?;
        let condition = if self.word("WHERE") { Some(self.any()?) } else { None };
        let order = if self.word("ORDER") { self.order()? } else { Vec::new() };
        let limit = if self.word("LIMIT") { Some(self.number()?) } else { None };
        let offset = if self.word("OFFSET") { self.number()? } else { 0 };
        Ok(Query { selected, object, condition, order, limit, offset })
    }

    fn selected(&mut self) -> Result<Selected, Failure> {
        let first = self.name()?;
        if self.sign("(") {
            let function = first.text.to_uppercase();
            if function == "COUNT" && self.sign(")") {
                return Ok(Selected::Count);
            }
            if function == "FIELDS" && ["ALL", "STANDARD", "CUSTOM"].into_iter().any(|which| self.word(which)) {
                let closed = self.sign(")");
                self.needs(closed)?;
                return Ok(Selected::Every);
            }
            return Err(malformed(first.at, "of the functions, only COUNT() and FIELDS(ALL) are simulated"));
        }
        let mut fields = vec![first];
        while self.sign(",") {
            fields.push(self.name()?);
        }
        Ok(Selected::Fields(fields))
    }

    fn any(&mut self) -> Result<Condition, Failure> {
        let first = self.all()?;
        if !matches!(self.peek(), Kind::Word(word) if word.eq_ignore_ascii_case("OR")) {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.word("OR") {
            parts.push(self.single()?);
        }
        // AND and OR side by side need parentheses.
        if matches!(self.peek(), Kind::Word(word) if word.eq_ignore_ascii_case("AND")) {
            return self.unexpected();
        }
        Ok(Condition::Or(parts))
    }

    fn all(&mut self) -> Result<Condition, Failure> {
        let first = self.single()?;
        let mut parts = vec![first];
        while self.word("AND") {
            parts.push(self.single()?);
        }
        if parts.len() > 1 && matches!(self.peek(), Kind::Word(word) if word.eq_ignore_ascii_case("OR")) {
            return self.unexpected();
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::And(parts) })
    }

    fn single(&mut self) -> Result<Condition, Failure> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(malformed(self.at(), "conditions are nested too deeply"));
        }
        let condition = if self.word("NOT") {
            Condition::Not(Box::new(self.single()?))
        } else if self.sign("(") {
            let inner = self.any()?;
            let closed = self.sign(")");
            self.needs(closed)?;
            inner
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(condition)
    }

    fn comparison(&mut self) -> Result<Condition, Failure> {
        let name = self.name()?;
        if self.word("NOT") {
            let follows = self.word("IN");
            self.needs(follows)?;
            return Ok(Condition::In(name, self.list()?, true));
        }
        if self.word("IN") {
            return Ok(Condition::In(name, self.list()?, false));
        }
        if self.word("LIKE") {
            return Ok(Condition::Compare(name, "LIKE", self.literal()?));
        }
        let Kind::Sign(sign) = *self.peek() else { return self.unexpected() };
        if matches!(sign, "(" | ")" | ",") {
            return self.unexpected();
        }
        self.next += 1;
        Ok(Condition::Compare(name, sign, self.literal()?))
    }

    fn list(&mut self) -> Result<Vec<Literal>, Failure> {
        let open = self.sign("(");
        self.needs(open)?;
        let mut list = vec![self.literal()?];
        while self.sign(",") {
            list.push(self.literal()?);
        }
        let closed = self.sign(")");
        self.needs(closed)?;
        Ok(list)
    }

    fn literal(&mut self) -> Result<Literal, Failure> {
        let literal = match self.peek() {
            Kind::Text(text) => Literal::Text(text.clone()),
            Kind::Literal(text) => Literal::Bare(text.clone()),
            Kind::Word(word) => match word.to_uppercase().as_str() {
                "NULL" => Literal::Null,
                "TRUE" => Literal::Bool(true),
                "FALSE" => Literal::Bool(false),
                relative => Literal::Relative(relative.to_owned()),
            },
            _ => return self.unexpected(),
        };
        self.next += 1;
        Ok(literal)
    }

    fn order(&mut self) -> Result<Vec<Order>, Failure> {
        let by = self.word("BY");
        self.needs(by)?;
        let mut parts = Vec::new();
        loop {
            let name = self.name()?;
            let descending = self.word("DESC");
            let _ = !descending && self.word("ASC");
            let nulls = self.word("NULLS");
            let nulls_last = nulls && self.word("LAST");
            if nulls && !nulls_last {
                let first = self.word("FIRST");
                self.needs(first)?;
            }
            parts.push(Order { name, descending, nulls_last });
            if !self.sign(",") {
                return Ok(parts);
            }
        }
    }

    fn number(&mut self) -> Result<u64, Failure> {
        let number = if let Kind::Literal(text) = self.peek() { text.parse().ok() } else { None };
        let Some(number) = number else { return self.unexpected() };
        self.next += 1;
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_query_is_refused_where_it_goes_wrong() {
        for (text, column) in [
            ("", 1),
            ("SELECT FROM Lead", 8),
            ("SELECT Id Lead", 11),
            ("SELECT Id FROM Lead WHERE", 26),
            ("SELECT Id FROM Lead WHERE A = 1 AND B = 2 OR C = 3", 43),
            ("SELECT Id FROM Lead WHERE (A = 1", 33),
            ("SELECT Id FROM Lead WHERE A IN ()", 33),
            ("SELECT Id FROM Lead LIMIT x", 27),
            ("SELECT MAX(Id) FROM Lead", 8),
            ("SELECT Id FROM Lead; DROP", 20),
        ] {
            let failure = parse(text).unwrap_err();
            assert_eq!(failure.code, "MALFORMED_QUERY");
            assert!(
                failure.message.starts_with(&format!("ERROR at Row:1:Column:{column}\n")),
                "{text}: {}",
                failure.message
            );
        }
    }
}
