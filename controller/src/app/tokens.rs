//! Enrolment tokens.

use super::audit::{Actor, Deed, Role};
use super::groups::{meant, tree};
use super::{App, AppError};
use crate::store::{self, tokens::TokenRow};
use keepwatch_proto::ids::JobId;
use keepwatch_proto::token::Token;
use sha2::{Digest, Sha256};

/// A token, the one time that it is shown.
pub struct NewToken {
    /// Its id, which is no secret.
    pub id: String,
    /// What the PC is given.
    pub token: Token,
    /// Unix seconds.
    pub expires: i64,
    /// How many PCs may use it.
    pub uses: u32,
}

const MAX_USES: u32 = 10_000;
const MAX_TTL: u64 = 365 * 86_400;

/// A secret as it is stored and looked up. What is hashed is 256 random bits, so a plain
/// hash is as good as a slow one.
pub fn hash_secret(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
}

/// 256 random bits, in hexadecimal.
pub fn new_secret() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

impl App {
    /// Makes one: for `uses` PCs (0: one), good for `ttl` seconds (0: a day), into `group`
    /// (empty: the root). Rules place the hosts of one into the root; of another where `by_rules` is so.
    pub async fn create_token(
        &self,
        actor: &Actor,
        uses: u32,
        ttl: u64,
        group: &str,
        by_rules: bool,
    ) -> Result<NewToken, AppError> {
        self.demand(actor, Role::Operator, "token create").await?;
        let (uses, ttl) = (if uses == 0 { 1 } else { uses }, if ttl == 0 { 86_400 } else { ttl });
        if uses > MAX_USES || ttl > MAX_TTL {
            return Err(AppError::Invalid(format!("a token is for at most {MAX_USES} PCs and a year")));
        }
        let mut tx = self.store.begin().await?;
        let tree = tree(&mut tx).await?;
        let group = meant(&tree, group)?;
        let secret = new_secret();
        let row = TokenRow {
            id: JobId::new(&self.clock).to_string(),
            secret_hash: hash_secret(&secret),
            group_name: group.clone(),
            uses_left: uses.into(),
            expires: self.now() + i64::try_from(ttl).unwrap_or(0),
            created: self.now(),
            created_by: actor.user.clone(),
            by_rules: by_rules.into(),
        };
        store::tokens::insert(&mut tx, &row).await?;
        let rules = if by_rules { ", or as rules have it" } else { "" };
        let detail = format!("{uses} uses, group {}{rules}", tree.path(&group));
        self.record(&mut tx, actor, &Deed { action: "token create", object: &row.id, detail: &detail }).await?;
        store::commit(tx).await?;
        Ok(NewToken { id: row.id, token: Token { secret, ca: self.ca.fingerprint() }, expires: row.expires, uses })
    }

    /// All of them, each with the path of its group; a secret is never shown again.
    pub async fn tokens(&self, actor: &Actor) -> Result<Vec<(TokenRow, String)>, AppError> {
        self.demand(actor, Role::Operator, "token list").await?;
        let mut conn = self.store.read().await?;
        let tree = tree(&mut conn).await?;
        let tokens = store::tokens::list(&mut conn).await?.into_iter();
        Ok(tokens.map(|row| (tree.path(&row.group_name), row)).map(|(path, row)| (row, path)).collect())
    }

    /// Ends one.
    pub async fn revoke_token(&self, actor: &Actor, id: &str) -> Result<(), AppError> {
        self.demand(actor, Role::Operator, "token revoke").await?;
        let mut tx = self.store.begin().await?;
        if !store::tokens::delete(&mut tx, id).await? {
            return Err(AppError::NotFound(format!(
                "there is no token '{}'; 'keepwatch tokens list' shows them",
                id.escape_debug()
            )));
        }
        self.record(&mut tx, actor, &Deed { action: "token revoke", object: id, detail: "" }).await?;
        Ok(store::commit(tx).await?)
    }
}
