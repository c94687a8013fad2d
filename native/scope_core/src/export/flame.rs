//! A flame graph as one SVG file: rectangles as wide as their inclusive time, a title for each, and a few lines of
//! script to zoom and to search. It fetches nothing.

use std::fmt::Write;

use crate::error::Result;
use crate::export::about::About;
use crate::export::item::Item;
use crate::export::tree::CallTree;
use crate::export::{Exporter, Pass, Sink, function_name};

const WIDTH: f64 = 1200.0;
const ROW: u32 = 17;
const TOP: u32 = 70;
const SIDE: f64 = 10.0;
/// Narrower rectangles are left out: a reader cannot see them.
const NARROWEST: f64 = 0.1;
const CHAR: f64 = 6.6;

#[derive(Default)]
pub struct Flame {
    tree: CallTree,
}

pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .chars()
        .filter(|char| !char.is_control())
        .collect()
}

/// Warm colours, the same for a module in every graph.
fn colour(name: &str) -> String {
    let module = name.rsplit_once('.').map_or(name, |(module, _)| module);
    let hash = xxhash_rust::xxh3::xxh3_64(module.as_bytes());
    let (a, b, c) = (hash % 50, hash >> 8 & 0xff, hash >> 16 & 0xff);
    format!("rgb({},{},{})", 205 + a, 60 + b * 140 / 255, c * 60 / 255)
}

fn duration(ns: u64) -> String {
    match ns {
        0..=9_999 => format!("{ns} ns"),
        10_000..=9_999_999 => format!("{:.1} µs", ns as f64 / 1e3),
        10_000_000..=9_999_999_999 => format!("{:.1} ms", ns as f64 / 1e6),
        _ => format!("{:.2} s", ns as f64 / 1e9),
    }
}

impl Flame {
    /// Where each node begins, in nanoseconds from the left: children beside each other, in the order of their names.
    fn places(&self, inclusive: &[u64]) -> Vec<u64> {
        let nodes = &self.tree.nodes;
        let name = |node: usize| nodes[node].function.map(|key| function_name(&key));
        let mut order: Vec<usize> = (1..nodes.len()).collect();
        order.sort_by_cached_key(|node| (nodes[*node].depth, nodes[*node].parent, name(*node)));
        let mut begins = vec![0_u64; nodes.len()];
        let mut taken = vec![0_u64; nodes.len()];
        for node in order {
            let parent = nodes[node].parent as usize;
            begins[node] = begins[parent] + taken[parent];
            taken[parent] += inclusive[node];
        }
        begins
    }

