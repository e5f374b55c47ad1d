//! Whether a certificate of ours is in force, and when it is to be renewed.

use crate::keys::ca::{Credential, HOST_DAYS};

const DAY: i64 = 86_400;
/// What a certificate of ours is good for, in seconds.
const LIFE: i64 = HOST_DAYS * DAY;
/// Renewals of PCs that were enrolled in one morning are spread over so much of their life.
const SPREAD: i64 = LIFE / 30;

/// What the database knows of a host's certificates; each by its SHA-256.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The host was cut off.
    pub revoked: bool,
    /// The one in force.
    pub certificate: String,
    /// Its number.
    pub number: u64,
    /// One that was given out and not shown yet.
    pub next: String,
    /// The one before the one in force.
    pub former: String,
    /// Until when that is taken; Unix seconds.
    pub former_until: i64,
}

/// What a certificate is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is the one in force, or the one before while that is taken.
    InForce,
    /// It is the next one, shown for the first time.
    Next,
    /// It was given out after what the database knows: the database is an older copy.
    Newer,
    /// Its time has passed.
    Expired,
    /// Another one took its place.
    Superseded,
    /// The database does not know the host.
    Unknown,
    /// Its host was cut off.
    Revoked,
}

impl Standing {
    /// Whether whoever shows it is the host.
    pub fn is_good(self) -> bool {
        matches!(self, Self::InForce | Self::Next | Self::Newer)
    }
}

/// What a certificate is worth that TLS has found to be ours. `now` is `None` where the clock is
/// doubted: then none has expired. One from the future is good: it was made when our clock was ahead.
pub fn standing(shown: &Credential, known: Option<&Known>, now: Option<i64>) -> Standing {
    let Some(known) = known else { return Standing::Unknown };
    if known.revoked {
        return Standing::Revoked;
    }
    if now.is_some_and(|now| now >= shown.expires) {
        return Standing::Expired;
    }
    let is = |other: &str| !other.is_empty() && shown.fingerprint == other;
    if is(&known.certificate) {
        Standing::InForce
    } else if is(&known.next) {
        Standing::Next
    } else if shown.number > known.number {
        Standing::Newer
    } else if is(&known.former) && now.is_none_or(|now| now < known.former_until) {
        Standing::InForce
    } else {
        Standing::Superseded
    }
}

/// Whether its host is to renew it: after two thirds of its life, and up to twelve days that are
/// the host's own. One from the time when they were good for longer counts as if it were not.
pub fn renewal_due(shown: &Credential, now: i64) -> bool {
    let own = shown.host.to_string();
    let own = i64::from_str_radix(own.get(32..).unwrap_or_default(), 16).unwrap_or(0) % 1000;
    now >= shown.made + life(shown) * 2 / 3 + SPREAD * own / 1000
}

/// Whether one may be renewed: a PC need not be asked to, and cannot have a new one every minute.
pub fn may_renew(shown: &Credential, now: i64) -> bool {
    now >= shown.made + life(shown) / 2
}

fn life(shown: &Credential) -> i64 {
    (shown.expires - shown.made).clamp(0, LIFE)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use keepwatch_proto::clock::Clock;
    use keepwatch_proto::ids::HostId;

    fn shown(fingerprint: &str, number: u64) -> Credential {
        let host = HostId::new(&Clock::system());
        Credential { host, number, fingerprint: fingerprint.into(), made: 0, expires: LIFE }
    }

    fn known() -> Known {
        Known {
            certificate: "3".into(),
            number: 3,
            next: "4".into(),
            former: "2".into(),
            former_until: 50,
            ..Known::default()
        }
    }

    #[test]
    fn each_certificate_has_one_standing() {
        use Standing::*;
        let cut_off = Known { revoked: true, ..known() };
        for (fingerprint, number, known, now, expected) in [
            ("3", 3, Some(known()), Some(10), InForce),
            ("4", 4, Some(known()), Some(10), Next),
            // Given out before the database was set back, and not known to it.
            ("5", 5, Some(known()), Some(10), Newer),
            ("2", 2, Some(known()), Some(49), InForce),
            ("2", 2, Some(known()), Some(50), Superseded),
            ("1", 1, Some(known()), Some(10), Superseded),
            // One of the same number that was lost on its way.
            ("x", 3, Some(known()), Some(10), Superseded),
            ("3", 3, Some(known()), Some(LIFE), Expired),
            ("3", 3, Some(known()), Some(LIFE - 1), InForce),
            ("3", 3, Some(known()), Some(-LIFE), InForce),
            ("3", 3, Some(known()), None, InForce),
            ("1", 1, Some(known()), None, Superseded),
            ("3", 3, None, Some(10), Unknown),
            ("3", 3, Some(cut_off.clone()), Some(10), Revoked),
            ("9", 9, Some(cut_off), None, Revoked),
            // A host that never renewed: no certificate is like none that it has.
            ("", 0, Some(Known::default()), Some(10), Superseded),
        ] {
            let found = standing(&shown(fingerprint, number), known.as_ref(), now);
            assert_eq!(found, expected, "{fingerprint} {number} {known:?} {now:?}");
        }
    }

    #[test]
    fn renewal_comes_at_two_thirds_and_leaves_a_quarter() {
        for _ in 0..100 {
            let certificate = shown("1", 1);
            assert!(!renewal_due(&certificate, LIFE * 2 / 3 - 1));
            assert!(renewal_due(&certificate, LIFE * 3 / 4));
            // From the time when one was good for ten years.
            let old = Credential { expires: 10 * LIFE, ..certificate.clone() };
            assert!(!renewal_due(&old, LIFE * 2 / 3 - 1) && renewal_due(&old, LIFE * 3 / 4));
            assert!(!may_renew(&certificate, LIFE / 2 - 1) && may_renew(&certificate, LIFE / 2));
            // Made when the clock was ahead.
            assert!(!renewal_due(&certificate, -LIFE));
        }
    }

    #[test]
    fn pcs_that_were_enrolled_together_do_not_renew_together() {
        let hosts: Vec<Credential> = (0..200).map(|_| shown("1", 1)).collect();
        let due = |now| hosts.iter().filter(|host| renewal_due(host, now)).count();
        let half = due(LIFE * 2 / 3 + SPREAD / 2);
        assert!((50..150).contains(&half), "{half}");
        assert_eq!(due(LIFE * 2 / 3 + SPREAD), 200);
    }
}
