//! How bundles of signatures spread: which one a host is offered, what hosts answered, and what staff
//! decide about it. `plan/rollout` says who gets what; a bundle that hosts refuse halts by itself.

use super::audit::{Actor, Deed, Role};
use super::found::itself;
use super::policies::Policies;
use super::{App, AppError};
use crate::plan::rollout::{self, Published, Reached, Standing, State};
use crate::store::{self, Conn, bundles::BundleRow, hosts::HostRow, offers::OfferRow};
use chrono::{DateTime, TimeDelta, Utc};
use keepwatch_proto::ids::HostId;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

/// Hosts by how a bundle stands with them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spread {
    /// They run it.
    pub have: u32,
    /// They were offered it and have not answered.
    pub offered: u32,
    /// Their turn has not come, or it is halted.
    pub wait: u32,
    /// They refused it.
    pub refused: u32,
    /// They have, or are offered, a newer one.
    pub passed: u32,
}

/// How a bundle stands with one ring, or with one group of it.
#[derive(Debug, Clone)]
pub struct Ring {
    /// The group; empty: all that wait as long.
    pub group: String,
    /// How long a bundle waits for it.
    pub wait: TimeDelta,
    /// From when on it has this one; `None`: not while it is halted.
    pub due: Option<DateTime<Utc>>,
    /// Its hosts.
    pub hosts: Spread,
}

/// One bundle's way through the fleet.
#[derive(Debug, Clone)]
pub struct Rollout {
    /// The bundle.
    pub bundle: BundleRow,
    /// How it stands.
    pub state: State,
    /// All hosts.
    pub hosts: Spread,
    /// Ring by ring, the first one first.
    pub rings: Vec<Ring>,
}

/// A host that refused a bundle.
#[derive(Debug, Clone)]
pub struct RefusedBy {
    /// Which.
    pub host: HostId,
    /// Its name.
    pub name: String,
    /// Its group.
    pub group: String,
    /// When; Unix seconds.
    pub at: i64,
    /// Why.
    pub reason: String,
}

/// One of them in full.
#[derive(Debug, Clone)]
pub struct RolloutInFull {
    /// As a list shows it.
    pub rollout: Rollout,
    /// Group by group, those that wait longest last.
    pub groups: Vec<Ring>,
    /// Who refused it.
    pub refused: Vec<RefusedBy>,
}

/// Bundles of which it is remembered who was offered them.
const REMEMBERED: i64 = 200;
/// Bundles that are listed where nobody says how many.
const LISTED: usize = 20;
/// Longest reason for a halt, in characters.
const LONGEST_REASON: usize = 500;

impl Spread {
    fn count(&mut self, standing: Standing) {
        *match standing {
            Standing::Has => &mut self.have,
            Standing::Offered => &mut self.offered,
            Standing::Waits => &mut self.wait,
            Standing::Refused => &mut self.refused,
            Standing::Passed => &mut self.passed,
        } += 1;
    }

    /// Hosts whose answer is still to come.
    fn open(&self) -> u32 {
        self.offered + self.wait
    }
}

/// What is decided by.
pub(super) fn published(row: &BundleRow) -> Published {
    Published {
        version: row.version,
        at: DateTime::from_timestamp(row.published, 0).unwrap_or_default(),
        halted: row.halted != 0,
        everywhere: DateTime::from_timestamp(row.everywhere, 0).filter(|_| row.everywhere != 0),
    }
}

/// All that says who has and gets which bundle.
struct Fleet {
    /// The newest first.
    bundles: Vec<BundleRow>,
    published: Vec<Published>,
    /// Hosts that are not cut off, each with its group's wait.
    hosts: Vec<(HostRow, TimeDelta)>,
    offers: Vec<OfferRow>,
    now: DateTime<Utc>,
    /// Names the groups.
    policies: Arc<Policies>,
}

impl App {
    /// The bundle that a host is offered now, which is put on record.
    pub(super) async fn offer(
        &self,
        conn: &mut Conn,
        host: &HostRow,
        wait: TimeDelta,
    ) -> Result<Option<BundleRow>, AppError> {
        // What has been given cannot be taken back: a clock that jumped ahead gives it to nobody.
        let now = self.believed_now();
        let bundles = store::bundles::from_newest_out(conn, wait.num_seconds(), now.timestamp()).await?;
        let bundles = self.served(bundles);
        let reached = Reached { has: host.bundle, seen: store::offers::newest_to(conn, host.id).await? };
        let all: Vec<Published> = bundles.iter().map(published).collect();
        let version = rollout::offered(&all, wait, reached, now);
        if let Some(version) = version.filter(|version| *version > host.bundle) {
            store::offers::offer(conn, version, host.id, self.now()).await?;
        }
        Ok(bundles.into_iter().find(|row| Some(row.version) == version))
    }

