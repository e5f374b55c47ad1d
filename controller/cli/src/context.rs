//! What every command is given: where to write, and who is asking whom.

use crate::connect::{self, Figures, Machines, Plans, Quarantine, Rollouts, Staff, Work};
use crate::failure::Failure;
use crate::output::Output;
use crate::session::{Profile, Profiles, SessionError};

/// The surroundings of a command.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) output: Output,
    pub(crate) profiles: Profiles,
    /// Name of the profile in use.
    pub(crate) profile: String,
    /// Whether what is broad needs no confirmation.
    pub(crate) yes: bool,
    /// A session from the environment, in place of the profile's.
    pub(crate) token: Option<String>,
}

impl Context {
    /// The staff door, with the session.
    pub(crate) async fn staff(&self) -> Result<Staff, Failure> {
        let (profile, session) = self.session()?;
        Ok(connect::open(&profile.address.parse()?, &profile.ca, &session).await?)
    }

    /// The same door's figures.
    pub(crate) async fn figures(&self) -> Result<Figures, Failure> {
        let (profile, session) = self.session()?;
        Ok(connect::figures(&profile.address.parse()?, &profile.ca, &session).await?)
    }

    /// The same door, for what is asked of many hosts at once.
    pub(crate) async fn work(&self) -> Result<Work, Failure> {
        let (profile, session) = self.session()?;
        Ok(connect::open_work(&profile.address.parse()?, &profile.ca, &session).await?)
    }

    /// The same door, for groups and policies.
    pub(crate) async fn plans(&self) -> Result<Plans, Failure> {
        let (profile, session) = self.session()?;
        Ok(connect::open_plans(&profile.address.parse()?, &profile.ca, &session).await?)
    }

    /// The same door, for how signatures spread.
    pub(crate) async fn rollouts(&self) -> Result<Rollouts, Failure> {
        let (profile, session) = self.session()?;
        Ok(connect::rollouts(&profile.address.parse()?, &profile.ca, &session).await?)
    }

    /// The same door, for files that were put away.
    pub(crate) async fn quarantine(&self) -> Result<Quarantine, Failure> {
        let (profile, session) = self.session()?;
        Ok(connect::open_quarantine(&profile.address.parse()?, &profile.ca, &session).await?)
    }

    fn session(&self) -> Result<(Profile, String), Failure> {
        let profile = self.profiles.load(&self.profile)?;
        let session = self.token.clone().unwrap_or_else(|| profile.session.clone());
        if session.is_empty() {
            return Err(SessionError::LoggedOut(self.profile.clone()).into());
        }
        Ok((profile, session))
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
