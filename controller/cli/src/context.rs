//! What every command is given: where to write, and who is asking whom.

use crate::connect::{self, Machines, Staff};
use crate::failure::Failure;
use crate::output::Output;
use crate::session::{Profiles, SessionError};

/// The surroundings of a command.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) output: Output,
    pub(crate) profiles: Profiles,
    /// Name of the profile in use.
    pub(crate) profile: String,
    /// A session from the environment, in place of the profile's.
    pub(crate) token: Option<String>,
}

impl Context {
    /// The staff door, with the session.
    pub(crate) async fn staff(&self) -> Result<Staff, Failure> {
        let profile = self.profiles.load(&self.profile)?;
        let session = self.token.as_deref().unwrap_or(&profile.session);
        if session.is_empty() {
            return Err(SessionError::LoggedOut(self.profile.clone()).into());
        }
        Ok(connect::open(&profile.address.parse()?, &profile.ca, session).await?)
    }

    /// The same, for what concerns the PCs' identities.
    pub(crate) async fn machines(&self) -> Result<Machines, Failure> {
        let profile = self.profiles.load(&self.profile)?;
        let session = self.token.as_deref().unwrap_or(&profile.session);
        if session.is_empty() {
            return Err(SessionError::LoggedOut(self.profile.clone()).into());
        }
        Ok(connect::machines(&profile.address.parse()?, &profile.ca, session).await?)
    }
}
