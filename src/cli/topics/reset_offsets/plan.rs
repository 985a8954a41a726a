//! Where a group goes on: a place that is the same for all partitions, or a file that says it for each.

use crate::cli::topics::place::Place;
use crate::kafka::offsets::{Partition, Span};
use crate::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// An offset for each partition.
pub type Wanted = BTreeMap<Partition, i64>;

/// What `--to` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The same for all partitions.
    Place(Place),
    /// A CSV file.
    Plan(PathBuf),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if Path::new(text).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) {
            return Ok(Self::Plan(text.into()));
        }
        text.parse().map(Self::Place).map_err(|forms| format!("{forms}, or a file that ends in .csv"))
    }
}

/// The lines of a file.
pub struct Plan {
    path: PathBuf,
    offsets: BTreeMap<Partition, i64>,
}

/// Reads a file of lines `topic,partition,offset`. A heading may name other columns besides; without one these are all
/// or the first, as in the files of Kafka's own tool.
///
/// # Errors
/// A usage error that names the line.
pub fn load(path: &Path) -> Result<Plan> {
    let text = std::fs::read(path)
        .map_err(|error| Error::usage(format!("cannot read {}: {error}", path.display())))?;
    let offsets = parse(&text).map_err(|error| error.at(path.display()))?;
    Ok(Plan { path: path.into(), offsets })
}

fn parse(text: &[u8]) -> Result<BTreeMap<Partition, i64>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text);
    let (mut columns, mut offsets) = ([0, 1, 2], BTreeMap::new());
    for (number, row) in reader.records().enumerate() {
        let row = row.map_err(|error| Error::usage(format!("this is no CSV: {error}")))?;
        let line = row.position().map_or(number as u64 + 1, csv::Position::line);
        if number == 0
            && let Some(named) = heading(&row)
        {
            columns = named;
            continue;
        }
        let cell = |column: usize| row.get(columns[column]).unwrap_or_default();
        let partition = cell(1).parse().ok().filter(|partition: &i32| *partition >= 0);
        let offset = cell(2).parse().ok().filter(|offset: &i64| *offset >= 0);
        match (cell(0), partition, offset) {
            ("", _, _) | (_, None, _) | (_, _, None) => {
                return Err(Error::usage(format!("line {line} is not topic, partition and offset")));
            }
            (topic, Some(partition), Some(offset)) => {
                if offsets.insert((topic.to_string(), partition), offset).is_some() {
                    let message =
                        format!("line {line}: topic '{topic}', partition {partition} stands there twice");
                    return Err(Error::usage(message));
                }
            }
        }
    }
    Ok(offsets)
}

/// Where the three columns are, if this is a heading.
fn heading(row: &csv::StringRecord) -> Option<[usize; 3]> {
    let column = |name: &str| row.iter().position(|cell| cell.eq_ignore_ascii_case(name));
    Some([column("topic")?, column("partition")?, column("offset")?])
}

impl Plan {
    /// The topics that it names.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        let names: BTreeSet<&str> = self.offsets.keys().map(|(topic, _)| topic.as_str()).collect();
        names.into_iter()
    }

    /// Its offsets of a topic, which is known by both names, as far as they are in `spans`, put to the nearest end of
    /// each.
    ///
    /// # Errors
    /// A usage error for a partition that the topic does not have.
    pub fn offsets(&self, bare: &str, full: &str, spans: &BTreeMap<Partition, Span>) -> Result<Wanted> {
        let mut wanted = Wanted::new();
        for ((topic, partition), offset) in &self.offsets {
            if topic != bare && topic != full {
                continue;
            }
            let place = (full.to_string(), *partition);
            let span = spans.get(&place).ok_or_else(|| {
                let path = self.path.display();
                Error::usage(format!("{path}: topic '{topic}' has no partition {partition} that is meant"))
            })?;
            wanted.insert(place, span.nearest(*offset));
        }
        Ok(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_place_or_a_file() {
        assert_eq!("earliest".parse(), Ok(Target::Place(Place::Earliest)));
        assert_eq!("-10".parse(), Ok(Target::Place(Place::Last(10))));
        assert_eq!("./a/Plan.CSV".parse(), Ok(Target::Plan("./a/Plan.CSV".into())));
        assert!("somewhere".parse::<Target>().is_err());
    }

    #[test]
    fn a_file_is_read_with_and_without_a_heading() {
        let expected = BTreeMap::from([(("t".to_string(), 0), 5), (("t".to_string(), 1), 7)]);
        for text in [
            "t,0,5\nt,1,7\n",
            "# saved\ntopic,partition,offset\nt,0,5\nt,1,7\n",
            "topic,partition,before,offset,lag\nt,0,1,5,0\nt,1,,7,2\n",
            "t, 0, 5, more\r\nt, 1, 7\r\n",
        ] {
            assert_eq!(parse(text.as_bytes()), Ok(expected.clone()), "{text}");
        }
        for (text, part) in [
            ("t,0\n", "line 1 is not"),
            ("t,0,5\nt,x,7\n", "line 2 is not"),
            ("t,0,-5\n", "line 1 is not"),
            ("t,0,5\nt,0,6\n", "line 2: topic 't', partition 0 stands there twice"),
        ] {
            let error = parse(text.as_bytes()).expect_err(text).to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
