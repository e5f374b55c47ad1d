//! What the controller is to hear: told here, kept until it has committed it.

use super::{Ledger, LedgerError, book};
use keepwatch_proto::canary::Canary;
use keepwatch_proto::detection::Detection;
use keepwatch_proto::event::{Event, EventKind};
use keepwatch_proto::ids::{BootId, JobId};
use keepwatch_proto::quarantine::{Changed, Item};
use redb::ReadableDatabase;

impl Ledger {
    /// What a scan found.
    pub(crate) fn found(&self, detections: Vec<Detection>) -> Result<(), LedgerError> {
        self.write(|book| detections.into_iter().try_for_each(|d| book.tell(EventKind::Detection(d))))
    }

    /// What a job has found, of that which waits for the controller.
    pub(crate) fn found_by(&self, job: JobId) -> Result<Vec<Detection>, LedgerError> {
        const AT_ONCE: usize = 256;
        let (mut found, mut after) = (Vec::new(), 0);
        loop {
            let events = self.outbox(after, AT_ONCE, usize::MAX)?;
            let Some(last) = events.last() else { return Ok(found) };
            after = last.seq;
            found.extend(events.into_iter().filter_map(|event| match event.kind {
                EventKind::Detection(detection) if detection.job == job => Some(detection),
                _ => None,
            }));
        }
    }

    /// A bundle is in use. Told once.
    pub(crate) fn bundle_applied(&self, version: u64) -> Result<(), LedgerError> {
        self.write(|book| {
            if book.get::<u64>("applied")? != Some(version) {
                book.put("applied", &version)?;
                book.tell(EventKind::Applied { version })?;
            }
            Ok(())
        })
    }

    /// A bundle was refused. Told once for each reason.
    pub(crate) fn bundle_refused(&self, version: u64, reason: &str) -> Result<(), LedgerError> {
        self.write(|book| {
            let refusal = (version, reason.to_owned());
            if book.get::<Option<(u64, String)>>("refused")?.flatten().as_ref() != Some(&refusal) {
                book.put("refused", &refusal)?;
                book.tell(EventKind::Refused { version, reason: reason.to_owned() })?;
            }
            Ok(())
        })
    }

    /// The version that was refused last.
    pub(crate) fn refused(&self) -> Result<Option<u64>, LedgerError> {
        let txn = self.db.begin_read().map_err(redb::Error::from)?;
        let meta = txn.open_table(book::META).map_err(redb::Error::from)?;
        Ok(book::read::<Option<(u64, String)>>(&meta, "refused")?.flatten().map(|(version, _)| version))
    }

    /// That does not count any more: it is told again where it is refused again.
    pub(crate) fn forget_refusal(&self) -> Result<(), LedgerError> {
        self.write(|book| book.put("refused", &None::<(u64, String)>))
    }

    /// A canary was touched.
    pub(crate) fn canary_touched(&self, canary: Canary) -> Result<(), LedgerError> {
        self.write(|book| book.tell(EventKind::Canary(canary)))
    }

    /// A file was put away.
    pub(crate) fn quarantined(&self, item: Item) -> Result<(), LedgerError> {
        self.write(|book| book.tell(EventKind::Quarantined(item)))
    }

    /// One that was put away was brought back or destroyed.
    pub(crate) fn quarantine_changed(&self, changed: Changed) -> Result<(), LedgerError> {
        self.write(|book| book.tell(EventKind::QuarantineChanged(changed)))
    }

    /// The controller has committed this ledger's events up to here.
    pub(crate) fn acknowledge(&self, boot: BootId, seq: u64) -> Result<(), LedgerError> {
        if boot != self.boot || self.outbox(0, 1, 0)?.first().is_none_or(|event| event.seq > seq) {
            return Ok(());
        }
        self.write(|book| book.acknowledge(seq))
    }

    /// Events after the one given that wait for the controller, oldest first: at least one
    /// where there is one, and not many more bytes than given.
    pub(crate) fn outbox(&self, after: u64, at_most: usize, bytes: usize) -> Result<Vec<Event>, LedgerError> {
        let txn = self.db.begin_read().map_err(redb::Error::from)?;
        let table = txn.open_table(book::OUTBOX).map_err(redb::Error::from)?;
        let (mut events, mut total) = (Vec::new(), 0);
        for entry in table.range(after.saturating_add(1)..).map_err(redb::Error::from)?.take(at_most) {
            let (_, event) = entry.map_err(redb::Error::from)?;
            total += event.value().len();
            if total > bytes && !events.is_empty() {
                break;
            }
            events.push(serde_json::from_slice(event.value())?);
        }
        Ok(events)
    }

    /// How many events wait.
    pub(crate) fn waiting(&self) -> Result<u64, LedgerError> {
        use redb::ReadableTableMetadata;
        let txn = self.db.begin_read().map_err(redb::Error::from)?;
        Ok(txn.open_table(book::OUTBOX).map_err(redb::Error::from)?.len().map_err(redb::Error::from)?)
    }
}
