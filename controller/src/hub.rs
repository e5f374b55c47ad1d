//! Who is connected to this controller, and how to reach them: a poke makes a stream look
//! at the database sooner, a cut ends it. Nothing in here is truth; the database is.

use keepwatch_proto::ids::{HostId, JobId};
use keepwatch_proto::job::Progress;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;

/// Something that pages and watchers show has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// One host, or one of its jobs.
    Host(HostId),
    /// Something about the whole fleet.
    Fleet,
}

/// What has changed since all hosts were last judged.
#[derive(Debug, Default)]
pub struct Marks {
    fleet: bool,
    hosts: HashSet<HostId>,
}

impl Marks {
    /// Whether nothing has.
    pub fn is_empty(&self) -> bool {
        !self.fleet && self.hosts.is_empty()
    }
}

/// A host has a few jobs under way; of one that speaks of more than these, the earlier are forgotten.
const JOBS_UNDER_WAY: usize = 32;

/// Who is connected here.
pub struct Hub {
    inner: Mutex<Inner>,
    changes: broadcast::Sender<Change>,
}

#[derive(Default)]
struct Inner {
    streams: HashMap<HostId, Stream>,
    connections: HashMap<HostId, CancellationToken>,
    /// Of each host's jobs: a host speaks of its own only.
    progress: HashMap<HostId, HashMap<JobId, Progress>>,
    marks: Marks,
    next: u64,
}

struct Stream {
    number: u64,
    /// The newest generation that it was told.
    sent: u64,
    poke: Arc<Notify>,
    replaced: CancellationToken,
}

/// One stream's registration; dropped when it ends.
pub struct Registration {
    hub: Arc<Hub>,
    host: HostId,
    number: u64,
    /// Rings when there is something new to send.
    pub poke: Arc<Notify>,
    /// Done when the host opened another stream.
    pub replaced: CancellationToken,
}

impl Hub {
    /// Nobody yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { inner: Mutex::default(), changes: broadcast::channel(256).0 })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here panics while it holds the lock, and if it did, the map is still one.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a host's stream. The one before it, if any, is told to end.
    pub fn register(self: &Arc<Self>, host: HostId) -> Registration {
        let (poke, replaced) = (Arc::new(Notify::new()), CancellationToken::new());
        let mut inner = self.inner();
        inner.next += 1;
        let number = inner.next;
        let stream = Stream { number, sent: 0, poke: poke.clone(), replaced: replaced.clone() };
        if let Some(before) = inner.streams.insert(host, stream) {
            before.replaced.cancel();
        }
        drop(inner);
        self.tell(Change::Host(host));
        Registration { hub: self.clone(), host, number, poke, replaced }
    }

    /// A host's stream was told this generation.
    pub fn sent(&self, host: HostId, generation: u64) {
        if let Some(stream) = self.inner().streams.get_mut(&host) {
            stream.sent = stream.sent.max(generation);
        }
    }

    /// Pokes a host that holds a stream here and was not told this generation.
    pub fn poke_behind(&self, host: HostId, generation: u64) {
        if self.inner().streams.get(&host).is_some_and(|stream| stream.sent < generation) {
            self.poke(host);
        }
    }

    /// How many hosts hold a stream.
    pub fn connected(&self) -> usize {
        self.inner().streams.len()
    }

    /// Done when the host's connections must end. Every connection of a host holds one.
    pub fn leash(&self, host: HostId) -> CancellationToken {
        self.inner().connections.entry(host).or_default().clone()
    }

    /// Ends every connection of a host, its live stream included.
    pub fn cut(&self, host: HostId) {
        if let Some(leash) = self.inner().connections.remove(&host) {
            leash.cancel();
        }
    }

    /// Whether a host holds a stream here.
    pub fn is_connected(&self, host: HostId) -> bool {
        self.inner().streams.contains_key(&host)
    }

    /// Makes a host's stream look at what the host must be.
    pub fn poke(&self, host: HostId) {
        if let Some(stream) = self.inner().streams.get(&host) {
            stream.poke.notify_one();
        }
        self.tell(Change::Host(host));
    }

    /// Makes all of them look.
    pub fn poke_all(&self) {
        self.inner().streams.values().for_each(|s| s.poke.notify_one());
        self.tell(Change::Fleet);
    }