    fn draw(&self, about: &About, out: &mut Sink<'_>) -> Result<()> {
        let inclusive = self.tree.inclusive_ns();
        let begins = self.places(&inclusive);
        let total = inclusive[0].max(1) as f64;
        let wide = |ns: u64| ns as f64 / total * (WIDTH - 2.0 * SIDE);
        let shown = |node: usize| wide(inclusive[node]) >= NARROWEST;
        let depth = (0..self.tree.nodes.len())
            .filter(|node| shown(*node))
            .map(|node| self.tree.nodes[node].depth)
            .max()
            .unwrap_or(0);
        let height = TOP + (depth + 2) * ROW + 30;
        let (unmatched, open) = self.tree.left_out();
        let facts = format!(
            "{} of self time; complete: {}; sampling: {}; left out: {unmatched} ends without a beginning, {open} calls not ended",
            duration(inclusive[0]),
            about.complete(),
            about.sampling
        );
        out.text(&format!(
            "<?xml version=\"1.0\" standalone=\"no\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" \
             width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\">\n<metadata>{}</metadata>\n\
             <style>text{{font:12px monospace;pointer-events:none}}rect:hover{{stroke:#000}}.far{{opacity:.3}}\
             .found rect{{fill:#c3e}}#top text{{pointer-events:auto}}</style>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<g id=\"top\">\
             <text x=\"{SIDE}\" y=\"20\" font-size=\"16\">{}</text><text x=\"{SIDE}\" y=\"38\" fill=\"#555\">{}</text>\
             <text id=\"back\" x=\"{SIDE}\" y=\"58\" fill=\"#00c\" style=\"cursor:pointer\">whole graph</text>\
             <text id=\"find\" x=\"120\" y=\"58\" fill=\"#00c\" style=\"cursor:pointer\">search</text>\
             <text id=\"said\" x=\"200\" y=\"58\"> </text></g>\n<g id=\"frames\">\n",
            escaped(&about.comments().replace('\n', " ")),
            escaped(&about.title),
            escaped(&facts)
        ))?;
        let mut text = String::new();
        for (number, node) in self.tree.nodes.iter().enumerate() {
            if !shown(number) {
                continue;
            }
            let name = match &node.function {
                Some(key) => function_name(key),
                None => "all".into(),
            };
            let (x, w) = (SIDE + wide(begins[number]), wide(inclusive[number]));
            let y = height - 30 - (node.depth + 1) * ROW;
            let letters = (w / CHAR) as usize;
            let label: String = match name.chars().count() {
                count if count <= letters => name.clone(),
                _ if letters < 4 => String::new(),
                _ => name.chars().take(letters - 2).chain("..".chars()).collect(),
            };
            let _ = writeln!(
                text,
                "<g data-n=\"{}\" data-x=\"{}\" data-w=\"{}\" data-d=\"{}\"><title>{} ({} calls, self {}, \
                 inclusive {}, {:.2} %)</title><rect x=\"{x:.2}\" y=\"{y}\" width=\"{w:.2}\" height=\"{}\" \
                 fill=\"{}\" rx=\"1\"/><text x=\"{:.2}\" y=\"{}\">{}</text></g>",
                escaped(&name),
                begins[number],
                inclusive[number],
                node.depth,
                escaped(&name),
                node.calls,
                duration(node.self_ns),
                duration(inclusive[number]),
                inclusive[number] as f64 / total * 100.0,
                ROW - 1,
                colour(&name),
                x + 3.0,
                y + 12,
                escaped(&label)
            );
            if text.len() > 64 * 1024 {
                out.text(&text)?;
                text.clear();
            }
        }
        out.text(&text)?;
        out.text(&format!(
            "</g>\n<script><![CDATA[{}]]></script>\n</svg>\n",
            SCRIPT
        ))
    }
}

const SCRIPT: &str = r#"
const all=[...document.querySelectorAll('#frames g')],wide=1180,side=10;
function show(from,ns){for(const g of all){const x=+g.dataset.x,w=+g.dataset.w,r=g.querySelector('rect'),t=g.querySelector('text');
const a=Math.max(x,from),b=Math.min(x+w,from+ns);g.style.display=b>a?'':'none';if(b<=a)continue;
const px=side+(a-from)/ns*wide,pw=(b-a)/ns*wide;r.setAttribute('x',px);r.setAttribute('width',pw);t.setAttribute('x',px+3);
r.classList.toggle('far',w>ns);const n=Math.floor(pw/6.6),name=g.dataset.n;t.textContent=name.length<=n?name:n<4?'':name.slice(0,n-2)+'..';}}
for(const g of all)g.addEventListener('click',()=>show(+g.dataset.x,+g.dataset.w));
document.getElementById('back').addEventListener('click',()=>show(+all[0].dataset.x,+all[0].dataset.w));
document.getElementById('find').addEventListener('click',()=>{const what=prompt('Part of a name');if(what===null)return;let ns=0,until=-1;
for(const g of all)g.classList.toggle('found',what!==''&&g.dataset.n.includes(what));
for(const g of all.filter(g=>g.classList.contains('found')).sort((a,b)=>a.dataset.x-b.dataset.x||b.dataset.w-a.dataset.w))
if(+g.dataset.x>=until){ns+=+g.dataset.w;until=+g.dataset.x+ +g.dataset.w;}
document.getElementById('said').textContent=what===''?'':(100*ns/all[0].dataset.w).toFixed(2)+' % in '+what;});
"#;

impl Exporter for Flame {
    fn begin(&mut self, _about: &About, _out: &mut Sink<'_>) -> Result<()> {
        Ok(())
    }

    fn take(&mut self, item: &Item, _out: &mut Sink<'_>) -> Result<()> {
        self.tree.take(item);
        Ok(())
    }

    fn pass(&mut self, about: &About, out: &mut Sink<'_>) -> Result<Pass> {
        self.draw(about, out)?;
        Ok(Pass::Done)
    }
}
