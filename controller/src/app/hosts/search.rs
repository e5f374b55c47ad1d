//! Which hosts a list shows, in which order, and how many there would be by another choice. All of it
//! is decided over what is at hand of the fleet: thousands of hosts take some milliseconds.

use super::HostView;
use crate::app::audit::Actor;
use crate::app::groups::{meant, tree};
use crate::app::select::{subject, words};
use crate::app::{App, AppError};
use crate::plan::health::State;
use chrono::{DateTime, Utc};
use keepwatch_proto::selection::Query;
use sha2::{Digest, Sha256};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Words in one search; further ones are not looked at.
const MOST_WORDS: usize = 16;

/// Stands for a state where those are looked for that were cut off.
pub const REVOKED: &str = "revoked";

/// What is looked for; what is empty may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Words that all must fit: parts of a name, of a former one, of an id, an address or a system; or
    /// what [`Query`] reads.
    pub words: String,
    /// Word of a state, or [`REVOKED`]. Empty: all that were not revoked.
    pub state: String,
    /// A group, with all below it.
    pub group: String,
    /// Word of a reason.
    pub reason: String,
    /// As it calls its system.
    pub system: String,
    /// Version of its agent.
    pub agent: String,
    /// Version of its signatures.
    pub bundle: String,
    /// `on`: it is connected; `off`: it is not.
    pub link: String,
}

/// What can be chosen beside the words.
const FACETS: usize = 7;

/// How many there would be by another choice in one respect, all others as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// By state; those cut off under [`REVOKED`].
    pub states: BTreeMap<String, u32>,
    /// By path of the group, with all below it; the root first, each before what is below it.
    pub groups: Vec<(String, u32)>,
    /// By reason.
    pub reasons: BTreeMap<String, u32>,
    /// By system.
    pub systems: BTreeMap<String, u32>,
    /// By version of the agent.
    pub agents: BTreeMap<String, u32>,
    /// By version of the signatures.
    pub bundles: BTreeMap<i64, u32>,
    /// `on` and `off`.
    pub links: BTreeMap<String, u32>,
}

/// In which order they are listed; each begins with what needs somebody most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The worst state first.
    Urgency,
    /// By name.
    Name,
    /// Those that were not heard of for the longest first.
    Seen,
    /// The oldest backup first.
    Backup,
    /// The oldest scan first.
    Scan,
    /// The oldest signatures first.
    Signatures,
    /// Those with the most open detections first.
    Detections,
}

impl Order {
    /// By its word, and whether it is turned round: `-name`. What is no order is [`Order::Urgency`].
    pub fn parse(word: &str) -> (Self, bool) {
        let (turned, word) = word.strip_prefix('-').map_or((false, word), |word| (true, word));
        let all = [Self::Name, Self::Seen, Self::Backup, Self::Scan, Self::Signatures, Self::Detections, Self::Urgency];
        all.into_iter().find(|order| order.word() == word).map_or((Self::Urgency, false), |order| (order, turned))
    }

    /// As an address has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Urgency => "state",
            Self::Name => "name",
            Self::Seen => "seen",
            Self::Backup => "backup",
            Self::Scan => "scan",
            Self::Signatures => "signatures",
            Self::Detections => "detections",
        }
    }
}

/// What was found.
pub struct Found {
    hosts: Arc<Vec<HostView>>,
    places: Vec<usize>,
    /// What other choices would find.
    pub counts: Counts,
}

impl Found {
    /// How many.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// All of them, in order.
    pub fn hosts(&self) -> impl Iterator<Item = &HostView> {
        self.places.iter().map(|place| &self.hosts[*place])
    }
}

/// Hosts for which something is done at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// Named one by one.
    Named(Vec<String>),
    /// All that a search finds.
    Found(Wanted),
}

/// Tells one choice of hosts from another: who has confirmed one has not confirmed the other.
pub fn mark(hosts: &[HostView]) -> String {
    let mut ids: Vec<String> = hosts.iter().map(|host| host.row.id.to_string()).collect();
    ids.sort_unstable();
    hex::encode(&Sha256::digest(ids.join(" "))[..8])
}

impl App {
    /// The hosts that are looked for, in this order.
    pub async fn search_hosts(&self, actor: &Actor, wanted: &Wanted, order: &str) -> Result<Found, AppError> {
        let hosts = self.hosts(actor).await?;
        let mut conn = self.store.read().await?;
        let tree = tree(&mut conn).await?;
        drop(conn);
        let below = match wanted.group.as_str() {
            "" => None,
            group => Some(tree.and_below(&meant(&tree, group)?)),
        };
        let (places, mut counts, by_group) = sift(&hosts, wanted, below.as_ref(), self.clock.now());
        let mut sums: HashMap<&str, u32> = HashMap::new();
        for (group, n) in &by_group {
            tree.upwards(group).for_each(|above| *sums.entry(above).or_default() += n);
        }
        counts.groups =
            tree.listed().into_iter().map(|(path, key)| (path, sums.get(key).copied().unwrap_or(0))).collect();
        let places = sorted(&hosts, places, order);
        Ok(Found { hosts, places, counts })
    }

    /// The hosts that something is to be done for; those cut off are left out.
    pub async fn chosen_hosts(&self, actor: &Actor, chosen: &Chosen) -> Result<Vec<HostView>, AppError> {
        let mut hosts: Vec<HostView> = match chosen {
            Chosen::Named(names) if names.is_empty() => vec![],
            Chosen::Named(names) => {
                let selection = keepwatch_proto::selection::Selection { names: names.clone(), ..Default::default() };
                self.select(actor, &selection).await?
            }
            Chosen::Found(wanted) => self.search_hosts(actor, wanted, "name").await?.hosts().cloned().collect(),
        };
        hosts.retain(|host| host.row.revoked == 0);
        Ok(hosts)
    }
}

