//! What a host's ledger and this database know of the host's jobs, made one again. Either may have
//! lost something; the host is right about what it works on.

use super::events::advance;
use super::{App, AppError};
use crate::store::{self, Conn};
use keepwatch_proto::ids::HostId;
use keepwatch_proto::job::{Ended, JobState, KnownJobs};

/// Why a job is lost that its PC does not know.
const FORGOTTEN: &str = "its PC does not know of it any more: it was set up anew, or its own records were damaged";
/// Why a job has expired that its PC does not ask for any more.
const GIVEN_UP: &str = "its PC does not ask for it any more: its policy changed, it was done otherwise, or the PC \
                        is in use, on battery or on a metered line";
/// What is left of an end that was told and then lost.
const ENDED_BEFORE: &str = "it ended like this, and what else was told of it was lost with the controller's database";

impl App {
    /// Takes over what a host's ledger says. All its events up to then are in.
    pub(super) async fn agree(&self, conn: &mut Conn, host: HostId, known: &KnownJobs) -> Result<(), AppError> {
        for job in &known.running {
            // Most run here, too.
            if advance(conn, host, *job, JobState::Running).await? {
                store::jobs::turned_up(conn, *job).await?;
                // It counts again.
                if store::jobs::get(conn, *job).await?.is_some_and(|row| row.kind == "backup") {
                    store::slots::begin(conn, host, *job, self.now()).await?;
                }
                self.note(conn, *job, "it turned up again: its PC works on it").await?;
            }
        }
        for (job, outcome) in &known.ended {
            let here = store::jobs::get(conn, *job).await?.is_some_and(|row| row.state.0.may_become(*outcome));
            if here {
                let ended = Ended { outcome: *outcome, ..Ended::failed(ENDED_BEFORE) };
                self.end(conn, host, *job, self.now(), &ended).await?;
            }
        }
        for open in store::jobs::open_of(conn, host).await? {
            let (state, why) = match open.state.0 {
                JobState::Running if !known.running.contains(&open.id) => (JobState::Lost, FORGOTTEN),
                // What staff asked for waits on; what the host itself would do, it asks for anew.
                JobState::Waiting if known.waiting != Some(open.id) && !open.is_asked() => {
                    (JobState::Expired, GIVEN_UP)
                }
                _ => continue,
            };
            if store::jobs::step(conn, open.id, open.state.0, state).await? {
                store::jobs::given_up(conn, open.id, self.now(), why).await?;
                store::slots::release(conn, host, open.id).await?;
                store::hosts::bump(conn, host).await?;
                self.note(conn, open.id, why).await?;
            }
        }
        Ok(())
    }
}
