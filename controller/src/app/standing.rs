//! How all hosts stand. To judge thousands takes long, and pages, lists and figures ask all the
//! time: what was found is kept where it took long. Those that changed since are judged anew
//! before they are shown; all of them are now and then, since states age without any change.

use super::hosts::HostView;
use super::{App, AppError};
use crate::hub::Marks;
use chrono::{DateTime, TimeDelta, Utc};
use keepwatch_proto::ids::HostId;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A fleet that is judged within this time is judged anew whenever somebody asks.
const QUICK: Duration = Duration::from_millis(100);
/// How old what is kept may be before all are judged anew in the background.
pub const FRESH: TimeDelta = TimeDelta::seconds(30);
/// Older than this it is not shown any more. Nobody has looked for a while, then.
const OLD: TimeDelta = TimeDelta::seconds(120);
/// Hosts that are judged one by one before an answer. More of them wait for the background.
const FEW: usize = 32;
/// Hosts that are judged before others may run.
const AT_ONCE: usize = 200;
/// How long after somebody's last look it goes on in the background.
const ATTENTION: TimeDelta = TimeDelta::minutes(15);
/// The background takes at most one part in so many of the time.
const SHARE: u32 = 5;

/// What was found, where it is worth keeping.
#[derive(Default)]
pub struct Standing {
    kept: tokio::sync::Mutex<Option<Kept>>,
}

struct Kept {
    views: Arc<Vec<HostView>>,
    places: HashMap<HostId, usize>,
    at: DateTime<Utc>,
    looked: DateTime<Utc>,
    /// Judged one by one since `at`.
    touched: HashSet<HostId>,
}

impl Kept {
    fn new(views: Vec<HostView>, at: DateTime<Utc>) -> Self {
        let places = views.iter().enumerate().map(|(place, view)| (view.row.id, place)).collect();
        Self { views: Arc::new(views), places, at, looked: at, touched: HashSet::new() }
    }

    /// A clock that was set back serves nothing, either.
    fn serves(&self, now: DateTime<Utc>) -> bool {
        (TimeDelta::zero()..=OLD).contains(&(now - self.at))
    }
}

impl App {
    /// All of them, in the order in which they are listed.
    pub(super) async fn all_hosts(&self) -> Result<Arc<Vec<HostView>>, AppError> {
        let mut kept = self.standing.kept.lock().await;
        let now = self.clock.now();
        if let Some(there) = kept.as_mut().filter(|kept| kept.serves(now)) {
            there.looked = now;
            self.judge_few(there).await?;
            return Ok(there.views.clone());
        }
        // Taken before the look: what changes during it is marked again.
        self.hub.take_marks();
        let (views, took) = self.judge_all().await?;
        let found = Kept::new(views, now);
        let views = found.views.clone();
        *kept = (took >= QUICK).then_some(found);
        Ok(views)
    }

    /// Judges the few that have changed; more of them, and what is about the fleet, the background does.
    async fn judge_few(&self, kept: &mut Kept) -> Result<(), AppError> {
        let Some(changed) = self.hub.take_few(FEW) else { return Ok(()) };
        for host in changed {
            match (self.judged(host).await, kept.places.get(&host)) {
                (Ok(Some(view)), Some(place)) => {
                    Arc::make_mut(&mut kept.views)[*place] = view;
                    kept.touched.insert(host);
                }
                // One that came or went: all of them are read anew.
                (Ok(_), _) => self.hub.mark_fleet(),
                (Err(error), _) => {
                    self.hub.mark_fleet();
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    async fn judge_all(&self) -> Result<(Vec<HostView>, Duration), AppError> {
        let (begun, now) = (Instant::now(), self.clock.now());
        let (rows, fleet) = self.fleet_as_stored().await?;
        let mut views = Vec::with_capacity(rows.len());
        for row in rows {
            views.push(fleet.view(row, |host| self.hub.is_connected(host), now));
            if views.len().is_multiple_of(AT_ONCE) {
                tokio::task::yield_now().await;
            }
        }
        Ok((views, begun.elapsed()))
    }

    /// Judges all of them anew where something is kept and it is time. Gives how long to leave it.
    pub async fn refresh_standing(&self) -> Result<Duration, AppError> {
        let now = self.clock.now();
        {
            let mut kept = self.standing.kept.lock().await;
            let Some(there) = kept.as_mut().filter(|kept| now - kept.looked <= ATTENTION) else {
                return Ok(Duration::ZERO);
            };
            if now - there.at < FRESH && !self.hub.has_many_marks(FEW) {
                return Ok(Duration::ZERO);
            }
            there.touched.clear();
        }
        let marks: Marks = self.hub.take_marks();
        let (views, took) = match self.judge_all().await {
            Ok(found) => found,
            Err(error) => {
                self.hub.mark_fleet();
                return Err(error);
            }
        };
        let mut kept = self.standing.kept.lock().await;
        let mut found = Kept::new(views, now);
        if let Some(before) = kept.take() {
            // Those were judged by what came after this look had begun, maybe.
            before.touched.into_iter().for_each(|host| self.hub.mark(host));
            found.looked = before.looked;
        }
        *kept = (took >= QUICK).then_some(found);
        drop(kept);
        if !marks.is_empty() {
            self.hub.show_anew();
        }
        Ok(took * (SHARE - 1))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::app::tests::{administrator, app, enrol};

    /// As if to judge them took long.
    async fn keep(app: &App) {
        let (views, _) = app.judge_all().await.unwrap();
        app.hub.take_marks();
        *app.standing.kept.lock().await = Some(Kept::new(views, app.clock.now()));
    }

    #[tokio::test]
    async fn what_changed_is_judged_anew_and_the_rest_is_kept() {
        let (_folder, app) = app().await;
        let (one, two) = (enrol(&app, "pc-1").await, enrol(&app, "pc-2").await);
        keep(&app).await;
        let kept = app.all_hosts().await.unwrap();
        assert!(Arc::ptr_eq(&kept, &app.all_hosts().await.unwrap()), "nothing changed");
        app.revoke_host(&administrator(), &one.to_string()).await.unwrap();
        let views = app.all_hosts().await.unwrap();
        let revoked = |host| views.iter().find(|view| view.row.id == host).unwrap().row.revoked != 0;
        assert!(revoked(one) && !revoked(two));
        assert!(!kept.iter().any(|view| view.row.revoked != 0), "who looks at the former sees the former");
    }

    #[tokio::test]
    async fn a_new_one_and_the_passing_of_time_show_after_a_refresh() {
        let (_folder, app) = app().await;
        enrol(&app, "pc-1").await;
        keep(&app).await;
        enrol(&app, "pc-2").await;
        app.hub.tell(crate::hub::Change::Fleet);
        app.all_hosts().await.unwrap();
        app.refresh_standing().await.unwrap();
        assert_eq!(app.all_hosts().await.unwrap().len(), 2);
        assert!(!app.hub.has_many_marks(0), "all that was marked was judged");
    }
}
