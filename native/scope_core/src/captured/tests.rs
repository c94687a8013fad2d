use super::format::*;
use super::*;
use crate::atoms::intern;

/// A value made of a seed: sometimes deep, wide, cut, improper.
fn value(seed: &mut u64, out: &mut Vec<u8>, depth: u32) {
    let mut roll = |sides: u64| {
        *seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 33) % sides
    };
    let kind = roll(if depth == 0 { 9 } else { 14 });
    match kind {
        0 => put_int(out, roll(300) as i64 - 150),
        1 => put_int(out, (*seed as i64) ^ 77),
        2 => put_float(out, roll(1000) as f64 / 7.0),
        3 => put_atom(
            out,
            u64::from(intern(["ok", "nil", "Elixir.Foo", "a b"][roll(4) as usize]).0),
        ),
        4 => put_binary(out, &b"text \xFF"[..roll(7) as usize]),
        5 => put_empty_list(out),
        6 => put_gone(out, By::Depth, Kind::Map, Size::AtLeast(roll(9))),
        7 => put_redacted(out, 1, Kind::Binary),
        8 => put_binary_cut(out, By::Bytes, 99, b"abc"),
        9 | 10 => {
            put_list(out);
            for _ in 0..roll(5) {
                value(seed, out, depth - 1);
            }
            match *seed >> 40 & 3 {
                0 => {
                    put_tail(out);
                    put_int(out, 1);
                }
                1 => put_cut(out, By::Width, Size::Exactly(70)),
                _ => put_end(out),
            }
        }
        11 => {
            let arity = roll(5);
            put_tuple(out, arity);
            for _ in 0..arity {
                value(seed, out, depth - 1);
            }
        }
        _ => {
            let size = roll(4);
            if kind == 12 {
                put_struct(out, size);
                put_atom(out, u64::from(intern("Elixir.Shop.Cart").0));
            } else {
                put_map(out, size);
            }
            for key in 0..size {
                put_int(out, key as i64);
                value(seed, out, depth - 1);
            }
        }
    }
}

fn values(count: u64) -> impl Iterator<Item = Vec<u8>> {
    (0..if cfg!(miri) { 20 } else { count }).map(|seed| {
        let mut out = Vec::new();
        value(&mut (seed * 977), &mut out, 5);
        out
    })
}

#[test]
fn values_are_walked_and_written_back_token_by_token() {
    for bytes in values(2_000) {
        check(&bytes).unwrap();
        let mut again = Vec::new();
        let mut tokens = Tokens::new(&bytes);
        while let Some(token) = tokens.next().unwrap() {
            token.put(&mut again);
        }
        assert_eq!(again, bytes);
        let (mut open, mut closed) = (0, 0);
        walk(&bytes, |step| {
            open += usize::from(matches!(step, Step::Open(_)));
            closed += usize::from(matches!(step, Step::Close(..)));
            Ok(())
        })
        .unwrap();
        assert_eq!(open, closed);
    }
}

#[test]
fn damaged_bytes_are_an_error_or_another_value() {
    let mut seed = 1u64;
    for bytes in values(2_000) {
        for cut in 0..bytes.len().min(40) {
            assert!(check(&bytes[..cut]).is_err());
        }
        let mut more = bytes.clone();
        more.push(0x81);
        assert!(check(&more).is_err());
        for _ in 0..20 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let mut damaged = bytes.clone();
            let at = (seed >> 33) as usize % damaged.len();
            damaged[at] = seed as u8;
            everything(&damaged);
        }
    }
}

/// What anybody does with bytes.
fn everything(bytes: &[u8]) {
    let mut out = Vec::new();
    let _ = check(bytes);
    let _ = show(bytes, &(), 200);
    let _ = canonical(bytes);
    let _ = portable(bytes, &(), &mut out);
    let _ = from_portable(bytes, &mut 0, &mut out);
    let _ = transcode(bytes, &mut AtomWords::new(), &mut |_| None, &mut out);
}

