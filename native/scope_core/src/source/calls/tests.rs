use super::*;
use crate::ast::testing::*;
use crate::atoms::intern;
use crate::limits::AST_ENTRIES_MAX;
use crate::source::Unit;

fn unit(term: &T) -> Unit {
    Unit::build(Some("lib/a.ex"), None, ast(term)).unwrap()
}

/// Any term is walked, however odd: every site names a node, in order, once.
#[test]
fn whatever_is_parsed_is_walked() {
    let mut random = Random(17);
    for _ in 0..rounds(2_000) {
        let unit = unit(&random.term(6));
        let nodes: Vec<u32> = unit.call_sites().map(|site| site.node.0).collect();
        assert!(nodes.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(
            nodes
                .iter()
                .all(|&node| (node as usize) < unit.ast().len().min(AST_ENTRIES_MAX))
        );
        for (node, _) in unit.named_modules() {
            assert!(unit.module_named(node).is_some());
        }
    }
}

#[test]
fn a_site_is_found_by_its_node() {
    let inner = call("g", 2, 5, vec![call("h", 2, 7, vec![])]);
    let definition = call("def", 1, 3, vec![call("f", 1, 7, vec![]), body(inner)]);
    let module = call(
        "defmodule",
        1,
        1,
        vec![alias(1, 11, &["A"]), body(definition)],
    );
    let unit = unit(&module);
    let sites: Vec<_> = unit.call_sites().collect();
    let names: Vec<_> = sites.iter().map(|site| site.callee.name.text()).collect();
    assert_eq!(names, ["g", "h"]);
    for site in sites {
        assert_eq!(unit.callee(site.node), Some(site));
        assert_eq!((site.module, site.clause), (Some(0), Some(0)));
        assert_eq!(site.callee.module, ModuleRef::Local);
    }
    let g = unit.call_sites().next().unwrap().node;
    assert_eq!(unit.call_sites_in(g).count(), 2);
    assert_eq!(unit.callee(unit.ast().root()), None);
    let named: Vec<_> = unit.named_modules().map(|(_, module)| module).collect();
    assert_eq!(named, [intern("Elixir.A")]);
    assert!(unit.derived().memory_bytes() > 0);
}
