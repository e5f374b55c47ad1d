//! Detections put together: what was found again and again, on one host or on many, and what staff do
//! about all of it at once. `plan/outbreak` says what belongs together.

use super::audit::{Actor, Deed, Role};
use super::groups::{meant, tree};
use super::{App, AppError};
use crate::hub::Change;
use crate::plan::outbreak::{self, Sighting};
use crate::store::detections::DetectionRow;
use crate::store::sightings::{SightingRow, Wanted, Which};
use crate::store::{self};
use keepwatch_proto::detection::Severity;
use keepwatch_proto::ids::{DetectionId, HostId};
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap, HashSet};

/// So many of the newest detections are put together; older ones are listed one by one.
pub const LOOKED_AT: u32 = 5_000;
/// Groups on a page.
pub const GROUPS: usize = 30;
/// Detections on the page of one group.
pub const MEMBERS: usize = 50;
/// Files that are put away at once: more look like a rule that is wrong.
pub const MOST_PUT_AWAY: usize = 100;
/// Hosts whose snapshots are looked at.
pub const SNAPSHOT_HOSTS: usize = 20;
/// Detections of one rule, or one content, that are looked at.
const ALIKE: u32 = 2_000;
/// Rules and contents by which a group is gathered.
const KEYS: usize = 40;
/// Either way in time, in seconds.
const AROUND: i64 = 90 * 24 * 3600;
/// Between a file and what lies in it.
const INSIDE: &str = "!/";

/// Which detections are meant, as people say it; what is empty is anything.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this host.
    pub host: String,
    /// Of hosts in this group and below.
    pub group: String,
    /// At least so bad.
    pub severity: String,
    /// `open`, also where it is empty; `acknowledged`; `all`.
    pub state: String,
}

/// Detections that belong together.
#[derive(Debug, Clone)]
pub struct Outbreak {
    /// The newest first.
    pub members: Vec<SightingRow>,
    /// The gravest of them, in full.
    pub face: DetectionRow,
    /// Hosts, the one with the newest first.
    pub hosts: Vec<HostId>,
}

/// One page of them.
#[derive(Debug, Clone, Default)]
pub struct Outbreaks {
    /// The gravest first.
    pub groups: Vec<Outbreak>,
    /// How many groups there are.
    pub total: usize,
    /// How many detections are in them.
    pub detections: usize,
    /// Whether older detections were left aside.
    pub cut: bool,
}

/// Snapshots of one host that hold a file in which something was found.
#[derive(Debug, Clone)]
pub struct Holding {
    /// Which host.
    pub host: HostId,
    /// Each one's id and when it came, the newest first.
    pub snapshots: Vec<(String, i64)>,
}

/// What came of having files put away.
#[derive(Debug, Clone, Default)]
pub struct PutAway {
    /// Files that it was asked for.
    pub asked: usize,
    /// The others, each with the host's name and why.
    pub refused: Vec<(String, String)>,
}

/// How bad a detection is. A severity of a later version is a grave one until somebody has looked.
pub fn severity_of(word: &str) -> Severity {
    word.parse().unwrap_or(Severity::High)
}

/// The file on the disk that a detection's path leads into.
pub fn file_of(path: &str) -> &str {
    path.split(INSIDE).next().unwrap_or(path)
}

impl Outbreak {
    /// How bad.
    pub fn severity(&self) -> Severity {
        severity_of(&self.face.severity)
    }

    /// Those that nobody has acknowledged.
    pub fn open(&self) -> impl Iterator<Item = &SightingRow> {
        self.members.iter().filter(|member| member.acknowledged == 0)
    }

    /// When it was first and last seen.
    pub fn seen(&self) -> (i64, i64) {
        let at = |member: Option<&SightingRow>| member.map_or(0, |member| member.at);
        (at(self.members.last()), at(self.members.first()))
    }

    /// The files on disks that are not put away yet, each once: its newest open detection.
    pub fn files(&self) -> Vec<&SightingRow> {
        let mut seen = HashSet::new();
        self.open().filter(|m| m.put_away.is_empty() && seen.insert((m.host, file_of(&m.path)))).collect()
    }
}

