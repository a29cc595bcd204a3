use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use parking_lot::RwLock;
use sha2::{Digest, Sha256};

use crate::config::{PasswordFileError, ScramKeys, StoredPassword, read_password_file};

/// The users there are: those of the configuration and those of the password file. Where both have a name, the configuration counts.
#[derive(Debug)]
pub struct Users {
    fixed: BTreeMap<String, StoredPassword>,
    file: Option<PathBuf>,
    table: RwLock<Arc<Table>>,
}

/// What there was at one reading.
#[derive(Debug)]
pub(super) struct Table {
    users: HashMap<String, StoredPassword>,
    /// One of each cost that occurs: what a name that does not exist is checked against.
    decoys: Vec<StoredPassword>,
    /// Known to nobody outside and the same as long as the users are: a name that does not exist gets the same decoy and salt each time.
    secret: [u8; 32],
}

impl Users {
    pub fn read(fixed: BTreeMap<String, StoredPassword>, file: Option<PathBuf>) -> Result<Self, Vec<PasswordFileError>> {
        let table = read_table(&fixed, &file)?;
        Ok(Users { fixed, file, table: RwLock::new(Arc::new(table)) })
    }

    /// Reads the password file again and returns how many users there are now. With a problem everything stays as it was.
    pub fn reload(&self) -> Result<usize, Vec<PasswordFileError>> {
        let table = read_table(&self.fixed, &self.file)?;
        let count = table.users.len();
        *self.table.write() = Arc::new(table);
        Ok(count)
    }

    pub(super) fn table(&self) -> Arc<Table> {
        Arc::clone(&self.table.read())
    }
}

fn read_table(fixed: &BTreeMap<String, StoredPassword>, file: &Option<PathBuf>) -> Result<Table, Vec<PasswordFileError>> {
    let mut users = HashMap::new();
    if let Some(file) = file {
        users.extend(read_password_file(file)?.into_iter().map(|line| (line.user, line.stored)));
    }
    users.extend(fixed.iter().map(|(user, stored)| (user.clone(), stored.clone())));
    Ok(Table::new(users))
}

impl Table {
    fn new(users: HashMap<String, StoredPassword>) -> Self {
        let mut names: Vec<&String> = users.keys().collect();
        names.sort_unstable();
        let (mut seen, mut decoys, mut secret) = (HashSet::new(), Vec::new(), Sha256::new());
        for name in names {
            let stored = &users[name];
            if seen.insert(cost(stored)) {
                decoys.push(stored.clone());
            }
            secret.update(stored.reveal());
        }
        Table { decoys, secret: secret.finalize().into(), users }
    }

    pub(super) fn get(&self, user: &str) -> Option<&StoredPassword> {
        self.users.get(user)
    }

    /// What to check for a name that does not exist, so that it takes as long as for one that does. `None` without any users.
    pub(super) fn decoy(&self, user: &str) -> Option<&StoredPassword> {
        let choice = usize::from(self.keyed(b"decoy", user)[0]);
        self.decoys.get(choice.checked_rem(self.decoys.len())?)
    }

    /// Keys for a SCRAM exchange that is going to fail. `None` when nobody here has any.
    pub(super) fn scram_decoy(&self, user: &str) -> Option<ScramKeys> {
        let scram = self.decoys.iter().filter_map(|decoy| match decoy {
            StoredPassword::Scram(keys) => Some(keys),
            StoredPassword::Argon2(_) => None,
        });
        let scram: Vec<_> = scram.collect();
        let choice = usize::from(self.keyed(b"iterations", user)[0]);
        let like = scram.get(choice.checked_rem(scram.len())?)?;
        let salt = self.keyed(b"salt", user).into_iter().cycle().take(like.salt.len()).collect();
        // Random keys: no proof can match them.
        Some(ScramKeys { iterations: like.iterations, salt, stored_key: rand::random(), server_key: rand::random() })
    }

    pub(super) fn has_scram(&self) -> bool {
        self.decoys.iter().any(|decoy| matches!(decoy, StoredPassword::Scram(_)))
    }

    fn keyed(&self, purpose: &[u8], user: &str) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes keys of any length");
        mac.update(purpose);
        mac.update(user.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// Everything that decides how long a check takes.
fn cost(stored: &StoredPassword) -> String {
    match stored {
        // $argon2id$v=19$m=19456,t=2,p=1$salt$hash
        StoredPassword::Argon2(text) => text.rsplitn(3, '$').last().unwrap_or_default().to_owned(),
        StoredPassword::Scram(keys) => format!("{} {}", keys.iterations, keys.salt.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::{hash_argon2, hash_scram};

    fn table(users: &[(&str, StoredPassword)]) -> Table {
        Table::new(users.iter().map(|(name, stored)| ((*name).to_owned(), stored.clone())).collect())
    }

    #[test]
    fn unknown_names_are_checked_at_the_costs_that_occur() {
        let cheap: StoredPassword = "$argon2id$v=19$m=16,t=1,p=1$c29tZXNhbHQ$HLu6JHa6bxRPZo4Hfml4uQ".parse().unwrap();
        let table = table(&[("a", hash_argon2(b"x").unwrap()), ("b", hash_argon2(b"y").unwrap()), ("c", cheap.clone())]);
        assert_eq!(table.decoys.len(), 2);
        let decoys: HashSet<String> = (0..64).map(|n| cost(table.decoy(&format!("nobody {n}")).unwrap())).collect();
        assert_eq!(decoys.len(), 2);
        assert_eq!(table.decoy("nobody"), table.decoy("nobody"));
        assert!(Table::new(HashMap::new()).decoy("nobody").is_none());
    }

    #[test]
    fn an_unknown_name_always_shows_the_same_salt_as_a_real_one_would() {
        let users = [("a", hash_scram(b"x").unwrap())];
        let (first, second) = (table(&users).scram_decoy("nobody").unwrap(), table(&users).scram_decoy("nobody").unwrap());
        assert_eq!((&first.salt, first.iterations), (&second.salt, second.iterations));
        assert_ne!(first.salt, table(&users).scram_decoy("somebody").unwrap().salt);
        assert!(table(&[("a", hash_argon2(b"x").unwrap())]).scram_decoy("nobody").is_none());
    }

    #[test]
    fn a_reload_takes_the_new_file_or_keeps_the_old_users() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        let line = |user: &str| format!("{user}:{}\n", hash_scram(b"x").unwrap().reveal());
        std::fs::write(&path, line("alice")).unwrap();
        let users = Users::read(BTreeMap::from([("admin".to_owned(), hash_scram(b"y").unwrap())]), Some(path.clone())).unwrap();
        assert!(users.table().get("alice").is_some() && users.table().get("admin").is_some());

        std::fs::write(&path, line("bob")).unwrap();
        assert_eq!(users.reload().unwrap(), 2);
        assert!(users.table().get("alice").is_none() && users.table().get("bob").is_some());

        std::fs::write(&path, "bob").unwrap();
        assert_eq!(users.reload().unwrap_err().len(), 1);
        assert!(users.table().get("bob").is_some());
    }
}
