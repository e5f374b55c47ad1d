//! Which file it is, and whether it is still as it was.

/// A file as the system knows it. Two that are equal have the same content, unless the
/// change is as young as the clock of the file system is coarse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    /// The volume or device.
    pub(crate) volume: u64,
    /// Its number on it.
    pub(crate) file: u64,
    /// In bytes.
    pub(crate) size: u64,
    /// When its content was changed, in nanoseconds; programs can set it.
    pub(crate) modified: i64,
    /// When anything of it was changed, in nanoseconds; programs cannot set it.
    pub(crate) changed: i64,
}

impl Identity {
    const BYTES: usize = 24;

    /// Tells it from others on its volume's table: size and times.
    pub(crate) fn state(&self) -> [u8; Self::BYTES] {
        let mut state = [0; Self::BYTES];
        for (place, value) in state.chunks_exact_mut(8).zip([
            self.size.to_le_bytes(),
            self.modified.to_le_bytes(),
            self.changed.to_le_bytes(),
        ]) {
            place.copy_from_slice(&value);
        }
        state
    }
}
