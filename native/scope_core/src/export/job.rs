//! An export on its way.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::export::about::About;
use crate::export::chrome::Chrome;
use crate::export::csv::Csv;
use crate::export::flame::Flame;
use crate::export::folded::Folded;
use crate::export::item::Pages;
use crate::export::otlp::Otlp;
use crate::export::parquet::Parquet;
use crate::export::speedscope::Speedscope;
use crate::export::table::{Events, Statistics};
use crate::export::{Exporter, Format, Options, Out, Pass};
use crate::ingest::{EventFilter, SharedStore};

/// Where an export is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    pub done: bool,
    /// Events read so far, those read again too, and how many the log held when it began.
    pub read: u64,
    pub of: u64,
    /// How often the log was read to its end.
    pub passes: u32,
    pub bytes: u64,
}

/// An export that is taken in steps. Dropping it ends it; what was written so far is no whole file.
pub struct Job<W> {
    store: SharedStore,
    filter: EventFilter,
    about: About,
    exporter: Box<dyn Exporter>,
    /// `None` where there is nothing to read: the statistics are there already.
    pages: Option<Pages>,
    out: Out<W>,
    begun: bool,
    progress: Progress,
}

impl<W: Write> Job<W> {
    pub fn new(store: SharedStore, format: Format, options: Options, to: W) -> Self {
        let about = About::of(&store, &options);
        let filter = options.filter.clone();
        let exporter: Box<dyn Exporter> = match format {
            Format::Folded => Box::new(Folded::default()),
            Format::Svg => Box::new(Flame::default()),
            Format::Speedscope => Box::new(Speedscope::new(options)),
            Format::Chrome => Box::new(Chrome::new(options)),
            Format::Otlp => Box::new(Otlp::new(options)),
            Format::EventsCsv => Box::new(Events {
                writer: Csv::default(),
                options,
            }),
            Format::EventsParquet => Box::new(Events {
                writer: Parquet::default(),
                options,
            }),
            Format::StatisticsCsv => Box::new(Statistics {
                writer: Csv::default(),
                rows: statistics(&store, &filter),
            }),
            Format::StatisticsParquet => Box::new(Statistics {
                writer: Parquet::default(),
                rows: statistics(&store, &filter),
            }),
        };
        // What comes while it is written is not in it.
        let filter = EventFilter {
            to_ns: about.to_ns,
            ..filter
        };
        let nothing = format.of_statistics() || about.from_ns.is_none();
        Job {
            pages: (!nothing).then(|| Pages::new(filter.clone())),
            progress: Progress {
                of: about.events_kept,
                ..Progress::default()
            },
            store,
            filter,
            about,
            exporter,
            out: Out::new(to),
            begun: false,
        }
    }

    pub fn about(&self) -> &About {
        &self.about
    }

    /// Goes on for about so long. Errors: `Write`; then it cannot go on.
    pub fn step(&mut self, budget: Duration) -> Result<Progress> {
        let until = Instant::now() + budget;
        let Self {
            exporter,
            about,
            out,
            progress,
            pages,
            store,
            ..
        } = self;
        let mut sink = Out {
            bytes: out.bytes,
            writer: &mut out.writer as &mut dyn Write,
        };
        if !self.begun {
            exporter.begin(about, &mut sink)?;
            self.begun = true;
        }
        while !progress.done {
            let page = pages
                .as_mut()
                .map_or_else(|| Ok(Vec::new()), |pages| pages.next(store))?;
            for item in &page {
                exporter.take(item, &mut sink)?;
            }
            progress.read += page.len() as u64;
            if page.is_empty() {
                progress.passes += 1;
                match exporter.pass(about, &mut sink)? {
                    Pass::Again => {
                        *pages = pages.as_ref().map(|_| Pages::new(self.filter.clone()));
                    }
                    Pass::Done => progress.done = true,
                }
            }
            if Instant::now() >= until {
                break;
            }
        }
        if progress.done {
            sink.flush()?;
        }
        out.bytes = sink.bytes;
        progress.bytes = out.bytes;
        Ok(*progress)
    }

    pub fn into_inner(self) -> W {
        self.out.into_inner()
    }
}

fn statistics(
    store: &SharedStore,
    filter: &EventFilter,
) -> Vec<(
    crate::capture::points::FunctionKey,
    crate::ingest::CallStats,
)> {
    let wanted = filter.functions.as_ref();
    let mut rows = store.functions();
    rows.retain(|(key, _)| wanted.is_none_or(|wanted| wanted.contains(key)));
    rows.sort_by(|(a, _), (b, _)| name(a).cmp(&name(b)));
    rows
}

fn name(key: &crate::capture::points::FunctionKey) -> (&'static str, &'static str, u32) {
    (key.module.text(), key.name.text(), key.arity)
}
