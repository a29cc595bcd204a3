use std::fs;
use std::io::{self, Read};
use std::path::Path;

use super::credential::{BadCredential, StoredPassword};

/// A password file is read into memory: a million users are below this.
const FILE_BYTES: u64 = 256 * 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordLine {
    pub user: String,
    pub stored: StoredPassword,
}

#[derive(Debug, thiserror::Error)]
pub enum PasswordFileError {
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("line {line} has no user:hash")]
    NoColon { line: usize },
    #[error("line {line}: the hash of user {user:?} {problem}")]
    BadHash { line: usize, user: String, problem: BadCredential },
    #[error("line {line}: user {user:?} is there twice")]
    Twice { line: usize, user: String },
}

/// Reads `user:hash` lines. All problems of the file at once, never part of it.
pub fn read_password_file(path: &Path) -> Result<Vec<PasswordLine>, Vec<PasswordFileError>> {
    let mut text = String::new();
    let read = fs::File::open(path).and_then(|file| file.take(FILE_BYTES).read_to_string(&mut text));
    match read {
        Ok(_) => parse_password_file(&text),
        Err(problem) => Err(vec![problem.into()]),
    }
}

/// Empty lines and lines that begin with `#` are left out.
pub fn parse_password_file(text: &str) -> Result<Vec<PasswordLine>, Vec<PasswordFileError>> {
    let mut lines = Vec::new();
    let mut problems = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for (index, text) in text.lines().enumerate() {
        let (line, text) = (index + 1, text.trim());
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let Some((user, hash)) = text.split_once(':') else {
            problems.push(PasswordFileError::NoColon { line });
            continue;
        };
        if !seen.insert(user) {
            problems.push(PasswordFileError::Twice { line, user: user.to_owned() });
        }
        match hash.parse() {
            Ok(stored) => lines.push(PasswordLine { user: user.to_owned(), stored }),
            Err(problem) => problems.push(PasswordFileError::BadHash { line, user: user.to_owned(), problem }),
        }
    }
    if problems.is_empty() { Ok(lines) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$argon2id$v=19$m=16,t=1,p=1$c29tZXNhbHQ$HLu6JHa6bxRPZo4Hfml4uQ";

    #[test]
    fn users_are_read_and_comments_are_not() {
        let lines = parse_password_file(&format!("# devices\n\nalice:{HASH}\n  bob:{HASH}\n")).unwrap();
        assert_eq!(lines.iter().map(|line| line.user.as_str()).collect::<Vec<_>>(), ["alice", "bob"]);
    }

    #[test]
    fn every_problem_is_told_with_its_line_and_no_hash() {
        let problems = parse_password_file(&format!("alice\nbob:plain text\nc:{HASH}\nc:{HASH}\n")).unwrap_err();
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(told[0], "line 1 has no user:hash");
        assert!(told[1].starts_with("line 2: the hash of user \"bob\" is not a password hash"), "{}", told[1]);
        assert_eq!(told[2], "line 4: user \"c\" is there twice");
        assert_eq!(told.len(), 3);
        assert!(!told.concat().contains("plain text"));
    }
}
