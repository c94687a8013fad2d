use crate::error::Error;
use crate::query::fixture::Fixture;
use crate::value::Value;

fn ask(text: &str) -> String {
    match Fixture::new().ask(text) {
        Ok(rows) => {
            let rows = rows.iter().map(|row| {
                let cells = row.iter().map(|value| match value {
                    Value::Int(n) => n.to_string(),
                    Value::Float(n) => format!("{n:?}"),
                    value if value.is_nil() => "-".into(),
                    value => String::from_utf8_lossy(value.as_text().unwrap_or(b"?")).into_owned(),
                });
                cells.collect::<Vec<_>>().join(" ")
            });
            rows.collect::<Vec<_>>().join(", ")
        }
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn rows_are_filtered_sorted_and_cut() {
    assert_eq!(ask("select name from functions where calls > 5"), "a, c");
    assert_eq!(
        ask("select name from functions order by calls desc, name"),
        "a, c, e, b, d"
    );
    assert_eq!(
        ask("select name from functions order by calls nulls first limit 2"),
        "d, b"
    );
    assert_eq!(
        ask("select name, calls * 2 + 1 x from functions order by x desc limit 2 offset 1"),
        "c 15, e 7"
    );
    assert_eq!(
        ask("select distinct module from functions order by 1"),
        "M, N, -"
    );
    assert_eq!(
        ask("SELECT * FROM modules WHERE kind LIKE 'gen%'"),
        "M genserver"
    );
}

#[test]
fn what_is_missing_is_neither_true_nor_false() {
    assert_eq!(
        ask("select name from functions where not (calls > 5)"),
        "b, e"
    );
    assert_eq!(
        ask("select name from functions where (calls > 5) is not true"),
        "b, d, e"
    );
    assert_eq!(
        ask("select name from functions where calls is null or share is null"),
        "c, d"
    );
    assert_eq!(
        ask("select name from functions where calls in (10, null)"),
        "a"
    );
    assert_eq!(
        ask("select name from functions where calls not in (10, null)"),
        ""
    );
    assert_eq!(
        ask("select name, coalesce(calls, -1) from functions where calls is null"),
        "d -1"
    );
    assert_eq!(ask("select calls / 0 from functions limit 1"), "-");
}

#[test]
fn groups_have_figures() {
    assert_eq!(
        ask(
            "select module, count(*), sum(calls), avg(share), min(name), max(calls) from functions group by module order by module"
        ),
        "M 2 10 0.375 a 10, N 2 7 1.0 c 7, - 1 3 0.0 e 3"
    );
    assert_eq!(
        ask("select count(*), count(calls), count(distinct module), sum(calls) from functions"),
        "5 4 2 20"
    );
    assert_eq!(
        ask("select count(*), sum(calls), max(name) from functions where calls > 100"),
        "0 - -"
    );
    assert_eq!(
        ask(
            "select module m, count(*) n from functions group by m having count(*) > 1 and sum(calls) > 8 order by n desc, m"
        ),
        "M 2"
    );
    assert_eq!(
        ask("select percentile(calls, 0.5), median(calls), p95(calls) from functions"),
        "5.0 5.0 9.549999999999999"
    );
    assert_eq!(
        ask("select percentile_cont(0.5) within group (order by calls) from functions"),
        "5.0"
    );
    assert_eq!(ask("select sum(calls) * 2 + count(*) from functions"), "45");
    assert_eq!(
        ask("select count(*) filter (where calls > 5) from functions"),
        "2"
    );
    assert_eq!(
        ask(
            "select calls > 5, count(*) from functions where calls is not null group by calls > 5 order by 2, 1"
        ),
        "false 2, true 2"
    );
}

#[test]
fn tables_are_joined() {
    assert_eq!(
        ask(
            "select f.name, m.kind from functions f join modules m on f.module = m.module where m.kind = 'plain' order by 1"
        ),
        "c plain, d plain"
    );
    assert_eq!(
        ask(
            "select m.module, f.name from modules m left join functions f on f.module = m.module and f.calls > 5 order by 1, 2"
        ),
        "M a, N c, O -"
    );
    assert_eq!(
        ask(
            "select m.module from modules m left join functions f on f.module = m.module where f.name is null"
        ),
        "O"
    );
    assert_eq!(ask("select count(*) from functions, modules"), "15");
    assert_eq!(
        ask("select count(*) from functions f, modules m where f.module = m.module"),
        "4"
    );
    assert_eq!(
        ask("select count(*) from functions a join functions b on a.calls < b.calls"),
        "6"
    );
}

#[test]
fn errors_say_what_to_do() {
    for (text, expected) in [
        (
            "select nmae from functions",
            "unknown column nmae, did you mean name?",
        ),
        (
            "select name from function",
            "unknown table function, did you mean functions?",
        ),
        (
            "select countt(*) from functions",
            "unknown function countt, did you mean count?",
        ),
        (
            "select module from functions f join modules m on f.module = m.module",
            "could be f.module or m.module",
        ),
        (
            "select name, count(*) from functions group by module",
            "is not one value a group",
        ),
        (
            "select name from functions where count(*) > 1",
            "aggregates go to HAVING",
        ),
        (
            "select name from functions where calls = 'x'",
            "quotes make a text",
        ),
        ("delete from functions", "only SELECT is understood"),
        ("select 1; select 2", "one is expected"),
        ("select sum(count(*)) from functions", "within another"),
        ("select name from (select 1)", "is not understood here"),
        ("select from where", "Expected"),
        ("select 'x", "Unterminated"),
        ("", "0 statements"),
        ("select name from functions limit -1", "whole number"),
    ] {
        let said = ask(text);
        assert!(said.contains(expected), "{text}: {said}");
    }
}

#[test]
fn long_and_deep_texts_end_with_an_answer_or_an_error() {
    let chain = vec!["calls > 1"; 4_000].join(" and ");
    assert_eq!(
        ask(&format!("select count(*) from functions where {chain}")),
        "3"
    );
    let longer = vec!["calls > 1"; 100_000].join(" or ");
    assert!(ask(&format!("select count(*) from functions where {longer}")).contains("limit"));
    let sum = vec!["calls"; 6_000].join(" + ");
    assert_eq!(ask(&format!("select max({sum}) from functions")), "60000");
    let deep = format!(
        "select {}1{} from functions",
        "(".repeat(5_000),
        ")".repeat(5_000)
    );
    assert!(ask(&deep).contains("nested too deeply"), "{}", ask(&deep));
    let not = format!("select {} true from functions", "not ".repeat(5_000));
    assert!(ask(&not).contains("error"), "{}", ask(&not));
    let many = vec!["1"; 9_000].join(", ");
    assert_eq!(
        ask(&format!(
            "select count(*) from functions where calls in ({many})"
        )),
        "0"
    );
}

#[test]
fn an_integer_that_leaves_64_bits_is_said() {
    let error = Fixture::new()
        .ask("select calls * 9223372036854775807 from functions")
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Invalid {
                what: "calculation",
                ..
            }
        ),
        "{error}"
    );
}