    /// Those that hosts can fetch here, of bundles the newest first. Another controller over the same
    /// database may have published one whose files have not come here yet.
    fn served(&self, bundles: Vec<BundleRow>) -> Vec<BundleRow> {
        let here = |row: &BundleRow| self.signing.timestamp(u64::try_from(row.version).unwrap_or(0)).is_some();
        bundles.into_iter().filter(here).collect()
    }

    /// The signed metadata by which the bundle that a host is offered is the current one; `None`: the
    /// newest's.
    pub async fn timestamp_of(&self, host: HostId) -> Result<Option<PathBuf>, AppError> {
        let mut conn = self.store.read().await?;
        let offered = store::offers::newest_to(&mut conn, host).await?;
        Ok(self.signing.timestamp(u64::try_from(offered).unwrap_or(0)))
    }

    /// The oldest version that some group's hosts are, or will be, offered.
    pub(super) async fn oldest_needed(&self, conn: &mut Conn) -> Result<u64, AppError> {
        let policies = Policies::read(conn).await?;
        let bundles: Vec<Published> = store::bundles::list(conn).await?.iter().map(published).collect();
        let groups = store::groups::list(conn).await?;
        let waits = groups.iter().map(|group| policies.of(&group.name).signatures.wait());
        let out = waits.map(|wait| rollout::newest_out(&bundles, wait, self.believed_now()));
        Ok(u64::try_from(out.min().unwrap_or(0)).unwrap_or(0))
    }

    /// A host took a bundle into use.
    pub(super) async fn bundle_taken(&self, conn: &mut Conn, host: HostId, version: u64) -> Result<(), AppError> {
        store::hosts::set_bundle_refused(conn, host, "").await?;
        let version = i64::try_from(version).unwrap_or(i64::MAX);
        Ok(store::offers::taken(conn, version, host, self.now()).await?)
    }

    /// A host refused a bundle, which may halt it. Says whether it did.
    pub(super) async fn bundle_refused(
        &self,
        conn: &mut Conn,
        host: HostId,
        version: u64,
        reason: &str,
    ) -> Result<bool, AppError> {
        let version = i64::try_from(version).unwrap_or(i64::MAX);
        let Some(bundle) = store::bundles::get(conn, version).await? else { return Ok(false) };
        // What it says again, or of what it was never offered, is no news and costs nobody a count.
        if !store::offers::refused(conn, version, host, (self.now(), bundle.resumed), reason).await? {
            return Ok(false);
        }
        tracing::warn!(%host, version, reason, "a bundle was refused");
        store::hosts::set_bundle_refused(conn, host, reason).await?;
        let answers = store::offers::answers(conn, version, bundle.resumed).await?;
        let count = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
        if !rollout::is_bad(count(answers.answered), count(answers.refused)) {
            return Ok(false);
        }
        let why = format!("{} of {} hosts that answered refused it", answers.refused, answers.answered);
        self.stop(conn, &itself(), version, &why).await
    }

    /// Halts a bundle. Says whether it went on before.
    async fn stop(&self, conn: &mut Conn, actor: &Actor, version: i64, why: &str) -> Result<bool, AppError> {
        if !store::bundles::halt(conn, version, self.now(), &actor.user, why).await? {
            return Ok(false);
        }
        let object = format!("bundle {version}");
        tracing::warn!(version, why, by = actor.user, "a bundle goes no further");
        self.record(conn, actor, &Deed { action: "rollouts halt", object: &object, detail: why }).await?;
        store::hosts::bump_all(conn).await?;
        Ok(true)
    }

