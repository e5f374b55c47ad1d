//! What a PC is given to enrol with: the secret, and the fingerprint of the CA that it may
//! trust, so that the first connection is already to the right controller.

use crate::pin::Fingerprint;
use std::fmt;
use std::str::FromStr;

const PREFIX: &str = "kw1";

/// An enrolment token: `kw1.SECRET.FINGERPRINT`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Known to the controller only as a hash.
    pub secret: String,
    /// Of the controller's CA certificate.
    pub ca: Fingerprint,
}

/// A text that is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is not an enrolment token; copy the whole line that 'keepwatch tokens create' printed, beginning with '{PREFIX}.'"
)]
pub struct NoToken;

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}.{}.{}", self.secret, self.ca)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("ca", &self.ca).finish_non_exhaustive()
    }
}

impl FromStr for Token {
    type Err = NoToken;
    fn from_str(text: &str) -> Result<Self, NoToken> {
        let mut parts = text.trim().split('.');
        let (Some(PREFIX), Some(secret), Some(ca), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NoToken);
        };
        if secret.is_empty() || !secret.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(NoToken);
        }
        Ok(Self { secret: secret.into(), ca: ca.parse().map_err(|_| NoToken)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_and_hides_its_secret() {
        let token = Token { secret: "abc123".into(), ca: Fingerprint::of(b"certificate") };
        assert_eq!(token.to_string().parse::<Token>().as_ref(), Ok(&token));
        assert!(!format!("{token:?}").contains("abc123"));
        for bad in ["", "kw1", "kw1.abc", "kw2.abc123.00", "kw1..00", "kw1.abc.zz", &format!("{token}.x")] {
            assert_eq!(bad.parse::<Token>(), Err(NoToken), "{bad}");
        }
    }
}
