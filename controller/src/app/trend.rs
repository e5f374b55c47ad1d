//! How the fleet stood: kept once a day, since it cannot be told afterwards. A day on which the
//! controller did not run stays a gap.

use super::{App, AppError};
use crate::plan::health::Figures;
use crate::store;
use crate::store::trend::{FLEET, SpaceRow, TrendRow};
use std::collections::HashMap;

/// Seconds of a day.
pub(super) const DAY: i64 = 24 * 60 * 60;
/// So many days are kept: two years and some weeks.
const KEPT: i64 = 800;

impl App {
    /// The day that it is: days since 1970-01-01, UTC.
    pub(super) fn today(&self) -> i64 {
        self.now().div_euclid(DAY)
    }

    /// Keeps today's figures, unless they are kept already. Says whether it did.
    pub async fn keep_day(&self) -> Result<bool, AppError> {
        let day = self.today();
        // A false date would stay, and could push out what is true.
        if self.clock_doubt().is_some() {
            return Ok(false);
        }
        let mut conn = self.store.read().await?;
        if store::trend::has(&mut conn, day).await? {
            return Ok(false);
        }
        drop(conn);
        self.measure_repositories().await?;
        let hosts = self.all_hosts().await?;
        let mut groups: HashMap<&str, Figures> = HashMap::new();
        for host in hosts.iter() {
            let figures = groups.entry(&host.row.group_name).or_default();
            figures.open_detections += host.open_detections;
            // One that was changed this very moment is looked at tomorrow.
            figures.repository_bytes += self.repositories.usage_at_hand(host.row.id).map_or(0, |usage| usage.bytes);
            figures.count(host.state, &host.reasons);
        }
        let mut fleet = Figures::default();
        groups.values().for_each(|figures| fleet += *figures);
        let space = self.space().await.unwrap_or_default();
        let mut tx = self.store.begin().await?;
        let room = SpaceRow { day, taken: self.now(), free: signed(space.available), total: signed(space.all) };
        // Another controller may have been first.
        if !store::trend::begin(&mut tx, &room).await? {
            return Ok(false);
        }
        for (group, figures) in groups.into_iter().chain([(FLEET, fleet)]) {
            store::trend::insert(&mut tx, &row(day, group, &figures)).await?;
        }
        store::trend::forget(&mut tx, day - KEPT).await?;
        store::commit(tx).await?;
        Ok(true)
    }
}

/// Figures as they are kept.
pub(super) fn row(day: i64, group: &str, figures: &Figures) -> TrendRow {
    TrendRow {
        day,
        group_name: group.to_owned(),
        protected: figures.protected.into(),
        attention: figures.attention.into(),
        at_risk: figures.at_risk.into(),
        unknown: figures.unknown.into(),
        open_detections: figures.open_detections.into(),
        repository_bytes: signed(figures.repository_bytes),
    }
}

pub(super) fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::app::tests::{app, enrol, enrol_into};
    use chrono::{DateTime, TimeDelta, Utc};
    use keepwatch_proto::clock::Clock;
    use std::sync::Arc;

    #[tokio::test]
    async fn a_day_is_kept_once_a_gap_stays_a_gap_and_the_oldest_go() {
        let (_folder, mut app) = app().await;
        let begin: DateTime<Utc> = "2026-01-01T23:50:00Z".parse().unwrap();
        let is = |app: &mut Arc<App>, days: i64| {
            Arc::get_mut(app).unwrap().clock = Clock::fixed(begin + TimeDelta::days(days));
        };
        is(&mut app, 0);
        app.create_group(&crate::app::tests::administrator(), "Tax", "all").await.unwrap();
        enrol(&app, "pc-1").await;
        enrol_into(&app, "pc-2", "Tax").await;
        enrol_into(&app, "pc-3", "Tax").await;
        let first = app.today();
        assert!(app.keep_day().await.unwrap());
        assert!(!app.keep_day().await.unwrap(), "it is kept already");
        is(&mut app, 3);
        assert!(app.keep_day().await.unwrap());
        let mut conn = app.store.read().await.unwrap();
        let rows = store::trend::of(&mut conn, FLEET, first, first + 10).await.unwrap();
        let stood: Vec<_> = rows.iter().map(|row| (row.day - first, row.unknown)).collect();
        // Nobody has heard of them.
        assert_eq!(stood, [(0, 3), (3, 3)]);
        let root = store::trend::of(&mut conn, store::groups::ROOT, first, first + 1).await.unwrap();
        assert_eq!((root.len(), root[0].unknown), (1, 1));
        let room = store::trend::space(&mut conn, first, first + 10).await.unwrap();
        assert!(room.len() == 2 && room[0].total >= room[0].free, "{room:?}");
        drop(conn);
        is(&mut app, 802);
        assert!(app.keep_day().await.unwrap());
        let mut conn = app.store.read().await.unwrap();
        let days: Vec<_> = store::trend::space(&mut conn, 0, i64::MAX).await.unwrap();
        assert_eq!(days.iter().map(|row| row.day - first).collect::<Vec<_>>(), [3, 802]);
    }

    #[tokio::test]
    async fn a_clock_that_is_doubted_dates_nothing() {
        let (_folder, mut app) = app().await;
        app.look_at_clock().await.unwrap();
        let far = app.clock.now() + TimeDelta::days(4000);
        Arc::get_mut(&mut app).unwrap().clock = Clock::fixed(far);
        assert!(!app.keep_day().await.unwrap());
    }
}