    /// Staff halt a bundle: whoever has it keeps it, and nobody else gets it.
    pub async fn halt_rollout(&self, actor: &Actor, version: u64, why: &str) -> Result<(), AppError> {
        self.demand(actor, Role::Operator, "rollouts halt").await?;
        let why = why.trim();
        if why.is_empty() || why.chars().count() > LONGEST_REASON || why.chars().any(char::is_control) {
            return Err(AppError::Invalid(format!(
                "say why with --reason, in 1 to {LONGEST_REASON} printable characters"
            )));
        }
        let mut tx = self.store.begin().await?;
        let bundle = known(&mut tx, version).await?;
        if !self.stop(&mut tx, actor, bundle.version, why).await? {
            let why = &bundle.halted_why;
            return Err(match bundle.halted_by == itself().user {
                true => AppError::Conflict(format!("bundle {version} is halted already, by itself: {why}")),
                false => AppError::Conflict(format!("bundle {version} is halted already, by staff: {why}")),
            });
        }
        store::commit(tx).await?;
        self.hub.poke_all();
        Ok(())
    }

    /// Staff let a halted bundle go on. What was answered before does not halt it again.
    pub async fn resume_rollout(&self, actor: &Actor, version: u64) -> Result<(), AppError> {
        self.demand(actor, Role::Operator, "rollouts resume").await?;
        let mut tx = self.store.begin().await?;
        let bundle = known(&mut tx, version).await?;
        // From the next second on: what was answered in this one halted it.
        if !store::bundles::resume(&mut tx, bundle.version, self.now() + 1).await? {
            return Err(AppError::Conflict(format!("bundle {version} is not halted")));
        }
        let object = format!("bundle {version}");
        let deed = Deed { action: "rollouts resume", object: &object, detail: &bundle.halted_why };
        self.record(&mut tx, actor, &deed).await?;
        store::hosts::bump_all(&mut tx).await?;
        store::commit(tx).await?;
        self.hub.poke_all();
        Ok(())
    }

    /// Staff give a bundle to every ring at once.
    pub async fn spread_now(&self, actor: &Actor, version: u64) -> Result<(), AppError> {
        self.demand(actor, Role::Administrator, "rollouts now").await?;
        let mut tx = self.store.begin().await?;
        let bundle = known(&mut tx, version).await?;
        if bundle.halted != 0 {
            return Err(AppError::Conflict(format!(
                "bundle {version} is halted; let it go on first, with 'keepwatch rollouts resume {version}'"
            )));
        }
        store::bundles::set_everywhere(&mut tx, bundle.version, self.now()).await?;
        let object = format!("bundle {version}");
        self.record(&mut tx, actor, &Deed { action: "rollouts now", object: &object, detail: "every ring" }).await?;
        store::hosts::bump_all(&mut tx).await?;
        store::commit(tx).await?;
        self.hub.poke_all();
        Ok(())
    }

    /// Has hosts look whose turn has come since `after`. Returns up to when that is done.
    pub async fn release_due(&self, after: DateTime<Utc>) -> Result<DateTime<Utc>, AppError> {
        let now = self.believed_now();
        let mut tx = self.store.begin().await?;
        let policies = Policies::read(&mut tx).await?;
        let bundles: Vec<Published> = store::bundles::list(&mut tx).await?.iter().map(published).collect();
        let mut due = BTreeSet::new();
        for group in store::groups::list(&mut tx).await? {
            let wait = policies.of(&group.name).signatures.wait();
            // Those that do not wait were told when it was published.
            if !wait.is_zero() && rollout::has_turn(&bundles, wait, after, now) {
                store::hosts::bump_group(&mut tx, &group.name).await?;
                due.insert(group.name);
            }
        }
        if due.is_empty() {
            return Ok(now);
        }
        let hosts = store::hosts::list(&mut tx).await?;
        store::commit(tx).await?;
        hosts.iter().filter(|host| due.contains(&host.group_name)).for_each(|host| self.hub.poke(host.id));
        Ok(now)
    }

    /// How the newest bundles spread, the newest first; `limit` 0: as many as people read.
    /// The second word: whether there are more.
    pub async fn rollouts(&self, _actor: &Actor, limit: u32) -> Result<(Vec<Rollout>, bool), AppError> {
        let limit = if limit == 0 { LISTED } else { usize::try_from(limit).unwrap_or(LISTED) };
        let fleet = self.spreading(limit).await?;
        let rollouts = fleet.bundles.iter().take(limit).map(|bundle| fleet.rollout(bundle)).collect();
        Ok((rollouts, fleet.bundles.len() > limit))
    }

