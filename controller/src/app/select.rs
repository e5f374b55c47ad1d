//! Which hosts are meant, and what is asked of all of them at once.

use super::audit::{Actor, Role};
use super::groups::{meant, tree};
use super::hosts::{HostView, names_of, pick};
use super::jobs::{JobView, Wish};
use super::pages::{Page, cut};
use super::{App, AppError};
use crate::plan::health::Reason;
use crate::plan::tree::Tree;
use crate::store::{self, jobs::JobRow};
use chrono::DateTime;
use keepwatch_proto::ids::{HostId, JobId};
use keepwatch_proto::job::JobSpec;
use keepwatch_proto::selection::{Query, Selection, Subject};
use std::collections::{HashMap, HashSet};

/// Names and ids in one selection.
const MOST_NAMES: usize = 10_000;

/// What came of asking many.
#[derive(Debug, Default)]
pub struct Asked {
    /// What was queued, or had been by the same key.
    pub jobs: Vec<JobView>,
    /// Those that it was not asked of, and why.
    pub refused: Vec<(String, String)>,
}

/// What staff can do to jobs that have not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Call them off.
    Cancel,
    /// Let them wait.
    Pause,
    /// Let them go on.
    Resume,
}

impl Change {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }

    /// By its word.
    pub fn parse(word: &str) -> Result<Self, AppError> {
        match word {
            "cancel" => Ok(Self::Cancel),
            "pause" => Ok(Self::Pause),
            "resume" => Ok(Self::Resume),
            other => Err(AppError::Invalid(format!(
                "'{}' is nothing that can be done to a job; write cancel, pause or resume",
                other.escape_debug()
            ))),
        }
    }
}

/// Which jobs are listed.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this host; empty: of any.
    pub host: String,
    /// Of hosts in this group and below; empty: in any.
    pub group: String,
    /// In this state; `open`, `ended`; empty: in any.
    pub state: String,
    /// Of this kind; empty: of any.
    pub kind: String,
    /// Created then or later; Unix seconds.
    pub since: i64,
    /// Which page of them.
    pub page: Page,
}

/// Hosts of a group that are asked for their jobs one by one.
const FEW: usize = 64;
/// Jobs on a page where nobody says how many.
const LISTED: u32 = 50;

impl App {
    /// The hosts that are meant. A name that is nobody's, or several hosts', is an error.
    pub async fn select(&self, actor: &Actor, selection: &Selection) -> Result<Vec<HostView>, AppError> {
        if selection.is_empty() {
            return Err(AppError::Invalid("nobody is meant; name PCs, a group or a query".into()));
        }
        if selection.names.len() > MOST_NAMES {
            return Err(AppError::Invalid(format!("more than {MOST_NAMES} names; name a group or a query")));
        }
        let query = Some(selection.query.trim()).filter(|query| !query.is_empty());
        let query = query.map(Query::parse).transpose().map_err(|error| AppError::Invalid(error.to_string()))?;
        let mut hosts: Vec<HostView> = self.hosts(actor).await?.to_vec();
        if !selection.names.is_empty() {
            let mut seen = HashSet::new();
            let places: HashMap<HostId, usize> =
                hosts.iter().enumerate().map(|(place, host)| (host.row.id, place)).collect();
            // Thousands may be named by their ids.
            let by_id = |name: &str| name.parse().ok().and_then(|id: HostId| places.get(&id)).map(|at| &hosts[*at]);
            let one = |name: &String| by_id(name).map_or_else(|| pick(&hosts, |host| &host.row, name), Ok);
            let named: Result<Vec<&HostView>, _> = selection.names.iter().map(one).collect();
            hosts = named?.into_iter().filter(|host| seen.insert(host.row.id)).cloned().collect();
        }
        if !selection.group.is_empty() {
            let mut conn = self.store.read().await?;
            let tree = tree(&mut conn).await?;
            let below = tree.and_below(&meant(&tree, &selection.group)?);
            hosts.retain(|host| below.contains(&host.row.group_name));
        }
        if let Some(query) = query {
            let now = self.clock.now();
            hosts.retain(|host| query.fits(&subject(host, &words(host)), now));
        }
        // Who may not come any more is meant only by name, to be told so.
        hosts.retain(|host| selection.is_by_name() || host.row.revoked == 0);
        Ok(hosts)
    }

