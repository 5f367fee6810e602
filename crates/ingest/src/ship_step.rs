//! The steps of a batch on its way into the store, for whoever wants to be told of them.
//!
//! Invariant: nothing here can change what the shipper does. No metrics library may come in.

/// The steps at which a crash must do no harm, for tests that kill a process at each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShipStep {
    /// The rows of a batch are about to be sent.
    Inserting,
    /// The store has said that it holds them; their segment is not yet removed.
    Inserted,
    /// The store is about to be asked which rows of a batch it holds.
    Reconciling,
    /// It has answered, and nothing of the batch is missing any more.
    Reconciled,
}

/// Is told what the shipper does, on the task that does it: an implementation must not block.
pub trait ShipObserver: Send + Sync + 'static {
    /// A step is reached.
    fn reached(&self, step: ShipStep) {
        let _ = step;
    }
}

/// Observes nothing.
impl ShipObserver for () {}
