//! A job as an order for a child: what staff or the policy ask for, with what only this PC knows.

use super::{Jobs, scans};
use crate::identity::Identity;
use crate::places::{Places, expand};
use crate::worker::{BackupOrder, Courtesy, Deed, Order, RestoreOrder, ScanOrder, VerifyOrder};
use keepwatch_backup::{Service, Storage};
use keepwatch_proto::ids::{HostId, JobId};
use keepwatch_proto::job::{JobSpec, RestoreSpec};
use keepwatch_proto::policy::{Policy, WhenInfected};

impl Jobs {
    /// The order for a child, or why there can be none.
    pub(super) fn order(&self, job: JobId, spec: JobSpec) -> Result<Order, String> {
        Ok(match spec {
            JobSpec::Scan { paths, excludes, max_file_bytes } => {
                let Some(bundle) = self.bundle.borrow().clone() else {
                    return Err(
                        "no signatures are here yet; import some with 'keepwatch signatures import', then scan again"
                            .into(),
                    );
                };
                let (places, folder) = (expand(&paths)?, self.state.scans());
                let policy = self.policy()?.scan;
                let put_away_from = policy.puts_away_from();
                let order = scans::order(job, places, excludes, max_file_bytes, &policy, bundle, folder);
                Order::Scan(ScanOrder { put_away_from, ..order })
            }
            JobSpec::Backup { paths, excludes } => {
                let places = expand(&paths)?;
                let policy = self.policy()?;
                let (scan, unscanned) = self.scan_of_backup(job, &policy);
                Order::Backup(Box::new(BackupOrder {
                    storage: self.own_repository(),
                    password: self.identity.borrow().repository_password.clone(),
                    host: crate::enroll::facts(&self.state, "").name,
                    paths: places.paths,
                    excludes: excludes.into_iter().chain(places.excludes).chain(self.canaries.globs()).collect(),
                    scan,
                    max_file_bytes: policy.backup.max_file_bytes,
                    one_file_system: policy.backup.one_file_system,
                    freeze: policy.backup.freeze,
                    cpu_percent: policy.backup.cpu_percent,
                    courtesy: Courtesy {
                        on_battery: policy.backup.pause_on_battery,
                        when_busy: policy.backup.pause_when_busy,
                        held: false,
                    },
                    bandwidth: policy.backup.bandwidth,
                    time_zone: policy.time_zone,
                    hooks: self.hooks.clone(),
                    leave_out: policy.backup.infected == WhenInfected::LeaveOut,
                    unscanned,
                    saved: None,
                }))
            }
            JobSpec::Restore(spec) => {
                let (host, password) = self.source(&spec)?;
                let id = job.to_string();
                let new_folder = format!("restored-{}-{}", self.clock.now().format("%Y%m%d"), &id[id.len() - 8..]);
                let roots = self.restore_roots.clone();
                let storage = if host == self.identity.borrow().host {
                    self.own_repository()
                } else {
                    Storage::Service(self.repository(host))
                };
                let (scan, unscanned) = self.scan_of_restore(job, &spec)?;
                Order::Restore(Box::new(RestoreOrder { storage, password, spec, roots, new_folder, scan, unscanned }))
            }
            JobSpec::Verify { files, bytes } => Order::Verify(Box::new(VerifyOrder {
                storage: self.own_repository(),
                password: self.identity.borrow().repository_password.clone(),
                scratch: self.state.scratch(),
                files,
                bytes,
            })),
            JobSpec::Quarantine(spec) => self.vault_order(job, vec![Deed::Asked(spec)]),
        })
    }

    fn policy(&self) -> Result<Policy, String> {
        let desired = self.ledger.desired().map_err(|e| e.to_string())?;
        Ok(desired.map(|desired| desired.policy).unwrap_or_default())
    }

    /// How what a backup saves is scanned, or why it is not though the policy asks for it.
    fn scan_of_backup(&self, job: JobId, policy: &Policy) -> (Option<ScanOrder>, String) {
        if !policy.backup.scan {
            return (None, String::new());
        }
        let Some(bundle) = self.bundle.borrow().clone() else {
            return (None, "no signatures are here yet; import some with 'keepwatch signatures import'".into());
        };
        let (nowhere, scan, folder) = (Places::default(), &policy.scan, self.state.scans());
        (Some(scans::order(job, nowhere, vec![], scan.max_file_bytes, scan, bundle, folder)), String::new())
    }

    /// How what is restored is scanned: not at all where that was done by the rules in use, or is
    /// not wanted. Where it should be and cannot, why.
    fn scan_of_restore(&self, job: JobId, spec: &RestoreSpec) -> Result<(Option<ScanOrder>, String), String> {
        if spec.infected {
            return Ok((None, String::new()));
        }
        let Some(bundle) = self.bundle.borrow().clone() else {
            return Ok((None, "no signatures are here yet".into()));
        };
        if spec.judged >= bundle.bundle.version {
            return Ok((None, String::new()));
        }
        let (nowhere, scan, folder) = (Places::default(), self.policy()?.scan, self.state.scans());
        Ok((Some(scans::order(job, nowhere, vec![], scan.max_file_bytes, &scan, bundle, folder)), String::new()))
    }

    fn repository(&self, host: HostId) -> Service {
        let url = format!("{}/repositories/{host}/", self.controller);
        let identity = self.identity.borrow();
        let Identity { ca, certificate, key, .. } = &**identity;
        Service::new(url, ca.clone(), certificate.clone(), key.clone())
    }

    /// This host's, with copies of what every backup reads.
    fn own_repository(&self) -> Storage {
        Storage::Service(Service {
            cache: Some(self.state.repository_cache()),
            ..self.repository(self.identity.borrow().host)
        })
    }

    /// Whose repository a restore reads, and what opens it.
    fn source(&self, spec: &RestoreSpec) -> Result<(HostId, String), String> {
        if spec.grant.is_empty() {
            return Ok((self.identity.borrow().host, self.identity.borrow().repository_password.clone()));
        }
        let desired = self.ledger.desired().map_err(|e| e.to_string())?;
        let mut grants = desired.into_iter().flat_map(|desired| desired.grants);
        let grant = grants.find(|grant| grant.id == spec.grant && grant.expires > self.clock.now());
        let grant =
            grant.ok_or("the leave to read the other host's repository has expired; ask for the restore again")?;
        Ok((grant.host, grant.repository_password))
    }
}