impl App {
    /// One page of the groups of the newest detections that are meant.
    pub async fn outbreaks(&self, actor: &Actor, filter: &Filter, page: usize) -> Result<Outbreaks, AppError> {
        let wanted = self.wanted(actor, filter).await?;
        let mut conn = self.store.read().await?;
        let mut rows = store::sightings::list(&mut conn, &wanted, LOOKED_AT + 1).await?;
        let cut = rows.len() > LOOKED_AT as usize;
        rows.truncate(LOOKED_AT as usize);
        let detections = rows.len();
        let mut groups = together(rows);
        let rank = |group: &Vec<SightingRow>| {
            let worst = group.iter().map(|row| severity_of(&row.severity)).max();
            (worst, hosts_of(group).len() > 1, group.first().map(|row| row.at))
        };
        groups.sort_by_cached_key(|group| std::cmp::Reverse(rank(group)));
        let total = groups.len();
        let shown: Vec<Vec<SightingRow>> = groups.into_iter().skip(page.saturating_mul(GROUPS)).take(GROUPS).collect();
        let faces: Vec<DetectionId> = shown.iter().filter_map(|group| Some(face(group)?.id)).collect();
        let faces = store::sightings::in_full(&mut conn, &faces).await?;
        let mut faces: HashMap<DetectionId, DetectionRow> = faces.into_iter().map(|row| (row.id, row)).collect();
        let whole = |members: Vec<SightingRow>| {
            let face = faces.remove(&face(&members)?.id)?;
            Some(Outbreak { hosts: hosts_of(&members), face, members })
        };
        Ok(Outbreaks { groups: shown.into_iter().filter_map(whole).collect(), total, detections, cut })
    }

    /// The group that a detection is in, whatever its members' state.
    pub async fn outbreak(&self, _actor: &Actor, id: &str) -> Result<Outbreak, AppError> {
        let missing = || AppError::NotFound(format!("there is no detection '{}'", id.escape_debug()));
        let id: DetectionId = id.parse().map_err(|_| missing())?;
        let mut conn = self.store.read().await?;
        let seed = store::sightings::in_full(&mut conn, &[id]).await?.pop().ok_or_else(missing)?;
        let around = (seed.at.saturating_sub(AROUND), seed.at.saturating_add(AROUND));
        // In an outbreak of thousands it may not be among the newest.
        let mut found: HashMap<DetectionId, SightingRow> = HashMap::from([(id, SightingRow::from(&seed))]);
        let mut asked: HashSet<Key> = HashSet::new();
        let mut to_ask: BTreeSet<Key> = keys(&seed.namespace, &seed.rule, &seed.sha256).into_iter().collect();
        while let Some(key) = to_ask.pop_first() {
            let alike = match &key {
                Key::Rule(namespace, rule) => {
                    store::sightings::of_rule(&mut conn, (namespace, rule), around, ALIKE).await?
                }
                Key::Content(sha256) => store::sightings::of_content(&mut conn, sha256, around, ALIKE).await?,
            };
            asked.insert(key);
            if found.len() > LOOKED_AT as usize {
                break;
            }
            for row in alike {
                for next in keys(&row.namespace, &row.rule, &row.sha256) {
                    if !asked.contains(&next) && asked.len() + to_ask.len() < KEYS {
                        to_ask.insert(next);
                    }
                }
                found.insert(row.id, row);
            }
        }
        let mut rows: Vec<SightingRow> = found.into_values().collect();
        rows.sort_by_key(|row| std::cmp::Reverse((row.at, row.id.to_string())));
        let members = together(rows).into_iter().find(|group| group.iter().any(|row| row.id == id));
        let members = members.ok_or_else(missing)?;
        let worst = face(&members).map_or(id, |row| row.id);
        let face = store::sightings::in_full(&mut conn, &[worst]).await?.pop().unwrap_or(seed);
        Ok(Outbreak { hosts: hosts_of(&members), face, members })
    }

    /// So many of a group's detections in full, from that place on.
    pub async fn outbreak_members(
        &self,
        _actor: &Actor,
        outbreak: &Outbreak,
        from: usize,
    ) -> Result<Vec<DetectionRow>, AppError> {
        let ids: Vec<DetectionId> = outbreak.members.iter().skip(from).take(MEMBERS).map(|row| row.id).collect();
        let mut conn = self.store.read().await?;
        let mut rows = store::sightings::in_full(&mut conn, &ids).await?;
        rows.sort_by_key(|row| ids.iter().position(|id| *id == row.id));
        Ok(rows)
    }

