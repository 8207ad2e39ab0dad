//! `iris user` and `iris token`: who may come in, for machines without a browser. They work on the store itself, also
//! beside a running server, in which a change takes effect at once.

use std::collections::BTreeSet;
use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use iris_core::clock::SystemClock;
use iris_core::{CameraId, Clock};

use crate::accounts::{self, Accounts, Cameras, Change, Key, Token, User};
use crate::cli::{TokenCommand, UserCommand};
use crate::message::timestamp;
use crate::store::Sqlite;

pub(super) fn user(command: UserCommand) -> Result<ExitCode> {
    match command {
        UserCommand::Add { config, name, role, cameras } => {
            let store = open(&config.config)?;
            let cameras = (!cameras.is_empty()).then(|| cameras.into_iter().collect());
            let user = User::new(name, role, cameras, SystemClock::new().wall())?;
            let hash = new_password(&user.name)?;
            done(store.add_user(user, hash)?, "user")
        }
        UserCommand::List { config } => list_users(&open(&config.config)?.users()?),
        UserCommand::Remove { config, name } => done(open(&config.config)?.remove_user(&name)?, "user"),
        UserCommand::Password { config, name } => {
            let store = open(&config.config)?;
            let (user, _) = store.user(&name)?.context("there is no such user")?;
            done(store.change_password(&user.name, new_password(&user.name)?)?, "user")
        }
    }
}

pub(super) fn token(command: TokenCommand) -> Result<ExitCode> {
    match command {
        TokenCommand::Create { config, name, scopes, cameras } => {
            let store = open(&config.config)?;
            let cameras = (!cameras.is_empty()).then(|| cameras.into_iter().collect());
            let token = Token::new(name, scopes.into_iter().collect(), cameras, SystemClock::new().wall())?;
            let key = Key::generate();
            done(store.add_token(token, key.digest())?, "token")?;
            say(&key.token())
        }
        TokenCommand::List { config } => list_tokens(&open(&config.config)?.tokens()?),
        TokenCommand::Revoke { config, id } => done(open(&config.config)?.remove_token(&id)?, "token"),
    }
}

fn open(config: &Path) -> Result<Sqlite> {
    Ok(Sqlite::open_beside(&super::load(config)?.store.path)?)
}

fn done(change: Change, what: &str) -> Result<ExitCode> {
    match change {
        Change::Done => Ok(ExitCode::SUCCESS),
        Change::Absent => bail!("there is no such {what}"),
        Change::Exists => bail!("there is such a {what} already"),
        Change::LastAdmin => bail!("without this admin nobody could change anything"),
    }
}

/// The hash of a password that is asked for, or of the first line of standard input.
fn new_password(user: &str) -> Result<String> {
    let password = if std::io::stdin().is_terminal() {
        let first = rpassword::prompt_password("Password: ").context("cannot read the password")?;
        if rpassword::prompt_password("Again: ").context("cannot read the password")? != first {
            bail!("the two are not the same");
        }
        first
    } else {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).context("cannot read the password from standard input")?;
        line.trim_end_matches(['\n', '\r']).to_owned()
    };
    accounts::check_password(&password, user)?;
    accounts::hash_password(&password).map_err(|error| anyhow::anyhow!("the password cannot be hashed: {error}"))
}

fn list_users(users: &[User]) -> Result<ExitCode> {
    for user in users {
        let role = format!("{:?}", user.role).to_lowercase();
        say(&format!("{:<24} {role:<10} {}", user.name, seen(&user.cameras)))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn list_tokens(tokens: &[Token]) -> Result<ExitCode> {
    for token in tokens {
        let scopes: Vec<String> = token.scopes.iter().map(|scope| format!("{scope:?}").to_lowercase()).collect();
        let used = token.used.map_or_else(|| "never used".to_owned(), |at| format!("used {}", timestamp(at)));
        say(&format!("{} {:<24} {:<16} {:<16} {used}", token.id, token.name, scopes.join(","), seen(&token.cameras)))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn seen(cameras: &Cameras) -> String {
    let names = |cameras: &BTreeSet<CameraId>| cameras.iter().map(ToString::to_string).collect::<Vec<_>>();
    cameras.as_ref().map_or_else(|| "all cameras".to_owned(), |cameras| names(cameras).join(","))
}

fn say(line: &str) -> Result<ExitCode> {
    writeln!(std::io::stdout().lock(), "{line}")?;
    Ok(ExitCode::SUCCESS)
}
