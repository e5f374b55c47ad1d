//! What became of an item that was brought back or destroyed, written down before the vault lets it
//! go: so it is told also where whoever did it was stopped before that, and whoever is asked for the
//! same again knows that it is done.

use super::{Step, Vault, VaultError};
use crate::ledger::{Ledger, LedgerError};
use keepwatch_proto::ids::ItemId;
use keepwatch_proto::quarantine::{Changed, Item, ItemState};
use serde::{Deserialize, Serialize};
use std::io;

/// Ends the names of those that the controller is to hear of, and of those that are on their way to it.
pub(super) const UNTOLD: &str = "done";
const TOLD: &str = "told";
/// Of what was told so many are remembered, for who asks again.
const REMEMBERED: usize = 100;

/// What became of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) changed: Changed,
    /// `None`: not even its name could be read.
    pub(crate) item: Option<Item>,
}

impl Vault {
    /// Lets one go for good. Once this is written down it is done, whatever comes in between.
    pub(super) fn let_go(&self, receipt: &Receipt) -> Result<(), VaultError> {
        let id = receipt.changed.id;
        self.write_note(id, UNTOLD, receipt).map_err(VaultError::writing)?;
        self.reach(Step::Settled);
        self.remove(id).inspect_err(|_| {
            if self.file(id).exists() {
                self.drop_note(id, UNTOLD);
            }
        })
    }

    /// Lets go what others have begun to, and forgets what was told long ago.
    pub(super) fn finish(&self) -> io::Result<()> {
        for id in self.noted(UNTOLD)? {
            if self.file(id).try_exists()?
                && let Err(error) = self.remove(id)
            {
                tracing::warn!(%id, "an item stays in the quarantine though it was brought back or destroyed: {error}");
            }
        }
        let told = self.noted(TOLD)?;
        told.iter().take(told.len().saturating_sub(REMEMBERED)).for_each(|id| self.drop_note(*id, TOLD));
        Ok(())
    }

    /// What became of one, as far as that is remembered.
    pub(super) fn receipt(&self, id: ItemId) -> Result<Option<Receipt>, VaultError> {
        let of = |kind| self.read_note(id, kind).map_err(VaultError::Vault);
        Ok(of(UNTOLD)?.or(of(TOLD)?))
    }

    /// Whether this was done with one before, and how.
    pub(crate) fn was_done(&self, id: ItemId, state: ItemState) -> Result<Option<Receipt>, VaultError> {
        let _held = self.hold()?;
        Ok(self.receipt(id)?.filter(|receipt| receipt.changed.state == state))
    }

    /// Has the ledger tell what became of items. What is still here is not gone yet: whoever opens the
    /// vault next sees to that.
    pub(crate) fn tell_changes(&self, ledger: &Ledger) -> Result<(), LedgerError> {
        match self.untold() {
            Ok(untold) => untold.into_iter().try_for_each(|changed| {
                let id = changed.id;
                ledger.quarantine_changed(changed)?;
                if let Err(error) = std::fs::rename(self.note(id, UNTOLD), self.note(id, TOLD)) {
                    tracing::warn!(%id, "what became of an item is told again: {error}");
                }
                Ok(())
            }),
            Err(error) => {
                tracing::warn!("what became of the quarantine's items cannot be told yet: {error}");
                Ok(())
            }
        }
    }

    fn untold(&self) -> io::Result<Vec<Changed>> {
        let mut untold = Vec::new();
        for id in self.noted(UNTOLD)? {
            if !self.file(id).try_exists()?
                && let Some(receipt) = self.read_note::<Receipt>(id, UNTOLD)?
            {
                untold.push(receipt.changed);
            }
        }
        Ok(untold)
    }
}