    /// What people call these hosts.
    pub async fn host_names_of(
        &self,
        actor: &Actor,
        hosts: &HashSet<HostId>,
    ) -> Result<HashMap<HostId, String>, AppError> {
        let all = self.hosts(actor).await?;
        let meant = all.iter().filter(|host| hosts.contains(&host.row.id));
        Ok(meant.map(|host| (host.row.id, host.name().to_owned())).collect())
    }

    /// Which snapshots of the first hosts hold a file of the group, as their backups' scans said.
    pub async fn holding(&self, _actor: &Actor, outbreak: &Outbreak) -> Result<Vec<Holding>, AppError> {
        let mut paths: HashMap<HostId, HashSet<String>> = HashMap::new();
        for member in &outbreak.members {
            paths.entry(member.host).or_default().insert(as_stored(file_of(&member.path)));
        }
        let mut conn = self.store.read().await?;
        let mut all = Vec::new();
        for host in outbreak.hosts.iter().take(SNAPSHOT_HOSTS) {
            let Some(paths) = paths.get(host) else { continue };
            let rows = store::snapshots::list(&mut conn, *host).await?;
            let holds = |verdict: &keepwatch_proto::verdict::Verdict| {
                verdict.files.iter().any(|file| paths.contains(&as_stored(file_of(&file.path))))
            };
            let holding = rows.into_iter().filter(|row| row.verdict.0.as_ref().is_some_and(&holds));
            let snapshots: Vec<(String, i64)> = holding.map(|row| (row.id, row.received)).collect();
            if !snapshots.is_empty() {
                all.push(Holding { host: *host, snapshots });
            }
        }
        Ok(all)
    }

    /// Says of all of a group's open detections why they need nothing more. `seen`: the mark of those
    /// that somebody saw who says so.
    pub async fn acknowledge_outbreak(
        &self,
        actor: &Actor,
        id: &str,
        reason: &str,
        seen: &str,
    ) -> Result<usize, AppError> {
        self.demand(actor, Role::Operator, "detection acknowledge").await?;
        if reason.trim().is_empty() {
            return Err(AppError::Invalid("say why these detections need nothing more".into()));
        }
        let outbreak = self.outbreak(actor, id).await?;
        let open: Vec<&SightingRow> = outbreak.open().collect();
        if mark(&open) != seen {
            return Err(AppError::Conflict(format!("they are others by now, {} of them", open.len())));
        }
        let mut tx = self.store.begin().await?;
        let mut done = 0;
        for row in open {
            done += usize::from(
                store::detections::acknowledge(&mut tx, row.id, self.now(), &actor.user, reason.trim()).await?,
            );
        }
        let face = &outbreak.face;
        let object = format!("{done} detections of {} · {} with {id}", face.namespace, face.rule);
        let deed = Deed { action: "detection acknowledge", object: &object, detail: reason };
        self.record(&mut tx, actor, &deed).await?;
        store::commit(tx).await?;
        self.hub.tell(Change::Fleet);
        Ok(done)
    }

