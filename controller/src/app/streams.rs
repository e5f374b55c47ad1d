//! Two PCs with one identity: a disk that was copied, or a PC that was set back to an older
//! image. Each stream has a random name, and says the names of those before it. Who does not know
//! the host's last stream is not the PC that held it.

use super::{App, AppError};
use crate::hub::Change;
use crate::store;
use keepwatch_proto::ids::HostId;
use std::collections::HashMap;

/// Longest name of a stream, in bytes; an agent's have 32.
const LONGEST_NAME: usize = 64;
/// Most names of streams before it; an agent tells of at most 64.
const MOST_BEFORE: usize = 128;

/// How a stream names itself.
#[derive(Debug, Clone, Default)]
pub struct Lineage {
    /// Its random name; empty: its agent is too old to name it.
    pub session: String,
    /// The last streams that the controller answered on, and those since.
    pub previous: Vec<String>,
}

impl Lineage {
    /// Whether a stream of this lineage may come after the one that is known.
    fn follows(&self, known: &str) -> bool {
        known.is_empty() || self.session.is_empty() || known == self.session || self.previous.iter().any(|p| p == known)
    }

    fn check(&self) -> Result<(), AppError> {
        let long = |name: &String| name.len() > LONGEST_NAME;
        if long(&self.session) || self.previous.len() > MOST_BEFORE || self.previous.iter().any(long) {
            return Err(AppError::Invalid("the report's session is not as an agent names it".into()));
        }
        Ok(())
    }
}

impl App {
    /// A host opens a stream. False: it is a copy, and not the PC that held the host's last one.
    /// From then on no other PC can follow that one.
    pub async fn open_stream(&self, host: HostId, lineage: &Lineage) -> Result<bool, AppError> {
        lineage.check()?;
        let mut tx = self.store.begin().await?;
        let known = store::identities::get(&mut tx, host).await?.session;
        if !lineage.follows(&known) {
            return Ok(false);
        }
        store::identities::set_session(&mut tx, host, &lineage.session).await?;
        store::commit(tx).await?;
        Ok(true)
    }

    /// Whether it would be a copy.
    pub(super) async fn is_copy(&self, host: HostId, lineage: &Lineage) -> Result<bool, AppError> {
        lineage.check()?;
        let mut conn = self.store.read().await?;
        let known = store::identities::get(&mut conn, host).await?.session;
        Ok(!lineage.follows(&known))
    }
}

impl App {
    /// What was changed at another controller over the same database: hosts that are connected here
    /// hear of it, and those that were cut off are; and so does whoever watches. `seen`: how it stood
    /// at the last look.
    pub async fn look_elsewhere(&self, seen: &mut HashMap<HostId, (i64, i64)>) -> Result<(), AppError> {
        let mut conn = self.store.read().await?;
        let hosts = store::hosts::generations(&mut conn).await?;
        drop(conn);
        for host in hosts {
            if host.revoked != 0 {
                self.hub.cut(host.id);
            }
            self.hub.poke_behind(host.id, u64::try_from(host.generation).unwrap_or(0));
            let stands = (host.generation, host.last_seen);
            if seen.insert(host.id, stands).is_some_and(|before| before != stands) {
                self.hub.tell(Change::Host(host.id));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::app::tests::{app, enrol};

    fn line(session: &str, previous: &[&str]) -> Lineage {
        Lineage { session: session.into(), previous: previous.iter().map(|p| (*p).to_owned()).collect() }
    }

    #[tokio::test]
    async fn one_pc_is_taken_for_two_never_and_two_for_one_at_most_once() {
        let (_folder, app) = app().await;
        let host = enrol(&app, "pc").await;
        let opens = async |line: Lineage| app.open_stream(host, &line).await.unwrap();
        assert!(opens(line("1", &[])).await);
        assert!(opens(line("2", &["1"])).await);
        // What the controller answered was lost: the PC knows that it has tried.
        assert!(opens(line("3", &["1", "2"])).await);
        assert!(opens(line("3", &["1", "2"])).await);
        // A copy of its disk from before, and from while the answer was lost.
        assert!(!opens(line("x", &["1"])).await);
        assert!(opens(line("a", &["2", "3"])).await);
        assert!(!opens(line("b", &["2", "3"])).await);
        // This database was set back a little: the PC's line goes on from what it remembers.
        assert!(opens(line("a2", &["2", "3", "a"])).await);
        let mut conn = app.store.write().await.unwrap();
        store::identities::set_session(&mut conn, host, "3").await.unwrap();
        drop(conn);
        assert!(opens(line("a3", &["2", "3", "a", "a2"])).await);
        assert!(!opens(line("b2", &["2", "3", "b"])).await);
        // The first goes on; the copy does not come in by trying.
        assert!(opens(line("c", &["a2", "a3"])).await);
        assert!(!opens(line("d", &["2", "3", "b"])).await);
    }

    #[tokio::test]
    async fn an_agent_that_names_no_stream_is_let_in_and_absurd_names_are_not() {
        let (_folder, app) = app().await;
        let host = enrol(&app, "pc").await;
        assert!(app.open_stream(host, &line("1", &[])).await.unwrap());
        assert!(app.open_stream(host, &line("", &[])).await.unwrap());
        assert!(app.open_stream(host, &line("2", &[])).await.unwrap());
        let long = "x".repeat(LONGEST_NAME + 1);
        let many: Vec<&str> = vec!["x"; MOST_BEFORE + 1];
        for absurd in [line(&long, &[]), line("3", &[&long]), line("3", &many)] {
            assert!(matches!(app.open_stream(host, &absurd).await, Err(AppError::Invalid(_))));
        }
    }
}
