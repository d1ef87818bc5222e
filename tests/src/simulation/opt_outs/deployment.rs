//! The deployed reconciler. Must not know what goes wrong.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lambda_events::sqs::SqsEvent;
use domain::opt_outs::{Address, OptOut};
use domain::ports::{Clock, OptOutPorts, OptOutRegister, OptOutWrite, PutOutcome, Shelf, ShelvedAddress};
use domain::{Failure, Timestamp};
use runtime::opt_outs::{push, take_in, tick};
use runtime::queue::{Around, Handled};
use simulator_salesforce as s;
use store::{MemoryOptOuts, MemoryPeople, MemoryState};

use super::super::fleet::{Fleet, Function};
use super::super::storage::{Fate, Ground, State, at_once, unavailable};

/// What all instances share.
#[derive(Clone)]
pub struct Deployment {
    pub salesforce: s::World,
    pub state: Arc<MemoryState>,
    pub register: Arc<MemoryOptOuts>,
    pub fleet: Fleet,
}

impl Function for Deployment {
    type Ports = OptOutPorts;
    type Taken = Address;
    const NAME: &'static str = "unsubscribe-reconciler";
    const TIME: Duration = Duration::from_secs(4 * 60);
    const PERIOD: Duration = Duration::from_secs(5 * 60);

    fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    fn instance(&self) -> OptOutPorts {
        let (ground, (clock, chance)) = (&self.fleet.ground, self.fleet.machine());
        let salesforce = self.fleet.salesforce(self.salesforce.clone(), clock.clone(), chance.clone());
        OptOutPorts {
            register: Arc::new(Register { ground: ground.clone(), inner: self.register.clone() }),
            state: Arc::new(State::over(self.state.clone(), Arc::new(MemoryPeople::new()), ground.clone())),
            salesforce: Arc::new(salesforce),
            clock,
            chance,
        }
    }

    fn clock(ports: &OptOutPorts) -> &Arc<dyn Clock> {
        &ports.clock
    }

    async fn tick(ports: &OptOutPorts, stop: Option<Timestamp>) -> Result<String, Failure> {
        tick(ports, stop).await.map(|done| format!("{done:?}"))
    }

    async fn take(ports: &OptOutPorts, event: SqsEvent, around: Around<'_>) -> (Handled, Vec<Address>) {
        take_in(ports, event, around).await.unwrap()
    }

    async fn work(ports: &OptOutPorts, addresses: Vec<Address>, stop: Option<Timestamp>) -> Result<(), Failure> {
        push(ports, &addresses, stop).await.map(drop)
    }
}

/// The register as a function sees it.
struct Register {
    ground: Ground,
    inner: Arc<MemoryOptOuts>,
}

#[async_trait]
impl OptOutRegister for Register {
    async fn get(&self, addresses: &[Address]) -> Result<Vec<OptOut>, Failure> {
        self.ground.pass().await;
        let fate = self.ground.fate();
        self.ground.tell(fate, || format!("get {} opt-outs", addresses.len()));
        if fate != Fate::Well {
            return Err(unavailable());
        }
        let entries = at_once(self.inner.get(addresses));
        self.ground.pass().await;
        entries
    }

    async fn put(&self, writes: Vec<OptOutWrite>) -> Result<Vec<PutOutcome>, Failure> {
        let what = format!("put {} opt-outs", writes.len());
        self.ground.put(what, writes, |writes| at_once(self.inner.put(writes))).await
    }

    async fn shelf(
        &self,
        shelf: Shelf,
        until: Timestamp,
        from: Option<&ShelvedAddress>,
        limit: usize,
    ) -> Result<Vec<ShelvedAddress>, Failure> {
        self.ground.pass().await;
        let fate = self.ground.fate();
        self.ground.tell(fate, || format!("{shelf:?} of opt-outs"));
        if fate != Fate::Well {
            return Err(unavailable());
        }
        at_once(self.inner.shelf(shelf, until, from, limit))
    }

    async fn scan(&self, from: Option<&Address>) -> Result<(Vec<OptOut>, Option<Address>), Failure> {
        self.ground.pass().await;
        at_once(self.inner.scan(from))
    }
}
