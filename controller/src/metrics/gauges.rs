//! The figures of one moment as Prometheus names them. What grows is counted where it happens, by
//! the meters; what is comes from the same survey as the pages and the command line.

use crate::app::App;
use crate::app::hosts::HostView;
use crate::app::reports::{Slots, Survey, Waiting};
use crate::plan::health::{Figures, State};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

type Labels = Vec<(&'static str, String)>;
type Gauges = Family<Labels, Gauge>;
/// A metric's name, its help, and the moment of a host's that it shows.
type Moment = (&'static str, &'static str, fn(&HostView) -> i64);

/// All that is shown, as of the survey.
pub(super) fn registry(app: &App, survey: &Survey) -> Registry {
    let mut registry = Registry::with_prefix("keepwatch");
    let version = vec![("version", env!("CARGO_PKG_VERSION"))];
    registry.register("build", "The controller's version", Info::new(version));
    let connected = Gauge::<i64>::default();
    connected.set(signed(app.hub.connected() as u64));
    registry.register("hosts_connected", "Hosts that hold a stream to this controller", connected);
    fleet(&mut registry, &survey.fleet);
    groups(&mut registry, survey);
    jobs(&mut registry, survey);
    slots(&mut registry, &survey.slots);
    hosts(&mut registry, &survey.hosts);
    app.meters.register(&mut registry);
    app.taken_in.register(&mut registry);
    registry
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// How many hosts are in each state.
fn by_state(figures: &Figures) -> [(State, u32); 4] {
    [
        (State::Protected, figures.protected),
        (State::Attention, figures.attention),
        (State::AtRisk, figures.at_risk),
        (State::Unknown, figures.unknown),
    ]
}

/// How many of the unknown are silent in which way.
fn by_silence(figures: &Figures) -> [(&'static str, u32); 4] {
    [
        ("never-connected", figures.never_connected),
        ("pending", figures.pending),
        ("away", figures.away),
        ("lost", figures.lost),
    ]
}

fn fleet(registry: &mut Registry, figures: &Figures) {
    let (states, silences) = (Gauges::default(), Gauges::default());
    for (state, n) in by_state(figures) {
        states.get_or_create(&vec![("state", state.word().into())]).set(n.into());
    }
    for (word, n) in by_silence(figures) {
        silences.get_or_create(&vec![("silence", word.into())]).set(n.into());
    }
    registry.register("hosts", "Enrolled hosts, by state", states);
    registry.register("hosts_silent", "Hosts that are not heard of, by how", silences);
    let (open, bytes) = (Gauge::<i64>::default(), Gauge::<i64>::default());
    open.set(figures.open_detections.into());
    bytes.set(signed(figures.repository_bytes));
    registry.register("detections_open", "Detections that nobody has looked at", open);
    registry.register_with_unit("repositories", "All repositories together", Unit::Bytes, bytes);
}

fn groups(registry: &mut Registry, survey: &Survey) {
    let (states, open, bytes) = (Gauges::default(), Gauges::default(), Gauges::default());
    for group in &survey.groups {
        let name = || ("group", group.name.clone());
        for (state, n) in by_state(&group.all) {
            states.get_or_create(&vec![name(), ("state", state.word().into())]).set(n.into());
        }
        open.get_or_create(&vec![name()]).set(group.all.open_detections.into());
        bytes.get_or_create(&vec![name()]).set(signed(group.all.repository_bytes));
    }
    registry.register("group_hosts", "Hosts of a group and of all below it, by state", states);
    registry.register("group_detections_open", "Open detections of a group and of all below it", open);
    registry.register_with_unit("group_repositories", "Repositories, likewise", Unit::Bytes, bytes);
}

fn jobs(registry: &mut Registry, survey: &Survey) {
    let (counts, waits, oldest) = (Gauges::default(), Gauges::default(), Gauges::default());
    for row in &survey.jobs {
        counts.get_or_create(&vec![("kind", row.kind.clone()), ("state", row.state.clone())]).set(row.jobs);
    }
    for Waiting { kind, waits: of_kind, oldest: waiting } in &survey.waiting {
        for (quantile, seconds) in of_kind {
            waits.get_or_create(&vec![("kind", kind.clone()), ("quantile", (*quantile).into())]).set(*seconds);
        }
        oldest.get_or_create(&vec![("kind", kind.clone())]).set(*waiting);
    }
    registry.register("jobs", "Jobs on record, by kind and by where they stand or how they ended", counts);
    let help = "From the asking for a job to its start, of those that began within a day";
    registry.register_with_unit("job_wait", help, Unit::Seconds, waits);
    let help = "How long the oldest job has been waiting to start; 0: none is";
    registry.register_with_unit("job_waiting_oldest", help, Unit::Seconds, oldest);
}

fn slots(registry: &mut Registry, slots: &Slots) {
    let (counts, longest) = (Gauges::default(), Gauge::<i64>::default());
    for (state, n) in [("waiting", slots.waiting), ("granted", slots.granted), ("running", slots.running)] {
        counts.get_or_create(&vec![("state", state.into())]).set(n.into());
    }
    longest.set(slots.longest);
    registry.register("slots", "Backups that wait for a slot, were given one, or run", counts);
    let help = "How long the backup has waited that has waited longest for a slot; 0: none waits";
    registry.register_with_unit("slot_waiting_oldest", help, Unit::Seconds, longest);
}

fn hosts(registry: &mut Registry, hosts: &[(HostView, u64)]) {
    let (state, bytes) = (Gauges::default(), Gauges::default());
    let times: [Moment; 6] = [
        ("host_last_seen_timestamp", "When a host was last heard of", |h| h.row.last_seen),
        ("host_last_backup_timestamp", "When a host was last backed up", |h| h.last_backup),
        ("host_last_scan_timestamp", "When a host was last scanned", |h| h.last_scan),
        ("host_last_verified_timestamp", "By when a host's backups were last found sound", |h| h.last_verified),
        ("host_bundle_timestamp", "When a host's signatures were published", |h| h.bundle_published),
        ("host_certificate_end_timestamp", "When a host's certificate ends", |h| h.certificate_expires),
    ];
    let times = times.map(|(name, help, of)| (name, help, of, Gauges::default()));
    for (host, used) in hosts.iter().filter(|(host, _)| host.row.revoked == 0) {
        // By its id too: names repeat, and two of one name must not be one.
        let who = || {
            let (id, name) = (host.row.id.to_string(), host.name().to_owned());
            vec![("host", id), ("name", name), ("group", host.group.clone())]
        };
        let mut labels = who();
        labels.push(("state", host.state.word().into()));
        state.get_or_create(&labels).set(1);
        bytes.get_or_create(&who()).set(signed(*used));
        for (_, _, of, gauges) in &times {
            gauges.get_or_create(&who()).set(of(host));
        }
    }
    registry.register("host_state", "1 for the state that a host is in", state);
    registry.register_with_unit("host_repository", "A host's repository", Unit::Bytes, bytes);
    for (name, help, _, gauges) in times {
        registry.register_with_unit(name, format!("{help}, in Unix time; 0: never"), Unit::Seconds, gauges);
    }
}
