//! What every command is given: where to write, and who is asking whom.

use crate::connect::{self, Address, Staff, Work};
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
        let (address, ca, session) = self.way()?;
        Ok(connect::open(&address, &ca, &session).await?)
    }

    /// The same, for what is asked of many hosts at once.
    pub(crate) async fn work(&self) -> Result<Work, Failure> {
        let (address, ca, session) = self.way()?;
        Ok(connect::open_work(&address, &ca, &session).await?)
    }

    fn way(&self) -> Result<(Address, String, String), Failure> {
        let profile = self.profiles.load(&self.profile)?;
        let session = self.token.as_deref().unwrap_or(&profile.session).to_owned();
        if session.is_empty() {
            return Err(SessionError::LoggedOut(self.profile.clone()).into());
        }
        Ok((profile.address.parse()?, profile.ca, session))
    }
}
