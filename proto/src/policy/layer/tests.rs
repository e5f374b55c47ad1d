#![allow(clippy::unwrap_used)]
//! Layers: field by field, locks, and that no order matters but that of the tree.

use super::*;
use proptest::prelude::*;

fn layer(yaml: &str) -> Layer {
    Layer::from_yaml(yaml).unwrap()
}

#[test]
fn each_field_comes_from_the_lowest_group_that_sets_it() {
    let root = layer("time_zone: UTC\nscan: {schedule: '0 1 * * *', severities: {A: low}}\nbackup: {keep: {daily: 5}}");
    let office = layer("scan:\n  severities: {B: high}\nbackup: {keep: {weekly: 9}, timing: {spread_minutes: 60}}");
    let made = Effective::of([("root", &root), ("office", &office)]).unwrap();
    assert_eq!((made.policy.time_zone.as_str(), made.policy.scan.schedule.as_str()), ("UTC", "0 1 * * *"));
    // A map is one field.
    assert_eq!(made.policy.scan.severities.keys().collect::<Vec<_>>(), ["B"]);
    assert_eq!((made.policy.backup.keep.daily, made.policy.backup.keep.weekly), (5, 9));
    assert_eq!(made.policy.backup.keep.monthly, Policy::default().backup.keep.monthly);
    assert_eq!(made.policy.backup.timing.spread_minutes, 60);
    assert_eq!(made.origins["scan.schedule"], "root");
    assert_eq!(made.origins["backup.keep.weekly"], "office");
    assert_eq!(made.origins.get("backup.keep.monthly"), None);
    assert_eq!(Effective::<&str>::of([]).unwrap().policy, Policy::default());
    assert_eq!(layer(""), Layer::default());
    assert_eq!(layer("# nothing yet\n"), Layer::default());
}

#[test]
fn what_is_locked_stays_as_the_upper_group_has_it() {
    let root = layer("locked: [backup.keep, scan.schedule]\nbackup: {keep: {daily: 5}}");
    let office = layer("backup: {keep: {weekly: 9}, schedule: ''}\nscan: {schedule: ''}");
    let made = Effective::of([("root", &root), ("office", &office)]).unwrap();
    assert_eq!(made.policy.backup.keep.weekly, Policy::default().backup.keep.weekly);
    assert_eq!(made.policy.backup.schedule, "");
    assert_ne!(made.policy.scan.schedule, "");
    let overruled: Vec<_> = made.overruled.iter().map(|(field, ..)| field.as_str()).collect();
    assert_eq!(overruled, ["backup.keep.weekly", "scan.schedule"]);
    assert_eq!(made.locks["backup.keep"], "root");
    // Its own lock does not bind the group itself.
    let own = layer("locked:\n- backup.keep\nbackup: {keep: {daily: 1}}");
    assert_eq!(Effective::of([("a", &own)]).unwrap().policy.backup.keep.daily, 1);
}

#[test]
fn what_is_no_layer_is_refused_with_line_and_hint() {
    for (yaml, words) in [
        ("scan:\n  shedule: '0 1 * * *'\n", "line 2, column 3: scan: unknown field `shedule`"),
        ("scan:\n  shedule: '0 1 * * *'\n", "did you mean 'schedule'?"),
        ("locked: [backup.keep]\nbackup:\n  kep: {daily: 1}\n", "line 3"),
        ("locked: [backup.kep]\n", "there is no field 'backup.kep'; did you mean 'backup.keep'?"),
        ("locked: 5\n", "invalid type"),
        ("backup:\n  keep: {weekly: lots}\n", "line 2"),
        ("scan: [\n", "line"),
        ("- a\n", "line 1"),
        ("backup: {cpu_percent: 1, cpu_percent: 2}", "duplicate"),
        ("scan: 5", "scan"),
    ] {
        let error = Layer::from_yaml(yaml).unwrap_err().to_string();
        assert!(error.contains(words), "{yaml}: {error}");
    }
    // What only the whole can tell.
    let spread = layer("backup: {timing: {spread_minutes: 200}}");
    let window = layer("backup: {timing: {allowed: [{days: [mon], from: '08:00', to: '09:00'}]}}");
    assert!(Effective::of([(1, &spread)]).is_ok() && Effective::of([(2, &window)]).is_ok());
    let error = Effective::of([(1, &spread), (2, &window)]).unwrap_err().to_string();
    assert!(error.contains("backup.timing.spread_minutes"), "{error}");
}