#[test]
fn saved_values_come_back() {
    for bytes in values(2_000) {
        let (mut saved, mut loaded) = (Vec::new(), Vec::new());
        portable(&bytes, &(), &mut saved).unwrap();
        from_portable(&saved, &mut 0, &mut loaded).unwrap();
        assert_eq!(loaded, bytes);
        assert!(same(&loaded, &bytes));
    }
    let (mut log, mut saved, mut loaded) = (Vec::new(), Vec::new(), Vec::new());
    put_pid(&mut log, 0x123);
    portable(&log, &(), &mut saved).unwrap();
    from_portable(&saved, &mut 0, &mut loaded).unwrap();
    assert_eq!(show(&loaded, &(), 100), "#PID<word 291>");
    assert!(
        from_portable(&log, &mut 0, &mut loaded).is_err(),
        "a word of another VM"
    );
    let mut unknown = Vec::new();
    put_atom_text(&mut unknown, "an atom that nobody has interned");
    assert!(from_portable(&unknown, &mut 0, &mut loaded).is_err());
    assert!(from_portable(&unknown, &mut 1, &mut loaded).is_ok());
}

#[test]
fn atoms_get_the_cores_numbers() {
    let mut raw = Vec::new();
    put_tuple(&mut raw, 3);
    put_atom(&mut raw, 0x0012_340B);
    put_int(&mut raw, 5);
    put_atom(&mut raw, 0x99_0B);
    let mut asked = 0;
    let mut words = AtomWords::new();
    let mut resolve = |word: u64| {
        asked += 1;
        Some(intern(if word == 0x99_0B { "second" } else { "first" }))
    };
    let mut log = b"before".to_vec();
    transcode(&raw, &mut words, &mut resolve, &mut log).unwrap();
    transcode(&raw, &mut words, &mut resolve, &mut Vec::new()).unwrap();
    assert_eq!(asked, 2);
    assert_eq!(show(&log[6..], &(), 100), "{:first, 5, :second}");
    assert!(transcode(&raw, &mut AtomWords::new(), &mut |_| None, &mut log).is_err());
    assert_eq!(
        show(&log[6..], &(), 100),
        "{:first, 5, :second}",
        "nothing was appended"
    );
}

#[test]
fn the_order_of_keys_says_nothing() {
    let map = |keys: [i64; 3]| {
        let mut out = Vec::new();
        put_list(&mut out);
        put_map(&mut out, 3);
        for key in keys {
            put_int(&mut out, key);
            put_map(&mut out, 2);
            for inner in [key, key + 1] {
                put_int(
                    &mut out,
                    if keys[0] == 1 {
                        inner
                    } else {
                        2 * key + 1 - inner
                    },
                );
                put_binary(&mut out, b"v");
            }
        }
        put_end(&mut out);
        out
    };
    let (a, b, c) = (map([1, 2, 300]), map([300, 1, 2]), map([300, 1, 4]));
    assert_ne!(a, b);
    assert!(same(&a, &b) && !same(&a, &c));
    assert_eq!(hash(&a).unwrap(), hash(&b).unwrap());
    assert_ne!(hash(&a).unwrap(), hash(&c).unwrap());
}

#[test]
fn nesting_is_bounded() {
    let mut deep = vec![0x8B; 0];
    for _ in 0..200_000 {
        put_list(&mut deep);
    }
    assert!(check(&deep).is_err());
    everything(&deep);
}

#[test]
fn values_read_as_inspect_writes_them() {
    let atom = |out: &mut Vec<u8>, text: &str| put_atom(out, u64::from(intern(text).0));
    let mut out = Vec::new();
    put_map(&mut out, 4);
    atom(&mut out, "a");
    put_float(&mut out, 1.0);
    put_binary(&mut out, b"k\"");
    atom(&mut out, "Elixir.Shop.Cart");
    atom(&mut out, "odd key");
    put_struct(&mut out, 1);
    atom(&mut out, "Elixir.Shop.Item");
    atom(&mut out, "name");
    put_binary_cut(&mut out, By::Bytes, 900, b"abc");
    put_int(&mut out, 7);
    put_list(&mut out);
    put_binary(&mut out, &[1, 255]);
    put_redacted(&mut out, 1, Kind::Binary);
    put_cut(&mut out, By::Width, Size::Exactly(9));
    assert_eq!(
        show(&out, &(), 1000),
        r#"%{a: 1.0, "k\"" => Shop.Cart, "odd key": %Shop.Item{name: "abc" <> ...(900 bytes)}, 7 => [<<1, 255>>, #Redacted<binary by key>, ... of 9]}"#
    );
    assert!(show(&out, &(), 20).len() <= 23);
    assert_eq!(
        show(&[], &(), 9),
        "#Unreadable<corrupt data: a captured value: it ends too early>"
    );
    let big = [131, 110, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let mut out = Vec::new();
    put_external(&mut out, Kind::Integer, &big);
    assert_eq!(show(&out, &(), 99), "-18446744073709551616");
}
