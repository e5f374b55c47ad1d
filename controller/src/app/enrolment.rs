//! A PC becomes a host: it shows a token, its own key's request and its repository's
//! password sealed to us, and gets an identity. All of it or nothing.

use super::identities::LONGEST_CSR;
use super::tokens::hash_secret;
use super::{App, AppError, groups, placement};
use crate::store::{self, Json, hosts::HostRow, tokens::TokenRow};
use keepwatch_proto::facts::Facts;
use keepwatch_proto::ids::HostId;

/// What a PC asks with.
pub struct Request {
    /// The token's secret.
    pub secret: String,
    /// PEM.
    pub csr: String,
    /// What it says of itself.
    pub facts: Facts,
    /// Its repository's password, sealed.
    pub escrow: String,
}

/// What it gets.
pub struct Enrolled {
    /// Its id.
    pub host: HostId,
    /// PEM chain.
    pub certificate: String,
    /// From which it verifies bundles.
    pub signatures_root: Vec<u8>,
}

/// Clocks are set back by so many seconds at most where nothing is wrong.
const SET_BACK: i64 = 86_400;
/// A sealed password has well under a kilobyte for each who may open it.
pub(super) const LONGEST_ESCROW: usize = 16 << 10;

impl App {
    /// Enrols a PC.
    pub async fn enrol(&self, request: Request) -> Result<Enrolled, AppError> {
        if request.csr.len() > LONGEST_CSR || request.escrow.len() > LONGEST_ESCROW {
            return Err(AppError::Invalid("the enrolment request is too large".into()));
        }
        let mut tx = self.store.begin().await?;
        let token = store::tokens::by_secret(&mut tx, &hash_secret(&request.secret)).await?;
        let token = usable(token, self.now())?;
        if !store::tokens::take_use(&mut tx, &token.id).await? {
            return Err(used_up());
        }
        let host = HostId::new(&self.clock);
        let issued = self.ca.issue_host(&request.csr, host, 1)?;
        let password = self.open_escrow(&request.escrow)?;
        let row = HostRow {
            id: host,
            group_name: token.group_name.clone(),
            certificate: issued.fingerprint.to_string(),
            // To all who may recover it, whomever the PC sealed it to.
            escrow: self.escrow.seal(&password)?,
            facts: Json(request.facts),
            enrolled: self.now(),
            revoked: 0,
            replaced_by: String::new(),
            pinned: placement::is_chosen(&token.group_name, token.by_rules != 0),
            ruled: 0,
            last_seen: 0,
            generation: 1,
            bundle: 0,
            bundle_refused: String::new(),
        };
        store::hosts::insert(&mut tx, &row).await?;
        let certificate = (row.certificate.as_str(), 1, issued.expires);
        store::identities::put_in_force(&mut tx, host, certificate, ("", 0)).await?;
        let (tree, rules) = (groups::tree(&mut tx).await?, placement::rules(&mut tx).await?);
        let placed = self.place(&mut tx, &row, &rules, &tree).await?;
        let signatures_root = self.signing.root_json()?;
        store::commit(tx).await?;
        let group = placed.map_or_else(|| tree.path(&row.group_name), |placed| placed.to);
        tracing::info!(%host, name = row.facts.0.name, group, "enrolled");
        self.hub.tell(crate::hub::Change::Fleet);
        Ok(Enrolled { host, certificate: issued.pem, signatures_root })
    }

    /// A repository's password that a PC has sealed. One that we could not open would make every
    /// backup worthless, and one that is not of the agents' own making would be a PC's words on an
    /// administrator's screen.
    pub(super) fn open_escrow(&self, sealed: &str) -> Result<String, AppError> {
        let password = self.escrow.unseal(sealed)?;
        if password.len() != 64 || !password.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(AppError::Invalid("the escrowed repository password is not one that an agent makes".into()));
        }
        Ok(password)
    }
}

fn usable(token: Option<TokenRow>, now: i64) -> Result<TokenRow, AppError> {
    match token {
        None => Err(AppError::Forbidden(
            "this token is not known here: it was revoked, or belongs to another controller; make a new one with 'keepwatch tokens create'".into(),
        )),
        Some(token) if token.expires <= now => {
            Err(AppError::Forbidden("this token has expired; make a new one with 'keepwatch tokens create'".into()))
        }
        Some(token) if token.created > now + SET_BACK => Err(AppError::Forbidden(
            "this token is from the future: the controller's clock was ahead when it was made; make a new one with 'keepwatch tokens create'".into(),
        )),
        Some(token) if token.uses_left <= 0 => Err(used_up()),
        Some(token) => Ok(token),
    }
}

fn used_up() -> AppError {
    AppError::Forbidden("this token has been used up; make a new one with 'keepwatch tokens create'".into())
}
