//! The same bytes for the same seed, in any number of pieces, and rows that fit their topics.

use super::*;
use crate::catalog::Catalog;
use crate::record::decode::Decoder;

pub fn world() -> World {
    World {
        seed: 42,
        start: HISTORY_START,
        event_rate: None,
        shape: Shape::Week,
        locale: Locale::ALL[0],
        customers: 100_000,
        products: DEFAULT_PRODUCTS,
        skew: DEFAULT_SKEW,
        fraud: Share::default(),
        faults: Faults::default(),
        scenario: Scenario::default(),
    }
}

fn generator(kind: Kind, format: Format) -> Result<Generator> {
    Generator::new(kind, format, World { customers: kind.default_customers(), ..world() })
}

fn rows(rows: std::ops::Range<u64>) -> Extent {
    Extent { rows, bytes: u64::MAX, until: END_OF_TIME }
}

fn text(kind: Kind, format: Format, extent: &Extent, threads: usize) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    generator(kind, format)?.write(extent, threads, &mut out)?;
    Ok(out)
}

/// These change on purpose only: whoever has a seed expects the same bytes from it.
#[test]
fn a_seed_gives_the_same_bytes() -> Result<()> {
    let golden = [
        (Kind::CustomerTransactions, Format::Csv, 1_722_056_915),
        (Kind::CustomerTransactions, Format::Ndjson, 1_739_872_453),
        (Kind::Transactions, Format::Ndjson, 2_846_101_015),
        (Kind::UserEvents, Format::Ndjson, 2_982_826_228),
        (Kind::ProductUpdates, Format::Ndjson, 4_053_714_932),
        (Kind::ProductUpdates, Format::Csv, 2_025_434_840),
    ];
    let hash = |(kind, format, _)| -> Result<u32> {
        let first = if kind == Kind::ProductUpdates { 19_000 } else { 0 };
        Ok(crc32c::crc32c(&text(kind, format, &rows(first..first + 1_200), 1)?))
    };
    let hashes = golden.into_iter().map(hash).collect::<Result<Vec<u32>>>()?;
    assert_eq!(hashes, golden.map(|(.., hash)| hash));
    Ok(())
}

/// Keeps only a checksum of what is written.
#[derive(Default)]
struct Checksum(u32);

