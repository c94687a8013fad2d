use super::secrets::{MASK, any, mask, masked};
use super::*;

fn check(text: &str, expect: &str) {
    let rules = Rules::default();
    let found = masked(&rules, text.as_bytes());
    let found = found.map_or(text.to_owned(), |it| {
        String::from_utf8_lossy(&it).into_owned()
    });
    assert_eq!(found.replace("[REDACTED]", "_"), expect, "of {text}");
}

#[test]
fn names_that_say_secret() {
    let keys = Keys::default();
    for name in [
        "password",
        "user_password",
        "PasswordHash",
        "X-Api-Key",
        "apiKey",
        "api_key",
        "Authorization",
        "credit_card",
        "session_id",
        "PIN",
        "cvv",
        "set-cookie",
        "refresh_token",
        "secret_key_base",
    ] {
        assert!(keys.matches(name.as_bytes()), "{name}");
    }
    for name in [
        "name",
        "pinned",
        "passed",
        "id",
        "",
        "description",
        "carding",
        "__struct__",
        "authors",
    ] {
        assert!(!keys.matches(name.as_bytes()), "{name}");
    }
    assert!(Keys::new(&["ab".to_owned()], &[]).is_err());
    assert!(Keys::new(&[], &["--".to_owned()]).is_err());
    let own = Keys::new(&["пароль".to_owned()], &["Kto".to_owned()]).unwrap();
    assert!(own.matches("мой пароль".as_bytes()) && own.matches(b"KTO") && !own.matches(b"kto2"));
}