    /// Asks many hosts for a scan, a backup or a trial. The same key again means the same jobs: whoever
    /// heard no answer may ask once more.
    pub async fn ask_many(
        &self,
        actor: &Actor,
        selection: &Selection,
        spec: &JobSpec,
        key: &str,
    ) -> Result<Asked, AppError> {
        self.demand(actor, Role::Operator, "job create").await?;
        if key.len() > 64 || !key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Err(AppError::Invalid("a key has letters, digits and dashes, at most 64 of them".into()));
        }
        let hosts = self.select(actor, selection).await?;
        let policies = self.policies().await?;
        let (mut asked, mut ids) = (Asked::default(), Vec::new());
        let mut tx = self.store.begin().await?;
        for host in &hosts {
            let policy = policies.of(&host.row.group_name);
            let queued = match Wish::of(spec, &policy) {
                Ok(wish) => self.queue_in(&mut tx, actor, &host.row, wish, key).await,
                Err(error) => Err(error),
            };
            match queued {
                Ok(id) => ids.push(id),
                // One of them is no reason for the others not to be asked.
                Err(error @ (AppError::Conflict(_) | AppError::Invalid(_))) => {
                    asked.refused.push((host.name().to_owned(), error.to_string()));
                }
                Err(error) => return Err(error),
            }
        }
        store::commit(tx).await?;
        hosts.iter().for_each(|host| self.hub.poke(host.row.id));
        for id in ids {
            asked.jobs.push(self.job(actor, &id.to_string()).await?);
        }
        Ok(asked)
    }

    /// Changes these jobs, and what has not ended on the hosts that are meant. Says which were changed,
    /// and which were not and why.
    pub async fn change_many(
        &self,
        actor: &Actor,
        jobs: &[String],
        hosts: &Selection,
        kind: &str,
        change: Change,
    ) -> Result<(Vec<JobId>, Vec<(String, String)>), AppError> {
        let mut wanted: Vec<String> = jobs.to_vec();
        if !hosts.is_empty() {
            let hosts = self.select(actor, hosts).await?;
            let mut conn = self.store.read().await?;
            for host in hosts {
                let open = store::jobs::open_of(&mut conn, host.row.id).await?;
                let fits = open.into_iter().filter(|row| kind.is_empty() || row.kind == kind);
                wanted.extend(fits.filter(|row| suits(row, change)).map(|row| row.id.to_string()));
            }
        } else if jobs.is_empty() {
            return Err(AppError::Invalid("no job is meant; name jobs, or PCs, a group or a query".into()));
        }
        let (mut changed, mut refused) = (Vec::new(), Vec::new());
        for job in wanted {
            let done = match change {
                Change::Cancel => self.cancel_job(actor, &job).await,
                Change::Pause => self.pause_job(actor, &job, true).await,
                Change::Resume => self.pause_job(actor, &job, false).await,
            };
            match (done, job.parse()) {
                (Ok(()), Ok(id)) => changed.push(id),
                (Err(error @ (AppError::Conflict(_) | AppError::NotFound(_))), _) => {
                    refused.push((job, error.to_string()));
                }
                (Err(error), _) => return Err(error),
                (Ok(()), Err(_)) => {}
            }
        }
        Ok((changed, refused))
    }

    /// One page of jobs, the newest first, and where the next begins; empty: there is none.
    pub async fn find_jobs(&self, actor: &Actor, filter: &Filter) -> Result<(Vec<JobView>, String), AppError> {
        let host = self.host_filter(actor, &filter.host).await?;
        let (size, (before, last)) = (filter.page.size(LISTED), filter.page.place()?);
        if !["", "open", "ended"].contains(&filter.state.as_str()) {
            filter.state.parse::<keepwatch_proto::job::JobState>().map_err(|e| AppError::Invalid(e.to_string()))?;
        }
        let mut conn = self.store.read().await?;
        let tree = tree(&mut conn).await?;
        let group = if filter.group.is_empty() { String::new() } else { meant(&tree, &filter.group)? };
        // Of a few hosts it is quicker to ask each than to walk over what all others did.
        let few = if group.is_empty() || host.is_some() { None } else { self.few_in(actor, &tree, &group).await? };
        let wanted = store::jobs::Wanted {
            host: host.map(|host| host.to_string()).unwrap_or_default(),
            group,
            state: filter.state.clone(),
            kind: filter.kind.clone(),
            since: filter.since,
            before,
            last,
        };
        let rows = match few {
            None => store::jobs::find(&mut conn, &wanted, size + 1).await?,
            Some(hosts) => {
                let mut rows = Vec::new();
                for host in hosts {
                    let of_one = store::jobs::Wanted { host: host.to_string(), group: String::new(), ..wanted.clone() };
                    rows.extend(store::jobs::find(&mut conn, &of_one, size + 1).await?);
                }
                rows.sort_by_key(|row| std::cmp::Reverse((row.created, row.id.to_string())));
                rows.truncate(size as usize + 1);
                rows
            }
        };
        let names = names_of(&mut conn, rows.iter().map(|row| row.host)).await?;
        drop(conn);
        let (rows, next) = cut(rows, size, |row| (row.created, row.id.to_string()));
        Ok((rows.into_iter().map(|row| self.view_job(&names, row)).collect(), next))
    }
}