    /// Says that something shown has changed, by which hosts are judged.
    pub fn tell(&self, change: Change) {
        match change {
            Change::Host(host) => self.mark(host),
            Change::Fleet => self.mark_fleet(),
        }
        self.show(change);
    }

    fn show(&self, change: Change) {
        // An error only means that nobody is watching.
        let _ = self.changes.send(change);
    }

    /// Has all pages look again.
    pub fn show_anew(&self) {
        self.show(Change::Fleet);
    }

    /// A host is to be judged anew.
    pub fn mark(&self, host: HostId) {
        self.inner().marks.hosts.insert(host);
    }

    /// All of them are.
    pub fn mark_fleet(&self) {
        self.inner().marks.fleet = true;
    }

    /// Which are to be judged anew, from now on as if none were.
    pub fn take_marks(&self) -> Marks {
        std::mem::take(&mut self.inner().marks)
    }

    /// The same, where these are single hosts and at most so many.
    pub fn take_few(&self, most: usize) -> Option<HashSet<HostId>> {
        let marks = &mut self.inner().marks;
        (!marks.fleet && marks.hosts.len() <= most).then(|| std::mem::take(&mut marks.hosts))
    }

    /// Whether more than so many hosts are to be judged anew, or all of them.
    pub fn has_many_marks(&self, few: usize) -> bool {
        let marks = &self.inner().marks;
        marks.fleet || marks.hosts.len() > few
    }

    /// Hears of changes from now on.
    pub fn watch(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Keeps how far a job has come.
    pub fn set_progress(&self, host: HostId, progress: Progress) {
        let mut inner = self.inner();
        let jobs = inner.progress.entry(host).or_default();
        if jobs.len() >= JOBS_UNDER_WAY && !jobs.contains_key(&progress.job) {
            jobs.clear();
        }
        jobs.insert(progress.job, progress);
        drop(inner);
        // No host is judged by how far it has come.
        self.show(Change::Host(host));
    }

    /// How far a host's job has come.
    pub fn progress(&self, host: HostId, job: JobId) -> Option<Progress> {
        self.inner().progress.get(&host)?.get(&job).cloned()
    }

    /// A host's job has ended.
    pub fn forget_progress(&self, host: HostId, job: JobId) {
        if let Some(jobs) = self.inner().progress.get_mut(&host) {
            jobs.remove(&job);
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut inner = self.hub.inner();
        if inner.streams.get(&self.host).is_some_and(|s| s.number == self.number) {
            inner.streams.remove(&self.host);
            inner.progress.remove(&self.host);
        }
        drop(inner);
        self.hub.tell(Change::Host(self.host));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keepwatch_proto::clock::Clock;

    #[test]
    fn a_second_stream_replaces_the_first_and_outlives_it() {
        let (hub, host) = (Hub::new(), HostId::new(&Clock::system()));
        let first = hub.register(host);
        let second = hub.register(host);
        assert!(first.replaced.is_cancelled() && !second.replaced.is_cancelled());
        drop(first);
        assert!(hub.is_connected(host));
        drop(second);
        assert!(!hub.is_connected(host));
    }

    #[test]
    fn a_host_speaks_of_its_own_jobs_and_of_a_bounded_number() {
        let (hub, clock) = (Hub::new(), Clock::system());
        let (host, other, job) = (HostId::new(&clock), HostId::new(&clock), JobId::new(&clock));
        let at = |job, files| Progress { job, phase: String::new(), files, bytes: 0, total_bytes: 0 };
        let stream = hub.register(host);
        hub.set_progress(host, at(job, 1));
        hub.set_progress(other, at(job, 999));
        assert_eq!(hub.progress(host, job).map(|p| p.files), Some(1));
        hub.forget_progress(other, job);
        assert!(hub.progress(host, job).is_some());
        for _ in 0..10 * JOBS_UNDER_WAY {
            hub.set_progress(host, at(JobId::new(&clock), 0));
        }
        assert!(hub.inner().progress[&host].len() <= JOBS_UNDER_WAY);
        drop(stream);
        assert!(!hub.inner().progress.contains_key(&host));
    }

    #[test]
    fn a_cut_ends_what_is_there_and_not_what_comes_after() {
        let (hub, host) = (Hub::new(), HostId::new(&Clock::system()));
        let leash = hub.leash(host);
        hub.cut(host);
        assert!(leash.is_cancelled());
        assert!(!hub.leash(host).is_cancelled());
    }
}