/// One document as lines in any order, each a field of its own section.
fn lines() -> impl Strategy<Value = Vec<String>> {
    let field = prop_oneof![
        (0..3u8).prop_map(|n| format!("scan.threads={n}")),
        (1..4u8).prop_map(|n| format!("scan.cpu_percent={n}")),
        any::<bool>().prop_map(|on| format!("scan.unpack={on}")),
        (1..4u8).prop_map(|n| format!("backup.quota_gib={n}")),
        (0..9u8).prop_map(|n| format!("backup.keep.daily={n}")),
        (0..9u8).prop_map(|n| format!("backup.timing.spread_minutes={n}")),
    ];
    proptest::collection::vec(field, 0..6).prop_map(|mut fields| {
        fields.sort();
        fields.dedup_by_key(|field| field.split('=').next().unwrap().to_owned());
        fields
    })
}

fn yaml(fields: &[String], locked: &[String]) -> String {
    let mut sections: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for field in fields {
        let (path, value) = field.split_once('=').unwrap();
        let (section, name) = path.rsplit_once('.').unwrap();
        sections.entry(section).or_default().push(format!("{name}: {value}"));
    }
    let inner = |section: &str| sections.get(section).map(|fields| format!("{{{}}}", fields.join(", ")));
    let mut backup: Vec<String> = sections.get("backup").cloned().unwrap_or_default();
    backup.extend(inner("backup.keep").map(|keep| format!("keep: {keep}")));
    backup.extend(inner("backup.timing").map(|timing| format!("timing: {timing}")));
    let scan = inner("scan").unwrap_or("{}".into());
    format!("locked: [{}]\nscan: {scan}\nbackup: {{{}}}\n", locked.join(", "), backup.join(", "))
}

proptest! {
    #[test]
    fn inheritance_does_not_depend_on_the_order_of_fields(documents in proptest::collection::vec((lines(), lines()), 1..5)) {
        let locks = |fields: &[String]| -> Vec<String> {
            fields.iter().map(|field| field.split('=').next().unwrap().to_owned()).collect()
        };
        let read = |turned: bool| -> Vec<Layer> {
            documents.iter().map(|(fields, locked)| {
                let (mut fields, mut locked) = (fields.clone(), locks(locked));
                if turned {
                    fields.reverse();
                    locked.reverse();
                }
                layer(&yaml(&fields, &locked))
            }).collect()
        };
        let (one, other) = (read(false), read(true));
        let made = Effective::of(one.iter().enumerate()).unwrap();
        prop_assert_eq!(&made, &Effective::of(other.iter().enumerate()).unwrap());
        // And each field is the lowest one that no lock above forbids.
        let mut expected: BTreeMap<&str, &str> = BTreeMap::new();
        let mut locked: BTreeSet<String> = BTreeSet::new();
        for (fields, locks_of) in &documents {
            for field in fields {
                let (path, value) = field.split_once('=').unwrap();
                if !locked.contains(path) {
                    expected.insert(path, value);
                }
            }
            locked.extend(locks(locks_of));
        }
        let fields = fields_of(&made.policy).unwrap();
        for (path, value) in expected {
            prop_assert_eq!(in_words(&fields[path]), value, "{}", path);
        }
    }
}

#[test]
fn the_schema_has_the_fields_that_there_are() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../../../deploy/policy.schema.json")).unwrap();
    let mut named = BTreeSet::new();
    let mut open = vec![(String::new(), &schema)];
    while let Some((path, part)) = open.pop() {
        // Sections take no unknown fields, as the parser does not.
        assert_eq!(part["additionalProperties"], false, "{path}");
        for (name, below) in part["properties"].as_object().unwrap() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            match SECTIONS.contains(&path.as_str()) {
                true => open.push((path, below)),
                false => assert!(named.insert(path)),
            }
        }
    }
    let ours = fields_of(&Policy::default()).unwrap().into_keys();
    let document = ["group", "revision", "locked"].map(String::from);
    assert_eq!(named, ours.chain(document).collect());
}