#[test]
fn secrets_by_their_looks() {
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-DEF_123";
    check(&format!("a {jwt} b"), "a _ b");
    check(
        "Authorisation is Bearer abc123def, ok",
        "Authorisation is Bearer _, ok",
    );
    check("the bearer of this letter", "the bearer of this letter");
    check("AKIAIOSFODNN7EXAMPLE", "_");
    check("key AKIAIOSFODNN7EXAMPLE.", "key _.");
    check("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "_");
    check("pay 4111 1111 1111 1111 now", "pay _ now");
    check(
        "4111111111111112 and 1764322304000000000",
        "4111111111111112 and 1764322304000000000",
    );
    check("378282246310005", "_");
    let pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----";
    check(&format!("x{pem}y"), "x_y");
    check("-----BEGIN PRIVATE KEY-----\nMIIE", "_");
    check(
        "-----BEGIN PUBLIC KEY-----\nMIIE",
        "-----BEGIN PUBLIC KEY-----\nMIIE",
    );
    check(
        "postgres://user:hunter2@db/x and http://a:b/c",
        "postgres://user:_@db/x and http://a:b/c",
    );
    check("a-b 12:30 x=y ,,, ::: ===", "a-b 12:30 x=y ,,, ::: ===");
    assert!(
        secrets::is_card_number(4_111_111_111_111_111)
            && !secrets::is_card_number(4_111_111_111_111_112)
    );
}

#[test]
fn secrets_by_the_name_before_them() {
    check(
        r#"{"password":"hunter2","a":1}"#,
        r#"{"password":"_","a":1}"#,
    );
    check(
        r#"{"password" : "hun\"ter2", "a":1}"#,
        r#"{"password" : "_", "a":1}"#,
    );
    check(
        r#"{\"password\":\"hunter2\",\"a\":1}"#,
        r#"{\"password\":\"_\",\"a\":1}"#,
    );
    check("a=1&token=abc&b=2", "a=1&token=_&b=2");
    check(
        "Authorization: Basic dXNlcjpwYXNz\nHost: x",
        "Authorization: _\nHost: x",
    );
    check("Cookie: a=b; c=d\r\nHost: x", "Cookie: _\r\nHost: x");
    check("%{password: \"x y\", b: 2}", "%{password: \"_\", b: 2}");
    check("%{:password => \"x\", b: 2}", "%{:password => \"_\", b: 2}");
    check("[password: ~c\"xyz\", b: 2]", "[password: ~c\"_\", b: 2]");
    check(
        "{:password, \"x\"} {\"token\", 'y'}",
        "{:password, \"_\"} {\"token\", '_'}",
    );
    check("{:error, {:password, [1, 2]}}", "{:error, {:password, _}}");
    check("credentials: %{a: 1, b: \"}\"} c", "credentials: _ c");
    check("the password", "the password");
    check("password:", "password:");
}

#[test]
fn what_is_cut_off_in_the_middle_of_a_secret_shows_nothing_of_it() {
    let rules = Rules::default();
    let text = b"abc eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-DEF_123 tail";
    for kept in 5..text.len() {
        let mut out = Vec::new();
        assert_eq!(mask(&rules, text, kept, &mut out), Some(Rule::Jwt));
        assert!(out.starts_with(b"abc [REDACTED]"), "{kept}");
        assert!(tokens::find(&out, b"eyJ").is_none());
    }
    let mut out = Vec::new();
    assert_eq!(mask(&rules, text, 4, &mut out), None);
}

#[test]
fn patterns_of_the_configuration() {
    let rules = Rules::new(&[], &[], &[], &["cust-[0-9]+".to_owned()]).unwrap();
    assert_eq!(masked(&rules, b"a cust-123 b").unwrap(), b"a [REDACTED] b");
    assert_eq!(any(&rules, b"password=1"), None);
    assert_eq!(any(&rules, b"cust-1"), Some(Rule::Pattern));
    assert!(Rules::new(&[], &[], &[], &["(".to_owned()]).is_err());
}

#[test]
fn any_bytes_can_be_searched() {
    let rules = Rules::default();
    let parts: &[&[u8]] = &[
        b"password",
        b"=",
        b":",
        b"\"",
        b"\\",
        b"{",
        b"}",
        b" ",
        b"eyJ",
        b".",
        b"-----BEGIN ",
        b"PRIVATE KEY",
        b"4111111111111111",
        b"\xFF",
        b"://",
        b"@",
        b",",
        b"bearer ",
        b"~",
        b"<",
        b"\n",
    ];
    let mut seed = 7u64;
    for _ in 0..(if cfg!(miri) { 50 } else { 20_000 }) {
        let mut text = Vec::new();
        for _ in 0..(seed >> 60) + 1 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            text.extend_from_slice(parts[(seed >> 33) as usize % parts.len()]);
        }
        let mut out = Vec::new();
        let found = mask(
            &rules,
            &text,
            (seed >> 40) as usize % (text.len() + 1),
            &mut out,
        );
        assert_eq!(
            found.is_none(),
            out.is_empty() || tokens::find(&out, MASK).is_none()
        );
    }
}

#[test]
fn decisions_are_forgotten_and_structs_wait_once() {
    let decisions = Decisions::new(64);
    let generation = decisions.generation();
    decisions.put(9, generation, true);
    assert_eq!((decisions.get(9), decisions.get(8)), (Some(true), None));
    decisions.forget();
    assert_eq!(decisions.get(9), None);
    decisions.put(9, generation, true);
    assert_eq!(decisions.get(9), None, "decided before it was forgotten");

    let structs = Structs::new(16);
    assert!(structs.class(5).is_none());
    structs.ask(5);
    structs.ask(5);
    assert_eq!(
        (structs.take_waiting(), structs.unclassified()),
        (vec![5], (0, 2))
    );
    assert!(structs.classify(5, Class::Fields(Box::new([(3, Rule::Schema)]))));
    structs.ask(5);
    assert!(structs.take_waiting().is_empty());
    assert_eq!(structs.class(5).unwrap().withholds(3), Some(Rule::Schema));
    assert_eq!(structs.class(5).unwrap().withholds(4), None);
    let taken = (100..200)
        .filter(|module| structs.classify(*module, Class::Plain))
        .count();
    assert_eq!(taken, 7, "half of the table");
}
