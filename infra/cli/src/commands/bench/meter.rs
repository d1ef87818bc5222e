//! Counts what DynamoDB charges for: each request asks for the units it consumed, and the answer is added up by table. A write that was
//! refused by its condition is not told of by DynamoDB and counts as one unit, which it costs for items of up to a KiB.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextMut,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::batch_execute_statement::{BatchExecuteStatementInput, BatchExecuteStatementOutput};
use aws_sdk_dynamodb::operation::batch_get_item::{BatchGetItemInput, BatchGetItemOutput};
use aws_sdk_dynamodb::operation::get_item::{GetItemInput, GetItemOutput};
use aws_sdk_dynamodb::operation::put_item::{PutItemInput, PutItemOutput};
use aws_sdk_dynamodb::operation::query::{QueryInput, QueryOutput};
use aws_sdk_dynamodb::operation::scan::{ScanInput, ScanOutput};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemInput, UpdateItemOutput};
use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};

/// Units consumed.
#[derive(Debug, Clone, Default)]
pub struct Units {
    /// Write units of the tables themselves, by table.
    pub writes: BTreeMap<String, f64>,
    /// Write units of all indexes.
    pub index_writes: f64,
    /// Read units, of all tables.
    pub reads: f64,
}

impl Units {
    /// Write units of all tables, without indexes.
    pub fn table_writes(&self) -> f64 {
        self.writes.values().sum()
    }

    fn add(&mut self, kind: Kind, capacity: &ConsumedCapacity) {
        let total = capacity.capacity_units.unwrap_or_default();
        if kind == Kind::Read {
            self.reads += total;
            return;
        }
        let table = capacity.table.as_ref().and_then(|table| table.capacity_units).unwrap_or(total);
        let name = capacity.table_name.clone().unwrap_or_default();
        *self.writes.entry(name).or_default() += table;
        self.index_writes += total - table;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
}

/// The counter, and the interceptor that feeds it.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Mutex<Units>>);

impl Meter {
    /// What was consumed since the last time this was asked.
    pub fn take(&self) -> Units {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add<'a>(&self, kind: Kind, capacities: impl IntoIterator<Item = &'a ConsumedCapacity>) {
        let mut units = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        capacities.into_iter().for_each(|capacity| units.add(kind, capacity));
    }

    fn add_refused(&self, writes: usize) {
        let mut units = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *units.writes.entry("refused by its condition".into()).or_default() += writes as f64;
    }
}

/// Sets a member of whichever of the inputs it is.
macro_rules! ask_in {
    ($input:expr, $($kind:ty),+) => {
        $(if let Some(input) = $input.downcast_mut::<$kind>() {
            input.return_consumed_capacity = Some(ReturnConsumedCapacity::Indexes);
        })+
    };
}

impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "consumed-capacity"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = context.input_mut();
        ask_in!(
            input,
            BatchExecuteStatementInput,
            BatchGetItemInput,
            GetItemInput,
            PutItemInput,
            QueryInput,
            ScanInput
        );
        ask_in!(input, UpdateItemInput);
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Ok(output) = context.output_or_error() else {
            self.add_refused(1);
            return Ok(());
        };
        if let Some(output) = output.downcast_ref::<BatchExecuteStatementOutput>() {
            self.add(Kind::Write, output.consumed_capacity());
            self.add_refused(output.responses().iter().filter(|response| response.error().is_some()).count());
        } else if let Some(output) = output.downcast_ref::<PutItemOutput>() {
            self.add(Kind::Write, output.consumed_capacity());
        } else if let Some(output) = output.downcast_ref::<UpdateItemOutput>() {
            self.add(Kind::Write, output.consumed_capacity());
        } else if let Some(output) = output.downcast_ref::<GetItemOutput>() {
            self.add(Kind::Read, output.consumed_capacity());
        } else if let Some(output) = output.downcast_ref::<BatchGetItemOutput>() {
            self.add(Kind::Read, output.consumed_capacity());
        } else if let Some(output) = output.downcast_ref::<QueryOutput>() {
            self.add(Kind::Read, output.consumed_capacity());
        } else if let Some(output) = output.downcast_ref::<ScanOutput>() {
            self.add(Kind::Read, output.consumed_capacity());
        }
        Ok(())
    }
}