    /// How one bundle spreads: by ring and by group, and who refused it.
    pub async fn rollout(&self, _actor: &Actor, version: u64) -> Result<RolloutInFull, AppError> {
        let bundle = {
            let mut conn = self.store.read().await?;
            known(&mut conn, version).await?
        };
        let fleet = self.spreading(usize::MAX).await?;
        let names: HashMap<HostId, &HostRow> = fleet.hosts.iter().map(|(host, _)| (host.id, host)).collect();
        let refusals = fleet.offers.iter().filter(|o| o.version == bundle.version && o.refused != 0);
        let refused = refusals.filter_map(|offer| {
            let host = names.get(&offer.host)?;
            Some(RefusedBy {
                host: host.id,
                name: host.facts.0.name.clone(),
                group: fleet.policies.tree().path(&host.group_name),
                at: offer.refused,
                reason: offer.reason.clone(),
            })
        });
        let mut refused: Vec<RefusedBy> = refused.collect();
        refused.sort_by(|a, b| (&a.name, a.host).cmp(&(&b.name, b.host)));
        let groups = fleet.by(&bundle, |host, wait| (wait, fleet.policies.tree().path(&host.group_name)));
        Ok(RolloutInFull { rollout: fleet.rollout(&bundle), groups, refused })
    }

    /// Reads it, with the answers to the newest `answers` bundles.
    async fn spreading(&self, answers: usize) -> Result<Fleet, AppError> {
        let mut conn = self.store.read().await?;
        let policies = Policies::read(&mut conn).await?;
        let bundles = store::bundles::list(&mut conn).await?;
        let oldest = bundles.iter().take(answers).next_back().map_or(0, |bundle| bundle.version);
        let hosts = store::hosts::list(&mut conn).await?.into_iter().filter(|host| host.revoked == 0);
        let with_wait = |host: HostRow| {
            let wait = policies.of(&host.group_name).signatures.wait();
            (host, wait)
        };
        Ok(Fleet {
            hosts: hosts.map(with_wait).collect(),
            published: self.served(bundles.clone()).iter().map(published).collect(),
            offers: store::offers::list_from(&mut conn, oldest).await?,
            bundles,
            now: self.believed_now(),
            policies: policies.clone(),
        })
    }
}

impl Fleet {
    fn rollout(&self, bundle: &BundleRow) -> Rollout {
        let rings = self.by(bundle, |_, wait| (wait, String::new()));
        let all = self.by(bundle, |_, _| (TimeDelta::zero(), String::new()));
        let hosts = all.first().map(|all| all.hosts).unwrap_or_default();
        let out = rings.iter().map(|ring| rollout::newest_out(&self.published, ring.wait, self.now));
        let everywhere = out.min().unwrap_or_else(|| self.published.first().map_or(0, |newest| newest.version));
        let state = rollout::state(&published(bundle), everywhere, hosts.open());
        Rollout { bundle: bundle.clone(), state, hosts, rings }
    }

    /// How a bundle stands with the hosts, counted by what `key` says.
    fn by(&self, bundle: &BundleRow, key: impl Fn(&HostRow, TimeDelta) -> (TimeDelta, String)) -> Vec<Ring> {
        let (mut seen, mut refused) = (HashMap::new(), BTreeSet::new());
        for offer in &self.offers {
            let newest = seen.entry(offer.host).or_insert(0);
            *newest = offer.version.max(*newest);
            if offer.version == bundle.version && offer.refused != 0 {
                refused.insert(offer.host);
            }
        }
        let mut counted = BTreeMap::<_, Spread>::new();
        for (host, wait) in &self.hosts {
            let reached = Reached { has: host.bundle, seen: seen.get(&host.id).copied().unwrap_or(0) };
            let offer = rollout::offered(&self.published, *wait, reached, self.now);
            let standing = rollout::standing(bundle.version, reached, offer, refused.contains(&host.id));
            counted.entry(key(host, *wait)).or_default().count(standing);
        }
        let ring = |((wait, group), hosts)| Ring { group, wait, due: published(bundle).due(wait), hosts };
        counted.into_iter().map(ring).collect()
    }
}

/// Forgets who was offered what, long ago.
pub(super) async fn forget_old(conn: &mut Conn, newest: i64) -> Result<(), AppError> {
    Ok(store::offers::forget_before(conn, newest - REMEMBERED).await?)
}

async fn known(conn: &mut Conn, version: u64) -> Result<BundleRow, AppError> {
    let number = i64::try_from(version).unwrap_or(i64::MAX);
    store::bundles::get(conn, number)
        .await?
        .ok_or_else(|| AppError::NotFound(format!("there is no bundle {version}; 'keepwatch rollouts' shows them")))
}
