//! What any store must do with users, sessions and tokens.

use std::time::Duration;

use iris_server::accounts::{Change, Digest, IDLE, Key, LIFETIME, Role, Scope, Token, User, hash_password};
use iris_server::store::Store;

use crate::kit::{START, after, camera};
use crate::suite::suite;

const ONE: Digest = Digest([1; 32]);

fn user(name: &str, role: Role) -> User {
    User::new(name.into(), role, None, START).expect("a user")
}

fn add(store: &dyn Store, name: &str, role: Role) {
    assert_eq!(store.add_user(user(name, role), "hash".into()).expect("stored"), Change::Done);
}

fn seconds(time: Duration) -> i64 {
    time.as_secs() as i64
}

suite! {
    fn accounts_are_there_after_a_restart(bench) {
        let ada = User { cameras: Some([camera("one"), camera("two")].into()), ..user("Ada", Role::Operator) };
        let token = Token::new("grafana".into(), [Scope::View].into(), None, START).expect("a token");
        let store = bench.open(&[]);
        assert_eq!(store.add_user(ada.clone(), "hash".into()).expect("stored"), Change::Done);
        assert_eq!(store.add_token(token.clone(), ONE).expect("stored"), Change::Done);
        assert_eq!(store.begin_session(ONE, "ada", after(5)).expect("stored"), Change::Done);
        drop(store);
        let store = bench.open(&[]);
        assert_eq!(store.users().expect("users"), std::slice::from_ref(&ada));
        assert_eq!(store.user("ADA").expect("a user"), Some((ada.clone(), "hash".into())), "letters' case is no matter");
        assert_eq!(store.tokens().expect("tokens"), std::slice::from_ref(&token));
        assert_eq!(store.token(ONE).expect("a token"), Some(token));
        let session = store.session(ONE).expect("a session").expect("it is there");
        assert_eq!((session.user, session.created, session.used), (ada, after(5), after(5)));
    }

    fn names_are_taken_once_and_the_first_user_is_first(bench) {
        let store = bench.open(&[]);
        let first = |name: &str| store.add_first_user(user(name, Role::Admin), "hash".into()).expect("stored");
        assert_eq!((first("ada"), first("bob")), (Change::Done, Change::Exists));
        assert_eq!(store.add_user(user("ADA", Role::Viewer), "hash".into()).expect("stored"), Change::Exists);
        assert_eq!(store.change_user("bob", Role::Viewer, None).expect("stored"), Change::Absent);
        assert_eq!(store.remove_user("bob").expect("stored"), Change::Absent);
        assert_eq!(store.begin_session(ONE, "bob", START).expect("stored"), Change::Absent);
    }

    fn the_last_admin_stays(bench) {
        let store = bench.open(&[]);
        add(&*store, "ada", Role::Admin);
        add(&*store, "bob", Role::Viewer);
        assert_eq!(store.remove_user("Ada").expect("stored"), Change::LastAdmin);
        assert_eq!(store.change_user("ada", Role::Operator, None).expect("stored"), Change::LastAdmin);
        assert_eq!(store.change_user("bob", Role::Admin, None).expect("stored"), Change::Done);
        assert_eq!(store.remove_user("ada").expect("stored"), Change::Done);
    }

    fn sessions_end_with_their_user_the_password_and_the_clock(bench) {
        let store = bench.open(&[]);
        add(&*store, "ada", Role::Admin);
        add(&*store, "bob", Role::Viewer);
        let begin = |n, name, at| assert_eq!(store.begin_session(Digest([n; 32]), name, at).expect("stored"), Change::Done);
        let lives = |n| store.session(Digest([n; 32])).expect("read").is_some();
        begin(1, "ada", START);
        begin(2, "bob", START);
        assert_eq!(store.change_password("ada", "new".into()).expect("stored"), Change::Done);
        assert!(!lives(1) && lives(2));
        assert_eq!(store.remove_user("bob").expect("stored"), Change::Done);
        assert!(!lives(2));
        begin(3, "ada", START);
        begin(4, "ada", START);
        store.use_session(Digest([4; 32]), after(seconds(IDLE) - 1)).expect("noted");
        begin(5, "ada", after(seconds(IDLE)));
        assert!(!lives(3) && lives(4) && lives(5), "who begins one clears up");
        begin(6, "ada", after(seconds(LIFETIME)));
        assert!(!lives(4));
        assert_eq!(store.end_session(Digest([6; 32])).expect("stored"), Change::Done);
        assert_eq!(store.end_session(Digest([6; 32])).expect("stored"), Change::Absent);
    }

    fn a_user_has_a_bounded_number_of_sessions(bench) {
        let store = bench.open(&[]);
        add(&*store, "ada", Role::Admin);
        for n in 0..40 {
            let began = store.begin_session(Digest([n; 32]), "ada", after(n.into())).expect("stored");
            assert_eq!(began, Change::Done);
        }
        let live = (0..40).filter(|n| store.session(Digest([*n; 32])).expect("read").is_some());
        assert_eq!(live.collect::<Vec<_>>(), (8..40).collect::<Vec<_>>());
    }

    fn keys_are_stored_as_digests_and_passwords_as_hashes(bench) {
        let store = bench.open(&[]);
        let (session, program, password) = (Key::generate(), Key::generate(), "correct horse battery");
        let hash = hash_password(password).expect("hashed");
        assert_eq!(store.add_user(user("ada", Role::Admin), hash).expect("stored"), Change::Done);
        assert_eq!(store.begin_session(session.digest(), "ada", START).expect("stored"), Change::Done);
        let token = Token::new("grafana".into(), [Scope::View].into(), None, START).expect("a token");
        assert_eq!(store.add_token(token, program.digest()).expect("stored"), Change::Done);
        drop(store);
        let raw = |key: &Key| -> Vec<u8> {
            let digits = key.text();
            (0..32).map(|n| u8::from_str_radix(&digits[2 * n..2 * n + 2], 16).expect("digits")).collect()
        };
        let secrets = [session.text().into_bytes(), raw(&session), program.text().into_bytes(), raw(&program), password.into()];
        for file in std::fs::read_dir(bench.folder.path()).expect("a folder").flatten().filter(|file| file.path().is_file()) {
            let bytes = std::fs::read(file.path()).expect("a file");
            let holds = |secret: &Vec<u8>| bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!secrets.iter().any(holds), "{}", file.path().display());
        }
    }
}