impl Write for Checksum {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = crc32c::crc32c_append(self.0, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// How many rows are many: 200,000, or ECAP_TEST_ROWS for a long run.
fn many() -> u64 {
    std::env::var("ECAP_TEST_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(200_000)
}

/// Sees to it that the bytes are the same in one piece, in ten, and by any number of threads.
fn assert_same_bytes(kind: Kind, world: World, count: u64) -> Result<()> {
    let generator = Generator::new(kind, Format::Ndjson, world)?;
    let write = |pieces: u64, threads| -> Result<u32> {
        let mut sum = Checksum::default();
        for piece in 0..pieces {
            let (from, to) = (piece * count / pieces, (piece + 1) * count / pieces);
            assert_eq!(generator.write(&rows(from..to), threads, &mut sum)?, to - from);
        }
        Ok(sum.0)
    };
    let whole = write(1, 1)?;
    for (pieces, threads) in [(1, 2), (1, 7), (10, 1)] {
        assert_eq!(write(pieces, threads)?, whole, "{kind:?}: {pieces} pieces by {threads} threads");
    }
    Ok(())
}

#[test]
fn bytes_do_not_depend_on_threads_and_pieces() -> Result<()> {
    for &kind in Kind::ALL {
        assert_same_bytes(kind, World { customers: kind.default_customers(), ..world() }, many())?;
    }
    Ok(())
}

fn faulty() -> Result<World> {
    let share = Share::parse;
    let faults = Faults {
        late: share("5%")?,
        late_by: (60_000_000, 120_000_000),
        out_of_order: share("10%")?,
        duplicates: share("2%")?,
        malformed: share("1%")?,
        missing: share("1%")?,
        wrong_type: share("1%")?,
    };
    Ok(World { event_rate: Some(20.0), fraud: share("0.5%")?, faults, ..world() })
}

/// The faulty world with a partition that falls silent, a burst of poison, and a product that goes now and then.
fn troubled() -> Result<World> {
    let scenario = Scenario::parse(
        "[[sale]]\nat = '12:00'\nfor = '2h'\ntraffic = 3\ndiscount = 20\n\
        [[silence]]\npartition = 2\nof = 6\nat = '1m'\nfor = '5m'\n\
        [[poison]]\nat = '2m'\nfor = '30s'\nshare = '50%'\n",
    )?;
    Ok(World { scenario, products: 40, event_rate: Some(200.0), ..faulty()? })
}

#[test]
fn faulty_bytes_do_not_depend_on_threads_and_pieces_either() -> Result<()> {
    for kind in [Kind::Transactions, Kind::UserEvents, Kind::ProductUpdates] {
        assert_same_bytes(kind, troubled()?, many() / 4)?;
    }
    assert_same_bytes(Kind::CustomerTransactions, troubled()?.history(), many() / 4)
}

#[test]
fn faulty_rows_are_the_same_from_any_row_on() -> Result<()> {
    for kind in [Kind::Transactions, Kind::UserEvents, Kind::ProductUpdates] {
        // Slices are narrow at this rate, so that what is late crosses many of them.
        let rate = if kind == Kind::UserEvents { 500.0 } else { 100_000.0 };
        let fast = World { event_rate: Some(rate), ..troubled()? };
        for world in [troubled()?, fast] {
            let generator = Generator::new(kind, Format::Ndjson, world)?;
            let lines = |from: u64, count: u64| -> Result<Vec<Vec<u8>>> {
                let mut out = Vec::new();
                generator.write(&rows(from..from + count), 1, &mut out)?;
                Ok(out.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect())
            };
            // So far away only bounded work comes to an end.
            for (from, count) in [(0, 3_000), (700_000, 3_000), (5_000_000_000, 500)] {
                let whole = lines(from, count)?;
                for skipped in [7, count - 1] {
                    assert!(
                        lines(from + skipped, count - skipped)? == whole[skipped as usize..],
                        "{kind:?} {from}"
                    );
                }
            }
        }
    }
    Ok(())
}

#[test]
fn kinds_are_merged_in_the_order_of_time() -> Result<()> {
    let world = World { event_rate: Some(20.0), ..troubled()? };
    let end = world.start + 600_000_000;
    let timeline = Timeline::of_world(&world, |_| Format::Ndjson)?.named();
    let extent = Extent { until: end, ..rows(0..MOST_ROWS) };
    let mut whole = Vec::new();
    timeline.write(&extent, 1, &mut whole)?;
    for threads in [2, 7] {
        let mut again = Vec::new();
        timeline.write(&extent, threads, &mut again)?;
        assert!(again == whole, "{threads} threads");
    }
    // Each kind has the rows that it has alone.
    for (generator, until) in timeline.parts(end) {
        let (mut alone, topic) = (Vec::new(), format!("{{\"topic\":\"{}\"", generator.kind().topic()));
        generator.write(&Extent { until, ..extent.clone() }, 1, &mut alone)?;
        let of_kind =
            whole.split_inclusive(|byte| *byte == b'\n').filter(|line| line.starts_with(topic.as_bytes()));
        assert!(of_kind.collect::<Vec<_>>().concat() == alone, "{topic}");
        assert!(alone.len() > 10_000, "{topic}");
    }
    let (mut merge, mut items) = (timeline.records(0, end), Vec::new());
    merge.next(usize::MAX, &mut items);
    assert!(items.is_sorted_by_key(|item| item.time));
    assert!(items.windows(2).any(|pair| pair[0].part > pair[1].part && pair[0].time < pair[1].time));
    Ok(())
}

/// What a truth file says of faulty rows, a fault each, by the row.
fn faults_by_row(truth: &[u8]) -> Vec<(usize, String)> {
    let lines = truth.split(|byte| *byte == b'\n');
    let lines = lines.filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok());
    lines
        .filter_map(|line| Some((line.get("row")?.as_u64()? as usize, line["fault"].as_str()?.to_owned())))
        .collect()
}

#[test]
fn faults_are_those_that_the_truth_names() -> Result<()> {
    let generator = Generator::new(Kind::Transactions, Format::Ndjson, faulty()?)?;
    let (extent, mut text, mut truth) = (rows(0..40_000), Vec::new(), Vec::new());
    generator.write(&extent, 2, &mut text)?;
    Timeline::from(generator).write_truth(&extent, &[Window::parse("1m")?], &mut truth)?;
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 40_000);
    let faults = faults_by_row(&truth);
    for (fault, share) in [("late", 0.05), ("out_of_order", 0.1), ("duplicate", 0.02), ("missing", 0.01)] {
        let count = faults.iter().filter(|(_, name)| name == fault).count() as f64;
        assert!((count - 40_000.0 * share).abs() < 5.0 * (40_000.0 * share).sqrt(), "{count} are {fault}");
    }
    let catalog = Catalog::built_in()?;
    let record = catalog.topic("transactions")?.record.clone().ok_or_else(|| Error::failed("no record"))?;
    let mut decoder = Decoder::new(&record, &[]);
    let refused: Vec<_> = (0..lines.len()).filter(|row| decoder.push(Some(lines[*row])).is_err()).collect();
    let poison = ["malformed", "missing", "wrong_type"];
    let told: Vec<_> =
        faults.iter().filter(|(_, name)| poison.contains(&&**name)).map(|(row, _)| *row).collect();
    assert_eq!(refused, told);
    let copied = faults.iter().filter(|(_, name)| name == "duplicate");
    let again = |row: &usize| lines[*row..].iter().filter(|line| **line == lines[*row]).count();
    assert!(copied.filter(|(row, _)| *row < 20_000).all(|(row, _)| again(row) == 2));
    Ok(())
}

#[test]
fn as_many_whole_records_are_written_as_fit() -> Result<()> {
    let whole = text(Kind::Transactions, Format::Ndjson, &rows(0..2_000), 1)?;
    for (bytes, threads) in [(0, 1), (100, 1), (1_000_000, 1), (1_000_000, 3)] {
        let some = text(Kind::Transactions, Format::Ndjson, &Extent { bytes, ..rows(0..u64::MAX) }, threads)?;
        assert!(whole.starts_with(&some) && some.last().is_none_or(|byte| *byte == b'\n'));
        assert!(some.len() as u64 <= bytes && some.len() as u64 + 1_500 > bytes, "{}", some.len());
    }
    Ok(())
}

#[test]
fn rows_before_a_time_are_those_that_happen_before_it() -> Result<()> {
    for &kind in Kind::ALL {
        let generator = generator(kind, Format::Ndjson)?;
        for seconds in [0, 1, 7] {
            let time = HISTORY_START
                + seconds * if kind == Kind::CustomerTransactions { 1 << 40 } else { 1_000_000 };
            let count = records::rows_before(&generator.shop, kind, time);
            let stamps: Vec<_> = text(kind, Format::Ndjson, &rows(0..count + 2), 1)?
                .split(|byte| *byte == b'\n')
                .filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok())
                .filter_map(|row| crate::units::parse_time(row.get("timestamp")?.as_str()?).ok())
                .collect();
            assert!(stamps.is_sorted(), "{kind:?}");
            if kind != Kind::CustomerTransactions {
                assert_eq!(stamps.partition_point(|stamp| *stamp < time) as u64, count, "{kind:?} {seconds}");
            }
        }
    }
    Ok(())
}