/// One of the words that are looked for.
enum Word {
    Query(Query),
    Text(String),
}

fn words_of(text: &str) -> Vec<Word> {
    let read = |word: &str| Query::parse(word).map_or_else(|_| Word::Text(word.to_lowercase()), Word::Query);
    text.split_whitespace().take(MOST_WORDS).map(read).collect()
}

fn says(host: &HostView, word: &str) -> bool {
    let facts = &host.row.facts.0;
    let within = |text: &str| text.to_lowercase().contains(word);
    let like_an_address = || word.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b'.' | b':'));
    within(host.name())
        || host.names.iter().any(|(name, _)| within(name))
        || within(&facts.system_version)
        || within(&facts.system)
        || like_an_address()
            && (host.row.id.to_string().contains(word)
                || facts.addresses.iter().any(|address| address.to_string().contains(word)))
        || word.contains('-') && host.row.id.to_string().contains(word)
}

/// The name that a host had and has no more, where only that one fits the words.
pub fn former_name<'h>(host: &'h HostView, text: &str) -> Option<&'h str> {
    let low = |text: &str| text.to_lowercase();
    let words: Vec<String> = text.split_whitespace().map(low).collect();
    let (_, before) = host.names.split_last()?;
    let fits = |name: &str| words.iter().find(|word| low(name).contains(*word) && !low(host.name()).contains(*word));
    before.iter().rev().map(|(name, _)| name.as_str()).find(|name| fits(name).is_some())
}

/// The places of those that fit, what else could be chosen, and how many that is by key of the group.
fn sift<'h>(
    hosts: &'h [HostView],
    wanted: &Wanted,
    below: Option<&HashSet<String>>,
    now: DateTime<Utc>,
) -> (Vec<usize>, Counts, HashMap<&'h str, u32>) {
    let words_wanted = words_of(&wanted.words);
    let gone = [REVOKED, "replaced"].contains(&wanted.reason.as_str());
    let state = if wanted.state.is_empty() && gone { REVOKED } else { &wanted.state };
    let (mut places, mut counts, mut by_group) = (vec![], Counts::default(), HashMap::new());
    for (place, host) in hosts.iter().enumerate() {
        let reasons = words(host);
        let subject = subject(host, &reasons);
        let fits = words_wanted.iter().all(|word| match word {
            Word::Query(query) => query.fits(&subject, now),
            Word::Text(text) => says(host, text),
        });
        if !fits {
            continue;
        }
        let facts = &host.row.facts.0;
        let stands = if host.row.revoked == 0 { host.state.word() } else { REVOKED };
        let link = if host.connected { "on" } else { "off" };
        let any = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
        let fits: [bool; FACETS] = [
            if state.is_empty() { host.row.revoked == 0 } else { state == stands },
            below.is_none_or(|below| below.contains(&host.row.group_name)),
            wanted.reason.is_empty() || reasons.contains(&wanted.reason.as_str()),
            any(&wanted.system, &facts.system),
            any(&wanted.agent, &facts.agent_version),
            wanted.bundle.is_empty() || wanted.bundle == host.row.bundle.to_string(),
            any(&wanted.link, link),
        ];
        let missed = fits.iter().filter(|fits| !**fits).count();
        if missed == 0 {
            places.push(place);
        }
        // By another choice in this one respect it would be there.
        let counted = |facet: usize| missed == 0 || missed == 1 && !fits[facet];
        let add = |counts: &mut BTreeMap<String, u32>, word: &str| match counts.get_mut(word) {
            Some(n) => *n += 1,
            None => drop(counts.insert(word.to_owned(), 1)),
        };
        if counted(0) {
            add(&mut counts.states, stands);
        }
        if counted(1) {
            *by_group.entry(host.row.group_name.as_str()).or_default() += 1;
        }
        if counted(2) {
            reasons.iter().for_each(|reason| add(&mut counts.reasons, reason));
        }
        if counted(3) {
            add(&mut counts.systems, &facts.system);
        }
        if counted(4) {
            add(&mut counts.agents, &facts.agent_version);
        }
        if counted(5) {
            *counts.bundles.entry(host.row.bundle).or_default() += 1;
        }
        if counted(6) {
            add(&mut counts.links, link);
        }
    }
    (places, counts, by_group)
}

fn sorted(hosts: &[HostView], mut places: Vec<usize>, order: &str) -> Vec<usize> {
    let (order, turned) = Order::parse(order);
    let low = |place: &usize| hosts[*place].name().to_lowercase();
    let by_time = |places: &mut Vec<usize>, time: fn(&HostView) -> i64| {
        places.sort_by_cached_key(|place| (time(&hosts[*place]), low(place)));
    };
    match order {
        Order::Urgency => places.sort_by_cached_key(|place| (urgency(&hosts[*place]), low(place))),
        Order::Name => places.sort_by_cached_key(low),
        Order::Seen => by_time(&mut places, |host| if host.connected { i64::MAX } else { host.row.last_seen }),
        Order::Backup => by_time(&mut places, |host| host.last_backup),
        Order::Scan => by_time(&mut places, |host| host.last_scan),
        Order::Signatures => by_time(&mut places, |host| host.row.bundle),
        Order::Detections => {
            places.sort_by_cached_key(|place| (Reverse(hosts[*place].open_detections), low(place)));
        }
    }
    if turned {
        places.reverse();
    }
    places
}

fn urgency(host: &HostView) -> u8 {
    match host.state {
        State::AtRisk => 0,
        State::Unknown => 1,
        State::Attention => 2,
        State::Protected => 3,
    }
}

#[cfg(test)]
mod tests;