impl App {
    /// The hosts of a group and below it, where they are few.
    async fn few_in(&self, actor: &Actor, tree: &Tree, group: &str) -> Result<Option<Vec<HostId>>, AppError> {
        let below = tree.and_below(group);
        let hosts = self.hosts(actor).await?;
        let within = hosts.iter().filter(|host| below.contains(&host.row.group_name)).map(|host| host.row.id);
        let some: Vec<HostId> = within.take(FEW + 1).collect();
        Ok(Some(some).filter(|some| some.len() <= FEW))
    }

    /// Those of the jobs that are listed so, at most so many, that a change makes sense for.
    pub async fn changeable(
        &self,
        actor: &Actor,
        filter: &Filter,
        change: Change,
        limit: u32,
    ) -> Result<Vec<JobView>, AppError> {
        let open = ["queued", "waiting", "offered", "running"].contains(&filter.state.as_str());
        let state = if open { filter.state.clone() } else { "open".into() };
        let page = Page { limit, after: filter.page.after.clone() };
        let (jobs, _) = self.find_jobs(actor, &Filter { state, page, ..filter.clone() }).await?;
        Ok(jobs.into_iter().filter(|job| suits(&job.row, change)).collect())
    }
}

/// Whether a change makes sense for a job that was not named itself.
fn suits(row: &JobRow, change: Change) -> bool {
    let can_wait = matches!(row.spec.0, JobSpec::Scan { .. } | JobSpec::Backup { .. });
    match change {
        Change::Cancel => row.cancel == 0,
        Change::Pause => can_wait && row.paused == 0,
        Change::Resume => can_wait && row.paused != 0,
    }
}

pub(super) fn words(host: &HostView) -> Vec<&'static str> {
    host.reasons.iter().copied().map(Reason::word).collect()
}

pub(super) fn subject<'a>(host: &'a HostView, reasons: &'a [&'a str]) -> Subject<'a> {
    let moment = |seconds: i64| DateTime::from_timestamp(seconds, 0).filter(|_| seconds != 0);
    Subject {
        name: host.name(),
        state: host.state.word(),
        reasons,
        system: &host.row.facts.0.system,
        connected: host.connected,
        last_backup: moment(host.last_backup),
        last_scan: moment(host.last_scan),
        last_seen: moment(host.row.last_seen),
    }
}