#[test]
fn every_row_has_its_topic_s_columns_in_their_order() -> Result<()> {
    let catalog = Catalog::built_in()?;
    let mut tombstones = 0;
    for (&kind, locale) in Kind::ALL.iter().flat_map(|kind| Locale::ALL.iter().map(move |it| (kind, *it))) {
        let record = catalog.topic(kind.topic())?.record.as_ref();
        let record = record.ok_or_else(|| Error::failed("no record"))?;
        let columns: Vec<&str> = record.schema.fields.iter().map(|field| field.name.as_str()).collect();
        let names: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
        let mut decoder = Decoder::new(record, &names);
        let mut lines = Vec::new();
        let generator = Generator::new(kind, Format::Ndjson, World { locale, products: 100, ..world() })?;
        generator.write(&rows(0..10_000), 1, &mut lines)?;
        for line in lines.split(|byte| *byte == b'\n') {
            if line.is_empty() {
                continue;
            }
            let shown = String::from_utf8_lossy(line);
            let row: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(&shown).map_err(|error| Error::failed(error.to_string()))?;
            assert_eq!(row.keys().collect::<Vec<_>>(), columns, "{shown}");
            let is_tombstone = row.values().skip(1).all(serde_json::Value::is_null);
            tombstones += usize::from(is_tombstone);
            assert!(decoder.push(Some(line)).is_ok() != is_tombstone, "{shown}");
        }
    }
    assert!(tombstones > 30, "{tombstones}");
    Ok(())
}

#[test]
fn a_csv_has_the_names_of_the_topic_s_columns() -> Result<()> {
    let catalog = Catalog::built_in()?;
    for kind in [Kind::CustomerTransactions, Kind::ProductUpdates] {
        let record = catalog.topic(kind.topic())?.record.as_ref();
        let columns: Vec<&str> =
            record.iter().flat_map(|record| &record.schema.fields).map(|field| field.name.as_str()).collect();
        let csv = text(kind, Format::Csv, &rows(0..1), 1)?;
        assert!(csv.starts_with((columns.join(",") + "\n").as_bytes()));
    }
    Ok(())
}

#[test]
fn nested_columns_do_not_fit_into_csv() {
    assert!(generator(Kind::Transactions, Format::Csv).is_err());
    assert!(generator(Kind::UserEvents, Format::Csv).is_err());
}

#[test]
fn there_are_no_rows_beyond_the_end_of_time() -> Result<()> {
    let slow = World { event_rate: Some(0.001), ..world() };
    let generator = Generator::new(Kind::UserEvents, Format::Ndjson, slow)?;
    assert!(generator.check(1_000_000).is_ok());
    assert!(generator.check(10_000_000_000).is_err());
    Ok(())
}