    /// Has the file of a detection put away on its PC, or all files of its group. `seen`: the mark
    /// of those that somebody saw who asks for it.
    pub async fn put_found_away(&self, actor: &Actor, id: &str, all: bool, seen: &str) -> Result<PutAway, AppError> {
        self.demand(actor, Role::Operator, "quarantine put away").await?;
        let outbreak = self.outbreak(actor, id).await?;
        let files: Vec<&SightingRow> = match all {
            true => outbreak.files(),
            false => outbreak.members.iter().filter(|row| row.id.to_string() == id).collect(),
        };
        if mark(&files) != seen {
            return Err(AppError::Conflict(format!("they are other files by now, {} of them", files.len())));
        }
        if files.len() > MOST_PUT_AWAY {
            return Err(AppError::Conflict(format!(
                "{} files look like a rule that is wrong; put away at most {MOST_PUT_AWAY} at once",
                files.len()
            )));
        }
        let names = self.host_names_of(actor, &files.iter().map(|row| row.host).collect()).await?;
        let mut came = PutAway::default();
        for row in files {
            let file = file_of(&row.path);
            // Of what lies in an archive, the hash is not the archive's.
            let sha256 = if file == row.path { row.sha256.as_str() } else { "" };
            match self.put_away(actor, &row.host.to_string(), file, sha256).await {
                Ok(_) => came.asked += 1,
                Err(error @ (AppError::Conflict(_) | AppError::Invalid(_) | AppError::NotFound(_))) => {
                    let name = names.get(&row.host).cloned().unwrap_or_default();
                    came.refused.push((name, error.to_string()));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(came)
    }

    pub(super) async fn wanted(&self, actor: &Actor, filter: &Filter) -> Result<Wanted, AppError> {
        let host = self.host_filter(actor, &filter.host).await?;
        let severity = match filter.severity.as_str() {
            "" => None,
            word => Some(word.parse().map_err(|_| {
                AppError::Invalid(format!(
                    "'{}' is no severity; write info, low, medium, high or critical",
                    word.escape_debug()
                ))
            })?),
        };
        let which = match filter.state.as_str() {
            "" | "open" => Which::Open,
            "acknowledged" => Which::Acknowledged,
            "all" => Which::All,
            other => {
                let other = other.escape_debug();
                return Err(AppError::Invalid(format!("'{other}' is no state; write open, acknowledged or all")));
            }
        };
        let group = match filter.group.as_str() {
            "" => String::new(),
            wanted => {
                let mut conn = self.store.read().await?;
                meant(&tree(&mut conn).await?, wanted)?
            }
        };
        Ok(Wanted { which, host: host.map(|id| id.to_string()).unwrap_or_default(), group, severity })
    }
}

/// Tells one choice of detections from another: who has confirmed one has not confirmed the other.
pub fn mark(rows: &[&SightingRow]) -> String {
    let mut ids: Vec<String> = rows.iter().map(|row| row.id.to_string()).collect();
    ids.sort_unstable();
    hex::encode(&Sha256::digest(ids.join(" "))[..8])
}

/// By what detections are alike.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Key {
    Content(String),
    Rule(String, String),
}

fn keys(namespace: &str, rule: &str, sha256: &str) -> Vec<Key> {
    let rule = Key::Rule(namespace.to_owned(), rule.to_owned());
    let content = (!sha256.is_empty()).then(|| Key::Content(sha256.to_owned()));
    std::iter::once(rule).chain(content).collect()
}

fn together(rows: Vec<SightingRow>) -> Vec<Vec<SightingRow>> {
    let groups = {
        let sightings: Vec<Sighting<'_>> = rows
            .iter()
            .map(|row| Sighting { rule: (&row.namespace, &row.rule), content: &row.sha256, at: row.at })
            .collect();
        outbreak::groups(&sightings)
    };
    let mut rows: Vec<Option<SightingRow>> = rows.into_iter().map(Some).collect();
    let mut take = |place: usize| rows.get_mut(place).and_then(Option::take);
    groups.into_iter().map(|group| group.into_iter().filter_map(&mut take).collect()).collect()
}

/// The gravest; the newest of those.
fn face(members: &[SightingRow]) -> Option<&SightingRow> {
    let worst = members.iter().map(|row| severity_of(&row.severity)).max()?;
    members.iter().find(|row| severity_of(&row.severity) == worst)
}

fn hosts_of(members: &[SightingRow]) -> Vec<HostId> {
    let mut seen = HashSet::new();
    members.iter().map(|row| row.host).filter(|host| seen.insert(*host)).collect()
}

/// A path as a snapshot has it, whichever system it is of.
fn as_stored(path: &str) -> String {
    let path = path.replace('\\', "/");
    match path.split_once(":/") {
        Some((drive, rest)) if drive.len() == 1 => format!("/{drive}/{rest}"),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_same_wherever_it_stands() {
        for (path, stored) in [
            ("/home/王/a.exe", "/home/王/a.exe"),
            ("C:\\Users\\a.exe", "/C/Users/a.exe"),
            ("/C/Users/a.exe", "/C/Users/a.exe"),
        ] {
            assert_eq!(as_stored(path), stored);
        }
        assert_eq!(file_of("/a.zip!/b!/c"), "/a.zip");
    }
}
